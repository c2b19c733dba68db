//! The one transformer block that all families are made of, before or after the norm, plain or gated, with or without
//! biases, talking heads and LayerScale: what differs between families is data, declared in `families`.
//!
//! Nothing here knows a parameter's name.

use crate::Result;
use crate::declare::{Linear, Norm, Table};
use crate::pass::{Pass, Site};
use ligo_kernels::{Kernels, Matrix, Tape};

/// Attention of one block.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    /// To queries, keys and values side by side, by one map or by three.
    pub(crate) projections: Vec<Linear>,
    /// Gains of the norms on each query head and each key head (Qwen3).
    pub(crate) head_norms: Option<(Table, Table)>,
    /// The maps across heads before and after the softmax (CaiT).
    pub(crate) talking: Option<(Linear, Linear)>,
    pub(crate) output: Linear,
}

/// The MLP of one block.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mlp {
    /// `output(f(inner(x)))`.
    Plain { inner: Linear, output: Linear },
    /// `output(f(gate(x)) ∘ up(x))`.
    Gated { gate: Linear, up: Linear, output: Linear },
}

impl Mlp {
    /// The map that hands its result to the residual stream.
    pub(crate) fn output(&self) -> Linear {
        match *self {
            Self::Plain { output, .. } | Self::Gated { output, .. } => output,
        }
    }
}

/// Attention and MLP, each with its norm and, in CaiT, its LayerScale.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) attention_norm: Norm,
    pub(crate) attention: Attention,
    pub(crate) attention_scale: Option<Table>,
    pub(crate) mlp_norm: Norm,
    pub(crate) mlp: Mlp,
    pub(crate) mlp_scale: Option<Table>,
}

/// A block in which the class token looks at itself and the patches (CaiT).
#[derive(Debug, Clone)]
pub(crate) struct ClassBlock {
    pub(crate) attention_norm: Norm,
    /// Of the class token alone.
    pub(crate) query: Linear,
    /// Of the class token and the patches.
    pub(crate) key_value: [Linear; 2],
    pub(crate) output: Linear,
    pub(crate) attention_scale: Table,
    pub(crate) mlp_norm: Norm,
    pub(crate) mlp: Mlp,
    pub(crate) mlp_scale: Table,
}

/// Where a block's norms stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Before attention and MLP, and once more at the end; where `last` is none, what follows has norms of its own.
    PreNorm { last: Option<Norm> },
    /// After each residual sum.
    PostNorm,
}

impl Order {
    /// The same where other blocks follow.
    pub(crate) fn without_last(self) -> Self {
        match self {
            Self::PreNorm { .. } => Self::PreNorm { last: None },
            Self::PostNorm => Self::PostNorm,
        }
    }
}

/// The blocks of these numbers, from the residual stream `[N, H]` before them to the one behind them or, where there is a last
/// norm, to its norm.
pub(crate) fn blocks<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    blocks: &[Block],
    numbers: &[usize],
    order: Order,
    x: Matrix<D>,
) -> Result<Matrix<D>> {
    match order {
        Order::PreNorm { last } => pre_norm(pass, blocks, numbers, last, x),
        Order::PostNorm => post_norm(pass, blocks, numbers, x),
    }
}

fn pre_norm<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    blocks: &[Block],
    numbers: &[usize],
    last: Option<Norm>,
    mut residual: Matrix<D>,
) -> Result<Matrix<D>> {
    // Each block ends with the norm that comes next, so that it is one operation with the sum before it.
    let norm_of = |i: usize| numbers.get(i).map(|&layer| blocks[layer].attention_norm).or(last);
    let Some(first) = norm_of(0) else { return Ok(residual) };
    let mut normed = pass.norm(&residual, first)?;
    for (i, &layer) in numbers.iter().enumerate() {
        let block = &blocks[layer];
        let attended = attention(pass, &block.attention, layer, &normed)?;
        let attended = pass.scale(attended, block.attention_scale)?;
        let attended = pass.of_kept(attended, layer)?;
        (residual, normed) = pass.add_norm(&attended, &residual, block.mlp_norm)?;

        let output = mlp(pass, block.mlp, layer, &normed)?;
        let output = pass.scale(output, block.mlp_scale)?;
        let output = pass.of_kept(output, layer)?;
        match norm_of(i + 1) {
            Some(next) => (residual, normed) = pass.add_norm(&output, &residual, next)?,
            None => return pass.add(&output, &residual),
        }
    }
    Ok(normed)
}

fn post_norm<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    blocks: &[Block],
    numbers: &[usize],
    mut x: Matrix<D>,
) -> Result<Matrix<D>> {
    for &layer in numbers {
        let block = &blocks[layer];
        let attended = attention(pass, &block.attention, layer, &x)?;
        let attended = pass.of_kept(attended, layer)?;
        (_, x) = pass.add_norm(&attended, &x, block.attention_norm)?;
        let output = mlp(pass, block.mlp, layer, &x)?;
        let output = pass.of_kept(output, layer)?;
        (_, x) = pass.add_norm(&output, &x, block.mlp_norm)?;
    }
    Ok(x)
}

fn attention<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    layer: &Attention,
    number: usize,
    x: &Matrix<D>,
) -> Result<Matrix<D>> {
    let mut qkv = pass.linear_joined(x, &layer.projections)?;
    if let Some((query, key)) = layer.head_norms {
        qkv = pass.head_norms(&qkv, query, key)?;
    }
    let attended = match layer.talking {
        Some((before, after)) => pass.talking_attention(&qkv, before, after, number)?,
        None => pass.attention(&qkv, number)?,
    };
    let output = pass.linear(&attended, layer.output)?;
    pass.dropout(output, Site::AttentionOutput(number))
}

fn mlp<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    layer: Mlp,
    number: usize,
    x: &Matrix<D>,
) -> Result<Matrix<D>> {
    let output = match layer {
        Mlp::Plain { inner, output } => {
            let inner = pass.linear_activated(x, inner)?;
            pass.linear(&inner, output)?
        }
        Mlp::Gated { gate, up, output } => {
            let inner = pass.linear_gated(x, gate, up)?;
            pass.linear(&inner, output)?
        }
    };
    pass.dropout(output, Site::MlpOutput(number))
}

/// CaiT's class-attention blocks: from the patches `[B·n, H]` and the class token `[1, H]` to each image's class token `[B, H]`,
/// not yet normed. `first` is the number of the first one, counted on from the blocks before.
pub(crate) fn class_blocks<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    blocks: &[ClassBlock],
    first: usize,
    token: Table,
    patches: &Matrix<D>,
) -> Result<Matrix<D>> {
    let mut class = pass.repeated(token)?;
    for (number, block) in (first..).zip(blocks) {
        let joined = pass.class_before_patches(&class, patches)?;
        let normed = pass.norm(&joined, block.attention_norm)?;
        let classes = pass.first_rows(&normed)?;
        let queries = pass.linear(&classes, block.query)?;
        let keys_values = pass.linear_joined(&normed, &block.key_value)?;
        let attended = pass.class_attention(&queries, &keys_values, number)?;
        let attended = pass.linear(&attended, block.output)?;
        let attended = pass.dropout(attended, Site::AttentionOutput(number))?;
        let attended = pass.scale(attended, Some(block.attention_scale))?;
        let (residual, normed) = pass.add_norm(&attended, &class, block.mlp_norm)?;

        let output = mlp(pass, block.mlp, number, &normed)?;
        let output = pass.scale(output, Some(block.mlp_scale))?;
        class = pass.add(&output, &residual)?;
    }
    Ok(class)
}
