//! What a model is fine-tuned on and evaluated with: a training set, and one validation split or more.

mod images;
mod squad;
mod texts;

pub use images::ImageTask;
pub use squad::SquadTask;
pub use texts::{TextKind, TextTask};

use crate::tuning::Kind;
use ligo_data::Tokenizer;

/// A task, where it is of text with the tokeniser of the model that is fine-tuned.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// Labelled texts or pairs of texts.
    Texts(&'a TextTask, &'a Tokenizer),
    /// Questions whose answers are parts of a text.
    Squad(&'a SquadTask, &'a Tokenizer),
    /// Labelled images.
    Images(&'a ImageTask),
}

impl Task<'_> {
    /// Its name in tables and messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Texts(task, _) => task.name(),
            Self::Squad(task, _) => task.name(),
            Self::Images(task) => task.name(),
        }
    }

    /// The tokeniser, of a task of text.
    pub(crate) fn tokenizer(&self) -> Option<&Tokenizer> {
        match self {
            Self::Texts(_, tokenizer) | Self::Squad(_, tokenizer) => Some(tokenizer),
            Self::Images(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Texts(..) => Kind::Texts,
            Self::Squad(..) => Kind::Questions,
            Self::Images(_) => Kind::Images,
        }
    }

    /// A hash of everything that a training on it depends on, the tokeniser included.
    pub(crate) fn fingerprint(&self) -> blake3::Hash {
        let files = match self {
            Self::Texts(task, _) => task.fingerprint(),
            Self::Squad(task, _) => task.fingerprint(),
            Self::Images(task) => task.fingerprint(),
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(files.as_bytes());
        if let Some(tokenizer) = self.tokenizer() {
            hasher.update(tokenizer.hash().as_bytes());
        }
        hasher.finalize()
    }
}
