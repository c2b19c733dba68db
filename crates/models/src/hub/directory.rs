//! What lies in a checkpoint's directory beside and instead of its weights: files that travel along, and files that are never
//! opened because reading them would run code.

use super::{CONFIG, WEIGHTS, index::INDEX};
use crate::{ModelError, Result};
use serde_json::{Map, Value};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a checkpoint's weights are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Weights {
    Single(PathBuf),
    Sharded(PathBuf),
}

/// Says what is wrong with `directory` if it cannot be a checkpoint at all: not there, a file, empty, without `config.json`.
pub(super) fn check(directory: &Path) -> Result<()> {
    let wrong = |reason: String| ModelError::File { path: directory.to_owned(), reason };
    let cannot = |error: io::Error| wrong(format!("cannot be read: {error}"));
    let expected = format!("expected a directory with {CONFIG} and {WEIGHTS}");
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(wrong(format!("found a file, {expected}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong(format!("found no such directory, {expected}")));
        }
        Err(error) => return Err(cannot(error)),
    }
    if directory.join(CONFIG).exists() {
        return Ok(());
    }
    let empty = fs::read_dir(directory).map_err(cannot)?.next().is_none();
    let found = if empty { "an empty directory".to_owned() } else { format!("a directory without {CONFIG}") };
    Err(wrong(format!("found {found}, {expected}")))
}

/// Finds the weights.
///
/// # Errors
/// [`ModelError::File`] if there are none, with the command that makes some of a pickled file.
pub(super) fn weights(directory: &Path, config: &Map<String, Value>) -> Result<Weights> {
    let (single, sharded) = (directory.join(WEIGHTS), directory.join(INDEX));
    if single.exists() {
        return Ok(Weights::Single(single));
    }
    if sharded.exists() {
        return Ok(Weights::Sharded(sharded));
    }
    let wrong = |path: PathBuf, reason| Err(ModelError::File { path, reason });
    let Some(foreign) = foreign_weights(directory) else {
        let reason = format!("found neither {WEIGHTS} nor {INDEX}, expected one of them");
        return wrong(directory.to_owned(), reason);
    };
    let why = "which is not opened here: reading it can run whatever code it holds";
    let expected =
        format!("{WEIGHTS}; where the file is trusted, this makes one:\n  {}", command(directory, &foreign, config));
    wrong(directory.join(&foreign), format!("found weights in a format {why}; expected {expected}"))
}

/// The first file of weights in a format that is not read here.
fn foreign_weights(directory: &Path) -> Option<String> {
    const NAMES: [&str; 6] = [
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
        "tf_model.h5",
        "tf_model.h5.index.json",
        "flax_model.msgpack",
        "flax_model.msgpack.index.json",
    ];
    const ENDS: [&str; 7] = [".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".pkl"];
    // Left by the libraries' trainers; no weights.
    const OTHERS: [&str; 4] = ["training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt"];
    let mut names: Vec<String> = names(directory);
    names.retain(|name| NAMES.contains(&&**name) || ENDS.iter().any(|end| name.ends_with(end)));
    names.retain(|name| !OTHERS.contains(&&**name));
    let rank = |name: &String| NAMES.iter().position(|known| known == name).unwrap_or(NAMES.len());
    names.into_iter().min_by_key(rank)
}

/// The command that turns the directory's weights into safetensors, to be run by who trusts them.
fn command(directory: &Path, weights: &str, config: &Map<String, Value>) -> String {
    let place = quoted(&directory.display().to_string());
    if config.contains_key("architecture") {
        let make = "save_model(timm.create_model('local-dir:' + d, pretrained=True), d + '/model.safetensors')";
        return format!("python -c \"import timm; from safetensors.torch import save_model; d = {place}; {make}\"");
    }
    let architecture = config.get("architectures").and_then(|names| names.get(0)).and_then(Value::as_str);
    let class = match architecture.unwrap_or_default() {
        name if name.ends_with("LMHeadModel") || name.ends_with("ForCausalLM") => "AutoModelForCausalLM",
        name if name.ends_with("ForMaskedLM") => "AutoModelForMaskedLM",
        name if name.ends_with("ForPreTraining") => "AutoModelForPreTraining",
        name if name.ends_with("ForSequenceClassification") => "AutoModelForSequenceClassification",
        name if name.ends_with("ForQuestionAnswering") => "AutoModelForQuestionAnswering",
        name if name.ends_with("ForImageClassificationWithTeacher") => "DeiTForImageClassificationWithTeacher",
        name if name.ends_with("ForImageClassification") => "AutoModelForImageClassification",
        _ => "AutoModel",
    };
    let from = match weights {
        name if name.contains(".h5") => ", from_tf=True",
        name if name.contains(".msgpack") => ", from_flax=True",
        _ => "",
    };
    format!(
        "python -c \"from transformers import {class} as M; d = {place}; \
         M.from_pretrained(d{from}).save_pretrained(d, safe_serialization=True)\""
    )
}

/// A Python string inside a shell's double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            // Python needs two, the shell two for each.
            '\\' => quoted.push_str("\\\\\\\\"),
            '\'' => quoted.push_str("\\\\'"),
            '"' | '$' | '`' => quoted.extend(['\\', c]),
            _ => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// The files beside the weights that belong to a checkpoint and stay as they are, by their path in `directory`, sorted.
pub(super) fn companions(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = vec![];
    for name in names(directory) {
        let path = directory.join(&name);
        if is_companion(&name) && path.is_file() {
            found.push(name.into());
        } else if is_module(&name) && path.is_dir() {
            let files = names(&path).into_iter().filter(|file| path.join(file).is_file());
            found.extend(files.filter(|file| !file.starts_with('.')).map(|file| Path::new(&name).join(file)));
        }
    }
    found.sort();
    found
}

/// Whether a file of that path in a checkpoint's directory, `/` between its parts, is of those that travel along: what a download
/// takes beside the weights.
pub fn travels_along(path: &str) -> bool {
    match path.split_once('/') {
        None => is_companion(path),
        Some((module, file)) => is_module(module) && !file.contains('/') && !file.starts_with('.'),
    }
}

/// Files of tokenizers, image processors, generation, chats and sentence embeddings.
fn is_companion(name: &str) -> bool {
    const NAMES: [&str; 17] = [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "preprocessor_config.json",
        "processor_config.json",
        "image_processor_config.json",
        "generation_config.json",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
    ];
    NAMES.contains(&name) || name.starts_with("chat_template.") || name.ends_with(".spm") || name.ends_with(".model")
}

/// A part of a sentence embedder: `1_Pooling`, `2_Normalize`.
fn is_module(name: &str) -> bool {
    name.split_once('_').is_some_and(|(number, kind)| {
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        digits && !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// The names in a directory that are text; of one that cannot be listed, none.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holding(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        directory
    }

    #[test]
    fn what_is_no_checkpoint_is_called_what_it_is() {
        let directory = holding(&["sub/x.txt", "file"]);
        fs::create_dir(directory.path().join("empty")).unwrap();
        let cases = [
            ("nowhere", "found no such directory"),
            ("file", "found a file"),
            ("empty", "found an empty directory"),
            ("sub", "found a directory without config.json"),
        ];
        for (name, expected) in cases {
            let path = directory.path().join(name);
            let message = check(&path).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{}: {expected}, expected ", path.display())), "{message}");
        }
    }

    #[test]
    fn weights_that_would_run_code_are_refused_with_the_command_that_converts_them() {
        let cases = [
            (
                &["pytorch_model.bin", "training_args.bin"][..],
                json!({"architectures": ["BertForMaskedLM"]}),
                "pytorch_model.bin",
                "AutoModelForMaskedLM as M",
            ),
            (
                &["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"],
                json!({"architectures": ["LlamaForCausalLM"]}),
                "pytorch_model.bin.index.json",
                "AutoModelForCausalLM as M",
            ),
            (&["model.pt"], json!({"architectures": ["GPT2LMHeadModel"]}), "model.pt", "AutoModelForCausalLM as M"),
            (
                &["tf_model.h5"],
                json!({"architectures": ["BertModel"]}),
                "tf_model.h5",
                "AutoModel as M; d = 'DIR'; M.from_pretrained(d, from_tf=True)",
            ),
            (&["flax_model.msgpack"], json!({}), "flax_model.msgpack", "from_flax=True"),
            (
                &["pytorch_model.bin"],
                json!({"architecture": "vit_tiny_patch16_224"}),
                "pytorch_model.bin",
                "timm.create_model('local-dir:' + d, pretrained=True)",
            ),
        ];
        for (files, config, named, expected) in cases {
            let directory = holding(files);
            let Value::Object(config) = config else { unreachable!() };
            let message = weights(directory.path(), &config).unwrap_err().to_string();
            let expected = expected.replace("DIR", &directory.path().display().to_string());
            assert!(
                message.starts_with(&format!("{}: found weights", directory.path().join(named).display())),
                "{message}"
            );
            assert!(message.contains(&expected), "{message}");
        }
        let directory = holding(&["training_args.bin", "README.md"]);
        let message = weights(directory.path(), &Map::new()).unwrap_err().to_string();
        assert!(message.contains("found neither model.safetensors nor model.safetensors.index.json"), "{message}");
    }

    #[test]
    fn a_path_is_quoted_for_python_and_the_shell() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted(r#"a'b"c$d`e\f"#), r#"'a\\'b\"c\$d\`e\\\\f'"#);
    }

    #[test]
    fn safetensors_are_taken_before_shards_and_shards_before_pickles() {
        let all = ["pytorch_model.bin", INDEX, WEIGHTS];
        let directory = holding(&all);
        let found = weights(directory.path(), &Map::new()).unwrap();
        assert_eq!(found, Weights::Single(directory.path().join(WEIGHTS)));
        let directory = holding(&all[..2]);
        assert_eq!(weights(directory.path(), &Map::new()).unwrap(), Weights::Sharded(directory.path().join(INDEX)));
    }

    #[test]
    fn tokenizers_and_the_like_travel_along_and_weights_and_secrets_do_not() {
        let along = [
            "1_Pooling/config.json",
            "added_tokens.json",
            "chat_template.jinja",
            "generation_config.json",
            "merges.txt",
            "modules.json",
            "preprocessor_config.json",
            "sentencepiece.bpe.model",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
            "vocab.txt",
        ];
        let not = ["config.json", "model.safetensors", "pytorch_model.bin", ".env", "onnx/model.onnx", "README.md"];
        let directory = holding(&[&along[..], &not].concat());
        let found: Vec<String> = companions(directory.path()).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(found, along);
    }
}
