//! The operations on dfdx's `Cpu`.

use crate::*;

impl Kernels for Cpu {
    fn linear<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, map: Linear<'_, Self>) -> Result<Matrix<Self>> {
        todo!()
    }
    fn linear_joined<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        maps: &[Linear<'_, Self>],
    ) -> Result<Matrix<Self>> {
        todo!()
    }
    fn linear_gelu<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        map: Linear<'_, Self>,
        gelu: Gelu,
    ) -> Result<Matrix<Self>> {
        todo!()
    }
    fn gelu<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, gelu: Gelu) -> Result<Matrix<Self>> {
        todo!()
    }
    fn add<T: Tape<f32, Self>>(tape: &mut T, a: &Matrix<Self>, b: &Matrix<Self>) -> Result<Matrix<Self>> {
        todo!()
    }
    fn layer_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        norm: LayerNorm<'_, Self>,
    ) -> Result<Matrix<Self>> {
        todo!()
    }
    fn add_layer_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        residual: &Matrix<Self>,
        norm: LayerNorm<'_, Self>,
    ) -> Result<(Matrix<Self>, Matrix<Self>)> {
        todo!()
    }
    fn attention<T: Tape<f32, Self>>(tape: &mut T, qkv: &Matrix<Self>, spec: Attention<'_>) -> Result<Matrix<Self>> {
        todo!()
    }
    fn embedding<T: Tape<f32, Self>>(tape: &mut T, lookups: &[(&Matrix<Self>, &[u32])]) -> Result<Matrix<Self>> {
        todo!()
    }
    fn dropout<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, dropout: Dropout) -> Result<Matrix<Self>> {
        todo!()
    }
    fn cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        hidden: &Matrix<Self>,
        head: Linear<'_, Self>,
        targets: &[i32],
    ) -> Result<Scalar<Self>> {
        todo!()
    }
    fn seed_gradient(loss: &Scalar<Self>, scale: f32, gradients: &mut Gradients<f32, Self>) -> Result<()> {
        todo!()
    }
    fn adamw(
        parameters: &mut [AdamWParameter<'_, Self>],
        gradients: &mut Gradients<f32, Self>,
        config: &AdamW,
    ) -> Result<f32> {
        todo!()
    }
    fn expand_rows<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        factors: &[Factor<'_, Self>],
    ) -> Result<Matrix<Self>> {
        todo!()
    }
    fn expand_columns<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        factors: &[Factor<'_, Self>],
    ) -> Result<Matrix<Self>> {
        todo!()
    }
    fn mix_layers<T: Tape<f32, Self>>(
        tape: &mut T,
        layers: &[Matrix<Self>],
        weights: &Matrix<Self>,
    ) -> Result<Vec<Matrix<Self>>> {
        todo!()
    }
}
