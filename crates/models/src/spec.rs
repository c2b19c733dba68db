//! The declaration of one parameter: its name, its shape, and the space of each axis.

use crate::Space;

/// Whether an axis makes a space or reads it.
///
/// A growth operator multiplies a producing axis by the space's B and a consuming one by its partner A (PAPER.md 1.3:
/// `B W Aᵀ`). The two are equal in LiGO; function-preserving methods divide A by the number of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The output axis of a linear map, its bias, an embedding's columns, a norm's gain and bias.
    Produces,
    /// The input axis of a linear map; also the gain and bias of a norm that only feeds an output projection tied to the
    /// embedding, since the tied matrix itself has to grow as a producer.
    Consumes,
}

/// One axis of a parameter: the spaces that lie along it, one after the other.
///
/// Most axes carry one space; GPT-2's fused `c_attn` carries query, key and value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Producer or consumer.
    pub role: Role,
    /// In the order in which they are stored.
    pub spaces: Vec<Space>,
}

impl Axis {
    /// An axis that makes `spaces`.
    pub fn produces(spaces: impl Into<Vec<Space>>) -> Self {
        Self { role: Role::Produces, spaces: spaces.into() }
    }

    /// An axis that reads `spaces`.
    pub fn consumes(spaces: impl Into<Vec<Space>>) -> Self {
        Self { role: Role::Consumes, spaces: spaces.into() }
    }
}

/// How a fresh model starts a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All the same number.
    Constant(f32),
    /// N(0, std²).
    Normal(f32),
}

/// What a model declares about one of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// The name in the Hub's checkpoints, e.g. `transformer.h.3.attn.c_attn.weight`.
    pub name: String,
    /// The name with the layer's number replaced by `{}`: the same in every layer and in models of any depth.
    pub module: String,
    /// The layer it belongs to, or none for embeddings, final norm and head.
    pub layer: Option<usize>,
    /// Its shape, one or two sizes. In memory a vector is a matrix of one row.
    pub shape: Vec<usize>,
    /// The shape in a checkpoint where that is another for the same numbers in the same order: a convolution's
    /// `[out, in, height, width]`, position embeddings with a leading 1.
    pub stored_shape: Option<Vec<usize>>,
    /// One per size of `shape`.
    pub axes: Vec<Axis>,
    /// Its start in a fresh model.
    pub init: Init,
    /// Whether weight decay applies (matrices yes, biases and norms no).
    pub decay: bool,
}

impl ParamSpec {
    /// Rows and columns in memory: a vector is one row.
    pub fn matrix_shape(&self) -> (usize, usize) {
        match self.shape[..] {
            [rows, columns] => (rows, columns),
            _ => (1, self.elements()),
        }
    }

    /// The shape in a checkpoint.
    pub fn stored_shape(&self) -> &[usize] {
        self.stored_shape.as_deref().unwrap_or(&self.shape)
    }

    /// Number of values.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}
