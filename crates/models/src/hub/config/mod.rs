//! `config.json`, read and written for all families, in `transformers`' form and in `timm`'s.
//!
//! Keys that change what is computed and that are not built here (cross-attention, relative positions, …) are refused by name;
//! keys that do not (token ids, the library's version, …) are passed over. Writing starts from the file that was read, so that
//! they come through: only keys that mean something else than before are touched. Whether sizes work together is for
//! [`crate::Model::new`] to say.

mod class;
mod families;
mod field;
mod hub_form;
mod keys;
mod labels;
mod rotary;
mod source;
#[cfg(test)]
mod tests;
mod timm;
mod windows;

pub(super) use keys::Keys;

use crate::config::Naming;
use crate::{ModelConfig, Result};
use serde_json::{Map, Value};
use source::{Source, wrong};

/// Some keys' defaults hang on others' values, so that a change of one may need another; no chain is longer.
const ROUNDS: usize = 4;

impl ModelConfig {
    /// Reads `config.json`: `transformers`' if it has a `model_type`, `timm`'s if it has an `architecture` instead.
    ///
    /// Sizes have to be there; what else is left out has the default of `transformers`' class (of `timm`'s function). Whether a
    /// BERT without head has a pooler is not in the file: it is for whoever sees the tensors to set [`ModelConfig::pooler`].
    ///
    /// # Errors
    /// [`crate::ModelError::Config`] that names the key: missing, of the wrong type, or asking for what is not built here.
    pub fn from_hub_json(json: &Value) -> Result<Self> {
        let Some(map) = json.as_object() else { return wrong("config.json", Some(json), "an object") };
        read(map)
    }

    /// `config.json` for this model, which [`ModelConfig::from_hub_json`] reads back as the same one.
    ///
    /// With the `original` file that the model came from, every key that means what it meant stays as it was written, and so
    /// does every key that is not known here; an unchanged model gives the same JSON. Without it (or if it is another family's)
    /// the file has all that `transformers` or `timm` needs. In what type weights are written (`dtype`) is for whoever writes
    /// them to say; a new file says `float32`.
    pub fn to_hub_json(&self, original: Option<&Map<String, Value>>) -> Value {
        let written = original.and_then(|original| self.changed(original));
        Value::Object(written.unwrap_or_else(|| match self.naming {
            Naming::Hub => hub_form::complete(self),
            Naming::Timm => timm::complete(self),
        }))
    }

    /// The original with what has to be different; none if it is no file of such a model.
    fn changed(&self, original: &Map<String, Value>) -> Option<Map<String, Value>> {
        let mut map = original.clone();
        for _ in 0..ROUNDS {
            let meant = read(&map).ok()?;
            if (meant.family, meant.naming) != (self.family, self.naming) {
                return None;
            }
            let changed = match self.naming {
                Naming::Hub => hub_form::change(&mut map, &meant, self),
                Naming::Timm => timm::change(&mut map, &meant, self),
            };
            if !changed {
                return Some(map);
            }
        }
        None
    }
}

fn read(map: &Map<String, Value>) -> Result<ModelConfig> {
    let source = Source(map);
    if timm::is_form(source) { timm::read(source) } else { hub_form::read(source) }
}
