//! Single fused operations, forward and backward, by themselves: which they are, and what they cost at least.

mod task;

use serde::{Deserialize, Serialize};

pub(crate) use task::prepare;

/// Bytes of a number.
const F32: f64 = size_of::<f32>() as f64;

/// An operation that is done again and again on random data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelJob {
    /// What is done.
    pub operation: Operation,
    /// Threads to compute with.
    pub threads: usize,
}

/// An operation and its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Operation {
    /// `y = x Wᵀ + b`.
    Linear {
        /// N.
        rows: usize,
        /// I.
        inputs: usize,
        /// O.
        outputs: usize,
    },
    /// Three such maps of one input, side by side: query, key and value.
    LinearJoined {
        /// N.
        rows: usize,
        /// I, and O of each.
        width: usize,
    },
    /// `gelu(x Wᵀ + b)`, by tanh.
    LinearActivated {
        /// N.
        rows: usize,
        /// I.
        inputs: usize,
        /// O.
        outputs: usize,
    },
    /// Attention of queries, keys and values that lie side by side.
    Attention {
        /// B.
        batch: usize,
        /// S.
        sequence: usize,
        /// A.
        heads: usize,
        /// E.
        head_dim: usize,
        /// Whether a token sees only itself and what came before it.
        causal: bool,
    },
    /// `x + residual`, and the layer norm of the sum.
    AddNorm {
        /// N.
        rows: usize,
        /// H.
        width: usize,
    },
    /// A layer norm.
    Norm {
        /// N.
        rows: usize,
        /// H.
        width: usize,
    },
    /// Dropout of a tenth.
    Dropout {
        /// N.
        rows: usize,
        /// H.
        width: usize,
    },
    /// Rows of a table.
    Embedding {
        /// N.
        rows: usize,
        /// H.
        width: usize,
        /// V.
        vocabulary: usize,
    },
    /// The output projection and the mean loss over all rows.
    CrossEntropy {
        /// N.
        rows: usize,
        /// H.
        width: usize,
        /// V.
        vocabulary: usize,
    },
    /// A step of the optimiser, without clipping; the gradient is put there first.
    Adamw {
        /// Numbers that are trained.
        numbers: usize,
    },
}

/// What an operation is limited by on any machine of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Arithmetic.
    Compute,
    /// Traffic to memory.
    Memory,
}

impl Operation {
    /// All that are measured: the sizes of BERT-Base at 1024 tokens.
    pub fn all() -> Vec<Self> {
        let (rows, width, inner) = (1024, 768, 3072);
        let mut all = vec![
            Self::Linear { rows, inputs: width, outputs: width },
            Self::Linear { rows, inputs: width, outputs: inner },
            Self::Linear { rows, inputs: inner, outputs: width },
            Self::LinearJoined { rows, width },
            Self::LinearActivated { rows, inputs: width, outputs: inner },
        ];
        for causal in [true, false] {
            let of = |(batch, sequence)| Self::Attention { batch, sequence, heads: 12, head_dim: 64, causal };
            all.extend([(8, 128), (2, 512), (1, 1024)].map(of));
        }
        all.extend([
            Self::AddNorm { rows, width },
            Self::Norm { rows, width },
            Self::Dropout { rows, width },
            Self::Embedding { rows, width, vocabulary: 30_522 },
            Self::CrossEntropy { rows, width, vocabulary: 8192 },
            Self::CrossEntropy { rows, width, vocabulary: 30_522 },
            Self::Adamw { numbers: 10_000_000 },
        ]);
        all
    }

    /// One of each, so small that it takes no time.
    pub fn tiny() -> Vec<Self> {
        let (rows, width) = (6, 8);
        vec![
            Self::Linear { rows, inputs: width, outputs: width },
            Self::LinearJoined { rows, width },
            Self::LinearActivated { rows, inputs: width, outputs: 12 },
            Self::Attention { batch: 2, sequence: 3, heads: 2, head_dim: 4, causal: true },
            Self::Attention { batch: 2, sequence: 3, heads: 2, head_dim: 4, causal: false },
            Self::AddNorm { rows, width },
            Self::Norm { rows, width },
            Self::Dropout { rows, width },
            Self::Embedding { rows, width, vocabulary: 10 },
            Self::CrossEntropy { rows, width, vocabulary: 10 },
            Self::Adamw { numbers: 64 },
        ]
    }

    /// What limits it.
    pub fn bound(self) -> Bound {
        match self {
            Self::Linear { .. }
            | Self::LinearJoined { .. }
            | Self::LinearActivated { .. }
            | Self::Attention { .. }
            | Self::CrossEntropy { .. } => Bound::Compute,
            Self::AddNorm { .. }
            | Self::Norm { .. }
            | Self::Dropout { .. }
            | Self::Embedding { .. }
            | Self::Adamw { .. } => Bound::Memory,
        }
    }

    /// FLOPs, forward and backward: of the products where there are any (a backward pass has twice those of the forward one, what
    /// it computes again not counted), else about those of each element.
    pub fn flops(self) -> f64 {
        let map = |rows: usize, inputs: usize, outputs: usize| 6.0 * product([rows, inputs, outputs]);
        match self {
            Self::Linear { rows, inputs, outputs } | Self::LinearActivated { rows, inputs, outputs } => {
                map(rows, inputs, outputs)
            }
            Self::LinearJoined { rows, width } => map(rows, width, 3 * width),
            Self::Attention { batch, sequence, heads, head_dim, causal } => {
                let pairs =
                    if causal { product([sequence, sequence + 1]) / 2.0 } else { product([sequence, sequence]) };
                // Scores and their mixture of values, each a multiplication and an addition.
                3.0 * 4.0 * pairs * product([batch, heads, head_dim])
            }
            Self::CrossEntropy { rows, width, vocabulary } => map(rows, width, vocabulary),
            // Mean, variance, scale and shift; backward two sums over the row, and those of gain and bias.
            Self::AddNorm { rows, width } => 20.0 * product([rows, width]),
            Self::Norm { rows, width } => 18.0 * product([rows, width]),
            Self::Dropout { rows, width } => 2.0 * product([rows, width]),
            Self::Embedding { rows, width, .. } => product([rows, width]),
            Self::Adamw { numbers } => 15.0 * numbers as f64,
        }
    }

    /// Bytes that have to be read and written, forward and backward, if each tensor that goes in or comes out passes once: the
    /// gradient of the output is written by the measurement itself, gradients of weights are written but not added to.
    pub fn bytes(self) -> f64 {
        // Forward reads x, W and writes y; the gradient of y is written; backward reads it, x and W and writes dx and dW.
        let map = |rows: usize, inputs: usize, outputs: usize| {
            3.0 * product([rows, inputs]) + 3.0 * product([inputs, outputs]) + 3.0 * product([rows, outputs])
        };
        let numbers = match self {
            Self::Linear { rows, inputs, outputs } | Self::LinearActivated { rows, inputs, outputs } => {
                map(rows, inputs, outputs)
            }
            Self::LinearJoined { rows, width } => map(rows, width, 3 * width),
            // qkv in, y out; dy written; qkv, y and dy in, dqkv out.
            Self::Attention { batch, sequence, heads, head_dim, .. } => {
                13.0 * product([batch, sequence, heads, head_dim])
            }
            // x and residual in, sum and y out; dsum and dy written; sum, dsum and dy in, one gradient of both out.
            Self::AddNorm { rows, width } => 10.0 * product([rows, width]),
            // x in, y out; dy written; x and dy in, dx out.
            Self::Norm { rows, width } => 6.0 * product([rows, width]),
            // x in, y out; dy written; dy in, dx out.
            Self::Dropout { rows, width } => 5.0 * product([rows, width]),
            // Rows in, y out; dy written; dy in, rows of the gradient out.
            Self::Embedding { rows, width, .. } => 5.0 * product([rows, width]),
            // Hidden and W in twice, their gradients out; no logits need to pass.
            Self::CrossEntropy { rows, width, vocabulary } => {
                3.0 * product([rows, width]) + 3.0 * product([vocabulary, width])
            }
            // The gradient written; weight, gradient and two moments in, weight and moments out.
            Self::Adamw { numbers } => 8.0 * numbers as f64,
        };
        F32 * numbers
    }

    /// FLOPs a byte.
    pub fn intensity(self) -> f64 {
        self.flops() / self.bytes()
    }
}

fn product<const N: usize>(factors: [usize; N]) -> f64 {
    factors.iter().map(|&factor| factor as f64).product()
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Linear { rows, inputs, outputs } => write!(f, "linear {rows} × {inputs} × {outputs}"),
            Self::LinearJoined { rows, width } => write!(f, "linear_joined {rows} × {width} × 3·{width}"),
            Self::LinearActivated { rows, inputs, outputs } => {
                write!(f, "linear_activated {rows} × {inputs} × {outputs}")
            }
            Self::Attention { batch, sequence, heads, head_dim, causal } => {
                let kind = if *causal { "causal" } else { "both ways" };
                write!(f, "attention {batch} × {sequence}, {heads} × {head_dim}, {kind}")
            }
            Self::AddNorm { rows, width } => write!(f, "add_norm {rows} × {width}"),
            Self::Norm { rows, width } => write!(f, "norm {rows} × {width}"),
            Self::Dropout { rows, width } => write!(f, "dropout {rows} × {width}"),
            Self::Embedding { rows, width, vocabulary } => write!(f, "embedding {rows} of {vocabulary} × {width}"),
            Self::CrossEntropy { rows, width, vocabulary } => {
                write!(f, "cross_entropy {rows} × {width} × {vocabulary}")
            }
            Self::Adamw { numbers } => write!(f, "adamw {numbers}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_counted_three_times_and_what_has_none_moves_more_bytes_than_it_computes() {
        let linear = Operation::Linear { rows: 1024, inputs: 768, outputs: 3072 };
        assert_eq!(linear.flops(), 3.0 * 2.0 * 1024.0 * 768.0 * 3072.0);
        assert_eq!(linear.bytes(), 4.0 * 3.0 * (1024.0 * 768.0 + 768.0 * 3072.0 + 1024.0 * 3072.0));
        for operation in Operation::all() {
            let intensity = operation.intensity();
            match operation.bound() {
                Bound::Compute => assert!(intensity > 5.0, "{operation}: {intensity}"),
                Bound::Memory => assert!(intensity < 1.0, "{operation}: {intensity}"),
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let names: std::collections::HashSet<String> = Operation::all().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), Operation::all().len());
    }
}
