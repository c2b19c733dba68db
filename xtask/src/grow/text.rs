//! What `grow` prints: what there will be, what there is, how to go on.

use crate::units::{bytes, duration, scaled};
use ligo_grow::{Forecast, Plan, Report, promise, shown};
use ligo_growth::Method;
use ligo_kernels::Cpu;
use std::path::Path;

/// Lines of a name and what it is.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, value: impl AsRef<str>) {
        let end = if self.0.is_empty() { "" } else { "\n" };
        self.0.push_str(&format!("{end}{name:<9}{}", value.as_ref()));
    }
}

/// Before and after.
pub(super) fn sizes(plan: &Plan<'_, Cpu>) -> String {
    let mut lines = Lines::default();
    add_sizes(&mut lines, plan);
    lines.0
}

fn add_sizes(lines: &mut Lines, plan: &Plan<'_, Cpu>) {
    let (before, after) = plan.parameters();
    lines.line("before", format!("{}: {} weights", shown(plan.small()), scaled(before as f64)));
    lines.line(
        "after",
        format!(
            "{}: {} weights, {:.2} times as many",
            shown(plan.large()),
            scaled(after as f64),
            after as f64 / before.max(1) as f64
        ),
    );
}

/// What would happen.
pub(super) fn forecast(plan: &Plan<'_, Cpu>, forecast: &Forecast, method: &dyn Method<Cpu>, out: &Path) -> String {
    let mut lines = Lines::default();
    add_sizes(&mut lines, plan);
    lines.line("method", format!("{}: {}", method.name(), method.summary()));
    lines.line("promise", promise(plan.guarantee()));
    if let Some(learning) = forecast.learning {
        let unit = if plan.small().family.reads_images() {
            "images".into()
        } else {
            format!("× {} tokens", learning.sequence_length)
        };
        let mut how = match learning.accumulate {
            1 => String::new(),
            parts => format!(" in {parts} parts"),
        };
        if learning.recompute {
            how.push_str(", each block computed twice to save memory");
        }
        lines.line(
            "learning",
            format!(
                "{} steps of {} {unit}{how}, about {:.1} s each at {}FLOP/s, as in a short step timed just now",
                learning.steps,
                learning.batch_size,
                learning.step_seconds,
                scaled(learning.flops_per_second)
            ),
        );
    }
    let memory = forecast.memory;
    let rest = if plan.learns() { "what a step keeps" } else { "a second set, which some methods have" };
    let mut uses = vec![("weights before", memory.small), ("weights after", memory.large), (rest, memory.beside)];
    uses.extend([("held by the operator", memory.held), ("factors with gradients and moments", memory.factors)]);
    uses.push(("the program", ligo_grow::ASIDE));
    let uses =
        uses.into_iter().filter(|(_, size)| *size > 0).map(|(what, size)| format!("{what} {}", bytes(Some(size))));
    let uses = uses.collect::<Vec<_>>().join(", ");
    lines.line("memory", format!("{} at the most: {uses}", bytes(Some(memory.total()))));
    lines.line("time", format!("about {}", duration(forecast.seconds)));
    lines.line(
        "writes",
        format!(
            "{} of weights ({}), config.json, README.md and what came with the source, to {}; nothing was written now",
            bytes(Some(forecast.written)),
            plan.dtype().name(),
            out.display()
        ),
    );
    lines.0
}

/// What there is.
pub(super) fn report(plan: &Plan<'_, Cpu>, report: &Report) -> String {
    let mut lines = Lines::default();
    add_sizes(&mut lines, plan);
    lines.line("promise", promise(&report.guarantee));
    if let Some(receipt) = &report.receipt {
        let kept = if receipt.is_kept() { "kept" } else { "not kept" };
        lines.line("receipt", format!("the function is {kept}: {receipt}"));
    }
    let losses = [("before", report.small_loss), ("after", report.grown_loss)];
    let losses: Vec<String> =
        losses.into_iter().filter_map(|(when, loss)| Some(format!("{:.4} {when}", loss?))).collect();
    if !losses.is_empty() {
        lines.line("loss", format!("{} (nats, on what was held out)", losses.join(", ")));
    }
    if !report.learning.is_empty() {
        let along: Vec<String> = report.learning.iter().map(|(step, loss)| format!("{step}: {loss:.4}")).collect();
        lines.line("learning", along.join(", "));
    }
    let memory = peak().map(|peak| format!(", {} at the most", bytes(Some(peak)))).unwrap_or_default();
    lines.line("took", format!("{}{memory}", duration(report.seconds)));
    lines.line("wrote", report.out.display().to_string());
    let mut text = lines.0;
    if let Some(toml) = &report.next.toml {
        let name = report.out.file_name().map_or("grown".into(), |name| name.to_string_lossy());
        text.push_str(&format!(
            "\n\nTo train it on here, as experiments/{name}.toml, then cargo xtask run {name}:\n\n{toml}"
        ));
    }
    text.push_str(&format!("\n\nTo train it on in PyTorch:\n\n{}", report.next.python));
    text
}

/// The most memory that this process has had, where the system says.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
