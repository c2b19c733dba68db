//! The model that is wanted: a `config.json`, or sizes that differ from the source's. Whether a method can grow to it is for the
//! method to say.

use crate::{GrowError, Result};
use ligo_growth::check_growth;
use ligo_models::{Model, ModelConfig};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// No `config.json` is longer.
const LONGEST_CONFIG: u64 = 1 << 22;

/// The model that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// What a `config.json`, or the one in a directory, says.
    Config(PathBuf),
    /// The source's sizes but for these.
    Sizes(Sizes),
}

/// Sizes that differ from the source's; what is left out follows the others, see [`Target::config`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Width of the residual stream.
    pub hidden_size: Option<usize>,
    /// Number of layers.
    pub num_hidden_layers: Option<usize>,
    /// Number of attention heads.
    pub num_attention_heads: Option<usize>,
    /// Number of key and value heads.
    pub num_key_value_heads: Option<usize>,
    /// Inner width of the MLP.
    pub intermediate_size: Option<usize>,
}

impl Target {
    /// The configuration to grow `small` to.
    ///
    /// Of sizes that are left out, the hidden size and the number of layers are the source's; the heads are as many more as the
    /// hidden size is wider, so that a head keeps its length; as many heads share a key and value head; and the inner widths of
    /// the MLP stay in proportion to the hidden size, rounded up.
    ///
    /// # Errors
    /// A file that is no configuration; sizes that cannot be, that are smaller than the source's, or that are the source's own.
    pub fn config(&self, small: &ModelConfig) -> Result<ModelConfig> {
        let large = match self {
            Self::Config(path) => read(path, small)?,
            Self::Sizes(sizes) => sizes.config(small)?,
        };
        check_growth(small, &large)?;
        Model::new(large.clone())?;
        if widths(&large) == widths(small) {
            return Err(GrowError::asked(
                "the target",
                format!("the source's own sizes, {}", shown(small)),
                "a larger one: --hidden-size, --layers, --intermediate-size, or --to with a config.json",
            ));
        }
        Ok(large)
    }
}

impl Sizes {
    fn config(&self, small: &ModelConfig) -> Result<ModelConfig> {
        let old = small.hidden_size;
        let hidden = self.hidden_size.unwrap_or(old);
        let heads = match self.num_attention_heads {
            Some(heads) => heads,
            None => {
                let grown = small.num_attention_heads.saturating_mul(hidden);
                if !grown.is_multiple_of(old) {
                    let step = old / gcd(old, small.num_attention_heads);
                    let near = hidden / step * step;
                    let near = if near < old { old } else { near };
                    return Err(GrowError::asked(
                        "--hidden-size",
                        hidden,
                        format!(
                            "a multiple of {step}, so that heads keep their length ({near}, {}), or --heads beside it",
                            near + step
                        ),
                    ));
                }
                grown / old
            }
        };
        let sharing = small.num_attention_heads / small.num_key_value_heads().max(1);
        let key_value = match (self.num_key_value_heads, small.num_key_value_heads) {
            (Some(heads), _) => Some(heads),
            (None, None) => None,
            (None, Some(_)) if heads.is_multiple_of(sharing.max(1)) => Some(heads / sharing.max(1)),
            (None, Some(_)) => {
                let expected = format!("a multiple of {sharing}, as so many share a key and value head");
                return Err(GrowError::asked("--heads", heads, expected));
            }
        };
        let in_proportion = |inner: Option<usize>| inner.map(|inner| inner.saturating_mul(hidden).div_ceil(old.max(1)));
        // Rotary pairs stay whole, whatever the hidden size is divided into.
        let head_dim = match small.head_dim {
            None if small.family.is_llama_style() && heads.saturating_mul(small.head_dim()) != hidden => {
                Some(small.head_dim())
            }
            own => own,
        };
        Ok(ModelConfig {
            hidden_size: hidden,
            num_hidden_layers: self.num_hidden_layers.unwrap_or(small.num_hidden_layers),
            num_attention_heads: heads,
            num_key_value_heads: key_value,
            head_dim,
            intermediate_size: self.intermediate_size.or(in_proportion(small.intermediate_size)),
            class_intermediate_size: in_proportion(small.class_intermediate_size),
            ..small.clone()
        })
    }
}

/// The sizes that can grow.
fn widths(config: &ModelConfig) -> [usize; 7] {
    [
        config.hidden_size,
        config.num_hidden_layers,
        config.num_attention_heads,
        config.num_key_value_heads(),
        config.head_dim(),
        config.intermediate_size(),
        config.class_intermediate_size(),
    ]
}

/// `12 layers × 768 channels, 12 heads, MLP 3072`.
pub fn shown(config: &ModelConfig) -> String {
    let shared = match config.num_key_value_heads {
        Some(heads) if heads != config.num_attention_heads => format!(" on {heads}"),
        _ => String::new(),
    };
    format!(
        "{} layers × {} channels, {} heads{shared}, MLP {}",
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size()
    )
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Reads `config.json`. The head is the source's where the file does not name a class, and so is a pooler, which no key says.
fn read(path: &Path, small: &ModelConfig) -> Result<ModelConfig> {
    let path = if path.is_dir() { path.join("config.json") } else { path.to_owned() };
    let broken = |reason: String| GrowError::File { path: path.clone(), reason };
    let metadata = fs::metadata(&path)
        .map_err(|error| broken(format!("cannot be read: {error}; expected a config.json, or a directory with one")))?;
    if !metadata.is_file() || metadata.len() > LONGEST_CONFIG {
        return Err(broken(format!(
            "found something else than a file of at most {LONGEST_CONFIG} bytes, expected a config.json"
        )));
    }
    let text = fs::read(&path).map_err(|error| broken(format!("cannot be read: {error}")))?;
    let json: Value = serde_json::from_slice(&text)
        .map_err(|error| broken(format!("found no JSON ({error}), expected a config.json")))?;
    let mut config = ModelConfig::from_hub_json(&json).map_err(|error| broken(error.to_string()))?;
    let named = json.get("architectures").is_some_and(|names| !names.is_null()) || json.get("architecture").is_some();
    if !named {
        config.head = small.head;
    }
    config.pooler = small.pooler;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_models::Family;

    fn sizes(hidden: Option<usize>, layers: Option<usize>, heads: Option<usize>) -> Sizes {
        Sizes { hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: heads, ..Sizes::default() }
    }

    #[test]
    fn what_is_left_out_follows_the_sizes_that_are_given() {
        for family in Family::ALL {
            let small = config(family, 2, 8, 2);
            let large = Target::Sizes(sizes(Some(12), None, None)).config(&small).unwrap();
            assert_eq!(widths(&large)[..5], [12, 2, 3, 3, 4], "{family}");
            assert_eq!(large.intermediate_size(), 48);
            let deeper = Target::Sizes(sizes(None, Some(4), None)).config(&small).unwrap();
            assert_eq!(deeper, ModelConfig { num_hidden_layers: 4, ..small });
        }
        let grouped = ModelConfig {
            num_key_value_heads: Some(2),
            intermediate_size: Some(22),
            ..config(Family::Llama, 2, 16, 4)
        };
        let large = Target::Sizes(sizes(Some(24), None, None)).config(&grouped).unwrap();
        assert_eq!(
            (large.num_attention_heads, large.num_key_value_heads, large.intermediate_size),
            (6, Some(3), Some(33))
        );
        let apart = Target::Sizes(sizes(Some(24), None, Some(8))).config(&grouped).unwrap();
        assert_eq!((apart.head_dim, apart.num_key_value_heads), (Some(4), Some(4)));
    }

    #[test]
    fn a_file_says_the_sizes_and_leaves_the_head_to_the_source() {
        let directory = tempfile::tempdir().unwrap();
        let small = ModelConfig { head: Some(ligo_models::Head::None), ..config(Family::Bert, 2, 8, 2) };
        let wide = config(Family::Bert, 3, 12, 3);
        let mut json = wide.to_hub_json(None);
        json.as_object_mut().unwrap().remove("architectures");
        std::fs::write(directory.path().join("config.json"), json.to_string()).unwrap();
        for path in [directory.path().to_owned(), directory.path().join("config.json")] {
            let large = Target::Config(path).config(&small).unwrap();
            assert_eq!((large.hidden_size, large.head()), (12, ligo_models::Head::None));
        }
    }

    #[test]
    fn what_cannot_be_grown_to_is_told_with_what_could() {
        let small = config(Family::Gpt2, 2, 8, 2);
        let cases = [
            (sizes(Some(4), None, None), "hidden_size: the large model has 4, expected at least 8"),
            (sizes(None, Some(1), None), "num_hidden_layers: the large model has 1, expected at least 2"),
            (
                sizes(Some(10), None, None),
                "--hidden-size: found 10, expected a multiple of 4, so that heads keep their length (8, 12), or --heads",
            ),
            (sizes(Some(12), None, Some(5)), "hidden_size"),
            (
                sizes(None, None, None),
                "the target: found the source's own sizes, 2 layers × 8 channels, 2 heads, MLP 32, expected a larger",
            ),
            (
                Sizes { intermediate_size: Some(16), ..Sizes::default() },
                "intermediate_size: the large model has 16, expected at least 32",
            ),
        ];
        for (sizes, expected) in cases {
            let message = Target::Sizes(sizes.clone()).config(&small).unwrap_err().to_string();
            assert!(message.contains(expected), "{sizes:?}: {message}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        let message = |path: &Path| Target::Config(path.to_owned()).config(&small).unwrap_err().to_string();
        assert!(message(&path).contains("config.json: cannot be read"));
        std::fs::write(&path, "{").unwrap();
        assert!(message(&path).contains("config.json: found no JSON"));
        std::fs::write(&path, config(Family::Bert, 2, 16, 4).to_hub_json(None).to_string()).unwrap();
        assert!(message(&path).contains("family: the large model has bert, expected gpt2"));
    }
}
