//! Every operation against its formula in f64 (values, and gradients by finite differences), against a composition of
//! dfdx's own operations, and against itself (bits, threads, repeated backward passes).
//!
//! A case is an [`Op`]; [`Op::check`] does all of this to it.

mod activation;
mod adamw;
mod attention;
mod attention_errors;
mod backward;
mod cached;
mod distillation;
mod elementwise;
mod embedding;
mod errors;
mod grow;
mod head_norm;
mod heads;
mod linear;
mod loss;
mod matmul;
mod moving_average;
mod norm;
mod recompute;
mod soft_targets;
mod talking;
mod weighted_norm;

use super::buffers::{matrix, read, size};
use super::gradient::Slot;
use crate::{Cpu, GradTape, Gradients, Matrix, Result, Scalar, Tape, id_of};
use dfdx::shapes::HasShape;
use dfdx::tensor::{OwnedTape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{Backward, SumTo};

/// A matrix that dfdx's own tape follows.
type Traced = Tensor<(usize, usize), f32, Cpu, OwnedTape<f32, Cpu>>;

/// Our operation, the same composed of dfdx's operations, and its formula on the inputs' elements in f64.
type Ours<'a> = dyn Fn(&mut GradTape<Cpu>, &[Matrix<Cpu>]) -> Result<Vec<Matrix<Cpu>>> + Sync + 'a;
type Composed<'a> = dyn Fn(&[Traced]) -> Vec<Traced> + Sync + 'a;
type Exact<'a> = dyn Fn(&[Vec<f64>]) -> Vec<Vec<f64>> + Sync + 'a;

/// One operation at one size, with whatever it can be held against.
struct Op<'a> {
    name: String,
    inputs: Vec<(usize, usize)>,
    /// Inputs that must get no gradient.
    constant: Vec<usize>,
    ours: Box<Ours<'a>>,
    composed: Option<Box<Composed<'a>>>,
    exact: Box<Exact<'a>>,
}

/// Relative to the largest element; f32 sums of up to a few hundred terms stay well below.
const TOLERANCE: f64 = 1e-5;

impl<'a> Op<'a> {
    fn new(
        name: impl Into<String>,
        inputs: &[(usize, usize)],
        ours: impl Fn(&mut GradTape<Cpu>, &[Matrix<Cpu>]) -> Result<Vec<Matrix<Cpu>>> + Sync + 'a,
        exact: impl Fn(&[Vec<f64>]) -> Vec<Vec<f64>> + Sync + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            inputs: inputs.to_vec(),
            constant: Vec::new(),
            ours: Box::new(ours),
            composed: None,
            exact: Box::new(exact),
        }
    }

    fn composed(mut self, composed: impl Fn(&[Traced]) -> Vec<Traced> + Sync + 'a) -> Self {
        self.composed = Some(Box::new(composed));
        self
    }

    fn constant(mut self, inputs: &[usize]) -> Self {
        self.constant = inputs.to_vec();
        self
    }

    fn check(&self) {
        let inputs: Vec<Vec<f32>> = self.inputs.iter().zip(1..).map(|(&(r, c), seed)| random(r * c, seed)).collect();
        let (outputs, gradients) = self.run(&inputs);
        self.check_bits(&inputs, &outputs, &gradients);

        let wide: Vec<Vec<f64>> = inputs.iter().map(|x| x.iter().map(|&v| f64::from(v)).collect()).collect();
        let exact = (self.exact)(&wide);
        assert_eq!(outputs.len(), exact.len(), "{}: number of outputs", self.name);
        for (i, (got, want)) in outputs.iter().zip(&exact).enumerate() {
            close(&format!("{}: output {i}", self.name), got, want, TOLERANCE);
        }
        for (i, got) in gradients.iter().enumerate() {
            if !self.constant.contains(&i) {
                close(&format!("{}: gradient of input {i}", self.name), got, &self.differences(&wide, i), TOLERANCE);
            }
        }
        if let Some(composed) = &self.composed {
            self.check_composition(composed, &inputs, &outputs, &gradients);
        }
    }

    /// Outputs, and the gradient of `Σ coefficients · outputs` in each input.
    fn run(&self, inputs: &[Vec<f32>]) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let tensors = self.tensors(inputs);
        let mut gradients = Gradients::leaky();
        let outputs = self.accumulate(&tensors, 1.0, &mut gradients);
        (outputs, self.gradients(&tensors, &mut gradients))
    }

    fn tensors(&self, inputs: &[Vec<f32>]) -> Vec<Matrix<Cpu>> {
        inputs.iter().zip(&self.inputs).map(|(x, &shape)| tensor(x, shape)).collect()
    }

    fn accumulate(&self, tensors: &[Matrix<Cpu>], scale: f32, gradients: &mut Gradients<f32, Cpu>) -> Vec<Vec<f32>> {
        let mut tape = GradTape::default();
        let outputs = (self.ours)(&mut tape, tensors).unwrap();
        let loss = weighted_sum(&mut tape, &outputs);
        tape.backward(&loss, scale, gradients).unwrap();
        outputs.iter().map(values).collect()
    }

    fn gradients(&self, tensors: &[Matrix<Cpu>], gradients: &mut Gradients<f32, Cpu>) -> Vec<Vec<f32>> {
        for &i in &self.constant {
            let found = Slot::of(&tensors[i]).take(gradients).unwrap();
            assert!(found.iter().all(|&d| d == 0.0), "{}: input {i} is constant", self.name);
        }
        tensors.iter().map(|x| Slot::of(x).take(gradients).unwrap()).collect()
    }

    /// The same bits again, on other numbers of threads, and with a second backward pass that adds exactly as much.
    fn check_bits(&self, inputs: &[Vec<f32>], outputs: &[Vec<f32>], gradients: &[Vec<f32>]) {
        let bits =
            |x: &[Vec<f32>]| -> Vec<Vec<u32>> { x.iter().map(|x| x.iter().map(|v| v.to_bits()).collect()).collect() };
        let want = (bits(outputs), bits(gradients));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (outputs, gradients) = pool.install(|| self.run(inputs));
            assert!((bits(&outputs), bits(&gradients)) == want, "{}: other bits on {threads} threads", self.name);
        }
        let tensors = self.tensors(inputs);
        let mut sums = Gradients::leaky();
        sums.retain_leafs(&tensors.iter().map(id_of).collect::<Vec<_>>());
        self.accumulate(&tensors, 0.25, &mut sums);
        self.accumulate(&tensors, 0.75, &mut sums);
        for (i, (got, want)) in self.gradients(&tensors, &mut sums).iter().zip(gradients).enumerate() {
            let want: Vec<f64> = want.iter().map(|&v| f64::from(v)).collect();
            close(&format!("{}: accumulated gradient {i}", self.name), got, &want, TOLERANCE);
        }
    }

    /// Central differences of the f64 formula, for every element of input `i`.
    fn differences(&self, inputs: &[Vec<f64>], i: usize) -> Vec<f64> {
        const STEP: f64 = 1e-5;
        let objective = |inputs: &[Vec<f64>]| -> f64 {
            let outputs = (self.exact)(inputs);
            let weighted = |(k, y): (usize, &Vec<f64>)| -> f64 {
                coefficients(y.len(), k).iter().zip(y).map(|(&c, y)| f64::from(c) * y).sum()
            };
            outputs.iter().enumerate().map(weighted).sum()
        };
        (0..inputs[i].len())
            .map(|j| {
                let mut moved = inputs.to_vec();
                moved[i][j] += STEP;
                let above = objective(&moved);
                moved[i][j] -= 2.0 * STEP;
                (above - objective(&moved)) / (2.0 * STEP)
            })
            .collect()
    }

    fn check_composition(
        &self,
        composed: &Composed<'_>,
        inputs: &[Vec<f32>],
        outputs: &[Vec<f32>],
        gradients: &[Vec<f32>],
    ) {
        let tensors = self.tensors(inputs);
        let traced: Vec<Traced> = tensors.iter().map(|x| x.retaped()).collect();
        let composed = composed(&traced);
        let mut loss: Option<Tensor<(), f32, Cpu, OwnedTape<f32, Cpu>>> = None;
        for (k, (y, got)) in composed.into_iter().zip(outputs).enumerate() {
            let want: Vec<f64> = y.as_vec().iter().map(|&v| f64::from(v)).collect();
            close(&format!("{}: output {k} by dfdx", self.name), got, &want, TOLERANCE);
            let weights = tensor(&coefficients(want.len(), k), *y.shape());
            let part = (y * weights).sum::<(), dfdx::shapes::Axes2<0, 1>>();
            loss = Some(match loss {
                Some(loss) => loss + part,
                None => part,
            });
        }
        let by_dfdx = loss.unwrap().backward();
        for (i, (x, got)) in tensors.iter().zip(gradients).enumerate() {
            if !self.constant.contains(&i) {
                let want: Vec<f64> = by_dfdx.get(x).as_vec().iter().map(|&v| f64::from(v)).collect();
                close(&format!("{}: gradient of input {i} by dfdx", self.name), got, &want, TOLERANCE);
            }
        }
    }
}

/// Refuses `got` where it is further from `want` than `tolerance` times the largest of `want`.
fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    let largest = want.iter().fold(1e-3_f64, |a, b| a.max(b.abs()));
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(error <= tolerance * largest, "{what}: element {i} is {got}, not {want} (largest {largest})");
    }
}

/// Numbers in (−2, 2), the same for the same seed.
fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 22) as f32 - 2.0
    };
    (0..8).for_each(|_| _ = next());
    (0..count).map(|_| next()).collect()
}

fn coefficients(count: usize, output: usize) -> Vec<f32> {
    random(count, 1000 + output as u64)
}

/// dfdx's own `as_vec` panics on an empty tensor.
fn values(x: &Matrix<Cpu>) -> Vec<f32> {
    read("test", "tensor", x).unwrap().to_vec()
}

fn tensor(data: &[f32], shape: (usize, usize)) -> Matrix<Cpu> {
    Cpu::default().tensor_from_vec(data.to_vec(), shape)
}

fn zeros(rows: usize, columns: usize) -> Matrix<Cpu> {
    tensor(&vec![0.0; rows * columns], (rows, columns))
}

/// What is said of a refused operation.
fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// `Σ coefficients · outputs`: one number whose gradient in the outputs is known.
fn weighted_sum(tape: &mut GradTape<Cpu>, outputs: &[Matrix<Cpu>]) -> Scalar<Cpu> {
    let loss = Cpu::default().tensor_from_vec(vec![0.0], ());
    let loss_slot = Slot::of(&loss);
    let slots: Vec<(Slot, usize)> = outputs.iter().map(|y| (Slot::of(y), size(y).0 * size(y).1)).collect();
    tape.add_backward_op(move |gradients| {
        let scale = loss_slot.take(gradients)?[0];
        for (k, (slot, count)) in slots.iter().enumerate() {
            slot.add(gradients, coefficients(*count, k).iter().map(|c| c * scale).collect())?;
        }
        Ok(())
    });
    loss
}

/// A scalar as a matrix, on the tape.
fn as_matrix(tape: &mut GradTape<Cpu>, loss: &Scalar<Cpu>) -> Matrix<Cpu> {
    let y = tensor(&loss.as_vec(), (1, 1));
    let (from, to) = (Slot::of(&y), Slot::of(loss));
    tape.add_backward_op(move |gradients| {
        let d = from.take(gradients)?;
        to.add(gradients, d)
    });
    y
}

/// `a b` of row-major f64 matrices `[m, k]` and `[k, n]`.
fn multiply(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let mut y = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            y[i * n + j] = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
        }
    }
    y
}

fn transpose(a: &[f64], (rows, columns): (usize, usize)) -> Vec<f64> {
    (0..rows * columns).map(|i| a[i % rows * columns + i / rows]).collect()
}

/// A traced copy of a `[1, n]` vector as `rows` equal rows.
fn repeated(vector: &Traced, rows: usize) -> Traced {
    use dfdx::tensor_ops::TryMatMul;
    let ones = tensor(&vec![1.0; rows], (rows, 1));
    ones.retaped::<OwnedTape<f32, Cpu>>().matmul(vector.with_empty())
}

/// A second handle on the same node of the graph.
trait WithEmpty {
    fn with_empty(&self) -> Self;
}

impl WithEmpty for Traced {
    fn with_empty(&self) -> Self {
        dfdx::tensor::WithEmptyTape::with_empty_tape(self)
    }
}

#[test]
fn a_matrix_is_read_and_written_without_a_copy_and_a_strided_view_is_refused() {
    use dfdx::tensor_ops::PermuteTo;
    let x = matrix("test", &Cpu::default(), random(6, 1), (2, 3)).unwrap();
    assert_eq!(read("test", "x", &x).unwrap(), x.as_vec());
    let turned: Matrix<Cpu> = x.permute::<(usize, usize), dfdx::shapes::Axes2<1, 0>>();
    let error = read("test", "x", &turned).unwrap_err().to_string();
    assert_eq!(error, "test: x is a strided view, expected a contiguous matrix");
}
