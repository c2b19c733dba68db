//! MSG: masked structural growth (Yao et al., ICLR 2024, arXiv 2305.02869).
//!
//! The small weights lie in the corner of the large ones and its layers at the bottom; everything new is drawn fresh. So that
//! nothing new disturbs the old, every new coordinate of the residual stream, MLP neuron, head and layer carries a mask c,
//! which the training raises along a straight line:
//!
//! ```text
//! c(step) = min(1, step / fade_steps) for what is new, 1 for what is old
//! new coordinate, neuron, head:   c · (what produces it)
//! new layer:                      x + c · (what it adds to x)
//! norms:                          mean and variance over the coordinates, weighted by c
//! ```
//!
//! At c = 0 the large model computes what the small one does, whatever the new values are, in every dimension at once and
//! behind layer norms too; at c = 1 it is the plain large model, and from there on the masks are gone. In between, the new
//! dimensions learn while their share grows.
//!
//! Masks belong to the training: what this operator grows is the large model as it is at c = 1, which preserves nothing by
//! itself. Two places need more than masks. CaiT's talking heads read the scores and the probabilities of new heads, which no
//! mask of their values silences: the columns that read them start at 0. In a post-norm model (BERT, RoBERTa) a layer that adds
//! nothing still norms: the norm of the last old layer moves behind the new ones, and those between only norm what is normed.
//!
//! The sources leave the length of the fading to the experiment; here it is a twentieth of the steps by default. The authors
//! grow a model of their own through several stages; here the pretrained small one is grown once.
//!
//! ```
//! use ligo_growth::{Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_msg::Msg;
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
//! let large = ModelConfig { hidden_size: 6, num_attention_heads: 3, num_hidden_layers: 3, ..small.clone() };
//! let recipe = Method::<Cpu>::recipe(&Msg, &toml::toml! { fade_steps = 50 }, &Task { small, large, steps: 600 })?;
//! let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
//! assert_eq!(names, ["grow", "fade-in", "train"]);
//! # Ok(())
//! # }
//! ```

mod operator;
#[cfg(test)]
mod tests;

pub use operator::Extended;

use ligo_growth::{
    Axes, FadeIn, GrowthError, Guarantee, Method, Recipe, Result, Stage, Start, Task, Training, check_growth,
    check_head_dim, parse_options,
};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "msg";

/// The small model among new dimensions that fade in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Msg;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MsgOptions {
    /// Steps until the masks are 1, at most the training's; left out: a twentieth of them.
    pub fade_steps: Option<u64>,
}

impl<D: Kernels> Method<D> for Msg {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Adds fresh dimensions, heads and layers that fade in behind masks, then trains on (Yao et al. 2024)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let fade = fade_steps(options, task)?;
        let masks = FadeIn { from: task.small.clone(), steps: fade };
        let masked = Training { masks: Some(masks), ..Training::default() };
        let mut stages = vec![Stage::grow("grow", task.large.clone(), Extended)];
        if fade < task.steps {
            stages.push(Stage::train_as("fade-in", 0..fade, masked));
            stages.push(Stage::train("train", fade..task.steps));
        } else {
            stages.push(Stage::train_as("train", 0..task.steps, masked));
        }
        Ok(Recipe { start: Start::Small, stages })
    }

    fn axes(&self) -> Axes {
        Axes {
            width: "the small block, fresh values around it behind masks",
            depth: "fresh layers on top behind masks",
        }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        fade_steps(options, task)?;
        Ok(Guarantee::Nothing("only behind the masks of its training, while they are 0, is it the small model".into()))
    }
}

fn fade_steps(options: &toml::Table, task: &Task) -> Result<u64> {
    let MsgOptions { fade_steps } = parse_options(NAME, options)?;
    check_growth(&task.small, &task.large)?;
    check_head_dim(NAME, &task.small, &task.large)?;
    match fade_steps {
        Some(steps) if !(1..=task.steps).contains(&steps) => {
            let reason = format!("found {steps}, expected 1 to {}, the steps of the training", task.steps);
            Err(GrowthError::option(NAME, "fade_steps", reason))
        }
        Some(steps) => Ok(steps),
        None => Ok((task.steps / 20).max(1)),
    }
}
