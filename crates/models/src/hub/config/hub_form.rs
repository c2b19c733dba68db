//! `transformers`' form of `config.json`: read and written key by key.

use super::families::fields;
use super::source::{Source, wrong};
use super::{class, labels, rotary, windows};
use crate::{Family, ModelConfig, Result};
use serde_json::{Map, Value, json};

/// Reads the form.
pub(super) fn read(source: Source<'_>) -> Result<ModelConfig> {
    let (family, prefix) = class::family(source)?;
    refuse_other_weights(source)?;
    let mut config = ModelConfig::new(family, 0, 0, 0);
    let head = class::head(source, family, prefix)?;
    config.head = Some(head);
    for field in fields(family) {
        field.read(source, &mut config)?;
    }
    labels::read(source, &mut config)?;
    windows::read(source, &mut config)?;
    if family.is_llama_style() {
        rotary::read(source, &mut config)?;
    }
    Ok(config)
}

/// Weights of another kind than the sizes say.
fn refuse_other_weights(source: Source<'_>) -> Result<()> {
    if let found @ Some(_) = source.get("quantization_config") {
        return wrong("quantization_config", found, "nothing: quantised weights are not read");
    }
    match source.get("pruned_heads") {
        Some(found) if found.as_object().is_none_or(|heads| !heads.is_empty()) => {
            wrong("pruned_heads", Some(found), "nothing: every layer has all heads")
        }
        _ => Ok(()),
    }
}

/// The form from nothing: every key that `transformers` would otherwise fill in differently.
pub(super) fn complete(config: &ModelConfig) -> Map<String, Value> {
    let mut map = Map::new();
    let class = class::family_prefix(config.family);
    map.insert("architectures".into(), json!([class::name(class, config.family, config.head())]));
    map.insert("model_type".into(), config.family.name().into());
    map.insert("dtype".into(), "float32".into());
    for (key, value) in entries(config) {
        map.insert(key.into(), value);
    }
    labels::write(&mut map, config);
    // Ids left out would be the family's own, beyond most vocabularies.
    let ids: &[&str] = match config.family {
        Family::Bert | Family::Vit | Family::Deit | Family::Cait => &[],
        _ => &["bos_token_id", "eos_token_id"],
    };
    for &key in ids {
        map.insert(key.into(), Value::Null);
    }
    map
}

/// Makes `map`, which now means `meant`, say `config`; true if a key was changed.
pub(super) fn change(map: &mut Map<String, Value>, meant: &ModelConfig, config: &ModelConfig) -> bool {
    let before = entries(meant);
    let mut changed = false;
    for (key, value) in entries(config) {
        if before.iter().any(|(other, unchanged)| *other == key && *unchanged == value) {
            continue;
        }
        changed = true;
        map.insert(key.into(), value);
        if key == rotary::KEY {
            rotary::OLDER.iter().for_each(|key| drop(map.shift_remove(*key)));
        }
    }
    // Keys that follow from others are kept in line where they are, and left out where they are not.
    let there = |map: &Map<String, Value>, key| Source(map).get(key).is_some();
    let layer_types = windows::layer_types(config);
    if config.family.is_llama_style() && there(map, "layer_types") && map["layer_types"] != layer_types {
        changed = true;
        map.insert("layer_types".into(), layer_types);
    }
    let wider = config.family.reads_images() && meant.hidden_size != config.hidden_size;
    if wider && there(map, "pooler_output_size") {
        changed = true;
        map.insert("pooler_output_size".into(), config.hidden_size.into());
    }
    change_class(map, meant, config) | labels::write(map, config) | changed
}

/// A class is kept if it is the one that is written, or left out if that is the usual one.
fn change_class(map: &mut Map<String, Value>, meant: &ModelConfig, config: &ModelConfig) -> bool {
    let (family, head) = (config.family, config.head());
    let prefix = class::family(Source(map)).map_or(class::family_prefix(family), |(_, prefix)| prefix);
    let class = class::name(prefix, family, head);
    let fits = match class::named(Source(map)) {
        Ok(Some(named)) => named == class,
        Ok(None) => meant.head() == head,
        Err(_) => false,
    };
    if !fits {
        map.insert("architectures".into(), json!([class]));
    }
    !fits
}

/// What keys have to say about `config`, but for its class and its labels.
fn entries(config: &ModelConfig) -> Vec<(&'static str, Value)> {
    let mut entries: Vec<_> =
        fields(config.family).filter_map(|field| Some((field.key, field.json(config)?))).collect();
    entries.extend(windows::json(config));
    if config.family.is_llama_style() {
        entries.push((rotary::KEY, rotary::json(config)));
    }
    entries
}
