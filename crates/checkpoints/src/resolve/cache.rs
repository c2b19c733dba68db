//! The Hub's cache as `huggingface_hub` lays it out: `models--owner--name/{refs,snapshots,blobs}`.
//!
//! A ref is a file that holds the commit of a branch or tag, a snapshot a directory of links into the blobs, one per commit.

use super::environment::Hub;
use super::reference::Name;
use crate::read::{LONGEST_SETTINGS, read};
use std::fs;
use std::path::{Path, PathBuf};

pub(super) const CONFIG: &str = "config.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

impl Hub {
    /// Where everything about a model lies.
    pub(super) fn place(&self, name: &Name) -> PathBuf {
        self.cache.join(format!("models--{}", name.id.replace('/', "--")))
    }

    /// The snapshot of the revision that was last fetched, if it is complete.
    ///
    /// # Errors
    /// What there is instead, as a clause.
    pub(super) fn cached(&self, name: &Name) -> Result<PathBuf, String> {
        let place = self.place(name);
        let Name { id, revision, .. } = name;
        if !place.is_dir() {
            return Err(format!("{id} is not"));
        }
        let commit = match fs::read_to_string(place.join("refs").join(revision)) {
            Ok(commit) => commit.trim().to_owned(),
            Err(_) => revision.clone(),
        };
        let snapshot = place.join("snapshots").join(&commit);
        if !is_commit(&commit) || !snapshot.is_dir() {
            return Err(format!("the revision {revision} of {id} is not"));
        }
        match lacking(&snapshot) {
            None => Ok(snapshot),
            Some(file) => Err(format!("{id} is there without {file}")),
        }
    }
}

/// The first file without which a snapshot is no checkpoint.
fn lacking(snapshot: &Path) -> Option<String> {
    if !snapshot.join(CONFIG).exists() {
        return Some(CONFIG.to_owned());
    }
    if snapshot.join(WEIGHTS).exists() {
        return None;
    }
    match read(&snapshot.join(INDEX), LONGEST_SETTINGS).ok().flatten().and_then(|text| shards(&text)) {
        Some(shards) => shards.into_iter().find(|shard| !snapshot.join(shard).exists()),
        None => Some(WEIGHTS.to_owned()),
    }
}

/// The files that an index of shards names, each once; none if it is no index, or names something else than files beside it.
pub(super) fn shards(index: &[u8]) -> Option<Vec<String>> {
    let index: serde_json::Value = serde_json::from_slice(index).ok()?;
    let mut shards: Vec<String> = index["weight_map"]
        .as_object()?
        .values()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<_>>()?;
    shards.sort();
    shards.dedup();
    let plain = |name: &String| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        name.ends_with(".safetensors") && !name.starts_with('.') && name.bytes().all(known)
    };
    (!shards.is_empty() && shards.iter().all(plain)).then_some(shards)
}

/// Whether a commit's name can be made a path of.
pub(super) fn is_commit(commit: &str) -> bool {
    (7..=64).contains(&commit.len()) && commit.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_names_plain_files_or_is_none() {
        let index = |shards: &[&str]| {
            let map: serde_json::Map<_, _> =
                shards.iter().enumerate().map(|(i, &name)| (i.to_string(), name.into())).collect();
            shards_of(&serde_json::json!({ "weight_map": map }).to_string())
        };
        fn shards_of(text: &str) -> Option<Vec<String>> {
            shards(text.as_bytes())
        }
        let two = ["b.safetensors", "a.safetensors", "b.safetensors"];
        assert_eq!(index(&two), Some(vec!["a.safetensors".into(), "b.safetensors".into()]));
        for wrong in ["../a.safetensors", "/a.safetensors", "a/b.safetensors", ".a.safetensors", "a.bin", ""] {
            assert_eq!(index(&[wrong]), None, "{wrong}");
        }
        for wrong in ["", "{}", "[]", r#"{"weight_map": {}}"#, r#"{"weight_map": {"a": 1}}"#] {
            assert_eq!(shards_of(wrong), None, "{wrong}");
        }
    }
}
