//! One forward pass under way: the tape, the weights, the batch, and the operations in terms of the model's layers.
//!
//! What GPT-2 and BERT share: where dropout falls and by which key, how attention reads the batch, and that every operation
//! finds its weights by index.

use crate::declare::{Linear, Norm, Table};
use crate::{Mode, ModelConfig, Result, TokenBatch};
use ligo_kernels::{self as kernels, Attention, Dropout, Gelu, Kernels, Layout, Matrix, Scalar, Tape, Visibility};

/// A place where dropout falls. Layers count from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Site {
    /// The sum of the embeddings.
    Embeddings,
    /// The probabilities of a layer's attention.
    AttentionProbabilities(usize),
    /// What a layer's attention adds to the residual stream.
    AttentionOutput(usize),
    /// What a layer's MLP adds to the residual stream.
    MlpOutput(usize),
}

impl Site {
    /// A number of its own for every place of a model.
    fn number(self) -> u64 {
        match self {
            Self::Embeddings => 0,
            Self::AttentionProbabilities(layer) => 4 * layer as u64 + 1,
            Self::AttentionOutput(layer) => 4 * layer as u64 + 2,
            Self::MlpOutput(layer) => 4 * layer as u64 + 3,
        }
    }
}

/// The state of a forward pass.
pub(crate) struct Pass<'a, D: Kernels, T: Tape<f32, D>> {
    pub(crate) tape: &'a mut T,
    pub(crate) weights: &'a [Matrix<D>],
    pub(crate) config: &'a ModelConfig,
    pub(crate) batch: &'a TokenBatch,
    pub(crate) mode: Mode,
}

impl<'a, D: Kernels, T: Tape<f32, D>> Pass<'a, D, T> {
    /// `Σ_k table_k[ids_k]` → `[N, H]`.
    pub(crate) fn embedding(&mut self, lookups: &[(Table, &[u32])]) -> Result<Matrix<D>> {
        let weights = self.weights;
        let lookups: Vec<_> = lookups.iter().map(|&(Table(table), ids)| (&weights[table], ids)).collect();
        Ok(D::embedding(self.tape, &lookups)?)
    }

    /// The position of each token in its sequence.
    pub(crate) fn positions(&self) -> Vec<u32> {
        let positions = 0..self.batch.sequence_length as u32;
        std::iter::repeat_n(positions, self.batch.batch_size).flatten().collect()
    }

    /// Some rows of `x`, differentiably.
    pub(crate) fn rows(&mut self, x: &Matrix<D>, rows: &[u32]) -> Result<Matrix<D>> {
        Ok(D::embedding(self.tape, &[(x, rows)])?)
    }

    /// `x W + b`.
    pub(crate) fn linear(&mut self, x: &Matrix<D>, map: Linear) -> Result<Matrix<D>> {
        Ok(D::linear(self.tape, x, linear(self.weights, map))?)
    }

    /// Several maps of one input, side by side.
    pub(crate) fn linear_joined<const K: usize>(&mut self, x: &Matrix<D>, maps: [Linear; K]) -> Result<Matrix<D>> {
        let weights = self.weights;
        Ok(D::linear_joined(self.tape, x, &maps.map(|map| linear(weights, map)))?)
    }

    /// `gelu(x W + b)`.
    pub(crate) fn linear_gelu(&mut self, x: &Matrix<D>, map: Linear, gelu: Gelu) -> Result<Matrix<D>> {
        Ok(D::linear_gelu(self.tape, x, linear(self.weights, map), gelu)?)
    }

    /// The layer norm of x.
    pub(crate) fn layer_norm(&mut self, x: &Matrix<D>, norm: Norm) -> Result<Matrix<D>> {
        Ok(D::layer_norm(self.tape, x, self.norm(norm))?)
    }

    /// `x + residual` and its layer norm.
    pub(crate) fn add_layer_norm(
        &mut self,
        x: &Matrix<D>,
        residual: &Matrix<D>,
        norm: Norm,
    ) -> Result<(Matrix<D>, Matrix<D>)> {
        Ok(D::add_layer_norm(self.tape, x, residual, self.norm(norm))?)
    }

    /// Multi-head attention over the packed `[N, 3·H]` of one layer.
    pub(crate) fn attention(&mut self, qkv: &Matrix<D>, layer: usize, visibility: Visibility) -> Result<Matrix<D>> {
        let spec = Attention {
            batch: self.batch.batch_size,
            sequence: self.batch.sequence_length,
            heads: self.config.num_attention_heads,
            head_dim: self.config.head_dim(),
            visibility,
            real_tokens: self.batch.real_tokens.as_deref(),
            dropout: self.mask(Site::AttentionProbabilities(layer), self.config.attention_dropout),
        };
        Ok(D::attention(self.tape, qkv, spec)?)
    }

    /// Dropout on the residual stream or on what is added to it; x itself where there is none.
    pub(crate) fn dropout(&mut self, x: Matrix<D>, site: Site) -> Result<Matrix<D>> {
        match self.mask(site, self.config.hidden_dropout) {
            Some(dropout) => Ok(D::dropout(self.tape, &x, dropout)?),
            None => Ok(x),
        }
    }

    /// The logits `[N, V]` of hidden states, by a decoder tied to the token embedding.
    pub(crate) fn decode(&mut self, hidden: &Matrix<D>, tied: Table, bias: Option<Table>) -> Result<Matrix<D>> {
        Ok(D::linear(self.tape, hidden, self.head(tied, bias))?)
    }

    /// The mean loss of hidden states under targets, by a decoder tied to the token embedding.
    pub(crate) fn cross_entropy(
        &mut self,
        hidden: &Matrix<D>,
        tied: Table,
        bias: Option<Table>,
        targets: &[i32],
    ) -> Result<Scalar<D>> {
        Ok(D::cross_entropy(self.tape, hidden, self.head(tied, bias), targets)?)
    }

    fn head(&self, tied: Table, bias: Option<Table>) -> kernels::Linear<'a, D> {
        let weights = self.weights;
        kernels::Linear { weight: &weights[tied.0], bias: bias.map(|bias| &weights[bias.0]), layout: Layout::OutIn }
    }

    fn norm(&self, norm: Norm) -> kernels::LayerNorm<'a, D> {
        let weights = self.weights;
        kernels::LayerNorm { gain: &weights[norm.gain], bias: &weights[norm.bias], eps: self.config.layer_norm_eps() }
    }

    fn mask(&self, site: Site, p: f32) -> Option<Dropout> {
        match self.mode {
            Mode::Train { dropout_key } if p > 0.0 => Some(Dropout { p, key: mix(dropout_key ^ mix(site.number())) }),
            _ => None,
        }
    }
}

fn linear<D: Kernels>(weights: &[Matrix<D>], map: Linear) -> kernels::Linear<'_, D> {
    kernels::Linear { weight: &weights[map.weight], bias: Some(&weights[map.bias]), layout: map.layout }
}

/// A bijection that spreads every bit of its argument over the whole number (the finaliser of SplitMix64).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_place_of_dropout_has_a_number_of_its_own() {
        let layers = 5;
        let mut numbers = BTreeSet::from([Site::Embeddings.number()]);
        for layer in 0..layers {
            for site in [Site::AttentionProbabilities, Site::AttentionOutput, Site::MlpOutput] {
                numbers.insert(site(layer).number());
            }
        }
        assert_eq!(numbers.len(), 1 + 3 * layers);
    }
}
