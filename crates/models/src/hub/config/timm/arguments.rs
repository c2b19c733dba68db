//! `model_args`: the arguments of `timm`'s constructors, which change what an architecture's name says.

use super::super::field::{activation, activation_name};
use super::super::source::{Source, shortest, wrong};
use crate::config::Activation;
use crate::{Family, ModelConfig, Result};
use serde_json::Value;

const ACTIVATIONS: [(&str, Activation); 6] = [
    ("gelu", Activation::Gelu),
    ("gelu_tanh", Activation::GeluNew),
    ("quick_gelu", Activation::QuickGelu),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
];

/// Fields of [`ModelConfig`] by the arguments that give them.
const FIELDS: [(&str, &str); 12] = [
    ("hidden_size", "embed_dim"),
    ("num_hidden_layers", "depth"),
    ("num_attention_heads", "num_heads"),
    ("intermediate_size", "mlp_ratio"),
    ("patch_size", "patch_size"),
    ("attention_bias", "qkv_bias"),
    ("attention_dropout", "attn_drop_rate"),
    ("hidden_dropout", "proj_drop_rate"),
    ("hidden_act", "act_layer"),
    ("layer_scale_init", "init_values"),
    ("num_class_layers", "depth_token_only"),
    ("class_intermediate_size", "mlp_ratio_token_only"),
];

/// Arguments of both constructors that are read here or, the last four, beside `pretrained_cfg`.
const READ: [&str; 13] = [
    "embed_dim",
    "depth",
    "num_heads",
    "mlp_ratio",
    "patch_size",
    "qkv_bias",
    "attn_drop_rate",
    "proj_drop_rate",
    "pos_drop_rate",
    "img_size",
    "in_chans",
    "num_classes",
    "global_pool",
];
/// Arguments that only CaiT has.
const READ_FOR_CAIT: [&str; 3] = ["init_values", "depth_token_only", "mlp_ratio_token_only"];
/// Arguments that the others have, and that change nothing of what is computed.
const NO_MATTER: [&str; 4] = ["weight_init", "fix_init", "dynamic_img_size", "dynamic_img_pad"];

/// The only value that is built here.
enum Only {
    Flag(bool),
    Zero,
    Text(&'static str),
    Nothing,
}

const ONLY: [(&str, Only); 2] = [("drop_rate", Only::Zero), ("drop_path_rate", Only::Zero)];
/// Likewise, of arguments that CaiT has not.
const ONLY_FOR_VIT: [(&str, Only); 16] = [
    ("patch_drop_rate", Only::Zero),
    ("qk_norm", Only::Flag(false)),
    ("scale_attn_norm", Only::Flag(false)),
    ("scale_mlp_norm", Only::Flag(false)),
    ("proj_bias", Only::Flag(true)),
    ("class_token", Only::Flag(true)),
    ("pos_embed", Only::Text("learn")),
    ("no_embed_class", Only::Flag(false)),
    ("reg_tokens", Only::Zero),
    ("pre_norm", Only::Flag(false)),
    ("final_norm", Only::Flag(true)),
    ("fc_norm", Only::Flag(false)),
    ("pool_include_prefix", Only::Flag(false)),
    ("init_values", Only::Nothing),
    ("norm_layer", Only::Text("layernorm")),
    ("embed_norm_layer", Only::Nothing),
];

/// Reads the arguments into the configuration that the architecture's name gave.
pub(super) fn read(args: Source<'_>, config: &mut ModelConfig) -> Result<()> {
    let cait = config.family == Family::Cait;
    refuse_others(args, cait)?;
    if let Some(width) = args.size("embed_dim")? {
        config.hidden_size = width;
    }
    if let Some(depth) = args.size("depth")? {
        config.num_hidden_layers = depth;
    }
    if let Some(heads) = args.size("num_heads")? {
        config.num_attention_heads = heads;
    }
    config.intermediate_size = Some(inner_width(args, "mlp_ratio", config.hidden_size)?);
    if let side @ Some(_) = args.side("patch_size")? {
        config.patch_size = side;
    }
    config.attention_bias = args.flag("qkv_bias")?;
    config.attention_dropout = args.number("attn_drop_rate")?.unwrap_or(0.0) as f32;
    let after_blocks = args.number("proj_drop_rate")?.unwrap_or(0.0);
    if args.number("pos_drop_rate")?.unwrap_or(0.0) != after_blocks {
        return wrong("pos_drop_rate", args.get("pos_drop_rate"), format!("{after_blocks}, as proj_drop_rate"));
    }
    config.hidden_dropout = after_blocks as f32;
    if cait {
        if let Some(start) = args.number("init_values")? {
            config.layer_scale_init = Some(start as f32);
        }
        config.num_class_layers = args.size("depth_token_only")?;
        config.class_intermediate_size = Some(inner_width(args, "mlp_ratio_token_only", config.hidden_size)?);
    } else {
        config.hidden_act = activation(args, "act_layer", &ACTIVATIONS)?;
    }
    Ok(())
}

/// Which arguments a field is read from, or that it follows from the architecture's name; none for what is no argument.
pub(super) fn key(args: Source<'_>, field: &str) -> Option<String> {
    let (_, argument) = FIELDS.iter().find(|(known, _)| *known == field)?;
    let given = |argument| args.get(argument).is_some();
    Some(match argument.starts_with("mlp_ratio") {
        true if given(argument) || given("embed_dim") => format!("model_args.{argument} × embed_dim"),
        false if given(argument) => format!("model_args.{argument}"),
        _ => format!("architecture's {argument}"),
    })
}

fn refuse_others(args: Source<'_>, cait: bool) -> Result<()> {
    let special: &[_] = if cait { &[] } else { &ONLY_FOR_VIT };
    for (key, only) in ONLY.iter().chain(special) {
        if let found @ Some(value) = args.get(key)
            && !only.allows(value)
        {
            return wrong(key, found, only.expected());
        }
    }
    let known: Vec<&str> = if cait {
        READ.iter().chain(&READ_FOR_CAIT).copied().collect()
    } else {
        READ.iter().chain(&["act_layer"]).chain(&NO_MATTER).copied().collect()
    };
    let fixed = |name: &str| ONLY.iter().chain(special).any(|(key, _)| *key == name);
    match args.0.iter().find(|(key, value)| !value.is_null() && !known.contains(&key.as_str()) && !fixed(key)) {
        Some((key, _)) => {
            wrong("model_args", Some(&key.as_str().into()), format!("arguments among {}", known.join(", ")))
        }
        None => Ok(()),
    }
}

impl Only {
    fn allows(&self, found: &Value) -> bool {
        match self {
            Self::Flag(value) => found.as_bool() == Some(*value),
            Self::Zero => found.as_f64() == Some(0.0),
            Self::Text(value) => found.as_str() == Some(value),
            Self::Nothing => false,
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Flag(value) => value.to_string(),
            Self::Zero => "0".into(),
            Self::Text(value) => format!("{value:?}"),
            Self::Nothing => "nothing".into(),
        }
    }
}

/// What the arguments have to say about `config`; sizes first.
pub(super) fn entries(config: &ModelConfig) -> Vec<(&'static str, Value)> {
    let width = config.hidden_size;
    let mut entries: Vec<(_, Value)> = vec![
        ("patch_size", config.patch_size().into()),
        ("embed_dim", width.into()),
        ("depth", config.num_hidden_layers.into()),
        ("num_heads", config.num_attention_heads.into()),
        ("mlp_ratio", ratio(config.intermediate_size(), width).into()),
        ("qkv_bias", config.query_key_value_bias().into()),
        ("attn_drop_rate", shortest(config.attention_dropout)),
        ("proj_drop_rate", shortest(config.hidden_dropout)),
        ("pos_drop_rate", shortest(config.hidden_dropout)),
    ];
    if config.family == Family::Cait {
        entries.push(("init_values", shortest(config.layer_scale_init())));
        entries.push(("depth_token_only", config.num_class_layers().into()));
        entries.push(("mlp_ratio_token_only", ratio(config.class_intermediate_size(), width).into()));
    } else {
        entries.push(("act_layer", activation_name(config.hidden_act(), &ACTIVATIONS).into()));
    }
    entries
}

/// `timm` gives inner widths as multiples of the width, and rounds down.
fn inner_width(args: Source<'_>, key: &'static str, width: usize) -> Result<usize> {
    let ratio = args.number(key)?.unwrap_or(4.0);
    // Beyond a usize the cast saturates, and `check` refuses.
    Ok((width as f64 * ratio) as usize)
}

/// The shortest decimal by which `timm` comes to this inner width.
fn ratio(inner: usize, width: usize) -> f64 {
    let (inner, width) = (inner as f64, width as f64);
    let leads_there = |ratio: &f64| (width * ratio).floor() == inner;
    let decimals = |x: f64, round: fn(f64) -> f64| {
        (0..=9).map(|digits| 10_f64.powi(digits)).map(move |scale| round(x * scale) / scale)
    };
    // Where the product rounds below the width, something in the middle does not.
    let middle = (inner + 0.5) / width;
    decimals(inner / width, f64::ceil).chain(decimals(middle, f64::round)).find(leads_there).unwrap_or(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_short_and_leads_to_its_inner_width() {
        for (inner, width, short) in [(768, 192, 4.0), (29, 12, 2.42), (31, 15, 2.1), (29, 100, 0.295), (22, 15, 1.5)] {
            assert_eq!(ratio(inner, width), short);
        }
        for width in 1..150 {
            for inner in 1..400 {
                assert_eq!((width as f64 * ratio(inner, width)) as usize, inner, "{inner} of {width}");
            }
        }
    }
}
