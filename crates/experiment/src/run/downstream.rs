//! Experiments whose finished models are tuned on tasks and probed.

use super::tests::{Place, Watcher};
use super::*;
use ligo_data::tasks::{Labels, write_task_parquet};
use ligo_kernels::Cpu;

/// Sentences that begin with that word, every second of them acceptable.
fn write_cola(place: &Place, word: &str) {
    let texts: Vec<String> = (0..24).map(|i| format!("{word} {i} is {}", ["dull", "fine"][i % 2])).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let labels = Labels::Classes((0..24).map(|i| i % 2).collect());
    write_task_parquet(&place.path("cola.parquet"), &[("sentence", &texts)], &labels).expect("a writable directory");
}

/// BERT, three rows, and CoLA in the Hub's columns: sentences with `fine` are acceptable.
fn place() -> Place {
    let place = Place::new();
    write_cola(&place, "sentence");
    let tasks = "\n[[tasks]]\ntask = 'cola'\ntrain = ['cola.parquet']\nvalidation = ['cola.parquet']\nseeds = [0, 1]\n\
                 probes = ['knn', 'linear-probe']\n\
                 [tasks.tuning]\nepochs = 2\nbatch_size = 8\nlearning_rate = 3e-3\nmax_sequence_length = 8\n";
    let toml = std::fs::read_to_string(place.path("tiny.toml")).expect("it was written");
    let toml = toml.replace("gpt2", "bert").replace("[[methods]]\nmethod = \"stackbert\"\n", "");
    std::fs::write(place.path("tiny.toml"), toml + tasks).expect("a writable directory");
    place
}

#[test]
fn every_finished_model_is_tuned_once_with_each_seed_and_never_again() {
    let place = place();
    let (results, watcher) = place.finished(&[]);
    // Small, scratch, direct copy and LiGO; two seeds; tuned, and two probes.
    assert_eq!(results.downstream.len(), 4 * 2 * 3, "{:?}", results.downstream);
    assert_eq!(watcher.steps(), 4 * 6 + 3 + 4 * 2 * 6);
    for record in &results.downstream {
        assert!(record.scores.iter().all(|(_, value)| (-1.0..=1.0).contains(value)), "{record:?}");
        assert_eq!((record.task.as_str(), record.scores[0].0.as_str(), record.examples), ("cola", "accuracy", 24));
    }
    let tuned: Vec<_> = results.downstream.iter().filter(|record| record.way == "full").collect();
    assert!(tuned.iter().all(|record| record.scores.iter().any(|(name, _)| name.contains("Matthews"))), "{tuned:?}");

    let (workspace, results_of_it) = (place.path(""), place.path("results/tiny"));
    let places = (workspace.as_path(), results_of_it.as_path());
    let plan = crate::plan(&place.experiment(&[]), &crate::methods(), &ligo_kernels::Cpu::default(), places);
    let task = &plan.expect("a plan").tasks[0];
    assert_eq!((task.times, task.small_times, task.examples), (3 * 2, 2, Some(24)));
    let charged: f64 = tuned.iter().map(|record| record.cost.flops).sum();
    // Reckoned at full length, charged as long as the sentences are.
    assert!((0.5..=1.0).contains(&(charged / task.all_flops())), "{charged} of {}", task.all_flops());

    let (again, watcher) = place.finished(&[]);
    assert_eq!((watcher.steps(), &again.downstream), (0, &results.downstream));
    // Another recipe tunes anew; nothing is pretrained again.
    let (_, watcher) = place.finished(&["methods.ligo.steps=3", "title=Another"]);
    assert_eq!(watcher.steps(), 0);
}

#[test]
fn a_stop_in_the_middle_of_tuning_loses_nothing() {
    let stopped = place();
    let watcher = Watcher::new(40);
    assert!(matches!(stopped.run(&[], &watcher).expect("no mistake"), Outcome::Stopped));
    let (resumed, second) = stopped.finished(&[]);
    assert_eq!(watcher.steps() + second.steps(), 4 * 6 + 3 + 4 * 2 * 6);
    let (whole, _) = place().finished(&[]);
    let scores = |results: &Results| results.downstream.iter().map(|r| r.scores.clone()).collect::<Vec<_>>();
    assert_eq!(scores(&resumed), scores(&whole));
}

#[test]
fn a_task_whose_file_is_missing_or_unfit_ends_the_run_with_its_name_before_a_step_is_trained() {
    let place = place();
    std::fs::copy(place.path("train.parquet"), place.path("cola.parquet")).expect("a writable directory");
    let refused = |expected: &str| {
        let watcher = Watcher::new(u64::MAX);
        let error = format!("{:#}", place.run(&[], &watcher).expect_err("no task can be read of that"));
        let names = error.starts_with("CoLA: ") && error.matches("cola.parquet").count() == 1;
        assert!(names && error.contains(expected), "{error}");
        assert_eq!((watcher.steps(), watcher.lines().len()), (0, 0), "nothing was begun");
    };
    refused("cola.parquet: no column");
    std::fs::remove_file(place.path("cola.parquet")).expect("it is there");
    refused("cola.parquet: no such file");
}

#[test]
fn other_files_under_a_tasks_name_are_tuned_on_anew_and_a_report_needs_none() {
    let place = place();
    let steps_of_tasks = 4 * 2 * 6;
    // In the third tuning.
    assert!(matches!(place.run(&[], &Watcher::new(4 * 6 + 3 + 14)), Ok(Outcome::Stopped)));
    write_cola(&place, "phrase");
    let (phrases, watcher) = place.finished(&[]);
    assert_eq!((watcher.steps(), phrases.downstream.len()), (steps_of_tasks, 4 * 2 * 3));
    write_cola(&place, "line");
    let watcher = Watcher::new(u64::MAX);
    let report = || {
        let found = collect(&place.experiment(&[]), &crate::methods::<Cpu>(), &place.options(&watcher));
        found.expect("the models are there").downstream
    };
    assert!(report().is_empty(), "these are scores of other sentences");
    let (lines, watcher) = place.finished(&[]);
    assert_eq!((watcher.steps(), report()), (steps_of_tasks, lines.downstream.clone()));

    std::fs::remove_file(place.path("cola.parquet")).expect("it is there");
    assert_eq!(report(), lines.downstream);
    let (again, watcher) = place.finished(&[]);
    assert_eq!((watcher.steps(), again.downstream), (0, lines.downstream));
}

#[test]
fn a_recipe_that_no_task_can_be_tuned_by_is_refused_where_it_is_written() {
    let place = place();
    let toml = std::fs::read_to_string(place.path("tiny.toml")).expect("it was written");
    let cases = [
        ("epochs = 2\n", "warmup_share = 3\n", "'tasks.cola.tuning.warmup_share' is 3, expected 0 to 1"),
        ("epochs = 2\n", "doc_stride = 4\n", "'tasks.cola.tuning.doc_stride' is 4, expected no such key: only SQuAD"),
        (
            "max_sequence_length = 8",
            "max_sequence_length = 9",
            "'tasks.cola.tuning.max_sequence_length' is 9, expected at most 8, the longest sequence of 'small'",
        ),
        ("seeds = [0, 1]\n", "skip_broken = true\n", "'tasks.cola.skip_broken' is true, expected no such key: images"),
        (
            "seeds = [0, 1]\n",
            "augmentation.flip = 0.5\n",
            "'tasks.cola.augmentation' is given, expected no such key: images",
        ),
        ("\"bert\"", "\"gpt2\"", "'tasks.cola.task' is to tune a gpt2 model on, expected one for bert or roberta"),
    ];
    for (from, to, expected) in cases {
        assert!(toml.contains(from), "{from}");
        std::fs::write(place.path("tiny.toml"), toml.replace(from, to)).expect("a writable directory");
        let found = Experiment::load(&place.path("tiny.toml"), &[], &crate::methods::<Cpu>(), &place.path(""));
        let error = found.expect_err(expected).to_string();
        let line = toml[..toml.find(from).expect("it is there")].lines().count() + 1;
        let named = from.contains("bert") || error.contains(&format!("tiny.toml:{line}:"));
        assert!(named && error.contains(expected), "{error}, expected {expected} in line {line}");
    }
}
