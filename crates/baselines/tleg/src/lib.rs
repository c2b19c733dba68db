//! TLEG: layers along a straight line between two (Xia et al., AAAI 2024, "Transformer as Linear Expansion of Learngene").
//!
//! Every large layer, norms and biases included, is the same linear function of two sets of weights, the learngene (θ_A, θ_B):
//!
//! ```text
//! θ_new_i = θ_B + (i / L2) · θ_A        i = 0 … L2 − 1
//! ```
//!
//! which is LiGO's depth mix with w_i = (1, i / L2). The authors learn θ_A and θ_B in a small model made for it, whose layers
//! follow the line too. Here they come from any pretrained small model, as the option `gene` says:
//!
//! - `fit` (the default): the line that lies closest to the L1 small layers, by least squares over all their weights. With
//!   t_j = j / L1, t̄ their mean and S = Σ_j (t_j − t̄)²,
//!
//!   ```text
//!   θ_A = Σ_j a_j W_j,  a_j = (t_j − t̄) / S        θ_B = Σ_j b_j W_j,  b_j = 1 / L1 − t̄ a_j
//!   ```
//!
//!   so w_ij = b_j + (i / L2) a_j. Two layers lie on their line, and a model whose layers follow a line gives that line back; a
//!   single layer is repeated.
//! - `pair`: the small model has two layers, which *are* θ_B (the first) and θ_A (the second), as a learngene trained elsewhere
//!   may be stored.
//!
//! Nothing is preserved: a pretrained model's layers do not lie on a line, unless they were made to.
//!
//! It is a rule for depth alone. Where widths grow too, they grow by copies that are divided by their number (FPI), before the
//! layers are mixed.
//!
//! ```
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_tleg::{Gene, Tleg, depth};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let line = depth(Gene::Pair, 2, 4)?;
//! assert_eq!(line.matrix(), [1.0, 0.0, 1.0, 0.25, 1.0, 0.5, 1.0, 0.75]);
//!
//! let small: ModelConfig = toml::from_str(
//!     "family = 'vit'
//!      hidden_size = 4
//!      num_hidden_layers = 2
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { num_hidden_layers: 4, ..small.clone() };
//! let recipe = Method::<Cpu>::recipe(&Tleg, &toml::Table::new(), &Task { small, large, steps: 600 })?;
//! assert_eq!(recipe.stages.len(), 2);
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, CopiedGrowth, DepthMap, Draw, GrowthError, Guarantee, Method, Recipe, Result, Stage, Start, Task,
    check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "tleg";

/// Layers along a line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tleg;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlegOptions {
    /// Where θ_A and θ_B come from: `fit`, or `pair`.
    pub gene: Gene,
    /// How FPI draws its copies where widths grow: `random`, or `balanced`.
    pub draw: Draw,
}

/// Where the learngene comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gene {
    /// The line closest to all small layers.
    #[default]
    Fit,
    /// The small model's two layers are (θ_B, θ_A).
    Pair,
}

impl<D: Kernels> Method<D> for Tleg {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Lays the large model's layers along the straight line through the small one's, then trains (Xia et al. 2024)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let grow = Stage::grow("grow", task.large.clone(), operator(options, task)?);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "borrowed: copies, divided by their number (FPI)", depth: "along a straight line" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        Ok(operator(options, task)?.guarantee(&task.small, &task.large))
    }
}

fn operator(options: &toml::Table, task: &Task) -> Result<CopiedGrowth> {
    let TlegOptions { gene, draw } = parse_options(NAME, options)?;
    check_growth(&task.small, &task.large)?;
    check_head_dim(NAME, &task.small, &task.large)?;
    let depth = depth(gene, task.small.num_hidden_layers, task.large.num_hidden_layers)?;
    Ok(CopiedGrowth { method: NAME, draw, depth })
}

/// w: for each of the large layers its weights of the small ones; what weighs nothing is left out.
///
/// # Errors
/// [`GrowthError::Option`] for a pair of another number of layers than two.
pub fn depth(gene: Gene, small_layers: usize, large_layers: usize) -> Result<DepthMap> {
    if gene == Gene::Pair && small_layers != 2 {
        let reason = format!(
            "found \"pair\", which are the two layers of a small model, and {small_layers} layers; fit takes any"
        );
        return Err(GrowthError::option(NAME, "gene", reason));
    }
    let line = match gene {
        Gene::Pair => vec![(1.0, 0.0), (0.0, 1.0)],
        Gene::Fit => fitted(small_layers),
    };
    let weights = |i: usize| {
        let place = i as f64 / large_layers as f64;
        let weight = move |(j, &(b, a)): (usize, &(f64, f64))| (j, (b + place * a) as f32);
        line.iter().enumerate().map(weight).filter(|&(_, weight)| weight != 0.0).collect()
    };
    DepthMap::mix(small_layers, (0..large_layers).map(weights).collect())
}

/// (b_j, a_j) of the line through all layers.
fn fitted(layers: usize) -> Vec<(f64, f64)> {
    let place = |j: usize| j as f64 / layers as f64;
    let mean = (0..layers).map(place).sum::<f64>() / layers as f64;
    let spread: f64 = (0..layers).map(|j| (place(j) - mean).powi(2)).sum();
    let weights = |j: usize| {
        let a = if layers > 1 { (place(j) - mean) / spread } else { 0.0 };
        (1.0 / layers as f64 - mean * a, a)
    };
    (0..layers).map(weights).collect()
}
