//! Predictions without a value, and what the message says.

use ligo_eval::metrics::squad::{Score, Squad, Summary, answered_below, best_thresholds};
use ligo_eval::metrics::{GlueTask, Metric, MetricError, Outcome, accuracy, f1, matthews, pearson, spearman};

fn assert_refused<T: std::fmt::Debug>(found: Result<T, MetricError>, expected: &str) {
    assert_eq!(found.unwrap_err().to_string(), expected);
}

#[test]
fn classes_that_cannot_be_scored_are_named() {
    assert_refused(accuracy(&[1], &[1, 0]), "accuracy: found 1 predictions, expected 2, one for each row");
    assert_refused(accuracy(&[], &[]), "accuracy: found 0 rows, expected at least 1");
    assert_refused(f1(&[], &[]), "F1: found 0 rows, expected at least 1");
    assert_refused(matthews(&[], &[]), "Matthews correlation: found 0 rows, expected at least 1");
    assert_refused(accuracy(&[0, 1], &[0, -1]), "accuracy: label of row 1: found -1, expected a class, 0 or above");
    assert_refused(f1(&[0, 2], &[0, 1]), "F1: prediction of row 1: found 2, expected class 0 or 1");
    assert_refused(
        matthews(&[-1], &[0]),
        "Matthews correlation: prediction of row 0: found -1, expected a class, 0 or above",
    );
}

#[test]
fn numbers_that_cannot_correlate_are_named() {
    assert_refused(pearson(&[1.0], &[1.0]), "Pearson correlation: found 1 rows, expected at least 2");
    assert_refused(spearman(&[], &[]), "Spearman correlation: found 0 rows, expected at least 2");
    let nan = "Pearson correlation: prediction of row 1: found NaN, expected a finite number";
    assert_refused(pearson(&[1.0, f32::NAN], &[1.0, 2.0]), nan);
    let infinite = "Spearman correlation: label of row 0: found inf, expected a finite number";
    assert_refused(spearman(&[1.0, 2.0], &[f32::INFINITY, 2.0]), infinite);
    let alike = "Spearman correlation: every prediction is 0.5, expected at least two different ones";
    assert_refused(spearman(&[0.5, 0.5], &[1.0, 2.0]), alike);
    let alike = "Pearson correlation: every label is 3, expected at least two different ones";
    assert_refused(pearson(&[0.5, 1.0], &[3.0, 3.0]), alike);
}

#[test]
fn a_task_refuses_classes_that_are_not_its_own_and_the_other_kind_of_prediction() {
    let classes = |labels| Outcome::Classes { predictions: &[1, 0], labels };
    let numbers = Outcome::Numbers { predictions: &[1.0, 0.0], labels: &[1.0, 2.0] };
    assert_refused(GlueTask::Cola.measure(classes(&[0, 2])), "CoLA: label of row 1: found 2, expected class 0 or 1");
    assert_refused(GlueTask::Mnli.measure(classes(&[3, 0])), "MNLI: label of row 0: found 3, expected class 0, 1 or 2");
    assert_refused(GlueTask::Stsb.measure(classes(&[0, 5])), "Pearson: found classes, expected numbers");
    assert_refused(Metric::F1.of(numbers), "F1: found numbers, expected classes");
}

#[test]
fn answers_that_cannot_be_scored_are_named() {
    let answers = ["owl".to_owned(), "hill".to_owned()];
    let golds = [vec!["owl".to_owned()], vec![]];
    let none = "SQuAD 1.1: gold answers of row 1: found none, expected at least one";
    assert_refused(Squad::V1.score_all(&answers, &golds), none);
    let unpaired = "SQuAD: found 2 predictions, expected 1, one for each row";
    assert_refused(Squad::V2.score_all(&answers, &golds[..1]), unpaired);
    assert_refused(Summary::of(&[]), "SQuAD: found 0 rows, expected at least 1");
    assert_refused(best_thresholds(&[], &[]), "SQuAD 2.0: found 0 rows, expected at least 1");
    let score = Score { exact: 1.0, f1: 1.0, answerable: true };
    let nan = "SQuAD 2.0: score of no answer of row 0: found NaN, expected a finite number";
    assert_refused(answered_below(&[score], &[f64::NAN], 0.5), nan);
}
