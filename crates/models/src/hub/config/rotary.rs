//! `rope_parameters`, and its older form `rope_theta` with `rope_scaling`: how rotary positions turn.
//!
//! What the numbers do is in [`crate::rope`].

use super::source::{Source, last, wrong};
use crate::rope::{Llama3, Longrope, RopeScaling, Yarn};
use crate::{ModelConfig, ModelError, Result};
use serde_json::{Map, Value, json};

/// The key that is written.
pub(super) const KEY: &str = "rope_parameters";
/// Keys of the older form, which say nothing once [`KEY`] is written.
pub(super) const OLDER: [&str; 4] = ["rope_theta", "rope_scaling", TRAINED, "partial_rotary_factor"];

const TRAINED: &str = "original_max_position_embeddings";
const KNOWN: &str = "one of default, linear, dynamic, yarn, longrope (or su), llama3";
/// Parameters that are nested by these are different ones for different layers.
const LAYER_TYPES: [&str; 3] = ["full_attention", "sliding_attention", "chunked_attention"];

/// The older form's key.
const OLDER_KEY: &str = "rope_scaling";

/// The full names of parameters in the newer form.
const NEWER: [&str; 14] = [
    "rope_parameters.rope_type",
    "rope_parameters.type",
    "rope_parameters.factor",
    "rope_parameters.original_max_position_embeddings",
    "rope_parameters.attention_factor",
    "rope_parameters.beta_fast",
    "rope_parameters.beta_slow",
    "rope_parameters.mscale",
    "rope_parameters.mscale_all_dim",
    "rope_parameters.truncate",
    "rope_parameters.short_factor",
    "rope_parameters.long_factor",
    "rope_parameters.low_freq_factor",
    "rope_parameters.high_freq_factor",
];

/// The parameters, and the key that has them: the older one's come first.
fn parameters(source: Source<'_>) -> Result<Option<(&'static str, Source<'_>)>> {
    let older = source.object(OLDER_KEY)?.filter(|scaling| !scaling.is_empty());
    let newer = source.object(KEY)?;
    Ok(older.map(|map| (OLDER_KEY, Source(map))).or(newer.map(|map| (KEY, Source(map)))))
}

/// What a file calls one of the fields `rope_theta` and `rope_scaling.…`.
pub(super) fn key(source: Source<'_>, field: &str) -> Option<String> {
    let parameter = field.strip_prefix("rope_scaling.").or((field == "rope_theta").then_some(field))?;
    let (outer, rope) = parameters(source).ok()??;
    let beside = match parameter {
        "rope_theta" => rope.get(parameter).is_none(),
        TRAINED => source.get(parameter).is_some(),
        _ => false,
    };
    Some(if beside { parameter.to_owned() } else { format!("{outer}.{parameter}") })
}

/// Reads either form into `config`, whose max_position_embeddings are known.
pub(super) fn read(source: Source<'_>, config: &mut ModelConfig) -> Result<()> {
    let nothing = Map::new();
    let (outer, rope) = parameters(source)?.unwrap_or((KEY, Source(&nothing)));
    read_parameters(source, rope, config).map_err(|error| match error {
        ModelError::Config { field, found, expected } if outer == KEY && field.starts_with(OLDER_KEY) => {
            let field = NEWER.into_iter().find(|newer| last(newer) == last(field)).unwrap_or(field);
            ModelError::Config { field, found, expected }
        }
        other => other,
    })
}

/// Reads the parameters by the older form's names.
fn read_parameters(source: Source<'_>, rope: Source<'_>, config: &mut ModelConfig) -> Result<()> {
    if let Some((_, nested)) = LAYER_TYPES.iter().filter_map(|&layer| Some((layer, rope.get(layer)?))).next() {
        return wrong(KEY, Some(nested), "the same parameters for all layers");
    }
    for source in [source, rope] {
        let part = source.number("partial_rotary_factor")?;
        if part.is_some_and(|part| part != 1.0) {
            return wrong("partial_rotary_factor", source.get("partial_rotary_factor"), "1, as whole heads are turned");
        }
    }
    let theta = rope.number("rope_theta")?;
    config.rope_theta = if theta.is_some() { theta } else { source.number("rope_theta")? };
    // Phi-3's form: beside the parameters, and then before what is among them.
    let beside = source.size(TRAINED)?;
    let trained = |key| if beside.is_some() { Ok(beside) } else { rope.size(key) };
    const LENGTH: &str = "rope_scaling.original_max_position_embeddings";
    const FACTOR: &str = "rope_scaling.factor";
    let field = if rope.get("rope_type").is_some() { "rope_scaling.rope_type" } else { "rope_scaling.type" };
    config.rope_scaling = match rope.text(field)?.unwrap_or("default") {
        "default" => None,
        "linear" => Some(RopeScaling::Linear { factor: rope.needed_number(FACTOR)? }),
        "dynamic" => Some(RopeScaling::Dynamic { factor: rope.needed_number(FACTOR)? }),
        "yarn" => {
            let trained = trained(LENGTH)?;
            let longest = config.max_position_embeddings as f64;
            Some(RopeScaling::Yarn(Yarn {
                factor: match (rope.number(FACTOR)?, trained) {
                    (Some(factor), _) => factor,
                    (None, Some(trained)) => longest / trained as f64,
                    (None, None) => rope.needed_number(FACTOR)?,
                },
                original_max_position_embeddings: trained,
                attention_factor: rope.number("rope_scaling.attention_factor")?,
                beta_fast: rope.number("rope_scaling.beta_fast")?,
                beta_slow: rope.number("rope_scaling.beta_slow")?,
                mscale: rope.number("rope_scaling.mscale")?,
                mscale_all_dim: rope.number("rope_scaling.mscale_all_dim")?,
                truncate: rope.flag("rope_scaling.truncate")?,
            }))
        }
        "longrope" | "su" => Some(RopeScaling::Longrope(Longrope {
            short_factor: rope.needed_numbers("rope_scaling.short_factor")?,
            long_factor: rope.needed_numbers("rope_scaling.long_factor")?,
            factor: rope.number(FACTOR)?,
            original_max_position_embeddings: trained(LENGTH)?,
            attention_factor: rope.number("rope_scaling.attention_factor")?,
        })),
        "llama3" => Some(RopeScaling::Llama3(Llama3 {
            factor: rope.needed_number(FACTOR)?,
            low_freq_factor: rope.needed_number("rope_scaling.low_freq_factor")?,
            high_freq_factor: rope.needed_number("rope_scaling.high_freq_factor")?,
            original_max_position_embeddings: trained(LENGTH)?,
        })),
        _ => return wrong(field, rope.get(field), KNOWN),
    };
    Ok(())
}

/// The newer form for `config`.
pub(super) fn json(config: &ModelConfig) -> Value {
    let mut rope = match &config.rope_scaling {
        None => json!({ "rope_type": "default" }),
        // Numbers and lists of them: nothing that JSON could not hold but infinities, which `check` refuses.
        Some(scaling) => serde_json::to_value(scaling).unwrap_or_default(),
    };
    if let Some(rope) = rope.as_object_mut() {
        rope.insert("rope_theta".into(), config.rope_theta().into());
    }
    rope
}
