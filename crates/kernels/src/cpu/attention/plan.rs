//! What is the same for all heads of an attention: its checked sizes, and which keys a query sees.

use super::super::buffers::shape_error;
use super::super::dropout::Mask;
use super::parts::Part;
use super::turns::Turns;
use crate::{Attention, Precision, Result, Visibility};
use std::ops::Range;

pub(in crate::cpu) struct Plan {
    /// B.
    pub(in crate::cpu) batch: usize,
    /// Q, of each sequence.
    pub(in crate::cpu) queries: usize,
    /// S, of each sequence.
    pub(in crate::cpu) keys: usize,
    /// Keys before the one that belongs to the first query.
    pub(in crate::cpu) past: usize,
    /// A.
    pub(in crate::cpu) heads: usize,
    /// A/K.
    pub(in crate::cpu) group: usize,
    /// E.
    pub(in crate::cpu) head_dim: usize,
    /// How many keys, up to its own, a query sees; none: all keys of its sequence.
    reach: Option<usize>,
    pub(in crate::cpu) precision: Precision,
    /// 1/√E.
    pub(in crate::cpu) scale: f32,
    /// 0 for a real key, −∞ for padding, `[B · S]`.
    key_bias: Option<Vec<f32>>,
    pub(in crate::cpu) dropout: Option<Mask>,
    /// The positions of the queries, and of the keys unless they are turned already.
    pub(in crate::cpu) turns: Option<Turns>,
    pub(in crate::cpu) keys_are_turned: bool,
}

/// Which head of which sequence.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Place {
    pub(in crate::cpu) sequence: usize,
    pub(in crate::cpu) head: usize,
    /// Number among all (sequence, head).
    task: usize,
}

impl Plan {
    /// Queries, keys and values of the same tokens, `past` of which came before `spec.sequence` new ones.
    ///
    /// # Errors
    /// If a size is none at all or contradicts another one.
    pub(in crate::cpu) fn new(op: &'static str, spec: &Attention<'_>, past: usize) -> Result<Self> {
        let Attention { batch, sequence, heads, key_value_heads, head_dim, .. } = *spec;
        if heads == 0 || head_dim == 0 {
            let found = format!("{heads} heads of {head_dim}");
            return Err(shape_error(op, "head count and size", found, "at least 1 head of 1"));
        }
        if key_value_heads == 0 || !heads.is_multiple_of(key_value_heads) {
            let expected = format!("a divisor of {heads}, the number of heads");
            return Err(shape_error(op, "number of key and value heads", key_value_heads, expected));
        }
        let reach = match spec.visibility {
            Visibility::Bidirectional => None,
            Visibility::Causal { window: Some(0) } => return Err(shape_error(op, "window", 0, "at least 1")),
            Visibility::Causal { window } => Some(window.unwrap_or(usize::MAX)),
        };
        let key_bias = match spec.real_tokens {
            Some(real) if real.len() != batch * sequence => {
                return Err(shape_error(op, "length of the padding mask", real.len(), batch * sequence));
            }
            Some(real) => Some(real.iter().map(|&real| if real { 0.0 } else { f32::NEG_INFINITY }).collect()),
            None => None,
        };
        let turns = spec.rotary.map(|rotary| Turns::new(op, rotary, head_dim, past..past + sequence)).transpose()?;
        Ok(Self {
            batch,
            queries: sequence,
            keys: past + sequence,
            past,
            heads,
            group: heads / key_value_heads,
            head_dim,
            reach,
            precision: spec.precision,
            scale: 1.0 / (head_dim as f32).sqrt(),
            key_bias,
            dropout: spec.dropout.filter(|dropout| dropout.p != 0.0).map(|d| Mask::new(op, d)).transpose()?,
            turns,
            keys_are_turned: false,
        })
    }

    /// `rows` queries, the same number for each sequence, of other tokens than the keys.
    ///
    /// # Errors
    /// If the number is not the same for each, or the plan asks for what only tokens among the keys can have.
    pub(in crate::cpu) fn with_queries(mut self, op: &'static str, rows: usize) -> Result<Self> {
        if self.reach.is_some() {
            return Err(shape_error(op, "visibility of keys to queries of other tokens", "causal", "bidirectional"));
        }
        if self.turns.is_some() {
            let (found, expected) = ("given", "none: the queries are of other tokens than the keys");
            return Err(shape_error(op, "rotary positions", found, expected));
        }
        self.queries = rows.checked_div(self.batch).unwrap_or(0);
        if self.queries * self.batch != rows {
            let expected = format!("a multiple of {}, the number of sequences", self.batch);
            return Err(shape_error(op, "number of queries", rows, expected));
        }
        Ok(self)
    }

    /// K.
    pub(in crate::cpu) fn key_heads(&self) -> usize {
        self.heads / self.group
    }

    /// `A · E`.
    pub(in crate::cpu) fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// `K · E`.
    pub(in crate::cpu) fn key_width(&self) -> usize {
        self.key_heads() * self.head_dim
    }

    /// Queries, keys and values side by side in `[B·S, (A + 2K)·E]`.
    pub(in crate::cpu) fn joined<D: Copy>(&self, data: D) -> [Part<D>; 3] {
        let (width, key_width) = (self.width(), self.key_width());
        let stride = width + 2 * key_width;
        [0, width, width + key_width].map(|offset| Part { data, stride, offset, rows: self.queries })
    }

    /// Queries in `[B·Q, A·E]`, keys and values in `[B·S, 2·K·E]`.
    pub(in crate::cpu) fn apart<D: Copy>(&self, queries: D, keys_values: D) -> [Part<D>; 3] {
        let key_width = self.key_width();
        let part = |offset| Part { data: keys_values, stride: 2 * key_width, offset, rows: self.keys };
        [self.output(queries), part(0), part(key_width)]
    }

    /// Outputs, or queries on their own, `[B·Q, A·E]`.
    pub(in crate::cpu) fn output<D: Copy>(&self, data: D) -> Part<D> {
        Part { data, stride: self.width(), offset: 0, rows: self.queries }
    }

    pub(in crate::cpu) fn place(&self, task: usize) -> Place {
        Place { sequence: task / self.heads, head: task % self.heads, task }
    }

    /// The keys that the query sees, if they are no padding.
    #[inline(always)]
    pub(in crate::cpu) fn visible(&self, query: usize) -> Range<usize> {
        match self.reach {
            Some(reach) => {
                let end = self.past + query + 1;
                end.saturating_sub(reach)..end
            }
            None => 0..self.keys,
        }
    }

    /// From the first key that one of the queries sees to the last.
    pub(in crate::cpu) fn visible_to_any(&self, queries: Range<usize>) -> Range<usize> {
        self.visible(queries.start).start..self.visible(queries.end - 1).end
    }

    /// Scales a query's raw scores of the keys from `first_key` on, and hides what it must not see.
    #[inline(always)]
    pub(in crate::cpu) fn mask(&self, place: Place, query: usize, first_key: usize, scores: &mut [f32]) {
        let visible = self.visible(query);
        let end = visible.end.saturating_sub(first_key).min(scores.len());
        let start = visible.start.saturating_sub(first_key).min(end);
        scores[..start].fill(f32::NEG_INFINITY);
        scores[end..].fill(f32::NEG_INFINITY);
        let scores = &mut scores[start..end];
        match &self.key_bias {
            Some(bias) => {
                let bias = &bias[place.sequence * self.keys + first_key + start..][..scores.len()];
                scores.iter_mut().zip(bias).for_each(|(s, b)| *s = s.mul_add(self.scale, *b));
            }
            None => scores.iter_mut().for_each(|s| *s *= self.scale),
        }
    }

    /// Number of the probability (query, key) among all: what dropout hashes.
    #[inline(always)]
    pub(in crate::cpu) fn index(&self, place: Place, query: usize, key: usize) -> u64 {
        let row = place.task as u64 * self.queries as u64 + query as u64;
        row * self.keys as u64 + key as u64
    }
}
