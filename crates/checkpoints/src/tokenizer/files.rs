//! Reads whichever files a checkpoint has its tokenizer in.

use crate::read::{LONGEST_SETTINGS, LONGEST_TOKENIZER, length, read as read_file};
use crate::{CheckpointError, Result};
use ligo_models::Family;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, Tokenizer};

pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const VOCAB_JSON: &str = "vocab.json";
pub(super) const MERGES: &str = "merges.txt";
pub(super) const VOCAB_TXT: &str = "vocab.txt";
pub(super) const ADDED: &str = "added_tokens.json";
/// What formats that are not read here are called.
const SENTENCE_PIECES: [&str; 3] = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];

/// The tokenizer of a directory, and the file that it is in.
pub(super) fn read(directory: &Path, family: Family) -> Result<(Tokenizer, PathBuf)> {
    let path = directory.join(TOKENIZER);
    if let Some(bytes) = read_file(&path, LONGEST_TOKENIZER).map_err(|reason| broken(&path, reason))? {
        let tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| {
            broken(&path, format!("found no tokenizer ({error}), expected a {TOKENIZER} of the `tokenizers` library"))
        })?;
        return Ok((tokenizer, path));
    }
    let (vocabulary, merges, words) = (directory.join(VOCAB_JSON), directory.join(MERGES), directory.join(VOCAB_TXT));
    let config = settings(directory, "tokenizer_config.json")?;
    match family {
        Family::Gpt2 | Family::Roberta if vocabulary.exists() && merges.exists() => {
            Ok((byte_level(directory, family, &config)?, vocabulary))
        }
        Family::Bert if words.exists() => Ok((word_pieces(directory, &config)?, words)),
        _ => Err(broken(directory, absent(directory, family))),
    }
}

/// A file of settings as a map; empty if there is none.
pub(crate) fn settings(directory: &Path, name: &str) -> Result<Map<String, Value>> {
    let path = directory.join(name);
    let Some(text) = read_file(&path, LONGEST_SETTINGS).map_err(|reason| broken(&path, reason))? else {
        return Ok(Map::new());
    };
    serde_json::from_slice(&text)
        .map_err(|error| broken(&path, format!("found no map in JSON ({error}), expected one")))
}

/// GPT-2's tokenizer, and RoBERTa's, which frames a text.
fn byte_level(directory: &Path, family: Family, config: &Map<String, Value>) -> Result<Tokenizer> {
    let (vocabulary, merges) = (&directory.join(VOCAB_JSON), &directory.join(MERGES));
    let text = |path: &Path| {
        // The library opens it.
        length(path, LONGEST_TOKENIZER).map_err(|reason| broken(path, reason))?;
        path.to_str().map(str::to_owned).ok_or_else(|| broken(path, "found a path that is no text".into()))
    };
    let (vocabulary_text, merges_text) = (text(vocabulary)?, text(merges)?);
    let model = BPE::from_file(&vocabulary_text, &merges_text)
        .build()
        .map_err(|error| broken(vocabulary, format!("cannot be read with {MERGES} beside it: {error}")))?;
    let mut tokenizer = Tokenizer::new(model);
    add_tokens(&mut tokenizer, directory)?;
    let prefix_space = flag(config, "add_prefix_space", false);
    let bytes = ByteLevel::new(prefix_space, true, true);
    tokenizer.with_pre_tokenizer(Some(bytes));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let name = |key: &str, usual: &str| written(config, key).unwrap_or_else(|| usual.to_owned());
    if family == Family::Roberta {
        let framing = [("cls_token", "<s>"), ("sep_token", "</s>")].map(|(key, usual)| name(key, usual));
        let [cls, sep] = framing.map(|token| known(&tokenizer, token, vocabulary));
        let (cls, sep) = (cls?, sep?);
        tokenizer.with_post_processor(Some(RobertaProcessing::new(sep, cls).add_prefix_space(prefix_space)));
        let plain = [("bos_token", "<s>"), ("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];
        // The mask takes the space before it along.
        let mask = AddedToken::from(name("mask_token", "<mask>"), true).lstrip(true);
        special(&mut tokenizer, plain.map(|(key, usual)| name(key, usual)), Some(mask), vocabulary)?;
    } else {
        tokenizer.with_post_processor(Some(ByteLevel::new(prefix_space, false, true)));
        let end = "<|endoftext|>";
        special(&mut tokenizer, ["bos_token", "eos_token", "unk_token"].map(|key| name(key, end)), None, vocabulary)?;
    }
    Ok(tokenizer)
}

/// BERT's tokenizer.
fn word_pieces(directory: &Path, config: &Map<String, Value>) -> Result<Tokenizer> {
    let path = &directory.join(VOCAB_TXT);
    let name = |key: &str, usual: &str| written(config, key).unwrap_or_else(|| usual.to_owned());
    let bytes = read_file(path, LONGEST_TOKENIZER).map_err(|reason| broken(path, reason))?.unwrap_or_default();
    let vocabulary = WordPiece::read_bytes(&bytes).map_err(|error| broken(path, format!("cannot be read: {error}")))?;
    let unknown = name("unk_token", "[UNK]");
    let model = WordPiece::builder().vocab(vocabulary).unk_token(unknown.clone()).build();
    let mut tokenizer = Tokenizer::new(model.map_err(|error| broken(path, error.to_string()))?);
    add_tokens(&mut tokenizer, directory)?;
    let accents = config.get("strip_accents").and_then(Value::as_bool);
    let normalizer = BertNormalizer::new(
        true,
        flag(config, "tokenize_chinese_chars", true),
        accents,
        flag(config, "do_lower_case", true),
    );
    tokenizer.with_normalizer(Some(normalizer)).map_err(|error| broken(path, error.to_string()))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(WordPieceDecoder::default()));
    let [cls, sep] =
        [("cls_token", "[CLS]"), ("sep_token", "[SEP]")].map(|(key, usual)| known(&tokenizer, name(key, usual), path));
    let (cls, sep) = (cls?, sep?);
    let (cls_token, sep_token) = (cls.0.clone(), sep.0.clone());
    tokenizer.with_post_processor(Some(BertProcessing::new(sep, cls)));
    let rest = [unknown, cls_token, sep_token, name("pad_token", "[PAD]"), name("mask_token", "[MASK]")];
    special(&mut tokenizer, rest, None, path)?;
    Ok(tokenizer)
}

/// A token that the vocabulary must have, and its id.
fn known(tokenizer: &Tokenizer, token: String, path: &Path) -> Result<(String, u32)> {
    match tokenizer.token_to_id(&token) {
        Some(id) => Ok((token, id)),
        None => Err(broken(path, format!("found no {token}, expected it, as every text is framed with it"))),
    }
}

/// Makes special tokens of those that the vocabulary has; none joins it.
fn special<const N: usize>(
    tokenizer: &mut Tokenizer,
    tokens: [String; N],
    more: Option<AddedToken>,
    path: &Path,
) -> Result<()> {
    let all = tokens.into_iter().map(|token| AddedToken::from(token, true)).chain(more);
    let known: Vec<AddedToken> = all.filter(|token| tokenizer.token_to_id(&token.content).is_some()).collect();
    tokenizer.add_special_tokens(known).map(drop).map_err(|error| broken(path, error.to_string()))
}

/// Adds the tokens of `added_tokens.json`, each of which must get the id that stands there. They come first: ids follow the
/// vocabulary's size then, whatever else is made of its tokens.
fn add_tokens(tokenizer: &mut Tokenizer, directory: &Path) -> Result<()> {
    let path = directory.join(ADDED);
    for (token, id) in added(directory)? {
        tokenizer
            .add_tokens([AddedToken::from(token.clone(), false).normalized(false)])
            .map_err(|error| broken(&path, error.to_string()))?;
        check_added(&token, id, tokenizer.token_to_id(&token)).map_err(|reason| broken(&path, reason))?;
    }
    Ok(())
}

/// The tokens of `added_tokens.json` with their ids, in the order of these.
pub(super) fn added(directory: &Path) -> Result<Vec<(String, Option<u64>)>> {
    let settings = settings(directory, ADDED)?;
    let mut added: Vec<(String, Option<u64>)> = settings.into_iter().map(|(token, id)| (token, id.as_u64())).collect();
    added.sort_by_key(|(_, id)| *id);
    Ok(added)
}

/// Whether a token has got the id that stands in `added_tokens.json`.
pub(super) fn check_added(token: &str, id: Option<u64>, next: Option<u32>) -> std::result::Result<(), String> {
    let next = next.map(u64::from);
    if next == id {
        return Ok(());
    }
    let [found, expected] = [id, next].map(|id| id.map_or("no id".into(), |id: u64| id.to_string()));
    Err(format!("{token}: found {found}, expected {expected}, the next id"))
}

/// What to do about a directory without a tokenizer that is read here.
fn absent(directory: &Path, family: Family) -> String {
    let also = match family {
        Family::Gpt2 | Family::Roberta => format!(" or {VOCAB_JSON} and {MERGES}"),
        Family::Bert => format!(" or {VOCAB_TXT}"),
        _ => String::new(),
    };
    let others = SENTENCE_PIECES.into_iter().chain([VOCAB_JSON, VOCAB_TXT]);
    match others.into_iter().find(|name| directory.join(name).exists()) {
        Some(other) => format!(
            "found {other} alone, expected {TOKENIZER}{also}; `python -c \"from transformers import AutoTokenizer as T; \
             T.from_pretrained('{0}').save_pretrained('{0}')\"` makes it",
            directory.display()
        ),
        None => format!("found no tokenizer, expected {TOKENIZER}{also}"),
    }
}

/// How a special token is written in a file of settings: as text, or as a map with its content.
pub(super) fn written(config: &Map<String, Value>, key: &str) -> Option<String> {
    let value = config.get(key)?;
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
}

fn flag(config: &Map<String, Value>, key: &str, usual: bool) -> bool {
    config.get(key).and_then(Value::as_bool).unwrap_or(usual)
}

fn broken(path: &Path, reason: String) -> CheckpointError {
    CheckpointError::File { path: path.to_owned(), reason }
}
