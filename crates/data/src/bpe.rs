//! Training a byte-level BPE, and keeping what was trained. The pre-tokeniser, the alphabet and the file are GPT-2's; the
//! training is that of the `tokenizers` library.

use crate::{DataError, TextSource, Texts, Tokenizer};
use std::path::Path;
use tokenizers::AddedToken;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::template::TemplateProcessing;

/// The smallest vocabulary that can be asked for: every byte, and the special tokens of a masked model.
pub const SMALLEST_VOCABULARY: usize = 256 + MASKED.len();

const CAUSAL: [&str; 1] = ["<|endoftext|>"];
const MASKED: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Which special tokens a tokeniser has; they take the first ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// `<|endoftext|>`, as GPT-2.
    Causal,
    /// `[PAD] [UNK] [CLS] [SEP] [MASK]`, as BERT.
    Masked,
}

impl SpecialTokens {
    fn names(self) -> &'static [&'static str] {
        match self {
            SpecialTokens::Causal => &CAUSAL,
            SpecialTokens::Masked => &MASKED,
        }
    }
}

/// What to train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BpeOptions {
    /// Tokens in all, special ones counted; [`SMALLEST_VOCABULARY`] or more. Little text may give fewer.
    pub vocab_size: usize,
    /// The special tokens.
    pub special_tokens: SpecialTokens,
    /// Bytes of text to learn from, from the start of the source; the rest is left aside.
    pub sample_bytes: u64,
}

impl BpeOptions {
    /// Learns from the first 256 MiB of text.
    pub fn new(vocab_size: usize, special_tokens: SpecialTokens) -> Self {
        Self { vocab_size, special_tokens, sample_bytes: 256 << 20 }
    }
}

impl Tokenizer {
    /// Trains a byte-level BPE. The same text and options give the same tokeniser, bit for bit.
    ///
    /// # Errors
    /// A vocabulary that is too small, text that cannot be read, no text.
    pub fn train(source: &TextSource, options: &BpeOptions) -> Result<Self, DataError> {
        if options.vocab_size < SMALLEST_VOCABULARY {
            let expected = format!("{SMALLEST_VOCABULARY} or more (256 bytes and the special tokens)");
            return Err(DataError::Option { option: "vocab_size", found: options.vocab_size.to_string(), expected });
        }
        let mut sample = Sample::new(source.open()?, options.sample_bytes);
        let rows = sample.texts_left.rows();
        let tokenizer = train_on(&mut sample, options);
        if let Some(error) = sample.error {
            return Err(error);
        }
        if sample.texts == 0 {
            return Err(source.no_text(rows));
        }
        tokenizer
    }

    /// The tokeniser that was trained earlier on the same text with the same options, kept in `cache`; else trains it.
    ///
    /// # Errors
    /// As [`train`](Self::train), and a cache directory that cannot be written.
    pub fn trained(source: &TextSource, options: &BpeOptions, cache: &Path) -> Result<Self, DataError> {
        let mut key = blake3::Hasher::new();
        key.update(b"ligo byte-level bpe 1");
        key.update(source.content_hash()?.as_bytes());
        key.update(format!("{options:?}").as_bytes());
        let path = cache.join(format!("tokenizer-{}.json", &key.finalize().to_hex()[..16]));
        match Tokenizer::from_file(&path) {
            Ok(tokenizer) => return Ok(tokenizer),
            Err(DataError::Missing { .. }) => {}
            Err(error) => tracing::warn!("training the tokeniser again: {error}"),
        }
        let tokenizer = Tokenizer::train(source, options)?;
        tokenizer.save(&path)?;
        Ok(tokenizer)
    }
}

/// The first bytes of a source; keeps the error that ended it.
struct Sample {
    texts_left: Texts,
    bytes_left: u64,
    texts: u64,
    error: Option<DataError>,
}

impl Sample {
    fn new(texts_left: Texts, bytes_left: u64) -> Self {
        Self { texts_left, bytes_left, texts: 0, error: None }
    }
}

impl Iterator for Sample {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.bytes_left == 0 || self.error.is_some() {
            return None;
        }
        match self.texts_left.next()? {
            Ok(text) => {
                self.bytes_left = self.bytes_left.saturating_sub(text.len() as u64);
                self.texts += 1;
                Some(text)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

fn train_on(texts: &mut Sample, options: &BpeOptions) -> Result<Tokenizer, DataError> {
    const PLACE: &str = "training a byte-level BPE";
    let failed =
        |error: &dyn std::fmt::Display| DataError::Tokenizer { place: PLACE.into(), reason: error.to_string() };
    let special: Vec<AddedToken> =
        options.special_tokens.names().iter().map(|name| AddedToken::from(*name, true)).collect();
    let trainer = BpeTrainer::builder()
        .vocab_size(options.vocab_size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let bytes = ByteLevel::new(false, false, true);
    let mut tokenizer = tokenizers::Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(bytes)).with_decoder(Some(bytes));
    tokenizer.train(&mut TrainerWrapper::from(trainer), texts).map_err(|error| failed(&error))?;
    match options.special_tokens {
        SpecialTokens::Causal => tokenizer.with_post_processor(Some(bytes)),
        SpecialTokens::Masked => {
            let template = sentence_template(&tokenizer).map_err(|error| failed(&error))?;
            tokenizer.with_post_processor(Some(template))
        }
    };
    Tokenizer::new(tokenizer, PLACE)
}

/// `[CLS] text [SEP]`, for whoever encodes single sentences with the saved file; packing adds its own.
fn sentence_template(tokenizer: &tokenizers::Tokenizer) -> Result<TemplateProcessing, String> {
    let id = |name: &str| tokenizer.token_to_id(name).ok_or_else(|| format!("{name} is not in the vocabulary"));
    TemplateProcessing::builder()
        .try_single("[CLS] $A [SEP]")?
        .try_pair("[CLS] $A [SEP] $B:1 [SEP]:1")?
        .special_tokens(vec![("[CLS]", id("[CLS]")?), ("[SEP]", id("[SEP]")?)])
        .build()
        .map_err(|error| error.to_string())
}
