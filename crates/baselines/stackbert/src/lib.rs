//! StackBERT: progressive stacking (Gong et al., ICML 2019).
//!
//! The large model is trained from its own shallow beginnings: a fresh model of full width and L2 / 2ᵏ layers is trained, stacked
//! on itself (layer i of the deeper model is layer i mod l of the shallower one),
//!
//! ```text
//! W_new_i = W_{i mod l}        i = 0 … 2l − 1
//! ```
//!
//! trained, stacked, …, until all L2 layers are there. The optimiser starts afresh after each doubling, while the learning-rate
//! schedule goes on. The pretrained small model is not used; the shallow stages are part of the method and always charged.
//!
//! How the steps are shared out: the authors train 3, 6, then 12 layers for 50 k, 20 k and up to 800 k updates. For LiGO's
//! comparison the stage lengths are not published, but its Figure 2a shows the doublings at about 70 to 80 k and 200 k of 400 k
//! steps (PAPER.md section 4, item 2); hence the default of 20 %, 30 %, 50 %.
//!
//! ```
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_stackbert::StackBert;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let large: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 4
//!      num_attention_heads = 2",
//! )?;
//! let task = Task { small: large.clone(), large, steps: 600 };
//! let recipe = Method::<Cpu>::recipe(&StackBert, &toml::Table::new(), &task)?;
//! let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
//! assert_eq!(names, ["train-1-layers", "stack-to-2", "train-2-layers", "stack-to-4", "train"]);
//! # Ok(())
//! # }
//! ```

mod options;

#[cfg(test)]
mod tests;

pub use options::StackBertOptions;

use ligo_growth::{
    Axes, DepthMap, Guarantee, LinearGrowth, Method, Recipe, Result, Stage, Start, Task, WidthMap, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::ModelConfig;

/// The method's name in TOML files.
const NAME: &str = "stackbert";

/// Train, stack, train, stack, train.
#[derive(Debug, Clone, Copy, Default)]
pub struct StackBert;

impl<D: Kernels> Method<D> for StackBert {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Trains a shallow model of full width, doubles its depth by stacking, and so on (Gong et al. 2019)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let options: StackBertOptions = parse_options(NAME, options)?;
        let schedule = options.resolve(task)?;
        let mut stages = Vec::with_capacity(2 * schedule.len());
        let of_depth = |layers| ModelConfig { num_hidden_layers: layers, ..task.large.clone() };
        for (i, (layers, steps)) in schedule.iter().enumerate() {
            if i > 0 {
                let stack = LinearGrowth { width: WidthMap::keep(), depth: DepthMap::stack(layers / 2, *layers) };
                stages.push(Stage::grow(format!("stack-to-{layers}"), of_depth(*layers), stack));
            }
            let last = i + 1 == schedule.len();
            let name = if last { "train".into() } else { format!("train-{layers}-layers") };
            stages.push(Stage::train(name, steps.clone()));
        }
        // There is a first stage: `resolve` gives one more than there are doublings.
        Ok(Recipe { start: Start::Random(of_depth(schedule[0].0).into()), stages })
    }

    fn axes(&self) -> Axes {
        Axes { width: "full from the start", depth: "stacking, doubling by doubling" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let options: StackBertOptions = parse_options(NAME, options)?;
        options.resolve(task)?;
        Ok(Guarantee::Nothing("it starts from a shallow model of its own".into()))
    }
}
