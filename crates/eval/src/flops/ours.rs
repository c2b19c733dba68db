//! Our own count of a forward pass; see [`super::Convention::Ours`].
//!
//! H hidden size, F inner width, A heads of E, K key/value heads, S tokens of a sequence, V vocabulary, C labels; B sequences or
//! images, N = B·S tokens, M labelled tokens of a step.

use super::StepShape;
use super::per_element::{DROPOUT, LAYER_NORM, RMS_NORM, ROTARY, SOFTMAX, SQUARED_ERROR, TANH, activation};
use ligo_models::{Family, Head, ModelConfig, Space};

/// Name and FLOPs of every operation that a model has, all layers together.
pub(super) fn forward(config: &ModelConfig, shape: StepShape) -> Vec<(&'static str, f64)> {
    let count = Count::new(config, shape);
    let layers = config.num_hidden_layers as f64;
    let mut operations = count.inputs();
    operations.push(("norms", count.norms()));
    operations.extend(count.layer().into_iter().map(|(name, flops)| (name, layers * flops)));
    operations.push(("class-attention layers", config.num_class_layers() as f64 * count.class_layer()));
    operations.extend(count.head());
    operations.retain(|&(_, flops)| flops > 0.0);
    operations
}

/// The sizes, as numbers to count with.
pub(super) struct Count<'a> {
    config: &'a ModelConfig,
    h: f64,
    f: f64,
    a: f64,
    /// A·E.
    query: f64,
    /// K·E.
    key: f64,
    s: f64,
    b: f64,
    n: f64,
    m: f64,
    hidden_dropout: f64,
    attention_dropout: f64,
    /// Of a norm, per element.
    per_normed: f64,
}

/// A linear map.
fn linear(rows: f64, inputs: f64, outputs: f64, bias: bool) -> f64 {
    rows * outputs * (2.0 * inputs + if bias { 1.0 } else { 0.0 })
}

fn sum(operations: Vec<(&'static str, f64)>) -> f64 {
    operations.into_iter().map(|(_, flops)| flops).sum()
}

fn is_post_norm(family: Family) -> bool {
    matches!(family, Family::Bert | Family::Roberta)
}

fn if_any(rate: f32) -> f64 {
    if rate > 0.0 { DROPOUT } else { 0.0 }
}

impl<'a> Count<'a> {
    pub(super) fn new(config: &'a ModelConfig, shape: StepShape) -> Self {
        let width = |space| config.space(space).width() as f64;
        Self {
            config,
            h: width(Space::Embed),
            f: config.intermediate_size() as f64,
            a: config.num_attention_heads as f64,
            query: width(Space::Query(0)),
            key: width(Space::Key(0)),
            s: shape.sequence_length as f64,
            b: shape.sequences as f64,
            n: shape.tokens(),
            m: shape.labelled(),
            hidden_dropout: if_any(config.hidden_dropout),
            attention_dropout: if_any(config.attention_dropout),
            per_normed: if config.family.is_llama_style() { RMS_NORM } else { LAYER_NORM },
        }
    }

    /// With norms whose statistics weigh the coordinates: a product more for each sum.
    pub(super) fn with_weighted_norms(self) -> Self {
        let sums = if self.config.family.is_llama_style() { 1.0 } else { 2.0 };
        Self { per_normed: self.per_normed + sums, ..self }
    }

    /// Before the layers: embeddings, and their norm where it stands there.
    pub(super) fn below(&self) -> f64 {
        let norm = if is_post_norm(self.config.family) { self.norm(self.n) } else { 0.0 };
        sum(self.inputs()) + norm
    }

    /// One layer with its norms.
    pub(super) fn layer_with_norms(&self) -> f64 {
        2.0 * self.norm(self.n) + sum(self.layer())
    }

    /// Dividing both branches of a layer by the probability with which it was kept.
    pub(super) fn kept_branches(&self) -> f64 {
        2.0 * self.n * self.h
    }

    /// Behind the layers: class-attention layers, the last norm, the head and its loss.
    pub(super) fn above(&self) -> f64 {
        let norm = match self.config.family {
            family if is_post_norm(family) => 0.0,
            Family::Cait => self.norm(self.b),
            _ => self.norm(self.n),
        };
        self.config.num_class_layers() as f64 * self.class_layer() + norm + sum(self.head())
    }

    /// Logits that the loss looks at.
    pub(super) fn labelled_logits(&self) -> f64 {
        match self.config.head() {
            Head::CausalLm | Head::MaskedLm => self.m * self.config.vocab_size as f64,
            _ => self.b * self.config.space(Space::Label).width() as f64,
        }
    }

    /// From tokens or pixels to the residual stream.
    fn inputs(&self) -> Vec<(&'static str, f64)> {
        let config = self.config;
        // Tables that are added up; lookups are free, and so is putting the class token before the patches.
        let tables = match config.family {
            Family::Gpt2 | Family::Vit | Family::Deit | Family::Cait => 2.0,
            Family::Bert | Family::Roberta => 3.0,
            Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => 1.0,
        };
        let patches = if config.family.reads_images() { config.num_patches() as f64 } else { 0.0 };
        let pixels = config.space(Space::Patch).width() as f64;
        vec![
            ("patch projection", linear(self.b * patches, pixels, self.h, true)),
            ("embeddings", self.n * self.h * (tables - 1.0 + self.hidden_dropout)),
        ]
    }

    fn norm(&self, rows: f64) -> f64 {
        rows * self.h * self.per_normed
    }

    /// Before or after each of the two halves of a layer, and once more: after the embeddings or before the head.
    fn norms(&self) -> f64 {
        let last = if self.config.family == Family::Cait { self.b } else { self.n };
        2.0 * self.config.num_hidden_layers as f64 * self.norm(self.n) + self.norm(last)
    }

    /// One layer without its norms.
    fn layer(&self) -> Vec<(&'static str, f64)> {
        let (config, n) = (self.config, self.n);
        let queries_and_keys = n * (self.query + self.key);
        let head_norms = if config.family == Family::Qwen3 { RMS_NORM * queries_and_keys } else { 0.0 };
        let rotary = if config.family.is_llama_style() { ROTARY * queries_and_keys } else { 0.0 };
        // Two maps across the heads for every pair of tokens.
        let talking = if config.family == Family::Cait { 2.0 * linear(n * self.s, self.a, self.a, true) } else { 0.0 };
        let projections = self.query + 2.0 * self.key;
        let (inner, output) = self.mlp(n, self.f);
        vec![
            ("query, key, value", linear(n, self.h, projections, config.query_key_value_bias())),
            ("query and key norms", head_norms),
            ("rotary positions", rotary),
            ("attention", self.scores(n, self.s)),
            ("talking heads", talking),
            ("attention output", linear(n, self.query, self.h, config.attention_output_bias())),
            ("MLP, first half", inner),
            ("MLP, second half", output),
            ("layer scale", self.layer_scale(n)),
            ("residual stream", 2.0 * n * self.h * (1.0 + self.hidden_dropout)),
        ]
    }

    /// Every score takes part in the product q kᵀ, the scaling, the softmax, and the weighted sum of values; that heads share
    /// keys and values saves nothing here.
    fn scores(&self, queries: f64, keys: f64) -> f64 {
        queries * keys * (4.0 * self.query + self.a * (1.0 + SOFTMAX + self.attention_dropout))
    }

    /// Both halves.
    fn mlp(&self, rows: f64, inner: f64) -> (f64, f64) {
        let (config, bias) = (self.config, self.config.mlp_bias());
        let half = linear(rows, self.h, inner, bias);
        let activated = rows * inner * activation(config.hidden_act());
        let gated = if config.family.is_llama_style() { half + rows * inner } else { 0.0 };
        (half + activated + gated, linear(rows, inner, self.h, bias))
    }

    /// Of both halves.
    fn layer_scale(&self, rows: f64) -> f64 {
        if self.config.family == Family::Cait { 2.0 * rows * self.h } else { 0.0 }
    }

    /// One of CaiT's last layers with its norms: the class tokens look at themselves and the patches.
    fn class_layer(&self) -> f64 {
        let (config, b, joined) = (self.config, self.b, self.n + self.b);
        let bias = config.query_key_value_bias();
        let (inner, output) = self.mlp(b, config.class_intermediate_size() as f64);
        self.norm(joined)
            + linear(b, self.h, self.query, bias)
            + linear(joined, self.h, 2.0 * self.key, bias)
            + self.scores(b, self.s + 1.0)
            + linear(b, self.query, self.h, true)
            + self.norm(b)
            + inner
            + output
            + self.layer_scale(b)
            + 2.0 * b * self.h * (1.0 + self.hidden_dropout)
    }

    /// What stands on top, with its loss.
    fn head(&self) -> Vec<(&'static str, f64)> {
        let (config, h, b, m) = (self.config, self.h, self.b, self.m);
        let (vocabulary, labels) = (config.vocab_size as f64, config.space(Space::Label).width() as f64);
        let dense = linear(b, h, h, true) + b * h * TANH;
        let dropout = b * h * if_any(config.classifier_dropout());
        let softmax = b * labels * SOFTMAX;
        match config.head() {
            Head::CausalLm => vec![("output", linear(m, h, vocabulary, false) + m * vocabulary * SOFTMAX)],
            Head::MaskedLm => vec![
                ("head transform", linear(m, h, h, true) + m * h * activation(config.hidden_act()) + self.norm(m)),
                ("output", linear(m, h, vocabulary, true) + m * vocabulary * SOFTMAX),
            ],
            Head::SequenceClassification | Head::SequenceRegression => {
                // RoBERTa's dense layer has a dropout on either side.
                let dropout = if config.family == Family::Roberta { 2.0 * dropout } else { dropout };
                let loss = if config.head() == Head::SequenceRegression { b * labels * SQUARED_ERROR } else { softmax };
                vec![("pooler", dense + dropout), ("output", linear(b, h, labels, true) + loss)]
            }
            Head::QuestionAnswering => {
                vec![("output", linear(self.n, h, labels, true) + self.n * labels * SOFTMAX)]
            }
            Head::ImageClassification => vec![("output", linear(b, h, labels, true) + softmax)],
            Head::DistilledImageClassification => {
                vec![("output", 2.0 * linear(b, h, labels, true) + 2.0 * b * labels + softmax)]
            }
            Head::None => vec![("pooler", if config.has_pooler() { dense } else { 0.0 })],
        }
    }
}
