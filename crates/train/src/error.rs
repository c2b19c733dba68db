//! What can stop a stage.

use std::path::PathBuf;

/// A stage could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A number stopped being finite.
    #[error(
        "stage {stage}, step {step}: the {what} is {found}, expected a finite number; \
         a lower learning rate or a longer warm-up may help ({})",
        last_good(checkpoint.as_deref())
    )]
    Diverged {
        /// The stage.
        stage: String,
        /// The step, counting from 1, that could not be done.
        step: u64,
        /// `training loss`, `gradient norm` or `validation loss`.
        what: &'static str,
        /// Its value.
        found: f64,
        /// The newest checkpoint, written before; none if there was no time for one.
        checkpoint: Option<PathBuf>,
    },
    /// The plan cannot be carried out.
    #[error("stage {stage}: {reason}")]
    Plan {
        /// The stage.
        stage: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A file or directory could not be read or written. What was written before is intact.
    #[error(transparent)]
    File(#[from] ligo_files::FileError),
    /// A checkpoint belongs to another run.
    #[error("{path}: a checkpoint of another run ({difference}); remove the directory to start this stage again")]
    Foreign {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// The objective or the batches failed at a step.
    #[error("stage {stage}, step {step}")]
    Step {
        /// The stage.
        stage: String,
        /// The step, counting from 1.
        step: u64,
        /// Why.
        source: anyhow::Error,
    },
}

fn last_good(checkpoint: Option<&std::path::Path>) -> String {
    match checkpoint {
        Some(path) => format!("the last good checkpoint is {}", path.display()),
        None => "no checkpoint had been written yet".into(),
    }
}
