//! `small.checkpoint`: what a small model that is there already says in place of the file, and what the file may then not say.

use super::error::{ConfigError, Origin};
use super::tree::{Node, Table, Value};
use crate::checkpoint::SmallCheckpoint;
use ligo_models::ModelConfig;
use std::path::Path;

/// Sizes that a large model has of its own; whatever else it leaves out is as in the checkpoint.
const SIZES: [&str; 5] =
    ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size"];

/// Whether a `--set` argument names a checkpoint.
pub(super) fn is_set_by(argument: &str) -> bool {
    argument.split_once('=').is_some_and(|(key, _)| key.trim() == "small.checkpoint")
}

/// Removes what an extended file says of a small model that would be trained, where `over` has a checkpoint instead.
pub(super) fn make_way(below: &mut Table, over: &Table) {
    let named =
        matches!(over.get("small"), Some(Node { value: Value::Table(small), .. }) if small.get("checkpoint").is_some());
    if named {
        forget_trained(below);
    }
}

/// Removes the small model, its training, and the tokenizer.
pub(super) fn forget_trained(root: &mut Table) {
    root.remove("small");
    root.remove("small_training");
    if let Some(Node { value: Value::Table(data), .. }) = root.get_mut("data") {
        data.remove("tokenizer");
    }
}

/// Puts the configuration of the checkpoint in the place of `small.checkpoint`, and into `[large]` what that leaves out; none
/// without a checkpoint.
///
/// # Errors
/// A checkpoint that cannot be found or read; keys that say what the checkpoint says.
pub(super) fn take(root: &mut Table, workspace: &Path) -> Result<Option<SmallCheckpoint>, ConfigError> {
    let Some(Node { value: Value::Table(small), .. }) = root.get("small") else { return Ok(None) };
    let Some(Node { value, origin }) = small.get("checkpoint") else { return Ok(None) };
    let origin = origin.clone();
    let refuse = |origin: &Origin, message: String| Err(ConfigError::new(origin, message));
    let Value::String(name) = value else {
        let found = Node { value: value.clone(), origin: origin.clone() }.describe();
        return refuse(
            &origin,
            format!("'small.checkpoint' is {found}, expected the path of a directory, or owner/name"),
        );
    };
    let beside = "is given beside 'small.checkpoint', expected";
    if let Some(other) = small.0.iter().find(|entry| entry.key != "checkpoint") {
        let expected = "no such key: the checkpoint's config.json says it";
        return refuse(&other.origin, format!("'small.{}' {beside} {expected}", other.key));
    }
    if let Some(training) = root.0.iter().find(|entry| entry.key == "small_training") {
        let expected = "no such table: the small model is trained already";
        return refuse(&training.origin, format!("'small_training' {beside} {expected}"));
    }
    if let Some(Node { value: Value::Table(data), .. }) = root.get("data")
        && let Some(tokenizer) = data.0.iter().find(|entry| entry.key == "tokenizer")
    {
        let expected = "no such table: the checkpoint's tokenizer.json is used";
        return refuse(&tokenizer.origin, format!("'data.tokenizer' {beside} {expected}"));
    }
    let unusable = |error: &dyn std::fmt::Display| ConfigError::new(&origin, format!("'small.checkpoint': {error}"));
    let (found, checkpoint) =
        SmallCheckpoint::find(name, workspace).map_err(|error| unusable(&format!("{error:#}")))?;
    let config = table(checkpoint.config()).map_err(|error| unusable(&error))?;
    complete_large(root, &config);
    if let Some(small) = root.get_mut("small") {
        *small = Node { value: Value::Table(config), origin };
    }
    Ok(Some(found))
}

/// A configuration as if every key had been left out and filled in.
fn table(config: &ModelConfig) -> Result<Table, toml::ser::Error> {
    match Node::filled_in(toml::Value::Table(toml::Table::try_from(config)?)).value {
        Value::Table(table) => Ok(table),
        _ => Ok(Table::default()),
    }
}

/// Everything but its sizes, unless it is of another family, which is refused later. A large model without any size of its own is
/// the checkpoint itself, which is then trained on.
fn complete_large(root: &mut Table, small: &Table) {
    root.fill("large", Value::Table(Table::default()));
    let Some(Node { value: Value::Table(large), .. }) = root.get_mut("large") else { return };
    let family = |table: &Table| table.get("family").map(|node| node.value.clone());
    if family(large).is_some_and(|of_large| Some(of_large) != family(small)) {
        return;
    }
    let sized = SIZES.iter().any(|size| large.get(size).is_some());
    for entry in small.0.iter().filter(|entry| !sized || !SIZES.contains(&entry.key.as_str())) {
        large.fill(&entry.key, entry.node.value.clone());
    }
}
