//! MSLT: multi-stage layerwise training (Yang et al. 2020, "Progressively Stacking 2.0", arXiv 2011.13635).
//!
//! A fresh model of full width and b = L2 / k layers is trained, then grown by copies of its top b layers, which are put on top,
//!
//! ```text
//! W_new_i = W_i  (i < l)        W_new_{l + i} = W_{l − b + i}  (i < b)
//! ```
//!
//! and so on until all L2 layers are there. While the model grows, only the new top layers train, with what stands on them
//! (final norm and head, a tied embedding included); the layers below run forward alone, which saves their backward pass, and
//! no gradient goes through them to the embeddings. The last stage trains everything. The pretrained small model is not used;
//! the shallow stages are part of the method and always charged.
//!
//! How the steps are shared out: LiGO's comparison does not say. Its Figure 2a shows jumps at about 0.7, 1.3 and 2.5 · 10¹⁸
//! FLOPs of 4.0 (PAPER.md section 4, item 3), so four stages; with 3, 6, 9 and 12 layers, backward passes of the top three
//! layers, the head and the embeddings alone, and of all in the fourth stage, 25, 20, 30 and 25 % of 400 k steps end at 0.65,
//! 1.28, 2.40 and 3.90 · 10¹⁸ by the same count. Hence the default.
//!
//! ```
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_mslt::Mslt;
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
//! let recipe = Method::<Cpu>::recipe(&Mslt, &toml::toml! { stages = 2 }, &task)?;
//! let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
//! assert_eq!(names, ["train-2-layers", "grow-to-4", "train"]);
//! # Ok(())
//! # }
//! ```

mod options;
#[cfg(test)]
mod tests;

pub use options::MsltOptions;

use ligo_growth::{
    Axes, DepthMap, Guarantee, LinearGrowth, Method, Recipe, Result, Stage, Start, Task, Trained, Training, WidthMap,
    parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::ModelConfig;

/// The method's name in TOML files.
const NAME: &str = "mslt";

/// Train the top, grow, train the top, …, train all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mslt;

impl<D: Kernels> Method<D> for Mslt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Grows a shallow model of full width in stages that train the new top layers alone, then trains all (Yang et al. 2020)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let options: MsltOptions = parse_options(NAME, options)?;
        let plan = options.resolve(task)?;
        let of_depth = |layers| ModelConfig { num_hidden_layers: layers, ..task.large.clone() };
        let mut stages = Vec::with_capacity(2 * plan.len());
        let mut depth = plan[0].layers;
        for (i, part) in plan.iter().enumerate() {
            if part.layers > depth {
                let layers: Vec<usize> = (0..depth).chain(2 * depth - part.layers..depth).collect();
                let grow = LinearGrowth { width: WidthMap::keep(), depth: DepthMap::list(depth, &layers)? };
                stages.push(Stage::grow(format!("grow-to-{}", part.layers), of_depth(part.layers), grow));
                depth = part.layers;
            }
            let name = if i + 1 == plan.len() { "train".into() } else { format!("train-{depth}-layers") };
            let trained = if part.trained_from == 0 { Trained::All } else { Trained::From(part.trained_from) };
            stages.push(Stage::train_as(name, part.steps.clone(), Training { trained, ..Training::default() }));
        }
        Ok(Recipe { start: Start::Random(of_depth(plan[0].layers).into()), stages })
    }

    fn axes(&self) -> Axes {
        Axes { width: "full from the start", depth: "copies of the top layers on top, trained alone" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let options: MsltOptions = parse_options(NAME, options)?;
        options.resolve(task)?;
        Ok(Guarantee::Nothing("it starts from a shallow model of its own".into()))
    }
}
