//! GPT-2 (Radford et al. 2019): a pre-norm causal transformer with learned positions and a tied output.
//!
//! ```text
//! x = wte[id] + wpe[position]
//! for each block:  x = x + c_proj(attention(c_attn(ln_1(x))))
//!                  x = x + c_proj(gelu(c_fc(ln_2(x))))
//! logits = ln_f(x) wteᵀ
//! ```
//!
//! Weights lie as `[inputs, outputs]`, as the Hub's checkpoints have them. Names and fresh weights as in `transformers`:
//! N(0, 0.02²), and the two projections that feed the residual stream smaller by 1/√(2L), so that the variance of the stream
//! does not grow with the depth L.

use super::prefix;
use crate::declare::{Declare, LayerSpaces};
use crate::layers::{Attention, Block, Mlp, Order};
use crate::network::{Embeddings, Network, NetworkHead, Positions};
use crate::{Head, ModelConfig, Role, Space};

pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Network {
    let prefix = prefix(config, "transformer.");
    let embeddings = Embeddings::Tokens {
        word: declare.table(format!("{prefix}wte.weight"), Space::Vocab),
        position: Some((declare.table(format!("{prefix}wpe.weight"), Space::Position), Positions::FromStart)),
        token_type: None,
        norm: None,
    };
    let blocks = (0..config.num_hidden_layers).map(|layer| block(declare, config, prefix, layer)).collect();
    declare.in_layer(None);
    // It feeds the tied output alone, whose matrix grows as a producer of Embed: the norm has to be the consumer.
    let ln_f = declare.layer_norm(&format!("{prefix}ln_f"), Role::Consumes);
    let head = match config.head() {
        Head::None => NetworkHead::None { pooler: None },
        _ => NetworkHead::Decoder { transform: None, weight: embeddings.word(), bias: None },
    };
    Network { embeddings, blocks, order: Order::PreNorm { last: Some(ln_f) }, class_blocks: None, head }
}

fn block(declare: &mut Declare<'_>, config: &ModelConfig, prefix: &str, layer: usize) -> Block {
    let LayerSpaces { query, key, value, context, ffn, .. } = LayerSpaces::new(config, layer);
    let residual_scale = 1.0 / ((2 * config.num_hidden_layers) as f32).sqrt();
    let name = |module: &str| format!("{prefix}h.{{}}.{module}");
    declare.in_layer(layer);
    let attention_norm = declare.layer_norm(&name("ln_1"), Role::Produces);
    let projections = vec![declare.linear(&name("attn.c_attn"), Space::Embed, &[query, key, value], true)];
    let output = declare.scaled_linear(&name("attn.c_proj"), context, &[Space::Embed], true, residual_scale);
    Block {
        attention_norm,
        attention: Attention { projections, head_norms: None, talking: None, output },
        attention_scale: None,
        mlp_norm: declare.layer_norm(&name("ln_2"), Role::Produces),
        mlp: Mlp::Plain {
            inner: declare.linear(&name("mlp.c_fc"), Space::Embed, &[ffn], true),
            output: declare.scaled_linear(&name("mlp.c_proj"), ffn, &[Space::Embed], true, residual_scale),
        },
        mlp_scale: None,
        adapters: declare.adapters(&name("")),
    }
}
