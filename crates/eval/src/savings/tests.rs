//! Curves small enough to work out by hand, and the paper's own.

use super::*;
use proptest::prelude::*;

fn curve(points: &[(f64, f64)]) -> Vec<Point> {
    points.iter().map(|&(cost, metric)| Point { cost, metric }).collect()
}

fn scratch() -> Comparison {
    let reference = curve(&[(0.0, 8.0), (50.0, 4.0), (100.0, 2.0)]);
    Comparison::with(&reference, 1, Better::Lower).unwrap()
}

#[test]
fn the_cost_is_where_the_curve_reaches_the_target_for_good() {
    type Case = (&'static str, &'static [(f64, f64)], Option<f64>);
    let cases: [Case; 9] = [
        ("between two evaluations", &[(0.0, 6.0), (40.0, 3.0), (60.0, 1.0)], Some(50.0)),
        ("at an evaluation", &[(0.0, 6.0), (40.0, 2.0), (60.0, 1.0)], Some(40.0)),
        ("at the very end", &[(0.0, 6.0), (40.0, 3.0), (80.0, 2.0)], Some(80.0)),
        ("from the start", &[(10.0, 1.5), (20.0, 1.0)], Some(10.0)),
        ("touched, lost, reached again", &[(0.0, 6.0), (20.0, 1.0), (40.0, 4.0), (60.0, 0.0)], Some(50.0)),
        ("touched and lost", &[(0.0, 6.0), (20.0, 1.0), (40.0, 2.1)], None),
        ("never", &[(0.0, 6.0), (90.0, 2.0001)], None),
        ("two stages meet at one cost", &[(0.0, 6.0), (30.0, 5.0), (30.0, 3.0), (40.0, 1.0)], Some(35.0)),
        ("nothing measured", &[], None),
    ];
    for (name, points, expected) in cases {
        assert_eq!(scratch().cost(&curve(points), Accounting::SmallGiven), expected, "{name}");
    }
}

#[test]
fn the_reference_reaches_its_own_end_no_later_than_its_end() {
    let falls = Comparison::with(&curve(&[(0.0, 8.0), (50.0, 4.0), (100.0, 2.0)]), 1, Better::Lower).unwrap();
    assert_eq!((falls.target, falls.reference_cost), (2.0, 100.0));
    let flat_at_the_end = Comparison::with(&curve(&[(0.0, 4.0), (50.0, 2.0), (100.0, 2.0)]), 1, Better::Lower).unwrap();
    assert_eq!((flat_at_the_end.target, flat_at_the_end.reference_cost), (2.0, 50.0));
    assert_eq!(Comparison::with(&[], 1, Better::Lower), None);
}

#[test]
fn a_saving_counts_the_small_model_only_if_it_is_charged() {
    let method = curve(&[(0.0, 6.0), (40.0, 2.0), (60.0, 1.0)]);
    assert_eq!(scratch().saving(&method, Accounting::SmallGiven), Saving::Saved(0.6));
    let Saving::Saved(charged) = scratch().saving(&method, Accounting::SmallCharged(70.0)) else { panic!("reached") };
    assert!((charged - -0.1).abs() < 1e-12, "{charged}");
    let never = scratch().saving(&curve(&[(0.0, 6.0)]), Accounting::SmallCharged(70.0));
    assert_eq!((never, never.to_string().as_str()), (Saving::NotReached, "not reached"));
}

#[test]
fn an_accuracy_is_reached_from_below() {
    let comparison = Comparison::with(&curve(&[(0.0, 0.1), (100.0, 0.8)]), 1, Better::Higher).unwrap();
    let method = curve(&[(0.0, 0.2), (20.0, 0.7), (40.0, 0.9)]);
    let cost = comparison.cost(&method, Accounting::SmallGiven).unwrap();
    assert!((cost - 30.0).abs() < 1e-9, "{cost}");
}

#[test]
fn smoothing_is_a_mean_of_what_came_before() {
    let points = curve(&[(0.0, 9.0), (1.0, 6.0), (2.0, 3.0), (3.0, 0.0)]);
    let metrics = |window| smooth(&points, window).iter().map(|point| point.metric).collect::<Vec<_>>();
    assert_eq!(metrics(1), [9.0, 6.0, 3.0, 0.0]);
    assert_eq!(metrics(3), [9.0, 7.5, 6.0, 3.0]);
    assert_eq!(metrics(100), [9.0, 7.5, 6.0, 4.5]);
    assert_eq!(metrics(0), metrics(1));
}

#[test]
fn the_papers_savings_come_out() {
    // PAPER.md 2.0: scratch reaches 1.80 at 5.865e18 FLOPs, LiGO after 215,000 steps and its operator's (214,000 after 10,000).
    // The paper prints 44.7, 44.5, 44.2, 38.9 from a scratch cost known to us in four digits.
    let (plain_step, operator_step) = (1.50682e13, 3.61297e13);
    let comparison = Comparison::with(&curve(&[(0.0, 10.0), (5.865e18, 1.80)]), 1, Better::Lower).unwrap();
    let percent = |operator_steps: f64, steps: f64, accounting| {
        let operator = operator_steps * operator_step;
        let method = curve(&[(0.0, 10.0), (operator, 2.3), (operator + steps * plain_step, 1.80)]);
        match comparison.saving(&method, accounting) {
            Saving::Saved(share) => 100.0 * share,
            Saving::NotReached => f64::NAN,
        }
    };
    for (operator_steps, steps, expected) in
        [(1e2, 215e3, 44.70), (5e2, 215e3, 44.45), (1e3, 215e3, 44.15), (1e4, 214e3, 38.86)]
    {
        let found = percent(operator_steps, steps, Accounting::SmallGiven);
        assert!((found - expected).abs() < 0.006, "{operator_steps} steps: {found}, not {expected}");
    }
    // BERT-Small's own training, 220,000 steps, were it charged: 26.0.
    let charged = percent(1e2, 215e3, Accounting::SmallCharged(220e3 * 4.9773e12));
    assert!((charged - 26.0).abs() < 0.05, "{charged}");
}

#[test]
fn seeds_have_a_mean_only_if_all_of_them_reached_the_target() {
    let (low, high, never) = (Saving::Saved(0.4), Saving::Saved(0.5), Saving::NotReached);
    let cases: [(&[Saving], &str); 5] = [
        (&[low], "40.0 %"),
        (&[low, high], "45.0 ± 7.1 %"),
        (&[low, never, high], "reached by 2 of 3 seeds"),
        (&[never, never], "not reached"),
        (&[], "not reached"),
    ];
    for (savings, expected) in cases {
        assert_eq!(SeedSavings::of(savings).to_string(), expected);
    }
}

proptest! {
    #[test]
    fn whatever_the_curve_the_target_is_met_after_the_cost_and_missed_just_before(
        metrics in prop::collection::vec(0.0..10.0_f64, 1..30),
        target in 0.0..10.0_f64,
    ) {
        let points: Vec<Point> =
            metrics.iter().enumerate().map(|(i, &metric)| Point { cost: i as f64, metric }).collect();
        match cost_to_reach(&points, target, Better::Lower) {
            Some(cost) => {
                prop_assert!(points.iter().all(|point| point.cost < cost || point.metric <= target));
                let before = points.iter().rfind(|point| point.cost < cost);
                prop_assert!(before.is_none_or(|point| point.metric > target));
            }
            None => prop_assert!(points.last().is_some_and(|point| point.metric > target)),
        }
    }
}

#[test]
fn a_reference_that_never_was_above_its_own_end_is_nothing_to_compare_with() {
    let rising: Vec<Point> = [(0.0, 4.0), (1.0, 4.5), (2.0, 5.0)].map(|(cost, metric)| Point { cost, metric }).into();
    assert_eq!(Comparison::with(&rising, 1, Better::Lower), None);
}

#[test]
fn a_threshold_stands_in_for_the_references_end() {
    let reference = curve(&[(0.0, 8.0), (50.0, 4.0), (100.0, 2.0)]);
    let method = curve(&[(0.0, 6.0), (40.0, 2.0)]);
    let cases = [
        (4.0, Some((50.0, Saving::Saved(0.6)))),
        (2.0, Some((100.0, Saving::Saved(0.6)))),
        (3.0, Some((75.0, Saving::Saved(0.6)))),
        // The reference does not get there, or began there.
        (1.9, None),
        (8.0, None),
    ];
    for (target, expected) in cases {
        let found = Comparison::at(&reference, target, 1, Better::Lower);
        let saving = |found: Comparison| (found.reference_cost, found.saving(&method, Accounting::SmallGiven));
        assert_eq!(found.map(saving), expected, "{target}");
    }
    let stops_short = curve(&[(0.0, 6.0), (40.0, 3.5)]);
    let comparison = Comparison::at(&reference, 3.0, 1, Better::Lower).unwrap();
    assert_eq!(comparison.saving(&stops_short, Accounting::SmallGiven), Saving::NotReached);
}
