//! Experiments whose rows train parts of a model, are taught, grow what the optimiser remembers, or ask of a method what its recipe
//! does not say.

use super::tests::{Place, Watcher, timeless};
use super::*;
use crate::registry::methods;
use crate::strategies::OPTIMISER;
use ligo_growth::{Growth, GrowthOperator, Moments};
use ligo_kernels::Cpu;
use ligo_models::Model;
use ligo_train::{Rate, load_moments};

/// Rows of every kind: the methods that train or are taught in a way of their own, and strategies on top of others.
const ROWS: &str = r#"methods=[
    {method="scratch"},
    {method="ki", until=4},
    {method="msg", fade_steps=3},
    {method="mslt", stages=2},
    {method="bert2bert", sub_model_layers=1},
    {method="stackbert", label="stack", optimiser_state="grown", learning_rate_after_growth="restart"},
    {method="staged-training", label="staged", optimiser_state="grown", learning_rate_after_growth="continue"},
    {method="ligo", steps=2, optimiser_state="grown", learning_rate_after_growth="re-warm", rewarm_steps=3},
    {method="direct-copy", label="dropping", layer_dropping={max_rate=0.5}, token_dropping={share=0.3, from_layer=0, to_layer=1}},
    {method="direct-copy", label="in-parts", staged_training={layers=1, share=0.5}},
]"#;

/// What an optimiser remembered of a model.
fn remembered(place: &Place, path: &str, config: &ligo_models::ModelConfig) -> Moments<Cpu> {
    let model = Model::new(config.clone()).expect("a good configuration");
    load_moments(&place.path(path), model.specs(), &Cpu::default()).expect(path)
}

#[test]
fn every_kind_of_row_is_planned_charged_and_resumed_to_the_same_numbers() {
    let rows = ROWS.replace('\n', " ");
    let place = Place::new();
    let experiment = place.experiment(&[&rows]);
    let results = place.path("results/tiny");
    let plan = crate::plan(&experiment, &methods::<Cpu>(), &Cpu::default(), (place.path("").as_path(), &results))
        .expect("a plan");
    let (undisturbed, _) = place.finished(&[&rows]);

    let planned: Vec<f64> = plan.small.iter().chain(&plan.methods).map(crate::PlannedRun::flops).collect();
    let charged: Vec<f64> =
        undisturbed.small.iter().chain(&undisturbed.methods).map(|record| record.total.flops).collect();
    assert_eq!(planned.len(), charged.len());
    for (record, (planned, charged)) in undisturbed.methods.iter().zip(planned.iter().zip(&charged).skip(1)) {
        assert!((planned / charged - 1.0).abs() < 1e-9, "{}: planned {planned}, charged {charged}", record.label);
    }
    let by_label = |label: &str| undisturbed.methods.iter().find(|record| record.label == label).expect(label);
    let flops = |label| by_label(label).total.flops;
    assert!(flops("ki") > flops("scratch") && flops("msg") > flops("scratch"));
    for cheaper in ["mslt", "bert2bert", "dropping", "in-parts"] {
        assert!(flops(cheaper) < flops("scratch"), "{cheaper}");
    }
    // It grows nothing, but it is taught.
    assert_eq!(by_label("ki").small, Some(undisturbed.small[0].total));
    let parts = by_label("in-parts").stages.iter().map(|stage| (stage.name.as_str(), stage.cost.steps));
    assert_eq!(parts.skip(1).collect::<Vec<_>>(), [("train-bottom", 3), ("train", 3)]);
    assert!(!by_label("ligo").operator_diagnostics.is_empty());
    for record in &undisturbed.methods {
        let directory = place.path(&format!("results/tiny/runs/{}-seed0", record.label));
        let left = std::fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("an entry").file_name());
        let mut left: Vec<String> = left.map(|name| name.into_string().expect("UTF-8")).collect();
        left.sort();
        assert_eq!(left, ["inputs.json", "model", "run.json"], "{}", record.label);
    }

    let weights = |place: &Place, label: &str| {
        std::fs::read(place.path(&format!("results/tiny/runs/{label}-seed0/model/model.safetensors"))).expect(label)
    };
    for stop_after in [1, 3] {
        let stopped = Place::new();
        let mut starts = 0;
        let results = loop {
            starts += 1;
            match stopped.run(&[&rows], &Watcher::new(stop_after)).expect("no error") {
                Outcome::Stopped => assert!(starts < 200, "it never ends"),
                Outcome::Finished(results) => break results,
            }
        };
        let (found, mut expected) = (timeless(&results), timeless(&undisturbed));
        for (found, expected) in found.iter().zip(&mut expected) {
            // Each place has a repository of its own, or none.
            expected.provenance = found.provenance.clone();
            assert_eq!(found, expected, "stopped every {stop_after} steps");
        }
        for record in &results.methods {
            assert_eq!(weights(&stopped, &record.label), weights(&place, &record.label), "{}", record.label);
        }
        assert!(starts > 20);
    }
}

#[test]
fn what_the_optimiser_remembers_grows_by_the_methods_formula_and_goes_on() {
    let rows = r#"methods=[{method="scratch"},{method="staged-training", optimiser_state="grown"}]"#;
    let edit = [rows, "large.num_hidden_layers=1"];
    let place = Place::new();
    // The small model, scratch, one step behind the growth.
    assert!(matches!(place.run(&edit, &Watcher::new(13)), Ok(Outcome::Stopped)));
    let experiment = place.experiment(&edit);
    let small = remembered(&place, &format!("results/tiny/runs/small-seed0/{OPTIMISER}"), &experiment.small);
    let run = "results/tiny/runs/staged-training-seed0";
    let grown = remembered(&place, &format!("{run}/optimiser-1.safetensors"), &experiment.large);
    assert_eq!((small.steps, grown.steps), (6, 6));
    // Two copies of every channel share its gradient: halves of m, quarters of v.
    for (name, columns) in [("transformer.wte.weight", 8), ("transformer.h.0.mlp.c_fc.bias", 32)] {
        let cases = [(&small.first, &grown.first, 0.5), (&small.second, &grown.second, 0.25)];
        for (small, grown, factor) in cases {
            let values = |set: &ligo_models::Parameters<Cpu>| set.get(name).expect(name).as_vec();
            let expected: Vec<f32> =
                values(small).chunks(columns).flat_map(|row| [row, row].concat()).map(|value| value * factor).collect();
            assert!(expected.iter().any(|&value| value != 0.0));
            assert_eq!(values(grown), expected, "{name}");
        }
    }
    let last = names(&place.path(&format!("{run}/stage-1")));
    assert_eq!(last.last().map(String::as_str), Some("step-0000000001.safetensors"));

    // With moments of zero the same step would have gone elsewhere.
    let (grown, _) = place.finished(&edit);
    let (fresh, _) = place.finished(&[r#"methods=[{method="scratch"},{method="staged-training"}]"#, edit[1]]);
    let losses =
        |results: &Results| -> Vec<f64> { results.methods[1].rows.iter().map(|row| row.validation_loss).collect() };
    assert_eq!(losses(&grown)[0], losses(&fresh)[0]);
    assert_ne!(losses(&grown)[1], losses(&fresh)[1]);
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[test]
fn the_learning_rate_after_a_growth_is_that_of_its_policy() {
    let policies = [
        ("", None),
        (", learning_rate_after_growth='restart'", Some(AfterGrowthAt::Restart)),
        (", learning_rate_after_growth='continue'", Some(AfterGrowthAt::Continue)),
        (", learning_rate_after_growth='re-warm', rewarm_steps=2", Some(AfterGrowthAt::ReWarm)),
    ];
    enum AfterGrowthAt {
        Restart,
        Continue,
        ReWarm,
    }
    for (keys, policy) in policies {
        let rows =
            format!("methods=[{{method='scratch'}},{{method='stackbert'{keys}}},{{method='direct-copy'{keys}}}]");
        let place = Place::new();
        let edit = [&rows, "evaluation.every=1", "training.schedule=linear"];
        let (results, _) = place.finished(&edit);
        let config = &results.experiment.training;
        for record in &results.methods[1..] {
            let grows = record.stages.iter().position(|stage| stage.action == crate::StageAction::Grow);
            let grows = grows.expect("it grows");
            // Steps of the schedule that were done before the growth.
            let before: u64 = record.stages[..grows].iter().map(|stage| stage.cost.steps).sum();
            assert_eq!(before > 0, record.method == "stackbert");
            let rate = |step| match &policy {
                _ if step < before => config.rate_at(Rate::Schedule, step),
                None => config.rate_at(Rate::Schedule, step),
                Some(AfterGrowthAt::Restart) => config.rate_at(Rate::Restart { from: before }, step),
                Some(AfterGrowthAt::Continue) => config.rate_at(Rate::Continue, step),
                Some(AfterGrowthAt::ReWarm) => config.rate_at(Rate::ReWarm { from: before, steps: 2 }, step),
            };
            let found = record.rows.iter().filter(|row| row.step > 0).map(|row| row.learning_rate);
            let expected: Vec<f64> = (0..6).map(rate).collect();
            assert_eq!(found.collect::<Vec<_>>(), expected, "{} {keys}", record.label);
        }
    }
}

#[test]
fn an_operator_has_batches_dropout_and_rates_of_its_own_and_is_charged_for_them() {
    let place = Place::new();
    let rows = "methods=[{method='scratch'},{method='ligo',steps=3,batch_size=6,dropout=false,schedule='linear',\
                depth_learning_rate=0}]";
    let (results, _) = place.finished(&[rows, "training.accumulate=2"]);
    let experiment = &results.experiment;
    let found = methods::<Cpu>();
    let task = experiment.task(&experiment.methods[1]);
    let recipe = crate::find(&found, "ligo").expect("ligo").recipe(&experiment.methods[1].options, &task);
    let recipe = recipe.expect("a recipe");
    let ligo_growth::Action::Learn { operator, .. } = &recipe.stages[0].action else { panic!("it learns first") };
    let model = |config: &ligo_models::ModelConfig| Model::new(config.clone()).expect("a good configuration");
    let once = operator.expansion_flops(&model(&experiment.small), &model(&experiment.large)).expect("it fits");
    // A micro-batch of the weights is one sequence, so the operator's six are six; each expands the weights once.
    let still = ligo_models::ModelConfig { hidden_dropout: 0.0, ..experiment.large.clone() };
    let shape = ligo_eval::StepShape { sequences: 6, sequence_length: 8, labelled_share: 1.0 };
    let step = ligo_eval::step_flops(&still, shape, ligo_eval::Convention::Ours).total();
    let expected = 3.0 * (step + 6.0 * (once.forward + once.backward)) + once.forward;
    let learnt = &results.methods[1];
    let cost = learnt.stages[0].cost;
    assert!((cost.flops / expected - 1.0).abs() < 1e-12, "{}, not {expected}", cost.flops);
    assert_eq!((cost.steps, cost.tokens), (3, 3 * 6 * 8));
    for factor in &learnt.operator_diagnostics {
        assert_eq!(factor.moved > 0.0, factor.depth_weights.is_empty(), "{}: {}", factor.name, factor.moved);
    }
}

/// A method whose operator knows nothing of optimisers.
#[derive(Debug)]
struct Forgetful;

impl GrowthOperator<Cpu> for Forgetful {
    fn grow(&self, growth: &Growth<'_, Cpu>) -> ligo_growth::Result<ligo_models::Parameters<Cpu>> {
        Ok(growth.large.fresh(growth.device, growth.seed)?)
    }
}

impl ligo_growth::Method<Cpu> for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    fn summary(&self) -> &'static str {
        "Grows into a fresh model."
    }

    fn recipe(&self, _: &toml::Table, task: &ligo_growth::Task) -> ligo_growth::Result<ligo_growth::Recipe<Cpu>> {
        let stages = vec![
            ligo_growth::Stage::grow("grow", task.large.clone(), Forgetful),
            ligo_growth::Stage::train("train", 0..task.steps),
        ];
        Ok(ligo_growth::Recipe { start: ligo_growth::Start::Small, stages })
    }

    fn axes(&self) -> ligo_growth::Axes {
        ligo_growth::Axes { width: "fresh", depth: "fresh" }
    }

    fn guarantee(&self, _: &toml::Table, _: &ligo_growth::Task) -> ligo_growth::Result<ligo_growth::Guarantee> {
        Ok(ligo_growth::Guarantee::Nothing("it is fresh".into()))
    }
}

#[test]
fn an_optimiser_that_cannot_grow_is_refused_before_anything_is_trained() {
    let place = Place::new();
    let mut registry = methods::<Cpu>();
    registry.push(Box::new(Forgetful));
    let rows = ["methods=[{method='scratch'},{method='forgetful',optimiser_state='grown'}]".to_owned()];
    let experiment = Experiment::load(&place.path("tiny.toml"), &rows, &registry, &place.path("")).expect("it is good");
    let watcher = Watcher::new(u64::MAX);
    let error = run(&experiment, &registry, &Cpu::default(), &place.options(&watcher)).expect_err("it has no maps");
    let expected = "'methods.forgetful.optimiser_state' is grown, expected fresh: \
                    the method forgetful has no maps for it (stage 'grow')";
    assert_eq!((error.to_string().as_str(), watcher.steps()), (expected, 0));
}

#[test]
fn a_small_model_without_its_optimisers_state_is_named() {
    let place = Place::new();
    let rows = |state| format!("methods=[{{method='scratch'}},{{method='direct-copy'{state}}}]");
    place.finished(&[&rows("")]);
    std::fs::remove_file(place.path(&format!("results/tiny/runs/small-seed0/{OPTIMISER}"))).expect("it is kept");
    let watcher = Watcher::new(u64::MAX);
    let error = place.run(&[&rows(",optimiser_state='grown'")], &watcher).expect_err("it is gone").to_string();
    assert!(
        error.contains("runs/small-seed0/optimiser.safetensors: no such file, which optimiser_state = \"grown\" needs"),
        "{error}"
    );
    assert_eq!(watcher.steps(), 0);
}

#[test]
fn a_strategy_invalidates_its_row_alone_and_a_row_without_one_is_what_it_was() {
    let place = Place::new();
    let rows = |keys: &str| format!("methods=[{{method='scratch'}},{{method='direct-copy'{keys}}}]");
    place.finished(&[&rows("")]);
    let cases = [
        (",optimiser_state='fresh'", ""),
        (",layer_dropping={max_rate=0.1}", "layer_dropping.max_rate changed nothing → 0.1: direct-copy, seed 0"),
        (
            ",layer_dropping={max_rate=0.2},learning_rate_after_growth='continue'",
            "layer_dropping.max_rate changed 0.1 → 0.2: direct-copy, seed 0\n\
             learning_rate_after_growth changed nothing → continue: direct-copy, seed 0",
        ),
    ];
    for (keys, said) in cases {
        let (_, watcher) = place.finished(&[&rows(keys)]);
        let lines = watcher.lines();
        let told: Vec<&str> = lines.iter().map(String::as_str).filter(|line| line.contains(" changed ")).collect();
        assert_eq!(told.join("\n"), said, "{keys}");
        let started: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("start ")).collect();
        assert_eq!(started, if said.is_empty() { vec![] } else { vec!["direct-copy"] }, "{keys}");
    }
}

#[test]
fn a_model_that_grows_with_another_eps_is_the_large_model() {
    let place = Place::new();
    let wider = ["large.hidden_size=12", "large.num_attention_heads=3"];
    let (results, _) = place.finished(&[&["methods=[{method='scratch'},{method='lemon'}]"], &wider[..]].concat());
    let model = place.path("results/tiny/runs/lemon-seed0/model");
    let (grown, _) = ligo_models::hub::import(&model, &Cpu::default()).expect("a model");
    let eps = |config: &ligo_models::ModelConfig| config.layer_norm_eps();
    // The variance of 8 of 12 coordinates (METHODS.md, LEMON): η² = 8 / 12.
    let expected = eps(&results.experiment.large) * 8.0 / 12.0;
    assert!((eps(grown.config()) / expected - 1.0).abs() < 1e-6, "{}, not {expected}", eps(grown.config()));
    assert_eq!(results.methods[1].parameters, results.methods[0].parameters);
}
