//! Small models for the tests of growth methods, here and in the crates of the methods.

use ligo_models::{Family, ModelConfig};

/// A configuration of any family that a test trains or grows in no time, whose sizes are not all alike: a vocabulary of 13 and 8
/// positions, or images of 4 × 4 in patches of 2 × 2 and 3 classes.
pub fn config(family: Family, layers: usize, hidden: usize, heads: usize) -> ModelConfig {
    let mut config = ModelConfig::new(family, hidden, layers, heads);
    if family.reads_images() {
        (config.image_size, config.patch_size, config.num_labels) = (Some(4), Some(2), Some(3));
    } else {
        (config.vocab_size, config.max_position_embeddings) = (13, 8);
    }
    config
}
