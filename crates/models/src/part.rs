//! What a parameter is in its model, beyond what its axes mean: where a block's branches end, and which norms stand where.
//!
//! Growth operators that add blocks which at first change nothing need it; most need only the axes.

use crate::layers::Order;
use crate::network::{Network, NetworkHead};

/// What a parameter is in its model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Part {
    /// Gain or bias of the norm before a block's attention; in post-norm models of the one behind it.
    AttentionNorm,
    /// Gain or bias of the norm before a block's MLP; in post-norm models of the one behind it.
    MlpNorm,
    /// Gain or bias of the norm between the last block and the head; a post-norm model has none.
    FinalNorm,
    /// Weight or bias of the map that hands an attention's result to the residual stream.
    AttentionOutput,
    /// Weight or bias of the map that hands an MLP's result to the residual stream.
    MlpOutput,
    /// The gain of a branch (CaiT's LayerScale).
    BranchScale,
    /// Weight or bias of the map, or of the norm, between the last hidden state and a masked language model's decoder.
    HeadTransform,
    /// Anything else.
    #[default]
    Other,
}

impl Network {
    /// For each of `count` parameters what it is.
    pub(crate) fn parts(&self, count: usize) -> Vec<Part> {
        let mut parts = vec![Part::Other; count];
        let mut mark = |part: Part, indices: &[Option<usize>]| {
            for &index in indices.iter().flatten() {
                parts[index] = part;
            }
        };
        for block in &self.blocks {
            mark(Part::AttentionNorm, &[Some(block.attention_norm.gain), block.attention_norm.bias]);
            mark(Part::MlpNorm, &[Some(block.mlp_norm.gain), block.mlp_norm.bias]);
            mark(Part::AttentionOutput, &[Some(block.attention.output.weight), block.attention.output.bias]);
            let output = block.mlp.output();
            mark(Part::MlpOutput, &[Some(output.weight), output.bias]);
            mark(Part::BranchScale, &[block.attention_scale.map(|t| t.0), block.mlp_scale.map(|t| t.0)]);
        }
        if let Order::PreNorm { last: Some(norm) } = self.order {
            mark(Part::FinalNorm, &[Some(norm.gain), norm.bias]);
        }
        if let Some(classes) = &self.class_blocks {
            mark(Part::FinalNorm, &[Some(classes.norm.gain), classes.norm.bias]);
            for block in &classes.blocks {
                mark(Part::AttentionNorm, &[Some(block.attention_norm.gain), block.attention_norm.bias]);
                mark(Part::MlpNorm, &[Some(block.mlp_norm.gain), block.mlp_norm.bias]);
                mark(Part::AttentionOutput, &[Some(block.output.weight), block.output.bias]);
                let output = block.mlp.output();
                mark(Part::MlpOutput, &[Some(output.weight), output.bias]);
                mark(Part::BranchScale, &[Some(block.attention_scale.0), Some(block.mlp_scale.0)]);
            }
        }
        if let NetworkHead::Decoder { transform: Some(transform), .. } = &self.head {
            let (linear, norm) = (transform.linear, transform.norm);
            mark(Part::HeadTransform, &[Some(linear.weight), linear.bias, Some(norm.gain), norm.bias]);
        }
        parts
    }

    /// Whether norms stand behind the residual sums instead of before attention and MLP.
    pub(crate) fn is_post_norm(&self) -> bool {
        matches!(self.order, Order::PostNorm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, Model, ModelConfig};

    #[test]
    fn every_block_of_every_family_has_two_branches_and_two_norms() {
        for family in Family::ALL {
            let mut config = ModelConfig::new(family, 8, 2, 2);
            if !family.reads_images() {
                (config.vocab_size, config.max_position_embeddings) = (7, 5);
            }
            let model = Model::new(config).unwrap();
            let blocks = 2 + model.config().num_class_layers();
            let count = |part| {
                let is =
                    |(i, spec): &(usize, &crate::ParamSpec)| model.part(*i) == part && !spec.name.ends_with("bias");
                model.specs().iter().enumerate().filter(is).count()
            };
            for part in [Part::AttentionNorm, Part::MlpNorm, Part::AttentionOutput, Part::MlpOutput] {
                assert_eq!(count(part), blocks, "{family} {part:?}");
            }
            assert_eq!(count(Part::FinalNorm), usize::from(!model.is_post_norm()), "{family}");
            assert_eq!(model.is_post_norm(), matches!(family, Family::Bert | Family::Roberta), "{family}");
        }
    }
}
