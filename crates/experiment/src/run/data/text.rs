//! Text: the corpus made if it is missing, the tokenizer trained or read, the text packed.

use crate::record::DataRecord;
use crate::run::Options;
use crate::run::observer::Event;
use crate::schema::{Corpus as Embedded, DataConfig, Experiment, LanguageObjective};
use anyhow::{Result, ensure};
use ligo_data::{
    Batch as TextBatch, BatchPlan, Batches, BpeOptions, CausalBatches, Corpus, MaskedBatches, Masking, SpecialTokens,
    TextSource, Tokenizer,
};
use ligo_models::{Batch, Family, Tokens};
use ligo_train::{BatchSource, TrainingConfig};
use std::path::Path;
use std::sync::Arc;

/// The prepared text of an experiment.
pub(in crate::run) struct TextData {
    pub(super) record: DataRecord,
    tokenizer: Tokenizer,
    train: Arc<Corpus>,
    validation: Arc<Corpus>,
    config: DataConfig,
}

impl TextData {
    /// Prepares what is not there yet; everything is kept in the data directory, named by content.
    ///
    /// # Errors
    /// Missing, damaged or unfit files, naming them and what was expected; text shorter than one block; a vocabulary
    /// larger than the models'.
    pub(super) fn prepare(experiment: &Experiment, options: &Options<'_>) -> Result<Self> {
        let config = experiment.data.clone();
        let preparing = |what: &str| options.observer.event(&Event::Preparing(what));
        let (name, train, validation) = sources(&config, options)?;
        let cache = options.data_dir.join("cache");

        preparing("tokenizer");
        let tokenizer = match (&config.tokenizer.file, config.tokenizer.vocab_size) {
            (Some(file), _) => Tokenizer::from_file(&options.workspace.join(file))?,
            (None, size) => {
                let special = match config.objective {
                    LanguageObjective::Causal => SpecialTokens::Causal,
                    LanguageObjective::Masked => SpecialTokens::Masked,
                };
                // The schema lets no other case through than that the size is there.
                let size = size.unwrap_or(ligo_data::SMALLEST_VOCABULARY);
                Tokenizer::trained(&train, &BpeOptions::new(size, special), &cache)?
            }
        };
        for (name, model) in [("small", &experiment.small), ("large", &experiment.large)] {
            ensure!(
                tokenizer.vocab_size() <= model.vocab_size,
                "{name}.vocab_size is {}, expected {} (the tokenizer's) or more",
                model.vocab_size,
                tokenizer.vocab_size(),
            );
            // It counts positions over what is no padding: a token of the text with that id would have none.
            let padding = tokenizer.pad_id().map(|id| id as usize);
            ensure!(
                model.family != Family::Roberta || padding == Some(model.pad_token_id()),
                "{name}.pad_token_id is {}, expected the id of the tokenizer's padding token ({})",
                model.pad_token_id(),
                padding.map_or("it has none".into(), |id| id.to_string()),
            );
        }

        preparing("training text");
        let mut hasher = blake3::Hasher::new();
        for source in [&train, &validation] {
            hasher.update(source.content_hash()?.as_bytes());
        }
        hasher.update(tokenizer.hash().as_bytes());
        let train = Arc::new(Corpus::prepare(&train, &tokenizer, &cache)?);
        preparing("validation text");
        let validation = Arc::new(Corpus::prepare(&validation, &tokenizer, &cache)?);

        let record = DataRecord {
            name,
            fingerprint: hasher.finalize().to_hex().to_string(),
            vocab_size: tokenizer.vocab_size(),
            train_tokens: train.tokens(),
            validation_tokens: validation.tokens(),
            images: None,
        };
        let data = Self { record, tokenizer, train, validation, config };
        // Text that is too short is better found now than when its turn comes.
        data.validation(experiment)?;
        Ok(data)
    }

    /// Batches to train on, in the order that `seed` gives.
    ///
    /// # Errors
    /// None that [`TextData::prepare`] would not have reported.
    pub(super) fn training(&self, training: &TrainingConfig, seed: u64) -> Result<TrainingBatches> {
        self.batches(&self.train, training, seed).map(TrainingBatches)
    }

    /// The fixed validation batches, the same for every row and seed.
    ///
    /// # Errors
    /// None that [`TextData::prepare`] would not have reported.
    pub(super) fn validation(&self, experiment: &Experiment) -> Result<Vec<Batch>> {
        let batches = self.batches(&self.validation, &experiment.training, 0)?;
        let (sequences, count) = (experiment.training.micro_batch_size(), experiment.evaluation.batches);
        Ok(batches.validation_batches(sequences, count).into_iter().map(labelled_tokens).collect())
    }

    /// Puts `tokenizer.json` beside a model's weights.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn save_tokenizer(&self, directory: &Path) -> Result<()> {
        Ok(self.tokenizer.save(&directory.join("tokenizer.json"))?)
    }

    fn batches(&self, corpus: &Arc<Corpus>, training: &TrainingConfig, seed: u64) -> Result<Box<dyn Batches>> {
        let (corpus, length) = (Arc::clone(corpus), self.config.sequence_length);
        let plan = BatchPlan { seed, batch_size: training.micro_batch_size(), micro_batches: training.accumulate };
        Ok(match self.config.objective {
            LanguageObjective::Causal => Box::new(CausalBatches::new(corpus, length, plan)?),
            LanguageObjective::Masked => {
                let masking = Masking { share: self.config.masked_share, ..Masking::default() };
                Box::new(MaskedBatches::new(corpus, &self.tokenizer, length, plan, masking)?)
            }
        })
    }
}

/// Batches to train on, as the training loop wants them.
pub(super) struct TrainingBatches(Box<dyn Batches>);

impl BatchSource for TrainingBatches {
    fn batch(&self, step: u64, micro: usize) -> Result<Batch> {
        Ok(labelled_tokens(self.0.batch(step, micro)))
    }
}

/// A batch of text as the models want it.
fn labelled_tokens(batch: TextBatch) -> Batch {
    let TextBatch { input_ids, targets, batch_size, sequence_length, real_tokens } = batch;
    Batch::tokens(Tokens { input_ids, token_types: None, real_tokens, batch_size, sequence_length }, targets)
}

/// The name of the text, and where training and validation text lie.
fn sources(config: &DataConfig, options: &Options<'_>) -> Result<(String, TextSource, TextSource)> {
    if let Some(Embedded::CrateDocs) = config.corpus {
        options.observer.event(&Event::Preparing("crate-docs"));
        let directory = options.data_dir.join("crate-docs");
        let manifest = options.workspace.join("Cargo.toml");
        let report = ligo_data::crate_docs::build_crate_docs(&manifest, &directory, &|progress| {
            options.observer.event(&Event::ReadingCrates { done: progress.done, of: progress.packages });
        })?;
        options.observer.event(&Event::CorpusReady(&report));
        let source = |name| TextSource::new([directory.join(name)], "text");
        let hash = report.corpus_hash.get(..12).unwrap_or(&report.corpus_hash);
        return Ok((format!("crate-docs {hash}"), source("train.parquet"), source("validation.parquet")));
    }
    let source = |files: &[std::path::PathBuf]| {
        TextSource::new(files.iter().map(|file| options.workspace.join(file)), config.column.clone())
    };
    let name = config.train.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    Ok((name, source(&config.train), source(&config.validation)))
}
