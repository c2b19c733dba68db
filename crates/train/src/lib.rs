//! The training loop: schedules, evaluation, checkpoints, resume.
//!
//! The loop trains an [`Objective`]: a model's weights, or a learned operator's factors with the model behind them.

mod batches;
mod checkpoint;
mod config;
mod cost;
mod error;
mod evaluate;
mod objective;
mod optimiser;
mod pace;
mod progress;
mod stage;
mod weights;

pub use batches::BatchSource;
pub use config::{InvalidTraining, Schedule, TrainingConfig};
pub use cost::Cost;
pub use error::TrainError;
pub use objective::{Evaluated, Objective};
pub use progress::{MetricRow, Progress, StepReport, StopFlag};
pub use stage::{StageOutcome, StagePlan, StageResult, train_stage};
pub use weights::WeightsObjective;
