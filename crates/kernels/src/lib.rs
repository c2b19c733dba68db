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
//!   `V` vocabulary, `B` batch, `S` sequence, `A` heads, `K` key/value heads, `E` head size.
//! - The tape is handed in by `&mut`; an operation pushes one backward closure onto it. Leaves (weights) are plain
//!   tensors; their gradients are found in [`Gradients`] under their own ids.
//! - The gradient of an operation's output is not in [`Gradients`]: [`Kernels::gradient_of`] and [`Kernels::add_gradient`] reach both.
//! - A backward closure takes (and frees) the gradient of its output: an intermediate gradient is gone once used.
//! - Every gradient is accumulated, so a tensor may be used any number of times.
//! - Same inputs give the same bits, on any number of threads: work is cut by sizes alone.
//!
//! What a binary does for speed: it runs its steps inside [`on_workers`], and installs [`Recycling`] as its allocator.
//!
//! ```
//! use dfdx::tensor::TensorFromVec;
//! use ligo_kernels::{Cpu, GradTape, Kernels, Layout, Linear, Precision, gradients_for};
//!
//! let device = Cpu::default();
//! let hidden = device.tensor_from_vec(vec![0.5, -1.0, 2.0, 0.25], (2, 2));
//! let weight = device.tensor_from_vec(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], (3, 2));
//! let mut gradients = gradients_for([&weight]);
//!
//! let mut tape = GradTape::default();
//! let head = Linear { weight: &weight, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
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

pub use cpu::{Level, SIMD_VARIABLE, WEIGHT_BITS, level_in_use, normal_values, on_workers, weighted_bytes};
pub use dfdx::tensor::{Cpu, Gradients, NoneTape, Tape, UniqueId};
pub use error::KernelError;
pub use mapped::MappedFile;
pub use recycling::Recycling;
pub use tape::GradTape;

use dfdx::shapes::Shape;
use dfdx::tensor::{CopySlice, Storage, Tensor, TensorFromVec, ZerosTensor};
use std::borrow::Cow;
use std::ops::Range;

/// A contiguous row-major matrix with run-time sizes `(rows, columns)`; a vector is one row.
pub type Matrix<D> = Tensor<(usize, usize), f32, D>;
/// A single number, such as a loss.
pub type Scalar<D> = Tensor<(), f32, D>;
/// Takes one tensor's gradient out of a map, see [`Kernels::gradient_of`].
pub type TakeGradient<D> = Box<dyn FnOnce(&mut Gradients<f32, D>) -> Result<Matrix<D>>>;
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

/// How exact the products of a linear map are. Weights, activations and gradients are f32 in memory either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// As exact as f32.
    #[default]
    F32,
    /// Large products round both sides to bf16 (8 bits) and sum in f32; where rounding would cost more time than it saves, products
    /// stay exact.
    Bf16,
}

impl Precision {
    /// Whether this machine computes bf16 faster than f32, see [`Level`].
    pub fn has_hardware(self) -> bool {
        self == Self::F32 || level_in_use().unwrap_or_else(|_| Level::of_machine()) >= Level::Avx512Bf16
    }
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
    /// How exact its products are, forward and backward.
    pub precision: Precision,
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
copy!(Linear, Norm, HeadNorms, Projections, Factor);

/// A function applied element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · Φ(x)` with the exact error function (BERT, ViT).
    Gelu,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` (GPT-2's `gelu_new`).
    GeluTanh,
    /// `x · σ(1.702 x)` (CLIP's `quick_gelu`).
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
    /// `x · σ(x)` (Llama).
    Silu,
    /// `tanh x` (BERT's pooler).
    Tanh,
}

/// What a norm takes out of a row before it scales it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Mean and standard deviation (Ba et al. 2016): `(x − mean) / √(var + ε)`.
    Layer,
    /// The root mean square alone (Zhang & Sennrich 2019): `x / √(mean(x²) + ε)`.
    Rms,
}

/// A norm over the columns of a matrix: its kind, gain, bias and ε.
#[derive(Debug)]
pub struct Norm<'a, D: Kernels> {
    /// Layer norm or RMS norm.
    pub kind: NormKind,
    /// γ, `[1, H]`.
    pub gain: &'a Matrix<D>,
    /// β, `[1, H]`; none is 0.
    pub bias: Option<&'a Matrix<D>>,
    /// ε, added to the variance (layer norm) or to the mean square (RMS norm).
    pub eps: f32,
}

/// The RMS norms of single heads in a packed `[N, (A + 2K)·E]` (Qwen3): every query head by one gain, every key head by another.
#[derive(Debug)]
pub struct HeadNorms<'a, D: Kernels> {
    /// A.
    pub heads: usize,
    /// K.
    pub key_value_heads: usize,
    /// γ of the query heads, `[1, E]`.
    pub query_gain: &'a Matrix<D>,
    /// γ of the key heads, `[1, E]`.
    pub key_gain: &'a Matrix<D>,
    /// ε, added to the mean square.
    pub eps: f32,
}

/// Which keys a query may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// A token sees itself and what came before it; with a window of w only the last w tokens, itself among them.
    Causal {
        /// w, at least 1.
        window: Option<usize>,
    },
    /// Every token sees every token of its sequence.
    Bidirectional,
}

/// Rotary positions (Su et al. 2021): in each query and key head, the pair `(x_i, x_{i + E/2})` of the token at position p is
/// turned by the angle θ_{p,i}.
#[derive(Debug, Clone, Copy)]
pub struct Rotary<'a> {
    /// `cos θ_{p,i}`, one row of E/2 for each position from 0; at least as many rows as there are positions.
    pub cosines: &'a [f32],
    /// `sin θ_{p,i}`, likewise.
    pub sines: &'a [f32],
}

/// What an attention reads.
#[derive(Debug)]
pub enum Projections<'a, D: Kernels> {
    /// Queries, keys and values of the same tokens, side by side: `[B·S, (A + 2K)·E]`.
    Joined(&'a Matrix<D>),
    /// Queries of other tokens than those that they look at (CaiT's class attention, whose query is the class token).
    Apart {
        /// `[B·Q, A·E]`, any number Q per sequence.
        queries: &'a Matrix<D>,
        /// Keys and values side by side: `[B·S, 2·K·E]`.
        keys_values: &'a Matrix<D>,
    },
}

/// The sizes and the mask of one multi-head attention.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// B.
    pub batch: usize,
    /// S, the tokens that a query may look at; rows are `B · S`, sequence after sequence.
    pub sequence: usize,
    /// A, the number of query heads.
    pub heads: usize,
    /// K, the number of key and value heads, which divides A: query head a looks at key head `a / (A/K)` (grouped queries,
    /// Ainslie et al. 2023; K = A is plain multi-head attention).
    pub key_value_heads: usize,
    /// E; scores are scaled by `1/√E`.
    pub head_dim: usize,
    /// Causal or bidirectional; for [`Projections::Apart`] bidirectional only.
    pub visibility: Visibility,
    /// Key padding: `B · S` flags, `true` for a real token. A query whose keys are all hidden gives zeros.
    pub real_tokens: Option<&'a [bool]>,
    /// Turns queries and keys by their positions first; for [`Projections::Joined`] only.
    pub rotary: Option<Rotary<'a>>,
    /// Dropout on the attention probabilities.
    pub dropout: Option<Dropout>,
    /// How exact the products with queries, keys and values are.
    pub precision: Precision,
}

/// Keys and values of the tokens that one layer has seen so far, for generating token by token.
#[derive(Debug)]
pub struct KeyValueCache<D: Kernels> {
    /// `[B·C, K·E]`: room for C tokens of each sequence; keys are kept already turned by their positions.
    pub(crate) keys: Matrix<D>,
    /// `[B·C, K·E]`.
    pub(crate) values: Matrix<D>,
    pub(crate) batch: usize,
    pub(crate) capacity: usize,
    pub(crate) key_value_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) length: usize,
}

impl<D: Kernels> KeyValueCache<D> {
    /// An empty cache with room for `capacity` tokens of each of `batch` sequences.
    ///
    /// # Errors
    /// [`KernelError::Device`] if the device has no memory for it.
    pub fn new(device: &D, batch: usize, capacity: usize, key_value_heads: usize, head_dim: usize) -> Result<Self> {
        let failed = |reason| KernelError::Device { op: "key/value cache", reason };
        let shape = (batch.saturating_mul(capacity), key_value_heads.saturating_mul(head_dim));
        if shape.0.saturating_mul(shape.1) > isize::MAX as usize / size_of::<f32>() {
            let reason = format!("{batch} sequences of {capacity} tokens are more than can be addressed");
            return Err(failed(reason));
        }
        let room = || device.try_zeros_like(&shape).map_err(|error| failed(error.to_string()));
        Ok(Self { keys: room()?, values: room()?, batch, capacity, key_value_heads, head_dim, length: 0 })
    }

    /// Tokens of each sequence that it holds.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Tokens of each sequence that it has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The same keys and values with room for `capacity` tokens of each sequence; no less than it holds.
    ///
    /// # Errors
    /// As [`KeyValueCache::new`].
    pub fn with_room_for(&self, device: &D, capacity: usize) -> Result<Self> {
        let capacity = capacity.max(self.length);
        let mut larger = Self::new(device, self.batch, capacity, self.key_value_heads, self.head_dim)?;
        let width = self.key_value_heads * self.head_dim;
        for (from, to) in [(&self.keys, &mut larger.keys), (&self.values, &mut larger.values)] {
            let (held, mut room) = (from.as_vec(), vec![0.0; self.batch * capacity * width]);
            let sequences = held.chunks_exact((self.capacity * width).max(1));
            for (old, new) in sequences.zip(room.chunks_exact_mut((capacity * width).max(1))) {
                new[..self.length * width].copy_from_slice(&old[..self.length * width]);
            }
            to.copy_from(&room);
        }
        larger.length = self.length;
        Ok(larger)
    }
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

/// What the rows of logits `[N, V]` are labelled with, see [`Kernels::distillation`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Labels<'a> {
    /// The class of each row, `[N]`, or [`IGNORED`].
    Classes(&'a [i32]),
    /// What part of each row's label falls on each class, `N · V` finite numbers, none below 0; every row is labelled.
    Shares(&'a [f32]),
}

/// An id that [`Kernels::embedding`] takes nothing for.
pub const NO_ROW: u32 = u32::MAX;

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
    /// A multiple of the learning rate, at least 0, for this tensor alone. With 0 the weight and its moments are left as they
    /// are, and its gradient counts nothing in the global norm.
    pub rate: f32,
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
    /// BERT's query, key and value in one output that [`Kernels::attention`] reads. At least one map; all are of one precision.
    fn linear_joined<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        maps: &[Linear<'_, Self>],
    ) -> Result<Matrix<Self>>;

    /// `f(x Wᵀ + b)`: the first half of a transformer's MLP, BERT's pooler. x `[N, I]` → `[N, O]`.
    fn linear_activated<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        map: Linear<'_, Self>,
        activation: Activation,
    ) -> Result<Matrix<Self>>;

    /// `f(x Gᵀ + b) ∘ (x Uᵀ + c)`: the first half of a gated MLP (Shazeer 2020; SwiGLU with [`Activation::Silu`]).
    /// x `[N, I]`, both maps to O → `[N, O]`.
    fn linear_gated<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        gate: Linear<'_, Self>,
        up: Linear<'_, Self>,
        activation: Activation,
    ) -> Result<Matrix<Self>>;

    /// `a + b`, both `[N, H]`.
    fn add<T: Tape<f32, Self>>(tape: &mut T, a: &Matrix<Self>, b: &Matrix<Self>) -> Result<Matrix<Self>>;

    /// Row i of γ `[1, H]` times x: `y_n = γ ∘ x_n`. x `[N, H]` → `[N, H]`. CaiT's LayerScale.
    fn scale<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, gain: &Matrix<Self>) -> Result<Matrix<Self>>;

    /// A [`Norm`], row by row. x `[N, H]` → `[N, H]`.
    fn norm<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, norm: Norm<'_, Self>) -> Result<Matrix<Self>>;

    /// `sum = x + residual`, `y = norm(sum)` in one pass; returns `(sum, y)`, both `[N, H]`.
    ///
    /// Pre-norm models go on with both, post-norm ones with `y` alone.
    fn add_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        residual: &Matrix<Self>,
        norm: Norm<'_, Self>,
    ) -> Result<(Matrix<Self>, Matrix<Self>)>;

    /// A [`Norm`] whose statistics weigh the columns: with weights c, mean `Σ_j c_j x_j / Σ_j c_j` and variance
    /// `Σ_j c_j (x_j − mean)² / Σ_j c_j`, or the mean square likewise; every column is then normed, those of weight 0 too.
    /// x `[N, H]`, c `[H]` → `[N, H]`.
    ///
    /// The weights are constants, finite and not negative, and some are not 0.
    fn weighted_norm<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        norm: Norm<'_, Self>,
        weights: &[f32],
    ) -> Result<Matrix<Self>>;

    /// RMS norms of single heads, see [`HeadNorms`]; values pass through. qkv `[N, (A + 2K)·E]` → the same shape.
    fn head_norms<T: Tape<f32, Self>>(
        tape: &mut T,
        qkv: &Matrix<Self>,
        norms: HeadNorms<'_, Self>,
    ) -> Result<Matrix<Self>>;

    /// Multi-head attention `softmax(q kᵀ / √E) v` by one pass of online softmax; no scores are kept. → `[B·Q, A·E]`,
    /// where Q is S for [`Projections::Joined`].
    fn attention<T: Tape<f32, Self>>(
        tape: &mut T,
        projections: Projections<'_, Self>,
        spec: Attention<'_>,
    ) -> Result<Matrix<Self>>;

    /// Causal attention of new tokens over a cache, which they join. No gradients: for generating.
    ///
    /// `qkv` `[B·S, (A + 2K)·E]` holds `spec.sequence` new tokens of each sequence, which stand at the positions from
    /// `cache.length()` on (rotary tables have to reach that far). → `[B·S, A·E]`. `spec.real_tokens` and `spec.dropout`
    /// must be none.
    fn attention_cached(
        qkv: &Matrix<Self>,
        cache: &mut KeyValueCache<Self>,
        spec: Attention<'_>,
    ) -> Result<Matrix<Self>>;

    /// Talking-heads attention (Shazeer et al. 2020, CaiT): `after(softmax(before(q kᵀ / √E))) v`, where `before` and `after`
    /// are linear maps `[A, A]` across the heads at each (query, key).
    ///
    /// `qkv` `[B·S, 3·A·E]` → `[B·S, A·E]`. Bidirectional, K = A, without padding and rotary positions; dropout falls on what
    /// `after` gives.
    fn talking_attention<T: Tape<f32, Self>>(
        tape: &mut T,
        qkv: &Matrix<Self>,
        before: Linear<'_, Self>,
        after: Linear<'_, Self>,
        spec: Attention<'_>,
    ) -> Result<Matrix<Self>>;

    /// Sum of rows of several tables: `y_n = Σ_k table_k[ids_k[n]]`. tables `[V_k, H]`, ids `[N]` each → `[N, H]`.
    /// [`NO_ROW`] adds nothing.
    ///
    /// Tokens + positions (+ token types) in one pass; with the rows of an activation as a table also the way to pick,
    /// join and interleave rows. Backward scatter-adds in a fixed order.
    fn embedding<T: Tape<f32, Self>>(tape: &mut T, lookups: &[(&Matrix<Self>, &[u32])]) -> Result<Matrix<Self>>;

    /// Dropout, see [`Dropout`]. x `[N, H]` → `[N, H]`.
    fn dropout<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, dropout: Dropout) -> Result<Matrix<Self>>;

    /// Dropout of runs of `rows` rows: each run is multiplied by what [`Dropout`] says of one element. x `[N, H]`, N a multiple
    /// of `rows` → `[N, H]`.
    ///
    /// Of what a branch adds to a sequence all is left out or nothing (stochastic depth).
    fn drop_path<T: Tape<f32, Self>>(
        tape: &mut T,
        x: &Matrix<Self>,
        rows: usize,
        dropout: Dropout,
    ) -> Result<Matrix<Self>>;

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

    /// `Σ_n weights[n] · −log softmax(logits_n)[targets[n]]`; rows with [`IGNORED`] count nothing.
    ///
    /// logits `[N, V]`, targets and weights `[N]`. For heads whose few logits exist anyway (classes, spans).
    fn softmax_cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        logits: &Matrix<Self>,
        targets: &[i32],
        weights: &[f32],
    ) -> Result<Scalar<Self>>;

    /// Mean over the rows of `Σ_c shares_nc · −log softmax(logits_n)_c`: labels that are shared among classes, as smoothing and
    /// mixing make them.
    ///
    /// logits `[N, V]`, shares `N · V`, finite and none below 0; a row's need not sum to 1. Differentiable in the logits.
    fn soft_cross_entropy<T: Tape<f32, Self>>(
        tape: &mut T,
        logits: &Matrix<Self>,
        shares: &[f32],
    ) -> Result<Scalar<Self>>;

    /// What a student of a teacher is told (Hinton et al. 2015): the mean over the labelled rows of
    /// `(1 − r) · L + r · T² · KL(softmax(teacher / T) ‖ softmax(z / T))`, where L is the row's cross-entropy,
    /// `−log softmax(z)[target]` or `Σ_c shares_c · −log softmax(z)_c`.
    ///
    /// Logits z and the teacher's `[N, V]`, share r from 0 to 1, temperature T above 0. Differentiable in z; the teacher is a
    /// constant. With no label at all the loss is 0.
    fn distillation<T: Tape<f32, Self>>(
        tape: &mut T,
        logits: &Matrix<Self>,
        teacher: &Matrix<Self>,
        labels: Labels<'_>,
        share: f32,
        temperature: f32,
    ) -> Result<Scalar<Self>>;

    /// Mean over all elements of `(x − target)²`. x `[N, H]`, targets `N · H`.
    fn mean_squared_error<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, targets: &[f32]) -> Result<Scalar<Self>>;

    /// Each column of a sequence as a row: x `[B·S, K]` → `[K·B, S]`, where row `k·B + b` is column k of sequence b.
    ///
    /// A question's answer is a choice among the tokens of its sequence, not among classes.
    fn columns_as_rows<T: Tape<f32, Self>>(tape: &mut T, x: &Matrix<Self>, sequence: usize) -> Result<Matrix<Self>>;

    /// Sets the gradient of `loss` to `scale`: where a backward pass begins.
    fn seed_gradient(loss: &Scalar<Self>, scale: f32, gradients: &mut Gradients<f32, Self>) -> Result<()>;

    /// One AdamW step over all parameters in one parallel pass; the gradients are taken, which sets them to zero.
    ///
    /// Their memory is free until the next backward pass, so read them before this step. Returns the global gradient
    /// norm before clipping, over the parameters whose rate is not 0. If that is not finite nothing is changed, the gradients
    /// included.
    fn adamw(
        parameters: &mut [AdamWParameter<'_, Self>],
        gradients: &mut Gradients<f32, Self>,
        config: &AdamW,
    ) -> Result<f32>;

    /// Moves each average towards its value: `e ← d e + (1 − d) w` with decay d from 0 to 1. As many averages as values, of the
    /// same shapes; an average that is its value stays it to the bit.
    fn moving_average(averages: &mut [Matrix<Self>], values: &[Matrix<Self>], decay: f64) -> Result<()>;

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
    /// Differentiable in w, and in the layers if `input` says so.
    fn mix_layers<T: Tape<f32, Self>>(
        tape: &mut T,
        layers: &[Matrix<Self>],
        input: Input,
        weights: &Matrix<Self>,
    ) -> Result<Vec<Matrix<Self>>>;

    /// Adds `packed` to some runs of a tensor's values, ascending and apart, one run after the other: in place where nothing else holds
    /// the tensor's memory. Not recorded. Refused, before anything is added, are runs in another order or beyond the end, and another
    /// number of values.
    fn add_runs(x: &mut Matrix<Self>, runs: &[Range<usize>], packed: &[f32]) -> Result<()>;

    /// `⟨a_i, b_j⟩` over all elements, `[a.len(), b.len()]` row by row: all matrices of one shape. The gradient of a mixture's
    /// weights, without a tape.
    fn inner_products(a: &[Matrix<Self>], b: &[Matrix<Self>]) -> Result<Vec<f32>>;

    /// A tensor's values row by row, where they lie if the processor can read them there.
    fn values(tensor: &Matrix<Self>) -> Cow<'_, [f32]> {
        Cow::Owned(tensor.as_vec())
    }

    /// How to take a tensor's gradient out of a map later, as a tensor (of zeros where there is none): it is gone from the map
    /// then. Nothing of the tensor's own data is kept alive by it.
    fn gradient_of(tensor: &Matrix<Self>) -> TakeGradient<Self>;

    /// The same for an output that was computed off the record, asked for once and before anything has read that output: how an
    /// operation that is made of others takes the gradient it begins with, which is not found in [`Gradients`].
    ///
    /// # Panics
    /// If a recorded operation has made the tensor, or it has been asked before.
    fn gradient_of_output(tensor: &Matrix<Self>) -> TakeGradient<Self>;

    /// Adds `value`, of the tensor's shape, to the gradient of `tensor`; what is added to an output after its operation has run
    /// backward goes nowhere.
    fn add_gradient(tensor: &Matrix<Self>, value: &Matrix<Self>, gradients: &mut Gradients<f32, Self>) -> Result<()>;
}

/// The id under which [`Gradients`] keeps a tensor's gradient.
pub fn id_of<S: Shape, D: Kernels>(tensor: &Tensor<S, f32, D>) -> UniqueId {
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
