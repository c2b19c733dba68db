//! Which depth weights each module takes.

use super::Plan;
use super::factor::{FactorPlan, declare};
use crate::options::{BiasDepth, DepthStart, DepthWeights, FactorOptions};
use ligo_models::{Model, Part};
use std::collections::HashMap;

/// Gives each module of a model that gets deeper its depth weights.
pub(super) fn add(plan: &mut Plan, large: &Model, options: &FactorOptions) {
    let (small_layers, large_layers) = plan.layers;
    if small_layers == large_layers {
        return;
    }
    let mut known: HashMap<String, usize> = HashMap::new();
    for module in &mut plan.modules {
        let first = module.large[0];
        let spec = &large.specs()[first];
        if spec.layer.is_none() {
            continue;
        }
        let ends_a_branch = matches!(large.part(first), Part::AttentionOutput | Part::MlpOutput);
        let silent = ends_a_branch && options.depth_start == DepthStart::Identity;
        module.mix = Some(*known.entry(name(&spec.module, options)).or_insert_with_key(|name| {
            plan.specs.push(declare(name.clone(), [large_layers, small_layers], true));
            plan.factors.push(FactorPlan::Depth { silent });
            plan.factors.len() - 1
        }));
    }
}

/// `w.` and the module's name within its layer: `w.attn.c_attn`, or `w.attn.c_attn.bias` where biases have their own. Where one w
/// serves all modules it is `w.all`, or `w.weights` and `w.biases`.
fn name(module: &str, options: &FactorOptions) -> String {
    let within = module.split_once("{}.").map_or(module, |(_, within)| within);
    let owner = match (options.depth_weights, options.bias_depth) {
        (DepthWeights::PerModule, BiasDepth::Shared) => within.rsplit_once('.').map_or(within, |(owner, _)| owner),
        (DepthWeights::PerModule, BiasDepth::Own) => within,
        (DepthWeights::Shared, BiasDepth::Shared) => "all",
        (DepthWeights::Shared, BiasDepth::Own) if within.ends_with("bias") => "biases",
        (DepthWeights::Shared, BiasDepth::Own) => "weights",
    };
    format!("w.{owner}")
}
