//! `cargo xtask grow`: a checkpoint becomes a larger one.

mod text;
mod told;

use crate::flags::{Dtype, Grow};
use crate::output::{note, say};
use crate::watch::Watcher;
use crate::{find, interrupt, methods, workspace};
use anyhow::{Context, Result};
use indicatif::MultiProgress;
use ligo_experiment::methods as all_methods;
use ligo_grow::{Control, DataFiles, Learning, Outcome, Plan, Request, Sizes, Source, Target, check_out, options};
use ligo_kernels::Cpu;
use ligo_models::checkpoint::FloatType;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use told::Told;

/// A growth's memory is bounded by its weights: of what is freed little is kept for later.
const HELD: usize = 64 << 20;

/// Grows, or says what that would be; at the end what there is and how to go on.
pub(crate) fn run(flags: &Grow) -> Result<ExitCode> {
    crate::ALLOCATOR.hold_at_most(HELD);
    check_out(&flags.out)?;
    let registry = all_methods::<Cpu>();
    let method = methods::named(&registry, &flags.method)?;
    let options = options(flags.preset.as_deref(), &flags.set)?;
    let threads = flags.threads.map(usize::from);
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("threads cannot be started")?;

    let directory = find::directory(&flags.from)?;
    let device = Cpu::default();
    let plan = Plan::new(Request {
        source: Source { name: flags.from.clone(), directory },
        target: target(flags),
        method,
        methods: &registry,
        options,
        data: (!flags.data.is_empty()).then(|| DataFiles {
            files: flags.data.clone(),
            column: flags.column.clone(),
            label_column: flags.label_column.clone(),
        }),
        learning: Learning {
            steps: flags.steps,
            batch_size: flags.batch_size,
            sequence_length: flags.sequence_length,
            learning_rate: flags.learning_rate,
        },
        dtype: flags.dtype.map(|dtype| match dtype {
            Dtype::F32 => FloatType::F32,
            Dtype::F16 => FloatType::F16,
            Dtype::Bf16 => FloatType::BF16,
        }),
        save_factors: flags.save_factors,
        seed: flags.seed,
        out: flags.out.clone(),
        command: command_line(std::env::args().skip(1)),
    })?;
    if flags.dry_run {
        let forecast = ligo_kernels::on_workers(|| plan.forecast(&device))?;
        say(text::forecast(&plan, &forecast, method, &flags.out))?;
        return Ok(ExitCode::SUCCESS);
    }

    let bars = MultiProgress::new();
    let watcher = Watcher::of_stderr();
    let told = Told::new(watcher, watcher.observe(&bars), &bars, &flags.method);
    let stop = interrupt::stop_on_ctrl_c(bars)?;
    note(text::sizes(&plan));
    let control = Control {
        watch: &told,
        stop: &stop,
        checkpoint_every: Duration::from_secs(flags.checkpoint_every),
        shown_out: &shown(&flags.out),
    };
    let outcome = plan.run(&device, &control);
    told.done();
    match outcome? {
        Outcome::Finished(report) => {
            say(text::report(&plan, &report))?;
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Stopped { kept } => {
            let lost = match kept {
                Some(path) => {
                    format!("what was learnt is kept in {}, and the same command goes on from there", path.display())
                }
                None => "nothing was written; the same command begins anew".into(),
            };
            note(format!("stopped; {lost}:\n  {}", command_line(std::env::args().skip(1))));
            Ok(interrupt::exit_code())
        }
    }
}

fn target(flags: &Grow) -> Target {
    match &flags.to {
        Some(path) => Target::Config(path.clone()),
        None => Target::Sizes(Sizes {
            hidden_size: flags.hidden_size,
            num_hidden_layers: flags.layers,
            num_attention_heads: flags.heads,
            num_key_value_heads: flags.key_value_heads,
            intermediate_size: flags.intermediate_size,
        }),
    }
}

/// A path as an experiment names it: relative to the workspace if it lies there, else from the root.
fn shown(out: &Path) -> String {
    let whole = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
    let root = std::path::absolute(workspace::root()).unwrap_or_default();
    whole.strip_prefix(&root).unwrap_or(&whole).display().to_string()
}

/// As it can be typed again.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    let quoted = |argument: String| match !argument.is_empty() && argument.chars().all(harmless) {
        true => argument,
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    };
    ["cargo xtask".to_owned()].into_iter().chain(arguments.map(quoted)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let arguments = ["grow", "--from", "my model", "--set", "a=[1, 2]", "--out", "it's"].map(str::to_owned);
        let line = command_line(arguments.into_iter());
        assert_eq!(line, r"cargo xtask grow --from 'my model' --set 'a=[1, 2]' --out 'it'\''s'");
    }

    #[test]
    fn a_path_in_the_workspace_is_named_from_there() {
        assert_eq!(shown(&workspace::root().join("results/x")), "results/x");
        assert_eq!(shown(Path::new("/elsewhere/x")), "/elsewhere/x");
    }
}
