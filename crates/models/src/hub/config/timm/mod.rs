//! `timm`'s form of `config.json`: an architecture's name, the arguments that change it, and what its images and classes are.
//!
//! Plain DeiT is ViT there and here; only the one with a distillation token is [`Family::Deit`].

mod architecture;
mod arguments;

use super::source::{Source, wrong};
use crate::{Family, Head, ModelConfig, Result};
use serde_json::{Map, Value, json};

/// What `timm` takes if neither a file nor an argument says how large images are and how many classes there are.
const THEIR_SIDE: usize = 224;
const THEIR_CLASSES: usize = 1000;

/// Whether it is this form and not `transformers`'.
pub(super) fn is_form(source: Source<'_>) -> bool {
    source.get("model_type").is_none() && source.get("architecture").is_some()
}

/// Reads the form, or the older one in which what is in `pretrained_cfg` stands beside the architecture.
pub(super) fn read(source: Source<'_>) -> Result<ModelConfig> {
    let none = Map::new();
    let args = Source(source.object("model_args")?.unwrap_or(&none));
    let pretrained = Source(source.object("pretrained_cfg")?.unwrap_or(source.0));
    let named = source.text("architecture")?.and_then(architecture::config);
    let Some(mut config) = named else {
        return wrong("architecture", source.get("architecture"), architecture::KNOWN);
    };
    for part in [source, args, pretrained] {
        if part.text("global_pool")?.is_some_and(|pool| pool != "token") {
            return wrong("global_pool", part.get("global_pool"), "\"token\"");
        }
    }
    arguments::read(args, &mut config)?;
    let input = input_size(pretrained)?;
    let fixed = pretrained.flag("fixed_input_size")?.unwrap_or(true);
    let by_file = input.filter(|_| fixed).map_or(THEIR_SIDE, |(_, side)| side);
    config.image_size = Some(args.side("img_size")?.unwrap_or(by_file));
    config.num_channels = args.size("in_chans")?.or(input.map(|(channels, _)| channels));
    let mut classes = THEIR_CLASSES;
    for part in [pretrained, source, args] {
        classes = part.size("num_classes")?.unwrap_or(classes);
    }
    config.num_labels = (classes > 0).then_some(classes);
    config.head = Some(match (classes, config.family) {
        (0, _) => Head::None,
        (_, Family::Deit) => Head::DistilledImageClassification,
        _ => Head::ImageClassification,
    });
    Ok(config)
}

/// What a file calls a field; none that it does not have.
pub(super) fn key(source: Source<'_>, field: &str) -> Option<String> {
    let none = Map::new();
    let object = |key| source.get(key).and_then(Value::as_object);
    let (args, pretrained) = (Source(object("model_args").unwrap_or(&none)), object("pretrained_cfg"));
    let beside = if pretrained.is_some() { "pretrained_cfg." } else { "" };
    let pretrained = pretrained.map_or(source, Source);
    let by_file = |argument: &str, key: &str, said: bool| {
        let argued = args.get(argument).is_some() || !said;
        if argued { format!("model_args.{argument}") } else { format!("{beside}{key}") }
    };
    let input = pretrained.get("input_size").is_some();
    let fixed = pretrained.get("fixed_input_size").and_then(Value::as_bool).unwrap_or(true);
    match field {
        "image_size" => Some(by_file("img_size", "input_size", input && fixed)),
        "num_channels" => Some(by_file("in_chans", "input_size", input)),
        "num_labels" if args.get("num_classes").is_none() && source.get("num_classes").is_some() => {
            Some("num_classes".into())
        }
        "num_labels" => Some(by_file("num_classes", "num_classes", pretrained.get("num_classes").is_some())),
        _ => arguments::key(args, field),
    }
}

/// [channels, side].
fn input_size(pretrained: Source<'_>) -> Result<Option<(usize, usize)>> {
    let Some(found) = pretrained.get("input_size") else { return Ok(None) };
    let size = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
    match found.as_array().map(Vec::as_slice) {
        Some([channels, height, width]) if height == width && size(channels).is_some() && size(height).is_some() => {
            Ok(size(channels).zip(size(height)))
        }
        _ => wrong("input_size", Some(found), "[channels, side, side], as images are square"),
    }
}

/// The form from nothing.
pub(super) fn complete(config: &ModelConfig) -> Map<String, Value> {
    let classifier = if config.family == Family::Deit { json!(["head", "head_dist"]) } else { json!("head") };
    let mut map = Map::new();
    map.insert("architecture".into(), architecture::usual(config.family).into());
    map.insert("num_classes".into(), classes(config).into());
    map.insert("num_features".into(), config.hidden_size.into());
    map.insert("global_pool".into(), "token".into());
    map.insert("model_args".into(), arguments::entries(config).into_iter().collect());
    map.insert(
        "pretrained_cfg".into(),
        json!({
            "input_size": input(config),
            "fixed_input_size": true,
            "interpolation": "bicubic",
            "num_classes": classes(config),
            "first_conv": "patch_embed.proj",
            "classifier": classifier,
        }),
    );
    map
}

/// Makes `map`, which now means `meant`, say `config`; true if a key was changed.
pub(super) fn change(map: &mut Map<String, Value>, meant: &ModelConfig, config: &ModelConfig) -> bool {
    let before = arguments::entries(meant);
    let differs = |entry: &(&str, Value)| !before.contains(entry);
    let arguments: Vec<_> = arguments::entries(config).into_iter().filter(differs).collect();
    let images = input(meant) != input(config);
    let labels = classes(meant) != classes(config);
    if arguments.is_empty() && !images && !labels {
        return false;
    }
    modernise(map);
    for (key, value) in arguments {
        part(map, "model_args").insert(key.into(), value);
    }
    // Arguments come before the file; where they are, both say it.
    if images {
        replace(map.get_mut("model_args"), "img_size", config.image_size().into());
        replace(map.get_mut("model_args"), "in_chans", config.num_channels().into());
        part(map, "pretrained_cfg").insert("input_size".into(), input(config));
        part(map, "pretrained_cfg").insert("fixed_input_size".into(), true.into());
    }
    if labels {
        replace(map.get_mut("model_args"), "num_classes", classes(config).into());
        replace(map.get_mut("pretrained_cfg"), "num_classes", classes(config).into());
        map.insert("num_classes".into(), classes(config).into());
        // Names of other classes.
        map.shift_remove("label_names");
        map.shift_remove("label_descriptions");
    }
    if let Some(width) = map.get_mut("num_features").filter(|width| !width.is_null()) {
        *width = config.hidden_size.into();
    }
    true
}

/// The older form has no arguments: what is not of the architecture goes into a `pretrained_cfg`.
fn modernise(map: &mut Map<String, Value>) {
    if Source(map).get("pretrained_cfg").is_some() {
        return;
    }
    let mut pretrained = std::mem::take(map);
    pretrained.shift_remove("pretrained_cfg");
    for key in ["architecture", "num_classes", "num_features", "global_pool", "model_args"] {
        if let Some(value) = pretrained.shift_remove(key) {
            map.insert(key.into(), value);
        }
    }
    map.insert("pretrained_cfg".into(), pretrained.into());
}

/// An object in `map`, an empty one if there is none.
fn part<'m>(map: &'m mut Map<String, Value>, key: &str) -> &'m mut Map<String, Value> {
    let part = map.entry(key).or_insert(Value::Null);
    if !part.is_object() {
        *part = Value::Object(Map::new());
    }
    // It is one: if it was not, the lines above have made it one.
    part.as_object_mut().expect("an object")
}

/// Sets a key of `part` if both are there.
fn replace(part: Option<&mut Value>, key: &str, value: Value) {
    if let Some(old) = part.and_then(|part| part.get_mut(key)).filter(|old| !old.is_null()) {
        *old = value;
    }
}

fn classes(config: &ModelConfig) -> usize {
    if config.head().has_labels() { config.num_labels() } else { 0 }
}

fn input(config: &ModelConfig) -> Value {
    let side = config.image_size();
    json!([config.num_channels(), side, side])
}
