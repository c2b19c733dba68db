//! The count of the paper's script (PAPER.md 3.7: ELECTRA's, with an extra for LiGO), slips included, so that totals can be
//! held against the paper's. Not for savings of our own.
//!
//! The script counts per token and multiplies by tokens. H hidden size, F inner width, A heads, S sequence length, V
//! vocabulary.

use super::per_element::{DROPOUT, GELU, LAYER_NORM, SOFTMAX};
use super::{Convention, StepShape, step_flops};
use ligo_models::ModelConfig;

/// The share of the tokens that the script takes to be predicted: 20 of 128.
pub(super) const LABELLED_SHARE: f64 = 0.15625;

/// Name and FLOPs of every operation, all layers together.
pub(super) fn forward(config: &ModelConfig, shape: StepShape) -> Vec<(&'static str, f64)> {
    let [h, f, a, v, layers] = [
        config.hidden_size,
        config.intermediate_size(),
        config.num_attention_heads,
        config.vocab_size,
        config.num_hidden_layers,
    ]
    .map(|size| size as f64);
    let (s, n) = (shape.sequence_length as f64, shape.tokens());
    let embeddings = 2.0 * h * v + 2.0 * h * (s + 2.0) + h * (2.0 + LAYER_NORM + DROPOUT);
    let transform = 2.0 * h * h + h * (1.0 + GELU + LAYER_NORM);
    let output = v * (2.0 * h + SOFTMAX + 2.0);
    // Of the two norms of a layer the script counts the first for one element instead of h.
    let norms = LAYER_NORM + LAYER_NORM * h;
    [
        ("embeddings, dense", embeddings),
        ("norms", layers * norms),
        ("query, key, value", layers * 3.0 * h * (2.0 * h + 1.0)),
        ("attention", layers * s * (4.0 * h + a * (1.0 + SOFTMAX + DROPOUT))),
        ("attention output", layers * h * (2.0 * h + 1.0)),
        ("MLP, first half", layers * f * (2.0 * h + 1.0 + GELU)),
        ("MLP, second half", layers * h * (2.0 * f + 1.0)),
        ("residual stream", layers * 2.0 * h * (1.0 + DROPOUT)),
        ("head transform", shape.labelled_share * transform),
        ("output", shape.labelled_share * output),
    ]
    .map(|(name, per_token)| (name, n * per_token))
    .into()
}

/// FLOPs of a step of learning LiGO's operator as the paper's script counts them: a step of the large model, and the
/// expansion of every large layer once per *sequence*, forward and backward.
///
/// Growing really happens once per step, so that this overstates it by the number of sequences: 2.4 instead of 1.006 plain
/// steps for BERT-Small to BERT-Base. It also leaves out embeddings and head.
pub fn paper_operator_step_flops(small: &ModelConfig, large: &ModelConfig, shape: StepShape) -> f64 {
    let [h, f, layers, small_h, small_layers] = [
        large.hidden_size,
        large.intermediate_size(),
        large.num_hidden_layers,
        small.hidden_size,
        small.num_hidden_layers,
    ]
    .map(|size| size as f64);
    let new = h - small_h;
    let mix = |elements: f64| elements * small_layers;
    let per_layer = [
        // Query, key and value, which the script counts once instead of three times, then the attention output.
        2.0 * mix(h * h) + 4.0 * new * small_h * small_h,
        2.0 * mix(h * h) + 4.0 * new * small_h * small_h,
        2.0 * (mix(h) + new * small_h),
        2.0 * (mix(h) + new * small_h),
        // The MLP.
        2.0 * mix(h * f) + 4.0 * new * small_h * f,
        2.0 * mix(h * f) + 2.0 * new * f * h,
        mix(f) + new * f,
        2.0 * mix(h) + new * h,
        // The second layer norm.
        2.0 * mix(h) + new * h,
    ];
    let expansion = 2.0 * shape.sequences as f64 * layers * per_layer.iter().sum::<f64>();
    step_flops(large, shape, Convention::Paper).total() + expansion
}
