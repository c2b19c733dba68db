//! Text from tokens that come one by one, a character only when it is whole.
//!
//! A token of a byte-level vocabulary may end in the middle of a character; decoded by itself that is U+FFFD. What a token reads
//! as also depends on the one before it (a space, or none). So the last tokens are decoded together, and of their text what is new
//! and certain is handed on.

use crate::{Result, Tokenizer};

/// The beginning of a character has at most so many bytes, each of which may be shown as a U+FFFD of its own.
const LONGEST_BEGINNING: usize = 3;
/// Enough of a prompt's tokens to know how the next one reads.
const CONTEXT: usize = 8;

/// Decodes as it goes.
#[derive(Debug)]
pub(super) struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// Tokens whose text is still looked at; the first `settled` of them have been handed on whole.
    ids: Vec<u32>,
    settled: usize,
    /// Bytes of the text of `ids` that have been handed on.
    handed_on: usize,
}

impl<'a> TextStream<'a> {
    /// A stream that goes on from the tokens of a prompt, whose text is not handed on.
    pub(super) fn after(tokenizer: &'a Tokenizer, prompt: &[u32]) -> Result<Self> {
        let ids = prompt[prompt.len().saturating_sub(CONTEXT)..].to_vec();
        let handed_on = tokenizer.decode(&ids)?.len();
        Ok(Self { tokenizer, settled: ids.len(), ids, handed_on })
    }

    /// The text that a token makes certain.
    pub(super) fn push(&mut self, id: u32) -> Result<String> {
        self.ids.push(id);
        let text = self.tokenizer.decode(&self.ids)?;
        let certain = certain(&text);
        let piece = self.hand_on(&text, certain);
        if certain == text.len() && piece.is_empty() {
            // A special token, which says nothing of what follows.
            self.ids.pop();
        } else if certain == text.len() {
            // The tokens before these have no say in what follows.
            self.ids.drain(..self.settled);
            self.settled = self.ids.len();
            self.handed_on = self.tokenizer.decode(&self.ids)?.len();
        }
        Ok(piece)
    }

    /// What is left at the end, be it half a character.
    pub(super) fn finish(&mut self) -> Result<String> {
        let text = self.tokenizer.decode(&self.ids)?;
        Ok(self.hand_on(&text, text.len()))
    }

    fn hand_on(&mut self, text: &str, end: usize) -> String {
        let piece = text.get(self.handed_on..end).unwrap_or_default().to_owned();
        self.handed_on = self.handed_on.max(end);
        piece
    }
}

/// The length of a text without what may be the beginning of a character at its end.
fn certain(text: &str) -> usize {
    let unknown = char::REPLACEMENT_CHARACTER;
    let uncertain = text.chars().rev().take(LONGEST_BEGINNING).take_while(|&c| c == unknown).count();
    text.len() - uncertain * unknown.len_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::tests::{byte_tokenizer, opened};
    use ligo_models::Family;

    fn pieces(tokenizer: &Tokenizer, bytes: &[u8]) -> Vec<String> {
        let mut stream = TextStream::after(tokenizer, &[]).unwrap();
        let mut pieces: Vec<String> = bytes.iter().map(|&b| stream.push(u32::from(b)).unwrap()).collect();
        pieces.push(stream.finish().unwrap());
        pieces
    }

    #[test]
    fn no_half_character_is_ever_handed_on() {
        let (_directory, tokenizer) = byte_tokenizer();
        for text in ["plain", "für die Größe", "今日は", "🦀 and 🐻‍❄️", "a\u{FFFD}b"] {
            let pieces = pieces(&tokenizer, text.as_bytes());
            assert_eq!(pieces.concat(), text);
            let halves = pieces.iter().filter(|piece| piece.contains('\u{FFFD}')).count();
            assert_eq!(halves, usize::from(text.contains('\u{FFFD}')), "{pieces:?}");
        }
        assert_eq!(pieces(&tokenizer, "aü".as_bytes()), ["a", "", "ü", ""]);
    }

    #[test]
    fn a_word_after_a_prompt_has_its_space() {
        // A tokenizer that marks where words begin, and leaves the mark out where a text does.
        let file = r#"{ "version": "1.0", "added_tokens": [{ "id": 3, "content": "<x>", "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false, "special": true }],
            "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
            "decoder": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
            "model": { "type": "WordLevel", "vocab": { "▁once": 0, "▁upon": 1, "s": 2 }, "unk_token": "s" } }"#;
        let (_directory, tokenizer) = opened(Family::Gpt2, 4, &[("tokenizer.json", file.into())]);
        let said = |prompt: &[u32]| {
            let mut stream = TextStream::after(&tokenizer, prompt).unwrap();
            [1, 2, 0].map(|id| stream.push(id).unwrap())
        };
        assert_eq!(said(&[0]), [" upon", "s", " once"]);
        assert_eq!(said(&[]), ["upon", "s", " once"]);
        // A token that is not shown is no start of a text.
        assert_eq!(said(&[0, 3]), [" upon", "s", " once"]);
        let mut stream = TextStream::after(&tokenizer, &[0]).unwrap();
        assert_eq!([3, 3, 1, 3, 0].map(|id| stream.push(id).unwrap()), ["", "", " upon", "", " once"]);
    }

    #[test]
    fn bytes_that_are_no_text_come_out_all_the_same() {
        let (_directory, tokenizer) = byte_tokenizer();
        let broken = [b'a', 0x80, 0x80, 0x80, 0x80, 0x80, 0xE2, 0x82, b'b', 0xE2];
        assert_eq!(pieces(&tokenizer, &broken).concat(), String::from_utf8_lossy(&broken));
    }
}
