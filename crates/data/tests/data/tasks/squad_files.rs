//! Questions in Parquet: what is read, what is refused, and logits that do not fit.

use super::tokenizer;
use ::parquet::arrow::ArrowWriter;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use ligo_data::tasks::squad::{
    Answer, AnswerOptions, Question, SquadSource, WindowLogits, WindowOptions, Windows, write_squad_parquet,
};
use std::fs::File;
use std::sync::Arc;

fn question(id: &str, context: &str, answers: &[(&str, usize)]) -> Question {
    let answers = answers.iter().map(|&(text, start)| Answer { text: text.to_owned(), start }).collect();
    Question { id: id.to_owned(), question: "Which lamp?".to_owned(), context: context.into(), answers }
}

#[test]
fn questions_come_back_as_they_were_written_and_share_their_context() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    let context = "The 💡 old lamp.";
    let questions = [
        question("1", context, &[("old", 6), ("old lamp", 6)]),
        question("2", context, &[]),
        question("3", "Zoë.", &[("Zoë", 0)]),
        // Warned of and kept.
        question("4", "Zoë.", &[("zoë", 0)]),
    ];
    write_squad_parquet(&path, &questions).unwrap();
    let read = SquadSource::new([&path]).read().unwrap();
    assert_eq!(read, questions);
    assert!(Arc::ptr_eq(&read[0].context, &read[1].context) && !Arc::ptr_eq(&read[1].context, &read[2].context));
}

#[test]
fn answers_that_cannot_be_are_named_by_file_and_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    let context = "The 💡 old lamp.";
    let cases = [
        (
            question("2", context, &[("lamp.", 11)]),
            "found the answer \"lamp.\" at character 11 of a context of 15, expected an answer within its context",
        ),
        (question("2", context, &[("", 3)]), "found an empty or null text, expected texts with characters in them"),
    ];
    for (bad, expected) in cases {
        write_squad_parquet(&path, &[question("1", context, &[]), bad]).unwrap();
        let message = SquadSource::new([&path]).read().unwrap_err().to_string();
        assert_eq!(message, format!("{}: row 1, column `answers`: {expected}", path.display()));
    }

    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let columns = ["id", "question", "context", "answers"].map(|name| (name, text.clone()));
    for (columns, expected) in [
        (&columns[..], "column `answers` has type Utf8, expected a struct of two lists, `text` (text) and"),
        (&columns[..2], "no column `context`, found the columns `id`, `question`"),
    ] {
        let rows = RecordBatch::try_from_iter(columns.to_vec()).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let message = SquadSource::new([&path]).read().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    write_squad_parquet(&path, &[]).unwrap();
    let message = SquadSource::new([&path]).read().unwrap_err().to_string();
    assert_eq!(message, format!("{}: no rows, expected at least one question", path.display()));
}

#[test]
fn options_and_logits_that_do_not_fit_are_refused() {
    let tokenizer = tokenizer("wordpiece.json");
    let questions: Arc<[Question]> = vec![question("1", "The old lamp.", &[("old", 4)])].into();
    let refused =
        |options: WindowOptions| Windows::new(questions.clone(), &tokenizer, options).unwrap_err().to_string();
    let short = WindowOptions { max_length: 195, ..WindowOptions::default() };
    let expected = "more than doc_stride = 128, max_question_length = 64 and 3 special tokens";
    assert_eq!(refused(short), format!("max_length = 195, expected {expected}"));
    let nothing = WindowOptions { max_question_length: 0, ..WindowOptions::default() };
    assert_eq!(refused(nothing), "max_question_length = 0, expected 1 or more");

    let windows = Windows::new(questions.clone(), &tokenizer, WindowOptions::default()).unwrap();
    let tokens = windows.tokens(0);
    let options = AnswerOptions::default();
    let flat = WindowLogits { start: vec![0.0; tokens], end: vec![0.0; tokens] };
    let nan = WindowLogits { end: vec![f32::NAN; tokens], ..flat.clone() };
    let few = WindowLogits { start: vec![0.0; tokens - 1], ..flat.clone() };
    let cases = [
        (vec![], options, "number of logits = 0, expected 1, one for each window".to_owned()),
        (vec![nan], options, "end logits = NaN of token 0 of window 0, expected finite numbers".to_owned()),
        (
            vec![few],
            options,
            format!("start logits = {} of window 0, expected {tokens}, one for each token, or more", tokens - 1),
        ),
        (vec![flat.clone()], AnswerOptions { n_best: 0, ..options }, "n_best = 0, expected 1 or more".to_owned()),
    ];
    for (logits, options, expected) in cases {
        assert_eq!(windows.answers(&logits, options).unwrap_err().to_string(), expected);
    }

    // The first token alone is tried, so nothing of the context is.
    let answers = windows.answers(&[flat], AnswerOptions { n_best: 1, ..options }).unwrap();
    assert_eq!((answers[0].text.as_str(), answers[0].score, answers[0].no_answer), ("empty", 0.0, 0.0));
}

#[test]
fn a_context_without_tokens_is_one_window_without_an_answer() {
    let questions = vec![question("1", "", &[]), question("2", " \t", &[])];
    let windows = Windows::new(questions.into(), &tokenizer("wordpiece.json"), WindowOptions::default()).unwrap();
    assert_eq!(windows.windows().len(), 2);
    let logits: Vec<WindowLogits> = (0..2)
        .map(|window| vec![0.0; windows.tokens(window)])
        .map(|logits| WindowLogits { start: logits.clone(), end: logits })
        .collect();
    for (window, answer) in windows.windows().iter().zip(windows.answers(&logits, AnswerOptions::default()).unwrap()) {
        assert_eq!((window.span, window.offsets.len(), answer.text.as_str()), ([0, 0], 0, "empty"));
    }
}
