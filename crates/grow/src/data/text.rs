//! Text: a column of Parquet, by the checkpoint's own tokenizer, packed.
//!
//! Learning an operator takes some hundred thousand tokens, however long the text is: of a long one every second, fourth, eighth …
//! text is taken, in its order, so that what is taken spreads over all of it. The last texts of what is taken are held out.

use super::HELD_OUT;
use crate::{GrowError, Result};
use ligo_data::{
    Batch as TextBatch, BatchPlan, Batches, CausalBatches, Corpus, MaskedBatches, Masking, TextSource, Tokenizer,
};
use ligo_files::{FileError, replace_file};
use ligo_models::hub::Checkpoint;
use ligo_models::{Batch, Family, Head, Tokens};
use ligo_train::BatchSource;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Bytes of text taken for each token that is learnt on: four or so are a token of English.
const BYTES_PER_TOKEN: u64 = 16;
/// At least so many bytes of text are taken, if there are as many.
const LEAST_BYTES: u64 = 8 << 20;
/// At least so many sequences are held out, if there are as many.
const HELD_OUT_SEQUENCES: u64 = 32;

/// Tokenised text.
#[derive(Debug)]
pub(crate) struct TextData {
    tokenizer: Tokenizer,
    train: Arc<Corpus>,
    held_out: Arc<Corpus>,
    head: Head,
    sequence_length: usize,
}

impl TextData {
    /// Reads the text and tokenises what is taken of it; what is made of it lies in `work`.
    ///
    /// # Errors
    /// Damaged files, less text than a sequence to learn on and one to hold out, a tokenizer that lacks a token that packing needs.
    pub(super) fn prepare(
        source: &TextSource,
        checkpoint: &Checkpoint,
        sequence_length: usize,
        tokens: u64,
        work: &Path,
    ) -> Result<Self> {
        let path = work.join("tokenizer.json");
        let json = ligo_checkpoints::Tokenizer::open(checkpoint)?.to_json()?;
        replace_file(&path, |file| file.write_all(json.as_bytes()).map_err(FileError::at("write", &path)))?;
        let tokenizer = Tokenizer::from_file(&path)?;
        check_padding(&tokenizer, checkpoint)?;

        let (train, held_out) =
            split(taken(source, tokens.saturating_mul(BYTES_PER_TOKEN).max(LEAST_BYTES))?, sequence_length)
                .ok_or_else(|| {
                    let files =
                        source.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
                    GrowError::asked("--data", format!("one text in {files}"), "two or more: the last one is held out")
                })?;
        let corpus = |name: &str, texts: &[String]| -> Result<Arc<Corpus>> {
            let path = work.join(name);
            ligo_data::write_text_parquet(&path, &source.column, texts)?;
            Ok(Arc::new(Corpus::prepare(&TextSource::new([path], source.column.clone()), &tokenizer, work)?))
        };
        let (train, held_out) = (corpus("learnt-on.parquet", &train)?, corpus("held-out.parquet", &held_out)?);
        let data = Self { tokenizer, train, held_out, head: checkpoint.config().head(), sequence_length };
        // Text that is too short is better found now.
        data.held_out(1, 1)?;
        data.training(BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 })?;
        Ok(data)
    }

    pub(super) fn training(&self, plan: BatchPlan) -> Result<Box<dyn BatchSource + '_>> {
        let batches = self.batches(&self.train, plan)?;
        Ok(Box::new(move |step: u64, micro: usize| anyhow::Ok(labelled_tokens(batches.batch(step, micro)))))
    }

    pub(super) fn held_out(&self, sequences: usize, count: usize) -> Result<Vec<Batch>> {
        let plan = BatchPlan { seed: 0, batch_size: sequences, micro_batches: 1 };
        let batches = self.batches(&self.held_out, plan)?.validation_batches(sequences, count);
        Ok(batches.into_iter().map(labelled_tokens).collect())
    }

    fn batches(&self, corpus: &Arc<Corpus>, plan: BatchPlan) -> Result<Box<dyn Batches>> {
        let (corpus, length) = (Arc::clone(corpus), self.sequence_length);
        Ok(match self.head {
            Head::MaskedLm => Box::new(MaskedBatches::new(corpus, &self.tokenizer, length, plan, Masking::default())?),
            _ => Box::new(CausalBatches::new(corpus, length, plan)?),
        })
    }
}

/// RoBERTa counts positions over what is no padding: a token of the text with that id would have none.
fn check_padding(tokenizer: &Tokenizer, checkpoint: &Checkpoint) -> Result<()> {
    let config = checkpoint.config();
    let padding = tokenizer.pad_id().map(|id| id as usize);
    if config.family != Family::Roberta || padding == Some(config.pad_token_id()) {
        return Ok(());
    }
    let found = padding.map_or("no padding token".into(), |id| format!("a padding token with the id {id}"));
    let expected = format!("one with the id {}, as config.json has it", config.pad_token_id());
    Err(GrowError::File {
        path: checkpoint.directory().to_owned(),
        reason: format!("found a tokenizer with {found}, expected {expected}"),
    })
}

/// The texts that are taken of a source: all of them, or every 2ⁿ-th where they would be more than `most` bytes.
fn taken(source: &TextSource, most: u64) -> Result<Vec<String>> {
    let (mut taken, mut bytes, mut every) = (Vec::new(), 0, 1_usize);
    for (number, text) in source.open()?.enumerate() {
        let text = text?;
        if !number.is_multiple_of(every) || text.is_empty() {
            continue;
        }
        bytes += text.len() as u64;
        taken.push((number, text));
        if bytes > most && taken.len() > 2 {
            every *= 2;
            taken.retain(|(number, _)| number.is_multiple_of(every));
            bytes = taken.iter().map(|(_, text)| text.len() as u64).sum();
        }
    }
    Ok(taken.into_iter().map(|(_, text)| text).collect())
}

/// Texts to learn on, and the last ones: a twentieth by length, or what some sequences take, at most half. None of a single text.
fn split(mut texts: Vec<String>, sequence_length: usize) -> Option<(Vec<String>, Vec<String>)> {
    let total: u64 = texts.iter().map(|text| text.len() as u64).sum();
    let wanted =
        (total / HELD_OUT).max(HELD_OUT_SEQUENCES * sequence_length as u64 * BYTES_PER_TOKEN / 2).min(total / 2);
    let (mut first, mut length) = (texts.len(), 0);
    while first > 1 && (length < wanted || first == texts.len()) {
        first -= 1;
        length += texts[first].len() as u64;
    }
    let held_out = texts.split_off(first);
    (!held_out.is_empty()).then_some((texts, held_out))
}

/// A batch of text as the models want it.
fn labelled_tokens(batch: TextBatch) -> Batch {
    let TextBatch { input_ids, targets, batch_size, sequence_length, real_tokens } = batch;
    Batch::tokens(Tokens { input_ids, token_types: None, real_tokens, batch_size, sequence_length }, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(directory: &Path, texts: &[String]) -> TextSource {
        let path = directory.join("a.parquet");
        ligo_data::write_text_parquet(&path, "text", texts).unwrap();
        TextSource::new([path], "text")
    }

    #[test]
    fn of_a_long_text_a_part_is_taken_that_spreads_over_all_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let texts: Vec<String> = (0..100).map(|i| format!("text {i:03}")).collect();
        let source = source(directory.path(), &texts);
        assert_eq!(taken(&source, 800).unwrap(), texts);
        let part = taken(&source, 250).unwrap();
        assert_eq!(part, texts.iter().step_by(4).cloned().collect::<Vec<_>>());
    }

    #[test]
    fn the_last_texts_are_held_out_a_twentieth_of_a_long_text_and_at_most_half_of_a_short_one() {
        let texts = |n: usize| (0..n).map(|i| format!("{i:0100}")).collect::<Vec<_>>();
        for (number, sequence_length, held_out) in [(2, 64, 1), (10, 64, 5), (1000, 1, 50), (1, 64, 0)] {
            let all = texts(number);
            match split(all.clone(), sequence_length) {
                Some((train, last)) => {
                    assert_eq!((train.len(), last.len()), (number - held_out, held_out), "{number} texts");
                    assert_eq!([train, last].concat(), all);
                }
                None => assert_eq!(held_out, 0),
            }
        }
    }
}
