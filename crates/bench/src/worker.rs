//! Our contender: the loop of a process that does nothing but one job.

use crate::protocol::{Job, Ready, Taken, Turn};
use crate::system::{peak_bytes, resident_bytes};
use crate::task::{Task, prepare};
use anyhow::{Context, Result, bail};
use ligo_kernels::{Kernels, on_workers};
use serde::Serialize;
use std::io::{BufRead, Write};
use std::time::Instant;

/// Reads a [`Job`], does its work once, then a turn per line, until the input ends.
///
/// # Errors
/// A line that is no request, work that fails or gives no finite numbers, an output that is closed.
pub fn serve<D: Kernels + 'static>(device: &D, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let mut lines = input.lines();
    let job: Job = serde_json::from_str(&lines.next().context("no job was given")??).context("the job")?;
    rayon::ThreadPoolBuilder::new().num_threads(job.threads()).build_global().context("the threads")?;
    let before_bytes = resident_bytes();
    let mut task = prepare(job, device)?;
    let first = on_workers(|| timed(&mut *task))?;
    let ready = Ready {
        engine: format!("ligo {}", env!("CARGO_PKG_VERSION")),
        parameters: task.parameters() as u64,
        first_seconds: first,
        peak_bytes: peak_bytes(),
        first: task.answer(),
        before_bytes,
    };
    check(&*task)?;
    say(&mut output, &ready)?;
    for line in lines {
        let turn: Turn = serde_json::from_str(&line?).context("the turn")?;
        let seconds = on_workers(|| take(&mut *task, turn.steps))?;
        check(&*task)?;
        say(&mut output, &Taken { seconds, peak_bytes: peak_bytes() })?;
    }
    Ok(())
}

/// Works that many times; the seconds of each.
fn take(task: &mut dyn Task, steps: usize) -> Result<Vec<f64>> {
    // Untimed: wakes the threads.
    task.work()?;
    (0..steps).map(|_| timed(task)).collect()
}

fn timed(task: &mut dyn Task) -> Result<f64> {
    let start = Instant::now();
    task.work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn check(task: &dyn Task) -> Result<()> {
    match task.answer().not_finite() {
        Some(found) => bail!("the loss or a logit is {found}, expected a finite number"),
        None => Ok(()),
    }
}

fn say(output: &mut impl Write, message: &impl Serialize) -> Result<()> {
    writeln!(output, "{}", serde_json::to_string(message)?)?;
    Ok(output.flush()?)
}
