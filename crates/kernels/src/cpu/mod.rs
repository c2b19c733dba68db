//! The operations on dfdx's `Cpu`, one idea a file.
//!
//! `buffers`, `gradient`, `parallel`, `simd` and `matmul` are what the operations stand on; this file only dispatches.

mod adamw;
mod add;
mod attention;
mod buffers;
mod dropout;
mod embedding;
mod gelu;
mod gradient;
mod grow;
mod linear;
mod loss;
mod matmul;
mod norm;
mod parallel;
mod simd;

#[cfg(test)]
mod tests;

pub use parallel::on_workers;

use crate::{
    AdamW, AdamWParameter, Attention, Cpu, Dropout, Factor, Gelu, Gradients, Input, Kernels, LayerNorm, Linear, Matrix,
    Result, Scalar, Tape,
};

impl Kernels for Cpu {
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

    fn linear_gelu<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        map: Linear<'_, Self>,
        gelu: Gelu,
    ) -> Result<Matrix<Self>> {
        linear::linear_gelu(tape, x, map, gelu)
    }

    fn gelu<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, gelu: Gelu) -> Result<Matrix<Self>> {
        gelu::gelu(tape, x, gelu)
    }

    fn add<T: Tape<f32, Self>>(tape: &mut T, a: &Matrix<Self>, b: &Matrix<Self>) -> Result<Matrix<Self>> {
        add::add(tape, a, b)
    }

    fn layer_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        norm: LayerNorm<'_, Self>,
    ) -> Result<Matrix<Self>> {
        norm::layer_norm(tape, x, norm)
    }

    fn add_layer_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        residual: &Matrix<Self>,
        norm: LayerNorm<'_, Self>,
    ) -> Result<(Matrix<Self>, Matrix<Self>)> {
        norm::add_layer_norm(tape, x, residual, norm)
    }

    fn attention<T: Tape<f32, Self>>(tape: &mut T, qkv: &Matrix<Self>, spec: Attention<'_>) -> Result<Matrix<Self>> {
        attention::attention(tape, qkv, spec)
    }

    fn embedding<T: Tape<f32, Self>>(tape: &mut T, lookups: &[(&Matrix<Self>, &[u32])]) -> Result<Matrix<Self>> {
        embedding::embedding(tape, lookups)
    }

    fn dropout<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, dropout: Dropout) -> Result<Matrix<Self>> {
        dropout::dropout(tape, x, dropout)
    }

    fn cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        hidden: &Matrix<Self>,
        head: Linear<'_, Self>,
        targets: &[i32],
    ) -> Result<Scalar<Self>> {
        loss::cross_entropy(tape, hidden, head, targets)
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
        weights: &Matrix<Self>,
    ) -> Result<Vec<Matrix<Self>>> {
        grow::mix_layers(tape, layers, weights)
    }
}
