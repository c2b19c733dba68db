//! The other end of a process that takes steps: started, asked for turns, ended.

use crate::protocol::{Job, Ready, Taken, Turn};
use crate::system::CpuTime;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running process that has taken its first step. Ends when it is dropped.
#[derive(Debug)]
pub struct Contender {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    ready: Ready,
}

impl Contender {
    /// Starts a process that serves this job; returns when it has taken its first step.
    ///
    /// # Errors
    /// If it cannot be started, or ends before it is ready; its own words stand on stderr then.
    pub fn start(mut command: Command, job: &Job) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program}: cannot be started"))?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("the process has no output")?;
        let ready = Ready { engine: program, parameters: 0, first_loss: f64::NAN, before_bytes: None };
        let mut contender = Self { process, input, output: BufReader::new(output), ready };
        contender.send(job)?;
        contender.ready = contender.receive()?;
        Ok(contender)
    }

    /// Name and version.
    pub fn engine(&self) -> &str {
        &self.ready.engine
    }

    /// Loss of the first step.
    pub fn first_loss(&self) -> f64 {
        self.ready.first_loss
    }

    /// Numbers that are trained.
    pub fn parameters(&self) -> u64 {
        self.ready.parameters
    }

    /// Resident memory before the model was made: what the program and its libraries take.
    pub(crate) fn before_bytes(&self) -> Option<u64> {
        self.ready.before_bytes
    }

    /// What a turn took, and the share that other processes had of all that was computed meanwhile.
    pub(crate) fn take_turn(&mut self, steps: usize) -> Result<(Taken, Option<f64>)> {
        let before = CpuTime::of(self.process.id());
        self.send(&Turn { steps })?;
        let taken: Taken = self.receive()?;
        let after = CpuTime::of(self.process.id());
        if !taken.loss.is_finite() {
            bail!("{}: the loss is {}, expected a finite number", self.ready.engine, taken.loss);
        }
        Ok((taken, before.zip(after).map(|(before, after)| after.foreign_share_since(before))))
    }

    fn send(&mut self, message: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(message)?;
        let sent = match &mut self.input {
            Some(input) => writeln!(input, "{line}").and_then(|()| input.flush()),
            None => Ok(()),
        };
        // A process that has ended is better described by its exit than by the broken pipe.
        if sent.is_err() { Err(self.ended()) } else { Ok(()) }
    }

    fn receive<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        let length = self.output.read_line(&mut line).with_context(|| format!("{}: no answer", self.ready.engine))?;
        if length == 0 {
            return Err(self.ended());
        }
        serde_json::from_str(&line)
            .with_context(|| format!("{}: said {:?}, expected an answer", self.ready.engine, line.trim_end()))
    }

    fn ended(&mut self) -> anyhow::Error {
        let how = self.process.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        anyhow::anyhow!("{}: ended before it answered ({how}); its own message stands above", self.ready.engine)
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.input = None;
        let _ = self.process.wait();
    }
}
