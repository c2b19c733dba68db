//! One operation on random data, forward and backward, again and again.

use super::{KernelJob, Operation};
use crate::protocol::Answer;
use crate::task::Task;
use anyhow::Result;
use dfdx::shapes::HasShape;
use dfdx::tensor::{TensorFromVec, ZerosTensor};
use ligo_kernels::{
    Activation, AdamW, AdamWParameter, Attention, Cpu, Dropout, GradTape, Gradients, Kernels, Layout, Linear, Matrix,
    Norm, NormKind, Precision, Projections, Visibility, gradients_for,
};
use rayon::prelude::*;
use std::cell::OnceCell;
use std::hint::black_box;

/// Numbers that a thread fills at a time.
const RUN: usize = 1 << 16;

/// What the operation needs, made ready. On the CPU whatever device the other jobs use: gradients are filled in place.
pub(crate) fn prepare(job: &KernelJob) -> Result<Box<dyn Task>> {
    let operation = job.operation;
    if let Operation::Adamw { numbers } = operation {
        return Ok(Box::new(Optimising::new(numbers)));
    }
    Ok(Box::new(Passing {
        operation,
        leaves: leaves(operation),
        ids: ids(operation),
        seeds: OnceCell::new(),
        steps: 0,
    }))
}

/// Uniform in [−1, 1), the same for the same sizes.
fn random(rows: usize, columns: usize) -> Matrix<Cpu> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (rows * columns) as u64;
    let mut next = || {
        // Marsaglia's xorshift (2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    Cpu::default().tensor_from_vec((0..rows * columns).map(|_| next()).collect(), (rows, columns))
}

/// What goes in and gets a gradient.
fn leaves(operation: Operation) -> Vec<Matrix<Cpu>> {
    match operation {
        Operation::Linear { rows, inputs, outputs } | Operation::LinearActivated { rows, inputs, outputs } => {
            vec![random(rows, inputs), random(outputs, inputs), random(1, outputs)]
        }
        Operation::LinearJoined { rows, width } => {
            let mut leaves = vec![random(rows, width)];
            for _ in 0..3 {
                leaves.extend([random(width, width), random(1, width)]);
            }
            leaves
        }
        Operation::Attention { batch, sequence, heads, head_dim, .. } => {
            vec![random(batch * sequence, 3 * heads * head_dim)]
        }
        Operation::AddNorm { rows, width } => {
            vec![random(rows, width), random(1, width), random(1, width), random(rows, width)]
        }
        Operation::Norm { rows, width } => vec![random(rows, width), random(1, width), random(1, width)],
        Operation::Dropout { rows, width } => vec![random(rows, width)],
        Operation::Embedding { width, vocabulary, .. } => vec![random(vocabulary, width)],
        Operation::CrossEntropy { rows, width, vocabulary } => vec![random(rows, width), random(vocabulary, width)],
        Operation::Adamw { .. } => Vec::new(),
    }
}

/// Rows that are looked up, or targets.
fn ids(operation: Operation) -> Vec<u32> {
    match operation {
        Operation::Embedding { rows, vocabulary, .. } | Operation::CrossEntropy { rows, vocabulary, .. } => {
            (0..rows).map(|row| (row * 7919 % vocabulary) as u32).collect()
        }
        _ => Vec::new(),
    }
}

/// An operation on a tape.
struct Passing {
    operation: Operation,
    leaves: Vec<Matrix<Cpu>>,
    ids: Vec<u32>,
    /// The gradients of the outputs: 1 everywhere.
    seeds: OnceCell<Vec<Matrix<Cpu>>>,
    steps: u64,
}

impl Passing {
    fn forward(&self, tape: &mut GradTape<Cpu>) -> Result<Vec<Matrix<Cpu>>> {
        let x = &self.leaves;
        let map = |weight, bias| Linear { weight, bias: Some(bias), layout: Layout::OutIn, precision: Precision::F32 };
        let norm = || Norm { kind: NormKind::Layer, gain: &x[1], bias: Some(&x[2]), eps: 1e-5 };
        Ok(match self.operation {
            Operation::Linear { .. } => vec![Cpu::linear(tape, &x[0], map(&x[1], &x[2]))?],
            Operation::LinearJoined { .. } => {
                let maps = [map(&x[1], &x[2]), map(&x[3], &x[4]), map(&x[5], &x[6])];
                vec![Cpu::linear_joined(tape, &x[0], &maps)?]
            }
            Operation::LinearActivated { .. } => {
                vec![Cpu::linear_activated(tape, &x[0], map(&x[1], &x[2]), Activation::GeluTanh)?]
            }
            Operation::Attention { batch, sequence, heads, head_dim, causal } => {
                let visibility = if causal { Visibility::Causal { window: None } } else { Visibility::Bidirectional };
                let spec = Attention {
                    batch,
                    sequence,
                    heads,
                    key_value_heads: heads,
                    head_dim,
                    visibility,
                    real_tokens: None,
                    rotary: None,
                    dropout: None,
                    precision: Precision::F32,
                };
                vec![Cpu::attention(tape, Projections::Joined(&x[0]), spec)?]
            }
            Operation::AddNorm { .. } => {
                let (sum, y) = Cpu::add_norm(tape, &x[0], &x[3], norm())?;
                vec![sum, y]
            }
            Operation::Norm { .. } => vec![Cpu::norm(tape, &x[0], norm())?],
            Operation::Dropout { .. } => vec![Cpu::dropout(tape, &x[0], Dropout { p: 0.1, key: self.steps })?],
            Operation::Embedding { .. } => vec![Cpu::embedding(tape, &[(&x[0], &self.ids)])?],
            // These have no gradient of an output to be given.
            Operation::CrossEntropy { .. } | Operation::Adamw { .. } => Vec::new(),
        })
    }

    /// Of the loss 1, of any other output 1 everywhere.
    fn both(&self) -> Result<Gradients<f32, Cpu>> {
        let (mut tape, mut gradients) = (GradTape::default(), gradients_for(&self.leaves));
        if let Operation::CrossEntropy { .. } = self.operation {
            let weight = &self.leaves[1];
            let head = Linear { weight, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
            let targets: Vec<i32> = self.ids.iter().map(|&id| id as i32).collect();
            let loss = Cpu::cross_entropy(&mut tape, &self.leaves[0], head, &targets)?;
            tape.backward(&loss, 1.0, &mut gradients)?;
            return Ok(gradients);
        }
        let outputs = self.forward(&mut tape)?;
        let seeds = self.seeds.get_or_init(|| outputs.iter().map(ones_like).collect()).clone();
        tape.record(move |gradients: &mut Gradients<f32, Cpu>| {
            outputs.iter().zip(&seeds).try_for_each(|(y, ones)| Cpu::add_gradient(y, ones, gradients))
        });
        tape.backward(&Cpu::default().zeros(), 1.0, &mut gradients)?;
        Ok(gradients)
    }
}

impl Task for Passing {
    fn work(&mut self) -> Result<()> {
        self.steps += 1;
        black_box(self.both()?);
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer::default()
    }
}

fn ones_like(y: &Matrix<Cpu>) -> Matrix<Cpu> {
    let &(rows, columns) = y.shape();
    Cpu::default().tensor_from_vec(vec![1.0; rows * columns], (rows, columns))
}

fn ones(numbers: &mut [f32]) {
    numbers.par_chunks_mut(RUN).for_each(|run| run.fill(1.0));
}

/// The optimiser on one weight.
struct Optimising {
    weight: Matrix<Cpu>,
    first: Matrix<Cpu>,
    second: Matrix<Cpu>,
    gradients: Gradients<f32, Cpu>,
    steps: u64,
}

impl Optimising {
    fn new(numbers: usize) -> Self {
        let weight = random(1, numbers);
        let zeros = || Cpu::default().zeros_like(&(1, numbers));
        let gradients = gradients_for([&weight]);
        Self { weight, first: zeros(), second: zeros(), gradients, steps: 0 }
    }
}

impl Task for Optimising {
    fn work(&mut self) -> Result<()> {
        self.steps += 1;
        let gradient = self.gradients.get_or_alloc_mut(&self.weight);
        ones(gradient.map_err(|error| anyhow::anyhow!("the gradient: {error:?}"))?);
        let config = AdamW {
            learning_rate: 1e-4,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            max_grad_norm: None,
            step: self.steps,
        };
        let Self { weight, first, second, gradients, .. } = self;
        let parameter = AdamWParameter { weight, first, second, decay: true, rate: 1.0 };
        Cpu::adamw(&mut [parameter], gradients, &config)?;
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer::default()
    }

    fn parameters(&self) -> usize {
        self.weight.as_vec().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_passes_both_ways() {
        for operation in Operation::tiny() {
            let mut task = prepare(&KernelJob { operation, threads: 1 }).expect("it needs nothing");
            for _ in 0..2 {
                task.work().unwrap_or_else(|error| panic!("{operation}: {error}"));
            }
        }
    }

    #[test]
    fn every_leaf_gets_a_gradient() {
        for operation in Operation::tiny() {
            let passing =
                Passing { operation, leaves: leaves(operation), ids: ids(operation), seeds: OnceCell::new(), steps: 1 };
            if passing.leaves.is_empty() {
                continue;
            }
            let gradients = passing.both().unwrap_or_else(|error| panic!("{operation}: {error}"));
            for (i, leaf) in passing.leaves.iter().enumerate() {
                let found = gradients.get(leaf).as_vec();
                assert!(found.iter().any(|&d| d != 0.0), "{operation}: leaf {i} has none");
            }
        }
    }
}
