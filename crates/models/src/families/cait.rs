//! CaiT (Touvron et al. 2021, "Going deeper with image transformers"), in `timm`'s names and layout.
//!
//! ```text
//! x = projection(patches) + position
//! for each block:        x = x + γ₁ ∘ proj(talking-heads attention(qkv(norm1(x))))
//!                        x = x + γ₂ ∘ fc2(gelu(fc1(norm2(x))))
//! c = class token
//! for each class block:  n = norm1([c; x])
//!                        c = c + γ₁ ∘ proj(attention(q(n of c), k(n), v(n)))
//!                        c = c + γ₂ ∘ fc2(gelu(fc1(norm2(c))))
//! logits = head(norm(c))
//! ```
//!
//! Talking heads: `proj_l` mixes the scores across the heads before the softmax, `proj_w` the probabilities after it. The class
//! blocks count as no layer of the model: growing in depth leaves their number alone.

use super::vit;
use crate::declare::{Declare, LayerSpaces};
use crate::layers::{Attention, Block, ClassBlock, Mlp, Order};
use crate::network::{ClassBlocks, Network, NetworkHead, Tops};
use crate::{Head, Init, ModelConfig, Role, Space};

pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Network {
    let token = declare.token("cls_token");
    let embeddings = vit::embeddings(declare, "", "pos_embed", "patch_embed.proj", vec![]);
    let blocks = (0..config.num_hidden_layers).map(|layer| block(declare, config, layer)).collect();
    declare.in_layer(None);
    let class = (0..config.num_class_layers()).map(|number| class_block(declare, config, number)).collect();
    let norm = declare.layer_norm("norm", Role::Produces);
    let head = match config.head() {
        Head::None => NetworkHead::None { pooler: None },
        _ => NetworkHead::Classifier {
            hidden: None,
            dropout_before_hidden: false,
            tops: Tops::First(declare.linear("head", Space::Embed, &[Space::Label], true)),
        },
    };
    Network {
        embeddings,
        blocks,
        order: Order::PreNorm { last: None },
        class_blocks: Some(ClassBlocks { token, blocks: class, norm }),
        head,
    }
}

fn block(declare: &mut Declare<'_>, config: &ModelConfig, layer: usize) -> Block {
    let LayerSpaces { query, key, value, context, heads, ffn } = LayerSpaces::new(config, layer);
    let name = |module: &str| format!("blocks.{{}}.{module}");
    let layer_scale = Init::Constant(config.layer_scale_init());
    declare.in_layer(layer);
    let mut gamma = |module: &str| declare.vector(name(module), Space::Embed, Role::Produces, layer_scale);
    let (attention_scale, mlp_scale) = (Some(gamma("gamma_1")), Some(gamma("gamma_2")));
    let attention_norm = declare.layer_norm(&name("norm1"), Role::Produces);
    let projections =
        vec![declare.linear(&name("attn.qkv"), Space::Embed, &[query, key, value], config.query_key_value_bias())];
    let output = declare.linear(&name("attn.proj"), context, &[Space::Embed], true);
    let mut mix = |module: &str| declare.linear(&name(module), heads, &[heads], true);
    let talking = Some((mix("attn.proj_l"), mix("attn.proj_w")));
    Block {
        attention_norm,
        attention: Attention { projections, head_norms: None, talking, output },
        attention_scale,
        mlp_norm: declare.layer_norm(&name("norm2"), Role::Produces),
        mlp: mlp(declare, name, ffn),
        mlp_scale,
        adapters: declare.adapters("blocks.{}."),
    }
}

fn class_block(declare: &mut Declare<'_>, config: &ModelConfig, number: usize) -> ClassBlock {
    let LayerSpaces { query, key, value, context, ffn, .. } =
        LayerSpaces::new(config, config.num_hidden_layers + number);
    let name = |module: &str| format!("blocks_token_only.{number}.{module}");
    let layer_scale = Init::Constant(config.layer_scale_init());
    let bias = config.query_key_value_bias();
    let mut gamma = |module: &str| declare.vector(name(module), Space::Embed, Role::Produces, layer_scale);
    let (attention_scale, mlp_scale) = (gamma("gamma_1"), gamma("gamma_2"));
    let attention_norm = declare.layer_norm(&name("norm1"), Role::Produces);
    let mut linear = |module: &str, space| declare.linear(&name(module), Space::Embed, &[space], bias);
    let query = linear("attn.q", query);
    let key_value = [linear("attn.k", key), linear("attn.v", value)];
    ClassBlock {
        attention_norm,
        query,
        key_value,
        output: declare.linear(&name("attn.proj"), context, &[Space::Embed], true),
        attention_scale,
        mlp_norm: declare.layer_norm(&name("norm2"), Role::Produces),
        mlp: mlp(declare, name, ffn),
        mlp_scale,
    }
}

fn mlp(declare: &mut Declare<'_>, name: impl Fn(&str) -> String, ffn: Space) -> Mlp {
    Mlp::Plain {
        inner: declare.linear(&name("mlp.fc1"), Space::Embed, &[ffn], true),
        output: declare.linear(&name("mlp.fc2"), ffn, &[Space::Embed], true),
    }
}
