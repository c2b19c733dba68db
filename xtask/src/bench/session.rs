//! What the measurements of one command have in common: the machine, the threads, the peer, who is told what.

use crate::experiment::command_line;
use crate::flags::BenchTurns;
use crate::output::{note, say};
use crate::{interrupt, workspace};
use anyhow::{Context, Result};
use ligo_bench::{Contender, Job, Peer, Python, load};
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
}

impl<'a> Session<'a> {
    /// Finds the peer, and says what is measured where.
    pub(super) fn start(flags: &'a BenchTurns, peer: Peer, title: &str) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = flags.threads.map_or(cores, usize::from);
        let python = flags.peer.map(|_| Python::find(flags.python.as_deref(), peer)).transpose()?;
        let models = tempfile::tempdir().context("a directory for the models cannot be made")?;
        let path = models.path().to_owned();
        interrupt::end_on_ctrl_c(move || {
            // What cannot be removed is for the system to clear away.
            let _ = std::fs::remove_dir_all(&path);
        })?;
        let machine = Provenance::here(&workspace::root(), threads, &command_line());
        if !flags.json {
            say(format!("{title}\n{}\n", describe(&machine)))?;
        }
        if let Some(load) = load().filter(|&load| load > BUSY) {
            note(format!(
                "other programs are computing (load {load:.1}): the figures will be worse and less certain than they are"
            ));
        }
        Ok(Self { flags, threads, python, machine, models })
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

    pub(super) fn machine(&self) -> &Provenance {
        &self.machine
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
