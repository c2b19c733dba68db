//! Transformers with run-time sizes, written once over the fused kernels: BERT, RoBERTa, GPT-2, ViT, DeiT, CaiT, Llama and its
//! kind.
//!
//! A [`Model`] is an architecture without weights. It knows its [`ModelConfig`], declares its parameters as [`ParamSpec`]s (name
//! and shape as in the Hub's checkpoints, and what each axis *means*), and computes a loss or logits from a [`Parameters`] set.
//! Weights are plain tensors, so a growth operator can hand in tensors that it has just computed and learn through them; no
//! model has a second version for that.
//!
//! ```
//! use ligo_kernels::{Cpu, GradTape, gradients_for};
//! use ligo_models::{Batch, Mode, Model, ModelConfig, Tokens};
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
//! let tokens =
//!     Tokens { input_ids: vec![1, 2, 3, 4], batch_size: 1, sequence_length: 4, ..Tokens::default() };
//! let batch = Batch::tokens(tokens, vec![2, 3, 4, 5]);
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
//! ligo_models::hub::export(directory.path(), &model, &parameters, &Default::default())?;
//! let (again, weights) = ligo_models::hub::import(directory.path(), &device)?;
//! assert_eq!(again.logits(&weights, &batch.inputs)?.as_vec(), model.logits(&parameters, &batch.inputs)?.as_vec());
//! # Ok(())
//! # }
//! ```
//!
//! - A family is a file in `families` that reads from top to bottom like its paper's appendix: what its parameters are called and
//!   how they fit together. What they compute is written once: `layers` is the one block, `network` what stands around it,
//!   `stream` the way through the blocks, `pass` the operations in their terms, `declare` how parameters are named.
//! - [`Space`], [`Role`] and [`Axis`] say what grows with what; a growth method needs nothing else of a model.
//! - [`checkpoint`] keeps weights in safetensors files; [`hub`] reads and writes whole models in the layouts of `transformers`
//!   and `timm`.
//! - [`Route`] says through which part of a model a training step goes; the default is all of it.
//! - [`Model::recomputed_loss`] keeps nothing of a block but the stream before it, and computes it twice.
//! - [`generate`] continues a text token by token.
//!
//! What is not here: training, growing, and what tokens spell, which are plain ids.

mod batch;
pub mod checkpoint;
mod config;
mod course;
mod declare;
mod error;
mod families;
mod fresh;
pub mod generate;
pub mod hub;
mod layers;
mod model;
mod network;
mod parameters;
mod part;
mod pass;
mod recompute;
mod rope;
mod route;
mod space;
mod spec;
mod stream;
mod teaching;

pub use batch::{Batch, Images, Inputs, Mode, Targets, Tokens};
pub use config::{Activation, AdapterSites, Family, Head, ModelConfig, Naming};
pub use error::ModelError;
pub use model::Model;
pub use parameters::Parameters;
pub use part::Part;
pub use rope::{Llama3, Longrope, RopeScaling, Yarn};
pub use route::{KeptTokens, Route};
pub use space::{Space, SpaceKind, SpaceSize};
pub use spec::{Axis, Init, ParamSpec, Role};
pub use teaching::Teaching;

/// The result of a model's operation.
pub type Result<T> = std::result::Result<T, ModelError>;
