//! The operator learnt, and the recipe that says so.

use super::{Pair, batch, config};
use crate::{Ligo, LigoOperator, LigoPaper, LigoPublished};
use ligo_growth::{Action, GrowthError, Guarantee, LearnedOperator, Method, OperatorTraining, RateDecay, Start, Task};
use ligo_kernels::{AdamW, AdamWParameter, Cpu, GradTape, Kernels, gradients_for};
use ligo_models::{Family, Mode};

#[test]
fn learning_lowers_the_loss_and_leaves_the_small_weights_alone() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 4, 12, 3));
        let before: Vec<Vec<f32>> = pair.parameters.tensors().iter().map(|tensor| tensor.as_vec()).collect();
        let mut learner = LigoOperator::default().start(&pair.growth()).unwrap();
        let mut moments: Vec<_> = pair.learner(&Default::default()).factors.tensors().to_vec();
        for moment in &mut moments {
            let zeros = vec![0.0; moment.as_vec().len()];
            moment.copy_from(&zeros);
        }
        let mut second = moments.clone();
        let mut gradients = gradients_for(learner.factors().tensors());
        let mut losses = Vec::new();
        for step in 1..=30 {
            let mut tape = GradTape::default();
            let weights = learner.expand(&mut tape).unwrap();
            let loss = pair.large.loss(&mut tape, &weights, &batch(family), Mode::Evaluate).unwrap();
            losses.push(loss.as_vec()[0]);
            tape.backward(&loss, 1.0, &mut gradients).unwrap();
            let config = AdamW {
                learning_rate: 1e-2,
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                weight_decay: 0.0,
                max_grad_norm: Some(1.0),
                step,
            };
            let factors = learner.factors_mut().tensors_mut().iter_mut();
            let mut parameters: Vec<AdamWParameter<'_, Cpu>> = factors
                .zip(moments.iter_mut().zip(&mut second))
                .map(|(weight, (first, second))| AdamWParameter { weight, first, second, decay: true, rate: 1.0 })
                .collect();
            Cpu::adamw(&mut parameters, &mut gradients, &config).unwrap();
        }
        assert!(losses[29] < 0.92 * losses[0], "{family}: from {} to {}", losses[0], losses[29]);
        for (tensor, before) in pair.parameters.tensors().iter().zip(&before) {
            assert_eq!(&tensor.as_vec(), before);
        }
    }
}

#[test]
fn the_same_seed_starts_the_same_operator() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 12, 3));
    let factors = |seed| {
        let growth = ligo_growth::Growth { seed, ..pair.growth() };
        let learner = LigoOperator::default().start(&growth).unwrap();
        learner.factors().tensors().iter().map(|factor| factor.as_vec()).collect::<Vec<_>>()
    };
    assert_eq!(factors(1), factors(1));
    assert_ne!(factors(1), factors(2));
}

fn recipe(options: &str, task: &Task) -> ligo_growth::Result<ligo_growth::Recipe<Cpu>> {
    Ligo.recipe(&options.parse().unwrap(), task)
}

#[test]
fn the_recipe_learns_the_operator_for_longer_on_a_longer_run_and_then_trains_in_full() {
    for (options, steps, expected) in [("", 1_999, 20), ("", 2_000, 100), ("steps = 7", 600, 7)] {
        let task = Task { small: config(Family::Gpt2, 2, 8, 2), large: config(Family::Gpt2, 4, 12, 3), steps };
        let recipe = recipe(options, &task).unwrap();
        assert_eq!(recipe.start, Start::Small);
        let [learn, train] = &recipe.stages[..] else { panic!("two stages") };
        assert_eq!((learn.name.as_str(), train.name.as_str()), ("learn-operator", "train"));
        let Action::Learn { to, training, .. } = &learn.action else { panic!("learns") };
        assert_eq!(*to, task.large);
        let published = OperatorTraining {
            steps: expected,
            learning_rate: 1e-3,
            warmup_steps: 10,
            decay: RateDecay::Constant,
            weight_decay: 0.0,
            batch_size: None,
            dropout: true,
        };
        assert_eq!(*training, published);
        assert!(matches!(train.action, Action::Train { steps: s, schedule_from: 0, .. } if s == steps));
    }
}

#[test]
fn the_presets_are_methods_of_their_own_with_the_training_of_their_sources() {
    let task = Task { small: config(Family::Bert, 2, 8, 2), large: config(Family::Bert, 4, 12, 3), steps: 600 };
    let training = |method: &dyn Method<Cpu>, options: toml::Table| {
        let recipe = method.recipe(&options, &task).unwrap();
        let [learn, _] = &recipe.stages[..] else { panic!("two stages") };
        let Action::Learn { training, operator, .. } = &learn.action else { panic!("learns") };
        (training.clone(), format!("{operator:?}"))
    };
    let ours = OperatorTraining {
        steps: 100,
        learning_rate: 1e-3,
        warmup_steps: 10,
        decay: RateDecay::Constant,
        weight_decay: 0.0,
        batch_size: None,
        dropout: true,
    };
    let code = OperatorTraining {
        learning_rate: 2e-4,
        warmup_steps: 10_000,
        decay: RateDecay::Linear,
        weight_decay: 0.1,
        ..ours.clone()
    };
    let cases: [(&dyn Method<Cpu>, _, _, _); 3] = [
        (&Ligo, "ligo", OperatorTraining { steps: 20, ..ours.clone() }, ["Identity", "PerKind"]),
        (&LigoPaper, "ligo-paper", ours, ["Free", "PerSmallLayer"]),
        (&LigoPublished, "ligo-published", code, ["Identity", "PerLargeLayer"]),
    ];
    for (method, name, expected, words) in cases {
        assert_eq!(method.name(), name);
        assert_eq!((method.axes().width, method.axes().depth), ("learnt", "learnt"));
        let (found, operator) = training(method, toml::Table::new());
        assert_eq!(found, expected, "{name}");
        assert!(words.iter().all(|word| operator.contains(word)), "{operator}");
        // The key `preset` of the plain method is the same.
        let by_key = toml::Table::from_iter([("preset".to_owned(), toml::Value::from(name))]);
        assert_eq!(training(&Ligo, by_key), (found, operator), "{name}");
    }
}

#[test]
fn only_an_operator_that_stays_at_its_start_can_say_what_it_grows() {
    let (small, twice) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 16, 4));
    let (deep, both) = (config(Family::Gpt2, 5, 8, 2), config(Family::Gpt2, 5, 16, 4));
    let odd = config(Family::Gpt2, 2, 12, 3);
    let function = || Guarantee::Function;
    let layers = || Guarantee::Layers(vec![0, 1, 0, 1, 0]);
    let keep = "width_start = 'function-preserving'";
    let cases = [
        ("", &deep, None),
        ("steps = 0", &deep, Some(layers())),
        ("steps = 0\nfresh = false", &both, Some(layers())),
        ("steps = 0\nfactors = 'per-large-layer'", &both, None),
        ("steps = 0\ndepth_noise = 0.1", &both, None),
        ("steps = 0\ndepth_start = 'interlace'", &deep, Some(Guarantee::Layers(vec![0, 0, 0, 1, 1]))),
        ("steps = 0\ndepth_start = 'identity'", &deep, Some(function())),
        ("steps = 0\ndepth_start = 'identity'", &both, None),
        ("steps = 0\nresidual = true", &deep, None),
        ("steps = 0\nfresh = true", &deep, Some(layers())),
        ("steps = 0", &both, None),
        (&format!("steps = 0\n{keep}"), &twice, Some(function())),
        (&format!("steps = 0\n{keep}"), &odd, Some(Guarantee::Layers(vec![0, 1]))),
        (&format!("steps = 0\n{keep}\ndepth_start = 'identity'"), &both, Some(function())),
        (keep, &twice, None),
    ];
    for (options, large, expected) in cases {
        let task = Task { small: small.clone(), large: large.clone(), steps: 10 };
        let found = Method::<Cpu>::guarantee(&Ligo, &options.parse().unwrap(), &task).unwrap();
        match expected {
            Some(expected) => assert_eq!(found, expected, "{options}"),
            None => assert!(matches!(found, Guarantee::Nothing(_)), "{options}"),
        }
    }
}

#[test]
fn where_nothing_is_promised_the_reason_is_the_true_one() {
    let keep = "width_start = 'function-preserving'\ndepth_start = 'identity'";
    let identity = "fresh = false\ndepth_start = 'identity'";
    let normed = "a new layer norms what it passes on once more";
    let (wide, odd) = ((5, 16, 4), (2, 12, 3));
    let cases = [
        // Nothing is random, nothing is wider: the norms behind the sums alone.
        (Family::Bert, "depth_start = 'identity'".to_owned(), (5, 8, 2), normed),
        (Family::Roberta, "depth_start = 'identity'".to_owned(), (5, 8, 2), normed),
        (Family::Roberta, keep.to_owned(), wide, normed),
        (Family::Bert, identity.to_owned(), wide, normed),
        (Family::Gpt2, identity.to_owned(), wide, "its factors start at random"),
        (Family::Gpt2, format!("{identity}\nwidth_start = 'zero'"), wide, "new coordinates start at 0"),
        (Family::Gpt2, keep.to_owned(), odd, "the norms see unequal numbers of copies"),
        (Family::Bert, keep.to_owned(), odd, "the norms see unequal numbers of copies"),
        (
            Family::Gpt2,
            "fresh = false\nfactors = 'per-large-layer'".to_owned(),
            wide,
            "each layer is widened by factors of its own",
        ),
        (Family::Gpt2, "depth_noise = 0.1".to_owned(), wide, "its depth weights start with noise"),
        (Family::Gpt2, String::new(), wide, "new coordinates start at random"),
        (Family::Gpt2, "residual = true".to_owned(), wide, "every weight has a random addition"),
    ];
    for (family, options, (layers, hidden, heads), expected) in cases {
        let task = Task { small: config(family, 2, 8, 2), large: config(family, layers, hidden, heads), steps: 10 };
        let options = format!("steps = 0\n{options}");
        let found = Method::<Cpu>::guarantee(&Ligo, &options.parse().unwrap(), &task).unwrap();
        assert_eq!(found, Guarantee::Nothing(expected.into()), "{family} {options}");
    }
}

#[test]
fn a_large_model_that_is_smaller_or_no_larger_is_refused() {
    let small = config(Family::Gpt2, 2, 8, 2);
    let task = Task { small: small.clone(), large: config(Family::Gpt2, 1, 8, 2), steps: 10 };
    assert!(matches!(recipe("", &task), Err(GrowthError::Sizes { what, .. }) if what == "num_hidden_layers"));

    let error = recipe("", &Task { small: small.clone(), large: small, steps: 10 }).unwrap_err().to_string();
    assert!(error.contains("nothing else that grows"), "{error}");
}
