//! One forward pass under way: the tape, the weights, the inputs, and the operations in terms of the model's layers.
//!
//! What all families share: where dropout falls and by which key, how attention reads the batch (`attention`), and that every
//! operation finds its weights by index.

mod attention;

use crate::course::Course;
use crate::declare::{Linear, Norm, Table};
use crate::layers::{Between, Step};
use crate::recompute::Recompute;
use crate::rope::Tables;
use crate::{Inputs, Mode, ModelConfig, Result};
use ligo_kernels::{
    self as kernels, Activation, Dropout, HeadNorms, KernelError, Kernels, KeyValueCache, Layout, Matrix, NO_ROW,
    NoneTape, Precision, Scalar, Tape,
};

/// A place where dropout falls. Layers count from 0, CaiT's class-attention layers on from the others.
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
    /// A layer's attention as a whole, for each sequence.
    AttentionPath(usize),
    /// A layer's MLP as a whole, for each sequence.
    MlpPath(usize),
    /// Before a classifier's hidden map.
    Classifier,
    /// Before a classifier's output.
    ClassifierOutput,
}

impl Site {
    /// A number of its own for every place of a model.
    fn number(self) -> u64 {
        match self {
            Self::Embeddings => 0,
            Self::AttentionProbabilities(layer) => 4 * layer as u64 + 1,
            Self::AttentionOutput(layer) => 4 * layer as u64 + 2,
            Self::MlpOutput(layer) => 4 * layer as u64 + 3,
            Self::AttentionPath(layer) => (1 << 63) + 2 * layer as u64,
            Self::MlpPath(layer) => (1 << 63) + 2 * layer as u64 + 1,
            Self::Classifier => u64::MAX - 1,
            Self::ClassifierOutput => u64::MAX,
        }
    }
}

/// Where generating has got to.
pub(crate) struct Generating<'a, D: Kernels> {
    /// One per layer.
    pub(crate) caches: &'a mut [KeyValueCache<D>],
    /// Tokens of each sequence that the caches hold.
    pub(crate) seen: usize,
}

/// The state of a forward pass.
pub(crate) struct Pass<'a, D: Kernels, T: Tape<f32, D>> {
    pub(crate) tape: &'a mut T,
    pub(crate) device: &'a D,
    pub(crate) weights: &'a [Matrix<D>],
    pub(crate) config: &'a ModelConfig,
    /// Of all linear maps.
    pub(crate) precision: Precision,
    pub(crate) inputs: &'a Inputs,
    pub(crate) mode: Mode,
    /// Which part of the model is passed.
    pub(crate) course: &'a Course,
    /// Whether only the course's kept tokens are here.
    pub(crate) shortened: bool,
    /// Angles of rotary positions, in families that have them.
    pub(crate) rotary: Option<&'a Tables>,
    /// None but when generating token by token.
    pub(crate) generating: Option<Generating<'a, D>>,
    /// How blocks are recorded that are computed again on the way back; none: with all that they compute.
    pub(crate) recompute: Option<&'a Recompute<D, T>>,
}

impl<'a, D: Kernels, T: Tape<f32, D>> Pass<'a, D, T> {
    /// Number of sequences or images.
    pub(crate) fn batch_size(&self) -> usize {
        self.inputs.batch_size()
    }

    /// Tokens of one sequence, or class token, distillation token and patches of one image.
    pub(crate) fn sequence(&self) -> usize {
        self.inputs.sequence_length(self.config)
    }

    /// The same pass where nothing is recorded.
    pub(crate) fn off_the_record<'b>(&self, tape: &'b mut NoneTape) -> Pass<'b, D, NoneTape>
    where
        'a: 'b,
    {
        Pass {
            tape,
            device: self.device,
            weights: self.weights,
            config: self.config,
            precision: self.precision,
            inputs: self.inputs,
            mode: self.mode,
            course: self.course,
            shortened: self.shortened,
            rotary: self.rotary,
            generating: None,
            recompute: None,
        }
    }

    /// One block.
    pub(crate) fn step(&mut self, step: Step<'_>, between: Between<D>) -> Result<Between<D>> {
        match self.recompute {
            None => step.run(self, between),
            Some(recompute) => recompute.step(self, step, between),
        }
    }

    /// A constant: no gradient flows into it.
    pub(crate) fn constant(&self, values: Vec<f32>, shape: (usize, usize)) -> Result<Matrix<D>> {
        let failed = |error: D::Err| KernelError::Device { op: "inputs", reason: error.to_string() };
        Ok(self.device.try_tensor_from_vec(values, shape).map_err(failed)?)
    }

    /// `Σ_k table_k[ids_k]` → `[N, H]`.
    pub(crate) fn embedding(&mut self, lookups: &[(Table, &[u32])]) -> Result<Matrix<D>> {
        let weights = self.weights;
        let lookups: Vec<_> = lookups.iter().map(|&(Table(table), ids)| (&weights[table], ids)).collect();
        Ok(D::embedding(self.tape, &lookups)?)
    }

    /// As [`Pass::embedding`], but that row `fixed` of the first `tables` tables gets no gradient: what `transformers` does with
    /// the padding token's.
    pub(crate) fn embedding_with_fixed_row(
        &mut self,
        lookups: &[(Table, &[u32])],
        fixed: u32,
        tables: usize,
    ) -> Result<Matrix<D>> {
        let weights = self.weights;
        let mut parts = Vec::new();
        for (i, &(Table(table), ids)) in lookups.iter().enumerate() {
            if i >= tables {
                parts.push((weights[table].clone(), ids.to_vec()));
                continue;
            }
            let row = D::embedding(&mut NoneTape, &[(&weights[table], &[fixed])])?;
            parts.push((weights[table].clone(), ids.iter().map(|&id| if id == fixed { NO_ROW } else { id }).collect()));
            parts.push((row, ids.iter().map(|&id| if id == fixed { 0 } else { NO_ROW }).collect()));
        }
        let lookups: Vec<_> = parts.iter().map(|(table, ids)| (table, &ids[..])).collect();
        Ok(D::embedding(self.tape, &lookups)?)
    }

    /// The same with rows of `x` in front: `x[rows] + Σ_k table_k[ids_k]`.
    pub(crate) fn embedding_onto(
        &mut self,
        (x, rows): (&Matrix<D>, &[u32]),
        lookups: &[(Table, &[u32])],
    ) -> Result<Matrix<D>> {
        let weights = self.weights;
        let tables = lookups.iter().map(|&(Table(table), ids)| (&weights[table], ids));
        let lookups: Vec<_> = [(x, rows)].into_iter().chain(tables).collect();
        Ok(D::embedding(self.tape, &lookups)?)
    }

    /// Some rows of `x`, differentiably.
    pub(crate) fn rows(&mut self, x: &Matrix<D>, rows: &[u32]) -> Result<Matrix<D>> {
        Ok(D::embedding(self.tape, &[(x, rows)])?)
    }

    /// Row `place` of each sequence of x `[N, H]` → `[B, H]`.
    pub(crate) fn row_of_each(&mut self, x: &Matrix<D>, place: usize) -> Result<Matrix<D>> {
        let rows: Vec<u32> = (0..self.batch_size()).map(|b| (b * self.sequence() + place) as u32).collect();
        self.rows(x, &rows)
    }

    /// A vector once for each sequence: `[B, H]`.
    pub(crate) fn repeated(&mut self, vector: Table) -> Result<Matrix<D>> {
        let ids = vec![0; self.batch_size()];
        self.embedding(&[(vector, &ids)])
    }

    /// Each image's class token before its patches: class `[B, H]`, patches `[B·n, H]` → `[B·(1 + n), H]`.
    pub(crate) fn class_before_patches(&mut self, class: &Matrix<D>, patches: &Matrix<D>) -> Result<Matrix<D>> {
        let (batch, sequence) = (self.batch_size() as u32, self.sequence() as u32);
        let classes = (0..batch).flat_map(|b| std::iter::once(b).chain(std::iter::repeat_n(NO_ROW, sequence as usize)));
        let others = (0..batch).flat_map(|b| std::iter::once(NO_ROW).chain(b * sequence..(b + 1) * sequence));
        let (classes, others): (Vec<u32>, Vec<u32>) = (classes.collect(), others.collect());
        Ok(D::embedding(self.tape, &[(class, &classes), (patches, &others)])?)
    }

    /// The class tokens of what [`Pass::class_before_patches`] made.
    pub(crate) fn first_rows(&mut self, joined: &Matrix<D>) -> Result<Matrix<D>> {
        let step = 1 + self.sequence();
        let rows: Vec<u32> = (0..self.batch_size()).map(|b| (b * step) as u32).collect();
        self.rows(joined, &rows)
    }

    /// `x W + b`.
    pub(crate) fn linear(&mut self, x: &Matrix<D>, map: Linear) -> Result<Matrix<D>> {
        Ok(D::linear(self.tape, x, self.linear_of(map))?)
    }

    /// Several maps of one input, side by side.
    pub(crate) fn linear_joined(&mut self, x: &Matrix<D>, maps: &[Linear]) -> Result<Matrix<D>> {
        let maps: Vec<_> = maps.iter().map(|&map| self.linear_of(map)).collect();
        Ok(D::linear_joined(self.tape, x, &maps)?)
    }

    /// `f(x W + b)` with the model's activation.
    pub(crate) fn linear_activated(&mut self, x: &Matrix<D>, map: Linear) -> Result<Matrix<D>> {
        let activation = self.config.hidden_act().into();
        Ok(D::linear_activated(self.tape, x, self.linear_of(map), activation)?)
    }

    /// `f(x W + b)` with an activation of the layer's own.
    pub(crate) fn linear_by(&mut self, x: &Matrix<D>, map: Linear, activation: Activation) -> Result<Matrix<D>> {
        Ok(D::linear_activated(self.tape, x, self.linear_of(map), activation)?)
    }

    /// `f(gate(x)) ∘ up(x)` with the model's activation.
    pub(crate) fn linear_gated(&mut self, x: &Matrix<D>, gate: Linear, up: Linear) -> Result<Matrix<D>> {
        let (gate, up) = (self.linear_of(gate), self.linear_of(up));
        Ok(D::linear_gated(self.tape, x, gate, up, self.config.hidden_act().into())?)
    }

    /// `a + b`.
    pub(crate) fn add(&mut self, a: &Matrix<D>, b: &Matrix<D>) -> Result<Matrix<D>> {
        Ok(D::add(self.tape, a, b)?)
    }

    /// `γ ∘ x`; x itself without γ.
    pub(crate) fn scale(&mut self, x: Matrix<D>, gain: Option<Table>) -> Result<Matrix<D>> {
        match gain {
            Some(Table(gain)) => Ok(D::scale(self.tape, &x, &self.weights[gain])?),
            None => Ok(x),
        }
    }

    /// What a layer adds to the residual stream, divided by the probability with which the layer was kept.
    pub(crate) fn of_kept(&mut self, x: Matrix<D>, layer: usize) -> Result<Matrix<D>> {
        let probability = self.course.kept(layer);
        if probability == 1.0 {
            return Ok(x);
        }
        let width = self.config.hidden_size;
        let gain = self.constant(vec![1.0 / probability; width], (1, width))?;
        Ok(D::scale(self.tape, &x, &gain)?)
    }

    /// The norm of x.
    pub(crate) fn norm(&mut self, x: &Matrix<D>, norm: Norm) -> Result<Matrix<D>> {
        match &self.course.norm_weights {
            None => Ok(D::norm(self.tape, x, self.norm_of(norm))?),
            Some(weights) => Ok(D::weighted_norm(self.tape, x, self.norm_of(norm), weights)?),
        }
    }

    /// `x + residual` and its norm.
    pub(crate) fn add_norm(
        &mut self,
        x: &Matrix<D>,
        residual: &Matrix<D>,
        norm: Norm,
    ) -> Result<(Matrix<D>, Matrix<D>)> {
        if self.course.norm_weights.is_none() {
            return Ok(D::add_norm(self.tape, x, residual, self.norm_of(norm))?);
        }
        let sum = self.add(x, residual)?;
        let normed = self.norm(&sum, norm)?;
        Ok((sum, normed))
    }

    /// RMS norms of each query head and each key head of a packed `[N, (A + 2K)·E]`.
    pub(crate) fn head_norms(&mut self, qkv: &Matrix<D>, query: Table, key: Table) -> Result<Matrix<D>> {
        let norms = HeadNorms {
            heads: self.config.num_attention_heads,
            key_value_heads: self.config.num_key_value_heads(),
            query_gain: &self.weights[query.0],
            key_gain: &self.weights[key.0],
            eps: self.config.layer_norm_eps(),
        };
        Ok(D::head_norms(self.tape, qkv, norms)?)
    }

    /// Dropout on the residual stream or on what is added to it, which may be left out as a whole; x itself where there is none.
    pub(crate) fn dropout(&mut self, x: Matrix<D>, site: Site) -> Result<Matrix<D>> {
        let p = match site {
            Site::Classifier | Site::ClassifierOutput => self.config.classifier_dropout(),
            _ => self.config.hidden_dropout,
        };
        let x = match self.mask(site, p) {
            Some(dropout) => D::dropout(self.tape, &x, dropout)?,
            None => x,
        };
        match site {
            Site::AttentionOutput(layer) => self.drop_path(x, Site::AttentionPath(layer), layer),
            Site::MlpOutput(layer) => self.drop_path(x, Site::MlpPath(layer), layer),
            _ => Ok(x),
        }
    }

    /// What is left of a branch of a layer, for each sequence all or nothing; x itself where nothing is left out.
    fn drop_path(&mut self, x: Matrix<D>, path: Site, layer: usize) -> Result<Matrix<D>> {
        let Some(dropout) = self.mask(path, self.course.dropped(layer)) else { return Ok(x) };
        // Equally many tokens of each sequence are here, all or those that are kept.
        let (tokens, _) = *dfdx::shapes::HasShape::shape(&x);
        Ok(D::drop_path(self.tape, &x, tokens / self.batch_size(), dropout)?)
    }

    /// The logits `[N, V]` of hidden states.
    pub(crate) fn decode(&mut self, hidden: &Matrix<D>, weight: Table, bias: Option<Table>) -> Result<Matrix<D>> {
        Ok(D::linear(self.tape, hidden, self.decoder(weight, bias))?)
    }

    /// The mean loss of hidden states under targets.
    pub(crate) fn cross_entropy(
        &mut self,
        hidden: &Matrix<D>,
        weight: Table,
        bias: Option<Table>,
        targets: &[i32],
    ) -> Result<Scalar<D>> {
        Ok(D::cross_entropy(self.tape, hidden, self.decoder(weight, bias), targets)?)
    }

    fn decoder(&self, weight: Table, bias: Option<Table>) -> kernels::Linear<'a, D> {
        let weights = self.weights;
        let bias = bias.map(|bias| &weights[bias.0]);
        kernels::Linear { weight: &weights[weight.0], bias, layout: Layout::OutIn, precision: self.precision }
    }

    fn linear_of(&self, map: Linear) -> kernels::Linear<'a, D> {
        let (weights, precision) = (self.weights, self.precision);
        let bias = map.bias.map(|bias| &weights[bias]);
        kernels::Linear { weight: &weights[map.weight], bias, layout: map.layout, precision }
    }

    fn norm_of(&self, norm: Norm) -> kernels::Norm<'a, D> {
        let weights = self.weights;
        kernels::Norm {
            kind: norm.kind,
            gain: &weights[norm.gain],
            bias: norm.bias.map(|bias| &weights[bias]),
            eps: self.config.layer_norm_eps(),
        }
    }

    fn mask(&self, site: Site, p: f32) -> Option<Dropout> {
        match self.mode {
            Mode::Train { dropout_key } if p > 0.0 => Some(Dropout { p, key: mix(dropout_key ^ mix(site.number())) }),
            _ => None,
        }
    }
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
        let mut numbers =
            BTreeSet::from([Site::Embeddings, Site::Classifier, Site::ClassifierOutput].map(Site::number));
        for layer in 0..layers {
            for site in [
                Site::AttentionProbabilities,
                Site::AttentionOutput,
                Site::MlpOutput,
                Site::AttentionPath,
                Site::MlpPath,
            ] {
                numbers.insert(site(layer).number());
            }
        }
        assert_eq!(numbers.len(), 3 + 5 * layers);
    }
}
