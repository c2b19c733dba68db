//! Our contender: the loop of a process that does nothing but take steps.

use crate::protocol::{Job, Ready, Taken, Turn};
use crate::step::Stepper;
use crate::system::{peak_bytes, resident_bytes};
use anyhow::{Context, Result};
use ligo_kernels::{Kernels, on_workers};
use serde::Serialize;
use std::io::{BufRead, Write};
use std::time::Instant;

/// Reads a [`Job`], takes its first step, then a turn per line, until the input ends.
///
/// # Errors
/// A line that is no request, a step that fails, an output that is closed.
pub fn serve<D: Kernels>(device: &D, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let mut lines = input.lines();
    let job: Job = serde_json::from_str(&lines.next().context("no job was given")??).context("the job")?;
    rayon::ThreadPoolBuilder::new().num_threads(job.threads).build_global().context("the threads")?;
    let before_bytes = resident_bytes();
    let mut stepper = Stepper::new(job, device)?;
    let ready = Ready {
        engine: format!("ligo {}", env!("CARGO_PKG_VERSION")),
        parameters: stepper.parameters() as u64,
        first_loss: stepper.step()?.into(),
        before_bytes,
    };
    say(&mut output, &ready)?;
    for line in lines {
        let turn: Turn = serde_json::from_str(&line?).context("the turn")?;
        let (seconds, loss) = on_workers(|| take(&mut stepper, turn.steps))?;
        say(&mut output, &Taken { seconds, loss: loss.into(), peak_bytes: peak_bytes() })?;
    }
    Ok(())
}

/// Takes that many steps; their seconds, and the last one's loss.
fn take<D: Kernels>(stepper: &mut Stepper<D>, steps: usize) -> Result<(Vec<f64>, f32)> {
    // Untimed: wakes the threads.
    let mut loss = stepper.step()?;
    let mut seconds = Vec::with_capacity(steps);
    for _ in 0..steps {
        let start = Instant::now();
        loss = stepper.step()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok((seconds, loss))
}

fn say(output: &mut impl Write, message: &impl Serialize) -> Result<()> {
    writeln!(output, "{}", serde_json::to_string(message)?)?;
    Ok(output.flush()?)
}
