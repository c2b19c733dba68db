//! Questions of SQuAD 1.1 or 2.0.

use crate::Result;
use crate::error::data_of;
use ligo_data::tasks::squad::{Question, SquadSource};
use ligo_eval::metrics::squad::Squad;
use std::sync::Arc;

/// Questions to train on and to evaluate with, in memory.
#[derive(Debug, Clone)]
pub struct SquadTask {
    version: Squad,
    train: Arc<[Question]>,
    validation: Arc<[Question]>,
    fingerprint: blake3::Hash,
}

impl SquadTask {
    /// Reads both splits.
    ///
    /// # Errors
    /// [`Data`](crate::DownstreamError::Data) for files that are missing, damaged or empty, lack a column, or hold an answer beyond
    /// its context.
    pub fn read(version: Squad, train: &SquadSource, validation: &SquadSource) -> Result<Self> {
        let name = name_of(version);
        let mut hasher = blake3::Hasher::new();
        hasher.update(name.as_bytes());
        let mut read = |source: &SquadSource| {
            hasher.update(source.content_hash()?.as_bytes());
            Ok(Arc::from(source.read()?))
        };
        let train = read(train).map_err(data_of(name))?;
        let validation = read(validation).map_err(data_of(name))?;
        Ok(Self { version, train, validation, fingerprint: hasher.finalize() })
    }

    /// Its name in tables and messages.
    pub fn name(&self) -> &str {
        name_of(self.version)
    }

    /// By whose rules answers are scored.
    pub fn version(&self) -> Squad {
        self.version
    }

    /// What a model is trained on.
    pub fn train(&self) -> &Arc<[Question]> {
        &self.train
    }

    /// What it is evaluated with.
    pub fn validation(&self) -> &Arc<[Question]> {
        &self.validation
    }

    pub(crate) fn fingerprint(&self) -> blake3::Hash {
        self.fingerprint
    }
}

fn name_of(version: Squad) -> &'static str {
    match version {
        Squad::V1 => "SQuAD 1.1",
        Squad::V2 => "SQuAD 2.0",
    }
}
