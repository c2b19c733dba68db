//! Which ids begin, end, pad and mask, by whichever file says it.

use super::files::{settings, written};
use crate::{CheckpointError, Result};
use ligo_models::hub::Checkpoint;
use serde_json::{Map, Value};
use tokenizers::Tokenizer;

/// How a mask is usually written.
const MASK: [&str; 2] = ["[MASK]", "<mask>"];
const END: [&str; 5] = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>", "<|eos|>"];
const BEGIN: [&str; 5] = ["<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "<|endoftext|>"];
const PAD: [&str; 3] = ["[PAD]", "<pad>", "<|pad|>"];

/// The ids that mean something of their own. `generation_config.json` is asked first, then `config.json`, then the tokenizer's
/// files, then what such tokens are usually called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// What stands for a token to be guessed, and its id.
    pub mask: Option<(String, u32)>,
    /// Each ends a text that is generated.
    pub end: Vec<u32>,
    /// What a text begins with where nothing stands before it.
    pub begin: Option<u32>,
    /// What fills up short sequences.
    pub pad: Option<u32>,
}

impl SpecialTokens {
    pub(super) fn find(checkpoint: &Checkpoint, tokenizer: &Tokenizer) -> Result<Self> {
        let directory = checkpoint.directory();
        let generation = settings(directory, GENERATION)?;
        let files = [settings(directory, "tokenizer_config.json")?, settings(directory, "special_tokens_map.json")?];
        let named = |key: &str, usual: &[&str]| -> Option<(String, u32)> {
            let usual = usual.iter().map(|token| (*token).to_owned());
            let mut names = files.iter().filter_map(|file| written(file, key)).chain(usual);
            names.find_map(|token| tokenizer.token_to_id(&token).map(|id| (token, id)))
        };
        let id = |key: &'static str, usual: (&str, &[&str])| -> Result<Vec<u32>> {
            for (file, map) in [(GENERATION, &generation), ("config.json", checkpoint.json())] {
                let ids = ids(map, key).map_err(|found| CheckpointError::File {
                    path: directory.join(file),
                    reason: format!("{key}: found {found}, expected a token id or a list of them"),
                })?;
                if !ids.is_empty() {
                    return Ok(ids);
                }
            }
            Ok(named(usual.0, usual.1).map(|(_, id)| id).into_iter().collect())
        };
        Ok(Self {
            mask: named("mask_token", &MASK),
            end: id("eos_token_id", ("eos_token", &END))?,
            begin: id("bos_token_id", ("bos_token", &BEGIN))?.first().copied(),
            pad: id("pad_token_id", ("pad_token", &PAD))?.first().copied(),
        })
    }
}

/// Settings of generation that travel along.
pub(crate) const GENERATION: &str = "generation_config.json";

/// One id or several; none if the key is not there or null. What stands there instead if it is neither.
fn ids(map: &Map<String, Value>, key: &str) -> std::result::Result<Vec<u32>, String> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match map.get(key) {
        None | Some(Value::Null) => Ok(vec![]),
        // Some files say so that there is none.
        Some(value) if value.as_i64() == Some(-1) => Ok(vec![]),
        Some(Value::Array(values)) => {
            values.iter().map(id).collect::<Option<_>>().ok_or_else(|| Value::from(values.clone()).to_string())
        }
        Some(value) => id(value).map(|id| vec![id]).ok_or_else(|| value.to_string()),
    }
}
