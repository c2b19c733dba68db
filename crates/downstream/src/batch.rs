//! Batches of data as batches of a model, and what a model says as plain numbers.

use dfdx::shapes::HasShape;
use ligo_data::images::ImageBatch;
use ligo_data::tasks::{Labels, TaskBatch};
use ligo_kernels::{Kernels, Matrix};
use ligo_models::{Batch, Images, Inputs, ModelConfig, Space, Targets, Tokens};

/// Sequences with their labels. A model of one token type is given none: what a tokeniser calls the second text has no row there.
pub(crate) fn of_task(batch: TaskBatch, config: &ModelConfig) -> Batch {
    let TaskBatch { input_ids, token_types, real_tokens, labels, batch_size, sequence_length } = batch;
    let typed = config.family.has_token_types() && config.space(Space::TokenType).width() > 1;
    let token_types = typed.then_some(token_types);
    Batch {
        inputs: Inputs::Tokens(Tokens { input_ids, token_types, real_tokens, batch_size, sequence_length }),
        targets: match labels {
            Labels::Classes(classes) => Targets::Classes(classes),
            Labels::Numbers(numbers) => Targets::Values(numbers),
            Labels::Spans(spans) => Targets::Spans(spans),
        },
    }
}

/// Images with their classes.
pub(crate) fn of_images(batch: ImageBatch) -> Batch {
    let ImageBatch { pixels, classes, batch_size } = batch;
    Batch { inputs: Inputs::Images(Images { pixels, batch_size }), targets: Targets::Classes(classes) }
}

/// The numbers of a matrix, row after row, and the length of a row.
pub(crate) fn numbers<D: Kernels>(matrix: &Matrix<D>) -> (Vec<f32>, usize) {
    let (rows, columns) = *matrix.shape();
    let mut numbers = vec![0.0; rows * columns];
    matrix.copy_into(&mut numbers);
    (numbers, columns)
}

/// The class with the highest logit of each row; of equals the first.
pub(crate) fn classes<D: Kernels>(logits: &Matrix<D>) -> Vec<i32> {
    let (numbers, columns) = numbers(logits);
    let class = |row: &[f32]| {
        let highest = (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        // A model has few classes.
        highest as i32
    };
    numbers.chunks_exact(columns).map(class).collect()
}
