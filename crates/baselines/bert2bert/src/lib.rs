//! bert2BERT (Chen et al. 2022, arXiv 2110.07143): function-preserving initialisation, FPI, after Net2Net (arXiv 1511.05641), and
//! advanced knowledge initialisation, AKI, which looks a layer ahead.
//!
//! **FPI.** Each space has an index map g: large coordinate i copies small coordinate g(i); g is the identity on the old range
//! and drawn at random beyond. With c(j) = |g⁻¹(j)| copies of coordinate j,
//!
//! ```text
//! W_new[i, k] = W[g_out(i), g_in(k)] / c_in(g_in(k))        b_new[i] = b[g_out(i)]
//! ```
//!
//! so whatever reads the copies sums to what it read before. The residual stream has one map for the whole net, every layer one
//! for its MLP and one for its attention: whole heads are copied, the same ones for queries, keys and values, so that scores
//! and their scale 1/√head_dim stay; where several query heads share a value head they are copied with it, and CaiT's talking
//! heads follow the same map. The class-attention layers of CaiT have maps of their own. Norm gains and biases follow the
//! residual map; the norm in front of an output tied to the embedding divides by the counts, since the tied matrix itself
//! cannot.
//!
//! The function is preserved exactly if all residual coordinates have equally many copies: then the mean and the variance that
//! the norms see do not change. A random draw makes the counts differ, and the function is preserved but for the norms, as in
//! the original; `draw = "balanced"` copies every coordinate equally often (within one).
//!
//! **AKI** makes the same maps, but what a layer's new rows hold is the next layer's: with W̃ⁿ the weight of layer n, its columns
//! widened as above,
//!
//! ```text
//! W_new^n[i, :] = W̃^n[i, :]  (i < d_out)        W̃^{n+1}[g_out(i), :]  (i ≥ d_out)
//! ```
//!
//! biases likewise, so that copies differ from the start and the large model is given what upper layers know. The columns are
//! those of layer n's own maps, the next layer's weights being read through them; the last layer has no next one and takes its
//! own; norms, LayerScale and everything outside the layers are FPI's. The function is not preserved, but where all layers are
//! equal AKI is FPI.
//!
//! **Depth** grows by stacking the widened model ⌊L2 / L1⌋ times, the remainder being its top layers. Going deeper is not
//! function preserving.
//!
//! **Two-stage training.** With `sub_model_layers` = l, the first part of the steps trains sub-models: each step draws one of
//! those made of the bottom k · l layers and the head, and trains its top l layers. The rest trains all. The authors take l = 3
//! of 12 layers for 5 of 40 epochs (the default share); LiGO's comparison with staged training takes 50 k of 400 k steps, as
//! much.
//!
//! ```
//! use ligo_bert2bert::Bert2Bert;
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'bert'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 8, num_attention_heads: 4, num_hidden_layers: 2, ..small.clone() };
//! let options = toml::toml! {
//!     scheme = "aki"
//!     draw = "balanced"
//!     sub_model_layers = 1
//! };
//! let recipe = Method::<Cpu>::recipe(&Bert2Bert, &options, &Task { small, large, steps: 600 })?;
//! let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
//! assert_eq!(names, ["grow", "train-sub-models", "train"]);
//! # Ok(())
//! # }
//! ```

mod aki;
mod options;
#[cfg(test)]
mod schemes;
#[cfg(test)]
mod tests;

pub use aki::AdvancedKnowledge;
pub use ligo_growth::Draw;
pub use options::{Bert2BertOptions, Scheme};

use ligo_growth::{
    Axes, CopiedGrowth, DepthMap, Growth, GrowthOperator, Guarantee, Made, Method, Moments, Recipe, Result, Stage,
    Start, SubModels, Task, Training, check_growth, check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters};

/// The method's name in TOML files.
const NAME: &str = "bert2bert";

/// Widening by copies, then stacking.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bert2Bert;

impl<D: Kernels> Method<D> for Bert2Bert {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Widens by copying neurons and heads (FPI, AKI), stacks layers, then trains (Chen et al. 2022)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let options: Bert2BertOptions = parse_options(NAME, options)?;
        check_growth(&task.small, &task.large)?;
        check_head_dim(NAME, &task.small, &task.large)?;
        let (to, draw) = (task.large.clone(), options.draw);
        let mut stages = vec![match options.scheme {
            Scheme::Fpi => Stage::grow("grow", to, FunctionPreserving { draw }),
            Scheme::Aki => Stage::grow("grow", to, AdvancedKnowledge { draw }),
        }];
        let mut from = 0;
        if let Some((layers, steps)) = options.sub_models(task)? {
            let training = Training { sub_models: Some(SubModels { layers }), ..Training::default() };
            stages.push(Stage::train_as("train-sub-models", 0..steps, training));
            from = steps;
        }
        stages.push(Stage::train("train", from..task.steps));
        Ok(Recipe { start: Start::Small, stages })
    }

    fn axes(&self) -> Axes {
        Axes { width: "copies, divided by their number (FPI, AKI)", depth: "stacking, the remainder from the top" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let options: Bert2BertOptions = parse_options(NAME, options)?;
        check_growth(&task.small, &task.large)?;
        check_head_dim(NAME, &task.small, &task.large)?;
        options.sub_models(task)?;
        let guarantee = copied(options.draw, &task.small, &task.large).guarantee(&task.small, &task.large);
        Ok(match (options.scheme, guarantee) {
            (Scheme::Aki, Guarantee::Function) => Guarantee::Nothing("new rows hold the next layer's".into()),
            (_, guarantee) => guarantee,
        })
    }
}

/// The operator behind [`Bert2Bert`] by FPI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionPreserving {
    /// How the copied coordinates are drawn.
    pub draw: Draw,
}

impl<D: Kernels> GrowthOperator<D> for FunctionPreserving {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        copied(self.draw, growth.small.config(), growth.large.config()).grow(growth)
    }

    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        copied(self.draw, growth.small.config(), growth.large.config()).grow_showing(growth, made)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        copied(self.draw, growth.small.config(), growth.large.config()).grow_moments(growth, moments)
    }
}

fn copied(draw: Draw, small: &ModelConfig, large: &ModelConfig) -> CopiedGrowth {
    let depth = DepthMap::stack_then_top(small.num_hidden_layers, large.num_hidden_layers);
    CopiedGrowth { method: NAME, draw, depth }
}
