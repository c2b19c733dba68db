//! From text to tokens to blocks, and what is kept of them.

use ligo_data::{
    BatchPlan, Batches, BpeOptions, CausalBatches, Corpus, DataError, SMALLEST_VOCABULARY, SpecialTokens, TextSource,
    Tokenizer, write_text_parquet,
};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TEXT: [&str; 3] = [
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on.",
    "Growing a model means that the small one gives the large one its start.",
    "Überall <|endoftext|> sind [MASK] Zeichen, 一 and bytes\n\tand blanks.  ",
];

fn source(directory: &Path, rows: &[&str]) -> TextSource {
    let path = directory.join("text.parquet");
    write_text_parquet(&path, "text", rows).unwrap();
    TextSource::new([path], "text")
}

fn tokenizer(source: &TextSource, special: SpecialTokens) -> Tokenizer {
    Tokenizer::train(source, &BpeOptions::new(300, special)).unwrap()
}

fn plan(batch_size: usize) -> BatchPlan {
    BatchPlan { seed: 0, batch_size, micro_batches: 1 }
}

/// The whole stream of a corpus, through batches of one token.
fn stream(corpus: Corpus) -> Vec<u32> {
    let tokens = corpus.tokens();
    let loader = CausalBatches::new(Arc::new(corpus), 1, plan(1)).unwrap();
    let mut stream: Vec<u32> = (0..tokens - 1).map(|index| loader.blocks().get(index)[0]).collect();
    stream.push(loader.blocks().get(tokens - 2)[1]);
    stream
}

fn token_files(cache: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files
}

#[test]
fn training_twice_gives_the_same_tokenizer_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    // Words that overlap in many ways, so that merges compete with equal counts.
    let words: Vec<String> = (0..400u32).map(|i| format!("{:b}{:o}", i * 37 % 255, i * 11)).collect();
    let rows: Vec<String> = words.chunks(20).map(|chunk| chunk.join(" ")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let source = source(directory.path(), &rows);
    for special in [SpecialTokens::Causal, SpecialTokens::Masked] {
        let files = ["one.json", "two.json"].map(|name| directory.path().join(name));
        for file in &files {
            Tokenizer::train(&source, &BpeOptions::new(500, special)).unwrap().save(file).unwrap();
        }
        assert_eq!(fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap(), "{special:?}");
    }
}

#[test]
fn special_tokens_take_the_first_ids_and_are_never_found_in_text() {
    let directory = tempfile::tempdir().unwrap();
    let source = source(directory.path(), &TEXT);
    let causal = tokenizer(&source, SpecialTokens::Causal);
    assert_eq!((causal.end_of_text_id(), causal.mask_id(), causal.pad_id()), (0, None, None));
    let masked = tokenizer(&source, SpecialTokens::Masked);
    assert_eq!(
        (masked.pad_id(), masked.cls_id(), masked.sep_id(), masked.mask_id()),
        (Some(0), Some(2), Some(3), Some(4))
    );
    assert_eq!((masked.end_of_text_id(), masked.special_ids()), (3, &[0, 1, 2, 3, 4][..]));
    for tokenizer in [causal, masked] {
        assert!((SMALLEST_VOCABULARY - 4..=300).contains(&tokenizer.vocab_size()), "{}", tokenizer.vocab_size());
        for text in TEXT {
            let ids = tokenizer.encode(text).unwrap();
            assert!(ids.iter().all(|id| !tokenizer.special_ids().contains(id)), "{text}");
            assert_eq!(tokenizer.decode(&ids).unwrap(), text);
        }
    }
}

#[test]
fn a_saved_tokenizer_encodes_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let source = source(directory.path(), &TEXT);
    for special in [SpecialTokens::Causal, SpecialTokens::Masked] {
        let path = directory.path().join("sub").join("tokenizer.json");
        let trained = tokenizer(&source, special);
        trained.save(&path).unwrap();
        let read = Tokenizer::from_file(&path).unwrap();
        assert_eq!(read.hash(), trained.hash());
        assert_eq!(read.encode(TEXT[0]).unwrap(), trained.encode(TEXT[0]).unwrap());
        assert_eq!((read.vocab_size(), read.special_ids()), (trained.vocab_size(), trained.special_ids()));
    }
}

#[test]
fn a_trained_tokenizer_is_kept_until_text_or_options_change() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let text = source(directory.path(), &TEXT);
    let options = BpeOptions::new(300, SpecialTokens::Causal);
    let first = Tokenizer::trained(&text, &options, &cache).unwrap();
    let kept = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let written = fs::metadata(&kept).unwrap().modified().unwrap();
    assert_eq!(Tokenizer::trained(&text, &options, &cache).unwrap().hash(), first.hash());
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), written);

    fs::write(&kept, "{").unwrap();
    assert_eq!(Tokenizer::trained(&text, &options, &cache).unwrap().hash(), first.hash());

    Tokenizer::trained(&text, &BpeOptions::new(290, SpecialTokens::Causal), &cache).unwrap();
    Tokenizer::trained(&text, &BpeOptions { sample_bytes: 10, ..options }, &cache).unwrap();
    Tokenizer::trained(&source(directory.path(), &TEXT[..1]), &options, &cache).unwrap();
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 4);
}

#[test]
fn bad_tokenizers_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let text = source(directory.path(), &TEXT);
    let word_level = |vocabulary: &str| {
        format!(
            r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
            "pre_tokenizer":null,"post_processor":null,"decoder":null,
            "model":{{"type":"WordLevel","vocab":{vocabulary},"unk_token":"a"}}}}"#
        )
    };
    fs::write(path("text.json"), "hello").unwrap();
    fs::write(path("no end.json"), word_level(r#"{"a":0,"b":1}"#)).unwrap();
    fs::write(path("no tokens.json"), word_level("{}")).unwrap();
    let cases = [
        ("missing.json", "missing.json: no such file or directory, expected a tokenizer.json"),
        ("text.json", "expected a tokenizer.json of the `tokenizers` library"),
        ("no end.json", "found no token that ends a text, expected one of <|endoftext|>, [SEP]"),
        ("no tokens.json", "found no tokens, expected a vocabulary"),
    ];
    for (name, expected) in cases {
        let message = Tokenizer::from_file(&path(name)).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(name), "{message}");
    }
    let error = Tokenizer::train(&text, &BpeOptions::new(260, SpecialTokens::Causal)).unwrap_err();
    assert_eq!(error.to_string(), "vocab_size = 260, expected 261 or more (256 bytes and the special tokens)");
    let nulls = TextSource::new([path("missing.parquet")], "text");
    let error = Tokenizer::train(&nulls, &BpeOptions::new(300, SpecialTokens::Causal)).unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}

#[test]
fn the_stream_is_all_texts_each_followed_by_the_end_of_text() {
    let directory = tempfile::tempdir().unwrap();
    let source = source(directory.path(), &TEXT);
    for special in [SpecialTokens::Causal, SpecialTokens::Masked] {
        let tokenizer = tokenizer(&source, special);
        let mut expected = Vec::new();
        for text in TEXT {
            expected.extend(tokenizer.encode(text).unwrap());
            expected.push(tokenizer.end_of_text_id());
        }
        let corpus = Corpus::prepare(&source, &tokenizer, &directory.path().join("cache")).unwrap();
        assert_eq!(corpus.texts(), 3);
        assert_eq!(stream(corpus), expected);
    }
}

#[test]
fn the_token_file_is_used_again_and_made_again_if_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let source = source(directory.path(), &TEXT);
    let tokenizer = tokenizer(&source, SpecialTokens::Causal);
    let prepare = || Corpus::prepare(&source, &tokenizer, &cache).unwrap();
    let expected = stream(prepare());
    let [path] = token_files(&cache).try_into().unwrap();
    let written = || fs::metadata(&path).unwrap().modified().unwrap();
    let first = written();
    assert_eq!(stream(prepare()), expected);
    assert_eq!(written(), first, "a good file is not written again");

    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() - 1] ^= 1;
    for (damage, bytes) in [("empty", &[][..]), ("cut", &good[..good.len() - 2]), ("flipped", &flipped)] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(stream(prepare()), expected, "{damage}");
        assert_eq!(fs::read(&path).unwrap(), good, "{damage}");
    }
}

#[test]
fn another_text_or_tokenizer_gets_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let text = source(directory.path(), &TEXT);
    let causal = tokenizer(&text, SpecialTokens::Causal);
    Corpus::prepare(&text, &causal, &cache).unwrap();
    Corpus::prepare(&text, &tokenizer(&text, SpecialTokens::Masked), &cache).unwrap();
    assert_eq!(token_files(&cache).len(), 2);
    // The same path with other bytes.
    let shorter = source(directory.path(), &TEXT[..2]);
    assert_eq!(Corpus::prepare(&shorter, &causal, &cache).unwrap().texts(), 2);
    assert_eq!(token_files(&cache).len(), 3);
}

#[test]
fn what_cannot_be_prepared_leaves_nothing_behind_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let text = source(directory.path(), &TEXT);
    let tokenizer = tokenizer(&text, SpecialTokens::Causal);

    // A file whose second half is lost behind an intact footer: reading fails half-way.
    let rows: Vec<String> = (0..70_000).map(|row| format!("{row:x}")).collect();
    let damaged = directory.path().join("damaged.parquet");
    write_text_parquet(&damaged, "text", &rows).unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    let (middle, end) = (bytes.len() / 2, bytes.len() * 3 / 4);
    bytes[middle..end].fill(0);
    fs::write(&damaged, bytes).unwrap();
    let error = Corpus::prepare(&TextSource::new([damaged], "text"), &tokenizer, &cache).unwrap_err();
    assert!(error.to_string().contains("damaged.parquet: row group 1"), "{error}");
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);

    let blocked = directory.path().join("blocked");
    fs::write(&blocked, "a file").unwrap();
    let error = Corpus::prepare(&text, &tokenizer, &blocked.join("cache")).unwrap_err();
    assert!(matches!(error, DataError::Io { .. }) && error.to_string().contains("blocked"), "{error}");
}

#[test]
fn text_shorter_than_one_block_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let source = source(directory.path(), &["short"]);
    let tokenizer = tokenizer(&source, SpecialTokens::Causal);
    let corpus = Arc::new(Corpus::prepare(&source, &tokenizer, directory.path()).unwrap());
    let found = corpus.tokens();
    let message = CausalBatches::new(corpus.clone(), 64, plan(1)).unwrap_err().to_string();
    let expected = format!("found {found} tokens, expected at least 65 for sequence_length = 64");
    assert!(message.contains(&expected) && message.contains("text.parquet"), "{message}");
    assert!(CausalBatches::new(corpus.clone(), found as usize - 1, plan(1)).is_ok());
    assert!(CausalBatches::new(corpus, 0, plan(1)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn blocks_hold_every_token_once_in_order(texts in prop::collection::vec("[a-z ]{0,40}", 1..12), length in 1usize..20) {
        let directory = tempfile::tempdir().unwrap();
        let rows: Vec<&str> = texts.iter().map(String::as_str).collect();
        let source = source(directory.path(), &rows);
        let tokenizer = Tokenizer::train(&source, &BpeOptions::new(SMALLEST_VOCABULARY, SpecialTokens::Causal)).unwrap();
        let expected: Vec<u32> = texts
            .iter()
            .flat_map(|text| [tokenizer.encode(text).unwrap(), vec![tokenizer.end_of_text_id()]].concat())
            .collect();
        let corpus = Arc::new(Corpus::prepare(&source, &tokenizer, directory.path()).unwrap());
        prop_assert_eq!(corpus.tokens(), expected.len() as u64);
        let loader = CausalBatches::new(corpus, length, plan(1));
        if expected.len() <= length {
            prop_assert!(loader.is_err());
            return Ok(());
        }
        let loader = loader.unwrap();
        let blocks = loader.blocks();
        prop_assert_eq!(blocks.len() as usize, (expected.len() - 1) / length);
        for block in 0..blocks.len() {
            let start = block as usize * length;
            prop_assert_eq!(blocks.get(block), &expected[start..start + length + 1]);
        }
    }
}
