//! Fused, differentiable transformer operations on dfdx tensors.
//!
//! This crate is the seam between what the project computes and what computes it. [`Kernels`] is a trait of
//! associated functions (`linear`, `attention`, `cross_entropy`, …), generic over the tape, so that evaluation
//! with [`NoneTape`] records nothing. Models, the growth operator and the trainer are written once over
//! `D: Kernels`; it is implemented for dfdx's [`Cpu`].
//!
//! Conventions, the same for every operation:
//! - A tensor is a contiguous row-major [`Matrix`]; a vector is a matrix of one row, `[1, n]`.
//! - Axis legend of the docs: `N` tokens (batch × sequence), `H` hidden size, `I`/`O` inputs/outputs of a linear map,
//!   `V` vocabulary, `B` batch, `S` sequence, `A` heads, `E` head size.
//! - The tape is handed in by `&mut`; an operation pushes one backward closure onto it. Leaves (weights) are plain
//!   tensors; their gradients are found in [`Gradients`] under their own ids.
//! - A backward closure takes (and frees) the gradient of its output: an intermediate gradient is gone once used.
//! - Every gradient is accumulated, so a tensor may be used any number of times.
//! - Same inputs give the same bits, on any number of threads: work is cut by sizes alone.
//!
//! What a binary does for speed: it runs its steps inside [`on_workers`], and installs [`Recycling`] as its allocator.
//!
//! ```
//! use dfdx::tensor::TensorFromVec;
//! use ligo_kernels::{Cpu, GradTape, Kernels, Layout, Linear, gradients_for};
//!
//! let device = Cpu::default();
//! let hidden = device.tensor_from_vec(vec![0.5, -1.0, 2.0, 0.25], (2, 2));
//! let weight = device.tensor_from_vec(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], (3, 2));
//! let mut gradients = gradients_for([&weight]);
//!
//! let mut tape = GradTape::default();
//! let head = Linear { weight: &weight, bias: None, layout: Layout::OutIn };
//! let loss = Cpu::cross_entropy(&mut tape, &hidden, head, &[0, 2])?;
//! tape.backward(&loss, 1.0, &mut gradients)?;
//!
//! // Each column of softmax − onehot sums to zero over the vocabulary, and so does dW.
//! let d_weight = gradients.get(&weight).as_vec();
//! assert!((d_weight[0] + d_weight[2] + d_weight[4]).abs() < 1e-6);
//! # Ok::<(), ligo_kernels::KernelError>(())
//! ```

mod cpu;
mod error;
mod mapped;
mod recycling;
mod tape;

pub use cpu::on_workers;
pub use dfdx::tensor::{Cpu, Gradients, NoneTape, Tape, UniqueId};
pub use error::KernelError;
pub use mapped::MappedFile;
pub use recycling::Recycling;
pub use tape::GradTape;

use dfdx::tensor::{CopySlice, Storage, Tensor, TensorFromVec, ZerosTensor};

/// A contiguous row-major matrix with run-time sizes `(rows, columns)`; a vector is one row.
pub type Matrix<D> = Tensor<(usize, usize), f32, D>;
/// A single number, such as a loss.
pub type Scalar<D> = Tensor<(), f32, D>;
/// The result of an operation.
pub type Result<T> = std::result::Result<T, KernelError>;

/// How the weight of a linear map lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[O, I]`: one row per output, as `torch.nn.Linear` (BERT) stores it.
    OutIn,
    /// `[I, O]`: one row per input, as GPT-2's `Conv1D` stores it.
    InOut,
}

/// One linear map: `y = x Wᵀ + b` ([`Layout::OutIn`]) or `y = x W + b` ([`Layout::InOut`]).
#[derive(Debug)]
pub struct Linear<'a, D: Kernels> {
    /// W, laid out as `layout` says.
    pub weight: &'a Matrix<D>,
    /// b, `[1, O]`.
    pub bias: Option<&'a Matrix<D>>,
    /// How `weight` is stored.
    pub layout: Layout,
}

// Derived `Copy` would ask for `D: Copy`, which no device is; these hold references only.
macro_rules! copy {
    ($($name:ident),*) => {$(
        impl<D: Kernels> Clone for $name<'_, D> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<D: Kernels> Copy for $name<'_, D> {}
    )*};
}
copy!(Linear, LayerNorm, Factor);

/// Which GELU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gelu {
    /// `x · Φ(x)` with the exact error function (BERT).
    Erf,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` (GPT-2's `gelu_new`).
    Tanh,
}

/// Gain and bias of a layer norm, both `[1, H]`, and its ε.
#[derive(Debug)]
pub struct LayerNorm<'a, D: Kernels> {
    /// γ, `[1, H]`.
    pub gain: &'a Matrix<D>,
    /// β, `[1, H]`.
    pub bias: &'a Matrix<D>,
    /// ε, added to the variance.
    pub eps: f32,
}

/// Which keys a query may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// A token sees itself and what came before it.
    Causal,
    /// Every token sees every token of its sequence.
    Bidirectional,
}

/// The sizes and the mask of one multi-head attention.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// B.
    pub batch: usize,
    /// S; the rows of the packed input are `B · S`, sequence after sequence.
    pub sequence: usize,
    /// A.
    pub heads: usize,
    /// E; scores are scaled by `1/√E`.
    pub head_dim: usize,
    /// Causal or bidirectional.
    pub visibility: Visibility,
    /// Key padding: `B · S` flags, `true` for a real token. A query whose keys are all hidden gives zeros.
    pub real_tokens: Option<&'a [bool]>,
    /// Dropout on the attention probabilities.
    pub dropout: Option<Dropout>,
}

/// Dropout by a counter-based generator: element `i` is kept iff `hash(key, i)` says so, so that the mask is a
/// function of the key alone (not of threads, nor of what ran before) and is recomputed in backward, never stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of elements set to zero, in `[0, 1)`; the kept ones are divided by `1 − p`.
    pub p: f32,
    /// Names this mask: seed, step and place mixed into one number.
    pub key: u64,
}

/// A target that [`Kernels::cross_entropy`] skips (the Hub's `-100`).
pub const IGNORED: i32 = -100;

/// One factor of a growth operator along one axis: a map from `d` small to `D` large coordinates.
#[derive(Debug)]
pub enum Factor<'a, D: Kernels> {
    /// The axis does not grow: width `n` in, `n` out.
    Keep(usize),
    /// A free matrix `[D, d]`.
    Free(&'a Matrix<D>),
    /// `[I; C]`: the old coordinates stay, the new ones are C `[D − d, d]` times the old. The identity is never multiplied.
    IdentityOver(&'a Matrix<D>),
}

/// Whether the gradient of an operation's input is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It is computed and accumulated.
    Differentiable,
    /// The input is a constant, such as a frozen small weight: its gradient is neither computed nor allocated.
    Frozen,
}

/// What AdamW needs to know for one step (Loshchilov & Hutter 2019, decoupled decay).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// β₁.
    pub beta1: f32,
    /// β₂.
    pub beta2: f32,
    /// ε, added outside the square root.
    pub eps: f32,
    /// Decay λ, applied as `w ← w − lr·λ·w` to the parameters marked for it.
    pub weight_decay: f32,
    /// Gradients are scaled down to this global norm if they exceed it; `None` never.
    pub max_grad_norm: Option<f32>,
    /// 1-based number of this step, for the bias correction.
    pub step: u64,
}

/// One parameter in an optimiser step.
#[derive(Debug)]
pub struct AdamWParameter<'a, D: Kernels> {
    /// The weight, changed in place (no copy as long as no other handle to it is alive).
    pub weight: &'a mut Matrix<D>,
    /// First moment, same shape.
    pub first: &'a mut Matrix<D>,
    /// Second moment, same shape.
    pub second: &'a mut Matrix<D>,
    /// Whether the decay applies to it.
    pub decay: bool,
}

/// The fused, differentiable operations on a device.
///
/// All of them check shapes and return a [`KernelError`] that names the operation, what was found and what was expected.
pub trait Kernels: Storage<f32> + ZerosTensor<f32> + TensorFromVec<f32> + CopySlice<f32> + Send + Sync {
    /// `y = x Wᵀ + b`. x `[N, I]` → y `[N, O]`.
    ///
    /// Backward: `dx = dy W`, `dW = dyᵀ x`, `db = Σ_n dy_n`.
    fn linear<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, map: Linear<'_, Self>) -> Result<Matrix<Self>>;

    /// Several linear maps of one input, their outputs side by side. x `[N, I]` → `[N, O₁ + O₂ + …]`.
    ///
    /// BERT's query, key and value in one output that [`Kernels::attention`] reads.
    fn linear_joined<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        maps: &[Linear<'_, Self>],
    ) -> Result<Matrix<Self>>;

    /// `gelu(x Wᵀ + b)`: the first half of a transformer's MLP. x `[N, I]` → `[N, O]`.
    fn linear_gelu<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        map: Linear<'_, Self>,
        gelu: Gelu,
    ) -> Result<Matrix<Self>>;

    /// GELU, element by element. x `[N, H]` → `[N, H]`.
    fn gelu<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, gelu: Gelu) -> Result<Matrix<Self>>;

    /// `a + b`, both `[N, H]`.
    fn add<T: Tape<f32, Self>>(tape: &mut T, a: &Matrix<Self>, b: &Matrix<Self>) -> Result<Matrix<Self>>;

    /// `y = γ · (x − mean) / √(var + ε) + β`, row by row. x `[N, H]` → `[N, H]`.
    fn layer_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        norm: LayerNorm<'_, Self>,
    ) -> Result<Matrix<Self>>;

    /// `sum = x + residual`, `y = layer_norm(sum)` in one pass; returns `(sum, y)`, both `[N, H]`.
    ///
    /// Pre-norm models go on with both, post-norm ones with `y` alone.
    fn add_layer_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        residual: &Matrix<Self>,
        norm: LayerNorm<'_, Self>,
    ) -> Result<(Matrix<Self>, Matrix<Self>)>;

    /// Multi-head attention `softmax(q kᵀ / √E) v` by one pass of online softmax; no scores are kept.
    ///
    /// `qkv` `[B·S, 3·A·E]`: queries, keys, values side by side, each as A heads of E. → `[B·S, A·E]`.
    fn attention<T: Tape<f32, Self>>(tape: &mut T, qkv: &Matrix<Self>, spec: Attention<'_>) -> Result<Matrix<Self>>;

    /// Sum of rows of several tables: `y_n = Σ_k table_k[ids_k[n]]`. tables `[V_k, H]`, ids `[N]` each → `[N, H]`.
    ///
    /// Tokens + positions (+ token types) in one pass. Backward scatter-adds in a fixed order.
    fn embedding<T: Tape<f32, Self>>(tape: &mut T, lookups: &[(&Matrix<Self>, &[u32])]) -> Result<Matrix<Self>>;

    /// Dropout, see [`Dropout`]. x `[N, H]` → `[N, H]`.
    fn dropout<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, dropout: Dropout) -> Result<Matrix<Self>>;

    /// Mean over the labelled rows of `−log softmax(hidden Wᵀ + b)[target]`, fused with the output projection.
    ///
    /// hidden `[N, H]`, `head.weight` `[V, H]` ([`Layout::OutIn`] only), targets `[N]` with [`IGNORED`] for rows without
    /// a label. Unlabelled rows are never projected, and no more than a chunk of the logits exists at a time. With no
    /// label at all the loss is 0.
    fn cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        hidden: &Matrix<Self>,
        head: Linear<'_, Self>,
        targets: &[i32],
    ) -> Result<Scalar<Self>>;

    /// Sets the gradient of `loss` to `scale`: where a backward pass begins.
    fn seed_gradient(loss: &Scalar<Self>, scale: f32, gradients: &mut Gradients<f32, Self>) -> Result<()>;

    /// One AdamW step over all parameters in one parallel pass; the gradients are taken, which sets them to zero.
    ///
    /// Their memory is free until the next backward pass, so read them before this step. Returns the global gradient
    /// norm before clipping. If that is not finite nothing is changed, the gradients included.
    fn adamw(
        parameters: &mut [AdamWParameter<'_, Self>],
        gradients: &mut Gradients<f32, Self>,
        config: &AdamW,
    ) -> Result<f32>;

    /// Grows the rows of `x`: with `x = [x₁; x₂; …]` cut by the factors' small sizes, `y = [F₁ x₁; F₂ x₂; …]`.
    ///
    /// Differentiable in the factors, and in `x` if `input` says so. A linear map's output axis for [`Layout::OutIn`].
    fn expand_rows<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        input: Input,
        factors: &[Factor<'_, Self>],
    ) -> Result<Matrix<Self>>;

    /// Grows the columns of `x`: with `x = [x₁ x₂ …]` cut by the factors' small sizes, `y = [x₁ F₁ᵀ  x₂ F₂ᵀ …]`.
    fn expand_columns<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        input: Input,
        factors: &[Factor<'_, Self>],
    ) -> Result<Matrix<Self>>;

    /// Mixes layers: `y_i = Σ_j w_ij x_j`. `layers`: L1 matrices of one shape, `weights` w `[L2, L1]` → L2 matrices.
    ///
    /// Differentiable in the layers and in w.
    fn mix_layers<T: Tape<f32, Self>>(
        tape: &mut T,
        layers: &[Matrix<Self>],
        weights: &Matrix<Self>,
    ) -> Result<Vec<Matrix<Self>>>;
}

/// The id under which [`Gradients`] keeps a tensor's gradient.
pub fn id_of<D: Kernels>(tensor: &Matrix<D>) -> UniqueId {
    let mut ids = dfdx::optim::UnusedTensors { ids: Vec::with_capacity(1) };
    ids.add(tensor);
    ids.ids[0]
}

/// An empty [`Gradients`] that keeps the gradients of `leaves` over backward passes and drops all others.
pub fn gradients_for<'a, D: Kernels>(leaves: impl IntoIterator<Item = &'a Matrix<D>>) -> Gradients<f32, D> {
    let ids: Vec<UniqueId> = leaves.into_iter().map(id_of).collect();
    let mut gradients = Gradients::leaky();
    gradients.retain_leafs(&ids);
    gradients
}
