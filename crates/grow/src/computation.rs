//! How a step of learning is computed so that its memory stays near that of the weights: what the forward pass keeps for the way
//! back lies beside the large weights, before a gradient takes their place.

use crate::Plan;
use ligo_eval::{StepShape, memory, recomputed_activations, without_dropout};
use ligo_growth::OperatorTraining;
use ligo_kernels::Kernels;
use ligo_models::Head;
use ligo_train::TrainingConfig;

/// Sequences or images in a step, if nobody says otherwise.
const BATCH_SIZE: usize = 8;
/// Share of tokens that a masked model predicts, as `ligo_data` hides them.
const MASKED_SHARE: f64 = 0.15;
/// Bytes that the forward pass may keep, however small the model.
const ROOM: u64 = 64 << 20;

/// A step of learning.
pub(crate) struct Computation {
    /// Its sizes, and in how many parts it is computed.
    pub(crate) config: TrainingConfig,
    /// Whether blocks are computed again on the way back.
    pub(crate) recompute: bool,
    /// Bytes that a part keeps for its way back.
    pub(crate) activations: u64,
}

impl<D: Kernels> Plan<'_, D> {
    /// The fastest way of those whose forward pass keeps no more than a quarter of the large weights: whole, whole with blocks
    /// computed again, or so in ever more parts. Each part makes the large weights anew, which takes longer than a block.
    pub(crate) fn computation(&self, operator: &OperatorTraining) -> Computation {
        let large = if operator.dropout { self.task.large.clone() } else { without_dropout(&self.task.large) };
        let batch_size = self.request.learning.batch_size.or(operator.batch_size).unwrap_or(BATCH_SIZE);
        let kept = |parts: usize, recompute: bool| {
            let part = self.shape(batch_size / parts);
            if recompute { recomputed_activations(&large, part) } else { memory(&large, 0, part).activations }
        };
        let parts = (1..=batch_size).filter(|&parts| batch_size.is_multiple_of(parts));
        let mut ways = std::iter::once((1, false)).chain(parts.map(|parts| (parts, true)));
        let fits = |&(parts, recompute): &(usize, bool)| kept(parts, recompute) <= ROOM.max(self.parameters().1);
        let (accumulate, recompute) = ways.find(fits).unwrap_or((batch_size, true));
        let rate = f64::from(operator.learning_rate);
        let config = TrainingConfig { accumulate, ..TrainingConfig::new(operator.steps.max(1), batch_size, rate) };
        Computation {
            config: config.for_operator(&OperatorTraining { batch_size: None, ..operator.clone() }),
            recompute,
            activations: kept(accumulate, recompute),
        }
    }

    /// What so many sequences or images of the data are.
    pub(crate) fn shape(&self, sequences: usize) -> StepShape {
        let labelled_share = match self.task.small.head() {
            Head::MaskedLm => {
                let length = self.sequence_length as f64;
                MASKED_SHARE * (length - 2.0).max(1.0) / length
            }
            _ => 1.0,
        };
        StepShape { sequences, sequence_length: self.sequence_length, labelled_share }
    }
}
