//! ViT (Dosovitskiy et al. 2021) and DeiT (Touvron et al. 2021): pre-norm, bidirectional, over patches of an image.
//!
//! ```text
//! x = [class token; distillation token (DeiT); projection(patches)] + position
//! for each layer:  x = x + output(attention(query(n), key(n), value(n)))   with n = layernorm_before(x)
//!                  x = x + output(gelu(intermediate(layernorm_after(x))))
//! x = layernorm(x)
//!
//! image-classification:            logits = classifier(x of the class token)
//! distilled-image-classification:  logits = (cls_classifier(x of the class token)
//!                                           + distillation_classifier(x of the distillation token)) / 2
//! ```
//!
//! In the names and layout of `transformers` (`ViTForImageClassification`, `DeiTForImageClassification` and its `WithTeacher`)
//! or of `timm` (`VisionTransformer`, `VisionTransformerDistilled`), where query, key and value are one matrix.

use super::{bert, prefix};
use crate::declare::{Declare, LayerSpaces, Linear, Table};
use crate::layers::{Attention, Block, Mlp, Order};
use crate::network::{Embeddings, Network, NetworkHead, Tops};
use crate::{Family, Head, ModelConfig, Naming, Role, Space};

/// What the two libraries call the parts.
struct Names {
    class_token: &'static str,
    distillation_token: &'static str,
    positions: &'static str,
    projection: &'static str,
    layer: &'static str,
    attention_norm: &'static str,
    query_key_value: &'static [&'static str],
    attention_output: &'static str,
    mlp_norm: &'static str,
    mlp_inner: &'static str,
    mlp_output: &'static str,
    norm: &'static str,
    classifier: &'static str,
    /// Both classifiers of a distilled model.
    classifiers: [&'static str; 2],
}

const HUB: Names = Names {
    class_token: "embeddings.cls_token",
    distillation_token: "embeddings.distillation_token",
    positions: "embeddings.position_embeddings",
    projection: "embeddings.patch_embeddings.projection",
    layer: "encoder.layer.{}.",
    attention_norm: "layernorm_before",
    query_key_value: &["attention.attention.query", "attention.attention.key", "attention.attention.value"],
    attention_output: "attention.output.dense",
    mlp_norm: "layernorm_after",
    mlp_inner: "intermediate.dense",
    mlp_output: "output.dense",
    norm: "layernorm",
    classifier: "classifier",
    classifiers: ["cls_classifier", "distillation_classifier"],
};

const TIMM: Names = Names {
    class_token: "cls_token",
    distillation_token: "dist_token",
    positions: "pos_embed",
    projection: "patch_embed.proj",
    layer: "blocks.{}.",
    attention_norm: "norm1",
    query_key_value: &["attn.qkv"],
    attention_output: "attn.proj",
    mlp_norm: "norm2",
    mlp_inner: "mlp.fc1",
    mlp_output: "mlp.fc2",
    norm: "norm",
    classifier: "head",
    classifiers: ["head", "head_dist"],
};

pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Network {
    let distilled = config.family == Family::Deit;
    let (names, prefix) = match config.naming {
        Naming::Hub => (&HUB, prefix(config, if distilled { "deit." } else { "vit." })),
        Naming::Timm => (&TIMM, ""),
    };
    let mut tokens = vec![declare.token(format!("{prefix}{}", names.class_token))];
    if distilled {
        tokens.push(declare.token(format!("{prefix}{}", names.distillation_token)));
    }
    let embeddings = embeddings(declare, prefix, names.positions, names.projection, tokens);
    let blocks = (0..config.num_hidden_layers).map(|layer| block(declare, config, prefix, names, layer)).collect();
    declare.in_layer(None);
    let last = declare.layer_norm(&format!("{prefix}{}", names.norm), Role::Produces);
    let classifier = |tops| NetworkHead::Classifier { hidden: None, dropout_before_hidden: false, tops };
    let head = match config.head() {
        Head::None => NetworkHead::None { pooler: config.has_pooler().then(|| bert::pooler(declare, prefix)) },
        Head::DistilledImageClassification => {
            classifier(Tops::Mean(names.classifiers.map(|name| labels(declare, name))))
        }
        _ => classifier(Tops::First(labels(declare, names.classifier))),
    };
    Network { embeddings, blocks, order: Order::PreNorm { last: Some(last) }, class_blocks: None, head }
}

fn labels(declare: &mut Declare<'_>, name: &str) -> Linear {
    declare.linear(name, Space::Embed, &[Space::Label], true)
}

/// Patches, the tokens before them, and positions.
pub(super) fn embeddings(
    declare: &mut Declare<'_>,
    prefix: &str,
    positions: &str,
    projection: &str,
    tokens: Vec<Table>,
) -> Embeddings {
    let position = declare.image_positions(format!("{prefix}{positions}"));
    let projection = declare.patch_projection(&format!("{prefix}{projection}"));
    Embeddings::Patches { projection, tokens, position }
}

fn block(declare: &mut Declare<'_>, config: &ModelConfig, prefix: &str, names: &Names, layer: usize) -> Block {
    let LayerSpaces { query, key, value, context, ffn, .. } = LayerSpaces::new(config, layer);
    let bias = config.query_key_value_bias();
    let name = |module: &str| format!("{prefix}{}{module}", names.layer);
    declare.in_layer(layer);
    let attention_norm = declare.layer_norm(&name(names.attention_norm), Role::Produces);
    let projections = match names.query_key_value {
        [joined] => vec![declare.linear(&name(joined), Space::Embed, &[query, key, value], bias)],
        apart => {
            let mut linear = |(module, space)| declare.linear(&name(module), Space::Embed, &[space], bias);
            apart.iter().copied().zip([query, key, value]).map(&mut linear).collect()
        }
    };
    let output = declare.linear(&name(names.attention_output), context, &[Space::Embed], true);
    Block {
        attention_norm,
        attention: Attention { projections, head_norms: None, talking: None, output },
        attention_scale: None,
        mlp_norm: declare.layer_norm(&name(names.mlp_norm), Role::Produces),
        mlp: Mlp::Plain {
            inner: declare.linear(&name(names.mlp_inner), Space::Embed, &[ffn], true),
            output: declare.linear(&name(names.mlp_output), ffn, &[Space::Embed], true),
        },
        mlp_scale: None,
        adapters: declare.adapters(&name("")),
    }
}
