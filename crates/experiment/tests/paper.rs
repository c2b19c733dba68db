//! The experiments that the project carries: each resolves, its models have the sizes that they are known by, and what it will cost is
//! what the paper's script says.
//!
//! No data are there; nothing is trained but the step that a plan times.

use ligo_experiment::{Experiment, Plan, PlannedRun, methods, plan};
use ligo_kernels::Cpu;
use ligo_models::{Model, ModelConfig};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every experiment below `directory`, with its path.
fn all_below(directory: &Path) -> Vec<(PathBuf, Experiment)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("bases") {
            found.extend(all_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            let experiment = load(&path).unwrap_or_else(|error| panic!("{error}"));
            found.push((path, experiment));
        }
    }
    found
}

fn load(path: &Path) -> Result<Experiment, ligo_experiment::ConfigError> {
    Experiment::load(path, &[], &methods::<Cpu>(), &workspace())
}

fn of_the_paper(name: &str) -> Experiment {
    load(&workspace().join(format!("experiments/paper/{name}.toml"))).unwrap_or_else(|error| panic!("{error}"))
}

fn planned(name: &str) -> Plan {
    plan_of(&of_the_paper(name))
}

fn plan_of(experiment: &Experiment) -> Plan {
    let nowhere = tempfile::tempdir().expect("a directory");
    plan(experiment, &methods::<Cpu>(), &Cpu::default(), (nowhere.path(), nowhere.path())).expect("a plan")
}

fn row<'a>(plan: &'a Plan, label: &str) -> &'a PlannedRun {
    plan.runs().find(|run| run.label == label).unwrap_or_else(|| panic!("no row {label}"))
}

/// FLOPs by the paper's script, of a row that it can count.
fn counted(plan: &Plan, label: &str) -> f64 {
    row(plan, label).paper_flops().unwrap_or_else(|| panic!("{label} is not counted"))
}

#[test]
fn every_experiment_resolves_to_itself_and_has_results_of_its_own() {
    let mut homes: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut of_the_paper = 0;
    for (path, experiment) in all_below(&workspace().join("experiments")) {
        let directory = tempfile::tempdir().expect("a directory");
        let resolved = directory.path().join(path.file_name().expect("a name"));
        std::fs::write(&resolved, experiment.to_toml().expect("TOML")).expect("it can be written");
        let again = load(&resolved).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let again = Experiment { file: experiment.file.clone(), ..again };
        assert_eq!(again, experiment, "{}", path.display());
        of_the_paper += usize::from(path.parent().is_some_and(|parent| parent.ends_with("paper")));
        if let Some(other) = homes.insert(experiment.name.clone(), path.clone()) {
            panic!("{} and {} leave their results in the same directory", other.display(), path.display());
        }
    }
    assert!(of_the_paper >= 15, "only {of_the_paper} of the paper's experiments were found");
}

/// What `transformers` and `timm` count for the published models; of BERT and RoBERTa with the masked language model's head.
#[test]
fn models_have_as_many_weights_as_they_are_known_for() {
    let count = |model: &ModelConfig| Model::new(model.clone()).expect("a model").parameter_count();
    for (name, small, large) in [
        ("bert-small-base", None, 109_514_298),
        ("bert-base-large", Some(109_514_298), 335_174_458),
        ("roberta-small-base", None, 124_697_433 + 768), // a second token type
        ("gpt2-base-medium", Some(124_439_808), 354_823_168),
        ("gpt2-medium-1.5b", Some(354_823_168), 1_557_611_200),
        ("deit-s-b", Some(22_050_664), 86_567_656),
    ] {
        let experiment = of_the_paper(name);
        assert_eq!(count(&experiment.large), large, "{name}");
        if let Some(small) = small {
            assert_eq!(count(&experiment.small), small, "{name}");
        }
    }
    // Touvron et al. 2021 (CaiT, table 3): 26.6 and 46.9 million.
    let cait = of_the_paper("cait-xs-s");
    let millions = |model| (count(model) as f64 / 1e5).round() / 10.0;
    assert_eq!((millions(&cait.small), millions(&cait.large)), (26.6, 46.9));
}

#[test]
fn what_images_take_in_memory_and_evaluations_in_time_is_known_before_a_run() {
    let plan = planned("deit-s-b");
    let images = plan.images.expect("an experiment on images");
    assert_eq!((images.encoded, images.validation), (None, 781 * 64 * 3 * 224 * 224 * 4));
    // 781 batches of 64 forward alone against 1251 of 1024 forward and back, which is three times as much.
    let expected = 781.0 * 64.0 / (3.0 * 1251.0 * 1024.0);
    assert!((plan.evaluation_share / expected - 1.0).abs() < 0.01, "{}", plan.evaluation_share);
    assert!(planned("bert-small-base").images.is_none());
}

#[test]
fn computing_blocks_again_is_known_to_take_less_memory() {
    let path = workspace().join("experiments/paper/bert-small-base.toml");
    let memory = |checkpointing: bool| {
        let changes = [format!("training.activation_checkpointing={checkpointing}")];
        let experiment = Experiment::load(&path, &changes, &methods::<Cpu>(), &workspace()).expect("it resolves");
        let plan = plan_of(&experiment);
        ["scratch", "ligo"].map(|label| row(&plan, label).memory)
    };
    for (kept, again) in memory(false).into_iter().zip(memory(true)) {
        assert!(again.activations < kept.activations / 2, "{again:?} {kept:?}");
        assert_eq!(again.total() - again.activations, kept.total() - kept.activations);
    }
}

#[test]
fn steps_and_totals_are_the_papers() {
    let plan = planned("bert-small-base");
    let steps = plan.paper.expect("a family that the script knows");
    assert_eq!(format!("{:.4e}", steps.small), "4.9773e12");
    assert_eq!(format!("{:.5e}", steps.large), "1.50682e13");
    assert_eq!(format!("{:.5e}", steps.operator), "3.61297e13");

    let total = |label| format!("{:.3e}", counted(&plan, label));
    assert_eq!(total("scratch"), "6.027e18");
    assert_eq!(total("small"), "1.095e18");
    assert_eq!(total("ki"), "7.023e18"); // a teacher in every step: the end of its curve in Figure 2a is read as 7.05e18
    assert_eq!(total("bert2bert"), "6.027e18");
    assert_eq!(total("ligo"), total("ligo-paper"));
    assert_eq!(counted(&plan, "ligo") - counted(&plan, "scratch"), 100.0 * steps.operator);
    // Read as 4.69e18; the paper does not say how long it trains each depth.
    assert!((counted(&plan, "stackbert") / 4.69e18 - 1.0).abs() < 0.02);
    // The script knows no part of a model that stays as it is.
    assert_eq!(row(&plan, "mslt").paper_flops(), None);
    // Our own count: a backward costs twice a forward, and no embedding is a dense product.
    assert!(row(&plan, "ki").flops() > row(&plan, "scratch").flops());
    assert!(row(&plan, "mslt").flops() < row(&plan, "scratch").flops());

    let large = planned("bert-base-large").paper.expect("a family that the script knows");
    assert_eq!(format!("{:.5e}", large.small), "1.50682e13");
    assert_eq!(format!("{:.4e}", large.large), "4.5308e13");
}

/// PAPER.md 2.0 and 2.7: scratch reaches a log perplexity of 1.80 after 5.865e18 FLOPs, LiGO after 215,000 steps, or 214,000 where
/// its operator was learnt for 10,000.
#[test]
fn the_papers_savings_follow_from_its_steps() {
    let plan = planned("bert-ligo-steps");
    let step = plan.paper.expect("a family that the script knows").large;
    let scratch = 5.865e18;
    for (label, steps, saving) in [
        ("ligo-100", 215e3, "44.7"),
        ("ligo-500", 215e3, "44.5"),
        ("ligo-1000", 215e3, "44.2"),
        ("ligo-10000", 214e3, "38.9"),
    ] {
        let learnt = row(&plan, label).stages.iter().find(|stage| stage.name.starts_with("learn")).expect("a stage");
        let cost = learnt.paper_flops.expect("LiGO's") + steps * step;
        // 44.15 of 1000 steps is printed as 44.2.
        assert!((100.0 * (1.0 - cost / scratch) - saving.parse::<f64>().expect("a number")).abs() < 0.06, "{label}");
    }
    // Table 1's savings, as costs: each within what its row is trained for.
    let plan = planned("bert-small-base");
    for (label, saving, implied) in [
        ("stackbert", 0.341, 3.865e18),
        ("ki", -0.057, 6.199e18),
        ("bert2bert", 0.290, 4.164e18),
        ("ligo", 0.447, 3.243e18),
    ] {
        assert!((scratch * (1.0 - saving) / implied - 1.0_f64).abs() < 1e-3, "{label}");
        assert!(implied < counted(&plan, label), "{label}");
    }
}

#[test]
fn a_grid_and_equal_compute_are_planned() {
    let plan = planned("bert-small-base-tuned");
    assert_eq!(plan.points, 6);
    assert_eq!(row(&plan, "small").times, 3);
    assert_eq!(row(&plan, "scratch").times, 6 + 2);
    // Rows that cost as much as scratch are compared with scratch itself; the others with one that costs what they do.
    assert!(!plan.beside.is_empty());
    let scratch = row(&plan, "scratch").flops();
    for label in ["stackbert", "mslt", "ki"] {
        let flops = row(&plan, label).flops();
        let near = |run: &&PlannedRun| ((run.flops() - flops) / scratch).abs() <= 0.0051;
        assert!(plan.beside.iter().any(|run| near(&run) && run.times == 3), "{label}");
    }
    let all: f64 = plan.runs().map(PlannedRun::all_flops).sum();
    assert!((plan.seconds * plan.time_source.flops_per_second() / all - 1.0).abs() < 1e-9);
}
