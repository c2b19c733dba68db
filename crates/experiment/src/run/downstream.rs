//! Experiments whose finished models are tuned on tasks and probed.

use super::tests::{Place, Watcher};
use super::*;
use ligo_data::tasks::{Labels, write_task_parquet};

/// BERT, three rows, and CoLA in the Hub's columns: sentences with `fine` are acceptable.
fn place() -> Place {
    let place = Place::new();
    let texts: Vec<String> = (0..24).map(|i| format!("sentence {i} is {}", ["dull", "fine"][i % 2])).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let labels = Labels::Classes((0..24).map(|i| i % 2).collect());
    write_task_parquet(&place.path("cola.parquet"), &[("sentence", &texts)], &labels).expect("a writable directory");
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
fn a_task_whose_file_is_unfit_ends_the_run_with_its_name_and_keeps_the_models() {
    let place = place();
    std::fs::copy(place.path("train.parquet"), place.path("cola.parquet")).expect("a writable directory");
    let watcher = Watcher::new(u64::MAX);
    let error = format!("{:#}", place.run(&[], &watcher).expect_err("no column of sentences"));
    assert!(
        error.contains("CoLA: ")
            && error.contains("cola.parquet: no column")
            && error.matches("cola.parquet").count() == 1,
        "{error}"
    );
    assert!(place.path("results/tiny/runs/ligo-seed0/run.json").is_file());
}
