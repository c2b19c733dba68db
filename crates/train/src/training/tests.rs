//! Whole stages of every kind of training, with models so small that one takes a moment.

use super::*;
use crate::stage::tests::{Setting, Watch, batch, setting};
use crate::{Cost, StageOutcome, StageResult, TrainError, stage_seed};
use ligo_eval::{Convention, StepShape, route_flops, step_flops, teaching_flops};
use ligo_growth::testing::config;
use ligo_growth::{Distillation, FadeIn, LayerDropping, SubModels, TokenDropping, Trained};
use ligo_kernels::{Cpu, Matrix};
use ligo_models::{Family, ModelConfig, Role, Space};
use std::path::Path;

/// What a stage of [`setting`] computes at once.
const SHAPE: StepShape = StepShape { sequences: 2, sequence_length: 6, labelled_share: 1.0 };

/// Four layers of 12 with dropout.
fn large(family: Family) -> ModelConfig {
    ModelConfig { hidden_dropout: 0.1, ..config(family, 4, 12, 3) }
}

/// Two layers of 8.
fn small(family: Family) -> ModelConfig {
    config(family, 2, 8, 2)
}

fn trained(trained: Trained) -> Training {
    Training { trained, ..Training::default() }
}

/// Every kind of training, by a name.
fn trainings() -> Vec<(&'static str, Training)> {
    let plain = Training::default;
    vec![
        ("all", plain()),
        ("from layer 2", trained(Trained::From(2))),
        ("layers 1 and 3", trained(Trained::Layers(vec![1, 3]))),
        ("bottom", trained(Trained::Bottom(2))),
        ("taught", Training { distillation: Some(Distillation { temperature: 2.0, until: 4 }), ..plain() }),
        ("fading in", Training { masks: Some(FadeIn { from: small(Family::Gpt2), steps: 5 }), ..plain() }),
        ("layer dropping", Training { layer_dropping: Some(LayerDropping { max_rate: 0.6 }), ..plain() }),
        (
            "token dropping",
            Training {
                token_dropping: Some(TokenDropping { share: 0.3, from_layer: None, to_layer: None }),
                ..plain()
            },
        ),
        ("sub-models", Training { sub_models: Some(SubModels { layers: 2 }), ..plain() }),
        (
            "everything at once",
            Training {
                trained: Trained::From(1),
                distillation: Some(Distillation { temperature: 1.0, until: 5 }),
                layer_dropping: Some(LayerDropping { max_rate: 0.5 }),
                token_dropping: Some(TokenDropping { share: 0.3, from_layer: Some(1), to_layer: Some(3) }),
                ..plain()
            },
        ),
    ]
}

fn charge(training: &Training, model: &Model) -> Charge {
    Charge::new(training, model, 7, SHAPE, Some(&small(model.config().family))).unwrap()
}

fn objective(training: &Training) -> ModelTraining<Cpu> {
    let model = Model::new(large(Family::Gpt2)).unwrap();
    let teacher = Model::new(small(Family::Gpt2)).unwrap();
    let weights = |model: &Model, seed| model.fresh(&Cpu::default(), seed).unwrap();
    let teacher = Teacher { parameters: weights(&teacher, 3), model: teacher };
    let charge = charge(training, &model);
    ModelTraining::new(model.clone(), weights(&model, 7), charge, Some(teacher)).unwrap()
}

/// A stage of it in `directory`, as far as it comes.
fn run(training: &Training, directory: &Path, watch: &Watch) -> (Result<StageOutcome, TrainError>, ModelTraining<Cpu>) {
    let mut objective = objective(training);
    let micro_batch = |step, micro| Ok(batch(step, micro));
    let outcome = stage(training).train(&mut objective, &micro_batch, directory, watch);
    (outcome, objective)
}

/// The setting with what a plain step of the model costs.
fn stage(_: &Training) -> Setting {
    let mut setting = setting();
    setting.plan.flops_per_step = plain_step();
    setting.plan.before = Cost::default();
    setting
}

fn plain_step() -> f64 {
    step_flops(&large(Family::Gpt2), StepShape { sequences: 4, ..SHAPE }, Convention::Ours).total()
}

fn bits(tensor: &Matrix<Cpu>) -> Vec<u32> {
    tensor.as_vec().into_iter().map(f32::to_bits).collect()
}

/// Rows and weights, to the bit, seconds left out.
fn end(training: &Training, directory: &Path) -> (StageResult, Vec<Vec<u32>>) {
    let (outcome, objective) = run(training, directory, &Watch::default());
    let Ok(StageOutcome::Finished(mut result)) = outcome else { panic!("{outcome:?}") };
    result.cost.wall_seconds = 0.0;
    result.rows.iter_mut().for_each(|row| row.wall_seconds = 0.0);
    (result, objective.parameters.tensors().iter().map(bits).collect())
}

#[test]
fn stopped_after_any_step_every_kind_of_training_ends_with_the_same_bits() {
    for (name, training) in trainings() {
        let expected = end(&training, tempfile::tempdir().unwrap().path());
        for step in [0, 2, 5, 6] {
            let directory = tempfile::tempdir().unwrap();
            let (outcome, _) = run(&training, directory.path(), &Watch::stopping_after(step));
            assert_eq!(outcome.unwrap(), StageOutcome::Stopped, "{name}");
            assert_eq!(end(&training, directory.path()), expected, "{name}, stopped after step {step}");
        }
    }
}

#[test]
fn the_plain_training_is_the_plain_objective_to_the_bit() {
    let expected = end(&Training::default(), tempfile::tempdir().unwrap().path());
    let (model, parameters) = objective(&Training::default()).into_parts();
    let mut plain = crate::WeightsObjective { model, parameters };
    let directory = tempfile::tempdir().unwrap();
    let micro_batch = |step, micro| Ok(batch(step, micro));
    let stage = stage(&Training::default());
    stage.train(&mut plain, &micro_batch, directory.path(), &Watch::default()).unwrap();
    assert_eq!(plain.parameters.tensors().iter().map(bits).collect::<Vec<_>>(), expected.1);
    assert_eq!(expected.0.cost.flops, 7.0 * plain_step());
}

#[test]
fn what_a_stage_does_not_train_keeps_its_bits_and_all_else_changes() {
    let in_layers = |named: &'static [usize]| move |layer: Option<usize>| layer.is_some_and(|l| named.contains(&l));
    type Case = (Trained, fn(&str) -> bool, Box<dyn Fn(Option<usize>) -> bool>);
    let cases: [Case; 3] = [
        // The embedding of tokens is the head as well; that of positions is not.
        (Trained::From(2), |name| name != "transformer.wpe.weight", Box::new(in_layers(&[2, 3]))),
        (Trained::Layers(vec![1, 3]), |_| false, Box::new(in_layers(&[1, 3]))),
        (Trained::Bottom(2), |_| true, Box::new(in_layers(&[0, 1]))),
    ];
    for (part, outside, inside) in cases {
        let training = trained(part.clone());
        let (model, before) = objective(&training).into_parts();
        let (_, after) = end(&training, tempfile::tempdir().unwrap().path());
        for ((spec, before), after) in model.specs().iter().zip(before.tensors()).zip(after) {
            let changes = spec.layer.map_or_else(|| outside(&spec.name), |layer| inside(Some(layer)));
            assert_eq!(bits(before) != after, changes, "{part:?}: {}", spec.name);
        }
    }
}

#[test]
fn an_average_goes_on_where_it_stopped_in_every_kind_of_training_and_leaves_alone_what_is_not_trained() {
    for (name, training) in trainings() {
        let run = |directory: &Path, watch: &Watch| {
            let mut setting = stage(&training);
            setting.plan.config.ema_decay = Some(0.9);
            let mut objective = objective(&training);
            let micro_batch = |step, micro| Ok(batch(step, micro));
            let outcome = setting.train(&mut objective, &micro_batch, directory, watch).unwrap();
            (outcome, objective.into_parts().1.tensors().iter().map(bits).collect::<Vec<_>>())
        };
        let (_, expected) = run(tempfile::tempdir().unwrap().path(), &Watch::default());
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(run(directory.path(), &Watch::stopping_after(5)).0, StageOutcome::Stopped, "{name}");
        assert_eq!(run(directory.path(), &Watch::default()).1, expected, "{name}");

        let before = objective(&training).into_parts().1;
        let (_, plain) = end(&training, tempfile::tempdir().unwrap().path());
        for (i, spec) in before.specs().iter().enumerate() {
            let trained = plain[i] != bits(&before.tensors()[i]);
            assert_eq!(expected[i] != bits(&before.tensors()[i]), trained, "{name}: {}", spec.name);
            assert_eq!(expected[i] != plain[i], trained, "{name}: {}", spec.name);
        }
    }
}

#[test]
fn paths_are_dropped_anew_in_every_micro_batch_and_none_in_an_evaluation() {
    let training = Training::default();
    let dropping = |rate| objective(&training).dropping_paths(rate);
    let loss = |objective: &ModelTraining<Cpu>, micro| {
        let context = StepContext { step: 3, schedule_step: 3, micro, seed: 1 };
        objective.loss(&mut GradTape::default(), &batch(3, 0), &context).unwrap().as_vec()[0]
    };
    let (plain, none, half) = (objective(&training), dropping(0.0).unwrap(), dropping(0.5).unwrap());
    assert_eq!(loss(&none, 0), loss(&plain, 0));
    assert_eq!(loss(&half, 0), loss(&half, 0));
    let mut drawn: Vec<f32> = (0..20).map(|micro| loss(&half, micro) - loss(&plain, micro)).collect();
    assert!(drawn.iter().filter(|difference| **difference != 0.0).count() > 15, "{drawn:?}");
    drawn.sort_by(f32::total_cmp);
    drawn.dedup();
    assert!(drawn.len() > 15, "{drawn:?}");
    assert_eq!(half.evaluated(3).unwrap().route, Route::default());
    for rate in [-0.1, 1.0, f32::NAN] {
        let error = dropping(rate).unwrap_err();
        assert_eq!(error.key, "drop_path", "{error}");
    }
}

#[test]
fn a_sub_model_of_each_step_trains_its_top_and_the_head() {
    let training = Training { sub_models: Some(SubModels { layers: 2 }), ..Training::default() };
    let objective = objective(&training);
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..20 {
        let context = StepContext { step, schedule_step: step, micro: 0, seed: 1 };
        let changes = |layer: usize| -> bool {
            let specs = objective.model.specs().iter().enumerate().filter(|(_, spec)| spec.layer == Some(layer));
            let rates: Vec<f32> = specs.map(|(i, _)| objective.rate(i, &context)).collect();
            assert!(rates.windows(2).all(|pair| pair[0] == pair[1]));
            rates[0] == 1.0
        };
        seen.insert([0, 1, 2, 3].map(changes));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [[false, false, true, true], [true, true, false, false]]);
}

#[test]
fn a_stage_is_charged_with_what_it_computes() {
    let model = large(Family::Gpt2);
    let route = |from, until| Route { recorded_from: from, until, ..Route::default() };
    let along = |route: &Route| 2.0 * route_flops(&model, SHAPE, route).total();
    let taught = 2.0 * teaching_flops(&model, &small(Family::Gpt2), SHAPE).total();
    let weighted = Route { norm_weights: Some(vec![1.0; 12]), ..Route::default() };
    let of = |name: &str| trainings().into_iter().find(|(found, _)| *found == name).unwrap().1;
    let cases = [
        ("all", 7.0 * plain_step()),
        ("from layer 2", 7.0 * along(&route(2, None))),
        // Gradients go through all layers.
        ("layers 1 and 3", 7.0 * plain_step()),
        ("bottom", 7.0 * along(&route(0, Some(2)))),
        // The teacher falls silent after four steps, the masks are gone after five.
        ("taught", 7.0 * plain_step() + 4.0 * taught),
        ("fading in", 5.0 * along(&weighted) + 2.0 * plain_step()),
    ];
    for (name, expected) in cases {
        let training = of(name);
        let (StageResult { rows, cost }, _) = end(&training, tempfile::tempdir().unwrap().path());
        assert!((cost.flops / expected - 1.0).abs() < 1e-12, "{name}: {}, not {expected}", cost.flops);
        assert_eq!(rows.last().map(|row| row.flops), Some(cost.flops), "{name}");
    }
    // What is drawn is charged as it was drawn, and known beforehand.
    for (name, training) in trainings() {
        let (StageResult { cost, .. }, _) = end(&training, tempfile::tempdir().unwrap().path());
        let charge = charge(&training, &Model::new(model.clone()).unwrap());
        let planned = charge.stage(stage_seed(42, "train"), 0, 7, 2, plain_step());
        assert!((cost.flops / planned - 1.0).abs() < 1e-12, "{name}: {}, planned {planned}", cost.flops);
        let cheaper = ["layer dropping", "token dropping", "sub-models"].contains(&name);
        assert!(!cheaper || cost.flops < 0.99 * 7.0 * plain_step(), "{name}");
    }
}

#[test]
fn a_long_stage_is_planned_from_some_of_its_steps() {
    let training =
        Training { distillation: Some(Distillation { temperature: 1.0, until: 5000 }), ..Training::default() };
    let model = Model::new(large(Family::Gpt2)).unwrap();
    let charge = charge(&training, &model);
    let planned = charge.stage(1, 0, 20_000, 2, plain_step());
    let expected =
        20_000.0 * plain_step() + 5000.0 * 2.0 * teaching_flops(model.config(), &small(Family::Gpt2), SHAPE).total();
    assert!((planned / expected - 1.0).abs() < 1e-3, "{planned}, not {expected}");
    assert_eq!(charge.stage(1, 0, 0, 2, plain_step()), 0.0);
}

#[test]
fn a_teacher_that_says_the_same_lowers_the_loss_by_its_share_and_falls_silent() {
    let training = Training { distillation: Some(Distillation { temperature: 2.0, until: 4 }), ..Training::default() };
    let still = ModelConfig { hidden_dropout: 0.0, ..large(Family::Bert) };
    let model = Model::new(still.clone()).unwrap();
    let parameters = model.fresh(&Cpu::default(), 1).unwrap();
    let teacher = Teacher { model: model.clone(), parameters: parameters.clone() };
    let charge = Charge::new(&training, &model, 10, SHAPE, Some(&still)).unwrap();
    let objective = ModelTraining::new(model.clone(), parameters.clone(), charge, Some(teacher)).unwrap();
    let batch = batch(3, 1);
    let plain = model.loss(&mut NoneTape, &parameters, &batch, Mode::Evaluate).unwrap().as_vec()[0];
    for (step, share) in [(0, 1.0), (1, 0.75), (3, 0.25), (4, 0.0), (9, 0.0)] {
        let context = StepContext { step: 0, schedule_step: step, micro: 0, seed: 1 };
        let found = objective.loss(&mut GradTape::default(), &batch, &context).unwrap().as_vec()[0];
        assert!((found - (1.0 - share) * plain).abs() < 1e-5, "step {step}: {found} of {plain}");
    }
}

#[test]
fn a_teacher_that_is_missing_or_of_other_tokens_is_refused() {
    let training = Training { distillation: Some(Distillation { temperature: 2.0, until: 4 }), ..Training::default() };
    let model = Model::new(large(Family::Gpt2)).unwrap();
    let weights = |model: &Model| model.fresh(&Cpu::default(), 1).unwrap();
    let refused = |teacher| {
        let found = ModelTraining::new(model.clone(), weights(&model), charge(&training, &model), teacher);
        found.unwrap_err().to_string()
    };
    assert_eq!(refused(None), "distillation is asked for, expected a teacher");
    let other = Model::new(ModelConfig { vocab_size: 17, ..small(Family::Gpt2) }).unwrap();
    let error = refused(Some(Teacher { parameters: weights(&other), model: other }));
    assert!(error.starts_with("distillation is by a teacher of 17 tokens"), "{error}");
}

#[test]
fn a_window_over_tokens_that_are_not_there_is_refused() {
    let windowed = |window| ModelConfig { sliding_window: Some(window), ..config(Family::Mistral, 4, 12, 3) };
    let dropping = TokenDropping { share: 0.3, from_layer: None, to_layer: None };
    let training = Training { token_dropping: Some(dropping), ..Training::default() };
    let charge = |window| Charge::new(&training, &Model::new(windowed(window)).unwrap(), 7, SHAPE, None);
    assert!(charge(6).is_ok());
    let error = charge(5).unwrap_err().to_string();
    assert!(
        error.starts_with("token_dropping is over layer 1, whose window is shorter than the sequences of 6"),
        "{error}"
    );
}

/// The old units of a large model's weights as a small model.
fn old_units(large: &Model, parameters: &Parameters<Cpu>, small: &Model) -> Parameters<Cpu> {
    let tensors = small.specs().iter().map(|spec| {
        let wide = parameters.get(&spec.name).unwrap();
        let there = large.specs().iter().find(|there| there.name == spec.name).unwrap();
        let kept = |axis: usize| -> Vec<usize> {
            let mut offset = 0;
            let mut kept = Vec::new();
            for &space in &spec.axes[axis].spaces {
                let (old, new) = (small.config().space(space), large.config().space(space));
                kept.extend((0..old.width()).map(|i| offset + i / old.unit * new.unit + i % old.unit));
                offset += new.width();
            }
            kept
        };
        let (rows, columns) = match spec.axes.len() {
            1 => (vec![0], kept(0)),
            _ => (kept(0), kept(1)),
        };
        let (values, width) = (wide.as_vec(), there.matrix_shape().1);
        let values: Vec<f32> =
            rows.iter().flat_map(|r| columns.iter().map(|c| values[r * width + c]).collect::<Vec<_>>()).collect();
        dfdx::tensor::TensorFromVec::tensor_from_vec(&Cpu::default(), values, (rows.len(), columns.len()))
    });
    Parameters::new(small.specs().clone(), tensors.collect()).unwrap()
}

#[test]
fn before_anything_has_faded_in_a_model_computes_what_its_old_units_do() {
    for family in [Family::Gpt2, Family::Llama, Family::Qwen3, Family::Bert, Family::Roberta] {
        // A new layer behind a norm would norm once more.
        let layers = if matches!(family, Family::Bert | Family::Roberta) { 2 } else { 3 };
        let from = small(family);
        let model = Model::new(config(family, layers, 12, 3)).unwrap();
        let mut parameters = model.fresh(&Cpu::default(), 5).unwrap();
        for (i, tensor) in parameters.tensors_mut().iter_mut().enumerate() {
            let moved = |(j, v): (usize, &f32)| v + 0.2 * ((i * 7 + j * 3) as f32).sin();
            let moved: Vec<f32> = tensor.as_vec().iter().enumerate().map(moved).collect();
            tensor.copy_from(&moved);
        }
        let old = Model::new(from.clone()).unwrap();
        let old_parameters = old_units(&model, &parameters, &old);
        let training = Training { masks: Some(FadeIn { from, steps: 4 }), ..Training::default() };
        let charge = Charge::new(&training, &model, 9, SHAPE, None).unwrap();
        let objective = ModelTraining::new(model.clone(), parameters.clone(), charge, None).unwrap();
        let batch = batch(2, 1);
        let expected = old.loss(&mut NoneTape, &old_parameters, &batch, Mode::Evaluate).unwrap().as_vec()[0];
        let at = |steps| {
            let Evaluated { model, parameters, route } = objective.evaluated(steps).unwrap();
            model.loss_along(&mut NoneTape, &parameters, &batch, Mode::Evaluate, &route).unwrap().as_vec()[0]
        };
        let plain = model.loss(&mut NoneTape, &parameters, &batch, Mode::Evaluate).unwrap().as_vec()[0];
        assert!((at(0) - expected).abs() < 1e-5 * expected, "{family}: {}, not {expected}", at(0));
        assert!((at(2) - at(0)).abs() > 1e-4 && (at(2) - plain).abs() > 1e-4, "{family}");
        assert_eq!((at(4), at(9)), (plain, plain), "{family}");
        // The loss that is trained is that of the same step.
        let context = StepContext { step: 2, schedule_step: 8, micro: 0, seed: 1 };
        let trained = objective.loss(&mut GradTape::default(), &batch, &context).unwrap().as_vec()[0];
        assert!((trained - at(2)).abs() < 1e-6, "{family}: {trained}, not {}", at(2));
    }
    // What the slices above rely on.
    let spec = &Model::new(small(Family::Bert)).unwrap().specs()[0].clone();
    assert_eq!((spec.axes[1].role, &spec.axes[1].spaces[..]), (Role::Produces, &[Space::Embed][..]));
}
