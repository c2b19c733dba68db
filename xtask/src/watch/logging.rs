//! What the crates log, to stderr.

use crate::{output, units};
use indicatif::MultiProgress;
use std::io::Write;
use std::time::Instant;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Logs from `level` on, or as LIGO_LOG says. `bars` make room for each line.
pub(crate) fn log_to_stderr(level: &str, bars: &MultiProgress) {
    let filter = EnvFilter::builder().with_env_var("LIGO_LOG").try_from_env().unwrap_or_else(|_| EnvFilter::new(level));
    // It fails only where logging was set up before, and then there is nothing to do.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(output::colours())
        .with_target(false)
        .with_timer(SinceStart(Instant::now()))
        .with_writer(BetweenBars(bars.clone()))
        .try_init();
}

/// Time since the command was started, `0:12`.
struct SinceStart(Instant);

impl FormatTime for SinceStart {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:>7}", units::duration(self.0.elapsed().as_secs_f64()))
    }
}

/// Writes lines to stderr without tearing the bars.
struct BetweenBars(MultiProgress);

impl<'a> MakeWriter<'a> for BetweenBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self(self.0.clone())
    }
}

impl Write for BetweenBars {
    /// The subscriber hands over whole lines.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
