//! Growing a checkpoint: a directory in the Hub's layout becomes a larger model's directory, by any method.
//!
//! - [`Plan::new`] checks a [`Request`] completely; it reads no weight and writes nothing.
//! - [`Plan::forecast`] says what memory and time it will take.
//! - [`Plan::run`] carries it out: reads the weights, grows them (for a learned operator: on data), measures, and writes weights,
//!   configuration, whatever came with the source, and a card.
//!
//! It is the growing part of a method's recipe that is carried out; what a recipe trains afterwards is for whoever takes the
//! checkpoint on ([`Next`]).
//!
//! ```
//! use ligo_direct_copy::DirectCopy;
//! use ligo_grow::{Control, Learning, Outcome, Plan, Request, Sizes, Source, Target, Watch};
//! use ligo_growth::Method;
//! use ligo_kernels::Cpu;
//! # use ligo_models::hub::{self, ExportOptions};
//! # use ligo_models::{Family, Model, ModelConfig};
//! # use ligo_train::{MetricRow, Progress, StepReport, StopFlag};
//! # use std::time::Duration;
//! # struct Silent;
//! # impl Progress for Silent {
//! #     fn stage_started(&self, _: &str, _: u64, _: u64) {}
//! #     fn step(&self, _: &StepReport) {}
//! #     fn evaluated(&self, _: &MetricRow) {}
//! #     fn stage_finished(&self, _: &str) {}
//! # }
//! # impl Watch for Silent {
//! #     fn doing(&self, _: &str) {}
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (scratch, device) = (tempfile::tempdir()?, Cpu::default());
//! # let config = ModelConfig { vocab_size: 4, max_position_embeddings: 8, ..ModelConfig::new(Family::Gpt2, 4, 1, 2) };
//! # let model = Model::new(config)?;
//! # let directory = scratch.path().join("small");
//! # hub::export(&directory, &model, &model.fresh(&device, 1)?, &ExportOptions::default())?;
//! # let out = scratch.path().join("large");
//! let methods: Vec<Box<dyn Method<Cpu>>> = vec![Box::new(DirectCopy)];
//! let plan = Plan::new(Request {
//!     source: Source { name: "small".into(), directory },
//!     target: Target::Sizes(Sizes { hidden_size: Some(8), num_hidden_layers: Some(3), ..Sizes::default() }),
//!     method: &DirectCopy,
//!     methods: &methods,
//!     options: toml::Table::new(),
//!     data: None,
//!     learning: Learning::default(),
//!     dtype: None,
//!     save_factors: false,
//!     seed: 0,
//!     out: out.clone(),
//!     command: "as it was typed".into(),
//! })?;
//! assert_eq!(plan.large().num_attention_heads, 4, "heads keep their length");
//!
//! let control = Control {
//!     watch: &Silent,
//!     stop: &StopFlag::default(),
//!     checkpoint_every: Duration::from_secs(15),
//!     shown_out: "large",
//! };
//! let Outcome::Finished(report) = plan.run(&device, &control)? else { unreachable!("nobody asked it to stop") };
//! assert_eq!(hub::open(&out)?.config().hidden_size, 8);
//! assert!(report.after > report.before && out.join("README.md").is_file());
//! # Ok(())
//! # }
//! ```
//!
//! What is not here: any method, which is a crate of its own; the command line; anything that prints.

mod card;
mod computation;
mod data;
mod error;
mod forecast;
mod learn;
mod licence;
mod loss;
mod next;
mod options;
mod part;
mod place;
mod plan;
mod pooling;
mod receipt;
mod run;
mod target;
#[cfg(test)]
mod tests;
mod writing;

pub use card::promise;
pub use data::DataFiles;
pub use error::GrowError;
pub use forecast::{ASIDE, BYTES_PER_SECOND, Bytes, Forecast, LearningForecast, OPERATOR};
pub use next::Next;
pub use options::options;
pub use place::check_out;
pub use plan::{Learning, Plan, Request, Source};
pub use receipt::Receipt;
pub use run::{Control, FACTORS, Outcome, Report, Watch};
pub use target::{Sizes, Target, shown};

/// The result of growing a checkpoint.
pub type Result<T> = std::result::Result<T, GrowError>;
