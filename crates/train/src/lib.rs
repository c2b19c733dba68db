//! The training loop: schedules, evaluation, checkpoints, resume.
//!
//! - [`TrainingConfig`] is the table `[training]` of an experiment: AdamW, its schedule, micro-batches, clipping.
//! - [`Objective`] is what is trained: a model's weights by the plain loss ([`WeightsObjective`]), or the factors of a learned
//!   operator with the model behind them ([`LearnerObjective`]), or a model of which parts are frozen, left out, taught or fading in
//!   ([`ModelTraining`], charged by [`Charge`]).
//! - [`train_stage`] trains it as a [`StagePlan`] says, tells a [`Progress`] about it, and leaves [`MetricRow`]s, a [`Cost`], and
//!   checkpoints. A process that is killed at any moment and started again ends with the same bits as one that never was.
//!
//! What a stage is part of (recipes, methods, directories of runs) is `ligo-experiment`'s.
//!
//! ```
//! use ligo_kernels::Cpu;
//! use ligo_models::{Batch, Family, Model, ModelConfig, Tokens};
//! use ligo_train::*;
//!
//! # fn main() -> anyhow::Result<()> {
//! let sizes = ModelConfig::new(Family::Gpt2, 8, 1, 2);
//! let config = ModelConfig { vocab_size: 10, max_position_embeddings: 4, ..sizes };
//! let (device, model) = (Cpu::default(), Model::new(config)?);
//! let parameters = model.fresh(&device, 1)?;
//! let mut objective = WeightsObjective { model, parameters };
//!
//! // Counting: after n comes n + 1.
//! let counting = |step: u64, _micro: usize| -> anyhow::Result<Batch> {
//!     let ids = (step as u32 % 6)..(step as u32 % 6 + 4);
//!     let targets = ids.clone().map(|id| id as i32 + 1).collect();
//!     let tokens = Tokens { input_ids: ids.collect(), batch_size: 1, sequence_length: 4, ..Tokens::default() };
//!     Ok(Batch::tokens(tokens, targets))
//! };
//! let plan = StagePlan {
//!     stage: "train".into(),
//!     config: TrainingConfig { warmup_steps: 5, ..TrainingConfig::new(60, 1, 0.02) },
//!     schedule_from: 0,
//!     rate: Rate::Schedule,
//!     steps: 60,
//!     flops_per_step: 1e6,
//!     before: Cost::default(),
//!     evaluate_every: 20,
//!     seed: 1,
//!     inputs: "counting".into(),
//!     checkpoint_every: std::time::Duration::from_secs(20),
//! };
//! let directory = tempfile::tempdir()?;
//! let validation = [counting(0, 0)?, counting(5, 0)?];
//! let StageOutcome::Finished(result) = train_stage(
//!     &device, &mut objective, &mut None, &plan, &counting, &validation, directory.path(), &Silent, &StopFlag::default(),
//! )? else { unreachable!("nobody asked it to stop") };
//! assert_eq!(result.rows.iter().map(|row| row.step).collect::<Vec<_>>(), [0, 20, 40, 60]);
//! assert!(result.rows[3].validation_loss < 0.5 * result.rows[0].validation_loss);
//! # Ok(())
//! # }
//! ```

mod average;
mod batches;
mod checkpoint;
mod config;
mod context;
mod cost;
mod error;
mod evaluate;
mod learner;
mod moments;
mod objective;
mod optimiser;
mod pace;
mod progress;
mod random;
mod rate;
mod stage;
mod training;
mod weights;

pub use batches::BatchSource;
pub use config::{ComputePrecision, InvalidTraining, Schedule, TrainingConfig};
pub use context::{StepContext, stage_seed};
pub use cost::Cost;
pub use error::TrainError;
pub use learner::LearnerObjective;
pub use moments::{load_moments, save_moments};
pub use objective::{Evaluated, Objective};
pub use progress::{MetricRow, Progress, Silent, StepReport, StopFlag};
pub use rate::Rate;
pub use stage::{StageOutcome, StagePlan, StageResult, train_stage};
pub use training::{Charge, ModelTraining, Teacher};
pub use weights::WeightsObjective;
