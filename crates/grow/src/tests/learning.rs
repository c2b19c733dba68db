//! Learning an operator on the way.

use super::*;
use crate::FACTORS;

/// Four steps of two sequences.
fn few_steps(source: &Path, out: PathBuf, data: DataFiles) -> Asked {
    let learning = Learning { steps: Some(4), batch_size: Some(2), ..Learning::default() };
    Asked { data: Some(data), learning, ..Asked::new(source, out, "ligo") }
}

fn weights(directory: &Path) -> Vec<u8> {
    std::fs::read(directory.join("model.safetensors")).unwrap()
}

#[test]
fn an_operator_is_learnt_for_every_family_on_what_it_reads() {
    let place = tempfile::tempdir().unwrap();
    for family in Family::ALL {
        let source = checkpoint(family);
        let out = place.path().join(family.name());
        let asked = Asked { save_factors: true, ..few_steps(source.path(), out.clone(), data(family, source.path())) };
        let report = asked.finished();
        assert_eq!(report.learning.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 1, 2, 3, 4], "{family}");
        assert_eq!(report.grown_loss, Some(report.learning[4].1));
        assert!(report.small_loss.is_some_and(f64::is_finite) && report.receipt.is_none());
        assert!(hub::open(&out).unwrap().check().is_ok() && out.join(FACTORS).is_file(), "{family}");
        let card = std::fs::read_to_string(out.join("README.md")).unwrap();
        assert!(card.contains("Learning the operator:\n\n| step | loss |"), "{card}");
    }
}

#[test]
fn what_was_stopped_goes_on_to_the_same_weights_and_leaves_nothing_else() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let whole = few_steps(source.path(), place.path().join("whole"), text(source.path()));
    whole.finished();
    let asked = Asked { out: place.path().join("stopped"), ..whole.clone() };
    let watcher = Watcher { stop_after: Some(2), ..Watcher::default() };
    let Outcome::Stopped { kept: Some(kept) } = asked.run(&watcher).unwrap() else { panic!("it was asked to stop") };
    assert!(kept.starts_with(place.path().join("stopped.partial")) && !asked.out.exists());
    assert_eq!(names(kept.parent().unwrap()).len(), 1, "text and half a model are not kept");
    let report = asked.finished();
    assert_eq!(report.learning.len(), 5);
    assert_eq!(weights(&asked.out), weights(&whole.out));
    assert_eq!(names(place.path()), ["stopped", "whole"]);
}

#[test]
fn another_growth_to_the_same_place_begins_anew() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let asked = few_steps(source.path(), place.path().join("grown"), text(source.path()));
    asked.run(&Watcher { stop_after: Some(2), ..Watcher::default() }).unwrap();
    let other = Asked { learning: Learning { steps: Some(3), ..asked.learning.clone() }, ..asked };
    assert_eq!(other.finished().learning.len(), 4);
    assert_eq!(names(place.path()), ["grown"]);
}

#[test]
fn an_operator_that_is_not_learnt_needs_no_data() {
    let (source, place) = (checkpoint(Family::Bert), tempfile::tempdir().unwrap());
    let asked = Asked {
        learning: Learning { steps: Some(0), ..Learning::default() },
        ..Asked::new(source.path(), place.path().join("grown"), "ligo")
    };
    let report = asked.finished();
    assert!(report.learning.is_empty() && report.grown_loss.is_none());
}

#[test]
fn what_fails_leaves_nothing_half_written() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let mut asked = few_steps(source.path(), place.path().join("grown"), text(source.path()));
    // So that it diverges.
    asked.learning.learning_rate = Some(1e38);
    let message = asked.message();
    assert!(message.contains("loss") || message.contains("norm"), "{message}");
    assert!(names(place.path()).is_empty(), "{:?}", names(place.path()));
    // A text of a single row.
    let path = source.path().join("one.parquet");
    ligo_data::write_text_parquet(&path, "text", &["the model grows"]).unwrap();
    asked.data = Some(DataFiles { files: vec![path], column: None, label_column: None });
    assert!(asked.message().contains("--data: found one text"), "{}", asked.message());
    assert!(names(place.path()).is_empty());
}
