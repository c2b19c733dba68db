//! Which part of a model a training step goes through: whole layers, branches or tokens left out, lower layers that only run forward.
//!
//! Plain data; what chooses it (a schedule, a draw) is the trainer's. A route that does not fit the model or the batch is refused
//! as [`ModelError::Batch`](crate::ModelError::Batch) by the field's name. Layers are those that `num_hidden_layers` counts:
//! CaiT's class-attention layers belong to the head here, recorded and there on every route.

use std::ops::Range;

/// The part of a model that a training step goes through; the default is all of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Route {
    /// Layers below this one, and with more than 0 the embeddings too, only run forward: nothing of them is recorded, so they
    /// cost no backward and get no gradient from what lies above. At most as many as the route has layers.
    pub recorded_from: usize,
    /// The blocks end after so many, and the final norm and the head stand on the last of them; none: all.
    pub until: Option<usize>,
    /// For each layer of the model the probability with which it was kept, by which its branches are divided, or 0 if it is left
    /// out and its input passes by unchanged. Empty: every layer is there as it is.
    pub kept_layers: Vec<f32>,
    /// For each layer of the model the probability, less than 1, with which its attention and its MLP are left out, each by a draw
    /// of its own for each sequence or image; where it stays, what it adds is divided by the probability of that (stochastic
    /// depth, Huang et al. 2016). Drawn with dropout's masks, so only in [`Mode::Train`](crate::Mode::Train); of a branch with an
    /// adapter it is what the adapter reads. Empty: nothing is left out.
    pub dropped_paths: Vec<f32>,
    /// Tokens that alone go through some layers.
    pub kept_tokens: Option<KeptTokens>,
    /// A weight, 0 to 1, for each coordinate of the residual stream in the statistics of every norm over it, that of a masked
    /// language model's head included: mean `Σ c x / Σ c`, variance (or mean square) likewise. None: all alike.
    pub norm_weights: Option<Vec<f32>>,
}

/// Tokens that go through the layers `layers`; the others skip those and come back behind them as they were.
///
/// Kept tokens keep their positions and their padding, and see of their sequence what is kept as well. What stands before an
/// image's patches is always kept. A layer whose sliding window is shorter than the sequence cannot be among `layers`: it would
/// reach further back. Where sequences of rotary positions keep different places, attention goes through them one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTokens {
    /// The layers.
    pub layers: Range<usize>,
    /// `[batch, kept]`, row by row: the places in its sequence of each token that is kept, in rising order, equally many and at
    /// least one of each sequence.
    pub places: Vec<u32>,
}
