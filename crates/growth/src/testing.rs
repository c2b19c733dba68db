//! Small models for this crate's tests.

use ligo_models::{Family, ModelConfig};

/// A configuration whose sizes are not all alike.
pub(crate) fn config(family: Family, layers: usize, hidden: usize, heads: usize) -> ModelConfig {
    let mut config = ModelConfig::new(family, hidden, layers, heads);
    if family.reads_images() {
        (config.image_size, config.patch_size, config.num_labels) = (Some(4), Some(2), Some(3));
    } else {
        (config.vocab_size, config.max_position_embeddings) = (13, 8);
    }
    config
}
