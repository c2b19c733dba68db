//! How a layer's attention reads the batch: its mask, its angles, and the caches when generating.

use super::{Pass, Site, mix};
use crate::declare::Linear;
use crate::rope::Tables;
use crate::{Inputs, Result};
use ligo_kernels::{Attention, Dropout, Kernels, Matrix, NO_ROW, Projections, Tape, Visibility};

impl<'a, D: Kernels, T: Tape<f32, D>> Pass<'a, D, T> {
    /// Multi-head attention over the packed `[N, (A + 2K)·E]` of one layer; over the layer's cache too when generating.
    pub(crate) fn attention(&mut self, qkv: &Matrix<D>, layer: usize) -> Result<Matrix<D>> {
        let spec = self.attention_spec(layer);
        match &mut self.generating {
            Some(generating) => Ok(D::attention_cached(qkv, &mut generating.caches[layer], spec)?),
            None => match &self.course.kept_rows {
                Some(kept) if self.shortened && kept.rotary.len() > 1 => {
                    self.attention_of_each(qkv, spec, &kept.rotary)
                }
                _ => Ok(D::attention(self.tape, Projections::Joined(qkv), spec)?),
            },
        }
    }

    /// Attention of one sequence at a time, as each has angles of its own.
    fn attention_of_each(&mut self, qkv: &Matrix<D>, spec: Attention<'_>, angles: &[Tables]) -> Result<Matrix<D>> {
        let (count, all) = (spec.sequence, angles.len() * spec.sequence);
        let (mut attended, mut places) = (Vec::new(), Vec::new());
        for (b, angles) in angles.iter().enumerate() {
            let own = b * count..(b + 1) * count;
            let rows: Vec<u32> = own.clone().map(|row| row as u32).collect();
            let spec = Attention {
                batch: 1,
                real_tokens: spec.real_tokens.map(|real| &real[own.clone()]),
                rotary: Some(angles.rotary()),
                // One key would give all sequences one mask.
                dropout: spec.dropout.map(|d| Dropout { key: mix(d.key ^ mix(b as u64)), ..d }),
                ..spec
            };
            let sequence = self.rows(qkv, &rows)?;
            attended.push(D::attention(self.tape, Projections::Joined(&sequence), spec)?);
            let place = |row| if own.contains(&row) { (row - own.start) as u32 } else { NO_ROW };
            places.push((0..all).map(place).collect::<Vec<u32>>());
        }
        let lookups: Vec<_> = attended.iter().zip(&places).map(|(rows, ids)| (rows, &ids[..])).collect();
        Ok(D::embedding(self.tape, &lookups)?)
    }

    /// Talking-heads attention over the packed `[N, 3·A·E]` of one layer.
    pub(crate) fn talking_attention(
        &mut self,
        qkv: &Matrix<D>,
        before: Linear,
        after: Linear,
        layer: usize,
    ) -> Result<Matrix<D>> {
        let (before, after) = (self.linear_of(before), self.linear_of(after));
        Ok(D::talking_attention(self.tape, qkv, before, after, self.attention_spec(layer))?)
    }

    /// Attention of the class tokens `[B, H]` over class tokens and patches `[B·(1 + n), 2·H]`.
    pub(crate) fn class_attention(
        &mut self,
        queries: &Matrix<D>,
        keys_values: &Matrix<D>,
        layer: usize,
    ) -> Result<Matrix<D>> {
        let mut spec = self.attention_spec(layer);
        spec.sequence += 1;
        Ok(D::attention(self.tape, Projections::Apart { queries, keys_values }, spec)?)
    }

    fn attention_spec(&self, layer: usize) -> Attention<'a> {
        let config = self.config;
        let real_tokens = match self.inputs {
            Inputs::Tokens(tokens) => tokens.real_tokens.as_deref(),
            Inputs::Images(_) => None,
        };
        let causal = Visibility::Causal { window: config.window(layer) };
        let all = (self.sequence(), real_tokens, self.rotary);
        let (sequence, real_tokens, rotary) = match &self.course.kept_rows {
            Some(kept) if self.shortened => (kept.count, kept.real_tokens.as_deref(), kept.rotary.first()),
            _ => all,
        };
        Attention {
            batch: self.batch_size(),
            sequence,
            heads: config.num_attention_heads,
            key_value_heads: config.num_key_value_heads(),
            head_dim: config.head_dim(),
            visibility: if config.family.is_causal() { causal } else { Visibility::Bidirectional },
            real_tokens,
            rotary: rotary.map(Tables::rotary),
            dropout: self.mask(Site::AttentionProbabilities(layer), config.attention_dropout),
            precision: self.precision,
        }
    }
}
