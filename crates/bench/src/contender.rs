//! The other end of a process that does a job: started, asked for turns, ended.

use crate::protocol::{Answer, Job, Opening, Ready, Taken, Turn};
use crate::system::CpuTime;
use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Why a process cannot do a job where it runs, in its own words: no failure, but nothing to compare with either.
#[derive(Debug)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A running process that has done its work once. Ends when it is dropped.
#[derive(Debug)]
pub struct Contender {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    ready: Ready,
    /// The share that other processes had of all that was computed until it was ready.
    foreign_share: Option<f64>,
}

impl Contender {
    /// Starts a process that serves this job; returns when it has done its work once.
    ///
    /// # Errors
    /// If it cannot be started, or ends before it is ready; its own words stand on stderr then. [`Refused`] if it cannot do the
    /// job where it runs.
    pub fn start(mut command: Command, job: &Job) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program}: cannot be started"))?;
        let before = CpuTime::of(process.id());
        let input = process.stdin.take();
        let output = process.stdout.take().context("the process has no output")?;
        let ready = Ready {
            engine: program,
            parameters: 0,
            first_seconds: f64::NAN,
            first: Answer::default(),
            before_bytes: None,
            peak_bytes: None,
        };
        let mut contender = Self { process, input, output: BufReader::new(output), ready, foreign_share: None };
        contender.send(job)?;
        contender.ready = match contender.receive()? {
            Opening::Ready(ready) => ready,
            Opening::Refused { refused } => return Err(Refused(refused).into()),
        };
        contender.foreign_share = contender.foreign_share_since(before);
        Ok(contender)
    }

    /// Name and version.
    pub fn engine(&self) -> &str {
        &self.ready.engine
    }

    /// What the machine can do at most, if that was its job.
    pub fn peaks(&self) -> Option<crate::Peaks> {
        self.ready.first.machine
    }

    /// What its process said when it had done its work once.
    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The share that other processes had of all that was computed until it was ready.
    pub(crate) fn foreign_share(&self) -> Option<f64> {
        self.foreign_share
    }

    /// What a turn took, and the share that other processes had of all that was computed meanwhile.
    pub(crate) fn take_turn(&mut self, steps: usize) -> Result<(Taken, Option<f64>)> {
        let before = CpuTime::of(self.process.id());
        self.send(&Turn { steps })?;
        let taken = self.receive()?;
        Ok((taken, self.foreign_share_since(before)))
    }

    fn foreign_share_since(&self, before: Option<CpuTime>) -> Option<f64> {
        let now = CpuTime::of(self.process.id());
        before.zip(now).map(|(before, now)| now.foreign_share_since(before))
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
