//! The memory that a training step takes, estimated before anything runs.
//!
//! Counts numbers of 4 bytes. Per weight: itself, its gradient, and AdamW's two moments. What the forward pass keeps for the
//! backward one, with N tokens of B sequences in a micro-batch, M tokens labelled, hidden size H, inner width F, A heads in a
//! width of Q, key/value heads in a width of K, vocabulary V, C labels:
//! - per layer `N (4 H + 2 Q + 2 K + A + 2 F)`: two sums of the residual stream, the two norms' outputs, queries, keys and values,
//!   the attention's output and its log-sum-exp, the MLP before and after its function; a gated MLP has three F, Qwen3's head
//!   norms another `Q + 2 K`, CaiT's LayerScale `2 H` for what it is put on;
//! - `N · 2 H` for the embeddings and the norm that is left over, and for images their pixels;
//! - per class-attention layer of CaiT `(N + B) (2 H + 2 K)`: class tokens and patches, normed, their keys and values;
//! - for the head `M · 4 H` for a masked language model's, `M · H` for a causal one's, `B · (2 H + C)` for a classifier, `N · 2 C` for
//!   the ends of answers;
//! - where there is dropout, `N · 2 H` per layer for what it is put on; masks are never kept;
//! - where blocks are computed again on the way back, per layer `N · 2 H` and one whole layer besides, instead of all layers;
//! - while it runs, `N (F + 2 H)` (gated `N (2 F + 2 H)`) for gradients on their way, and a chunk of a language model's logits,
//!   `min(M V, 2²⁰)`.

use crate::StepShape;
use ligo_models::{Family, Head, ModelConfig, Space};

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
    Memory {
        weights: 4 * parameters,
        gradients: 4 * parameters,
        moments: 8 * parameters,
        activations: 4 * activations(config, micro_batch.of(config), false),
    }
}

/// Bytes that a step keeps for its backward pass, and works on, where blocks are computed again
/// ([`Model::recomputed_loss`](ligo_models::Model::recomputed_loss)); what [`Memory::activations`] is elsewhere.
pub fn recomputed_activations(config: &ModelConfig, micro_batch: StepShape) -> u64 {
    4 * activations(config, micro_batch.of(config), true)
}

/// Numbers kept and worked on.
fn activations(config: &ModelConfig, micro_batch: StepShape, recomputed: bool) -> u64 {
    let width = |space| config.space(space).width() as u64;
    let (h, q, k) = (width(Space::Embed), width(Space::Query(0)), width(Space::Key(0)));
    let (f, a) = (config.intermediate_size() as u64, config.num_attention_heads as u64);
    let (vocabulary, labels) = (config.vocab_size as u64, width(Space::Label));
    let (layers, class_layers) = (config.num_hidden_layers as u64, config.num_class_layers() as u64);
    let (n, m, b) = (micro_batch.tokens() as u64, micro_batch.labelled().ceil() as u64, micro_batch.sequences as u64);

    let inner = if config.family.is_llama_style() { 2 * f } else { f };
    let head_norms = if config.family == Family::Qwen3 { q + 2 * k } else { 0 };
    let layer_scale = if config.family == Family::Cait { 2 * h } else { 0 };
    let dropout = if config.hidden_dropout > 0.0 { 2 * h } else { 0 };
    let per_layer = 4 * h + 2 * q + 2 * k + a + inner + f + head_norms + layer_scale + dropout;
    let patches = if config.family.reads_images() { config.num_patches() as u64 } else { 0 };
    let pixels = b * patches * width(Space::Patch);
    let class = class_layers * (n + b) * (2 * h + 2 * k);
    let head = match config.head() {
        Head::CausalLm => m * h,
        Head::MaskedLm => m * 4 * h,
        Head::QuestionAnswering => n * 2 * labels,
        Head::None => 0,
        _ => b * (2 * h + labels),
    };
    let logits = match config.head() {
        Head::CausalLm | Head::MaskedLm => (m * vocabulary).min(LOGITS_AT_A_TIME),
        _ => 0,
    };
    let blocks = if recomputed { layers * 2 * h + per_layer } else { layers * per_layer };
    n * (blocks + 2 * h) + pixels + class + head + n * (inner + 2 * h) + logits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_model_takes_what_pencil_and_paper_give() {
        let config = ModelConfig { vocab_size: 10, ..ModelConfig::new(Family::Gpt2, 4, 2, 2) };
        let shape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 0.5 };
        // Kept: 6 × (2 × (32 + 32 + 2) + 8) + 3 × 4. Working: 6 × (16 + 8) + 30.
        let expected = Memory { weights: 400, gradients: 400, moments: 800, activations: 4 * (852 + 174) };
        assert_eq!(memory(&config, 100, shape), expected);
        assert_eq!(expected.total(), 1600 + 4104);
        let dropped = ModelConfig { hidden_dropout: 0.1, ..config.clone() };
        assert_eq!(memory(&dropped, 100, shape).activations, 4104 + 4 * 6 * 2 * 8);
        // 6 × (2 × 8 + 66 + 8) and 3 × 4 instead of the 852.
        assert_eq!(recomputed_activations(&config, shape), 4 * (552 + 174));
    }

    #[test]
    fn what_a_family_has_beside_is_counted() {
        let shape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 1.0 };
        let llama = ModelConfig {
            vocab_size: 10,
            num_key_value_heads: Some(1),
            intermediate_size: Some(6),
            ..ModelConfig::new(Family::Llama, 4, 1, 2)
        };
        // Per token 16 + 8 + 4 + 2 + 18 and 8 in the layer, 12 + 8 at work; 6 × 4 for the head, 60 logits.
        assert_eq!(memory(&llama, 0, shape).activations, 4 * (6 * (48 + 8 + 20) + 24 + 60));
        let qwen3 = ModelConfig { family: Family::Qwen3, ..llama };
        assert_eq!(memory(&qwen3, 0, shape).activations, 4 * (6 * (48 + 8 + 8 + 20) + 24 + 60));

        let mut cait = ModelConfig::new(Family::Cait, 4, 1, 2);
        (cait.image_size, cait.patch_size, cait.num_channels) = (Some(4), Some(2), Some(1));
        (cait.num_class_layers, cait.num_labels) = (Some(1), Some(3));
        // 2 images of 4 patches of 4 pixels. Per token 16 + 8 + 8 + 2 + 32 + 8 and 8, 16 + 8 at work; 32 pixels; 10 rows of 16 in
        // the class layer; 2 × (8 + 3) for the classifier.
        assert_eq!(memory(&cait, 0, shape).activations, 4 * (8 * (74 + 8 + 24) + 32 + 160 + 22));
    }
}
