//! What training costs, what a method saves, and what predictions are worth. Arithmetic on sizes, curves and predictions; nothing
//! here trains or predicts.
//!
//! - [`step_flops`] counts the FLOPs of a training step from the sizes of the model, in one place for every method;
//!   [`breakdown`] says for what, [`inference_flops`] what using a model costs. By our own convention or by the paper's
//!   ([`Convention`]). [`route_flops`] counts a step that leaves a part of the model out, [`teaching_flops`] a teacher.
//! - [`memory`] estimates what a step takes.
//! - [`metrics`] are those of GLUE and SQuAD.
//! - [`probes`] say what features are worth: a vote of neighbours, a linear classifier.
//! - [`Comparison`] turns validation curves into savings, [`SeedSavings`] those of several seeds into one figure.
//!
//! ```
//! use ligo_eval::{Accounting, Better, Comparison, Convention, Point, StepShape, step_flops};
//! # let model: ligo_models::ModelConfig = serde_json::from_str(r#"{
//! #     "family": "gpt2", "vocab_size": 1024, "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4,
//! #     "max_position_embeddings": 64 }"#).unwrap();
//! let shape = StepShape { sequences: 16, sequence_length: 64, labelled_share: 1.0 };
//! let step = step_flops(&model, shape, Convention::Ours).total();
//!
//! // Scratch needs 600 steps for a loss of 4.5. A grown model, after an operator step that cost as much as 60, needs 240.
//! let at = |steps: f64, metric| Point { cost: steps * step, metric };
//! let scratch = [at(0.0, 7.0), at(300.0, 5.0), at(600.0, 4.5)];
//! let grown = [at(60.0, 5.2), at(180.0, 4.7), at(300.0, 4.5), at(660.0, 4.1)];
//! let comparison = Comparison::with(&scratch, 1, Better::Lower).unwrap();
//! assert_eq!(comparison.saving(&grown, Accounting::SmallGiven).to_string(), "50.0 %");
//! assert_eq!(comparison.saving(&grown, Accounting::SmallCharged(90.0 * step)).to_string(), "35.0 %");
//! assert_eq!(comparison.saving(&grown[..2], Accounting::SmallGiven).to_string(), "not reached");
//! ```

mod flops;
mod memory;
pub mod metrics;
pub mod probes;
mod savings;
mod stats;

pub use flops::{
    Convention, Flops, OperationFlops, StepShape, breakdown, forward_flops, inference_flops, operator_step_flops,
    paper_operator_step_flops, route_flops, step_flops, teaching_flops, without_dropout,
};
pub use memory::{Memory, memory, recomputed_activations};
pub use savings::{Accounting, Better, Comparison, DEFAULT_SMOOTHING, Point, Saving, SeedSavings, smooth};
pub use stats::Stats;
