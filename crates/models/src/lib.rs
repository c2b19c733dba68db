//! Transformers with run-time sizes, written once over the fused kernels.
//!
//! A [`Model`] is an architecture without weights: it knows its [`ModelConfig`], declares its parameters as
//! [`ParamSpec`]s (name and shape as in the Hub's checkpoints, and what each axis *means*), and computes a loss or logits
//! from a [`Parameters`] set. Weights are plain tensors, so a growth operator can hand in tensors that it has just
//! computed and learn through them; no model has a second version for that.

mod batch;
mod config;
mod error;
mod parameters;
mod space;
mod spec;

pub use batch::{Mode, TokenBatch};
pub use config::{Family, ModelConfig};
pub use error::ModelError;
pub use parameters::Parameters;
pub use space::{Space, SpaceKind, SpaceSize};
pub use spec::{Axis, Init, ParamSpec, Role};

/// The result of a model's operation.
pub type Result<T> = std::result::Result<T, ModelError>;
