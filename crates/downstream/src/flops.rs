//! What a step of fine-tuning costs, by `ligo_eval`'s own convention.

use crate::Tuning;
use ligo_eval::{Convention, StepShape, step_flops};
use ligo_models::{AdapterSites, Head, ModelConfig};
use std::collections::BTreeMap;

/// The micro-batches of a training.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    /// How many micro-batches there are of each length of sequences, as padded.
    pub(crate) lengths: &'a BTreeMap<usize, u64>,
    /// Sequences or images in each.
    pub(crate) sequences: usize,
    /// Optimiser steps.
    pub(crate) steps: u64,
}

/// FLOPs of fine-tuning a model under that head on so many examples, had each `max_sequence_length` tokens: at most what
/// [`fine_tune`](crate::fine_tune()) will charge for texts and images; more where contexts of SQuAD are cut into several windows.
pub fn tuning_flops(
    pretrained: &ModelConfig,
    (head, num_labels): (Head, Option<usize>),
    tuning: &Tuning,
    examples: u64,
) -> f64 {
    let mut config = ModelConfig { head: Some(head), num_labels, pooler: None, ..pretrained.clone() };
    if let Some((size, sites)) = tuning.adapters() {
        (config.adapter_size, config.adapter_sites) = (Some(size), Some(sites));
    }
    let (steps, sequences) = (tuning.steps(examples), tuning.batch_size / tuning.accumulate);
    let lengths = BTreeMap::from([(tuning.sequence_length(), steps * tuning.accumulate as u64)]);
    steps as f64 * of_step(&config, &Work { lengths: &lengths, sequences, steps })
}

/// FLOPs of a step on average: over all steps they are those of the batches that are met, padding counted.
///
/// A step by adapters is charged like one of all weights, adapters added: the way back through the frozen ones is the same.
pub(crate) fn of_step(config: &ModelConfig, work: &Work<'_>) -> f64 {
    let of_length = |(&sequence_length, &times): (&usize, &u64)| {
        let shape = StepShape { sequences: work.sequences, sequence_length, labelled_share: 1.0 };
        let tokens = match config.longest_sequence().filter(|_| config.family.reads_images()) {
            Some(length) => (work.sequences * length) as f64,
            None => shape.tokens(),
        };
        times as f64 * (step_flops(config, shape, Convention::Ours).total() + 3.0 * adapters(config, tokens))
    };
    work.lengths.iter().map(of_length).sum::<f64>() / work.steps.max(1) as f64
}

/// FLOPs of all adapters forward, which `step_flops` does not know: both maps, a GELU of 8 an element, the sum.
fn adapters(config: &ModelConfig, tokens: f64) -> f64 {
    let Some(width) = config.adapter_size else { return 0.0 };
    let sites = match config.adapter_sites() {
        AdapterSites::Mlp => 1.0,
        AdapterSites::AttentionAndMlp => 2.0,
    };
    let (inner, outer) = (width as f64, config.hidden_size as f64);
    let each = inner * (2.0 * outer + 1.0) + 8.0 * inner + outer * (2.0 * inner + 1.0) + outer;
    config.num_hidden_layers as f64 * sites * tokens * each
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_models::Family;

    #[test]
    fn a_tuning_costs_its_steps_at_full_length() {
        let pretrained =
            ModelConfig { vocab_size: 13, max_position_embeddings: 9, ..ModelConfig::new(Family::Bert, 8, 2, 2) };
        let tuning = Tuning { max_sequence_length: Some(9), accumulate: 2, ..Tuning::new(3, 8, 1e-3).with_adapters(3) };
        let classes = (Head::SequenceClassification, Some(2));
        let config = ModelConfig { head: Some(classes.0), num_labels: classes.1, ..pretrained.clone() };
        let config = ModelConfig { adapter_size: Some(3), adapter_sites: Some(AdapterSites::Mlp), ..config };
        // 3 · 20 examples in steps of 8, two micro-batches of 4 each.
        let whole = of_step(&config, &Work { lengths: &BTreeMap::from([(9, 2)]), sequences: 4, steps: 1 });
        assert!((tuning_flops(&pretrained, classes, &tuning, 20) / (8.0 * whole) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_mean_over_steps_adds_up_to_the_batches_that_were_met() {
        let config =
            ModelConfig { vocab_size: 13, max_position_embeddings: 9, ..ModelConfig::new(Family::Bert, 8, 2, 2) };
        let lengths = BTreeMap::from([(5, 3), (9, 1)]);
        let of = |length| {
            let shape = StepShape { sequences: 4, sequence_length: length, labelled_share: 1.0 };
            step_flops(&config, shape, Convention::Ours).total()
        };
        let found = of_step(&config, &Work { lengths: &lengths, sequences: 4, steps: 2 });
        assert_eq!(found, (3.0 * of(5) + of(9)) / 2.0);

        // Two layers of an adapter of 3: on 4·(3·5 + 9) tokens, forward and twice that backward.
        let adapted = ModelConfig { adapter_size: Some(3), ..config.clone() };
        let more = of_step(&adapted, &Work { lengths: &lengths, sequences: 4, steps: 2 }) - found;
        let each = 3.0 * 17.0 + 24.0 + 8.0 * 7.0 + 8.0;
        assert!((more - 3.0 * 2.0 * 96.0 * each / 2.0).abs() < 1e-6, "{more}");
    }
}
