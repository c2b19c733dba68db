//! Questions: the answer is the one word of its kind in the context.

use crate::{Numbers, assert_same, metric, pretrained, tokenizer, tune};
use ligo_data::tasks::squad::{Answer, Question, SquadSource, write_squad_parquet};
use ligo_downstream::{SquadTask, Task, Tuning};
use ligo_eval::metrics::squad::Squad;
use ligo_models::Family;
use std::path::Path;

const ANSWERS: [&str; 4] = ["amber", "cobalt", "silver", "copper"];

/// Contexts of 24 words, more than a window holds; of SQuAD 2.0 every fourth has no answer.
fn questions(file: &Path, version: Squad, count: usize, seed: u64) -> SquadSource {
    let mut numbers = Numbers(seed);
    let question = |id: usize| {
        let place = (version == Squad::V1 || !id.is_multiple_of(4)).then(|| 1 + numbers.below(23));
        let word = |at| match place == Some(at) {
            true => ANSWERS[numbers.below(ANSWERS.len())],
            false => numbers.word(),
        };
        let words: Vec<&str> = (0..24).map(word).collect();
        let start = |place: usize| words[..place].iter().map(|word| word.len() + 1).sum();
        let answer = |place: usize| Answer { text: words[place].to_owned(), start: start(place) };
        Question {
            id: id.to_string(),
            question: "which metal".to_owned(),
            context: words.join(" ").into(),
            answers: place.map(answer).into_iter().collect(),
        }
    };
    write_squad_parquet(file, &(0..count).map(question).collect::<Vec<_>>()).unwrap();
    SquadSource::new([file])
}

#[test]
fn answers_are_found_in_whichever_window_they_are_and_none_where_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(&[&ANSWERS[..], &["which", "metal"]].concat());
    let (model, parameters) = pretrained(Family::Bert);
    let keys = Tuning { max_sequence_length: Some(26), doc_stride: Some(6), ..Tuning::new(6, 12, 3e-3) };
    let tuning = Tuning { max_question_length: Some(8), ..keys };
    for version in [Squad::V1, Squad::V2] {
        let file = |name: &str| directory.path().join(format!("{version:?} {name}"));
        let (train, validation) =
            (questions(&file("train"), version, 120, 21), questions(&file("dev"), version, 40, 22));
        let task = SquadTask::read(version, &train, &validation).unwrap();
        let tuned = |name: &str, stop| {
            let task = Task::Squad(&task, &tokenizer);
            tune((&model, &parameters), task, &tuning, &file(name), stop).unwrap()
        };
        let whole = tuned("whole", None);
        let scores = &whole.scores;
        assert!(metric(&whole, "exact match") > 0.9, "{version:?}: {scores:?}");
        assert!(metric(&whole, "F1") >= metric(&whole, "exact match"));
        assert_eq!((scores.heading, scores.own), (Some(metric(&whole, "F1")), metric(&whole, "F1")));
        assert_eq!((scores.examples, scores.evaluated), (120, 40));
        assert!(scores.cost.steps > 6 * 120 / 12, "a context is more than a window");
        if version == Squad::V2 {
            assert!(metric(&whole, "best exact match") >= metric(&whole, "exact match"));
            assert_same(&whole, &tuned("stopped", Some(20)));
        }
    }
}
