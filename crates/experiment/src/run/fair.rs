//! Experiments that search a grid for every row, and that compare at equal compute.

use super::tests::{Place, Watcher};
use super::*;
use crate::state::{State, states};
use ligo_kernels::Cpu;

/// The third rate of the grid diverges: with it the first step makes numbers that no f32 holds.
const GRID: &[&str] = &["seeds=[3,4]", "search.learning_rate=[1e-3,1e-2,1e20]", "training.weight_decay=0"];

fn state(place: &Place, overrides: &[&str]) -> State {
    let toml = place.experiment(overrides).to_toml().expect("it has a TOML form");
    std::fs::write(place.path("tiny.toml"), toml).expect("the directory is writable");
    let registry = crate::methods::<Cpu>();
    let found = states(&place.path(""), &registry, &place.path(""), &place.path("results"));
    found.expect("the directory is there")[0].state
}

#[test]
fn every_row_is_searched_on_the_first_seed_and_trained_with_its_best_point_on_the_others() {
    let place = Place::new();
    let (results, watcher) = place.finished(GRID);
    let started = watcher.lines().iter().filter(|line| line.starts_with("start ")).count();
    // Small models of both seeds; three points for each of four rows; the other seed of each row.
    assert_eq!(started, 2 + 4 * 3 + 4, "{:?}", watcher.lines());
    assert_eq!((results.searches.len(), results.methods.len()), (4, 8));
    for search in &results.searches {
        let scores: Vec<Option<f64>> = search.candidates.iter().map(|candidate| candidate.score).collect();
        let best = scores.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        assert_eq!((scores.len(), scores[search.chosen]), (3, Some(best)), "{search:?}");
        assert_eq!(scores[2], None, "{search:?}");
        let row = results.experiment.methods.iter().find(|row| row.label == search.label).expect("every row");
        assert_eq!(row.training.learning_rate, search.candidates[search.chosen].learning_rate);
        let first = results.methods.iter().find(|run| run.label == search.label && run.seed == 3).expect("every seed");
        assert_eq!(first.rows.last().map(|row| row.validation_loss), Some(best));
    }
    // Nothing is trained twice, and what diverged is not tried again.
    let (again, watcher) = place.finished(GRID);
    assert_eq!((watcher.steps(), &again.searches), (0, &results.searches));
    assert_eq!(state(&place, GRID), State::Done);
}

#[test]
fn a_search_that_was_stopped_goes_on_and_knows_no_choice_before_it_is_done() {
    let place = Place::new();
    let watcher = Watcher::new(20);
    let outcome = place.run(GRID, &watcher).expect("no mistake");
    assert!(matches!(outcome, Outcome::Stopped));
    assert!(matches!(state(&place, GRID), State::Partly { of: 18, .. }), "{:?}", state(&place, GRID));
    let (results, _) = place.finished(GRID);
    let elsewhere = Place::new().finished(GRID).0;
    assert_eq!(results.searches, elsewhere.searches);
}

#[test]
fn scratch_gets_the_compute_of_each_row_and_decays_its_rate_over_it() {
    let place = Place::new();
    let asked = ["equal_compute_seeds=[0]", "training.steps=40", "methods.ligo.steps=20"];
    let (results, _) = place.finished(&asked);
    let step = crate::cost::train_step(&results.experiment, &results.experiment.training, &results.experiment.large);
    let found: Vec<(&str, u64)> =
        results.equal_compute.iter().map(|row| (row.label.as_str(), row.scratch_steps)).collect();
    for (row, run) in results.equal_compute.iter().zip(&results.methods[1..]) {
        assert_eq!((row.label.as_str(), row.flops), (run.label.as_str(), run.total.flops));
        assert!((row.scratch_steps as f64 - run.total.flops / step).abs() <= 0.5, "{row:?}");
    }
    // Direct copy costs what scratch does: it is compared with scratch itself.
    let scratch = results.methods[0].rows.last().expect("it was evaluated").validation_loss;
    assert_eq!((found[1], results.equal_compute[1].scratch_score), (("direct-copy", 40), scratch));
    assert!(found[0].1 < 40 && found[2].1 > 40, "{found:?}");
    assert_eq!(results.methods.len(), 4, "runs to compare with are no rows of the table");
}
