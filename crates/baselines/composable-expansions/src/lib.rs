//! Composable function-preserving expansions (Gesmundo & Maile 2023, arXiv 2308.06103), for pre-norm models with RMS norms.
//!
//! Each of these leaves the function as it is, whatever the values marked `*` are; here they are the large model's own fresh
//! start:
//!
//! | what grows | how |
//! |---|---|
//! | MLP, p → P | `in: [W; *]`, `out: [W  0]`: new neurons are there, and nothing reads them yet |
//! | heads, A → A + 1 | query, key, value `*`, and `o: [W  0]` |
//! | value size | new columns of o are 0 |
//! | key size, k → K | new key rows 0, old ones times √(K/k) |
//! | width, d → D | writers `[W; 0]`, readers `[W  *]`, gains `[√(d/D) γ, *]`, ε times d/D |
//! | layers | one whose o and whose MLP output are 0, the rest `*` |
//!
//! - **Width.** The stream becomes `[h, 0]`, whose mean square is d/D times that of h: `√(d/D) γ h / √(d/D · ms + d/D · ε)` is
//!   what the norm was. (ε is this crate's addition: with the same ε the rest of the formula is exact for ε = 0 only.) An
//!   output tied to the embedding reads through the last norm, whose new values are 0. Qwen3 norms queries and keys with the
//!   same ε; they are multiplied by √(d/D), which makes up for it.
//! - **Heads** come with their keys and values: where several query heads share those, a whole group is new.
//! - **Key and value size** are one number in these models, `head_dim`, and rotary positions turn each pair of a head's
//!   coordinates at a speed of its own, which a longer head would change. So it is refused.
//! - **Layers** are spread over the depth; what is free of them is a copy of the layer before instead of a fresh start, as in
//!   block expansion.
//!
//! Under a layer norm zeros in the stream shift the mean, and the function with it: those families are refused. `lemon` is
//! exact for them.
//!
//! ```
//! use ligo_composable_expansions::ComposableExpansions;
//! use ligo_growth::{Action, Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'llama'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 6, num_attention_heads: 3, num_hidden_layers: 2, ..small.clone() };
//! let task = Task { small, large, steps: 600 };
//! let recipe = Method::<Cpu>::recipe(&ComposableExpansions, &toml::Table::new(), &task)?;
//! let Action::Grow { to, .. } = &recipe.stages[0].action else { unreachable!("the first stage grows") };
//! assert!((to.layer_norm_eps() - 1e-6 * 4.0 / 6.0).abs() < 1e-12);
//! # Ok(())
//! # }
//! ```

mod maps;
#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, DepthMap, Growth, GrowthError, GrowthOperator, Guarantee, LinearGrowth, Made, Method, Moments, Recipe,
    Result, Stage, Start, Task, check_growth, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters};
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "composable-expansions";

/// New on the side that writes, 0 on the side that is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ComposableExpansions;

/// It has no options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComposableExpansionsOptions {}

impl<D: Kernels> Method<D> for ComposableExpansions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Grows models with RMS norms along any axes by values that nothing reads yet (Gesmundo & Maile 2023)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let ComposableExpansionsOptions {} = parse_options(NAME, options)?;
        let grow = Stage::grow("grow", grown_config(&task.small, &task.large)?, Expanding);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "fresh writers, readers of 0 (RMS norms)", depth: "silent copies" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let ComposableExpansionsOptions {} = parse_options(NAME, options)?;
        grown_config(&task.small, &task.large)?;
        Ok(Guarantee::Function)
    }
}

/// The model that `small` grows to if it is to have the sizes of `large`: ε of its norms is d/D times as large.
///
/// # Errors
/// [`GrowthError::Sizes`] if the one cannot grow into the other, or not by these expansions.
pub fn grown_config(small: &ModelConfig, large: &ModelConfig) -> Result<ModelConfig> {
    check_heads(small, large)?;
    check_growth(small, large)?;
    check_family(small)?;
    let eps = maps::eps(small, large);
    let changes = eps != large.layer_norm_eps();
    Ok(ModelConfig { layer_norm_eps: if changes { Some(eps) } else { large.layer_norm_eps }, ..large.clone() })
}

/// Refuses longer heads: for key and value size there is one number, and rotary positions.
fn check_heads(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    let (from, to) = (small.head_dim(), large.head_dim());
    if !small.family.is_llama_style() || from == to {
        return Ok(());
    }
    let expected = format!(
        "{from}: rotary positions turn each pair of a head's coordinates at a speed of its own, so heads keep their length; ask \
         for more heads instead"
    );
    Err(GrowthError::Sizes { what: "head_dim".into(), found: to.to_string(), expected })
}

/// Refuses families with layer norms.
fn check_family(small: &ModelConfig) -> Result<()> {
    if small.family.is_llama_style() {
        return Ok(());
    }
    let expected = "one with RMS norms (llama, mistral, qwen2, qwen3): new coordinates of 0 shift the mean that a layer norm \
                    takes away; method `lemon` grows this family without loss";
    Err(GrowthError::Sizes { what: "family".into(), found: small.family.to_string(), expected: expected.into() })
}

/// The operator behind [`ComposableExpansions`]; it grows to what [`grown_config`] gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expanding;

impl Expanding {
    fn linear<D: Kernels>(&self, growth: &Growth<'_, D>) -> Result<LinearGrowth> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check_family(small)?;
        let depth = DepthMap::spread(small.num_hidden_layers, large.num_hidden_layers);
        Ok(LinearGrowth { width: maps::width(small, large)?, depth })
    }
}

impl<D: Kernels> GrowthOperator<D> for Expanding {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        self.linear(growth)?.grow(growth)
    }

    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        self.linear(growth)?.grow_showing(growth, made)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.linear(growth)?.grow_moments(growth, moments)
    }
}
