//! The peer: PyTorch, in an interpreter that has torch.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `peer/step.py`, carried along so that the binary needs no file beside it.
const SCRIPT: &str = include_str!("../peer/step.py");

/// A Python interpreter in which `import torch` works.
#[derive(Debug, Clone)]
pub struct Python(PathBuf);

impl Python {
    /// That interpreter, or the one of the active virtual environment, or `python3`.
    ///
    /// # Errors
    /// If it cannot be started or has no torch: says how to make an environment.
    pub fn find(given: Option<&Path>) -> Result<Self> {
        let path = match (given, std::env::var_os("VIRTUAL_ENV")) {
            (Some(path), _) => path.to_owned(),
            (None, Some(environment)) => Path::new(&environment).join("bin/python"),
            (None, None) => "python3".into(),
        };
        let how = "make an environment that has it:\n  python3 -m venv .venv\n  .venv/bin/pip install torch --index-url \
                   https://download.pytorch.org/whl/cpu\nand name it by --python .venv/bin/python";
        let output = Command::new(&path).args(["-c", "import torch"]).stdin(Stdio::null()).output();
        match output {
            Err(error) => bail!("{}: cannot be started ({error}), expected a Python with torch; {how}", path.display()),
            Ok(output) if !output.status.success() => {
                let reason = String::from_utf8_lossy(&output.stderr);
                let reason = reason.lines().last().unwrap_or("no reason given").to_owned();
                bail!("{}: `import torch` failed ({reason}); {how}", path.display())
            }
            Ok(_) => Ok(Self(path)),
        }
    }

    /// The process that serves jobs.
    pub fn command(&self, threads: usize) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["-c", SCRIPT]);
        for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, threads.to_string());
        }
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
        let error = Python::find(Some(Path::new("/nowhere/python"))).expect_err("there is no such file");
        let message = error.to_string();
        assert!(message.starts_with("/nowhere/python: cannot be started"), "{message}");
        assert!(message.contains("pip install torch"), "{message}");
    }
}
