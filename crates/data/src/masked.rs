//! Batches for a masked language model (Devlin et al. 2019; PAPER.md 3.2): some tokens are hidden, and are to be predicted.

use crate::batch::{Place, validation_blocks};
use crate::random::{Purpose, Stream};
use crate::{Batch, BatchPlan, Batches, Blocks, Corpus, DataError, IGNORED, Tokenizer};
use std::sync::Arc;

/// How tokens are hidden.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Masking {
    /// Share of the tokens, special ones aside, that are to be predicted.
    pub share: f64,
    /// Share of these that are replaced by `[MASK]`.
    pub mask: f64,
    /// Share of these that are replaced by a random token; the rest stays as it is.
    pub random: f64,
}

impl Default for Masking {
    /// 15 %, of which 80 % `[MASK]`, 10 % random, 10 % kept.
    fn default() -> Self {
        Self { share: 0.15, mask: 0.8, random: 0.1 }
    }
}

impl Masking {
    fn check(self) -> Result<Self, DataError> {
        let refused = |option, found: f64, expected: &str| {
            Err(DataError::Option { option, found: found.to_string(), expected: expected.to_owned() })
        };
        match self {
            Masking { share, .. } if !(share > 0.0 && share <= 1.0) => {
                refused("masked share", share, "a share above 0, at most 1")
            }
            Masking { mask, .. } if !(0.0..=1.0).contains(&mask) => refused("mask share", mask, "a share from 0 to 1"),
            Masking { mask, random, .. } if !(0.0..=1.0 - mask + 1e-9).contains(&random) => {
                refused("random share", random, "a share from 0 to 1 minus the mask share")
            }
            masking => Ok(masking),
        }
    }
}

/// Batches for a masked language model.
///
/// A sequence is `[CLS]`, `S − 2` tokens of text, `[SEP]`; texts within are parted by `[SEP]`. Which tokens are hidden
/// is a function of seed, epoch and block, so they are drawn anew in each epoch; in validation batches of the block
/// alone. Special tokens are never hidden and never put in a token's place. A sequence in which chance hides nothing gets
/// one hidden token, so that no batch is without a target.
#[derive(Debug, Clone)]
pub struct MaskedBatches {
    blocks: Blocks,
    plan: BatchPlan,
    sequence_length: usize,
    masking: Masking,
    cls: u32,
    sep: u32,
    mask: u32,
    /// Whether an id is that of a special token.
    special: Vec<bool>,
    /// The ids that a random token is drawn from.
    ordinary: Vec<u32>,
}

impl MaskedBatches {
    /// # Errors
    /// A tokeniser without `[CLS]`, `[SEP]` or `[MASK]`, shares out of range, a sequence length below 3, sizes of zero, a
    /// corpus of less than `sequence_length − 2` tokens.
    pub fn new(
        corpus: Arc<Corpus>,
        tokenizer: &Tokenizer,
        sequence_length: usize,
        plan: BatchPlan,
        masking: Masking,
    ) -> Result<Self, DataError> {
        let needed = |id: Option<u32>, names: &str| {
            let reason = format!("found no token {names}, expected one for masked language modelling");
            id.ok_or_else(|| DataError::Tokenizer { place: "the tokenizer".to_owned(), reason })
        };
        let cls = needed(tokenizer.cls_id(), "[CLS] or <s>")?;
        let sep = needed(tokenizer.sep_id(), "[SEP] or </s>")?;
        let mask = needed(tokenizer.mask_id(), "[MASK] or <mask>")?;
        if sequence_length < 3 {
            let expected = "3 or more ([CLS], a token, [SEP])".to_owned();
            return Err(DataError::Option { option: "sequence_length", found: sequence_length.to_string(), expected });
        }
        let mut special = vec![false; tokenizer.vocab_size()];
        for &id in tokenizer.special_ids() {
            special[id as usize] = true;
        }
        let ordinary: Vec<u32> = (0..).zip(&special).filter(|(_, special)| !**special).map(|(id, _)| id).collect();
        if ordinary.is_empty() {
            let reason = "found special tokens only, expected ordinary ones beside them".to_owned();
            return Err(DataError::Tokenizer { place: "the tokenizer".to_owned(), reason });
        }
        let blocks = Blocks::new(corpus, sequence_length - 2, sequence_length - 2, sequence_length)?;
        let (plan, masking) = (plan.check()?, masking.check()?);
        Ok(Self { blocks, plan, sequence_length, masking, cls, sep, mask, special, ordinary })
    }

    fn of_blocks(&self, blocks: impl ExactSizeIterator<Item = (u64, Stream)>) -> Batch {
        let mut batch = Batch::empty(blocks.len(), self.sequence_length);
        for (block, stream) in blocks {
            let start = batch.input_ids.len();
            batch.input_ids.push(self.cls);
            batch.input_ids.extend(self.blocks.get(block));
            batch.input_ids.push(self.sep);
            batch.targets.resize(batch.input_ids.len(), IGNORED);
            self.hide(&mut batch.input_ids[start..], &mut batch.targets[start..], stream);
        }
        batch
    }

    /// Hides tokens of one sequence and makes them its targets.
    fn hide(&self, input_ids: &mut [u32], targets: &mut [i32], mut stream: Stream) {
        let can_hide: Vec<usize> = (0..input_ids.len()).filter(|&at| !self.special[input_ids[at] as usize]).collect();
        if can_hide.is_empty() {
            return;
        }
        let mut hidden: Vec<usize> = can_hide.iter().copied().filter(|_| stream.unit() < self.masking.share).collect();
        if hidden.is_empty() {
            hidden.push(can_hide[stream.below(can_hide.len() as u64) as usize]);
        }
        for at in hidden {
            targets[at] = input_ids[at] as i32;
            let fate = stream.unit();
            if fate < self.masking.mask {
                input_ids[at] = self.mask;
            } else if fate < self.masking.mask + self.masking.random {
                input_ids[at] = self.ordinary[stream.below(self.ordinary.len() as u64) as usize];
            }
        }
    }
}

impl Batches for MaskedBatches {
    fn sequence_length(&self) -> usize {
        self.sequence_length
    }

    fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    fn plan(&self) -> BatchPlan {
        self.plan
    }

    fn batch(&self, step: u64, micro: usize) -> Batch {
        let places: Vec<Place> = self.plan.blocks(self.blocks.len(), step, micro).collect();
        self.of_blocks(
            places.into_iter().map(|Place { epoch, block }| {
                (block, Stream::new(Purpose::TrainingMask, &[self.plan.seed, epoch, block]))
            }),
        )
    }

    fn validation_batches(&self, batch_size: usize, max_batches: usize) -> Vec<Batch> {
        validation_blocks(self.blocks.len(), batch_size, max_batches)
            .into_iter()
            .map(|blocks| {
                self.of_blocks(blocks.into_iter().map(|block| (block, Stream::new(Purpose::ValidationMask, &[block]))))
            })
            .collect()
    }
}
