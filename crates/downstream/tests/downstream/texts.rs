//! Labelled texts: learnt by all weights and by adapters, stopped and resumed, and evaluated as GLUE and the paper have it.

use crate::{Numbers, assert_same, metric, pretrained, tokenizer, tune};
use ligo_data::tasks::{LabelKind, Labels, TaskSource, write_task_parquet};
use ligo_downstream::{Task, TextTask, Tuning};
use ligo_eval::metrics::GlueTask;
use ligo_models::Family;
use std::path::{Path, PathBuf};

pub(crate) const SIGNS: [&str; 2] = ["bad", "good"];

/// Eight words of which one, `signs` of the class, says the class.
pub(crate) fn reviews(file: &Path, signs: [&str; 2], rows: usize, seed: u64) -> PathBuf {
    let mut numbers = Numbers(seed);
    let (mut texts, mut classes) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let (class, place) = (row % 2, numbers.below(8));
        let word = |at| if at == place { signs[class] } else { numbers.word() };
        texts.push((0..8).map(word).collect::<Vec<_>>().join(" "));
        classes.push(class as i32);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    write_task_parquet(file, &[("sentence", &texts)], &Labels::Classes(classes)).unwrap();
    file.to_owned()
}

fn task(directory: &Path, signs: [&str; 2]) -> TextTask {
    let source = |name: &str, rows, seed| {
        TaskSource::new([reviews(&directory.join(name), signs, rows, seed)], "sentence", LabelKind::Classes(2))
    };
    let (train, validation) = (source("train.parquet", 200, 11), source("validation.parquet", 61, 12));
    TextTask::labelled("reviews", &train, validation).unwrap()
}

fn tuning() -> Tuning {
    Tuning { max_sequence_length: Some(24), ..Tuning::new(6, 16, 3e-3) }
}

#[test]
fn all_weights_learn_a_task_that_can_be_learnt_and_the_pretrained_ones_stay() {
    let directory = tempfile::tempdir().unwrap();
    let (task, tokenizer) = (task(directory.path(), SIGNS), tokenizer(&SIGNS));
    for family in [Family::Bert, Family::Roberta] {
        let (model, parameters) = pretrained(family);
        let before: Vec<_> = parameters.tensors().iter().map(|tensor| tensor.as_vec()).collect();
        let tuned = |name: &str, stop| {
            let (at, texts) = (directory.path().join(format!("{family} {name}")), Task::Texts(&task, &tokenizer));
            tune((&model, &parameters), texts, &tuning(), &at, stop).unwrap()
        };
        let whole = tuned("whole", None);
        let scores = &whole.scores;
        assert!(metric(&whole, "accuracy") > 0.9, "{family}: {scores:?}");
        assert_eq!((scores.heading, scores.own), (Some(scores.metrics[0].value), scores.metrics[0].value));
        assert_eq!((scores.examples, scores.evaluated, scores.cost.steps), (200, 61, 75));
        assert_eq!(scores.rows.iter().map(|row| row.step).collect::<Vec<_>>(), [0, 13, 26, 39, 52, 65, 75]);
        assert_eq!(
            (scores.trained_parameters, scores.parameters),
            (scores.parameters, whole.parameters.elements() as u64)
        );
        assert!(scores.cost.flops > 0.0);

        assert_same(&whole, &tuned("stopped", Some(30)));
        // What is finished is not trained again.
        assert_same(&whole, &tuned("whole", None));
        let after: Vec<_> = parameters.tensors().iter().map(|tensor| tensor.as_vec()).collect();
        assert_eq!(before, after, "{family}");
    }
}

#[test]
fn adapters_and_head_learn_anew_what_the_classes_mean_and_all_else_stays_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    let (task_before, tokenizer) = (task(directory.path(), SIGNS), tokenizer(&SIGNS));
    let (model, parameters) = pretrained(Family::Bert);
    let (at, texts) = (directory.path().join("before"), Task::Texts(&task_before, &tokenizer));
    let before = tune((&model, &parameters), texts, &tuning(), &at, None).unwrap();
    let (model, parameters) = (before.model, before.parameters);

    let task = task(directory.path(), [SIGNS[1], SIGNS[0]]);
    let tuning = Tuning { epochs: 10, learning_rate: 1e-2, ..tuning() }.with_adapters(8);
    let tuned = |name: &str, stop| {
        let texts = Task::Texts(&task, &tokenizer);
        tune((&model, &parameters), texts, &tuning, &directory.path().join(name), stop).unwrap()
    };
    let whole = tuned("whole", None);
    assert!(metric(&whole, "accuracy") > 0.9, "{:?}", whole.scores);
    let losses = &whole.scores.rows;
    assert!(
        losses[0].validation_loss > 1.0,
        "a fresh adapter changes nothing, so that at first all is wrong: {losses:?}"
    );
    for (spec, tensor) in whole.model.specs().iter().zip(whole.parameters.tensors()) {
        let on_top = ["_adapter.", "pooler", "classifier"].iter().any(|part| spec.name.contains(part));
        let stayed = parameters.get(&spec.name).is_some_and(|old| old.as_vec() == tensor.as_vec());
        assert_eq!(stayed, !on_top, "{}", spec.name);
        assert!(!on_top || tensor.as_vec().iter().any(|&value| value != 0.0), "{}", spec.name);
    }
    // Two layers of two maps with biases; a pooler and a classifier.
    let on_top = 2 * (2 * 32 * 8 + 32 + 8) + (32 * 32 + 32) + (2 * 32 + 2);
    assert_eq!(whole.scores.trained_parameters, on_top);
    assert_same(&whole, &tuned("stopped", Some(40)));
}

#[test]
fn glues_tasks_have_their_splits_their_metrics_and_the_papers_heading() {
    let directory = tempfile::tempdir().unwrap();
    let (tokenizer, (model, parameters)) = (tokenizer(&SIGNS), pretrained(Family::Bert));
    let file = |name: &str| directory.path().join(name);
    let pairs = |name: &str, columns: [&str; 2], labels: Labels| {
        let mut numbers = Numbers(5);
        let mut texts =
            || (0..labels.len()).map(|_| format!("{} {}", numbers.word(), numbers.word())).collect::<Vec<_>>();
        let (first, second) = (texts(), texts());
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let second: Vec<&str> = second.iter().map(String::as_str).collect();
        write_task_parquet(&file(name), &[(columns[0], &first), (columns[1], &second)], &labels).unwrap();
        vec![file(name)]
    };
    let columns = ["premise", "hypothesis"];
    let three = |rows: i32| Labels::Classes((0..rows).map(|row| row % 3).collect());
    let mnli = TextTask::glue(
        GlueTask::Mnli,
        pairs("mnli", columns, three(24)),
        vec![pairs("matched", columns, three(9)), pairs("mismatched", columns, three(6))],
    )
    .unwrap();
    let columns = ["sentence1", "sentence2"];
    let numbers = Labels::Numbers((0..12).map(|row| row as f32 / 3.0).collect());
    let stsb = pairs("stsb", columns, numbers);
    let stsb = TextTask::glue(GlueTask::Stsb, stsb.clone(), vec![stsb]).unwrap();
    let halves = Labels::Classes((0..12).map(|row| row % 2).collect());
    let mrpc = pairs("mrpc", columns, halves);
    let mrpc = TextTask::glue(GlueTask::Mrpc, mrpc.clone(), vec![mrpc]).unwrap();

    let tuning = Tuning { max_sequence_length: Some(24), ..Tuning::new(1, 8, 1e-3) };
    let expected: [(&TextTask, &[(&str, &str)]); 3] = [
        (&mnli, &[("validation_matched", "accuracy"), ("validation_mismatched", "accuracy")]),
        (&stsb, &[("validation", "Pearson"), ("validation", "Spearman")]),
        (&mrpc, &[("validation", "accuracy"), ("validation", "F1")]),
    ];
    for (task, names) in expected {
        let at = file(&format!("{} checkpoints", task.name()));
        let tuned = tune((&model, &parameters), Task::Texts(task, &tokenizer), &tuning, &at, None).unwrap();
        let found = tuned.scores.metrics.iter().map(|measured| (&*measured.split, &*measured.name));
        assert_eq!(found.collect::<Vec<_>>(), names, "{}", task.name());
        assert_eq!(tuned.scores.heading.is_none(), task.name() == "STS-B");
        let value = |place: usize| tuned.scores.metrics[place].value;
        let own = if task.name() == "MNLI" { value(0) } else { (value(0) + value(1)) / 2.0 };
        assert_eq!(tuned.scores.own, own);
        let evaluated = if task.name() == "MNLI" { 15 } else { 12 };
        assert_eq!(tuned.scores.evaluated, evaluated);
    }
}
