//! my-method: one sentence that says what it does and whose it is (authors, year, arXiv number).
//!
//! What stands here is a working example. Put in its place the paper's formula with every symbol explained, its source, what is
//! preserved and when, what happens along the axis that the paper does not grow, and where the method cannot apply.
//!
//! ```text
//! W_new[i, k] = W[i mod d_out, k mod d_in] / c(k mod d_in)        b_new[i] = b[i mod d_out]
//! ```
//!
//! W `[d_out, d_in]` is a small weight and W_new its large counterpart; c(j) large coordinates copy small coordinate j, and whoever
//! reads them divides by their number. Heads are copied whole. Large layer l is small layer l mod L1, or ⌊l · L1 / L2⌋ if
//! `order = "interpolate"`. The function is preserved where no layer is added and every count is the same, so that the norms see
//! the mean and the variance that they saw.
//!
//! ```
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_my_method::MyMethod;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 8, num_attention_heads: 4, num_hidden_layers: 2, ..small.clone() };
//! let options = toml::toml! { order = "interpolate" };
//! let recipe = Method::<Cpu>::recipe(&MyMethod, &options, &Task { small, large, steps: 600 })?;
//! let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
//! assert_eq!(names, ["grow", "train"]);
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, DepthMap, Growth, GrowthOperator, Guarantee, LinearGrowth, Made, Method, Moments, Recipe, Result, SpaceMap,
    Stage, Start, Task, WidthMap, check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters};
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "my-method";

/// Copies in turn, layers repeated.
#[derive(Debug, Clone, Copy, Default)]
pub struct MyMethod;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MyMethodOptions {
    /// Where the small layers stand in the large model.
    pub order: Order,
}

/// Where the small layers stand in the large model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after the other, then again from the first.
    #[default]
    Stack,
    /// Each repeated in place.
    Interpolate,
}

impl Order {
    fn map(self, small: &ModelConfig, large: &ModelConfig) -> DepthMap {
        let (from, to) = (small.num_hidden_layers, large.num_hidden_layers);
        match self {
            Self::Stack => DepthMap::stack(from, to),
            Self::Interpolate => DepthMap::interpolate(from, to),
        }
    }
}

impl<D: Kernels> Method<D> for MyMethod {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Copies channels, neurons and heads in turn, repeats layers, then trains."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let MyMethodOptions { order } = parse_options(NAME, options)?;
        let operator = MyMethodOperator { order };
        // What cannot be grown is told before anything is trained.
        operator.maps(&task.small, &task.large)?;
        let grow = Stage::grow("grow", task.large.clone(), operator);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "copies in turn, divided by their number", depth: "stacking, or each layer repeated" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let MyMethodOptions { order } = parse_options(NAME, options)?;
        let maps = MyMethodOperator { order }.maps(&task.small, &task.large)?;
        Ok(Guarantee::Layers(maps.depth.layers().unwrap_or_default()))
    }
}

/// The operator behind [`MyMethod`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MyMethodOperator {
    /// Where the small layers stand in the large model.
    pub order: Order,
}

impl MyMethodOperator {
    /// A map for each space of the model, and one for its layers.
    fn maps(&self, small: &ModelConfig, large: &ModelConfig) -> Result<LinearGrowth> {
        check_growth(small, large)?;
        check_head_dim(NAME, small, large)?;
        let width = WidthMap::per_space(small, large, |_, small, large| {
            // A unit is a channel, a neuron or a whole head.
            let in_turn: Vec<usize> = (0..large.units).map(|i| i % small.units).collect();
            Ok(SpaceMap::duplicating(&in_turn, small.unit))
        })?;
        Ok(LinearGrowth { width, depth: self.order.map(small, large) })
    }
}

impl<D: Kernels> GrowthOperator<D> for MyMethodOperator {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        self.maps(growth.small.config(), growth.large.config())?.grow(growth)
    }

    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        self.maps(growth.small.config(), growth.large.config())?.grow_showing(growth, made)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.maps(growth.small.config(), growth.large.config())?.grow_moments(growth, moments)
    }
}
