//! Staged training's growth operators (Shen et al. 2022, arXiv 2203.06211; allenai/staged-training).
//!
//! **Width × n** (the paper: 2). The residual stream becomes `[h, h]`; two copies of the model stand side by side, and neither
//! reads the other yet:
//!
//! ```text
//! W_new = [ W  0 ]     b_new = [b, b]     E_new = [E, E]     γ_last = [γ/2, γ/2],  β_last = [β/2, β/2]
//!         [ 0  W ]
//! ```
//!
//! for every map between two widths that grow, GPT-2's fused queries, keys and values third by third, heads and talking heads
//! too. Norms repeat: `[h, h]` has the mean and the variance of h, before and behind the sums alike. An output of the model
//! adds both copies up, so each counts half: an output tied to the embedding by the norm in front of it, one of its own by
//! itself, `[W/2, W/2]`. Where only one side of a map grows, writers repeat and readers divide.
//!
//! **Depth.** The paper doubles it with a copy behind each layer that starts as the identity; any other depth spreads its
//! copies ([`DepthMap::spread`]). The authors zero the gain and the bias of a copy's norms. That alone leaves what the biases
//! of the maps behind them add; here the output maps of attention and MLP are 0 instead, which is the identity in every family,
//! with biases or without. In post-norm models the norm before a run of copies moves to its end.
//!
//! **The optimiser** grows along: gradients of `W` in the diagonal are 1/n of the small model's, so first moments are divided
//! by n and second ones by n². (A norm that was itself divided keeps its gradient, and its moments.) The blocks of zeros get
//! gradients of that size from the first step on. Their first moments are 0, as they are in the authors' code; their second
//! moments are those of the blocks in the diagonal, and not 0: else their first steps would be up to six times as long as any
//! other. So one step of AdamW moves the diagonal exactly as it would have moved the small model, and the rest by a tenth (1 −
//! β₁) of a step.
//!
//! **The learning rate.** After growth the authors go on at the rate that the large model's own schedule has at the same loss: at
//! η(t), t being the step at which the large model alone would be where the grown one is. No value of a row's
//! `learning_rate_after_growth` does that: `"restart"` is the whole schedule over the steps that are left, `"continue"` the
//! schedule where it stands without its warm-up, `"re-warm"` the same behind a ramp; a key for the step at which to go on does
//! not exist. To come near, run `scratch` first and take t from its curve: where it passes the small model's last loss, which
//! is the grown model's first. Then give this method's row a schedule of its own, the rest of the large model's, with S steps
//! in all, the peak η and the final ratio r of `[training]`:
//!
//! ```toml
//! [methods.training]
//! steps = 400                 # S − t
//! warmup_steps = 0
//! learning_rate = 7e-4        # η(t)
//! final_ratio = 0.14          # r η / η(t)
//! ```
//!
//! Where the schedule is linear and t lies behind its warm-up, that is the authors' rule; a cosine is right at both ends, and
//! another one in between.
//!
//! The two copies are equal, and stay so without dropout. `noise` moves a little of what one copy is read with to the other
//! without changing the function: `(w + n) x + (0 − n) x`, n ~ N(0, (noise · w)²). The authors add none, which is the default.
//!
//! ```
//! use ligo_growth::{Guarantee, Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_staged_training::StagedTraining;
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
//! let task = Task { small, large, steps: 600 };
//! let guarantee = Method::<Cpu>::guarantee(&StagedTraining, &toml::Table::new(), &task)?;
//! assert_eq!(guarantee, Guarantee::Function);
//! # Ok(())
//! # }
//! ```

mod blocks;
#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, DepthMap, Growth, GrowthError, GrowthOperator, Guarantee, LinearGrowth, Method, Moments, Noise, Recipe,
    Result, Stage, Start, Task, WidthMap, check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{Family, ModelConfig, Parameters};
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "staged-training";

/// Copies side by side, silent copies between layers.
#[derive(Debug, Clone, Copy, Default)]
pub struct StagedTraining;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StagedTrainingOptions {
    /// How much of a weight moves from one copy to the other: the standard deviation relative to the weight. 0: nothing.
    pub noise: f32,
}

impl StagedTrainingOptions {
    fn parse(table: &toml::Table) -> Result<Self> {
        let options: Self = parse_options(NAME, table)?;
        if options.noise.is_finite() && options.noise >= 0.0 {
            return Ok(options);
        }
        Err(GrowthError::option(
            NAME,
            "noise",
            format!("found {}, expected a number that is at least 0", options.noise),
        ))
    }
}

impl<D: Kernels> Method<D> for StagedTraining {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Puts copies of the model side by side and silent copies behind layers, keeping loss and dynamics (Shen et al. 2022)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let StagedTrainingOptions { noise } = StagedTrainingOptions::parse(options)?;
        check(&task.small, &task.large)?;
        let grow = Stage::grow("grow", task.large.clone(), SideBySide { noise });
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes { width: "copies side by side, zeros between", depth: "silent copies" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        StagedTrainingOptions::parse(options)?;
        check(&task.small, &task.large)?;
        Ok(Guarantee::Function)
    }
}

/// Refuses widths that are not all multiplied by one number, or left alone.
fn check(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    check_growth(small, large)?;
    let class_ffn = |config: &ModelConfig| match config.family {
        Family::Cait => config.class_intermediate_size(),
        _ => 1,
    };
    let sizes = |config: &ModelConfig| {
        [
            ("hidden_size", config.hidden_size),
            ("num_attention_heads", config.num_attention_heads),
            ("intermediate_size", config.intermediate_size()),
            ("class_intermediate_size", class_ffn(config)),
        ]
    };
    let mut times = None;
    for ((what, from), (_, to)) in sizes(small).into_iter().zip(sizes(large)).filter(|((_, from), (_, to))| from != to)
    {
        let expected = match times {
            None if to.is_multiple_of(from) => {
                times = Some(to / from);
                continue;
            }
            Some(times) if to == from * times => continue,
            None => format!("a multiple of {from}"),
            Some(times) => format!("{from}, or {} as the other widths grow {times} times", from * times),
        };
        let expected = format!("{expected}, since {NAME} copies the whole small model (`lemon` takes any width)");
        return Err(GrowthError::Sizes { what: what.into(), found: to.to_string(), expected });
    }
    check_head_dim(NAME, small, large)
}

/// The operator behind [`StagedTraining`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SideBySide {
    /// As [`StagedTrainingOptions::noise`].
    pub noise: f32,
}

impl SideBySide {
    /// Copies that read each other as much as themselves, which [`blocks`] makes into copies that do not.
    fn linear<D: Kernels>(&self, growth: &Growth<'_, D>) -> Result<LinearGrowth> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check(small, large)?;
        let depth = DepthMap::spread(small.num_hidden_layers, large.num_hidden_layers);
        Ok(LinearGrowth { width: WidthMap::tiled(small, large)?, depth })
    }
}

impl<D: Kernels> GrowthOperator<D> for SideBySide {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        let linear = self.linear(growth)?;
        let mut grown = linear.grow(growth)?;
        blocks::keep_apart(growth, &linear.depth, &mut grown, blocks::Diagonal::Whole);
        if self.noise > 0.0 {
            linear.add_noise(growth, &mut grown, Noise::Shares(self.noise))?;
        }
        Ok(grown)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        let linear = self.linear(growth)?;
        let mut grown = linear.grow_moments(growth, moments)?;
        if let Some(moments) = &mut grown {
            // The second moments of the blocks of zeros stay: their gradients are as large as the diagonal's.
            blocks::keep_apart(growth, &linear.depth, &mut moments.first, blocks::Diagonal::AsItIs);
        }
        Ok(grown)
    }
}
