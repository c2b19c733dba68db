//! The loss of a model on a fixed set of batches, and how many of them it recognises.

use crate::Evaluated;
use anyhow::{Result, ensure};
use ligo_kernels::{IGNORED, Kernels, Matrix, Scalar};
use ligo_models::{Batch, Inputs, Targets};
use std::ops::ControlFlow;

/// What a model makes of the validation set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    /// Mean loss over all labels.
    pub(crate) loss: f64,
    /// The share of the labelled sequences or images whose largest logit is their class; none where nothing is of a class.
    pub(crate) accuracy: Option<f64>,
}

/// What the model makes of `batches`, without dropout; breaks off as soon as `stop` says so.
///
/// Every label counts alike, however many its batch has.
///
/// # Errors
/// If a batch does not fit the model, or no position has a label.
pub(crate) fn evaluate<D: Kernels>(
    evaluated: &Evaluated<'_, D>,
    batches: &[Batch],
    stop: impl Fn() -> bool,
) -> Result<ControlFlow<(), Verdict>> {
    let Evaluated { model, parameters, route } = evaluated;
    let (mut sum, mut positions) = (0.0, 0);
    let (mut right, mut of_a_class) = (0, 0);
    for batch in batches {
        if stop() {
            return Ok(ControlFlow::Break(()));
        }
        let labelled = labelled(batch);
        if labelled == 0 {
            continue;
        }
        let (loss, logits) = model.loss_and_logits(parameters, batch, route)?;
        sum += f64::from(value(&loss)) * labelled as f64;
        positions += labelled;
        if let (Targets::Classes(classes), Some(logits)) = (&batch.targets, logits) {
            right += recognised(&logits, classes);
            of_a_class += labelled;
        }
    }
    ensure!(
        positions > 0,
        "the validation set has no labelled position in {} batches, expected one or more",
        batches.len()
    );
    let accuracy = (of_a_class > 0).then(|| right as f64 / of_a_class as f64);
    Ok(ControlFlow::Continue(Verdict { loss: sum / positions as f64, accuracy }))
}

/// The rows of logits `[N, V]` whose class has the largest one, the first of equals; [`IGNORED`] is no class.
fn recognised<D: Kernels>(logits: &Matrix<D>, classes: &[i32]) -> usize {
    let (rows, columns) = *dfdx::shapes::HasShape::shape(logits);
    let mut values = vec![0.0; rows * columns];
    logits.copy_into(&mut values);
    let largest = |row: &[f32]| (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let rows = values.chunks_exact(columns.max(1)).zip(classes);
    rows.filter(|(row, class)| usize::try_from(**class) == Ok(largest(row))).count()
}

/// What of a batch has a label and so a part in its mean loss: positions, sequences, images, numbers, ends of answers.
pub(crate) fn labelled(batch: &Batch) -> usize {
    let known = |targets: &[i32]| targets.iter().filter(|&&target| target != IGNORED).count();
    match &batch.targets {
        Targets::Unlabelled => 0,
        Targets::Tokens(targets) | Targets::Classes(targets) => known(targets),
        Targets::Shares(_) => batch.inputs.batch_size(),
        Targets::Values(values) => values.len(),
        Targets::Spans(spans) => known(spans.as_flattened()),
    }
}

/// Tokens of a batch, or images.
pub(crate) fn tokens(batch: &Batch) -> u64 {
    match &batch.inputs {
        Inputs::Tokens(tokens) => tokens.count() as u64,
        Inputs::Images(images) => images.batch_size as u64,
    }
}

/// The number in a scalar.
pub(crate) fn value<D: Kernels>(scalar: &Scalar<D>) -> f32 {
    let mut value = [0.0];
    scalar.copy_into(&mut value);
    value[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_kernels::Cpu;
    use ligo_models::{Family, Images, Model};
    use std::borrow::Cow;

    #[test]
    fn the_accuracy_is_the_share_of_the_labelled_images_whose_largest_logit_is_their_class() {
        let model = Model::new(config(Family::Vit, 1, 8, 2)).unwrap();
        let parameters = model.fresh(&Cpu::default(), 3).unwrap();
        let pixels: Vec<f32> = (0..5 * 48).map(|i| (i as f32 * 0.7).sin()).collect();
        let inputs = Inputs::Images(Images { pixels, batch_size: 5 });
        let logits = model.logits(&parameters, &inputs).unwrap().as_vec();
        let labels = logits.len() / 5;
        let right: Vec<i32> = logits
            .chunks(labels)
            .map(|row| (0..labels).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as i32)
            .collect();
        let wrong = |i: usize| (right[i] + 1) % labels as i32;
        let batch = |classes: Vec<i32>| Batch { inputs: inputs.clone(), targets: Targets::Classes(classes) };
        let half = vec![right[0], wrong(1), right[2], wrong(3), IGNORED];
        let one_of_four = vec![wrong(0), right[1], wrong(2), IGNORED, wrong(4)];
        let shares = Batch { inputs: inputs.clone(), targets: Targets::Shares(vec![0.5; 5 * labels]) };
        let cases = [
            (vec![batch(right.clone())], Some(1.0)),
            (vec![batch(half.clone()), batch(one_of_four)], Some(3.0 / 8.0)),
            (vec![batch(half), shares.clone()], Some(0.5)),
            (vec![shares], None),
        ];
        for (batches, expected) in cases {
            let evaluated = Evaluated::whole(&model, Cow::Borrowed(&parameters));
            let ControlFlow::Continue(verdict) = evaluate(&evaluated, &batches, || false).unwrap() else {
                panic!("nobody asked it to stop")
            };
            assert_eq!(verdict.accuracy, expected);
            assert!(verdict.loss.is_finite());
        }
    }

    #[test]
    fn of_equal_logits_the_first_counts_and_what_is_ignored_never_does() {
        let logits = dfdx::tensor::TensorFromVec::tensor_from_vec(
            &Cpu::default(),
            vec![1.0_f32, 1.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0],
            (3, 3),
        );
        assert_eq!(recognised(&logits, &[0, 1, IGNORED]), 2);
        assert_eq!(recognised(&logits, &[1, 2, 0]), 1);
    }
}
