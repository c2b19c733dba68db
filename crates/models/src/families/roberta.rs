//! RoBERTa (Liu et al. 2019): BERT's layers, positions counted from the padding index on, heads of its own.
//!
//! ```text
//! position of the k-th real token of a sequence = pad_token_id + k, of padding = pad_token_id
//!
//! masked-lm:                logits = layer_norm(gelu(dense(x))) wordᵀ + bias   (this GELU whatever the layers' is)
//! sequence-classification:  logits = out_proj(tanh(dense(x of the first token)))
//! sequence-regression:      the same, as numbers
//! question-answering:       start and end logits of each token = qa_outputs(x)
//! ```

use super::{bert, prefix};
use crate::declare::Declare;
use crate::layers::Order;
use crate::network::{Network, NetworkHead, Positions, Tops, Transform};
use crate::{Head, Init, ModelConfig, Role, Space};
use ligo_kernels::Activation;

pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Network {
    let prefix = prefix(config, "roberta.");
    let embeddings = bert::embeddings(declare, prefix, Positions::FromPadding);
    let blocks = bert::encoder(declare, config, prefix);
    let labels = |declare: &mut Declare<'_>, name| declare.linear(name, Space::Embed, &[Space::Label], true);
    let head = match config.head() {
        Head::SequenceClassification | Head::SequenceRegression => NetworkHead::Classifier {
            hidden: Some(declare.linear("classifier.dense", Space::Embed, &[Space::Embed], true)),
            dropout_before_hidden: true,
            tops: Tops::First(labels(declare, "classifier.out_proj")),
        },
        Head::QuestionAnswering => NetworkHead::Spans(labels(declare, "qa_outputs")),
        Head::None => NetworkHead::None { pooler: config.has_pooler().then(|| bert::pooler(declare, prefix)) },
        _ => {
            let bias = declare.vector("lm_head.bias", Space::Vocab, Role::Produces, Init::Zeros);
            let linear = declare.linear("lm_head.dense", Space::Embed, &[Space::Embed], true);
            // It feeds the tied decoder alone, whose matrix grows as a producer of Embed: the norm has to be the consumer.
            let norm = declare.layer_norm("lm_head.layer_norm", Role::Consumes);
            NetworkHead::Decoder {
                transform: Some(Transform { linear, activation: Activation::Gelu, norm }),
                weight: embeddings.word(),
                bias: Some(bias),
            }
        }
    };
    Network { embeddings, blocks, order: Order::PostNorm, class_blocks: None, head }
}
