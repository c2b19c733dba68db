//! `model.safetensors.index.json`: which tensor of a sharded checkpoint is in which file.

use crate::{ModelError, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path};

/// The index's file name.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// No index is longer: enough for a hundred thousand tensors.
pub(super) const LONGEST: u64 = 1 << 24;

/// The index of a sharded checkpoint.
#[derive(Debug)]
pub(super) struct Index {
    /// The shards' file names, each once, in order.
    pub(super) shards: Vec<String>,
    /// By tensor: the number of its shard.
    pub(super) shard_of: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct File {
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads an index. The files that it names all lie beside it.
    ///
    /// # Errors
    /// [`ModelError::File`] with `path` if it is no index or names something else than a file beside it.
    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self> {
        let broken = |reason| ModelError::File { path: path.to_owned(), reason };
        let File { weight_map } = serde_json::from_slice(text)
            .map_err(|error| broken(format!("cannot be read as an index of shards: {error}")))?;
        if weight_map.is_empty() {
            return Err(broken("weight_map: found no tensors, expected at least one".into()));
        }
        for (tensor, shard) in &weight_map {
            if !is_plain_name(shard) {
                let expected = "the plain name of a safetensors file in this directory";
                return Err(broken(format!("weight_map: {tensor:?}: found {shard:?}, expected {expected}")));
            }
        }
        let shards: BTreeSet<&String> = weight_map.values().collect();
        let shards: Vec<String> = shards.into_iter().cloned().collect();
        let number = |shard| shards.binary_search(&shard).unwrap_or_default();
        let shard_of = weight_map.into_iter().map(|(tensor, shard)| (tensor, number(shard))).collect();
        Ok(Self { shards, shard_of })
    }

    /// The text of an index over shards that hold these tensors, `bytes` in all.
    pub(super) fn text<'a>(shards: impl Iterator<Item = (&'a str, &'a str)>, bytes: usize) -> String {
        let weight_map: BTreeMap<&str, &str> = shards.collect();
        let index: Value = json!({ "metadata": { "total_size": bytes }, "weight_map": weight_map });
        format!("{index:#}\n")
    }
}

/// Whether `name` is a file in the directory itself, on every system: no path, no way out, nothing hidden.
fn is_plain_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let plain = matches!(components.next(), Some(Component::Normal(part)) if part == OsStr::new(name));
    plain
        && components.next().is_none()
        && name.ends_with(".safetensors")
        && !name.starts_with('.')
        && !name.contains(|c: char| matches!(c, '/' | '\\' | ':') || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_comes_back() {
        let tensors = [("b", "two.safetensors"), ("a", "one.safetensors"), ("c", "one.safetensors")];
        let text = Index::text(tensors.into_iter(), 12);
        assert!(text.contains("\"total_size\": 12"), "{text}");
        let index = Index::parse(Path::new(INDEX), text.as_bytes()).unwrap();
        assert_eq!(index.shards, ["one.safetensors", "two.safetensors"]);
        let shard_of: Vec<_> = index.shard_of.iter().map(|(tensor, &shard)| (tensor.as_str(), shard)).collect();
        assert_eq!(shard_of, [("a", 0), ("b", 1), ("c", 0)]);
    }

    #[test]
    fn an_index_that_leaves_its_directory_or_says_nothing_is_refused() {
        for name in [
            "",
            ".",
            "..",
            "../x.safetensors",
            "/etc/x.safetensors",
            "sub/x.safetensors",
            "./x.safetensors",
            "x.safetensors/",
            "..\\x.safetensors",
            "C:x.safetensors",
            ".x.safetensors",
            "x\0.safetensors",
            "x.bin",
        ] {
            let text = json!({ "weight_map": { "a": name } }).to_string();
            let message = Index::parse(Path::new(INDEX), text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains("\"a\": found ") && message.contains("plain name"), "{name}: {message}");
        }
        for text in ["", "{}", "[]", "{\"weight_map\": 3}", "{\"weight_map\": {\"a\": 3}}", "{\"weight_map\": {}}"] {
            let message = Index::parse(Path::new(INDEX), text.as_bytes()).unwrap_err().to_string();
            assert!(message.starts_with(INDEX), "{message}");
        }
    }
}
