//! What a tensor's name in somebody's checkpoint means.
//!
//! Parameters here have the names that `transformers` writes today (or `timm`, whose names never changed). Older and newer files
//! call some of them differently, base models leave out a prefix, and most files hold more than the weights.

use crate::{Family, Head, ModelConfig, Naming, ParamSpec};
use std::borrow::Cow;
use std::collections::HashMap;

/// What a tensor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The parameter of that index.
    Parameter(usize),
    /// A second copy of the parameter of that index.
    CopyOf(usize),
    /// Something that this model does without, and why.
    Nothing(&'static str),
    /// No idea.
    Unknown,
}

/// The names of one model's parameters.
pub(crate) struct Names<'a> {
    config: &'a ModelConfig,
    parameters: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(config: &'a ModelConfig, specs: &'a [ParamSpec]) -> Self {
        let parameters = specs.iter().enumerate().map(|(i, spec)| (&*spec.name, i)).collect();
        Self { config, parameters }
    }

    /// What a tensor of this name stands for.
    pub(crate) fn meaning(&self, name: &str) -> Meaning {
        if let Some(&i) = self.parameters.get(name) {
            return Meaning::Parameter(i);
        }
        if self.config.naming == Naming::Timm {
            return Meaning::Unknown;
        }
        let family = self.config.family;
        let current = current(family, name);
        if let Some(i) = self.find(&current) {
            return Meaning::Parameter(i);
        }
        let tied = self.config.tie_word_embeddings();
        let copy = tied_copies(family).iter().find(|(copy, _)| tied && *copy == current);
        if let Some(i) = copy.and_then(|(_, original)| self.find(original)) {
            return if self.decodes() { Meaning::CopyOf(i) } else { Meaning::Nothing(HEAD) };
        }
        let bare = current.strip_prefix(prefix(family)).unwrap_or(&current);
        if BUFFERS.iter().any(|end| bare.ends_with(end)) {
            return Meaning::Nothing("a buffer, which is computed here");
        }
        let unused = unused(family).iter().any(|start| bare.starts_with(start));
        let foreign = decoders(family).iter().any(|start| bare.starts_with(start)) && !self.decodes();
        if unused || foreign { Meaning::Nothing(HEAD) } else { Meaning::Unknown }
    }

    /// A parameter under its own name, or with or without the base model's prefix.
    fn find(&self, name: &str) -> Option<usize> {
        let prefix = prefix(self.config.family);
        let other = match name.strip_prefix(prefix) {
            Some(bare) => Cow::Borrowed(bare),
            None => Cow::Owned(format!("{prefix}{name}")),
        };
        self.parameters.get(name).or_else(|| self.parameters.get(&*other)).copied()
    }

    /// Whether the model has its family's language model head.
    fn decodes(&self) -> bool {
        matches!(self.config.head(), Head::MaskedLm | Head::CausalLm)
    }
}

const HEAD: &str = "part of a head that this model does not have";

/// What the names of a base model's tensors lack.
pub(super) fn prefix(family: Family) -> &'static str {
    match family {
        Family::Gpt2 => "transformer.",
        Family::Bert => "bert.",
        Family::Roberta => "roberta.",
        Family::Vit => "vit.",
        Family::Deit => "deit.",
        Family::Cait => "",
        Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => "model.",
    }
}

/// Pairs of names for one tensor: the second copy, and the parameter that it is tied to.
fn tied_copies(family: Family) -> &'static [(&'static str, &'static str)] {
    match family {
        Family::Gpt2 => &[("lm_head.weight", "transformer.wte.weight")],
        Family::Bert => &[
            ("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
            ("cls.predictions.decoder.bias", "cls.predictions.bias"),
        ],
        Family::Roberta => &[
            ("lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"),
            ("lm_head.decoder.bias", "lm_head.bias"),
        ],
        Family::Vit | Family::Deit | Family::Cait => &[],
        Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => {
            &[("lm_head.weight", "model.embed_tokens.weight")]
        }
    }
}

/// Buffers that were saved as if they were weights: causal masks, positions, token types, rotary frequencies.
const BUFFERS: [&str; 6] = [
    ".attn.bias",
    ".attn.masked_bias",
    ".crossattention.bias",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    "rotary_emb.inv_freq",
];

/// How the names of the language model's head begin.
fn decoders(family: Family) -> &'static [&'static str] {
    match family {
        Family::Bert => &["cls.predictions."],
        Family::Vit | Family::Deit | Family::Cait => &[],
        _ => &["lm_head."],
    }
}

/// How the names of what no head here reads begin: poolers (where one is read, the model declares it), next-sentence heads, the
/// token of masked patches and the decoder that fills them in.
fn unused(family: Family) -> &'static [&'static str] {
    match family {
        Family::Bert => &["pooler.", "cls.seq_relationship."],
        Family::Roberta => &["pooler."],
        Family::Vit | Family::Deit => &["pooler.", "embeddings.mask_token", "decoder."],
        _ => &[],
    }
}

/// The name that `transformers` would write for a tensor today.
pub(super) fn current(family: Family, name: &str) -> Cow<'_, str> {
    match family {
        // TensorFlow's names of a norm's gain and bias, in the first checkpoints.
        Family::Bert | Family::Roberta => match name.rsplit_once("LayerNorm.") {
            Some((module, "gamma")) => format!("{module}LayerNorm.weight").into(),
            Some((module, "beta")) => format!("{module}LayerNorm.bias").into(),
            _ => name.into(),
        },
        Family::Vit | Family::Deit => current_vision(family, name),
        _ => name.into(),
    }
}

/// The fifth version of `transformers` has other names for a vision model's layers in memory than in files:
/// `layers.3.attention.q_proj` for `encoder.layer.3.attention.attention.query`.
fn current_vision(family: Family, name: &str) -> Cow<'_, str> {
    let (start, bare) = match name.strip_prefix(prefix(family)) {
        Some(bare) => (prefix(family), bare),
        None => ("", name),
    };
    let Some((layer, inner)) = bare.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) else {
        return name.into();
    };
    const MODULES: [(&str, &str); 6] = [
        ("attention.q_proj.", "attention.attention.query."),
        ("attention.k_proj.", "attention.attention.key."),
        ("attention.v_proj.", "attention.attention.value."),
        ("attention.o_proj.", "attention.output.dense."),
        ("mlp.fc1.", "intermediate.dense."),
        ("mlp.fc2.", "output.dense."),
    ];
    let renamed = MODULES.iter().find_map(|(new, old)| inner.strip_prefix(new).map(|end| format!("{old}{end}")));
    format!("{start}encoder.layer.{layer}.{}", renamed.as_deref().unwrap_or(inner)).into()
}

/// How the names of a family's numbered layers begin, without the base model's prefix, and the size that counts them.
pub(super) fn layers(config: &ModelConfig) -> &'static [(&'static str, Layers)] {
    match (config.family, config.naming) {
        (Family::Gpt2, _) => &[("h.", Layers::Blocks)],
        (Family::Cait, _) => &[("blocks.", Layers::Blocks), ("blocks_token_only.", Layers::Class)],
        (Family::Vit | Family::Deit, Naming::Timm) => &[("blocks.", Layers::Blocks)],
        (Family::Bert | Family::Roberta | Family::Vit | Family::Deit, _) => &[("encoder.layer.", Layers::Blocks)],
        _ => &[("layers.", Layers::Blocks)],
    }
}

/// Which layers are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layers {
    /// Transformer blocks.
    Blocks,
    /// CaiT's class-attention layers.
    Class,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Init;

    fn specs(names: &[&str]) -> Vec<ParamSpec> {
        let spec = |name: &&str| ParamSpec {
            name: (*name).to_owned(),
            module: (*name).to_owned(),
            layer: None,
            shape: vec![1],
            stored_shape: None,
            axes: vec![],
            init: Init::Zeros,
            decay: false,
        };
        names.iter().map(spec).collect()
    }

    #[test]
    fn names_of_all_ages_are_understood() {
        let gpt2 = &["transformer.wte.weight", "transformer.h.0.attn.c_attn.bias"][..];
        let bert = &[
            "bert.embeddings.word_embeddings.weight",
            "bert.embeddings.LayerNorm.weight",
            "bert.embeddings.LayerNorm.bias",
            "cls.predictions.bias",
        ][..];
        let bare = &["embeddings.word_embeddings.weight", "pooler.dense.weight"][..];
        let roberta = &["roberta.embeddings.word_embeddings.weight", "lm_head.bias"][..];
        let llama = &["model.embed_tokens.weight", "lm_head.weight"][..];
        let qwen = &["model.embed_tokens.weight"][..];
        let vit = &[
            "vit.encoder.layer.3.attention.attention.query.weight",
            "vit.encoder.layer.3.output.dense.bias",
            "vit.encoder.layer.3.layernorm_after.bias",
        ][..];
        let timm = &["blocks.0.attn.qkv.weight"][..];
        use Meaning::{CopyOf, Nothing, Parameter, Unknown};
        let buffer = Nothing("a buffer, which is computed here");
        let head = Nothing(HEAD);
        type Case<'a> = (Family, Option<Head>, &'a [&'a str], &'a str, Meaning);
        let cases: &[Case<'_>] = &[
            (Family::Gpt2, None, gpt2, "transformer.wte.weight", Parameter(0)),
            (Family::Gpt2, None, gpt2, "wte.weight", Parameter(0)),
            (Family::Gpt2, None, gpt2, "lm_head.weight", CopyOf(0)),
            (Family::Gpt2, Some(Head::None), gpt2, "lm_head.weight", head),
            (Family::Gpt2, None, gpt2, "h.0.attn.c_attn.bias", Parameter(1)),
            (Family::Gpt2, None, gpt2, "h.0.attn.bias", buffer),
            (Family::Gpt2, None, gpt2, "transformer.h.0.attn.masked_bias", buffer),
            (Family::Gpt2, None, gpt2, "score.weight", Unknown),
            (Family::Gpt2, None, gpt2, "cls.predictions.decoder.weight", Unknown),
            (Family::Bert, None, bert, "embeddings.word_embeddings.weight", Parameter(0)),
            (Family::Bert, None, bert, "bert.embeddings.LayerNorm.gamma", Parameter(1)),
            (Family::Bert, None, bert, "embeddings.LayerNorm.beta", Parameter(2)),
            (Family::Bert, None, bert, "cls.predictions.decoder.weight", CopyOf(0)),
            (Family::Bert, None, bert, "cls.predictions.decoder.bias", CopyOf(3)),
            (Family::Bert, None, bert, "cls.predictions.other.bias", Unknown),
            (Family::Bert, None, bert, "bert.pooler.dense.weight", head),
            (Family::Bert, None, bert, "cls.seq_relationship.bias", head),
            (Family::Bert, None, bert, "bert.embeddings.position_ids", buffer),
            (Family::Bert, None, bert, "classifier.weight", Unknown),
            (Family::Bert, Some(Head::None), bare, "bert.embeddings.word_embeddings.weight", Parameter(0)),
            (Family::Bert, Some(Head::None), bare, "bert.pooler.dense.weight", Parameter(1)),
            (Family::Bert, Some(Head::None), bare, "cls.predictions.bias", head),
            (Family::Bert, Some(Head::None), bare, "cls.predictions.decoder.weight", head),
            (Family::Roberta, None, roberta, "lm_head.decoder.weight", CopyOf(0)),
            (Family::Roberta, None, roberta, "lm_head.decoder.bias", CopyOf(1)),
            (Family::Roberta, None, roberta, "roberta.pooler.dense.bias", head),
            (Family::Roberta, Some(Head::SequenceClassification), &roberta[..1], "lm_head.dense.bias", head),
            (Family::Llama, None, llama, "lm_head.weight", Parameter(1)),
            (Family::Llama, None, llama, "embed_tokens.weight", Parameter(0)),
            (Family::Llama, None, llama, "model.layers.7.self_attn.rotary_emb.inv_freq", buffer),
            (Family::Llama, Some(Head::None), qwen, "lm_head.weight", head),
            (Family::Qwen2, None, qwen, "lm_head.weight", CopyOf(0)),
            (Family::Vit, None, vit, "vit.layers.3.attention.q_proj.weight", Parameter(0)),
            (Family::Vit, None, vit, "layers.3.mlp.fc2.bias", Parameter(1)),
            (Family::Vit, None, vit, "vit.layers.3.layernorm_after.bias", Parameter(2)),
            (Family::Vit, None, vit, "encoder.layer.3.output.dense.bias", Parameter(1)),
            (Family::Vit, None, vit, "vit.pooler.dense.weight", head),
            (Family::Vit, None, vit, "vit.layers.4.mlp.fc2.bias", Unknown),
            (Family::Cait, None, timm, "blocks.0.attn.qkv.weight", Parameter(0)),
            (Family::Cait, None, timm, "model.blocks.0.attn.qkv.weight", Unknown),
        ];
        for &(family, head, names, name, expected) in cases {
            let mut config = ModelConfig::new(family, 12, 4, 3);
            config.head = head;
            config.tie_word_embeddings = (family == Family::Qwen2).then_some(true);
            let specs = specs(names);
            assert_eq!(Names::new(&config, &specs).meaning(name), expected, "{family} {name}");
        }
    }
}
