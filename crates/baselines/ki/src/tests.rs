//! A fresh start, a teacher for the authors' share of the steps, and the same things to say.

use crate::Ki;
use ligo_growth::testing::config;
use ligo_growth::{Action, Distillation, GrowthError, Method, Recipe, Result, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Head, ModelConfig};

fn recipe(options: &str, small: ModelConfig, large: ModelConfig, steps: u64) -> Result<Recipe<Cpu>> {
    Ki.recipe(&options.parse().unwrap(), &Task { small, large, steps })
}

fn teaching(options: &str, steps: u64) -> Result<Distillation> {
    let recipe = recipe(options, config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 2, 16, 4), steps)?;
    let [stage] = &recipe.stages[..] else { panic!("one stage") };
    let Action::Train { steps: all, schedule_from: 0, training } = &stage.action else { panic!("that trains") };
    assert_eq!(*all, steps);
    Ok(training.distillation.clone().expect("a teacher"))
}

#[test]
fn the_teacher_falls_silent_as_the_authors_does_or_as_one_says() {
    let cases = [
        ("", 125_000, (2.0, 55_000)),
        ("", 1, (2.0, 1)),
        ("", u64::MAX, (2.0, 8_116_567_392_432_202_711)),
        ("until = 600", 600, (2.0, 600)),
        ("temperature = 1\nuntil = 1", 600, (1.0, 1)),
    ];
    for (options, steps, (temperature, until)) in cases {
        assert_eq!(teaching(options, steps).unwrap(), Distillation { temperature, until }, "{options:?} {steps}");
    }
}

#[test]
fn in_every_family_a_fresh_model_of_the_large_size_is_taught_by_the_small_one() {
    for family in Family::ALL {
        let (small, large) = (config(family, 1, 8, 2), config(family, 2, 16, 4));
        let recipe = recipe("", small, large.clone(), 600).unwrap();
        assert_eq!(recipe.start, Start::Random(large.into()));
        assert!(recipe.needs_small(), "{family}");
    }
    // The teacher's family is its own affair.
    recipe("", config(Family::Bert, 1, 8, 2), config(Family::Roberta, 2, 16, 4), 600).unwrap();
    recipe("", config(Family::Vit, 1, 8, 2), config(Family::Deit, 2, 16, 4), 600).unwrap();
}

#[test]
fn teachers_of_other_things_are_refused_by_name() {
    let (bert, vit) = (config(Family::Bert, 1, 8, 2), config(Family::Vit, 1, 8, 2));
    let headed = |config: &ModelConfig, head| ModelConfig { head: Some(head), ..config.clone() };
    let labelled = |labels| ModelConfig { num_labels: Some(labels), ..headed(&bert, Head::SequenceClassification) };
    let cases = [
        (
            bert.clone(),
            ModelConfig { vocab_size: 14, ..bert.clone() },
            "vocab_size: the large model has 14, expected 13",
        ),
        (config(Family::Gpt2, 1, 8, 2), bert.clone(), "head: the large model has masked-lm, expected causal-lm"),
        (labelled(2), labelled(3), "num_labels: the large model has 3, expected 2"),
        (vit.clone(), ModelConfig { image_size: Some(8), ..vit.clone() }, "image_size: the large model has 8 × 8"),
        (
            headed(&bert, Head::QuestionAnswering),
            headed(&bert, Head::QuestionAnswering),
            "head: the large model has question-answering",
        ),
        (headed(&bert, Head::None), headed(&bert, Head::None), "head: the large model has none"),
    ];
    for (small, large, expected) in cases {
        let error = recipe("", small, large, 600).unwrap_err();
        assert!(matches!(error, GrowthError::Sizes { .. }) && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn options_out_of_range_are_named() {
    for (options, key) in [
        ("temperature = 0", "temperature"),
        ("temperature = nan", "temperature"),
        ("until = 0", "until"),
        ("until = 601", "until"),
        ("share = 0.5", "share"),
    ] {
        let error = teaching(options, 600).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == key), "{options:?}: {error}");
    }
}
