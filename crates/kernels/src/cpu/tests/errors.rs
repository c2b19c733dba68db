//! Arguments that do not fit: each is refused with the operation, what was found, and what was expected.
//!
//! What attention refuses is in `attention_errors`.

use super::{message, random, tensor, zeros};
use crate::{
    Activation, AdamW, AdamWParameter, Cpu, Dropout, Factor, Gradients, HeadNorms, IGNORED, Input, Kernels, Labels,
    Layout, Linear, Matrix, NO_ROW, NoneTape, Norm, NormKind, Precision,
};

fn linear(weight: &Matrix<Cpu>, layout: Layout) -> Linear<'_, Cpu> {
    Linear { weight, bias: None, layout, precision: Precision::F32 }
}

const ADAMW: AdamW =
    AdamW { learning_rate: 0.1, beta1: 0.9, beta2: 0.9, eps: 1e-8, weight_decay: 0.0, max_grad_norm: None, step: 1 };

#[test]
fn every_misfit_names_operation_found_and_expected() {
    let t = &mut NoneTape;
    let (x, w, row) = (zeros(2, 3), zeros(5, 4), zeros(1, 4));
    let (good, biased) = (zeros(5, 3), zeros(1, 6));
    let norm = Norm { kind: NormKind::Rms, gain: &row, bias: None, eps: 1e-5 };
    let three = zeros(1, 3);
    let norm_bias = Norm { kind: NormKind::Layer, gain: &three, bias: Some(&row), eps: 1e-5 };
    let whole = Norm { gain: &three, bias: None, ..norm };
    let heads = HeadNorms { heads: 2, key_value_heads: 1, query_gain: &row, key_gain: &row, eps: 1e-5 };
    let head = linear(&good, Layout::OutIn);
    let with_bias = Linear { bias: Some(&biased), ..head };
    let cases = [
        (
            message(Cpu::linear(t, &x, linear(&w, Layout::OutIn))),
            "linear: number of inputs of the weight [5, 4] (OutIn) is 4, expected 3",
        ),
        (
            message(Cpu::linear_joined(t, &x, &[head, linear(&w, Layout::InOut)])),
            "linear_joined: number of inputs of the weight [5, 4] (InOut) is 5, expected 3",
        ),
        (message(Cpu::linear_joined(t, &x, &[])), "linear_joined: number of maps is 0, expected at least 1"),
        (
            message(Cpu::linear_joined(t, &x, &[head, Linear { precision: Precision::Bf16, ..head }])),
            "linear_joined: precision of a map is Bf16, expected F32, as of the first one",
        ),
        (
            message(Cpu::linear_activated(t, &x, with_bias, Activation::Gelu)),
            "linear_activated: bias is [1, 6], expected [1, 5]",
        ),
        (
            message(Cpu::linear_gated(t, &x, head, linear(&w, Layout::OutIn), Activation::Silu)),
            "linear_gated: number of inputs of the weight [5, 4] (OutIn) is 4, expected 3",
        ),
        (
            message(Cpu::linear_gated(t, &x, head, with_bias, Activation::Silu)),
            "linear_gated: bias is [1, 6], expected [1, 5]",
        ),
        (
            message(Cpu::linear_gated(t, &x, head, linear(&zeros(3, 4), Layout::InOut), Activation::Silu)),
            "linear_gated: number of outputs of the second map is 4, expected 5",
        ),
        (message(Cpu::add(t, &x, &w)), "add: second input is [5, 4], expected [2, 3]"),
        (message(Cpu::scale(t, &x, &row)), "scale: gain is [1, 4], expected [1, 3]"),
        (message(Cpu::norm(t, &x, norm)), "norm: gain is [1, 4], expected [1, 3]"),
        (message(Cpu::norm(t, &x, norm_bias)), "norm: bias is [1, 4], expected [1, 3]"),
        (message(Cpu::weighted_norm(t, &x, norm, &[1.0; 3])), "weighted_norm: gain is [1, 4], expected [1, 3]"),
        (message(Cpu::weighted_norm(t, &x, whole, &[1.0; 2])), "weighted_norm: number of weights is 2, expected 3"),
        (
            message(Cpu::weighted_norm(t, &x, whole, &[1.0, -0.5, 1.0])),
            "weighted_norm: weight 1 is -0.5, expected a finite number of at least 0",
        ),
        (
            message(Cpu::weighted_norm(t, &x, whole, &[1.0, 1.0, f32::NAN])),
            "weighted_norm: weight 2 is NaN, expected a finite number of at least 0",
        ),
        (
            message(Cpu::weighted_norm(t, &x, whole, &[0.0; 3])),
            "weighted_norm: sum of the weights is 0, expected a finite number above 0",
        ),
        (
            message(Cpu::weighted_norm(t, &x, whole, &[f32::MAX; 3])),
            "weighted_norm: sum of the weights is inf, expected a finite number above 0",
        ),
        (message(Cpu::add_norm(t, &x, &w, norm)), "add_norm: residual is [5, 4], expected [2, 3]"),
        (message(Cpu::add_norm(t, &x, &x, norm)), "add_norm: gain is [1, 4], expected [1, 3]"),
        (
            message(Cpu::head_norms(t, &x, heads)),
            "head_norms: packed queries, keys and values is [2, 3], expected [2, 16]",
        ),
        (
            message(Cpu::head_norms(t, &zeros(2, 16), HeadNorms { key_gain: &three, ..heads })),
            "head_norms: gain of the key heads is [1, 3], expected [1, 4]",
        ),
        (
            message(Cpu::head_norms(t, &zeros(2, 12), HeadNorms { query_gain: &x, key_gain: &three, ..heads })),
            "head_norms: gain of the query heads is [2, 3], expected [1, 3]",
        ),
        (
            message(Cpu::head_norms(t, &zeros(2, 8), HeadNorms { key_value_heads: 0, ..heads })),
            "head_norms: head counts and size is 2 query and 0 key heads of 4, expected at least 1 each",
        ),
        (
            message(Cpu::head_norms(t, &x, HeadNorms { heads: usize::MAX, ..heads })),
            "head_norms: packed queries, keys and values is [2, 3], expected [2, 18446744073709551615]",
        ),
        (message(Cpu::embedding(t, &[])), "embedding: number of lookups is 0, expected at least 1"),
        (message(Cpu::embedding(t, &[(&x, &[0]), (&w, &[0])])), "embedding: width of table 1 is 4, expected 3"),
        (
            message(Cpu::embedding(t, &[(&x, &[0, 1]), (&good, &[0])])),
            "embedding: number of ids of table 1 is 1, expected 2",
        ),
        (
            message(Cpu::embedding(t, &[(&x, &[0, 1, 7])])),
            "embedding: id 7 at index 2 is out of range, expected less than 2",
        ),
        (
            message(Cpu::embedding(t, &[(&x, &[NO_ROW, NO_ROW - 1])])),
            "embedding: id 4294967294 at index 1 is out of range, expected less than 2",
        ),
        (
            message(Cpu::dropout(t, &x, Dropout { p: 1.0, key: 0 })),
            "dropout: dropout probability is 1, expected a number in [0, 1)",
        ),
        (
            message(Cpu::dropout(t, &x, Dropout { p: f32::NAN, key: 0 })),
            "dropout: dropout probability is NaN, expected a number in [0, 1)",
        ),
        (
            message(Cpu::drop_path(t, &x, 1, Dropout { p: 1.0, key: 0 })),
            "drop_path: dropout probability is 1, expected a number in [0, 1)",
        ),
        (
            message(Cpu::drop_path(t, &good, 2, Dropout { p: 0.5, key: 0 })),
            "drop_path: number of rows is 5, expected a multiple of a run's 2",
        ),
        (
            message(Cpu::cross_entropy(t, &x, linear(&w, Layout::OutIn), &[0, 0])),
            "cross_entropy: weight of the head is [5, 4], expected [5, 3]",
        ),
        (
            message(Cpu::cross_entropy(t, &x, linear(&good, Layout::InOut), &[0, 0])),
            "cross_entropy: layout of the head is InOut, expected OutIn",
        ),
        (
            message(Cpu::cross_entropy(t, &x, with_bias, &[0, 0])),
            "cross_entropy: bias of the head is [1, 6], expected [1, 5]",
        ),
        (message(Cpu::cross_entropy(t, &x, head, &[0])), "cross_entropy: number of targets is 1, expected 2"),
        (
            message(Cpu::cross_entropy(t, &x, head, &[0, 5])),
            "cross_entropy: target 5 at index 1 is out of range, expected less than 5",
        ),
        (
            message(Cpu::cross_entropy(t, &x, head, &[-1, 0])),
            "cross_entropy: target -1 at index 0 is out of range, expected less than 5",
        ),
        (
            message(Cpu::softmax_cross_entropy(t, &x, &[0], &[1.0; 2])),
            "softmax_cross_entropy: number of targets is 1, expected 2",
        ),
        (
            message(Cpu::softmax_cross_entropy(t, &x, &[0, 1], &[1.0; 3])),
            "softmax_cross_entropy: number of weights is 3, expected 2",
        ),
        (
            message(Cpu::softmax_cross_entropy(t, &x, &[IGNORED, 3], &[1.0; 2])),
            "softmax_cross_entropy: target 3 at index 1 is out of range, expected less than 3",
        ),
        (
            message(Cpu::softmax_cross_entropy(t, &x, &[-99, 0], &[1.0; 2])),
            "softmax_cross_entropy: target -99 at index 0 is out of range, expected less than 3",
        ),
        (
            message(Cpu::softmax_cross_entropy(t, &zeros(1, 0), &[0], &[1.0])),
            "softmax_cross_entropy: target 0 at index 0 is out of range, expected less than 0",
        ),
        (
            message(Cpu::distillation(t, &x, &good, Labels::Classes(&[0, 0]), 0.5, 1.0)),
            "distillation: teacher's logits is [5, 3], expected [2, 3]",
        ),
        (
            message(Cpu::distillation(t, &x, &x, Labels::Classes(&[0]), 0.5, 1.0)),
            "distillation: number of targets is 1, expected 2",
        ),
        (
            message(Cpu::distillation(t, &x, &x, Labels::Classes(&[0, 3]), 0.5, 1.0)),
            "distillation: target 3 at index 1 is out of range, expected less than 3",
        ),
        (
            message(Cpu::distillation(t, &x, &x, Labels::Classes(&[0, 0]), 1.5, 1.0)),
            "distillation: teacher's share is 1.5, expected a number from 0 to 1",
        ),
        (
            message(Cpu::distillation(t, &x, &x, Labels::Classes(&[0, 0]), f32::NAN, 1.0)),
            "distillation: teacher's share is NaN, expected a number from 0 to 1",
        ),
        (
            message(Cpu::distillation(t, &x, &x, Labels::Classes(&[0, 0]), 0.5, 0.0)),
            "distillation: temperature is 0, expected a finite number above 0",
        ),
        (
            message(Cpu::distillation(t, &x, &x, Labels::Shares(&[0.5; 5]), 0.5, 1.0)),
            "distillation: number of shares is 5, expected 6",
        ),
        (message(Cpu::soft_cross_entropy(t, &x, &[0.5; 2])), "soft_cross_entropy: number of shares is 2, expected 6"),
        (
            message(Cpu::soft_cross_entropy(t, &x, &[0.0, 1.0, 0.0, 1.25, -0.25, 0.0])),
            "soft_cross_entropy: share 4 is -0.25, expected a finite number of at least 0",
        ),
        (
            message(Cpu::soft_cross_entropy(t, &x, &[f32::INFINITY; 6])),
            "soft_cross_entropy: share 0 is inf, expected a finite number of at least 0",
        ),
        (message(Cpu::mean_squared_error(t, &x, &[0.0; 2])), "mean_squared_error: number of targets is 2, expected 6"),
        (
            message(Cpu::columns_as_rows(t, &good, 2)),
            "columns_as_rows: number of rows is 5, expected a multiple of the sequence's 2",
        ),
        (
            message(Cpu::columns_as_rows(t, &good, 0)),
            "columns_as_rows: number of rows is 5, expected a multiple of the sequence's 0",
        ),
        (
            message(Cpu::expand_rows(t, &x, Input::Frozen, &[Factor::Keep(1), Factor::Free(&good)])),
            "expand_rows: size of the growing axis is 2, expected 4, the sum of its factors'",
        ),
        (
            message(Cpu::expand_columns(t, &x, Input::Frozen, &[Factor::IdentityOver(&w)])),
            "expand_columns: size of the growing axis is 3, expected 4, the sum of its factors'",
        ),
        (
            message(Cpu::mix_layers(t, std::slice::from_ref(&x), Input::Frozen, &zeros(2, 3))),
            "mix_layers: number of layers is 1, expected 3, the columns of the weights",
        ),
        (
            message(Cpu::mix_layers(t, &[zeros(2, 3), zeros(3, 2)], Input::Frozen, &zeros(1, 2))),
            "mix_layers: layer 1 is [3, 2], expected [2, 3]",
        ),
        (
            message(Cpu::mix_layers(t, &[], Input::Frozen, &zeros(2, 0))),
            "mix_layers: number of layers is 0, expected at least 1",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn rates_that_are_no_multiple_are_refused() {
    for (rate, shown) in [(-1.0, "-1"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let (mut weight, mut first, mut second) = (zeros(2, 3), zeros(2, 3), zeros(2, 3));
        let parameter =
            AdamWParameter { weight: &mut weight, first: &mut first, second: &mut second, decay: true, rate };
        assert_eq!(
            message(Cpu::adamw(&mut [parameter], &mut Gradients::leaky(), &ADAMW)),
            format!("adamw: rate of parameter 0 is {shown}, expected a finite number of at least 0")
        );
    }
}

#[test]
fn moments_of_another_shape_are_refused_before_anything_changes() {
    let (mut weight, mut first, mut second) = (tensor(&random(6, 1), (2, 3)), zeros(2, 3), zeros(3, 2));
    let parameter =
        AdamWParameter { weight: &mut weight, first: &mut first, second: &mut second, decay: true, rate: 1.0 };
    assert_eq!(
        message(Cpu::adamw(&mut [parameter], &mut Gradients::leaky(), &ADAMW)),
        "adamw: second moment of parameter 0 is [3, 2], expected [2, 3]"
    );
}

#[test]
fn a_strided_view_is_refused() {
    use dfdx::tensor_ops::PermuteTo;
    let view: Matrix<Cpu> = zeros(3, 2).permute::<(usize, usize), dfdx::shapes::Axes2<1, 0>>();
    let (x, weight) = (zeros(4, 3), zeros(3, 3));
    let turned: Matrix<Cpu> = zeros(3, 3).permute::<(usize, usize), dfdx::shapes::Axes2<1, 0>>();
    let (good, strided) = (linear(&weight, Layout::OutIn), linear(&turned, Layout::OutIn));
    let t = &mut NoneTape;
    for (found, what) in [
        (message(Cpu::scale(t, &view, &zeros(1, 3))), "scale: input"),
        (message(Cpu::linear_activated(t, &x, strided, Activation::Tanh)), "linear_activated: weight"),
        (message(Cpu::linear_gated(t, &view, good, good, Activation::Tanh)), "linear_gated: input"),
        (message(Cpu::linear_gated(t, &x, good, strided, Activation::Tanh)), "linear_gated: weight"),
        (message(Cpu::softmax_cross_entropy(t, &view, &[0, 0], &[1.0; 2])), "softmax_cross_entropy: logits"),
        (message(Cpu::soft_cross_entropy(t, &view, &[0.0; 6])), "soft_cross_entropy: logits"),
        (message(Cpu::mean_squared_error(t, &view, &[0.0; 6])), "mean_squared_error: input"),
        (message(Cpu::columns_as_rows(t, &view, 2)), "columns_as_rows: input"),
    ] {
        assert_eq!(found, format!("{what} is a strided view, expected a contiguous matrix"));
    }
}

#[test]
fn values_are_read_where_they_lie_or_row_by_row_if_they_lie_otherwise() {
    use dfdx::tensor_ops::PermuteTo;
    use std::borrow::Cow;
    let x = tensor(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (3, 2));
    assert!(matches!(Cpu::values(&x), Cow::Borrowed([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])));
    let turned: Matrix<Cpu> = x.clone().permute::<(usize, usize), dfdx::shapes::Axes2<1, 0>>();
    assert_eq!(*Cpu::values(&turned), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    assert!(Cpu::values(&zeros(0, 3)).is_empty());
}
