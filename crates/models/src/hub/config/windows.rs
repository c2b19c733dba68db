//! `sliding_window` and the keys that say which layers have one.

use super::source::{Source, wrong};
use crate::{Family, ModelConfig, Result};
use serde_json::Value;

/// How far `transformers` lets tokens of Mistral and Qwen see if nothing is said.
const THEIR_WINDOW: usize = 4096;
/// The first layer with a window in Qwen if nothing is said.
const THEIR_FIRST_LAYER: usize = 28;

/// Reads the keys into `config`, whose family and depth are known.
pub(super) fn read(source: Source<'_>, config: &mut ModelConfig) -> Result<()> {
    match config.family {
        Family::Mistral => config.sliding_window = window(source)?,
        Family::Qwen2 | Family::Qwen3 if source.flag("use_sliding_window")?.unwrap_or(false) => {
            config.sliding_window = window(source)?;
            let first = source.size("max_window_layers")?.unwrap_or(THEIR_FIRST_LAYER);
            config.max_window_layers = config.sliding_window.map(|_| first);
        }
        _ => {}
    }
    match source.get("layer_types") {
        Some(found) if config.family.is_llama_style() && !fit(found, config) => {
            let expected = "full_attention or sliding_attention for each layer, as num_hidden_layers, sliding_window and max_window_layers say";
            wrong("layer_types", Some(found), expected)
        }
        _ => Ok(()),
    }
}

/// Null is no window, unlike a key that is left out.
fn window(source: Source<'_>) -> Result<Option<usize>> {
    let said = source.size("sliding_window")?;
    let usual = (!source.is_null("sliding_window")).then_some(THEIR_WINDOW);
    Ok(said.or(usual))
}

/// What the keys have to say about `config`.
pub(super) fn json(config: &ModelConfig) -> Vec<(&'static str, Value)> {
    let window = ("sliding_window", config.sliding_window.map_or(Value::Null, Value::from));
    match config.family {
        Family::Mistral => vec![window],
        // A window that is not used may say what it likes.
        Family::Qwen2 | Family::Qwen3 if config.sliding_window.is_none() => vec![("use_sliding_window", false.into())],
        Family::Qwen2 | Family::Qwen3 => vec![
            ("use_sliding_window", true.into()),
            window,
            ("max_window_layers", config.max_window_layers.unwrap_or(0).into()),
        ],
        _ => Vec::new(),
    }
}

/// `layer_types`, which is written only where it was: it follows from the other keys.
pub(super) fn layer_types(config: &ModelConfig) -> Value {
    (0..config.num_hidden_layers).map(|layer| layer_type(config, layer)).collect()
}

fn layer_type(config: &ModelConfig, layer: usize) -> &'static str {
    if config.window(layer).is_some() { "sliding_attention" } else { "full_attention" }
}

/// Without a list of expected types, which a depth that cannot be would make long.
fn fit(found: &Value, config: &ModelConfig) -> bool {
    found.as_array().is_some_and(|types| {
        let fits = |(layer, found): (usize, &Value)| found.as_str() == Some(layer_type(config, layer));
        types.len() == config.num_hidden_layers && types.iter().enumerate().all(fits)
    })
}
