//! BERT (Devlin et al. 2019): post-norm, bidirectional, learned positions, token types.
//!
//! ```text
//! x = LayerNorm(word[id] + position[i] + token_type[t])
//! for each layer:  x = LayerNorm(x + dense(attention(query(x), key(x), value(x))))
//!                  x = LayerNorm(x + dense(gelu(dense(x))))
//!
//! masked-lm:                logits = LayerNorm(gelu(dense(x))) wordᵀ + bias
//! sequence-classification:  logits = classifier(tanh(pooler(x of the first token)))
//! sequence-regression:      the same, as numbers
//! question-answering:       start and end logits of each token = qa_outputs(x)
//! ```
//!
//! Names and fresh weights as in `transformers`, but that the padding token's row is drawn like the others.

use super::prefix;
use crate::declare::{Declare, LayerSpaces, Linear};
use crate::layers::{Attention, Block, Mlp, Order};
use crate::network::{Embeddings, Network, NetworkHead, Positions, Tops, Transform};
use crate::{Head, Init, ModelConfig, Role, Space};

pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Network {
    let prefix = prefix(config, "bert.");
    let embeddings = embeddings(declare, prefix, Positions::FromStart);
    let blocks = encoder(declare, config, prefix);
    let pooler = config.has_pooler().then(|| pooler(declare, prefix));
    let labels = |declare: &mut Declare<'_>, name| declare.linear(name, Space::Embed, &[Space::Label], true);
    let head = match config.head() {
        Head::SequenceClassification | Head::SequenceRegression => NetworkHead::Classifier {
            hidden: pooler,
            dropout_before_hidden: false,
            tops: Tops::First(labels(declare, "classifier")),
        },
        Head::QuestionAnswering => NetworkHead::Spans(labels(declare, "qa_outputs")),
        Head::None => NetworkHead::None { pooler },
        _ => {
            // The bias comes first in the Hub's files.
            let bias = declare.vector("cls.predictions.bias", Space::Vocab, Role::Produces, Init::Zeros);
            let linear = declare.linear("cls.predictions.transform.dense", Space::Embed, &[Space::Embed], true);
            // It feeds the tied decoder alone, whose matrix grows as a producer of Embed: the norm has to be the consumer.
            let norm = declare.layer_norm("cls.predictions.transform.LayerNorm", Role::Consumes);
            NetworkHead::Decoder {
                transform: Some(Transform { linear, activation: config.hidden_act().into(), norm }),
                weight: embeddings.word(),
                bias: Some(bias),
            }
        }
    };
    Network { embeddings, blocks, order: Order::PostNorm, class_blocks: None, head }
}

/// Word, position and token type embeddings and their norm.
pub(super) fn embeddings(declare: &mut Declare<'_>, prefix: &str, positions: Positions) -> Embeddings {
    let name = |table: &str| format!("{prefix}embeddings.{table}_embeddings.weight");
    Embeddings::Tokens {
        word: declare.table(name("word"), Space::Vocab),
        position: Some((declare.table(name("position"), Space::Position), positions)),
        token_type: Some(declare.table(name("token_type"), Space::TokenType)),
        norm: Some(declare.layer_norm(&format!("{prefix}embeddings.LayerNorm"), Role::Produces)),
    }
}

/// The layers.
pub(super) fn encoder(declare: &mut Declare<'_>, config: &ModelConfig, prefix: &str) -> Vec<Block> {
    let block = |layer| {
        let LayerSpaces { query, key, value, context, ffn, .. } = LayerSpaces::new(config, layer);
        let name = |module: &str| format!("{prefix}encoder.layer.{{}}.{module}");
        declare.in_layer(layer);
        let mut linear = |module: &str, inputs, outputs| declare.linear(&name(module), inputs, &[outputs], true);
        let projections = vec![
            linear("attention.self.query", Space::Embed, query),
            linear("attention.self.key", Space::Embed, key),
            linear("attention.self.value", Space::Embed, value),
        ];
        let output = linear("attention.output.dense", context, Space::Embed);
        let attention_norm = declare.layer_norm(&name("attention.output.LayerNorm"), Role::Produces);
        let mut linear = |module: &str, inputs, outputs| declare.linear(&name(module), inputs, &[outputs], true);
        let mlp = Mlp::Plain {
            inner: linear("intermediate.dense", Space::Embed, ffn),
            output: linear("output.dense", ffn, Space::Embed),
        };
        Block {
            attention_norm,
            attention: Attention { projections, head_norms: None, talking: None, output },
            attention_scale: None,
            mlp_norm: declare.layer_norm(&name("output.LayerNorm"), Role::Produces),
            mlp,
            mlp_scale: None,
            adapters: declare.adapters(&name("")),
        }
    };
    let blocks = (0..config.num_hidden_layers).map(block).collect();
    declare.in_layer(None);
    blocks
}

/// The map over the first token's hidden state.
pub(super) fn pooler(declare: &mut Declare<'_>, prefix: &str) -> Linear {
    declare.linear(&format!("{prefix}pooler.dense"), Space::Embed, &[Space::Embed], true)
}
