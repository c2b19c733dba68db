//! The values that `fixtures/metrics.py` computes and `fixtures/metrics.json` keeps.

use ligo_eval::metrics::squad::{Best, Means, Score, Squad, Summary, answered_below, best_thresholds, normalise};
use ligo_eval::metrics::{MetricError, accuracy, f1, matthews, pearson, spearman};
use serde::Deserialize;

#[derive(Deserialize)]
struct Kept {
    classes: Vec<Classes>,
    numbers: Vec<Numbers>,
    normal: Vec<Normal>,
    answers: Vec<Answer>,
    no_answer: Vec<NoAnswer>,
}

#[derive(Deserialize)]
struct Classes {
    name: String,
    predictions: Vec<i32>,
    labels: Vec<i32>,
    accuracy: f64,
    f1: Option<f64>,
    matthews: f64,
}

#[derive(Deserialize)]
struct Numbers {
    name: String,
    predictions: Vec<f32>,
    labels: Vec<f32>,
    pearson: Option<f64>,
    spearman: Option<f64>,
}

#[derive(Deserialize)]
struct Normal {
    text: String,
    normal: String,
}

#[derive(Deserialize)]
struct Worth {
    exact: f64,
    f1: f64,
}

#[derive(Deserialize)]
struct Answer {
    prediction: String,
    golds: Vec<String>,
    v1: Option<Worth>,
    v2: Worth,
}

#[derive(Deserialize)]
struct NoAnswer {
    name: String,
    plain: bool,
    predictions: Vec<String>,
    golds: Vec<Vec<String>>,
    no_answer: Vec<f64>,
    means: Vec<AtThreshold>,
    best: BestOfBoth,
}

#[derive(Deserialize)]
struct AtThreshold {
    threshold: f64,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Deserialize)]
struct BestOfBoth {
    exact: Searched,
    f1: Searched,
}

#[derive(Deserialize)]
struct Searched {
    official: Found,
    attained: Found,
}

#[derive(Deserialize)]
struct Found {
    value: f64,
    threshold: f64,
}

fn kept() -> Kept {
    serde_json::from_str(include_str!("../fixtures/metrics.json")).unwrap()
}

fn assert_near(name: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{name}: {found}, expected {expected}");
}

#[test]
fn classes_score_as_scikit_learn_has_them() {
    for Classes { name, predictions, labels, accuracy: share, f1: mean, matthews: correlation } in kept().classes {
        assert_near(&name, accuracy(&predictions, &labels).unwrap(), share);
        assert_near(&name, matthews(&predictions, &labels).unwrap(), correlation);
        match mean {
            Some(mean) => assert_near(&name, f1(&predictions, &labels).unwrap(), mean),
            None => assert!(matches!(f1(&predictions, &labels), Err(MetricError::Value { .. })), "{name}"),
        }
    }
}

#[test]
fn numbers_correlate_as_scipy_has_them_and_where_it_has_nan_there_is_an_error() {
    for Numbers { name, predictions, labels, pearson: straight, spearman: ranked } in kept().numbers {
        for (found, expected) in [(pearson(&predictions, &labels), straight), (spearman(&predictions, &labels), ranked)]
        {
            match expected {
                Some(expected) => assert_near(&name, found.unwrap(), expected),
                None => assert!(matches!(found, Err(MetricError::Constant { .. })), "{name}"),
            }
        }
    }
}

#[test]
fn answers_are_made_normal_as_pythons_own_functions_do() {
    for Normal { text, normal } in kept().normal {
        assert_eq!(normalise(&text), normal, "{text:?}");
    }
}

#[test]
fn answers_are_worth_what_squads_rules_say() {
    for Answer { prediction, golds, v1, v2 } in kept().answers {
        let name = format!("{prediction:?} for {golds:?}");
        let check = |score: Score, worth: Worth| {
            assert_eq!((score.exact, score.answerable), (worth.exact, !golds.is_empty()), "{name}");
            assert_near(&name, score.f1, worth.f1);
        };
        check(Squad::V2.score(&prediction, &golds).unwrap(), v2);
        match (Squad::V1.score(&prediction, &golds), v1) {
            (Some(score), Some(worth)) => check(score, worth),
            (score, worth) => assert!(score.is_none() && worth.is_none(), "{name}"),
        }
    }
}

#[test]
fn means_at_a_threshold_are_those_of_squads_rules() {
    let near = |name: &str, found: Option<Means>, expected: Option<Means>| {
        assert_eq!(found.map(|means| means.questions), expected.map(|means| means.questions), "{name}");
        for (found, expected) in found.into_iter().zip(expected) {
            assert_near(name, found.exact, expected.exact);
            assert_near(name, found.f1, expected.f1);
        }
    };
    for NoAnswer { name, predictions, golds, no_answer, means, .. } in kept().no_answer {
        let scores = Squad::V2.score_all(&predictions, &golds).unwrap();
        for AtThreshold { threshold, summary } in means {
            let found = Summary::of(&answered_below(&scores, &no_answer, threshold).unwrap()).unwrap();
            near(&name, Some(found.all), Some(summary.all));
            near(&name, found.answerable, summary.answerable);
            near(&name, found.unanswerable, summary.unanswerable);
        }
    }
}

#[test]
fn the_best_thresholds_are_the_official_sweeps_unless_that_disagrees_with_its_scores() {
    for NoAnswer { name, plain, predictions, golds, no_answer, best, .. } in kept().no_answer {
        let scores = Squad::V2.score_all(&predictions, &golds).unwrap();
        let found = best_thresholds(&scores, &no_answer).unwrap();
        let check = |metric: &str, found: Best, Searched { official, attained }: Searched| {
            let name = format!("{name}, {metric}");
            for expected in std::iter::once(&attained).chain(plain.then_some(&official)) {
                assert_near(&name, found.value, expected.value);
                assert_eq!(found.threshold, expected.threshold, "{name}");
            }
        };
        check("exact", found.exact, best.exact);
        check("f1", found.f1, best.f1);
    }
}
