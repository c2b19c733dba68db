//! The peers: PyTorch by itself, models of transformers and timm, and what prepares their data, in an interpreter that has them.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a peer runs, carried along so that the binary needs no file beside it. The part that all have in common comes first.
const STEP: &str = concat!(include_str!("../peer/serve.py"), include_str!("../peer/step.py"));
const MODELS: &str = concat!(include_str!("../peer/serve.py"), include_str!("../peer/models.py"));
const KERNELS: &str = concat!(include_str!("../peer/serve.py"), include_str!("../peer/kernels.py"));
const DATA: &str = concat!(include_str!("../peer/serve.py"), include_str!("../peer/data.py"));

/// What a peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// GPT-2, BERT and ViT in plain PyTorch, for `bench step`.
    Plain,
    /// Single operations of PyTorch, for `bench kernels`.
    Operations,
    /// Every family, by transformers and timm, for `bench models`.
    Libraries,
    /// Preparing data, by tokenizers and torchvision, for `bench data`.
    Data,
}

impl Peer {
    fn script(self) -> &'static str {
        match self {
            Self::Plain => STEP,
            Self::Operations => KERNELS,
            Self::Libraries => MODELS,
            Self::Data => DATA,
        }
    }

    fn packages(self) -> &'static str {
        match self {
            Self::Plain | Self::Operations => "torch",
            Self::Libraries => "torch, transformers, timm",
            Self::Data => "torch, torchvision, tokenizers",
        }
    }

    /// What makes an environment that has them.
    fn install(self) -> &'static str {
        match self {
            Self::Plain | Self::Operations => "pip install torch --index-url https://download.pytorch.org/whl/cpu",
            Self::Libraries | Self::Data => {
                "pip install --extra-index-url https://download.pytorch.org/whl/cpu -r \
                 crates/models/tests/fixtures/requirements.txt"
            }
        }
    }
}

/// A Python interpreter that can import what a peer needs.
#[derive(Debug, Clone)]
pub struct Python {
    path: PathBuf,
    peer: Peer,
}

impl Python {
    /// That interpreter, or the one of the active virtual environment, or `python3`.
    ///
    /// # Errors
    /// If it cannot be started or lacks a package: says how to make an environment.
    pub fn find(given: Option<&Path>, peer: Peer) -> Result<Self> {
        let path = match (given, std::env::var_os("VIRTUAL_ENV")) {
            (Some(path), _) => path.to_owned(),
            (None, Some(environment)) => Path::new(&environment).join("bin/python"),
            (None, None) => "python3".into(),
        };
        let (shown, packages) = (path.display(), peer.packages());
        let how = format!(
            "make an environment that has it:\n  python3 -m venv .venv\n  .venv/bin/{}\nand name it by --python .venv/bin/python",
            peer.install()
        );
        let output = Command::new(&path).args(["-c", &format!("import {packages}")]).stdin(Stdio::null()).output();
        match output {
            Err(error) => bail!("{shown}: cannot be started ({error}), expected a Python with {packages}; {how}"),
            Ok(output) if !output.status.success() => {
                let reason = String::from_utf8_lossy(&output.stderr);
                let reason = reason.lines().last().unwrap_or("no reason given").to_owned();
                bail!("{shown}: `import {packages}` failed ({reason}); {how}")
            }
            Ok(_) => Ok(Self { path, peer }),
        }
    }

    /// The process that serves jobs.
    pub fn command(&self, threads: usize) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["-c", self.peer.script()]);
        for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, threads.to_string());
        }
        // Everything that it needs is on this machine.
        command.env("HF_HUB_OFFLINE", "1").env("TRANSFORMERS_VERBOSITY", "error");
        // Tuning that the machine has set for other programs is no part of the comparison.
        let foreign =
            |name: &str| name.starts_with("OPENBLAS_") || name.starts_with("KMP_") || name.starts_with("GOMP_");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(foreign) {
                command.env_remove(name);
            }
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_that_is_not_there_is_an_error_that_says_what_to_do() {
        for (peer, install) in [
            (Peer::Plain, "pip install torch"),
            (Peer::Libraries, "fixtures/requirements.txt"),
            (Peer::Data, "fixtures/requirements.txt"),
        ] {
            let error = Python::find(Some(Path::new("/nowhere/python")), peer).expect_err("there is no such file");
            let message = error.to_string();
            assert!(message.starts_with("/nowhere/python: cannot be started"), "{message}");
            assert!(message.contains(install), "{message}");
        }
    }

    #[test]
    fn the_requirements_that_the_message_names_are_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for peer in [Peer::Libraries, Peer::Data] {
            let (_, path) = peer.install().split_once("-r ").expect("a file of requirements");
            let pins = std::fs::read_to_string(root.join(path)).expect("the file is there");
            for package in peer.packages().split(", ") {
                assert!(pins.contains(&format!("\n{package}==")), "{package} is not pinned in {path}");
            }
        }
    }
}
