//! The one transformer block that all families are made of, before or after the norm, plain or gated, with or without
//! biases, talking heads and LayerScale: what differs between families is data, declared in `families`.
//!
//! Nothing here knows a parameter's name.

use crate::Result;
use crate::declare::{Linear, Norm, Table};
use crate::pass::{Pass, Site};
use ligo_kernels::{Activation, Kernels, Matrix, Tape};

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

/// A bottleneck on what a branch adds to the residual stream: `x + up(gelu(down(x)))` (Houlsby et al. 2019). A fresh `up` is 0, so
/// that a fresh adapter changes nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adapter {
    pub(crate) down: Linear,
    pub(crate) up: Linear,
}

/// The adapters of one block, where it has them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Adapters {
    pub(crate) attention: Option<Adapter>,
    pub(crate) mlp: Option<Adapter>,
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
    pub(crate) adapters: Adapters,
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
    let mut between = Between { x, normed: None };
    for (i, &number) in numbers.iter().enumerate() {
        let norms = match order {
            Order::PreNorm { last } => {
                let next = numbers.get(i + 1).map(|&next| blocks[next].attention_norm);
                Norms::Before { next: next.or(last) }
            }
            Order::PostNorm => Norms::After,
        };
        between = pass.step(Step { block: &blocks[number], number, norms }, between)?;
    }
    match (order, between.normed) {
        (Order::PreNorm { last: Some(_) }, Some(normed)) => Ok(normed),
        (Order::PreNorm { last: Some(last) }, None) => pass.norm(&between.x, last),
        _ => Ok(between.x),
    }
}

/// The residual stream between two blocks.
#[derive(Debug, Clone)]
pub(crate) struct Between<D: Kernels> {
    /// The stream itself, `[N, H]`.
    pub(crate) x: Matrix<D>,
    /// Its norm by the block that comes next or by the last one, where the block before has computed it.
    pub(crate) normed: Option<Matrix<D>>,
}

/// Where one block's norms stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Norms {
    /// Before attention and MLP. The block ends with the norm that comes next, so that it is one operation with the sum before it.
    Before { next: Option<Norm> },
    /// After each residual sum.
    After,
}

/// One block in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'b> {
    pub(crate) block: &'b Block,
    pub(crate) number: usize,
    pub(crate) norms: Norms,
}

impl Step<'_> {
    /// From the stream before the block to the one behind it.
    pub(crate) fn run<D: Kernels, T: Tape<f32, D>>(
        self,
        pass: &mut Pass<'_, D, T>,
        between: Between<D>,
    ) -> Result<Between<D>> {
        match self.norms {
            Norms::Before { next } => self.pre_norm(pass, between, next),
            Norms::After => self.post_norm(pass, between.x),
        }
    }

    fn pre_norm<D: Kernels, T: Tape<f32, D>>(
        self,
        pass: &mut Pass<'_, D, T>,
        Between { x, normed }: Between<D>,
        next: Option<Norm>,
    ) -> Result<Between<D>> {
        let Self { block, number, .. } = self;
        let normed = match normed {
            Some(normed) => normed,
            None => pass.norm(&x, block.attention_norm)?,
        };
        let attended = attention(pass, &block.attention, number, &normed)?;
        let attended = pass.scale(attended, block.attention_scale)?;
        let attended = adapted(pass, attended, block.adapters.attention)?;
        let attended = pass.of_kept(attended, number)?;
        let (x, normed) = pass.add_norm(&attended, &x, block.mlp_norm)?;

        let output = mlp(pass, block.mlp, number, &normed)?;
        let output = pass.scale(output, block.mlp_scale)?;
        let output = adapted(pass, output, block.adapters.mlp)?;
        let output = pass.of_kept(output, number)?;
        Ok(match next {
            Some(next) => {
                let (x, normed) = pass.add_norm(&output, &x, next)?;
                Between { x, normed: Some(normed) }
            }
            None => Between { x: pass.add(&output, &x)?, normed: None },
        })
    }

    fn post_norm<D: Kernels, T: Tape<f32, D>>(self, pass: &mut Pass<'_, D, T>, x: Matrix<D>) -> Result<Between<D>> {
        let Self { block, number, .. } = self;
        let attended = attention(pass, &block.attention, number, &x)?;
        let attended = adapted(pass, attended, block.adapters.attention)?;
        let attended = pass.of_kept(attended, number)?;
        let (_, x) = pass.add_norm(&attended, &x, block.attention_norm)?;
        let output = mlp(pass, block.mlp, number, &x)?;
        let output = adapted(pass, output, block.adapters.mlp)?;
        let output = pass.of_kept(output, number)?;
        let (_, x) = pass.add_norm(&output, &x, block.mlp_norm)?;
        Ok(Between { x, normed: None })
    }
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

/// What an adapter makes of a branch; the branch itself where there is none.
fn adapted<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    x: Matrix<D>,
    adapter: Option<Adapter>,
) -> Result<Matrix<D>> {
    let Some(Adapter { down, up }) = adapter else { return Ok(x) };
    let inner = pass.linear_by(&x, down, Activation::Gelu)?;
    let change = pass.linear(&inner, up)?;
    pass.add(&x, &change)
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
