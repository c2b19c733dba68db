//! Results that nobody measured, irregular on purpose, for the tests.

use crate::record::{
    Candidate, DataRecord, DownstreamRecord, EqualCompute, ImageCounts, OperatorLoss, Provenance, Results, RunRecord,
    SearchRecord, StageAction, StageRecord,
};
use crate::schema::{Experiment, PaperGrowth, ReportMetric, SearchConfig, TaskConfig, TaskKind};
use ligo_growth::FactorDiagnostics;
use ligo_train::{Cost, MetricRow};

/// FLOPs and seconds of a step of the large model.
const STEP: (f64, f64) = (3.1e10, 0.11);

const EXPERIMENT: &str = r#"
title = "Growing <b>bold</b> & \"quoted\" | models"
description = "for the tests"
threads = 2
[data]
corpus = "crate-docs"
sequence_length = 64
[data.tokenizer]
vocab_size = 1024
[small]
family = "gpt2"
vocab_size = 1024
hidden_size = 64
num_hidden_layers = 2
num_attention_heads = 2
max_position_embeddings = 64
[large]
family = "gpt2"
vocab_size = 1024
hidden_size = 128
num_hidden_layers = 4
num_attention_heads = 4
max_position_embeddings = 64
[report]
smoothing = 3
reference = "scratch"
"#;

/// An experiment with these rows, label and method, all at a rate of 5e-4 but for labels in `-best-rate`.
fn experiment(seeds: &[u64], rows: &[(&str, &str)]) -> Experiment {
    let mut document: toml::Table = toml::from_str(EXPERIMENT).unwrap();
    let training: toml::Table =
        toml::from_str("steps = 600\nbatch_size = 16\nlearning_rate = 5e-4\nwarmup_steps = 30").unwrap();
    let methods = rows.iter().map(|(label, method)| {
        let mut training = training.clone();
        if label.ends_with("-best-rate") {
            training.insert("learning_rate".into(), 2e-3.into());
        }
        let mut row = toml::Table::new();
        row.insert("method".into(), (*method).into());
        row.insert("label".into(), (*label).into());
        row.insert("training".into(), training.into());
        row.insert("options".into(), toml::Table::new().into());
        toml::Value::Table(row)
    });
    document.insert("methods".into(), methods.collect::<Vec<_>>().into());
    document.insert("small_training".into(), training.clone().into());
    document.insert("training".into(), training.into());
    document
        .insert("seeds".into(), seeds.iter().map(|&seed| toml::Value::from(seed as i64)).collect::<Vec<_>>().into());
    let mut experiment: Experiment = toml::Value::Table(document).try_into().unwrap();
    experiment.name = "sample".into();
    experiment
}

/// A loss that falls from `start` to `end` over the share `done` of a run; `speed` bends it.
fn falling(start: f64, end: f64, speed: f64, done: f64) -> f64 {
    end + (start - end) * ((-speed * done).exp() - (-speed).exp()) / (1.0 - (-speed).exp())
}

/// A run under construction.
struct Builder {
    record: RunRecord,
}

impl Builder {
    fn new(label: &str, method: &str, seed: u64) -> Self {
        let record = RunRecord {
            label: label.into(),
            method: method.into(),
            summary: format!("What {method} does."),
            seed,
            parameters: if method == "small" { 168_000 } else { 932_000 },
            rows: Vec::new(),
            stages: Vec::new(),
            total: Cost::default(),
            small: None,
            checkpoint: None,
            operator: None,
            operator_diagnostics: Vec::new(),
            fingerprint: "0123abcd".into(),
            provenance: provenance(),
        };
        Self { record }
    }

    /// A stage of `steps` steps, each `(flops, seconds)`, an evaluation every `every` steps, its loss a function of the
    /// share done.
    fn stage(
        mut self,
        (name, action): (&str, StageAction),
        (steps, every): (u64, usize),
        (flops, seconds): (f64, f64),
        loss: impl Fn(f64) -> f64,
    ) -> Self {
        let before = self.record.total;
        let at = |step: u64| Cost {
            steps: step,
            tokens: step * 1024,
            flops: step as f64 * flops,
            wall_seconds: step as f64 * seconds,
        };
        for step in (0..=steps).step_by(every) {
            let total = before + at(step);
            let validation_loss = loss(step as f64 / steps.max(1) as f64);
            self.record.rows.push(MetricRow {
                stage: name.into(),
                step,
                total_steps: total.steps,
                tokens: total.tokens,
                flops: total.flops,
                wall_seconds: total.wall_seconds,
                learning_rate: 5e-4,
                train_loss: (step > 0).then_some(validation_loss - 0.02),
                validation_loss,
                validation_accuracy: None,
            });
        }
        self.record.stages.push(StageRecord { name: name.into(), action, cost: at(steps) });
        self.record.total = before + at(steps);
        self
    }
}

fn provenance() -> Provenance {
    Provenance {
        commit: Some("99d20b8c0ffee".into()),
        dirty: true,
        version: "0.1.0".into(),
        rustc: Some("rustc 1.95.0 (59807616e 2026-04-14)".into()),
        machine: "Some CPU <16 cores>".into(),
        system: "linux x86_64".into(),
        threads: 2,
        date: "2026-11-24T11:00:00Z".into(),
        command: "cargo xtask run sample --set a=\"<script>\"".into(),
    }
}

fn wobble(seed: u64, done: f64) -> f64 {
    0.012 * ((7.0 + seed as f64) * 5.0 * done).sin() * (1.0 - done)
}

fn run(label: &str, method: &str, seed: u64, small: Option<Cost>) -> RunRecord {
    let offset = 0.007 * seed as f64;
    let slower = 1.0 + 0.03 * seed as f64;
    let step = (STEP.0, STEP.1 * slower);
    let curve = move |start: f64, end: f64, speed: f64| {
        move |done: f64| falling(start, end, speed, done) + offset + wobble(seed, done)
    };
    let train = ("train", StageAction::Train);
    let builder = Builder::new(label, method, seed);
    let mut record = match method {
        "small" => builder.stage(train, (600, 20), (0.7e10, 0.035), curve(6.93, 4.78, 6.0)).record,
        "scratch" if label.ends_with("-best-rate") => {
            builder.stage(train, (600, 20), step, curve(6.93, 4.41, 7.5)).record
        }
        "scratch" => builder.stage(train, (600, 20), step, curve(6.93, 4.62, 5.0)).record,
        "stackbert" => {
            builder
                .stage(("shallow", StageAction::Train), (200, 20), (1.6e10, 0.06), curve(6.93, 5.0, 5.0))
                .stage(("stack", StageAction::Grow), (0, 20), (0.0, 0.0), |_| 5.15)
                .stage(train, (400, 20), step, curve(5.15, 4.55, 4.0))
                .record
        }
        "bert2bert" => builder.stage(train, (600, 20), step, curve(5.4, 4.53, 4.5)).record,
        "direct-copy" => builder.stage(train, (600, 20), step, curve(5.1, 4.50, 4.5)).record,
        // With every other seed the target is missed by a little.
        "late" => {
            let end = if seed.is_multiple_of(2) { 4.61 } else { 4.72 };
            builder.stage(train, (600, 20), step, curve(6.5, end, 5.0)).record
        }
        "never" => builder.stage(train, (300, 20), step, curve(6.6, 4.93, 4.0)).record,
        _ => {
            builder
                .stage(("learn", StageAction::Learn), (40, 20), (STEP.0 * 1.06, STEP.1 * 1.08), curve(6.2, 4.86, 5.0))
                .stage(train, (600, 20), step, curve(4.86, 4.47, 3.5))
                .record
        }
    };
    let grows = !["small", "scratch", "stackbert"].contains(&method);
    record.small = small.filter(|_| grows);
    if method == "ligo" {
        record.operator = Some(OperatorLoss { before: 6.2 + offset, after: 4.86 + offset });
        record.operator_diagnostics = factors(4, 2, 1);
    }
    record
}

/// What a learnt operator's factors might be like: width factors of `layers` layers each, depth weights from `small` layers to
/// `large` ones.
pub(super) fn factors(large: usize, small: usize, layers: usize) -> Vec<FactorDiagnostics> {
    let mut factors = Vec::new();
    for (kind, (name, width)) in
        [("embed", 64), ("query", 64), ("key", 64), ("value", 64), ("ffn", 256)].into_iter().enumerate()
    {
        let layers = if name == "embed" { 1 } else { layers };
        for layer in 0..layers {
            let fall = 0.4 + 0.25 * kind as f64 + 0.05 * layer as f64;
            let value = |i: usize| 0.92 + 0.6 * (-fall * 6.0 * i as f64 / width as f64).exp();
            factors.push(FactorDiagnostics {
                name: if layers == 1 { format!("B.{name}") } else { format!("B.{layer}.{name}") },
                moved: 0.031 * (kind + 1) as f64,
                singular_values: (0..width).map(value).collect(),
                effective_rank: width as f64 * (0.99 - 0.01 * kind as f64),
                depth_weights: Vec::new(),
            });
        }
    }
    let modules = ["ln_1.weight", "attn.c_attn", "attn.c_proj", "ln_2.weight", "mlp.c_fc", "mlp.c_proj"];
    for (number, module) in modules.into_iter().enumerate() {
        let weight = |i: usize, j: usize| {
            let wave = (1.7 * i as f32 + 2.3 * j as f32 + number as f32).sin();
            if i % small == j { 1.0 - 0.1 * wave.abs() } else { 0.35 * wave }
        };
        factors.push(FactorDiagnostics {
            name: format!("w.{module}"),
            moved: 0.12 + 0.01 * number as f64,
            singular_values: Vec::new(),
            effective_rank: 0.0,
            depth_weights: (0..large).map(|i| (0..small).map(|j| weight(i, j)).collect()).collect(),
        });
    }
    factors
}

/// Results of these rows, label and method, with these seeds.
pub(super) fn results(seeds: &[u64], rows: &[(&str, &str)]) -> Results {
    let small: Vec<RunRecord> = seeds.iter().map(|&seed| run("small", "small", seed, None)).collect();
    let of_rows = |(label, method): &(&str, &str)| -> Vec<RunRecord> {
        small.iter().map(|small| run(label, method, small.seed, Some(small.total))).collect()
    };
    let methods = rows.iter().flat_map(of_rows).collect();
    Results {
        experiment: experiment(seeds, rows),
        data: DataRecord {
            name: "crate-docs".into(),
            fingerprint: "d4c3b2a1".into(),
            vocab_size: 1024,
            train_tokens: 3_456_789,
            validation_tokens: 98_765,
            images: None,
        },
        small,
        methods,
        searches: Vec::new(),
        equal_compute: Vec::new(),
        downstream: Vec::new(),
        provenance: provenance(),
    }
}

/// Two seeds; one row reaches the target with both, one with one of them, one with none.
pub(super) fn irregular() -> Results {
    results(&[0, 1], &[("scratch", "scratch"), ("ligo", "ligo"), ("late <&>", "late"), ("never", "never")])
}

/// Everything that a report can have, two seeds: tasks, thresholds, a search, equal compute.
pub(super) fn everything() -> Results {
    let rows = [("scratch", "scratch"), ("stackbert", "stackbert"), ("late", "late"), ("ligo", "ligo")];
    let mut results = results(&[0, 1], &rows);
    results.experiment.small.family = ligo_models::Family::Bert;
    results.experiment.large.family = ligo_models::Family::Bert;
    results.experiment.report.paper = Some(PaperGrowth::BertSmallToBase);
    results.experiment.report.thresholds = vec![4.8, 4.55];
    results.experiment.tasks = [TaskKind::Cola, TaskKind::Sst2, TaskKind::Squad, TaskKind::SquadV2].map(task).into();
    results.experiment.search = Some(SearchConfig { learning_rate: vec![5e-4, 1e-3], warmup_steps: Vec::new() });
    results.downstream.extend([0, 1].into_iter().flat_map(|seed| downstream("small", seed, -0.05)));
    for (index, (label, _)) in rows.iter().enumerate() {
        let by = 0.03 * index as f64;
        // The row that misses the target diverges at the higher rate.
        let stays = *label != "late";
        let candidate = |learning_rate, score| Candidate { learning_rate, warmup_steps: 30, score };
        let candidates = vec![candidate(5e-4, Some(4.62 - by)), candidate(1e-3, stays.then_some(4.6 - by))];
        results.searches.push(SearchRecord { label: (*label).into(), candidates, chosen: usize::from(stays) });
        for seed in [0, 1] {
            results.downstream.extend(downstream(label, seed, by));
            if label != &"scratch" {
                results.equal_compute.push(EqualCompute {
                    label: (*label).into(),
                    seed,
                    flops: 1.86e13 + 1e12 * index as f64,
                    scratch_steps: 600 + 10 * index as u64,
                    score: 4.6 - by + 0.01 * seed as f64,
                    scratch_score: 4.55,
                });
            }
        }
    }
    results
}

/// A task under its own name.
fn task(kind: TaskKind) -> TaskConfig {
    let mut table = toml::Table::new();
    table.insert("train".into(), toml::Value::Array(Vec::new()));
    table.insert("validation".into(), toml::Value::Array(Vec::new()));
    let kind_in_toml = toml::Value::try_from(kind).unwrap();
    table.insert("tuning".into(), toml::Value::try_from(kind.tuning()).unwrap());
    table.insert("label".into(), kind_in_toml.clone());
    table.insert("task".into(), kind_in_toml);
    table.try_into().unwrap()
}

/// Scores of a model on two tasks of GLUE and on both SQuADs, by full tuning, and on one by adapters.
fn downstream(label: &str, seed: u64, by: f64) -> Vec<DownstreamRecord> {
    let score = |base: f64| base + by + 0.01 * seed as f64;
    let record = |task: &str, way: &str, scores: &[(&str, f64)]| DownstreamRecord {
        label: label.into(),
        seed,
        task: task.into(),
        tuning_seed: 0,
        way: way.into(),
        scores: scores.iter().map(|(name, base)| ((*name).into(), score(*base))).collect(),
        examples: 1000,
        cost: Cost { steps: 90, tokens: 92_160, flops: 2.8e12, wall_seconds: 9.9 },
    };
    vec![
        record("cola", "full", &[("accuracy", 0.62), ("Matthews", 0.11)]),
        record("sst2", "full", &[("accuracy", 0.81)]),
        record("squad", "full", &[("f1", 0.71), ("exact_match", 0.62)]),
        record("squad-v2", "full", &[("f1", 0.61), ("exact_match", 0.52)]),
        record("cola", "adapters", &[("accuracy", 0.61), ("Matthews", 0.09)]),
    ]
}

/// Scores of a model on these tasks, one seed, with two measures of those that have two.
pub(super) fn scores_on(tasks: &[TaskConfig], label: &str) -> Vec<DownstreamRecord> {
    let record = |task: &TaskConfig| {
        let names: &[&str] = match task.task {
            TaskKind::Cola => &["accuracy", "Matthews"],
            TaskKind::Squad | TaskKind::SquadV2 => &["F1", "exact match"],
            _ => &["accuracy"],
        };
        DownstreamRecord {
            label: label.into(),
            seed: 0,
            task: task.label.clone(),
            tuning_seed: 0,
            way: "full".into(),
            scores: names.iter().map(|name| ((*name).into(), 0.6)).collect(),
            examples: 1000,
            cost: Cost::default(),
        }
    };
    tasks.iter().map(record).collect()
}

/// A report on images by their accuracy, two seeds.
pub(super) fn images() -> Results {
    let rows = [("scratch", "scratch"), ("bert2bert", "bert2bert"), ("never", "never"), ("ligo", "ligo")];
    let mut results = results(&[0, 1], &rows);
    results.experiment.report.metric = ReportMetric::Accuracy;
    results.experiment.small.family = ligo_models::Family::Deit;
    results.experiment.large.family = ligo_models::Family::Deit;
    results.data.name = "digits".into();
    results.data.images = Some(ImageCounts { train: 1437, validation: 360, classes: 10 });
    for row in results.small.iter_mut().chain(&mut results.methods).flat_map(|run| &mut run.rows) {
        row.validation_accuracy = Some(1.0 / (1.0 + (2.0 * (row.validation_loss - 4.6)).exp()));
    }
    results
}

/// What the quickstart compares, one seed.
pub(super) fn quickstart() -> Results {
    let rows = [
        ("scratch", "scratch"),
        ("scratch-best-rate", "scratch"),
        ("stackbert", "stackbert"),
        ("bert2bert", "bert2bert"),
        ("direct-copy", "direct-copy"),
        ("ligo", "ligo"),
    ];
    results(&[0], &rows)
}
