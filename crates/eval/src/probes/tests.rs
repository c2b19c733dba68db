//! The values that `tests/fixtures/probes.py` computes and `probes.json` keeps, and what is refused.

use super::linear::learn;
use super::standard::Standard;
use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    width: usize,
    train: Vec<f32>,
    train_labels: Vec<i32>,
    test: Vec<f32>,
    test_labels: Vec<i32>,
    knn: Vec<Vote>,
    linear: Vec<Learnt>,
}

#[derive(Deserialize)]
struct Vote {
    neighbours: usize,
    temperature: f64,
    predictions: Vec<i32>,
    accuracy: f64,
}

#[derive(Deserialize)]
struct Learnt {
    l2: f64,
    predictions: Vec<i32>,
    accuracy: f64,
    decisions: Vec<Vec<f64>>,
}

impl Case {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../../tests/fixtures/probes.json")).expect("the fixture is whole")
    }

    fn sets(&self) -> [Labelled<'_>; 2] {
        let set = |features, labels| Labelled { features, width: self.width, labels };
        [set(&self.train, &self.train_labels), set(&self.test, &self.test_labels)]
    }
}

#[test]
fn neighbours_vote_as_in_scikit_learn() {
    for case in Case::all() {
        let [train, test] = case.sets();
        for Vote { neighbours, temperature, predictions, accuracy } in &case.knn {
            let found = knn(train, test, &Knn { neighbours: *neighbours, temperature: *temperature }).unwrap();
            assert_eq!(&found.predictions, predictions, "{}, {neighbours} neighbours at {temperature}", case.name);
            assert_eq!(found.accuracy, *accuracy);
        }
    }
}

#[test]
fn the_linear_probe_learns_what_scikit_learn_learns() {
    for case in Case::all() {
        let [train, test] = case.sets();
        for Learnt { l2, predictions, accuracy, decisions } in &case.linear {
            let options = LinearProbe { l2: *l2, tolerance: 1e-9, ..LinearProbe::default() };
            let standard = Standard::of(train);
            let weights = learn(train, &standard.apply(train), &options).unwrap().at;
            let classes = train.classes();
            for (row, expected) in standard.apply(test).chunks_exact(case.width).zip(decisions) {
                let z = |class: usize| -> f64 {
                    let products = row.iter().zip(weights.chunks_exact(classes)).map(|(&x, w)| f64::from(x) * w[class]);
                    products.sum::<f64>() + weights[case.width * classes + class]
                };
                let mean = (0..classes).map(z).sum::<f64>() / classes as f64;
                for (class, expected) in expected.iter().enumerate() {
                    let off = (z(class) - mean - expected).abs();
                    assert!(off < 1e-4 * (1.0 + expected.abs()), "{}, l2 {l2}: {off} off {expected}", case.name);
                }
            }
            // Learnt no further than by default it finds the same classes.
            for options in [options, LinearProbe { l2: *l2, ..LinearProbe::default() }] {
                let found = linear_probe(train, test, &options).unwrap();
                assert_eq!((&found.predictions, found.accuracy), (predictions, *accuracy), "{}, l2 {l2}", case.name);
                assert_eq!(found.slope_left, None);
            }
        }
    }
}

#[test]
fn a_low_temperature_leaves_the_word_to_the_nearest() {
    let train = Labelled { features: &[1.0, 0.0, 0.9, 0.1, 0.8, 0.1], width: 2, labels: &[3, 1, 1] };
    let test = Labelled { features: &[5.0, 0.0], width: 2, labels: &[3] };
    for (temperature, accuracy) in [(1e-6, 1.0), (10.0, 0.0)] {
        assert_eq!(knn(train, test, &Knn { neighbours: 3, temperature }).unwrap().accuracy, accuracy);
    }
}

#[test]
fn what_means_nothing_is_refused_by_name() {
    let train = Labelled { features: &[1.0, 0.0, 0.0, 1.0], width: 2, labels: &[0, 1] };
    let test = Labelled { features: &[1.0, 0.5], width: 2, labels: &[0] };
    let sets: [(Labelled<'_>, Labelled<'_>, &str); 7] = [
        (Labelled { labels: &[], ..train }, test, "training features: found no rows, expected at least one"),
        (train, Labelled { labels: &[], ..test }, "test features: found no rows"),
        (Labelled { width: 3, ..train }, test, "training features: found 4 numbers, expected 2 rows of 3"),
        (train, Labelled { width: 1, ..test }, "test features: found 2 numbers, expected 1 rows of 2"),
        (train, Labelled { labels: &[0, 1], ..test }, "test features: found 2 numbers, expected 2 rows of 2"),
        (Labelled { labels: &[0, -1], ..train }, test, "training label of row 1: found -1, expected a class"),
        (train, Labelled { features: &[1.0, f32::NAN], ..test }, "test feature of row 0: found NaN, expected a finite"),
    ];
    for (train, test, expected) in sets {
        for error in [
            knn(train, test, &Knn::default()).unwrap_err(),
            linear_probe(train, test, &LinearProbe::default()).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
    let default = Knn::default();
    for (options, expected) in [
        (Knn { neighbours: 0, ..default }, "neighbours = 0, expected 1 to 2, the training rows"),
        (Knn { neighbours: 3, ..default }, "neighbours = 3, expected 1 to 2"),
        (Knn { neighbours: 1, temperature: 0.0 }, "temperature = 0, expected a number above 0"),
    ] {
        let error = knn(train, test, &options).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let default = LinearProbe::default();
    for (options, expected) in [
        (LinearProbe { l2: 0.0, ..default }, "l2 = 0, expected a number above 0"),
        (LinearProbe { tolerance: f64::NAN, ..default }, "tolerance = NaN, expected a number above 0"),
    ] {
        let error = linear_probe(train, test, &options).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_search_cut_short_gives_what_it_has_and_says_how_steep_it_is_there() {
    let case = &Case::all()[0];
    let [train, test] = case.sets();
    let cut = linear_probe(train, test, &LinearProbe { iterations: 2, ..LinearProbe::default() }).unwrap();
    assert!(cut.slope_left.unwrap() > LinearProbe::default().tolerance);
    assert!(cut.accuracy > 0.0);
}
