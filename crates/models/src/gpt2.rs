//! GPT-2 (Radford et al. 2019): a pre-norm causal transformer with learned positions and a tied output.
//!
//! ```text
//! x = wte[id] + wpe[position]
//! for each block:  x = x + c_proj(attention(c_attn(ln_1(x))))
//!                  x = x + c_proj(gelu(c_fc(ln_2(x))))
//! logits = ln_f(x) wteᵀ
//! ```
//!
//! Shapes: N = B·S tokens, H hidden size, F inner width, V vocabulary. Weights lie as `[inputs, outputs]`, as the Hub's
//! checkpoints have them. Names and fresh weights as in `transformers`: N(0, 0.02²), and the two projections that feed the
//! residual stream smaller by 1/√(2L), so that the variance of the stream does not grow with the depth L.

use crate::declare::{Declare, Linear, Norm, Table};
use crate::pass::{Pass, Site};
use crate::{ModelConfig, Result, Role, Space};
use ligo_kernels::{Gelu, Kernels, Layout, Matrix, Scalar, Tape, Visibility};

/// Where the weights are.
#[derive(Debug, Clone)]
pub(crate) struct Gpt2 {
    /// Token embedding `[V, H]`, also the output projection.
    wte: Table,
    /// Position embedding.
    wpe: Table,
    blocks: Vec<Block>,
    ln_f: Norm,
}

#[derive(Debug, Clone)]
struct Block {
    ln_1: Norm,
    /// Queries, keys and values, `[H, 3·H]`.
    c_attn: Linear,
    attention_projection: Linear,
    ln_2: Norm,
    /// `[H, F]`.
    c_fc: Linear,
    /// `[F, H]`.
    mlp_projection: Linear,
}

impl Gpt2 {
    pub(crate) fn declare(declare: &mut Declare<'_>, config: &ModelConfig) -> Self {
        let wte = declare.table("transformer.wte.weight", Space::Vocab);
        let wpe = declare.table("transformer.wpe.weight", Space::Position);
        let blocks = (0..config.num_hidden_layers).map(|layer| Block::declare(declare, config, layer)).collect();
        declare.in_layer(None);
        // It feeds the tied output alone, whose matrix grows as a producer of Embed: the norm has to be the consumer.
        let ln_f = declare.norm("transformer.ln_f", Role::Consumes);
        Self { wte, wpe, blocks, ln_f }
    }

    /// The final hidden states, normed: `[N, H]`.
    fn hidden<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Matrix<D>> {
        let positions = pass.positions();
        let embedded = pass.embedding(&[(self.wte, &pass.batch.input_ids), (self.wpe, &positions)])?;
        let mut residual = pass.dropout(embedded, Site::Embeddings)?;
        // Each block ends with the norm that comes next, so that it is one operation with the sum before it.
        let first = self.blocks.first().map_or(self.ln_f, |block| block.ln_1);
        let mut normed = pass.layer_norm(&residual, first)?;
        for (layer, block) in self.blocks.iter().enumerate() {
            let next = self.blocks.get(layer + 1).map_or(self.ln_f, |block| block.ln_1);

            let qkv = pass.linear(&normed, block.c_attn)?;
            let attended = pass.attention(&qkv, layer, Visibility::Causal)?;
            let projected = pass.linear(&attended, block.attention_projection)?;
            let projected = pass.dropout(projected, Site::AttentionOutput(layer))?;
            (residual, normed) = pass.add_layer_norm(&projected, &residual, block.ln_2)?;

            let inner = pass.linear_gelu(&normed, block.c_fc, Gelu::Tanh)?;
            let projected = pass.linear(&inner, block.mlp_projection)?;
            let projected = pass.dropout(projected, Site::MlpOutput(layer))?;
            (residual, normed) = pass.add_layer_norm(&projected, &residual, next)?;
        }
        Ok(normed)
    }

    /// `[N, V]`.
    pub(crate) fn logits<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Matrix<D>> {
        let hidden = self.hidden(pass)?;
        pass.decode(&hidden, self.wte, None)
    }

    /// Mean loss of the next token.
    pub(crate) fn loss<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Scalar<D>> {
        let hidden = self.hidden(pass)?;
        pass.cross_entropy(&hidden, self.wte, None, &pass.batch.targets)
    }
}

impl Block {
    fn declare(declare: &mut Declare<'_>, config: &ModelConfig, layer: usize) -> Self {
        let (query, key, value, ffn) = (Space::Query(layer), Space::Key(layer), Space::Value(layer), Space::Ffn(layer));
        let residual_scale = 1.0 / ((2 * config.num_hidden_layers) as f32).sqrt();
        let linear = |declare: &mut Declare<'_>, name: &str, inputs, outputs: &[Space]| {
            declare.linear(name, Layout::InOut, inputs, outputs)
        };
        let into_residual = |declare: &mut Declare<'_>, name: &str, inputs| {
            declare.scaled_linear(name, Layout::InOut, inputs, &[Space::Embed], residual_scale)
        };
        declare.in_layer(layer);
        Self {
            ln_1: declare.norm("transformer.h.{}.ln_1", Role::Produces),
            c_attn: linear(declare, "transformer.h.{}.attn.c_attn", Space::Embed, &[query, key, value]),
            attention_projection: into_residual(declare, "transformer.h.{}.attn.c_proj", value),
            ln_2: declare.norm("transformer.h.{}.ln_2", Role::Produces),
            c_fc: linear(declare, "transformer.h.{}.mlp.c_fc", Space::Embed, &[ffn]),
            mlp_projection: into_residual(declare, "transformer.h.{}.mlp.c_proj", ffn),
        }
    }
}
