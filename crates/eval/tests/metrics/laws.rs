//! What holds whatever the predictions.

use ligo_eval::metrics::squad::{Score, Squad, Summary, answered_below, best_thresholds, normalise};
use ligo_eval::metrics::{accuracy, f1, matthews, pearson, spearman};
use proptest::prelude::*;

/// Pairs of as many classes.
fn pairs(classes: i32) -> impl Strategy<Value = (Vec<i32>, Vec<i32>)> {
    prop::collection::vec((0..classes, 0..classes), 1..40).prop_map(|rows| rows.into_iter().unzip())
}

/// Pairs of whole numbers, few enough to tie often and small enough that f32 scales and shifts them exactly.
fn numbers() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    let rows = prop::collection::vec((-8..8_i8, -8..8_i8), 2..40);
    let split = |rows: Vec<(i8, i8)>| rows.into_iter().map(|(x, y)| (f32::from(x), f32::from(y))).unzip();
    rows.prop_map(split).prop_filter("neither constant", |(x, y): &(Vec<f32>, Vec<f32>)| {
        [x, y].iter().all(|values| values.iter().any(|value| *value != values[0]))
    })
}

/// Scores of questions with some scores of no answer, a few of them equal.
fn scored() -> impl Strategy<Value = (Vec<Score>, Vec<f64>)> {
    let question = (any::<bool>(), 0..=4_u8, -3..3_i8).prop_map(|(answerable, quarters, no_answer)| {
        let f1 = if answerable { f64::from(quarters) / 4.0 } else { f64::from(quarters / 4) };
        (Score { exact: f1.floor(), f1, answerable }, f64::from(no_answer) / 2.0)
    });
    prop::collection::vec(question, 1..30).prop_map(|rows| rows.into_iter().unzip())
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

proptest! {
    #[test]
    fn predictions_and_labels_may_change_places((predictions, labels) in pairs(4)) {
        prop_assert_eq!(accuracy(&predictions, &labels), accuracy(&labels, &predictions));
        prop_assert_eq!(matthews(&predictions, &labels), matthews(&labels, &predictions));
        prop_assert_eq!(accuracy(&labels, &labels), Ok(1.0));
    }

    #[test]
    fn of_two_classes_matthews_is_pearson_of_their_numbers_and_turns_with_them((predictions, labels) in pairs(2)) {
        let flipped: Vec<i32> = predictions.iter().map(|class| 1 - class).collect();
        let (found, turned) = (matthews(&predictions, &labels).unwrap(), matthews(&flipped, &labels).unwrap());
        prop_assert!(close(found, -turned));
        let as_numbers = |classes: &[i32]| classes.iter().map(|&class| class as f32).collect::<Vec<f32>>();
        let expected = pearson(&as_numbers(&predictions), &as_numbers(&labels)).unwrap_or(0.0);
        prop_assert!(close(found, expected), "{found}, expected {expected}");
        prop_assert_eq!(f1(&predictions, &labels), f1(&labels, &predictions));
    }

    #[test]
    fn it_does_not_matter_what_classes_are_called((predictions, labels) in pairs(4)) {
        let renamed = |classes: &[i32]| classes.iter().map(|class| (class * 7 + 3) % 11).collect::<Vec<i32>>();
        let found = matthews(&renamed(&predictions), &renamed(&labels)).unwrap();
        prop_assert!(close(found, matthews(&predictions, &labels).unwrap()));
    }

    #[test]
    fn correlations_keep_under_a_change_of_unit_and_turn_with_the_sign(
        (x, y) in numbers(),
        scale in 1..100_u8,
        shift in -100..100_i8,
    ) {
        let change = |x: &f32| f32::from(scale) * x + f32::from(shift);
        let changed: Vec<f32> = x.iter().map(change).collect();
        let turned: Vec<f32> = x.iter().map(|x| change(&-x)).collect();
        for correlation in [pearson, spearman] {
            let found = correlation(&x, &y).unwrap();
            prop_assert!((-1.0..=1.0).contains(&found));
            prop_assert!(close(found, correlation(&y, &x).unwrap()));
            prop_assert!(close(found, correlation(&changed, &y).unwrap()));
            prop_assert!(close(found, -correlation(&turned, &y).unwrap()));
            prop_assert!(close(correlation(&x, &x).unwrap(), 1.0));
        }
    }

    #[test]
    fn ranks_alone_matter_to_spearman((x, y) in numbers()) {
        let cubed: Vec<f32> = x.iter().map(|x| x.powi(3)).collect();
        prop_assert_eq!(spearman(&x, &y), spearman(&cubed, &y));
    }

    #[test]
    fn what_is_normal_stays_without_articles_punctuation_and_double_spaces(
        text in "\\PC{0,12}|([aA]|an|the|The|x|[ ,.–-]){0,12}",
    ) {
        let normal = normalise(&text);
        prop_assert!(!normal.contains("  ") && normal.trim() == normal, "{normal:?}");
        prop_assert!(!normal.contains(|c: char| c.is_ascii_punctuation()), "{normal:?}");
        prop_assert!(normal.split(' ').all(|word| !matches!(word, "a" | "an" | "the")), "{normal:?}");
    }

    #[test]
    fn an_answer_agrees_with_itself_may_change_places_and_gains_by_more_gold_answers(
        a in "(a |the |red |house, |été |1 ){0,5}owl",
        b in "(an |red |House |Été |1 |2 ){0,5}owl",
    ) {
        for squad in [Squad::V1, Squad::V2] {
            let score = |a: &String, golds: &[&String]| {
                let golds: Vec<String> = golds.iter().copied().cloned().collect();
                squad.score(a, &golds).unwrap()
            };
            let (found, turned, more) = (score(&a, &[&b]), score(&b, &[&a]), score(&a, &[&b, &a]));
            prop_assert!(found.exact == turned.exact && close(found.f1, turned.f1));
            prop_assert!(found.exact <= found.f1 && found.f1 <= 1.0);
            prop_assert_eq!((more.exact, more.f1), (1.0, 1.0));
        }
    }

    #[test]
    fn the_best_threshold_gives_what_it_promises_and_no_other_gives_more((scores, no_answer) in scored(), other in -3.0..3.0_f64) {
        let best = best_thresholds(&scores, &no_answer).unwrap();
        let at = |threshold| Summary::of(&answered_below(&scores, &no_answer, threshold).unwrap()).unwrap().all;
        prop_assert!(close(at(best.exact.threshold).exact, best.exact.value));
        prop_assert!(close(at(best.f1.threshold).f1, best.f1.value));
        prop_assert!(at(other).exact <= best.exact.value + 1e-12 && at(other).f1 <= best.f1.value + 1e-12);
    }
}
