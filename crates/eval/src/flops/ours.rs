//! Our own count of a forward pass; see [`super::Convention::Ours`].
//!
//! H hidden size, F inner width, A heads, S sequence length, V vocabulary, N tokens, M labelled tokens of a step.

use super::StepShape;
use super::per_element::{DROPOUT, GELU, LAYER_NORM, SOFTMAX};
use ligo_models::{Family, ModelConfig};

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
    let (n, m, s) = (shape.tokens(), shape.labelled(), shape.sequence_length as f64);
    let if_any = |rate: f32| if rate > 0.0 { DROPOUT } else { 0.0 };
    let (hidden_dropout, attention_dropout) = (if_any(config.hidden_dropout), if_any(config.attention_dropout));

    let linear = |rows: f64, inputs: f64, outputs: f64| rows * outputs * (2.0 * inputs + 1.0);
    let norm = |rows: f64| rows * h * LAYER_NORM;
    // Before or after each of the two halves of a layer, and once more: after the embeddings or before the head.
    let norms = norm(n) * (2.0 * layers + 1.0);
    // Every score takes part in the product q kᵀ, the scaling, the softmax, and the weighted sum of values.
    let scores = n * s * (4.0 * h + a * (1.0 + SOFTMAX + attention_dropout));

    let mut operations = vec![
        ("embeddings", n * h * (tables(config.family) - 1.0 + hidden_dropout)),
        ("layer norms", norms),
        ("query, key, value", layers * linear(n, h, 3.0 * h)),
        ("attention", layers * scores),
        ("attention output", layers * linear(n, h, h)),
        ("MLP, first half", layers * (linear(n, h, f) + n * f * GELU)),
        ("MLP, second half", layers * linear(n, f, h)),
        ("residual stream", layers * 2.0 * n * h * (1.0 + hidden_dropout)),
    ];
    match config.family {
        Family::Gpt2 => operations.push(("output", 2.0 * m * h * v + m * v * SOFTMAX)),
        Family::Bert => {
            operations.push(("head transform", linear(m, h, h) + m * h * GELU + norm(m)));
            operations.push(("output", linear(m, h, v) + m * v * SOFTMAX));
        }
    }
    operations
}

/// Embedding tables that are added up.
fn tables(family: Family) -> f64 {
    match family {
        Family::Gpt2 => 2.0,
        Family::Bert => 3.0,
    }
}
