//! Stochastic depth (Huang et al. 2016) as DeiT and CaiT are trained: how often each layer's branches are left out.

use ligo_models::{Family, ModelConfig};

/// For each layer the probability with which its attention and its MLP are left out of a sequence or an image: it rises evenly from 0
/// in the first layer to `rate` in the last (timm's vision transformers), and is `rate` throughout in CaiT (Touvron et al. 2021).
pub(super) fn rates(rate: f32, config: &ModelConfig) -> Vec<f32> {
    let layers = config.num_hidden_layers;
    let steps = layers.saturating_sub(1).max(1) as f32;
    match config.family {
        Family::Cait => vec![rate; layers],
        _ => (0..layers).map(|layer| rate * layer as f32 / steps).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;

    #[test]
    fn the_rate_rises_from_nothing_in_the_first_layer_to_all_of_it_in_the_last() {
        let of = |family, layers| rates(0.5, &config(family, layers, 8, 2));
        assert_eq!(of(Family::Deit, 5), [0.0, 0.125, 0.25, 0.375, 0.5]);
        assert_eq!(of(Family::Deit, 1), [0.0]);
        assert_eq!(of(Family::Cait, 3), [0.5; 3]);
    }
}
