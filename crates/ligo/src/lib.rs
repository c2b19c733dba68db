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
//! - `B` `[D2, D1]` grows its output axis and `A` its input axis. There is one B for each *kind* of space: the residual stream
//!   (`B.embed`), queries, keys, values, and the MLP's inner width; for the whole net, for each small layer (B_j) or for each large
//!   one (B_i). Whatever reads a space takes the factor of that space, so channels line up across modules: A = B, or diag(s) B, or
//!   an A of its own. Embeddings, norms and biases take the B of their output.
//! - `w` `[L2, L1]` mixes layers, with a w for each module or one for all. Query, key and value of a fused `c_attn` are one module.
//!
//! By default B is `[I; C]`, old channels staying and C being learnt; attention heads have no structure of their own, except that
//! under rotary positions queries and keys grow by whole heads ([`Rotary`]). Where several heads share values (grouped queries),
//! what attention hands on is wider than the values and has a factor of its own, `A.context`, that starts as the values' factor
//! repeated for the heads that share them. The class-attention layers of CaiT have factors of their own, `B.class.query` and so on.
//!
//! A space that does not grow has no B, and a model that does not get deeper has no w: growing in width alone or in depth alone is
//! the paper's ablation of that name. Where the heads become more and shorter without the width growing, queries, keys and values
//! have a square B that starts at the identity.
//!
//! The factors are learnt by AdamW for some tens of steps on the large model's own loss while the small weights stay frozen. The
//! backward of the expansion is recorded first and keyed by the large weights; the large model's loss then goes onto the same
//! tape, so a model needs no second version. Afterwards the large weights are computed once more, for keeps, and trained as usual.
//! Nothing between factors and large weights is kept meanwhile: it is made again in backward, a few layers at a time.
//!
//! # Presets
//!
//! Three methods, `ligo`, `ligo-paper` and `ligo-published`, differ in their defaults alone; in `ligo` the key `preset` picks them
//! too. Every key of [`LigoOptions`] overrides them. Sources: PAPER.md 1.4 to 1.8 (the paper), 5.2 to 5.4 (the code), 5.6 (where the
//! two differ).
//!
//! | key | `ligo` | `ligo-paper` | `ligo-published` |
//! |---|---|---|---|
//! | `width_form` | `identity`: the fewer to learn | `free` (Eq. 8) | `identity` (the code's fixed block) |
//! | `factors` | `per-kind`: fewest to learn in few steps | `per-small-layer` (B_l of Eq. 8 and its text; Algorithm 1 has one for each kind) | `per-large-layer` (the code) |
//! | `width_start` | `random`: starts differ little once learnt | `random` (not stated; the code's) | `random` (`rand` of the code's manual) |
//! | `fresh` | `true` (measured, see below) | `false` (nothing beside the map) | `false` |
//! | `tying` | `tied` | `tied` (A = B, 1.4) | `tied` (the code's default) |
//! | `head_factor` | `false` | `false` (B_emb) | `true` (`fuse_width_cls`) |
//! | `depth_start`, `depth_noise` | `stack`, 0 | `stack`, 0 (not stated) | `stack`, 0.03 (`stackbert_noisy`) |
//! | `depth_weights`, `bias_depth` | `per-module`, `shared` | `per-module`, `shared` (biases not stated) | `per-module`, `own` |
//! | `steps` | 100, or 20 below 2,000 steps of training (measured, see below) | 100 (4.1) | 100 |
//! | `learning_rate`, `warmup_steps` | 1e-3, 10 | 1e-3, 10 (not stated; ours) | 2e-4, 10000: at step 100 it has come to 2e-6 |
//! | `schedule` | `constant` | `constant` (not stated) | `linear` |
//! | `weight_decay` | 0 | 0 (not stated) | 0.1 |
//! | the optimiser (no key) | AdamW with the training's β₁, β₂, ε and clipping | the same (3.2.2 says "SGD", no more) | the same (the code: AdamW, β₁ 0.9, β₂ 0.999, ε 1e-6, clipped at 1) |
//! | `batch_size` | the training's | the training's ("the same settings", 4.1) | the training's (the code's manual: 64 on each GPU, four times that accumulated for RoBERTa) |
//! | `dropout` | `true` | `true` (the same settings as training) | `true` |
//! | `rotary` | `whole-heads` | `whole-heads` (no such model in the paper) | `whole-heads` (nor in the code) |
//!
//! No preset sets the optimiser: β₁, β₂, ε and clipping are those of `[training]`, where left out 0.9, 0.999, 1e-8 and none, for the
//! factors as for the weights after them. The published run's are `eps = 1e-6` and `max_grad_norm = 1.0` there.
//!
//! What was measured: GPT-2, 2 × 96 → 4 × 192, 600 steps (`experiments/quickstart.toml`), FLOPs saved against scratch and final
//! validation loss. 40 steps, seed 0: Eq. 8 alone 39.3 % and 3.900, with `fresh` 45.0 % and 3.801, with `residual` 44.2 % and 3.880,
//! with `tune_small` 42.6 % and 3.876, `gaussian` 35.0 % and 3.981, `zero` and `fresh` 41.5 % and 3.883. Seeds 1 and 2: Eq. 8 alone
//! 38.3 % and 3.899, with `fresh` 45.7 % and 3.790, in 20 steps 49.5 % and 3.777, with `tune_small` in 40 steps 47.8 % and 3.778,
//! in 20 steps with `fresh` for all but the gains of norms 46.6 % and 3.850; direct copy 50.4 % and 3.844, scratch 4.107. Nothing was
//! measured at the size of the paper's models.
//!
//! What differs from the published code still: its operator has a decoder of its own while it learns, read through `head_factor`'s
//! space, where our masked language models are tied from the start (see [`LigoOptions::head_factor`]).
//!
//! # Example
//!
//! ```
//! use ligo::LigoOperator;
//! use ligo_growth::{Growth, LearnedOperator, Learner};
//! use ligo_kernels::{Cpu, GradTape, gradients_for};
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
//! // What has become of them, and the large weights for keeps.
//! assert_eq!(learner.diagnostics()?[0].singular_values.len(), 4);
//! assert_eq!(learner.materialise()?.specs(), large.specs());
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! `options` has the keys, `plan` which factors there are and what each weight takes, `start` where they start, `maps` and `widen`
//! how they are applied, `expand` the way there and back, `diagnostics` (on `spectrum`) and `moments` what else is asked of them.

mod diagnostics;
mod expand;
mod maps;
mod method;
mod moments;
mod operator;
mod options;
mod plan;
mod spectrum;
mod start;
mod widen;

#[cfg(test)]
mod tests;

pub use method::{Ligo, LigoPaper, LigoPublished};
pub use operator::LigoOperator;
pub use options::{
    BiasDepth, DepthStart, DepthWeights, FactorOptions, LigoOptions, Preset, Rates, Rotary, Sharing, Tying, WidthForm,
    WidthStart,
};
