//! The operations on dfdx's `Cpu`, one idea a file.
//!
//! `buffers`, `gradient`, `parallel`, `level`, `simd` and `matmul` are what the operations stand on; this file only dispatches.

mod activation;
mod adamw;
mod add;
mod attention;
mod buffers;
mod bytes;
mod cached;
mod distillation;
mod drop_path;
mod dropout;
mod embedding;
mod gradient;
mod grow;
mod head_norm;
mod heads;
mod level;
mod linear;
mod loss;
mod matmul;
mod moving_average;
mod norm;
mod normal;
mod parallel;
mod scale;
mod simd;
mod soft_targets;
mod talking;
mod weighted_norm;

#[cfg(test)]
mod tests;

pub use bytes::{WEIGHT_BITS, weighted_bytes};
pub use level::{Level, SIMD_VARIABLE, level_in_use};
pub use normal::normal_values;
pub use parallel::on_workers;

use crate::{
    Activation, AdamW, AdamWParameter, Attention, Cpu, Dropout, Factor, Gradients, HeadNorms, Input, Kernels,
    KeyValueCache, Labels, Linear, Matrix, Norm, Projections, Result, Scalar, TakeGradient, Tape,
};
use std::borrow::Cow;
use std::ops::Range;

impl Kernels for Cpu {
    fn values(tensor: &Matrix<Self>) -> Cow<'_, [f32]> {
        // What `read` refuses is not contiguous.
        buffers::read("values", "tensor", tensor).map_or_else(|_| Cow::Owned(tensor.as_vec()), Cow::Borrowed)
    }

    fn linear<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, map: Linear<'_, Self>) -> Result<Matrix<Self>> {
        linear::linear(tape, x, map)
    }

    fn linear_joined<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        maps: &[Linear<'_, Self>],
    ) -> Result<Matrix<Self>> {
        linear::joined("linear_joined", tape, x, maps)
    }

    fn linear_activated<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        map: Linear<'_, Self>,
        activation: Activation,
    ) -> Result<Matrix<Self>> {
        linear::linear_activated(tape, x, map, activation)
    }

    fn linear_gated<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        gate: Linear<'_, Self>,
        up: Linear<'_, Self>,
        activation: Activation,
    ) -> Result<Matrix<Self>> {
        linear::linear_gated(tape, x, gate, up, activation)
    }

    fn add<T: Tape<f32, Self>>(tape: &mut T, a: &Matrix<Self>, b: &Matrix<Self>) -> Result<Matrix<Self>> {
        add::add(tape, a, b)
    }

    fn scale<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, gain: &Matrix<Self>) -> Result<Matrix<Self>> {
        scale::scale(tape, x, gain)
    }

    fn norm<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, norm: Norm<'_, Self>) -> Result<Matrix<Self>> {
        norm::norm(tape, x, norm)
    }

    fn add_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        residual: &Matrix<Self>,
        norm: Norm<'_, Self>,
    ) -> Result<(Matrix<Self>, Matrix<Self>)> {
        norm::add_norm(tape, x, residual, norm)
    }

    fn weighted_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        norm: Norm<'_, Self>,
        weights: &[f32],
    ) -> Result<Matrix<Self>> {
        weighted_norm::weighted_norm(tape, x, norm, weights)
    }

    fn head_norms<T: Tape<f32, Self>>(
        tape: &mut T,
        qkv: &Matrix<Self>,
        norms: HeadNorms<'_, Self>,
    ) -> Result<Matrix<Self>> {
        head_norm::head_norms(tape, qkv, norms)
    }

    fn attention<T: Tape<f32, Self>>(
        tape: &mut T,
        projections: Projections<'_, Self>,
        spec: Attention<'_>,
    ) -> Result<Matrix<Self>> {
        attention::attention(tape, projections, spec)
    }

    fn attention_cached(
        qkv: &Matrix<Self>,
        cache: &mut KeyValueCache<Self>,
        spec: Attention<'_>,
    ) -> Result<Matrix<Self>> {
        cached::attention_cached(qkv, cache, spec)
    }

    fn talking_attention<T: Tape<f32, Self>>(
        tape: &mut T,
        qkv: &Matrix<Self>,
        before: Linear<'_, Self>,
        after: Linear<'_, Self>,
        spec: Attention<'_>,
    ) -> Result<Matrix<Self>> {
        talking::talking_attention(tape, qkv, before, after, spec)
    }

    fn embedding<T: Tape<f32, Self>>(tape: &mut T, lookups: &[(&Matrix<Self>, &[u32])]) -> Result<Matrix<Self>> {
        embedding::embedding(tape, lookups)
    }

    fn dropout<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, dropout: Dropout) -> Result<Matrix<Self>> {
        dropout::dropout(tape, x, dropout)
    }

    fn drop_path<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        rows: usize,
        dropout: Dropout,
    ) -> Result<Matrix<Self>> {
        drop_path::drop_path(tape, x, rows, dropout)
    }

    fn cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        hidden: &Matrix<Self>,
        head: Linear<'_, Self>,
        targets: &[i32],
    ) -> Result<Scalar<Self>> {
        loss::cross_entropy(tape, hidden, head, targets)
    }

    fn softmax_cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        logits: &Matrix<Self>,
        targets: &[i32],
        weights: &[f32],
    ) -> Result<Scalar<Self>> {
        heads::softmax_cross_entropy(tape, logits, targets, weights)
    }

    fn soft_cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        logits: &Matrix<Self>,
        shares: &[f32],
    ) -> Result<Scalar<Self>> {
        soft_targets::soft_cross_entropy(tape, logits, shares)
    }

    fn distillation<T: Tape<f32, Self>>(
        tape: &mut T,
        logits: &Matrix<Self>,
        teacher: &Matrix<Self>,
        labels: Labels<'_>,
        share: f32,
        temperature: f32,
    ) -> Result<Scalar<Self>> {
        distillation::distillation(tape, (logits, teacher), labels, share, temperature)
    }

    fn mean_squared_error<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, targets: &[f32]) -> Result<Scalar<Self>> {
        heads::mean_squared_error(tape, x, targets)
    }

    fn columns_as_rows<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, sequence: usize) -> Result<Matrix<Self>> {
        heads::columns_as_rows(tape, x, sequence)
    }

    fn seed_gradient(loss: &Scalar<Self>, scale: f32, gradients: &mut Gradients<f32, Self>) -> Result<()> {
        adamw::seed(loss, scale, gradients)
    }

    fn adamw(
        parameters: &mut [AdamWParameter<'_, Self>],
        gradients: &mut Gradients<f32, Self>,
        config: &AdamW,
    ) -> Result<f32> {
        adamw::adamw(parameters, gradients, config)
    }

    fn moving_average(averages: &mut [Matrix<Self>], values: &[Matrix<Self>], decay: f64) -> Result<()> {
        moving_average::moving_average(averages, values, decay)
    }

    fn expand_rows<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        input: Input,
        factors: &[Factor<'_, Self>],
    ) -> Result<Matrix<Self>> {
        grow::expand(tape, x, input, factors, grow::Axis::Rows)
    }

    fn expand_columns<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        input: Input,
        factors: &[Factor<'_, Self>],
    ) -> Result<Matrix<Self>> {
        grow::expand(tape, x, input, factors, grow::Axis::Columns)
    }

    fn mix_layers<T: Tape<f32, Self>>(
        tape: &mut T,
        layers: &[Matrix<Self>],
        input: Input,
        weights: &Matrix<Self>,
    ) -> Result<Vec<Matrix<Self>>> {
        grow::mix_layers(tape, layers, input, weights)
    }

    fn add_runs(x: &mut Matrix<Self>, runs: &[Range<usize>], packed: &[f32]) -> Result<()> {
        grow::add_runs(x, runs, packed)
    }

    fn inner_products(a: &[Matrix<Self>], b: &[Matrix<Self>]) -> Result<Vec<f32>> {
        grow::inner_products(a, b)
    }

    fn gradient_of(tensor: &Matrix<Self>) -> TakeGradient<Self> {
        gradient::taker(tensor)
    }

    fn gradient_of_output(tensor: &Matrix<Self>) -> TakeGradient<Self> {
        gradient::output_taker(tensor)
    }

    fn add_gradient(tensor: &Matrix<Self>, value: &Matrix<Self>, gradients: &mut Gradients<f32, Self>) -> Result<()> {
        gradient::add(tensor, value, gradients)
    }
}
