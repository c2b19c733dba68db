//! A sentence embedder's modules (`modules.json`), whose sizes have to follow the model's: pooling is told how wide a hidden state
//! is. Modules with weights of their own that read hidden states would need to grow themselves, and are refused.

use crate::{GrowError, Result};
use ligo_models::hub::Checkpoint;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What lists the modules.
const MODULES: &str = "modules.json";
/// The keys of pooling that are the width of a hidden state.
const WIDTHS: [&str; 2] = ["word_embedding_dimension", "embedding_dimension"];
/// The kinds of modules that fit any width.
const OF_ANY_WIDTH: [&str; 3] = ["Transformer", "Pooling", "Normalize"];

/// Whether a checkpoint is a sentence embedder.
pub(crate) fn is_embedder(checkpoint: &Checkpoint) -> bool {
    checkpoint.companions().iter().any(|path| path == Path::new(MODULES))
}

/// Files of modules that are to be written anew, by their path in the checkpoint's directory.
///
/// # Errors
/// A module that cannot follow, or a file that is no JSON.
pub(crate) fn resized(checkpoint: &Checkpoint, old: usize, new: usize) -> Result<Vec<(PathBuf, String)>> {
    if old == new || !is_embedder(checkpoint) {
        return Ok(Vec::new());
    }
    let path = checkpoint.directory().join(MODULES);
    let modules = json(&path)?;
    let broken = || GrowError::File {
        path: path.clone(),
        reason: "found no list of modules with a type and a path each".into(),
    };
    let mut files = Vec::new();
    for module in modules.as_array().ok_or_else(broken)? {
        let text = |key: &str| module.get(key).and_then(Value::as_str).ok_or_else(broken);
        let (kind, place) = (text("type")?.rsplit('.').next().unwrap_or_default(), text("path")?);
        if !OF_ANY_WIDTH.contains(&kind) {
            return Err(GrowError::File {
                path: path.clone(),
                reason: format!(
                    "found the module {kind}, whose weights read hidden states of {old} and do not grow; expected {} alone: take it \
                     out of a copy of the checkpoint, or keep the hidden size",
                    OF_ANY_WIDTH.join(", ")
                ),
            });
        }
        let name = Path::new(place).join("config.json");
        let known = checkpoint.companions().contains(&name);
        if kind != "Pooling" || !known {
            continue;
        }
        let mut config = json(&checkpoint.directory().join(&name))?;
        for key in WIDTHS {
            if let Some(width) = config.get_mut(key).filter(|width| width.as_u64() == Some(old as u64)) {
                *width = new.into();
            }
        }
        files.push((name, format!("{config:#}\n")));
    }
    Ok(files)
}

fn json(path: &Path) -> Result<Value> {
    let broken = |reason: String| GrowError::File { path: path.to_owned(), reason };
    let text = std::fs::read(path).map_err(|error| broken(format!("cannot be read: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| broken(format!("found no JSON ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::checkpoint;
    use ligo_models::Family;
    use ligo_models::hub;

    fn modules(kinds: &[&str]) -> String {
        let module = |(i, kind): (usize, &&str)| {
            let path = if i == 0 { String::new() } else { format!("{i}_{kind}") };
            serde_json::json!({ "idx": i, "name": i.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}") })
        };
        serde_json::Value::from(kinds.iter().enumerate().map(module).collect::<Vec<_>>()).to_string()
    }

    #[test]
    fn pooling_is_told_the_new_width_and_keeps_the_rest() {
        let directory = checkpoint(Family::Bert);
        std::fs::write(directory.path().join("modules.json"), modules(&["Transformer", "Pooling", "Normalize"]))
            .unwrap();
        std::fs::create_dir(directory.path().join("1_Pooling")).unwrap();
        let config = r#"{"word_embedding_dimension": 8, "pooling_mode_mean_tokens": true}"#;
        std::fs::write(directory.path().join("1_Pooling/config.json"), config).unwrap();
        let opened = hub::open(directory.path()).unwrap();
        let files = resized(&opened, 8, 16).unwrap();
        assert_eq!(files.len(), 1);
        let written: Value = serde_json::from_str(&files[0].1).unwrap();
        assert_eq!(written, serde_json::json!({"word_embedding_dimension": 16, "pooling_mode_mean_tokens": true}));
        assert_eq!(resized(&opened, 8, 8).unwrap(), []);
    }

    #[test]
    fn a_module_with_weights_of_its_own_is_refused_where_the_width_grows() {
        let directory = checkpoint(Family::Bert);
        std::fs::write(directory.path().join("modules.json"), modules(&["Transformer", "Pooling", "Dense"])).unwrap();
        let opened = hub::open(directory.path()).unwrap();
        let message = resized(&opened, 8, 16).unwrap_err().to_string();
        assert!(message.contains("modules.json: found the module Dense"), "{message}");
        assert!(resized(&opened, 8, 8).unwrap().is_empty());
    }
}
