//! KI: knowledge inheritance (Qin et al., NAACL 2022, arXiv 2105.13880): the small model teaches a fresh large one.
//!
//! Nothing grows. The large model starts fresh, and in the first part of its training its loss is
//!
//! ```text
//! (1 − r) · L + r · T² · KL(teacher ‖ student)        r = max(0, 1 − step / until)
//! ```
//!
//! on the labelled positions, L being the plain loss and both models' logits softened by the temperature T. The teacher's part
//! falls along a straight line and ends at step `until`; up to there its forward pass is run and charged. The authors take T =
//! 2 and, in their example, 55 k of 125 k steps. LiGO's comparison seems to pay for the teacher on all steps (PAPER.md section
//! 4, item 4): `until` as large as the steps.
//!
//! Both models have to give logits of the same things: same vocabulary or classes, same head. Their families may differ.
//!
//! ```
//! use ligo_growth::{Action, Method, Task};
//! use ligo_ki::Ki;
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
//! let large = ModelConfig { hidden_size: 8, ..small.clone() };
//! let recipe = Method::<Cpu>::recipe(&Ki, &toml::Table::new(), &Task { small, large, steps: 1250 })?;
//! let Action::Train { training, .. } = &recipe.stages[0].action else { panic!("one stage that trains") };
//! assert_eq!(training.distillation.as_ref().map(|teaching| teaching.until), Some(550));
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

use ligo_growth::{
    Axes, Distillation, GrowthError, Guarantee, Method, Recipe, Result, Stage, Start, Task, Training, parse_options,
};
use ligo_kernels::Kernels;
use ligo_models::{Head, ModelConfig, Space};
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "ki";

/// A fresh model and its teacher.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ki;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KiOptions {
    /// T, above 0; 2 if left out.
    pub temperature: f32,
    /// The step at which the teacher falls silent, at most the training's last; left out: 55 of 125 steps.
    pub until: Option<u64>,
}

impl Default for KiOptions {
    fn default() -> Self {
        Self { temperature: 2.0, until: None }
    }
}

impl<D: Kernels> Method<D> for Ki {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Trains a fresh large model that the small one teaches at first, ever less (Qin et al. 2022)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let training = Training { distillation: Some(teaching(options, task)?), ..Training::default() };
        Ok(Recipe {
            start: Start::Random(task.large.clone().into()),
            stages: vec![Stage::train_as("train", 0..task.steps, training)],
        })
    }

    fn axes(&self) -> Axes {
        Axes { width: "fresh, taught by the small model", depth: "fresh, taught by the small model" }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        teaching(options, task)?;
        Ok(Guarantee::Nothing("it starts fresh, and the small model only teaches".into()))
    }
}

fn teaching(options: &toml::Table, task: &Task) -> Result<Distillation> {
    let KiOptions { temperature, until } = parse_options(NAME, options)?;
    if !temperature.is_finite() || temperature <= 0.0 {
        let reason = format!("found {temperature}, expected a finite number above 0");
        return Err(GrowthError::option(NAME, "temperature", reason));
    }
    if let Some(until) = until.filter(|until| !(1..=task.steps).contains(until)) {
        let reason = format!("found {until}, expected 1 to {}, the steps of the training", task.steps);
        return Err(GrowthError::option(NAME, "until", reason));
    }
    check_teacher(&task.small, &task.large)?;
    // In u128 no number of steps overflows; the quotient is smaller than the steps.
    let authors = (u128::from(task.steps) * 55).div_ceil(125) as u64;
    Ok(Distillation { temperature, until: until.unwrap_or(authors.max(1)) })
}

/// Checks that both models say something of the same things about the same inputs.
fn check_teacher(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    let inputs = |config: &ModelConfig| {
        let size = |space| config.space(space).width();
        if config.family.reads_images() {
            let image = format!("{0} × {0} pixels of {1} numbers", config.image_size(), config.num_channels());
            ("image_size", image, size(Space::Label))
        } else {
            ("vocab_size", config.vocab_size.to_string(), size(Space::Label))
        }
    };
    let (what, taught, large_labels) = inputs(large);
    let (teachers, teacher, small_labels) = inputs(small);
    let wrong = |what: &str, found: String, expected: String| {
        let expected = format!("{expected}, as the small model has, which teaches it");
        Err(GrowthError::Sizes { what: what.into(), found, expected })
    };
    if small.head() != large.head() {
        return wrong("head", large.head().to_string(), small.head().to_string());
    }
    if (what, &taught) != (teachers, &teacher) {
        return wrong(what, taught, teacher);
    }
    if small_labels != large_labels {
        return wrong("num_labels", large_labels.to_string(), small_labels.to_string());
    }
    let taught = matches!(
        large.head(),
        Head::CausalLm
            | Head::MaskedLm
            | Head::SequenceClassification
            | Head::ImageClassification
            | Head::DistilledImageClassification
    );
    if taught {
        return Ok(());
    }
    Err(GrowthError::Sizes {
        what: "head".into(),
        found: large.head().to_string(),
        expected: "a language model or a classifier, of whose logits a teacher has a view".into(),
    })
}
