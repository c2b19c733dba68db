use super::*;
use ligo_models::hub::{self, ExportOptions};
use ligo_models::{Family, Model, ModelConfig};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// A checkpoint with fresh weights and these files beside it.
pub(crate) fn checkpoint(family: Family, vocab_size: usize, files: &[(&str, String)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut config = ModelConfig::new(family, 4, 1, 2);
    if family.reads_images() {
        (config.image_size, config.patch_size) = (Some(4), Some(2));
    } else {
        (config.vocab_size, config.max_position_embeddings) = (vocab_size, 16);
    }
    let model = Model::new(config).unwrap();
    let parameters = model.fresh(&ligo_kernels::Cpu::default(), 1).unwrap();
    hub::export(directory.path(), &model, &parameters, &ExportOptions::default()).unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn open(directory: &Path) -> std::result::Result<Tokenizer, String> {
    Tokenizer::open(&hub::open(directory).unwrap()).map_err(|error| error.to_string())
}

/// GPT-2's characters for all bytes, in their order.
fn byte_characters() -> Vec<char> {
    let shown = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 256;
    let mut character = |b| {
        if shown(b) {
            return char::from(b);
        }
        next += 1;
        char::from_u32(next - 1).unwrap()
    };
    (0..=255).map(&mut character).collect()
}

/// `vocab.json` with a token for every byte and these after them; ids in this order.
fn byte_vocabulary(more: &[&str]) -> String {
    let bytes = byte_characters().into_iter().map(String::from);
    let tokens = bytes.chain(more.iter().map(|token| (*token).to_owned()));
    json!(tokens.zip(0..).collect::<BTreeMap<String, u32>>()).to_string()
}

/// A GPT-2 tokenizer whose ids are bytes.
pub(crate) fn byte_tokenizer() -> (tempfile::TempDir, Tokenizer) {
    let files = [("vocab.json", byte_vocabulary(&["<|endoftext|>"])), ("merges.txt", "#version: 0.2\n".into())];
    opened(Family::Gpt2, 257, &files)
}

/// The files of a RoBERTa's tokenizer whose first ids are bytes, 261 in all.
pub(crate) fn roberta_files() -> [(&'static str, String); 2] {
    let more = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];
    [("vocab.json", byte_vocabulary(&more)), ("merges.txt", "#version: 0.2\n".into())]
}

/// The tokenizer of a checkpoint with these files.
pub(crate) fn opened(family: Family, vocab_size: usize, files: &[(&str, String)]) -> (tempfile::TempDir, Tokenizer) {
    let directory = checkpoint(family, vocab_size, files);
    let tokenizer = open(directory.path()).unwrap();
    (directory, tokenizer)
}

#[test]
fn gpt2s_vocabulary_and_merges_make_its_tokenizer() {
    let (directory, tokenizer) = byte_tokenizer();
    assert_eq!(tokenizer.encode("aü<|endoftext|>").unwrap(), [97, 0xC3, 0xBC, 256]);
    assert_eq!(tokenizer.decode(&[32, 0xC3, 0xBC, 256]).unwrap(), " ü");
    assert_eq!(tokenizer.special().end, [256]);
    let files = [
        ("vocab.json", byte_vocabulary(&["he", "Ġhe", "<|endoftext|>"])),
        ("merges.txt", "#version: 0.2\nh e\nĠ he\n".to_owned()),
    ];
    let merged = checkpoint(Family::Gpt2, 259, &files);
    assert_eq!(open(merged.path()).unwrap().encode("he he").unwrap(), [256, 257]);
    std::fs::write(directory.path().join("added_tokens.json"), r#"{"<x>": 257}"#).unwrap();
    let message = open(directory.path()).unwrap_err();
    assert!(
        message.contains("found ids up to 257, expected less than the model's vocab_size (257 in config.json)"),
        "{message}"
    );
}

#[test]
fn robertas_vocabulary_frames_a_text_and_its_mask_takes_the_space_along() {
    let directory = checkpoint(Family::Roberta, 261, &roberta_files());
    let tokenizer = open(directory.path()).unwrap();
    assert_eq!(tokenizer.encode("a <mask>.").unwrap(), [256, 97, 260, 46, 258]);
    assert_eq!(tokenizer.special().mask, Some(("<mask>".into(), 260)));
    assert_eq!(tokenizer.special().begin, Some(256));
}

#[test]
fn berts_vocabulary_makes_its_tokenizer_in_lower_case_unless_its_settings_say_otherwise() {
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nparis\nParis\n##ian\nis\n".to_owned();
    let plain = checkpoint(Family::Bert, 9, &[("vocab.txt", vocabulary.clone())]);
    let tokenizer = open(plain.path()).unwrap();
    assert_eq!(tokenizer.encode("Parisian [MASK] is here").unwrap(), [2, 5, 7, 4, 8, 1, 3]);
    assert_eq!(tokenizer.decode(&[2, 5, 7, 8, 3]).unwrap(), "parisian is");
    let special = tokenizer.special();
    assert_eq!((special.mask.clone(), special.pad), (Some(("[MASK]".into(), 4)), Some(0)));
    let cased = checkpoint(
        Family::Bert,
        9,
        &[("vocab.txt", vocabulary), ("tokenizer_config.json", r#"{"do_lower_case": false}"#.into())],
    );
    assert_eq!(open(cased.path()).unwrap().encode("Paris").unwrap(), [2, 6, 3]);
}

#[test]
fn a_tokenizer_file_comes_first_and_neither_cuts_nor_pads() {
    let file = json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0 },
        "padding": {
            "strategy": { "Fixed": 9 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "a",
        },
        "added_tokens": [{
            "id": 4, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
        }],
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "<end>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { "<end>": { "id": "<end>", "ids": [4], "tokens": ["<end>"] } },
        },
        "model": { "type": "WordLevel", "vocab": { "a": 0, "b": 1, "c": 2, "?": 3 }, "unk_token": "?" },
    });
    let files = [
        ("tokenizer.json", file.to_string()),
        ("vocab.json", "broken".into()),
        ("special_tokens_map.json", r#"{"eos_token": {"content": "<end>", "lstrip": false}}"#.into()),
    ];
    let directory = checkpoint(Family::Gpt2, 5, &files);
    let tokenizer = open(directory.path()).unwrap();
    assert_eq!(tokenizer.encode("a b c d").unwrap(), [4, 0, 1, 2, 3]);
    assert_eq!(tokenizer.special().end, [4]);
    // The settings of generation know better, and may know several.
    std::fs::write(directory.path().join("generation_config.json"), r#"{"eos_token_id": [1, 2]}"#).unwrap();
    assert_eq!(open(directory.path()).unwrap().special().end, [1, 2]);
    std::fs::write(directory.path().join("generation_config.json"), r#"{"eos_token_id": "b"}"#).unwrap();
    let message = open(directory.path()).unwrap_err();
    assert!(
        message.ends_with("generation_config.json: eos_token_id: found \"b\", expected a token id or a list of them"),
        "{message}"
    );
}

#[test]
fn what_is_no_tokenizer_is_told_with_its_file() {
    let bert = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n";
    type Case<'a> = (Family, usize, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case; 9] = [
        (Family::Gpt2, 5, &[], "found no tokenizer, expected tokenizer.json or vocab.json and merges.txt"),
        (
            Family::Llama,
            5,
            &[("tokenizer.model", "x")],
            "found tokenizer.model alone, expected tokenizer.json; `python -c",
        ),
        (
            Family::Llama,
            5,
            &[("vocab.json", "{}"), ("merges.txt", "")],
            "found vocab.json alone, expected tokenizer.json",
        ),
        (Family::Gpt2, 5, &[("tokenizer.json", "{}")], "tokenizer.json: found no tokenizer ("),
        (
            Family::Bert,
            5,
            &[("vocab.txt", bert)],
            "vocab.txt: found ids up to 5, expected less than the model's vocab_size (5",
        ),
        (Family::Bert, 9, &[("vocab.txt", "a\nb\n")], "vocab.txt: found no [CLS], expected it"),
        (
            Family::Bert,
            9,
            &[("vocab.txt", bert), ("tokenizer_config.json", "[]")],
            "tokenizer_config.json: found no map",
        ),
        (
            Family::Bert,
            9,
            &[("vocab.txt", bert), ("added_tokens.json", r#"{"x": 8}"#)],
            "added_tokens.json: x: found 8, expected 6",
        ),
        (Family::Gpt2, 5, &[("vocab.json", "[]"), ("merges.txt", "")], "vocab.json: cannot be read with merges.txt"),
    ];
    for (family, vocab_size, files, expected) in cases {
        let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        let directory = checkpoint(family, vocab_size, &files);
        let message = open(directory.path()).unwrap_err();
        assert!(message.contains(expected), "{expected:?} is missing in: {message}");
        assert!(message.starts_with(&directory.path().display().to_string()), "{message}");
    }
}

#[test]
fn the_largest_id_is_known_without_building_the_tokenizer() {
    let words = json!({ "model": { "vocab": { "a": 0, "b": 7 } }, "added_tokens": [{ "id": 9, "content": "x" }] });
    let pieces = json!({ "model": { "type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0]] } });
    type Expected = std::result::Result<Option<u32>, &'static str>;
    let cases: [(&[(&str, &str)], Expected); 8] = [
        // The next id is 2, whatever the file says.
        (&[("tokenizer.json", &words.to_string())], Ok(Some(7))),
        (&[("tokenizer.json", &pieces.to_string()), ("vocab.txt", "a\nb\nc\nd")], Ok(Some(1))),
        (&[("vocab.json", r#"{"a": 3, "b": 2}"#), ("merges.txt", "")], Ok(Some(3))),
        (&[("vocab.txt", "a\nb\nc\n")], Ok(Some(2))),
        (&[("vocab.txt", "a\nb\nc"), ("added_tokens.json", r#"{"x": 3}"#)], Ok(Some(3))),
        (
            &[("vocab.txt", "a\nb\nc"), ("added_tokens.json", r#"{"x": 5}"#)],
            Err("added_tokens.json: x: found 5, expected 3, the next id"),
        ),
        (&[("vocab.txt", "")], Ok(None)),
        (&[("tokenizer.json", "[]")], Err("found no vocabulary (")),
    ];
    for (files, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let (path, found) = largest_id(directory.path()).unwrap();
        assert_eq!(path, directory.path().join(files[0].0));
        match expected {
            Ok(expected) => assert_eq!(found, Ok(expected), "{files:?}"),
            Err(expected) => assert!(found.as_ref().unwrap_err().starts_with(expected), "{found:?}"),
        }
    }
    assert!(largest_id(tempfile::tempdir().unwrap().path()).is_none());
}

#[test]
fn the_largest_id_is_that_of_the_tokenizer_when_it_is_built() {
    let file = |added: &[(&str, u32)]| {
        let added: Vec<_> = added.iter().map(|(content, id)| json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
        })).collect();
        let model = json!({ "type": "WordLevel", "vocab": { "a": 0, "b": 1, "?": 2 }, "unk_token": "?" });
        ("tokenizer.json", json!({ "version": "1.0", "added_tokens": added, "model": model }).to_string())
    };
    let bytes = || ("vocab.json", byte_vocabulary(&["<|endoftext|>"]));
    let merges = || ("merges.txt", "#version: 0.2\n".to_owned());
    let words = || ("vocab.txt", "[CLS]\r\n[SEP]\na \na\n[UNK]".to_owned());
    type Case<'a> = (Family, &'a [(&'a str, String)], u32);
    let cases: [Case; 8] = [
        (Family::Gpt2, &[file(&[])], 2),
        (Family::Gpt2, &[file(&[("x", 3), ("y", 4)])], 4),
        // Neither an id far away nor one that the vocabulary knows better is the file's to give.
        (Family::Gpt2, &[file(&[("x", 5000)])], 3),
        (Family::Gpt2, &[file(&[("b", 5000), ("", 7), ("x", 1), ("x", 9)])], 3),
        (Family::Gpt2, &[bytes(), merges()], 256),
        (Family::Gpt2, &[bytes(), merges(), ("added_tokens.json", r#"{"<x>": 257, "a": 97}"#.into())], 257),
        (Family::Bert, &[words()], 4),
        (Family::Bert, &[words(), ("added_tokens.json", "{}".into())], 4),
    ];
    for (family, files, expected) in cases {
        let (directory, tokenizer) = opened(family, 6000, files);
        assert_eq!(tokenizer.inner.get_vocab(true).into_values().max(), Some(expected), "{files:?}");
        assert_eq!(largest_id(directory.path()).unwrap().1, Ok(Some(expected)), "{files:?}");
    }
}

#[test]
fn what_is_no_file_or_is_endless_is_named_and_not_waited_for() {
    let bytes = || ("vocab.json", byte_vocabulary(&["<|endoftext|>"]));
    let words = || ("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n".to_owned());
    let merges = || ("merges.txt", "#version: 0.2\n".to_owned());
    type Case<'a> = (Family, &'a [(&'a str, String)], &'a str);
    let cases: [Case; 8] = [
        (Family::Gpt2, &[], "tokenizer.json"),
        (Family::Gpt2, &[merges()], "vocab.json"),
        (Family::Gpt2, &[bytes()], "merges.txt"),
        (Family::Gpt2, &[bytes(), merges()], "added_tokens.json"),
        (Family::Gpt2, &[bytes(), merges()], "generation_config.json"),
        (Family::Bert, &[], "vocab.txt"),
        (Family::Bert, &[words()], "tokenizer_config.json"),
        (Family::Bert, &[words()], "special_tokens_map.json"),
    ];
    for (family, files, name) in cases {
        let directory = checkpoint(family, 300, files);
        let path = directory.path().join(name);
        let told = |found: &str| {
            assert_eq!(open(directory.path()).unwrap_err(), format!("{}: found {found}", path.display()));
        };
        std::fs::create_dir(&path).unwrap();
        told("a directory, expected a file");
        std::fs::remove_dir(&path).unwrap();
        // One that takes no room on the disk.
        let most: u64 = if matches!(name, "tokenizer.json" | "vocab.json" | "merges.txt" | "vocab.txt") {
            1 << 30
        } else {
            1 << 24
        };
        std::fs::File::create(&path).unwrap().set_len(most + 1).unwrap();
        told(&format!("{} bytes or more, expected at most {most}", most + 1));
        #[cfg(unix)]
        {
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
            told("a pipe or a device, expected a file");
        }
    }
}
