//! Whether the sizes in `config.json` are those of the tensors, and which key is to blame where they are not.

use super::config::Keys;
use super::names::{Layers, current, layers, prefix};
use crate::{ModelConfig, ModelError, Naming, ParamSpec, Result, Space};

/// No family has a layer of fewer tensors (Llama style: four of attention, three of the MLP, two norms).
const FEWEST_IN_A_LAYER: usize = 8;

/// Holds the numbers of layers against the names of the tensors.
///
/// Before a model is built, since that takes memory for every layer: a configuration may ask for as many as there are, no more.
///
/// # Errors
/// [`ModelError::Config`] with the field.
pub(super) fn check_layers<'a>(config: &ModelConfig, tensors: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
    for &(start, kind) in layers(config) {
        let (field, expected) = match kind {
            Layers::Blocks => ("num_hidden_layers", config.num_hidden_layers),
            Layers::Class => ("num_class_layers", config.num_class_layers()),
        };
        let mut numbers: Vec<usize> = tensors.clone().filter_map(|name| layer_number(config, start, name)).collect();
        let tensors = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        let found = numbers.len();
        if found != expected {
            let expected_is = format!("{found}: so many layers have tensors in the checkpoint");
            return Err(ModelError::Config { field, found: expected.to_string(), expected: expected_is });
        }
        if tensors < FEWEST_IN_A_LAYER.saturating_mul(found) {
            let expected = format!("fewer, as the checkpoint has but {tensors} tensors in all of them: one is missing");
            return Err(ModelError::Config { field, found: found.to_string(), expected });
        }
    }
    Ok(())
}

/// The number of the layer that a tensor belongs to.
fn layer_number(config: &ModelConfig, start: &str, name: &str) -> Option<usize> {
    let number = |name: &str| {
        let bare = name.strip_prefix(prefix(config.family)).unwrap_or(name);
        bare.strip_prefix(start)?.split('.').next()?.parse().ok()
    };
    match config.naming {
        Naming::Hub => number(&current(config.family, name)),
        Naming::Timm => number(name),
    }
}

/// Which keys say that a parameter has the shape it is declared with, where `found` is another: `hidden_size (12)`.
pub(super) fn contradicted(config: &ModelConfig, file: Keys<'_>, spec: &ParamSpec, found: &[usize]) -> Option<String> {
    let expected = spec.stored_shape();
    if found.len() != expected.len() {
        return None;
    }
    let mut keys: Vec<String> = vec![];
    for (place, _) in expected.iter().zip(found).enumerate().filter(|(_, (expected, found))| expected != found) {
        for &space in &spec.axes.get(axis_of(spec, place)?)?.spaces {
            let key = key_of(config, file, space);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    (!keys.is_empty()).then(|| keys.join(", "))
}

/// The axis that lies along a place of the shape in a checkpoint.
fn axis_of(spec: &ParamSpec, place: usize) -> Option<usize> {
    let (stored, shape) = (spec.stored_shape(), &spec.shape[..]);
    if stored.ends_with(shape) {
        // Leading ones: no axis lies along those.
        return place.checked_sub(stored.len() - shape.len());
    }
    // A convolution: outputs, then the numbers of a patch.
    Some(place.min(shape.len().saturating_sub(1)))
}

/// The keys that fix the width of a space, with their values.
fn key_of(config: &ModelConfig, file: Keys<'_>, space: Space) -> String {
    let one = |field: &str, value: usize| format!("{} ({value})", file.of(field));
    let per_head = |field: &str, heads: usize| match config.family.is_llama_style() {
        true => format!("{field} × head_dim ({heads} × {})", config.head_dim()),
        false => one("hidden_size", config.hidden_size),
    };
    match space {
        Space::Embed => one("hidden_size", config.hidden_size),
        Space::Query(_) | Space::Context(_) => per_head("num_attention_heads", config.num_attention_heads),
        Space::Key(_) | Space::Value(_) => per_head("num_key_value_heads", config.num_key_value_heads()),
        Space::Heads(_) => one("num_attention_heads", config.num_attention_heads),
        Space::HeadDim => one("head_dim", config.head_dim()),
        Space::Ffn(_) => one("intermediate_size", config.intermediate_size()),
        Space::Adapter(_) => one("adapter_size", config.adapter_size.unwrap_or(0)),
        Space::Vocab => one("vocab_size", config.vocab_size),
        Space::Position if config.family.reads_images() => one("image_size", config.image_size()),
        Space::Position => one("max_position_embeddings", config.max_position_embeddings),
        Space::TokenType => one("type_vocab_size", config.space(space).width()),
        Space::Patch => {
            format!("{}, {}", one("patch_size", config.patch_size()), one("num_channels", config.num_channels()))
        }
        Space::Label => one("num_labels", config.num_labels()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Family, Init};

    fn names(layers: usize, start: &str) -> Vec<String> {
        let tensors = |layer| (0..9).map(move |i| format!("{start}{layer}.part{i}.weight"));
        (0..layers).flat_map(tensors).chain(["wte.weight".into()]).collect()
    }

    #[test]
    fn a_configuration_may_ask_for_as_many_layers_as_there_are() {
        let cases = [
            (Family::Gpt2, "transformer.h.", 3, None),
            (Family::Gpt2, "h.", 3, None),
            (Family::Gpt2, "h.", 4096, Some("num_hidden_layers: found 4096, expected 3: so many layers")),
            (Family::Gpt2, "h.", 2, Some("num_hidden_layers: found 2, expected 3")),
            (Family::Llama, "model.layers.", 3, None),
            (Family::Llama, "model.blocks.", 3, Some("num_hidden_layers: found 3, expected 0")),
            (Family::Bert, "bert.encoder.layer.", 3, None),
            (Family::Vit, "vit.layers.", 3, None),
            (Family::Cait, "blocks.", 3, Some("num_class_layers: found 2, expected 0")),
        ];
        for (family, start, asked, expected) in cases {
            let config = ModelConfig::new(family, 12, asked, 3);
            let names = names(3, start);
            let result = check_layers(&config, names.iter().map(String::as_str));
            match (result, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(error.to_string().starts_with(expected), "{error}"),
                (result, _) => panic!("{family} {start} {asked}: {result:?}"),
            }
        }
        let sparse: Vec<String> = (0..4096).map(|layer| format!("h.{layer}.x")).collect();
        let error = check_layers(&ModelConfig::new(Family::Gpt2, 12, 4096, 3), sparse.iter().map(String::as_str));
        assert!(error.unwrap_err().to_string().contains("but 4096 tensors"));
    }

    #[test]
    fn the_key_that_contradicts_a_shape_is_told() {
        let spec = |shape: &[usize], stored: Option<&[usize]>, axes: Vec<Axis>| ParamSpec {
            name: "x".into(),
            module: "x".into(),
            layer: None,
            shape: shape.into(),
            stored_shape: stored.map(Into::into),
            axes,
            init: Init::Zeros,
            decay: false,
        };
        let matrix = |outputs, inputs| vec![Axis::produces([outputs]), Axis::consumes([inputs])];
        let (gpt2, llama) = (ModelConfig::new(Family::Gpt2, 12, 2, 3), ModelConfig::new(Family::Llama, 12, 2, 3));
        let vit = ModelConfig { patch_size: Some(4), ..ModelConfig::new(Family::Vit, 12, 2, 3) };
        let table = spec(&[5, 12], None, matrix(Space::Vocab, Space::Embed));
        let convolution = spec(&[12, 48], Some(&[12, 3, 4, 4]), matrix(Space::Embed, Space::Patch));
        let positions = spec(&[5, 12], Some(&[1, 5, 12]), matrix(Space::Position, Space::Embed));
        let keys = spec(&[12, 12], None, matrix(Space::Key(0), Space::Embed));
        let cases: [(&ModelConfig, &ParamSpec, &[usize], Option<&str>); 8] = [
            (&gpt2, &table, &[5, 13], Some("n_embd (12)")),
            (&gpt2, &table, &[6, 13], Some("vocab_size (0), n_embd (12)")),
            (&gpt2, &table, &[5], None),
            (&gpt2, &keys, &[6, 12], Some("n_embd (12)")),
            (&llama, &keys, &[6, 12], Some("num_key_value_heads × head_dim (3 × 4)")),
            (&vit, &convolution, &[12, 3, 8, 8], Some("patch_size (4), num_channels (3)")),
            (&vit, &positions, &[1, 5, 24], Some("hidden_size (12)")),
            (&vit, &positions, &[2, 5, 12], None),
        ];
        for (config, spec, found, expected) in cases {
            let json = config.to_hub_json(None);
            let file = Keys::new(json.as_object().unwrap(), config.family);
            assert_eq!(contradicted(config, file, spec, found).as_deref(), expected, "{found:?}");
        }
    }
}
