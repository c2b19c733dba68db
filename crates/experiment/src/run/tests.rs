//! Whole experiments in a second: a few steps of tiny models on a Parquet file that the test writes.

use super::*;
use crate::record::RunRecord;
use crate::registry::methods;
use ligo_kernels::Cpu;
use ligo_train::{Cost, MetricRow, Progress, StepReport};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const TOML: &str = r#"
title = "Tiny"

[data]
train = ["train.parquet"]
validation = ["validation.parquet"]
sequence_length = 8
[data.tokenizer]
vocab_size = 270

[small]
family = "gpt2"
hidden_size = 8
num_hidden_layers = 1
num_attention_heads = 2
hidden_dropout = 0.1

[large]
family = "gpt2"
hidden_size = 16
num_hidden_layers = 2
num_attention_heads = 4
hidden_dropout = 0.1

[training]
steps = 6
batch_size = 2
learning_rate = 1e-3
warmup_steps = 2

[evaluation]
every = 2
batches = 2

[[methods]]
method = "scratch"
[[methods]]
method = "stackbert"
[[methods]]
method = "direct-copy"
[[methods]]
method = "ligo"
steps = 3
warmup_steps = 1
"#;

/// A directory with text and an experiment file.
pub(super) struct Place(tempfile::TempDir);

impl Place {
    pub(super) fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary directory"));
        let text = |from: usize| -> Vec<String> {
            (from..from + 40).map(|i| format!("sentence number {i} says that {} is more than {}", i + 1, i)).collect()
        };
        for (name, rows) in [("train.parquet", text(0)), ("validation.parquet", text(100))] {
            ligo_data::write_text_parquet(&place.path(name), "text", &rows).expect("the directory is writable");
        }
        std::fs::write(place.path("tiny.toml"), TOML).expect("the directory is writable");
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn experiment(&self, overrides: &[&str]) -> Experiment {
        let overrides: Vec<String> = overrides.iter().map(|&argument| argument.to_owned()).collect();
        Experiment::load(&self.path("tiny.toml"), &overrides, &methods::<Cpu>(), self.0.path()).expect("it is good")
    }

    pub(super) fn options<'a>(&self, watcher: &'a Watcher) -> Options<'a> {
        Options {
            workspace: self.0.path().into(),
            results_dir: self.path("results"),
            data_dir: self.path("data"),
            threads: 1,
            command: "test".into(),
            // After every step, so that there is always one to go on from.
            checkpoint_every: Duration::ZERO,
            stop: watcher.stop.clone(),
            observer: watcher,
        }
    }

    pub(super) fn run(&self, overrides: &[&str], watcher: &Watcher) -> Result<Outcome> {
        run(&self.experiment(overrides), &methods::<Cpu>(), &Cpu::default(), &self.options(watcher))
    }

    pub(super) fn finished(&self, overrides: &[&str]) -> (Results, Watcher) {
        let watcher = Watcher::new(u64::MAX);
        match self.run(overrides, &watcher) {
            Ok(Outcome::Finished(results)) => (*results, watcher),
            other => panic!("expected results, found {other:?}"),
        }
    }
}

/// Writes down what happens, and asks for a stop after so many steps.
pub(super) struct Watcher {
    stop: StopFlag,
    steps: AtomicU64,
    stop_after: u64,
    lines: Mutex<Vec<String>>,
}

impl Watcher {
    pub(super) fn new(stop_after: u64) -> Self {
        Self { stop: StopFlag::default(), steps: AtomicU64::new(0), stop_after, lines: Mutex::default() }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no watcher panics").clone()
    }
}

impl Progress for Watcher {
    fn stage_started(&self, _stage: &str, _steps: u64, _done: u64) {}
    fn step(&self, _report: &StepReport) {
        if self.steps.fetch_add(1, Ordering::Relaxed) + 1 >= self.stop_after {
            self.stop.stop();
        }
    }
    fn evaluated(&self, _row: &MetricRow) {}
    fn stage_finished(&self, _stage: &str) {}
}

impl Observer for Watcher {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Stale { change, runs } => format!("{change}: {}", runs.join("; ")),
            Event::RunStarted { label, .. } => format!("start {label}"),
            Event::RunKept(record) => format!("keep {}", record.label),
            _ => return,
        };
        self.lines.lock().expect("no watcher panics").push(line);
    }
}

/// What must be equal however often a run was stopped: everything but time.
pub(super) fn timeless(results: &Results) -> Vec<RunRecord> {
    let timeless = |record: &RunRecord| {
        let mut record = record.clone();
        record.provenance.date.clear();
        record.total.wall_seconds = 0.0;
        record.stages.iter_mut().for_each(|stage| stage.cost.wall_seconds = 0.0);
        record.rows.iter_mut().for_each(|row| row.wall_seconds = 0.0);
        if let Some(small) = &mut record.small {
            small.wall_seconds = 0.0;
        }
        record
    };
    results.small.iter().chain(&results.methods).map(timeless).collect()
}

#[test]
fn a_run_trains_everything_once_and_charges_every_stage() {
    let place = Place::new();
    let (results, watcher) = place.finished(&[]);
    let labels: Vec<&str> = results.methods.iter().map(|record| record.label.as_str()).collect();
    assert_eq!(labels, ["scratch", "stackbert", "direct-copy", "ligo"]);
    assert_eq!(results.small.len(), 1);
    // The small model, four rows, and three steps of the operator.
    assert_eq!(watcher.steps(), 5 * 6 + 3);

    let by_label = |label: &str| results.methods.iter().find(|record| record.label == label).expect(label);
    let (scratch, ligo) = (by_label("scratch"), by_label("ligo"));
    assert_eq!((scratch.small, ligo.small), (None, Some(results.small[0].total)));
    assert_eq!(ligo.parameters, scratch.parameters);
    assert_eq!(ligo.stages.iter().map(|stage| stage.cost.steps).collect::<Vec<_>>(), [3, 6]);
    assert!(ligo.total.flops > scratch.total.flops && ligo.operator.is_some());
    for record in &results.methods {
        let sum: Cost = record.stages.iter().map(|stage| stage.cost).sum();
        assert_eq!(record.total, sum);
        let last = record.rows.last().expect("it was evaluated");
        assert_eq!((last.total_steps, last.flops), (record.total.steps, record.total.flops), "{}", record.label);
        assert!(record.rows.iter().all(|row| row.validation_loss.is_finite()));
        assert!(record.rows.windows(2).all(|pair| pair[0].flops <= pair[1].flops));
    }

    // The trained model is there for whoever wants to go on with it.
    let model = place.path("results/tiny/runs/ligo-seed0/model");
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert!(model.join(name).is_file(), "{name}");
    }

    let (again, watcher) = place.finished(&[]);
    assert_eq!((watcher.steps(), timeless(&again)), (0, timeless(&results)));
}

#[test]
fn every_family_of_text_trains_and_grows_by_its_name_in_the_file_alone() {
    let rows = r#"methods=[{method="scratch"},{method="stackbert"},{method="direct-copy"},{method="bert2bert"},{method="ligo",steps=2}]"#;
    let grouped = ["small.num_key_value_heads=1", "large.num_key_value_heads=2"];
    let cases: [(&str, usize, &[&str]); 7] = [
        // Positions count on from the tokenizer's [PAD], which is token 0.
        ("roberta", 9, &[]),
        ("bert", 8, &[]),
        ("llama", 8, &[]),
        ("llama", 8, &grouped),
        ("mistral", 8, &["small.sliding_window=3", "large.sliding_window=3"]),
        ("qwen2", 8, &grouped),
        ("qwen3", 8, &grouped),
    ];
    for (family, positions, more) in cases {
        let place = Place::new();
        let families = [format!("small.family={family}"), format!("large.family={family}")];
        let plain = ["small.hidden_dropout=0", "large.hidden_dropout=0", "training.steps=2", "training.warmup_steps=1"];
        let edit: Vec<&str> = [rows].into_iter().chain(families.iter().map(String::as_str)).chain(plain).collect();
        let (results, _) = place.finished(&[&edit[..], more].concat());
        assert_eq!((results.small.len(), results.methods.len()), (1, 5), "{family}");
        for record in &results.methods {
            assert!(record.rows.iter().all(|row| row.validation_loss.is_finite()), "{family} {}", record.label);
        }
        let directory = place.path("results/tiny/runs/ligo-seed0/model");
        let (model, _) = ligo_models::hub::import(&directory, &Cpu::default()).expect("a model");
        assert_eq!((model.config().family.name(), model.config().max_position_embeddings), (family, positions));
        assert_eq!(model.parameter_count() as u64, results.methods[0].parameters);
    }
}

#[test]
fn a_roberta_whose_padding_a_real_token_could_be_is_refused() {
    let place = Place::new();
    let edit = ["small.family=roberta", "large.family=roberta", "large.pad_token_id=7", "small.pad_token_id=7"];
    let error = format!("{:#}", place.run(&edit, &Watcher::new(u64::MAX)).expect_err("7 is a token of the text"));
    let expected = "small.pad_token_id is 7, expected the id of the tokenizer's padding token (0)";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn stopped_at_any_step_and_started_again_a_run_ends_with_the_same_numbers() {
    let (undisturbed, _) = Place::new().finished(&[]);
    for stop_after in [1, 4, 7] {
        let place = Place::new();
        let mut starts = 0;
        loop {
            starts += 1;
            match place.run(&[], &Watcher::new(stop_after)).expect("no error") {
                Outcome::Stopped => assert!(starts < 60, "it never ends"),
                Outcome::Finished(results) => {
                    let (found, mut expected) = (timeless(&results), timeless(&undisturbed));
                    // Each place has a repository of its own, or none.
                    for (found, expected) in found.iter().zip(&mut expected) {
                        expected.provenance = found.provenance.clone();
                    }
                    assert_eq!(found, expected, "stopped every {stop_after} steps");
                    break;
                }
            }
        }
        assert!(starts > 3);
    }
}

#[test]
fn an_edit_invalidates_just_what_depends_on_it_and_says_why() {
    let place = Place::new();
    let (first, _) = place.finished(&[]);
    // (the edit, what is said of it, the runs that are done again)
    let cases: [(&[&str], &[&str], &[&str]); 6] = [
        (&["title=Other", "report.smoothing=1", "threads=1"], &[], &[]),
        (
            &["methods.ligo.learning_rate=1e-2"],
            &["options.learning_rate changed nothing → 0.01: ligo, seed 0"],
            &["ligo"],
        ),
        (
            &["methods.scratch.training.learning_rate=2e-3"],
            &["training.learning_rate changed 0.001 → 0.002: scratch, seed 0"],
            &["scratch"],
        ),
        (
            &["small_training.steps=5"],
            &["small_training.steps changed 6 → 5: small, seed 0; direct-copy, seed 0; ligo, seed 0"],
            &["small", "direct-copy", "ligo"],
        ),
        (
            &["large.hidden_dropout=0.2"],
            &[
                "large.hidden_dropout changed 0.1 → 0.2: scratch, seed 0; stackbert, seed 0; direct-copy, seed 0; ligo, seed 0",
            ],
            &["scratch", "stackbert", "direct-copy", "ligo"],
        ),
        (
            &["evaluation.every=3"],
            &[
                "evaluation.every changed 2 → 3: small, seed 0; scratch, seed 0; stackbert, seed 0; direct-copy, seed 0; ligo, seed 0",
            ],
            &["small", "scratch", "stackbert", "direct-copy", "ligo"],
        ),
    ];
    for (edit, said, redone) in cases {
        let (_, watcher) = place.finished(edit);
        let lines = watcher.lines();
        let told: Vec<&String> = lines.iter().filter(|line| line.contains(" changed ")).collect();
        assert_eq!(told, said, "{edit:?}");
        let started: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("start ")).collect();
        assert_eq!(started, redone, "{edit:?}");
        // Back to where it was: the same runs again, with the same numbers.
        let (back, watcher) = place.finished(&[]);
        assert_eq!(timeless(&back), timeless(&first), "{edit:?}");
        let started: Vec<String> =
            watcher.lines().iter().filter_map(|line| line.strip_prefix("start ").map(str::to_owned)).collect();
        assert_eq!(started, redone, "{edit:?}");
    }
}

#[test]
fn an_added_row_is_run_and_nothing_else() {
    let place = Place::new();
    place.finished(&[]);
    let more = "\n[[methods]]\nmethod = \"bert2bert\"\n";
    std::fs::write(place.path("tiny.toml"), format!("{TOML}{more}")).expect("the directory is writable");
    let (_, watcher) = place.finished(&[]);
    let started: Vec<String> = watcher.lines().into_iter().filter(|line| line.starts_with("start")).collect();
    assert_eq!(started, ["start bert2bert"]);
}

#[test]
fn a_second_process_is_refused_with_the_directory_and_the_first_ones_id() {
    let place = Place::new();
    let held = Lock::acquire(&place.path("results/tiny")).expect("the directory is writable");
    let error = place.run(&[], &Watcher::new(u64::MAX)).expect_err("it is locked").to_string();
    let id = std::process::id();
    assert!(error.contains("results/tiny: another process") && error.contains(&format!("(process {id})")), "{error}");
    drop(held);
    assert!(matches!(place.run(&[], &Watcher::new(1)), Ok(Outcome::Stopped)));
}

#[test]
fn what_is_wrong_with_files_is_said_with_their_names() {
    let place = Place::new();
    std::fs::write(place.path("file"), "not a directory").expect("the directory is writable");
    std::fs::write(place.path("short.parquet"), "PAR1").expect("the directory is writable");
    ligo_data::write_text_parquet(&place.path("brief.parquet"), "text", &["a b"]).expect("the directory is writable");
    let cases: [(&[&str], &str); 4] = [
        (&["data.train=['none.parquet']"], "none.parquet: no such file"),
        (&["data.train=['short.parquet']"], "short.parquet"),
        (&["data.validation=['brief.parquet']"], "brief.parquet: the text is shorter than one block"),
        (&["data.column=body"], "no column `body`, found the columns `text`"),
    ];
    for (edit, expected) in cases {
        let error = format!("{:#}", place.run(edit, &Watcher::new(u64::MAX)).expect_err(expected));
        assert!(error.contains(expected), "{error}");
    }
    let blocked = Options {
        workspace: place.0.path().into(),
        results_dir: place.path("file"),
        data_dir: place.path("data"),
        threads: 1,
        command: String::new(),
        checkpoint_every: Duration::ZERO,
        stop: StopFlag::default(),
        observer: &Watcher::new(1),
    };
    let error = run(&place.experiment(&[]), &methods::<Cpu>(), &Cpu::default(), &blocked).expect_err("it is a file");
    assert!(format!("{error:#}").contains("file/tiny: the results directory cannot be made"), "{error:#}");
}

#[test]
fn a_diverging_row_is_reported_when_the_others_are_done() {
    let place = Place::new();
    let watcher = Watcher::new(u64::MAX);
    let edit = ["methods.scratch.training.learning_rate=1e20", "methods.scratch.training.weight_decay=0"];
    let error = format!("{:#}", place.run(&edit, &watcher).expect_err("it diverges"));
    assert!(error.starts_with("scratch, seed 0: ") && error.contains("expected a finite number"), "{error}");
    assert!(place.path("results/tiny/runs/ligo-seed0/run.json").is_file());

    let edit = ["methods.ligo.training.learning_rate=1e20", "methods.ligo.training.weight_decay=0"];
    let error = format!("{:#}", place.run(&edit, &Watcher::new(u64::MAX)).expect_err("it diverges"));
    assert!(error.starts_with("ligo, seed 0: "), "{error}");
    let table = std::fs::read_to_string(place.path("results/tiny/table.md")).expect("the other rows' table");
    assert!(table.contains("\n| stackbert") && !table.contains("\n| ligo"), "{table}");
}

#[test]
fn a_results_directory_of_another_file_is_refused_and_nothing_is_lost() {
    let place = Place::new();
    let (results, _) = place.finished(&[]);
    std::fs::create_dir(place.path("mine")).expect("the directory is writable");
    std::fs::copy(place.path("tiny.toml"), place.path("mine/tiny.toml")).expect("the directory is writable");
    let registry = methods::<Cpu>();
    let other = Experiment::load(&place.path("mine/tiny.toml"), &[], &registry, place.0.path()).expect("it is good");
    let watcher = Watcher::new(u64::MAX);
    let run_other = || run(&other, &registry, &Cpu::default(), &place.options(&watcher)).map(drop);
    for refused in [run_other(), collect(&other, &registry, &place.options(&watcher)).map(drop)] {
        let error = format!("{:#}", refused.expect_err("it is another file's"));
        let both = "results/tiny: holds the results of tiny.toml, expected those of mine/tiny.toml; ";
        assert!(error.contains(both) && error.contains("--results DIR"), "{error}");
    }
    let (again, _) = place.finished(&["title=Another"]);
    assert_eq!(timeless(&again), timeless(&results));

    // One that nobody has claimed is whoever's comes first.
    std::fs::remove_file(place.path("results/tiny/experiment.json")).expect("it is there");
    run_other().expect("it is nobody's");
    assert_eq!(watcher.steps(), 0);
    place.run(&[], &watcher).expect_err("it is the other's now");
}

#[test]
fn activation_checkpointing_changes_no_loss() {
    let place = Place::new();
    let losses = |overrides: &[&str]| -> Vec<(String, Vec<(u64, u64)>)> {
        let (results, _) = place.finished(overrides);
        let bits = |row: &MetricRow| (row.total_steps, row.validation_loss.to_bits());
        results.methods.iter().map(|run| (run.label.clone(), run.rows.iter().map(bits).collect())).collect()
    };
    let kept = losses(&[]);
    assert!(kept.len() == 4 && kept.iter().all(|(_, rows)| rows.len() > 3), "{kept:?}");
    assert_eq!(losses(&["training.activation_checkpointing=true"]), kept);
}

#[test]
fn a_report_of_another_state_of_the_file_says_what_runs_there_are() {
    let place = Place::new();
    let watcher = Watcher::new(u64::MAX);
    let report = |edit: &[&str]| {
        let found = collect(&place.experiment(edit), &methods::<Cpu>(), &place.options(&watcher));
        found.map(|results| results.methods.len()).map_err(|error| format!("{error:#}"))
    };
    let error = report(&[]).expect_err("nothing was run");
    assert!(error.ends_with("no finished run of tiny, expected one or more"), "{error}");
    place.finished(&[]);
    assert_eq!(report(&[]), Ok(4));
    let error = report(&["training.steps=5"]).expect_err("nothing was run for five steps");
    let expected = "no finished run of tiny as its file and --set are now, 5 of another state of it \
                    (small_training.steps changed 6 → 5 and 1 more)";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_plan_agrees_with_the_run_and_needs_no_data() {
    let place = Place::new();
    let experiment = place.experiment(&[]);
    let results = place.path("results/tiny");
    let before = crate::plan(&experiment, &methods::<Cpu>(), &Cpu::default(), (place.path("").as_path(), &results))
        .expect("a plan");
    assert!(matches!(before.time_source, crate::TimeSource::TimedStep { .. }));
    let (found, _) = place.finished(&[]);
    let planned: Vec<f64> = before.small.iter().chain(&before.methods).map(crate::PlannedRun::flops).collect();
    let charged: Vec<f64> = found.small.iter().chain(&found.methods).map(|record| record.total.flops).collect();
    for (planned, charged) in planned.iter().zip(&charged) {
        assert!((planned / charged - 1.0).abs() < 1e-9, "planned {planned}, charged {charged}");
    }
    assert_eq!(before.large_parameters as u64, found.methods[0].parameters);
    let after = crate::plan(&experiment, &methods::<Cpu>(), &Cpu::default(), (place.path("").as_path(), &results))
        .expect("a plan");
    assert!(matches!(after.time_source, crate::TimeSource::EarlierRuns { runs: 4, .. }));
}

#[test]
fn the_state_of_an_experiment_is_told_from_its_files() {
    let place = Place::new();
    let state = || {
        let states = crate::states(place.0.path(), &methods::<Cpu>(), place.0.path(), &place.path("results"));
        states.expect("the directory can be listed").remove(0).state.to_string()
    };
    assert_eq!(state(), "not started");
    assert!(matches!(place.run(&[], &Watcher::new(14)), Ok(Outcome::Stopped)));
    assert_eq!(state(), "2 of 5 runs done");
    place.finished(&[]);
    assert_eq!(state(), "done");
    std::fs::write(place.path("tiny.toml"), TOML.replace("steps = 3", "steps = 4")).expect("the directory is writable");
    assert_eq!(state(), "changed since: 1 of 5 runs to do again");
    std::fs::write(place.path("tiny.toml"), "tilte = 1").expect("the directory is writable");
    assert_eq!(state(), "cannot be read");
}

/// A method of somebody else: a fresh model, trained for half the steps, then for the rest.
struct TwoHalves;

impl<D: Kernels> ligo_growth::Method<D> for TwoHalves {
    fn name(&self) -> &'static str {
        "two-halves"
    }

    fn summary(&self) -> &'static str {
        "Trains in two halves."
    }

    fn recipe(&self, options: &toml::Table, task: &ligo_growth::Task) -> ligo_growth::Result<ligo_growth::Recipe<D>> {
        ligo_growth::parse_options::<toml::Table>("two-halves", options)?;
        let stages = vec![
            ligo_growth::Stage::train("first", 0..task.steps / 2),
            ligo_growth::Stage::train("second", task.steps / 2..task.steps),
        ];
        Ok(ligo_growth::Recipe { start: ligo_growth::Start::Random(task.large.clone().into()), stages })
    }

    fn axes(&self) -> ligo_growth::Axes {
        ligo_growth::Axes { width: "fresh", depth: "fresh" }
    }

    fn guarantee(&self, _: &toml::Table, _: &ligo_growth::Task) -> ligo_growth::Result<ligo_growth::Guarantee> {
        Ok(ligo_growth::Guarantee::Nothing("nothing grows".into()))
    }
}

#[test]
fn a_method_from_outside_is_a_line_in_the_registry_and_a_row_in_the_table() {
    let place = Place::new();
    let mut registry = methods::<Cpu>();
    registry.push(Box::new(TwoHalves));
    let rows = ["methods=[{method=\"scratch\"},{method=\"two-halves\"}]".to_owned()];
    let experiment = Experiment::load(&place.path("tiny.toml"), &rows, &registry, place.0.path()).expect("it is good");
    let watcher = Watcher::new(u64::MAX);
    let outcome = run(&experiment, &registry, &Cpu::default(), &place.options(&watcher)).expect("it runs");
    let Outcome::Finished(results) = outcome else { panic!("nobody asked for a stop") };
    let [scratch, halves] = &results.methods[..] else { panic!("expected two rows") };
    assert_eq!(halves.stages.iter().map(|stage| stage.cost.steps).collect::<Vec<_>>(), [3, 3]);
    assert_eq!(halves.total.flops, scratch.total.flops);
    let table = std::fs::read_to_string(place.path("results/tiny/table.md")).expect("a table");
    assert!(table.contains("| two-halves"), "{table}");
}
