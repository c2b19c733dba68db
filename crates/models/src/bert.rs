//! BERT as a masked language model (Devlin et al. 2019): post-norm, bidirectional, with a tied decoder.
//!
//! ```text
//! x = LayerNorm(word[id] + position[i] + token_type[0])
//! for each layer:  x = LayerNorm(x + dense(attention(query(x), key(x), value(x))))
//!                  x = LayerNorm(x + dense(gelu(dense(x))))
//! logits = LayerNorm(gelu(dense(x))) wordᵀ + bias
//! ```
//!
//! Shapes: N = B·S tokens, H hidden size, F inner width, V vocabulary. Weights lie as `[outputs, inputs]`, as the Hub's
//! checkpoints have them. Names and fresh weights as in `transformers`, but that the padding token's row is drawn like the
//! others. There is no pooler and no next-sentence head, and every token is of type 0.

use crate::declare::{Declare, Linear, Norm, Table};
use crate::pass::{Pass, Site};
use crate::{ModelConfig, Result, Role, Space};
use ligo_kernels::{Gelu, IGNORED, Kernels, Layout, Matrix, Scalar, Tape, Visibility};

/// Where the weights are.
#[derive(Debug, Clone)]
pub(crate) struct Bert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    head: Head,
}

#[derive(Debug, Clone)]
struct Embeddings {
    /// `[V, H]`, also the decoder.
    word: Table,
    position: Table,
    token_type: Table,
    norm: Norm,
}

#[derive(Debug, Clone)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    /// `[F, H]`.
    intermediate: Linear,
    /// `[H, F]`.
    output: Linear,
    output_norm: Norm,
}

/// What stands between the last hidden state and the decoder, and the decoder's own bias.
#[derive(Debug, Clone)]
struct Head {
    transform: Linear,
    norm: Norm,
    bias: Table,
}

impl Bert {
    pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Self {
        let embeddings = Embeddings {
            word: declare.table("bert.embeddings.word_embeddings.weight", Space::Vocab),
            position: declare.table("bert.embeddings.position_embeddings.weight", Space::Position),
            token_type: declare.table("bert.embeddings.token_type_embeddings.weight", Space::TokenType),
            norm: declare.norm("bert.embeddings.LayerNorm", Role::Produces),
        };
        let layers = (0..config.num_hidden_layers).map(|layer| Layer::declare(declare, layer)).collect();
        declare.in_layer(None);
        let head = Head {
            bias: declare.bias("cls.predictions.bias", Space::Vocab),
            transform: declare.linear("cls.predictions.transform.dense", Layout::OutIn, Space::Embed, &[Space::Embed]),
            // It feeds the tied decoder alone, whose matrix grows as a producer of Embed: the norm has to be the consumer.
            norm: declare.norm("cls.predictions.transform.LayerNorm", Role::Consumes),
        };
        Self { embeddings, layers, head }
    }

    /// The last hidden states: `[N, H]`.
    fn hidden<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Matrix<D>> {
        let Embeddings { word, position, token_type, norm } = self.embeddings;
        let (positions, types) = (pass.positions(), vec![0; pass.batch.tokens()]);
        let embedded =
            pass.embedding(&[(word, &pass.batch.input_ids), (position, &positions), (token_type, &types)])?;
        let normed = pass.layer_norm(&embedded, norm)?;
        let mut x = pass.dropout(normed, Site::Embeddings)?;
        for (number, layer) in self.layers.iter().enumerate() {
            let qkv = pass.linear_joined(&x, [layer.query, layer.key, layer.value])?;
            let attended = pass.attention(&qkv, number, Visibility::Bidirectional)?;
            let projected = pass.linear(&attended, layer.attention_output)?;
            let projected = pass.dropout(projected, Site::AttentionOutput(number))?;
            (_, x) = pass.add_layer_norm(&projected, &x, layer.attention_norm)?;

            let inner = pass.linear_gelu(&x, layer.intermediate, Gelu::Erf)?;
            let projected = pass.linear(&inner, layer.output)?;
            let projected = pass.dropout(projected, Site::MlpOutput(number))?;
            (_, x) = pass.add_layer_norm(&projected, &x, layer.output_norm)?;
        }
        Ok(x)
    }

    /// What the decoder reads.
    fn transform<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        hidden: &Matrix<D>,
    ) -> Result<Matrix<D>> {
        let transformed = pass.linear_gelu(hidden, self.head.transform, Gelu::Erf)?;
        pass.layer_norm(&transformed, self.head.norm)
    }

    /// `[N, V]`.
    pub(crate) fn logits<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Matrix<D>> {
        let hidden = self.hidden(pass)?;
        let transformed = self.transform(pass, &hidden)?;
        pass.decode(&transformed, self.embeddings.word, Some(self.head.bias))
    }

    /// Mean loss of the labelled tokens.
    pub(crate) fn loss<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Scalar<D>> {
        let hidden = self.hidden(pass)?;
        let all = &pass.batch.targets;
        let (rows, labels): (Vec<u32>, Vec<i32>) = (0..).zip(all).filter(|&(_, &label)| label != IGNORED).unzip();
        let (word, bias) = (self.embeddings.word, Some(self.head.bias));
        if rows.is_empty() || rows.len() == all.len() {
            let transformed = self.transform(pass, &hidden)?;
            return pass.cross_entropy(&transformed, word, bias, all);
        }
        // About 15 % of the tokens carry a label, and nobody asks what the head makes of the others.
        let labelled = pass.rows(&hidden, &rows)?;
        let transformed = self.transform(pass, &labelled)?;
        pass.cross_entropy(&transformed, word, bias, &labels)
    }
}

impl Layer {
    fn declare(declare: &mut Declare<'_>, layer: usize) -> Self {
        let (query, key, value, ffn) = (Space::Query(layer), Space::Key(layer), Space::Value(layer), Space::Ffn(layer));
        let linear = |declare: &mut Declare<'_>, name: &str, inputs, outputs| {
            declare.linear(&format!("bert.encoder.layer.{{}}.{name}"), Layout::OutIn, inputs, &[outputs])
        };
        declare.in_layer(layer);
        Self {
            query: linear(declare, "attention.self.query", Space::Embed, query),
            key: linear(declare, "attention.self.key", Space::Embed, key),
            value: linear(declare, "attention.self.value", Space::Embed, value),
            attention_output: linear(declare, "attention.output.dense", value, Space::Embed),
            attention_norm: declare.norm("bert.encoder.layer.{}.attention.output.LayerNorm", Role::Produces),
            intermediate: linear(declare, "intermediate.dense", Space::Embed, ffn),
            output: linear(declare, "output.dense", ffn, Space::Embed),
            output_norm: declare.norm("bert.encoder.layer.{}.output.LayerNorm", Role::Produces),
        }
    }
}
