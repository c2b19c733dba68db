//! The part of a method's recipe that grows: from the small model to the last growth. What a recipe trains after that is for
//! whoever takes the checkpoint on; a recipe that trains before it, or does not begin with the small model, is refused.

use crate::{GrowError, Result};
use ligo_growth::{Action, GrowthError, Method, Stage, Start, Task};
use ligo_kernels::Kernels;
use ligo_models::ModelConfig;

/// What the large model's own training is taken to be long: methods that ask then do what they do for a long one.
pub(crate) const LONG_TRAINING: u64 = 100_000;

/// The stages that grow, by a method with these options.
///
/// # Errors
/// [`GrowError::Method`] for a recipe that cannot be cut there, or sizes that the method cannot grow to, with the names of those
/// among `others` that can; [`GrowError::Growth`] for a wrong option.
pub(crate) fn growing_part<D: Kernels>(
    method: &dyn Method<D>,
    options: &toml::Table,
    task: &Task,
    others: &[Box<dyn Method<D>>],
) -> Result<Vec<Stage<D>>> {
    part(method, options, task).map_err(|why| {
        let reason = match why {
            Why::Recipe(reason) => reason,
            Why::Growth(GrowthError::Option { .. }) => return options_error(why),
            Why::Growth(error) => error.to_string(),
        };
        let able: Vec<&str> = others
            .iter()
            .filter(|other| other.name() != method.name() && part(other.as_ref(), &toml::Table::new(), task).is_ok())
            .map(|other| other.name())
            .collect();
        let instead = match able[..] {
            [] => "no other method can grow to these sizes either".to_owned(),
            _ => format!("expected a method that can: {}", able.join(", ")),
        };
        GrowError::Method { method: method.name(), reason: format!("{reason}; {instead}") }
    })
}

enum Why {
    Recipe(String),
    Growth(GrowthError),
}

fn options_error(why: Why) -> GrowError {
    match why {
        Why::Growth(error) => error.into(),
        Why::Recipe(reason) => GrowError::asked("--set", reason, "options of the method"),
    }
}

fn part<D: Kernels>(
    method: &dyn Method<D>,
    options: &toml::Table,
    task: &Task,
) -> std::result::Result<Vec<Stage<D>>, Why> {
    let recipe = method.recipe(options, task).map_err(Why::Growth)?;
    let refuse = |reason: &str| Err(Why::Recipe(reason.to_owned()));
    if recipe.start != Start::Small {
        return refuse("it begins with a model of random weights, so there is nothing of the checkpoint to grow");
    }
    let grows = |stage: &Stage<D>| !matches!(stage.action, Action::Train { .. });
    let Some(last) = recipe.stages.iter().rposition(grows) else {
        return refuse("it trains and grows nothing");
    };
    if !recipe.stages[..last].iter().all(grows) {
        return refuse("it trains between growths, which takes an experiment (cargo xtask run)");
    }
    let masked = recipe.stages[last + 1..].iter().any(|stage| match &stage.action {
        Action::Train { training, .. } => training.masks.is_some(),
        _ => false,
    });
    if masked {
        return refuse(
            "what is new fades in under masks while it trains, which no checkpoint can hold; it takes an experiment (cargo xtask run)",
        );
    }
    let mut stages = recipe.stages;
    stages.truncate(last + 1);
    match stages[last].action {
        Action::Grow { ref to, .. } | Action::Learn { ref to, .. } if !same_but_eps(to, &task.large) => {
            refuse("its last growth is not to the model that is wanted")
        }
        _ => Ok(stages),
    }
}

/// A method may need another ε in the norms of what it grows.
fn same_but_eps(model: &ModelConfig, wanted: &ModelConfig) -> bool {
    ModelConfig { layer_norm_eps: wanted.layer_norm_eps, ..model.clone() } == *wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_growth::{Axes, FadeIn, Guarantee, Recipe, Scratch, Training};
    use ligo_kernels::Cpu;
    use ligo_models::Family;

    /// What a recipe might look like.
    struct Toy(&'static str);

    impl Method<Cpu> for Toy {
        fn name(&self) -> &'static str {
            self.0
        }
        fn summary(&self) -> &'static str {
            "A toy."
        }
        fn axes(&self) -> Axes {
            Axes { width: "", depth: "" }
        }
        fn guarantee(&self, _: &toml::Table, _: &Task) -> ligo_growth::Result<Guarantee> {
            Ok(Guarantee::Nothing("a toy".into()))
        }
        fn recipe(&self, _: &toml::Table, task: &Task) -> ligo_growth::Result<Recipe<Cpu>> {
            let grow = || Stage::grow("grow", task.large.clone(), ligo_direct_copy::CornerCopy);
            let train = || Stage::train("train", 0..3);
            let masks = Some(FadeIn { from: task.small.clone(), steps: 2 });
            let masked = Stage::train_as("fade-in", 0..2, Training { masks, ..Training::default() });
            let stages = match self.0 {
                "grows" => vec![grow(), train(), train()],
                "grows-twice" => vec![grow(), grow()],
                "trains-first" => vec![train(), grow()],
                "trains-between" => vec![grow(), train(), grow()],
                "trains" => vec![train()],
                _ => vec![grow(), masked],
            };
            Ok(Recipe { start: Start::Small, stages })
        }
    }

    #[test]
    fn a_recipe_is_cut_behind_its_last_growth_or_refused_with_methods_that_can_be() {
        let task = Task { small: config(Family::Gpt2, 1, 8, 2), large: config(Family::Gpt2, 2, 16, 4), steps: 9 };
        let others: Vec<Box<dyn Method<Cpu>>> =
            vec![Box::new(Toy("grows")), Box::new(Toy("trains")), Box::new(Scratch)];
        let cut = |method: &dyn Method<Cpu>| match growing_part(method, &toml::Table::new(), &task, &others) {
            Ok(stages) => stages.iter().map(|stage| stage.name.clone()).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        for (name, expected) in [
            ("grows", "grow"),
            ("grows-twice", "grow grow"),
            ("trains-first", "method trains-first: it trains between growths"),
            ("trains-between", "method trains-between: it trains between growths"),
            ("trains", "method trains: it trains and grows nothing; expected a method that can: grows"),
            ("masks", "method masks: what is new fades in under masks"),
        ] {
            let found = cut(&Toy(name));
            assert!(found.starts_with(expected), "{name}: {found}");
        }
        assert!(cut(&Scratch).starts_with("method scratch: it begins with a model of random weights"));
    }
}
