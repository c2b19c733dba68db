//! A tokeniser: text to ids and back, and the ids that mean something of their own. Training is in
//! [`bpe`](crate::BpeOptions)'s module.

use crate::DataError;
use ligo_files::replace_file;
use std::io::Write;
use std::path::Path;
use tokenizers::PostProcessor;

/// Tokens that end a text, in the order in which they are looked for.
const END_OF_TEXT: [&str; 6] = ["<|endoftext|>", "[SEP]", "</s>", "<|end_of_text|>", "<eos>", "<|eos|>"];
const BEGIN: [&str; 5] = ["[CLS]", "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>"];
const SEPARATOR: [&str; 2] = ["[SEP]", "</s>"];
const MASK: [&str; 2] = ["[MASK]", "<mask>"];
const PAD: [&str; 3] = ["[PAD]", "<pad>", "<|pad|>"];

/// A tokeniser in the format of Hugging Face's `tokenizer.json`.
///
/// Text never turns into a special token: `<|endoftext|>` in a document is encoded as the characters that it is made of.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    json: String,
    vocab_size: usize,
    special: Vec<u32>,
    end_of_text: u32,
    begin: Option<u32>,
    separator: Option<u32>,
    mask: Option<u32>,
    pad: Option<u32>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// A file that is missing, not a tokeniser, without tokens, or without a token that ends a text.
    pub fn from_file(path: &Path) -> Result<Self, DataError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DataError::Missing { path: path.to_path_buf(), expected: "a tokenizer.json" });
            }
            Err(error) => return Err(DataError::io("read", path)(error)),
        };
        let place = path.display().to_string();
        let inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| DataError::Tokenizer {
            place: place.clone(),
            reason: format!("{error}; expected a tokenizer.json of the `tokenizers` library"),
        })?;
        Self::new(inner, &place)
    }

    /// Looks up the special tokens; `place` is for messages.
    pub(crate) fn new(mut inner: tokenizers::Tokenizer, place: &str) -> Result<Self, DataError> {
        let failed = |reason: String| DataError::Tokenizer { place: place.to_owned(), reason };
        // Texts are packed: none is cut or filled up.
        inner.with_truncation(None).map_err(|error| failed(error.to_string()))?;
        inner.with_padding(None);
        inner.set_encode_special_tokens(true);

        let find = |names: &[&str]| names.iter().find_map(|name| inner.token_to_id(name));
        let vocabulary = inner.get_vocab(true);
        let largest =
            vocabulary.values().max().ok_or_else(|| failed("found no tokens, expected a vocabulary".into()))?;
        let end_of_text = find(&END_OF_TEXT).ok_or_else(|| {
            failed(format!("found no token that ends a text, expected one of {}", END_OF_TEXT.join(", ")))
        })?;
        let named = [find(&BEGIN), find(&SEPARATOR), find(&MASK), find(&PAD), Some(end_of_text)];
        let mut special: Vec<u32> =
            inner.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special).map(|(id, _)| id).collect();
        special.extend(named.into_iter().flatten());
        special.sort_unstable();
        special.dedup();

        Ok(Self {
            json: inner.to_string(false).map_err(|error| failed(error.to_string()))?,
            vocab_size: *largest as usize + 1,
            special,
            end_of_text,
            begin: find(&BEGIN),
            separator: find(&SEPARATOR),
            mask: find(&MASK),
            pad: find(&PAD),
            inner,
        })
    }

    /// Writes the `tokenizer.json`, whole or not at all.
    ///
    /// # Errors
    /// A directory that cannot be made or written, a full disk.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        replace_file(path, |file| file.write_all(self.json.as_bytes()).map_err(DataError::io("write", path)))
    }

    /// Rows that an embedding needs: the largest id and one.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The token that follows each text in a packed stream: `<|endoftext|>`, or `[SEP]` where there is no such.
    pub fn end_of_text_id(&self) -> u32 {
        self.end_of_text
    }

    /// `[CLS]` or what stands for it.
    pub fn cls_id(&self) -> Option<u32> {
        self.begin
    }

    /// `[SEP]` or what stands for it.
    pub fn sep_id(&self) -> Option<u32> {
        self.separator
    }

    /// `[MASK]`, which a causal tokeniser lacks.
    pub fn mask_id(&self) -> Option<u32> {
        self.mask
    }

    /// `[PAD]`, which a causal tokeniser may lack.
    pub fn pad_id(&self) -> Option<u32> {
        self.pad
    }

    /// The ids of all special tokens, ascending.
    pub fn special_ids(&self) -> &[u32] {
        &self.special
    }

    /// The ids of a text, without any token at its start or end.
    ///
    /// # Errors
    /// What the tokeniser reports; a byte-level one encodes every text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let encoding = self.inner.encode_fast(text, false).map_err(|error| self.failed("encoding a text", &error))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of some ids, special tokens left out.
    ///
    /// # Errors
    /// What the tokeniser reports.
    pub fn decode(&self, ids: &[u32]) -> Result<String, DataError> {
        self.inner.decode(ids, true).map_err(|error| self.failed("decoding ids", &error))
    }

    /// The library's own, which neither cuts nor pads.
    pub(crate) fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }

    /// Tokens that the tokeniser adds to a text, or to two.
    pub(crate) fn added_tokens(&self, is_pair: bool) -> usize {
        self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(is_pair))
    }

    /// The token that fills up the shorter sequences of a batch: `[PAD]`, or the end of a text where there is none, as for
    /// GPT-2. Whoever reads the batch is told which tokens are real.
    pub(crate) fn filling_id(&self) -> u32 {
        self.pad.unwrap_or(self.end_of_text)
    }

    /// A hash of everything that encoding depends on.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(self.json.as_bytes())
    }

    fn failed(&self, place: &str, error: &tokenizers::Error) -> DataError {
        DataError::Tokenizer { place: place.to_owned(), reason: error.to_string() }
    }
}
