//! The training loop: schedules, evaluation, checkpoints, resume.
//!
//! The loop trains an [`Objective`]: a model's weights, or a learned operator's factors with the model behind them.

mod objective;
mod progress;

pub use objective::{Evaluated, Objective};
pub use progress::{MetricRow, Progress, StepReport, StopFlag};
