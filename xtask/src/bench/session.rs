//! What the measurements of one command have in common: the machine, the threads, the peer, who is told what.

use super::book::Book;
use super::table::Group;
use crate::experiment::command_line;
use crate::flags::BenchTurns;
use crate::output::{note, say};
use crate::{interrupt, workspace};
use anyhow::{Context, Result};
use ligo_bench::{Contender, Job, MachineJob, Peaks, Peer, Python, Refused, load};
use ligo_experiment::Provenance;
use std::process::Command;
use tempfile::TempDir;

/// Load above which figures are doubtful.
const BUSY: f64 = 0.5;

pub(super) struct Session<'a> {
    flags: &'a BenchTurns,
    threads: usize,
    python: Option<Python>,
    machine: Provenance,
    /// Holds the models that are measured; goes with the session, also by Ctrl-C.
    models: TempDir,
    /// What the machine can do at most, once it was asked for.
    peaks: Option<Peaks>,
    book: Book,
}

impl<'a> Session<'a> {
    /// Makes a place for models, and says what is measured where.
    pub(super) fn start(flags: &'a BenchTurns) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = flags.threads.map_or(cores, usize::from);
        let book = Book::open(flags)?;
        let models = tempfile::tempdir().context("a directory for the models cannot be made")?;
        let path = models.path().to_owned();
        interrupt::end_on_ctrl_c(move || {
            // What cannot be removed is for the system to clear away.
            let _ = std::fs::remove_dir_all(&path);
        })?;
        let machine = Provenance::here(&workspace::root(), threads, &command_line());
        if !flags.json {
            say(describe(&machine))?;
        }
        if let Some(load) = load().filter(|&load| load > BUSY) {
            note(format!(
                "other programs are computing (load {load:.1}): the figures will be worse and less certain than they are"
            ));
        }
        Ok(Self { flags, threads, python: None, machine, models, peaks: None, book })
    }

    /// Finds the peer, if there is to be one, and says what is measured next.
    pub(super) fn begin(&mut self, peer: Option<Peer>, title: &str) -> Result<()> {
        self.python = match (self.flags.peer, peer) {
            (Some(_), Some(peer)) => Some(Python::find(self.flags.python.as_deref(), peer)?),
            _ => None,
        };
        if !self.flags.json {
            say(format!("\n{title}\n"))?;
        }
        Ok(())
    }

    /// Whether an interpreter has all that a peer needs, if there is to be a peer.
    pub(super) fn check(&self, peer: Peer) -> Result<()> {
        if self.flags.peer.is_some() {
            Python::find(self.flags.python.as_deref(), peer)?;
        }
        Ok(())
    }

    /// What the machine can do at most; measured the first time.
    pub(super) fn peaks(&mut self) -> Result<Peaks> {
        if let Some(peaks) = self.peaks {
            return Ok(peaks);
        }
        let job = if self.is_tiny() { MachineJob::tiny(self.threads) } else { MachineJob::new(self.threads) };
        let peaks = self.ours(&job.into())?.peaks().context("the machine was not measured")?;
        if !self.flags.json {
            let [exact, rounded] = [peaks.gemm_flops, peaks.gemm_flops_bf16].map(|flops| flops / 1e9);
            let bandwidth = peaks.bandwidth / 1e9;
            say(format!(
                "the machine at most: {exact:.0} GFLOP/s (product in f32), {rounded:.0} (in bf16), {bandwidth:.1} GB/s (triad)\n"
            ))?;
        }
        self.peaks = Some(peaks);
        Ok(peaks)
    }

    /// Prints what was measured, and keeps it.
    pub(super) fn add(&mut self, group: Group) -> Result<()> {
        self.book.add(group, self.peaks, &self.machine)
    }

    /// Says how it went, and writes what is to be written.
    pub(super) fn finish(&self) -> Result<()> {
        self.book.close(self.peaks, &describe(&self.machine))
    }

    /// Whether sizes are such that they take no time.
    pub(super) fn is_tiny(&self) -> bool {
        self.flags.tiny
    }

    pub(super) fn has_peer(&self) -> bool {
        self.python.is_some()
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    pub(super) fn rounds(&self) -> usize {
        self.flags.rounds.into()
    }

    /// A new directory for a model, removed when it is dropped.
    pub(super) fn directory(&self) -> Result<TempDir> {
        tempfile::tempdir_in(&self.models).context("a directory for a model cannot be made")
    }

    /// Says how far a comparison has come.
    pub(super) fn progress(&self, what: impl std::fmt::Display, round: usize) {
        if !self.flags.json {
            note(format!("{what}: round {round} of {}", self.rounds()));
        }
    }

    /// A process of ours that does the job.
    pub(super) fn ours(&self, job: &Job) -> Result<Contender> {
        let mut command = Command::new(std::env::current_exe().context("this program's own path is unknown")?);
        command.args(["bench", "worker"]);
        Contender::start(command, job)
    }

    /// The peer's process, or why it cannot do the job where it runs.
    pub(super) fn peer_if_it_can(&self, job: &Job) -> Result<std::result::Result<Contender, String>> {
        match self.peer(job) {
            Ok(contender) => Ok(Ok(contender)),
            Err(error) => match error.downcast_ref::<Refused>() {
                Some(Refused(reason)) => Ok(Err(reason.clone())),
                None => Err(error),
            },
        }
    }

    /// The peer's process.
    pub(super) fn peer(&self, job: &Job) -> Result<Contender> {
        let python = self.python.as_ref().context("no peer was asked for")?;
        Contender::start(python.command(self.threads), job)
    }
}

/// `AMD EPYC, linux x86_64, 2 threads, rustc 1.95.0 (…), commit 0123abcd (changed), 2026-11-24T12:00:00Z`.
fn describe(machine: &Provenance) -> String {
    let mut parts = vec![machine.machine.clone(), machine.system.clone(), format!("{} threads", machine.threads)];
    parts.extend(machine.rustc.clone());
    if let Some(commit) = &machine.commit {
        let changed = if machine.dirty { " (changed)" } else { "" };
        parts.push(format!("commit {}{changed}", commit.get(..8).unwrap_or(commit)));
    }
    parts.push(machine.date.clone());
    parts.join(", ")
}
