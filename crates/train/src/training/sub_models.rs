//! bert2BERT's sub-models (Chen et al. 2022): which bottom part of the model a step trains.

use crate::StepContext;
use crate::random::Draws;
use ligo_growth::SubModels;
use std::ops::Range;

/// Apart from what else is drawn with a step's key.
const PURPOSE: u64 = 3;

/// The layers that a step trains, on top of which the head stands: `(k − 1) · l_b .. k · l_b` with k drawn evenly for each step, the
/// same for all its micro-batches. The last sub-model is the whole model, and may train fewer layers.
pub(super) fn trained(sub_models: &SubModels, layers: usize, context: &StepContext) -> Range<usize> {
    let each = sub_models.layers.max(1);
    let below = Draws::new(context.step_key(), PURPOSE).below(layers.div_ceil(each).max(1)) * each;
    below..(below + each).min(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sub_model_is_drawn_equally_often_and_micro_batches_share_it() {
        let mut times = std::collections::BTreeMap::new();
        for step in 0..3000 {
            let context = |micro| StepContext { step, schedule_step: step, micro, seed: 5 };
            let drawn = trained(&SubModels { layers: 3 }, 7, &context(0));
            assert_eq!(trained(&SubModels { layers: 3 }, 7, &context(1)), drawn);
            *times.entry((drawn.start, drawn.end)).or_insert(0) += 1;
        }
        assert_eq!(times.keys().copied().collect::<Vec<_>>(), [(0, 3), (3, 6), (6, 7)]);
        assert!(times.values().all(|times| (900..1100).contains(times)), "{times:?}");
    }
}
