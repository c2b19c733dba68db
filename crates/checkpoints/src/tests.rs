//! Texts through whole checkpoints: fresh weights, so what they say means nothing, but where it comes from can be checked.

use crate::tokenizer::tests::{byte_tokenizer, checkpoint, roberta_files};
use crate::{End, Loaded, Settings, Wishes};
use ligo_kernels::Cpu;
use ligo_models::hub::LoadOptions;
use ligo_models::{Family, Inputs, Tokens};
use std::ops::ControlFlow;
use std::path::Path;

fn loaded(directory: &Path) -> Loaded<Cpu> {
    Loaded::open(directory, &Cpu::default(), &LoadOptions::default()).unwrap()
}

/// Generates and returns the text, too.
fn text(loaded: &Loaded<Cpu>, prompt: &str, wishes: &Wishes, sample: u64) -> (String, crate::Generated) {
    let settings = Settings::new(loaded, wishes).unwrap();
    let mut text = String::new();
    let generated = loaded.generate(prompt, &settings, sample, &mut |piece| {
        text.push_str(piece);
        ControlFlow::Continue(())
    });
    (text, generated.unwrap())
}

/// A GPT-2 whose ids are bytes, without a token that ends a text.
fn endless() -> tempfile::TempDir {
    let (directory, _) = byte_tokenizer();
    std::fs::write(directory.path().join("generation_config.json"), r#"{"eos_token_id": []}"#).unwrap();
    let config = directory.path().join("tokenizer_config.json");
    std::fs::write(config, r#"{"eos_token": "a", "bos_token": "a"}"#).unwrap();
    directory
}

#[test]
fn greedy_text_is_the_likeliest_token_by_token_whatever_the_cache_remembers() {
    let directory = endless();
    let loaded = loaded(directory.path());
    let wishes = Wishes { max_new_tokens: Some(6), greedy: true, ..Wishes::default() };
    let (said, generated) = text(&loaded, "hello", &wishes, 0);
    let mut ids: Vec<u32> = "hello".bytes().map(u32::from).collect();
    for _ in 0..6 {
        let tokens = Tokens { input_ids: ids.clone(), batch_size: 1, sequence_length: ids.len(), ..Tokens::default() };
        let logits = loaded.model().logits(loaded.parameters(), &Inputs::Tokens(tokens)).unwrap().as_vec();
        let last = &logits[(ids.len() - 1) * 257..];
        let best = (0..257).max_by(|&a, &b| last[a].total_cmp(&last[b]).then(b.cmp(&a))).unwrap();
        ids.push(best as u32);
        if best == 97 {
            break;
        }
    }
    let new: Vec<u32> = ids[5..].iter().copied().filter(|&id| id != 97).collect();
    assert_eq!(said, loaded.tokenizer().decode(&new).unwrap());
    assert_eq!((generated.prompt_tokens, generated.new_tokens), (5, ids.len() - 5));
}

#[test]
fn a_text_ends_where_its_model_its_user_or_its_positions_end() {
    let directory = endless();
    let loaded = loaded(directory.path());
    let greedy = |n| Wishes { max_new_tokens: Some(n), greedy: true, ..Wishes::default() };
    let settings = |n, end: Vec<u32>| Settings { end, ..Settings::new(&loaded, &greedy(n)).unwrap() };
    let run = |settings: &Settings, listen: &mut dyn FnMut(&str) -> ControlFlow<()>| {
        loaded.generate("abc", settings, 0, listen).unwrap()
    };
    let go_on = &mut |_: &str| ControlFlow::Continue(());
    let limited = run(&settings(4, vec![]), go_on);
    assert_eq!((limited.end, limited.new_tokens), (End::MaxNewTokens, 4));
    // Sixteen positions: three are the prompt's, thirteen are read, one more is said.
    let full = run(&settings(99, vec![]), go_on);
    assert_eq!((full.end, full.new_tokens), (End::Positions, 14));
    let all: Vec<u32> = (0..257).collect();
    let ended = run(&settings(4, all), go_on);
    assert_eq!((ended.end, ended.new_tokens), (End::EndOfText, 1));
    let none = run(&settings(0, vec![]), go_on);
    assert_eq!((none.end, none.new_tokens), (End::MaxNewTokens, 0));
    let stopped = run(&settings(14, vec![]), &mut |_| ControlFlow::Break(()));
    assert_eq!(stopped.end, End::Stopped);
    let message = loaded.generate(&"x".repeat(17), &settings(4, vec![]), 0, go_on).unwrap_err().to_string();
    assert_eq!(message, "prompt: found 17 tokens, expected at most 16 (max_position_embeddings)");
}

#[test]
fn a_seed_and_a_number_name_a_text() {
    let directory = endless();
    let loaded = loaded(directory.path());
    let wishes =
        |seed| Wishes { max_new_tokens: Some(8), temperature: Some(2.0), seed: Some(seed), ..Wishes::default() };
    assert_eq!(text(&loaded, "abc", &wishes(5), 0).0, text(&loaded, "abc", &wishes(5), 0).0);
    assert_eq!(text(&loaded, "abc", &wishes(5), 2).0, text(&loaded, "abc", &wishes(7), 0).0);
    assert_ne!(text(&loaded, "abc", &wishes(5), 0).0, text(&loaded, "abc", &wishes(6), 0).0);
    // Nothing to go on from: the token that begins a text.
    assert_eq!(text(&loaded, "", &wishes(5), 0).1.prompt_tokens, 1);
}

const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nparis\nis\n##ian\nthe\n.\n";

#[test]
fn each_mask_gets_its_likeliest_tokens_with_probabilities_and_sentences() {
    let directory = checkpoint(Family::Bert, 12, &[("vocab.txt", WORDS.into())]);
    let loaded = loaded(directory.path());
    let filled = loaded.fill_mask("Paris is <mask> [MASK].", 4).unwrap();
    // [CLS] paris is [MASK] [MASK] . [SEP]
    assert_eq!(filled.iter().map(|mask| mask.position).collect::<Vec<_>>(), [3, 4]);
    for mask in &filled {
        assert!(mask.candidates.len() <= 4 && !mask.candidates.is_empty());
        let probabilities: Vec<f64> = mask.candidates.iter().map(|candidate| candidate.probability).collect();
        assert!(probabilities.is_sorted_by(|a, b| a >= b) && probabilities.iter().sum::<f64>() <= 1.0);
    }
    let all = loaded.fill_mask("Paris is [MASK] <mask>.", 12).unwrap();
    let sum: f64 = all[0].candidates.iter().map(|candidate| candidate.probability).sum();
    // Two rows of the vocabulary are no tokens: they have their share and are not shown.
    assert_eq!(all[0].candidates.len(), 10);
    assert!(sum < 1.0 && sum > 0.7, "{sum}");
    let sentence = |id: u32, mask: usize| {
        all[mask].candidates.iter().find(|candidate| candidate.id == id).unwrap().sentence.clone()
    };
    assert_eq!(sentence(8, 0), "Paris is the [MASK].");
    assert_eq!(sentence(7, 0), "Paris isian [MASK].");
    assert_eq!(sentence(8, 1), "Paris is [MASK] the.");
}

#[test]
fn a_text_that_is_longer_than_the_model_reads_is_told_with_the_key_that_says_so() {
    let bert = checkpoint(Family::Bert, 12, &[("vocab.txt", WORDS.into())]);
    let roberta = checkpoint(Family::Roberta, 261, &roberta_files());
    for (directory, expected) in
        [(bert, "16 (max_position_embeddings)"), (roberta, "14 (max_position_embeddings less 2)")]
    {
        let message = loaded(directory.path()).fill_mask(&"[MASK]".repeat(20), 3).unwrap_err().to_string();
        assert_eq!(message, format!("text: found 22 tokens, expected at most {expected}"));
    }
}

#[test]
fn a_number_of_tokens_that_nobody_could_wait_for_takes_no_memory() {
    let words = r#"{ "version": "1.0", "added_tokens": [], "pre_tokenizer": { "type": "Whitespace" },
        "model": { "type": "WordLevel", "vocab": { "a": 0, "?": 1 }, "unk_token": "?" } }"#;
    let generation = format!(r#"{{ "max_new_tokens": {} }}"#, u64::MAX);
    for family in [Family::Gpt2, Family::Llama] {
        let files = [("tokenizer.json", words.into()), ("generation_config.json", generation.clone())];
        let directory = checkpoint(family, 2, &files);
        let loaded = loaded(directory.path());
        for wish in [None, Some(99_999_999_999), Some(usize::MAX)] {
            let wishes = Wishes { max_new_tokens: wish, ..Wishes::default() };
            let settings = Settings { end: vec![], ..Settings::new(&loaded, &wishes).unwrap() };
            let mut pieces = 0;
            let generated = loaded.generate("a a", &settings, 0, &mut |_| {
                pieces += 1;
                if pieces == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(generated.unwrap().end, End::Stopped, "{family} {wish:?}");
        }
    }
}

#[test]
fn weights_that_are_not_finite_are_told_with_the_flag_that_lets_them_through() {
    let directory = endless();
    let path = directory.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut bytes = whole.clone();
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&value.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        let open = |options: &LoadOptions| Loaded::open(directory.path(), &Cpu::default(), options);
        let message = open(&LoadOptions::default()).unwrap_err().to_string();
        assert!(message.contains(&format!("found {value} at [")), "{message}");
        assert!(message.ends_with("; `--allow-nan` lets them through"), "{message}");
        assert!(open(&LoadOptions { allow_nan: true, ..LoadOptions::default() }).is_ok());
    }
}

#[test]
fn a_text_without_a_mask_and_a_model_of_another_kind_are_told() {
    let directory = checkpoint(Family::Bert, 12, &[("vocab.txt", WORDS.into())]);
    let loaded_bert = loaded(directory.path());
    let message = loaded_bert.fill_mask("Paris is the.", 3).unwrap_err().to_string();
    assert_eq!(message, "text: found no mask, expected at least one, written [MASK]");
    let gpt2 = endless();
    let message = loaded(gpt2.path()).fill_mask("[MASK]", 3).unwrap_err().to_string();
    let expected = "found gpt2 with the head causal-lm, expected a masked language model (masked-lm), which fills in a mask; \
                    `generate` is for this one";
    assert!(message.ends_with(expected), "{message}");
    let options = LoadOptions::default();
    let message = Loaded::open_causal(directory.path(), &Cpu::default(), &options).unwrap_err().to_string();
    assert!(message.ends_with("which continues a text; `fill-mask` is for this one"), "{message}");
    let vit = checkpoint(Family::Vit, 0, &[]);
    let message = Loaded::open(vit.path(), &Cpu::default(), &options).unwrap_err().to_string();
    assert!(message.contains("found vit with the head image-classification, expected a causal or masked"), "{message}");
}
