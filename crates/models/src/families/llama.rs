//! Llama (Touvron et al. 2023) and its kind: pre-norm with RMS norms, rotary positions, grouped queries, SwiGLU.
//!
//! ```text
//! x = embed_tokens[id]
//! for each layer:  n = input_layernorm(x)
//!                  x = x + o_proj(attention(turn(q_proj(n)), turn(k_proj(n)), v_proj(n)))
//!                  n = post_attention_layernorm(x)
//!                  x = x + down_proj(silu(gate_proj(n)) ∘ up_proj(n))
//! logits = norm(x) lm_headᵀ
//! ```
//!
//! Mistral adds a sliding window, Qwen2 biases on queries, keys and values, Qwen3 an RMS norm on each query and key head
//! before it is turned. lm_head may be embed_tokens itself.

use super::prefix;
use crate::declare::{Declare, LayerSpaces};
use crate::layers::{Attention, Block, Mlp, Order};
use crate::network::{Embeddings, Network, NetworkHead};
use crate::{Family, Head, Init, ModelConfig, Role, Space};

pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Network {
    let prefix = prefix(config, "model.");
    let word = declare.table(format!("{prefix}embed_tokens.weight"), Space::Vocab);
    let blocks = (0..config.num_hidden_layers).map(|layer| block(declare, config, prefix, layer)).collect();
    declare.in_layer(None);
    // Before a tied output it has to be the consumer of Embed, since the tied matrix grows as a producer.
    let tied = config.tie_word_embeddings();
    let norm = declare.rms_norm(&format!("{prefix}norm"), if tied { Role::Consumes } else { Role::Produces });
    let head = match config.head() {
        Head::None => NetworkHead::None { pooler: None },
        _ if tied => NetworkHead::Decoder { transform: None, weight: word, bias: None },
        _ => NetworkHead::Decoder { transform: None, weight: declare.decoder("lm_head.weight"), bias: None },
    };
    let embeddings = Embeddings::Tokens { word, position: None, token_type: None, norm: None };
    Network { embeddings, blocks, order: Order::PreNorm { last: Some(norm) }, class_blocks: None, head }
}

fn block(declare: &mut Declare<'_>, config: &ModelConfig, prefix: &str, layer: usize) -> Block {
    let LayerSpaces { query, key, value, context, ffn, .. } = LayerSpaces::new(config, layer);
    let (qkv_bias, output_bias, mlp_bias) =
        (config.query_key_value_bias(), config.attention_output_bias(), config.mlp_bias());
    let name = |module: &str| format!("{prefix}layers.{{}}.{module}");
    declare.in_layer(layer);
    let attention_norm = declare.rms_norm(&name("input_layernorm"), Role::Produces);
    let projections = vec![
        declare.linear(&name("self_attn.q_proj"), Space::Embed, &[query], qkv_bias),
        declare.linear(&name("self_attn.k_proj"), Space::Embed, &[key], qkv_bias),
        declare.linear(&name("self_attn.v_proj"), Space::Embed, &[value], qkv_bias),
    ];
    let output = declare.linear(&name("self_attn.o_proj"), context, &[Space::Embed], output_bias);
    let mut head_norm = |module: &str| declare.vector(name(module), Space::HeadDim, Role::Produces, Init::Ones);
    let head_norms = (config.family == Family::Qwen3)
        .then(|| (head_norm("self_attn.q_norm.weight"), head_norm("self_attn.k_norm.weight")));
    Block {
        attention_norm,
        attention: Attention { projections, head_norms, talking: None, output },
        attention_scale: None,
        mlp_norm: declare.rms_norm(&name("post_attention_layernorm"), Role::Produces),
        mlp: Mlp::Gated {
            gate: declare.linear(&name("mlp.gate_proj"), Space::Embed, &[ffn], mlp_bias),
            up: declare.linear(&name("mlp.up_proj"), Space::Embed, &[ffn], mlp_bias),
            output: declare.linear(&name("mlp.down_proj"), ffn, &[Space::Embed], mlp_bias),
        },
        mlp_scale: None,
        adapters: declare.adapters(&name("")),
    }
}
