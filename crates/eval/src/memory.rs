//! The memory that a training step takes, estimated before anything runs.
//!
//! Counts numbers of 4 bytes. Per weight: itself, its gradient, and AdamW's two moments. What the forward pass keeps for the
//! backward one, with N tokens in a micro-batch, M of them labelled, hidden size H, inner width F, A heads, vocabulary V:
//! - per layer `N (8 H + 2 F + A)`: two sums of the residual stream, the two norms' outputs, queries, keys and values, the
//!   attention's output and its log-sum-exp, the MLP before and after its GELU;
//! - `N · 2 H` for the embeddings and the norm that is left over, `M · 4 H` for BERT's head, `M · H` for GPT-2's;
//! - where there is dropout, `N · 2 H` per layer for what it is put on; masks are never kept;
//! - while it runs, `N (F + 2 H)` for gradients on their way, and a chunk of the logits, `min(M V, 2²⁰)`.

use crate::StepShape;
use ligo_models::{Family, ModelConfig};

/// Numbers of logits that exist at a time.
const LOGITS_AT_A_TIME: u64 = 1 << 20;

/// Bytes by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// The weights.
    pub weights: u64,
    /// Their gradients.
    pub gradients: u64,
    /// Both moments of AdamW.
    pub moments: u64,
    /// What the forward pass keeps for the backward one, and what the backward pass works on.
    pub activations: u64,
}

impl Memory {
    /// All of it.
    pub fn total(self) -> u64 {
        self.weights + self.gradients + self.moments + self.activations
    }
}

/// Estimates the memory of a training step of all `parameters` weights; `micro_batch` is what is computed at once.
pub fn memory(config: &ModelConfig, parameters: u64, micro_batch: StepShape) -> Memory {
    let [h, f, a, v, layers] = [
        config.hidden_size,
        config.intermediate_size(),
        config.num_attention_heads,
        config.vocab_size,
        config.num_hidden_layers,
    ]
    .map(|size| size as u64);
    let (n, m) = (micro_batch.tokens() as u64, micro_batch.labelled().ceil() as u64);
    let per_layer = 8 * h + 2 * f + a + if config.hidden_dropout > 0.0 { 2 * h } else { 0 };
    let head = match config.family {
        Family::Gpt2 => h,
        Family::Bert => 4 * h,
    };
    let kept = n * (layers * per_layer + 2 * h) + m * head;
    let working = n * (f + 2 * h) + (m * v).min(LOGITS_AT_A_TIME);
    Memory {
        weights: 4 * parameters,
        gradients: 4 * parameters,
        moments: 8 * parameters,
        activations: 4 * (kept + working),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_model_takes_what_pencil_and_paper_give() {
        let config: ModelConfig = serde_json::from_value(serde_json::json!({
            "family": "gpt2", "vocab_size": 10, "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2,
            "max_position_embeddings": 3,
        }))
        .unwrap();
        let shape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 0.5 };
        // Kept: 6 × (2 × (32 + 32 + 2) + 8) + 3 × 4. Working: 6 × (16 + 8) + 30.
        let expected = Memory { weights: 400, gradients: 400, moments: 800, activations: 4 * (852 + 174) };
        assert_eq!(memory(&config, 100, shape), expected);
        assert_eq!(expected.total(), 1600 + 4104);
        let dropped = ModelConfig { hidden_dropout: 0.1, ..config };
        assert_eq!(memory(&dropped, 100, shape).activations, 4104 + 4 * 6 * 2 * 8);
    }
}
