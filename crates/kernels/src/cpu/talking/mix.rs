//! The linear maps across the heads: scores `[A, stride]` mixed, and what the weights and biases get back.

use super::super::buffers::{expect, read, size};
use super::super::gradient::Mode;
use super::super::linear::add_partials;
use super::super::matmul::{Target, View, product_here};
use super::super::simd::{sum_of, vectorised};
use super::OP;
use crate::{Cpu, Layout, Linear, Precision, Result};

/// Columns of scores that are mixed at a time; the scores of a head are filled up to a multiple of it, with zeros at first.
pub(super) const LANES: usize = 32;

/// One linear map across the heads.
pub(super) struct Mix {
    /// `[A, A]`, a row for each output.
    pub(super) weight: Vec<f32>,
    /// Its transpose.
    pub(super) transposed: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Mix {
    pub(super) fn new(name: &str, map: &Linear<'_, Cpu>, heads: usize) -> Result<Self> {
        let weight = format!("weight of the map {name} the softmax");
        expect(OP, &weight, size(map.weight), (heads, heads))?;
        let bias = match map.bias {
            Some(bias) => {
                let what = format!("bias of the map {name} the softmax");
                expect(OP, &what, size(bias), (1, heads))?;
                read(OP, &what, bias)?.to_vec()
            }
            None => vec![0.0; heads],
        };
        let stored = read(OP, &weight, map.weight)?;
        let (weight, transposed) = match map.layout {
            Layout::OutIn => (stored.to_vec(), transpose(stored, heads)),
            Layout::InOut => (transpose(stored, heads), stored.to_vec()),
        };
        Ok(Self { weight, transposed, bias })
    }
}

pub(super) fn transpose(square: &[f32], side: usize) -> Vec<f32> {
    (0..side * side).map(|i| square[i % side * side + i / side]).collect()
}

/// The gradients of both mixes; weights `[A, A]`, a row for each output.
pub(super) struct MixGradients {
    pub(super) before: Vec<f32>,
    pub(super) after: Vec<f32>,
    pub(super) after_bias: Vec<f32>,
}

impl MixGradients {
    pub(super) fn zeros(heads: usize) -> Self {
        Self { before: vec![0.0; heads * heads], after: vec![0.0; heads * heads], after_bias: vec![0.0; heads] }
    }

    /// Their sum, in their order.
    pub(super) fn sum(heads: usize, partials: Vec<Self>) -> Self {
        let mut sums = Self::zeros(heads);
        for partial in partials {
            add_partials(&mut sums.before, Mode::Add, &[partial.before]);
            add_partials(&mut sums.after, Mode::Add, &[partial.after]);
            add_partials(&mut sums.after_bias, Mode::Add, &[partial.after_bias]);
        }
        sums
    }
}

/// `sums[o][i] += scale · Σ a_o · b_i` over all columns of `[A, stride]` each.
pub(super) fn add_products(a: &[f32], b: &[f32], stride: usize, scale: f32, sums: &mut [f32]) {
    let heads = a.len() / stride;
    let (a, b) = (View::new(a, heads, stride), View::new(b, heads, stride));
    product_here(Target::new(sums, heads, heads), Mode::Add, Precision::F32, scale, (a, b.t()));
}

/// Outputs `first..first + O` of [`mix`].
#[inline(always)]
fn mix_some<const O: usize>(
    first: usize,
    (weight, scale, bias): (&[f32], f32, Option<&[f32]>),
    x: &[f32],
    stride: usize,
    y: &mut [f32],
) {
    let heads = x.len() / stride;
    for column in (0..stride).step_by(LANES) {
        let mut sums = [[0.0; LANES]; O];
        for (i, x) in x.chunks_exact(stride).enumerate() {
            let x = &x[column..][..LANES];
            for o in 0..O {
                let w = scale * weight[(first + o) * heads + i];
                for l in 0..LANES {
                    sums[o][l] = w.mul_add(x[l], sums[o][l]);
                }
            }
        }
        for o in 0..O {
            let bias = bias.map_or(0.0, |bias| bias[first + o]);
            let y = &mut y[(first + o) * stride + column..][..LANES];
            for l in 0..LANES {
                y[l] = sums[o][l] + bias;
            }
        }
    }
}

vectorised! {
    /// `y_o = scale · Σ_i weight[o][i] x_i + bias_o`; x and y are `[A, stride]`.
    pub(super) fn mix(weight: &[f32], scale: f32, bias: Option<&[f32]>, x: &[f32], y: &mut [f32]) {
        let heads = weight.len().isqrt();
        let stride = x.len() / heads;
        let mut first = 0;
        while first < heads {
            let map = (weight, scale, bias);
            match heads - first {
                4.. => mix_some::<4>(first, map, x, stride, y),
                3 => mix_some::<3>(first, map, x, stride, y),
                2 => mix_some::<2>(first, map, x, stride, y),
                _ => mix_some::<1>(first, map, x, stride, y),
            }
            first += 4;
        }
    }

    /// `sums_h += Σ x_h` over the columns of `[A, stride]`.
    pub(super) fn add_sums(x: &[f32], stride: usize, sums: &mut [f32]) {
        for (sum, x) in sums.iter_mut().zip(x.chunks_exact(stride)) {
            *sum += sum_of(x, |v| v);
        }
    }
}
