//! What a method that has its own way of widening does about depth: an option that several methods share.

use crate::DepthMap;
use ligo_models::ModelConfig;
use serde::{Deserialize, Serialize};

/// How depth grows beside a method that is about width; the option `depth` of such methods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepthRule {
    /// `"stack"`: large layer i is small layer i mod L1 ([`DepthMap::stack`]).
    #[default]
    Stack,
    /// `"interpolate"`: every layer is repeated in place ([`DepthMap::interpolate`]).
    Interpolate,
    /// `"identity"`: every layer stays, and new ones spread over the depth start silent, as copies that pass on what they get
    /// ([`DepthMap::spread`]). The only rule that preserves the function.
    Identity,
}

impl DepthRule {
    /// The map from the small model's layers to the large one's.
    pub fn map(self, small: &ModelConfig, large: &ModelConfig) -> DepthMap {
        let (from, to) = (small.num_hidden_layers, large.num_hidden_layers);
        match self {
            Self::Stack => DepthMap::stack(from, to),
            Self::Interpolate => DepthMap::interpolate(from, to),
            Self::Identity => DepthMap::spread(from, to),
        }
    }

    /// Whether going from the small model's depth to the large one's changes nothing of what is computed.
    pub fn preserves(self, small: &ModelConfig, large: &ModelConfig) -> bool {
        self == Self::Identity || small.num_hidden_layers == large.num_hidden_layers
    }

    /// The rule in a few words, for [`crate::Axes`].
    pub fn summary() -> &'static str {
        "stacked, interpolated, or silent copies, as `depth` says"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use ligo_models::Family;

    #[test]
    fn each_rule_is_its_map_and_only_silence_preserves() {
        let depth = |layers| config(Family::Gpt2, layers, 8, 2);
        let cases = [
            ("stack", DepthMap::stack(2, 5), false),
            ("interpolate", DepthMap::interpolate(2, 5), false),
            ("identity", DepthMap::spread(2, 5), true),
        ];
        for (name, map, preserves) in cases {
            let rule: DepthRule = toml::Value::from(name).try_into().unwrap();
            assert_eq!(rule.map(&depth(2), &depth(5)), map, "{name}");
            assert_eq!(rule.preserves(&depth(2), &depth(5)), preserves, "{name}");
            assert!(rule.preserves(&depth(2), &depth(2)), "{name}");
            assert_eq!(rule.map(&depth(2), &depth(2)), DepthMap::identity(2), "{name}");
        }
    }
}
