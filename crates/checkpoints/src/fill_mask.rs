//! What a masked language model puts in place of a mask.

use crate::loaded::require;
use crate::tokenizer::Encoded;
use crate::{CheckpointError, Loaded, Result, Tokenizer};
use ligo_kernels::Kernels;
use ligo_models::{Head, Inputs, Tokens};

/// Ways of writing a mask that are understood for every model, whatever its own is.
const MASKS: [&str; 2] = ["[MASK]", "<mask>"];

/// One mask of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledMask {
    /// Its place among the tokens of the text, those at the start counted.
    pub position: usize,
    /// What may stand there, likeliest first.
    pub candidates: Vec<Candidate>,
}

/// A token that may stand in place of a mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// As it reads, without space around it; as it stands in the vocabulary where it is no text of its own.
    pub token: String,
    /// Its id.
    pub id: u32,
    /// Its probability, among all tokens of the vocabulary.
    pub probability: f64,
    /// The text with the token in place of this mask; other masks stay.
    pub sentence: String,
}

impl<D: Kernels> Loaded<D> {
    /// The `top` likeliest tokens for each mask of `text`.
    ///
    /// A mask is written as the model's own tokenizer has it, or `[MASK]` or `<mask>`. Each is filled by itself, the others being
    /// masks still, as `transformers` does it.
    ///
    /// # Errors
    /// [`CheckpointError::Kind`] for a model of another kind, [`CheckpointError::Input`] for a text without a mask or longer than the
    /// model reads, [`CheckpointError::File`] for a tokenizer that has no mask.
    pub fn fill_mask(&self, text: &str, top: usize) -> Result<Vec<FilledMask>> {
        require(&self.checkpoint, Head::MaskedLm)?;
        let Some((mask, mask_id)) = &self.tokenizer.special().mask else {
            return Err(CheckpointError::File {
                path: self.checkpoint.directory().to_owned(),
                reason: "found a tokenizer without a mask, expected a mask_token in tokenizer_config.json".into(),
            });
        };
        let text = MASKS.iter().fold(text.to_owned(), |text, other| text.replace(other, mask));
        let encoded = self.tokenizer.encode_with_places(&text)?;
        let masks: Vec<usize> = (0..encoded.ids.len()).filter(|&i| encoded.ids[i] == *mask_id).collect();
        if masks.is_empty() {
            return Err(CheckpointError::Input {
                what: "text",
                found: "no mask".into(),
                expected: match &**mask {
                    "[MASK]" => "at least one, written [MASK]".into(),
                    own => format!("at least one, written {own} or [MASK]"),
                },
            });
        }
        self.room_after("text", encoded.ids.len())?;
        let tokens = Tokens {
            input_ids: encoded.ids.clone(),
            batch_size: 1,
            sequence_length: encoded.ids.len(),
            ..Tokens::default()
        };
        let logits = self.model.logits(&self.parameters, &Inputs::Tokens(tokens))?.as_vec();
        let vocabulary = self.model.config().vocab_size;
        let fill = |&position: &usize| FilledMask {
            position,
            // An id that is no token is a row with which the vocabulary was padded.
            candidates: likeliest(&logits[position * vocabulary..][..vocabulary])
                .filter_map(|(id, probability)| candidate(&self.tokenizer, &text, &encoded, position, id, probability))
                .take(top)
                .collect(),
        };
        Ok(masks.iter().map(fill).collect())
    }
}

/// All ids with their probabilities, likeliest first.
fn likeliest(logits: &[f32]) -> impl Iterator<Item = (u32, f64)> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = move |logit: f32| f64::from(logit - largest).exp();
    let sum: f64 = logits.iter().map(|&logit| weight(logit)).sum();
    let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
    all.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.into_iter().map(move |(id, logit)| (id, weight(logit) / sum))
}

/// None for an id that is no token.
fn candidate(
    tokenizer: &Tokenizer,
    text: &str,
    encoded: &Encoded,
    position: usize,
    id: u32,
    probability: f64,
) -> Option<Candidate> {
    let written = tokenizer.token(id)?;
    let piece = match tokenizer.decode(&[id]) {
        Ok(piece) if !piece.trim().is_empty() => piece,
        _ => written.clone(),
    };
    let (start, end) = encoded.places[position];
    let (before, after) = (text.get(..start)?, text.get(end..)?);
    Some(Candidate {
        sentence: filled(before, text.get(start..end)?, after, &written, &piece),
        token: piece.trim().to_owned(),
        id,
        probability,
    })
}

/// Puts a token in place of a mask. A token says by the way it is `written` whether a space stands before it.
fn filled(before: &str, mask: &str, after: &str, written: &str, piece: &str) -> String {
    let trimmed = piece.trim_start();
    // A mask may take the space before it along.
    let space = |text: &str| text.ends_with(char::is_whitespace);
    let spaced = space(before) || mask.starts_with(char::is_whitespace);
    let joined = before.trim_end();
    if let Some(continued) = written.strip_prefix("##") {
        return format!("{joined}{continued}{after}");
    }
    let begins_word = written.starts_with(['Ġ', '▁']);
    let gap = if joined.is_empty() || !(begins_word || spaced) { "" } else { " " };
    format!("{joined}{gap}{trimmed}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_all_tokens() {
        let logits = [1.0_f32, 4.0, 2.0, 3.0].map(f32::ln);
        let found: Vec<(u32, f64)> = likeliest(&logits).take(3).collect();
        assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 3, 2]);
        for ((_, found), expected) in found.iter().zip([0.4, 0.3, 0.2]) {
            assert!((found - expected).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn a_sentence_keeps_its_own_spelling_around_the_token() {
        for (before, mask, after, written, piece, expected) in [
            // WordPiece: a token stands where the mask stood, a continuation joins the word before.
            ("Paris is the ", "[MASK]", " of France.", "capital", "capital", "Paris is the capital of France."),
            ("Straw", "[MASK]", "s", "##berry", "##berry", "Strawberrys"),
            ("Straw ", "[MASK]", "s", "##berry", "##berry", "Strawberrys"),
            ("un", "[MASK]", "", "happy", "happy", "unhappy"),
            // Byte-level: the mask takes the space along and the token brings it back.
            ("Paris is the", " <mask>", " of France.", "Ġcapital", " capital", "Paris is the capital of France."),
            ("Paris is the ", "<mask>", " of France.", "Ġcapital", " capital", "Paris is the capital of France."),
            ("(", "<mask>", ")", "Ġyes", " yes", "( yes)"),
            ("", "<mask>", " it is.", "ĠYes", " Yes", "Yes it is."),
        ] {
            assert_eq!(filled(before, mask, after, written, piece), expected, "{before:?} {written:?}");
        }
    }
}
