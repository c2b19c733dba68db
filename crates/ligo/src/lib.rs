//! LiGO: a linear growth operator learnt on the large model's loss (Wang et al., ICLR 2023).
//!
//! The weights Θ of a pretrained small model (L1 layers, width D1) become the start of a large one (L2 layers, width D2). Every
//! new weight is a linear function of the old ones, factored into width and depth (PAPER.md Eq. 8):
//!
//! ```text
//! W_new_i = Σ_j w_ij · B W_j Aᵀ          j = 1 … L1, i = 1 … L2
//! ```
//!
//! - `W_j` is the weight of a module in small layer j, rows as outputs.
//! - `B` `[D2, D1]` grows its output axis and `A` its input axis. There is one B for each *kind* of space, for the whole net:
//!   the residual stream (`B.embed`), queries, keys, values, and the MLP's inner width. Whatever reads a space takes the factor
//!   of that space, so channels line up across modules: A = B. Embeddings, norms and biases take the B of their output.
//!   By default B is `[I; C]`, old channels staying and C being learnt; attention heads have no structure of their own.
//!   Where several heads share values (grouped queries), what attention hands on is wider than the values and has a factor of its
//!   own, `A.context`, that starts as the values' factor repeated for the heads that share them. The class-attention layers of CaiT
//!   have factors of their own, `B.class.query` and so on.
//! - `w` `[L2, L1]` mixes layers, with a w for each module. Query, key and value of a fused `c_attn` are one module.
//!
//! Rotary pairs are nothing to B: a new query head is a mix of all old coordinates, whatever speed they turn at.
//!
//! A space that does not grow has no B, and a model that does not get deeper has no w: growing in width alone or in depth alone is
//! the paper's ablation of that name.
//!
//! The factors are learnt by AdamW for some tens of steps on the large model's own loss while the small weights stay frozen. The
//! backward of the expansion is recorded first and keyed by the large weights; the large model's loss then goes onto the same
//! tape, so a model needs no second version. Afterwards the large weights are computed once more, for keeps, and trained as usual.
//!
//! ```
//! use ligo::LigoOperator;
//! use ligo_growth::{Growth, LearnedOperator, Learner};
//! use ligo_kernels::{Cpu, GradTape, gradients_for, id_of};
//! use ligo_models::{Batch, Mode, Model, ModelConfig, Tokens};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 6, num_attention_heads: 3, num_hidden_layers: 2, ..small.clone() };
//! let (small, large, device) = (Model::new(small)?, Model::new(large)?, Cpu::default());
//! let parameters = small.fresh(&device, 1)?;
//! let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 2 };
//! let learner: Box<dyn Learner<Cpu>> = LigoOperator::default().start(&growth)?;
//!
//! // One gradient of the factors.
//! let tokens = Tokens { input_ids: vec![1, 2, 3, 4], batch_size: 1, sequence_length: 4, ..Tokens::default() };
//! let batch = Batch::tokens(tokens, vec![2, 3, 4, 5]);
//! let mut tape = GradTape::default();
//! let weights = learner.expand(&mut tape)?;
//! let loss = large.loss(&mut tape, &weights, &batch, Mode::Evaluate)?;
//! let mut gradients = gradients_for(learner.factors().tensors());
//! tape.backward(&loss, 1.0, &mut gradients)?;
//!
//! let names: Vec<&str> = learner.factors().specs().iter().map(|spec| spec.name.as_str()).collect();
//! assert_eq!(names[..5], ["B.embed", "B.query", "B.key", "B.value", "B.ffn"]);
//! assert!(names.contains(&"w.attn.c_attn"));
//! // The large weights for keeps.
//! assert_eq!(learner.materialise()?.specs(), large.specs());
//! # Ok(())
//! # }
//! ```

mod method;
mod operator;
mod options;
mod plan;
mod start;

#[cfg(test)]
mod tests;

pub use method::Ligo;
pub use operator::LigoOperator;
pub use options::{BiasDepth, DepthStart, FactorOptions, LigoOptions, Tying, WidthForm, WidthStart};

/// The method's name in TOML files.
const NAME: &str = "ligo";
