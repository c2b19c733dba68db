//! GPT-2 and BERT with run-time sizes, written once over the fused kernels.
//!
//! A [`Model`] is an architecture without weights. It knows its [`ModelConfig`], declares its parameters as [`ParamSpec`]s (name
//! and shape as in the Hub's checkpoints, and what each axis *means*), and computes a loss or logits from a [`Parameters`] set.
//! Weights are plain tensors, so a growth operator can hand in tensors that it has just computed and learn through them; no
//! model has a second version for that.
//!
//! ```
//! use ligo_kernels::{Cpu, GradTape, gradients_for};
//! use ligo_models::{Mode, Model, ModelConfig, TokenBatch};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 2
//!      num_attention_heads = 2",
//! )?;
//! let (model, device) = (Model::new(config)?, Cpu::default());
//! let parameters = model.fresh(&device, 1)?;
//! let batch = TokenBatch {
//!     input_ids: vec![1, 2, 3, 4],
//!     targets: vec![2, 3, 4, 5],
//!     batch_size: 1,
//!     sequence_length: 4,
//!     real_tokens: None,
//! };
//!
//! // A loss and its gradients.
//! let mut tape = GradTape::default();
//! let loss = model.loss(&mut tape, &parameters, &batch, Mode::Train { dropout_key: 1 })?;
//! let mut gradients = gradients_for(parameters.tensors());
//! tape.backward(&loss, 1.0, &mut gradients)?;
//! assert!((loss.as_vec()[0] - 11.0_f32.ln()).abs() < 0.1, "a fresh model knows nothing");
//!
//! // What the parameters are.
//! let spec = &model.specs()[4];
//! assert_eq!((spec.name.as_str(), &spec.shape[..]), ("transformer.h.0.attn.c_attn.weight", &[4, 12][..]));
//!
//! // There and back in the Hub's layout, which `transformers` reads too.
//! let directory = tempfile::tempdir()?;
//! ligo_models::hub::export(directory.path(), &model, &parameters)?;
//! let (again, weights) = ligo_models::hub::import(directory.path(), &device)?;
//! assert_eq!(again.logits(&weights, &batch)?.as_vec(), model.logits(&parameters, &batch)?.as_vec());
//! # Ok(())
//! # }
//! ```
//!
//! - A family is a file that reads from top to bottom like its paper's appendix: `gpt2`, `bert`. What they share is in `declare`
//!   (parameters) and `pass` (operations).
//! - [`Space`], [`Role`] and [`Axis`] say what grows with what; a growth method needs nothing else of a model.
//! - [`checkpoint`] keeps weights in safetensors files; [`hub`] reads and writes whole models in the Hub's layout.
//!
//! What is not here: training, growing, generating text, and tokens, which are plain ids.

mod batch;
mod bert;
pub mod checkpoint;
mod config;
mod declare;
mod error;
mod fresh;
mod gpt2;
pub mod hub;
mod model;
mod parameters;
mod pass;
mod space;
mod spec;

pub use batch::{Mode, TokenBatch};
pub use config::{Family, ModelConfig};
pub use error::ModelError;
pub use model::Model;
pub use parameters::Parameters;
pub use space::{Space, SpaceKind, SpaceSize};
pub use spec::{Axis, Init, ParamSpec, Role};

/// The result of a model's operation.
pub type Result<T> = std::result::Result<T, ModelError>;
