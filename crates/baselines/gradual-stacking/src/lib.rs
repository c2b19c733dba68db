//! Gradual stacking: depth grown block by block, each new block a copy of one that is there.
//!
//! From l to l + b layers (b ≤ l), one of two rules says which b layers are copied:
//!
//! ```text
//! top:     0, …, l − 1,  l − b, …, l − 1                     (Reddi et al. 2023)
//! middle:  0, …, s + b − 1,  s, …, s + b − 1,  s + b, …, l − 1        s = b · ⌊(l − b) / (2 b)⌋
//! ```
//!
//! `top` puts copies of the last b layers on top. `middle` is MIDAS (Saunshi et al., NeurIPS 2024, arXiv 2409.19044): with l =
//! n · b layers in n blocks, block ⌈n / 2⌉ is repeated beside itself, which leaves the first and the last layers, whose work is
//! special, where they are; its authors find models grown so better at reasoning. Neither preserves the function.
//!
//! The recipe, as `start` says:
//!
//! - `shallow` (the authors'): a fresh model of full width and L2 / k layers is trained and grown by L2 / k layers, k − 1
//!   times. The small model plays no part; the shallow stages are always charged.
//! - `small`: the pretrained small model is grown by (L2 − L1) / k layers and trained, k times. Where widths grow too, they
//!   grow in the first stage, by copies that are divided by their number (FPI, as in `bert2bert`).
//!
//! Steps are shared out in the ratio 1 : 2 : … : k by default, the deepest stage having most. Optimiser and learning-rate
//! schedule are as in `stackbert`: the one starts afresh after each growth, the other goes on.
//!
//! ```
//! use ligo_gradual_stacking::GradualStacking;
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let large: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 6
//!      num_attention_heads = 2",
//! )?;
//! let task = Task { small: large.clone(), large, steps: 600 };
//! let recipe = Method::<Cpu>::recipe(&GradualStacking, &toml::toml! { stages = 3 }, &task)?;
//! let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
//! assert_eq!(names, ["train-2-layers", "grow-to-4", "train-4-layers", "grow-to-6", "train"]);
//! # Ok(())
//! # }
//! ```

mod options;
#[cfg(test)]
mod tests;

pub use options::{GradualStackingOptions, GrowFrom, Variant};

use ligo_growth::{
    Axes, CopiedGrowth, DepthMap, Guarantee, Method, Recipe, Result, Stage, Start, Task, check_growth, check_head_dim,
    parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::ModelConfig;

/// The method's name in TOML files.
const NAME: &str = "gradual-stacking";

/// Depth block by block.
#[derive(Debug, Clone, Copy, Default)]
pub struct GradualStacking;

impl<D: Kernels> Method<D> for GradualStacking {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Trains at ever greater depth, each new block a copy of the middle one (MIDAS, Saunshi et al. 2024) or of the top one."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let options: GradualStackingOptions = parse_options(NAME, options)?;
        check_small(&options, task)?;
        let schedule = options.resolve(task)?;
        let of_depth = |layers| ModelConfig { num_hidden_layers: layers, ..task.large.clone() };
        let mut stages = Vec::with_capacity(2 * schedule.len());
        let (start, mut depth) = match options.start {
            GrowFrom::Small => (Start::Small, Some(task.small.num_hidden_layers)),
            GrowFrom::Shallow => (Start::Random(of_depth(schedule[0].0).into()), None),
        };
        for (i, (layers, steps)) in schedule.iter().enumerate() {
            if let Some(from) = depth {
                let depth = DepthMap::list(from, &options.variant.layers(from, *layers))?;
                let operator = CopiedGrowth { method: NAME, draw: options.draw, depth };
                stages.push(Stage::grow(format!("grow-to-{layers}"), of_depth(*layers), operator));
            }
            depth = Some(*layers);
            let name = if i + 1 == schedule.len() { "train".into() } else { format!("train-{layers}-layers") };
            stages.push(Stage::train(name, steps.clone()));
        }
        Ok(Recipe { start, stages })
    }

    fn axes(&self) -> Axes {
        Axes {
            width: "full from the start; from the small model borrowed: FPI",
            depth: "block by block, copies of the middle or the top one",
        }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let options: GradualStackingOptions = parse_options(NAME, options)?;
        check_small(&options, task)?;
        let schedule = options.resolve(task)?;
        if options.start == GrowFrom::Shallow {
            return Ok(Guarantee::Nothing("it starts from a shallow model of its own".into()));
        }
        let mut list: Vec<usize> = (0..task.small.num_hidden_layers).collect();
        for (layers, _) in schedule {
            list = options.variant.layers(list.len(), layers).into_iter().map(|j| list[j]).collect();
        }
        let depth = DepthMap::list(task.small.num_hidden_layers, &list)?;
        Ok(CopiedGrowth { method: NAME, draw: options.draw, depth }.guarantee(&task.small, &task.large))
    }
}

fn check_small(options: &GradualStackingOptions, task: &Task) -> Result<()> {
    if options.start == GrowFrom::Small {
        check_growth(&task.small, &task.large)?;
        check_head_dim(NAME, &task.small, &task.large)?;
    }
    Ok(())
}
