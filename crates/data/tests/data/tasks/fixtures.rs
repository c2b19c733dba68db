//! Against what transformers makes of the same texts: `make_tasks.py` says how the cases were made.

use super::{fixture, tokenizer};
use ligo_data::tasks::squad::{Answer, AnswerOptions, Question, WindowLogits, WindowOptions, Windows};
use ligo_data::tasks::{Encoder, LabelKind, Labels, TaskBatches, TaskSource, write_task_parquet};
use ligo_data::{BatchPlan, Tokenizer};
use serde_json::Value;
use std::fs;

const TOKENIZERS: [&str; 2] = ["wordpiece.json", "bytes.json"];

/// The cases of one kind made with one tokeniser; there is one at least.
fn cases(kind: &str, tokenizer: &str) -> Vec<Value> {
    let text = fs::read_to_string(fixture("tasks.json")).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let cases: Vec<Value> =
        all.into_iter().filter(|case| case["case"] == kind && case["tokenizer"] == tokenizer).collect();
    assert!(!cases.is_empty(), "{kind}, {tokenizer}");
    cases
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|value| number(value) as u32).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn texts_and_pairs_are_encoded_and_cut_as_transformers_does_it() {
    for name in TOKENIZERS {
        let tokenizer = tokenizer(name);
        for case in cases("encode", name) {
            let encoder = Encoder::new(&tokenizer, number(&case["max_length"])).unwrap();
            let (ids, types) = encoder.encode(text(&case["text"]), case["pair"].as_str()).unwrap();
            assert_eq!((ids, types), (numbers(&case["ids"]), numbers(&case["types"])), "{case}");
        }
    }
}

#[test]
fn batches_are_padded_as_transformers_does_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.parquet");
    for name in TOKENIZERS {
        for case in cases("batch", name) {
            let texts: Vec<&str> = case["texts"].as_array().unwrap().iter().map(text).collect();
            let labels = Labels::Classes(vec![0; texts.len()]);
            write_task_parquet(&file, &[("sentence", &texts)], &labels).unwrap();
            let source = TaskSource::new([&file], "sentence", LabelKind::Classes(2));
            let encoder = Encoder::new(&tokenizer(name), number(&case["max_length"])).unwrap();
            let plan = BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 };
            let batches = TaskBatches::of_texts(&source.read().unwrap(), &encoder, plan).unwrap();
            let batch = batches.in_order(texts.len()).next().unwrap();
            let rows = |values: &Value| values.as_array().unwrap().iter().flat_map(numbers).collect::<Vec<_>>();
            assert_eq!(batch.input_ids, rows(&case["ids"]), "{name}");
            let mask: Vec<u32> = batch.real_tokens.unwrap().into_iter().map(u32::from).collect();
            assert_eq!(mask, rows(&case["mask"]), "{name}");
        }
    }
}

fn options(case: &Value) -> WindowOptions {
    WindowOptions {
        max_length: number(&case["max_length"]),
        doc_stride: number(&case["doc_stride"]),
        max_question_length: number(&case["max_question_length"]),
    }
}

/// The question of a case with its own answers.
fn question(case: &Value) -> Question {
    let answer = |answer: &Value| Answer { text: text(&answer[1]).to_owned(), start: number(&answer[0]) };
    Question {
        id: text(&case["id"]).to_owned(),
        question: text(&case["question"]).to_owned(),
        context: text(&case["context"]).into(),
        answers: case["answers"].as_array().unwrap().iter().map(answer).collect(),
    }
}

/// Transformers' span of a window is met, or put in order where it ends before it begins.
fn assert_span(found: [i32; 2], expected: &Value, place: &str) {
    let expected = numbers(expected);
    let [first, last] = found.map(|token| token as u32);
    if expected[0] <= expected[1] {
        assert_eq!([first, last], *expected, "{place}");
    } else {
        assert!(first == expected[1] && (first..=expected[0]).contains(&last), "{place}: {found:?}, {expected:?}");
    }
}

#[test]
fn windows_offsets_and_spans_are_those_of_transformers() {
    for name in TOKENIZERS {
        let tokenizer = tokenizer(name);
        for case in cases("windows", name) {
            let windows = Windows::new(vec![question(&case)].into(), &tokenizer, options(&case)).unwrap();
            let batches = windows.batches(BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 }).unwrap();
            let expected = case["windows"].as_array().unwrap();
            assert_eq!(windows.windows().len(), expected.len(), "{case}");
            for (index, (window, expected)) in windows.windows().iter().zip(expected).enumerate() {
                let (ids, types) = batches.sequences().get(index);
                assert_eq!((ids.to_vec(), types.to_vec()), (numbers(&expected["ids"]), numbers(&expected["types"])));
                let all = expected["offsets"].as_array().unwrap();
                assert_eq!(Some(window.context_start), all.iter().position(|offset| !offset.is_null()));
                let offsets: Vec<(usize, usize)> =
                    all.iter().filter(|o| !o.is_null()).map(|o| (number(&o[0]), number(&o[1]))).collect();
                assert_eq!(window.offsets, offsets);
                assert_span(window.span, &case["spans"][index], &format!("{name}, {}", case["id"]));
            }
        }
    }
}

#[test]
fn answers_anywhere_in_a_context_have_the_spans_of_transformers() {
    for name in TOKENIZERS {
        for case in cases("spans", name) {
            let context = text(&case["context"]);
            let places = case["answers"].as_array().unwrap();
            let asked = places.iter().map(|place| {
                let (start, length) = (number(&place[0]), number(&place[1]));
                let text = context.chars().skip(start).take(length).collect();
                let (id, question) = (start.to_string(), text_of(&case["question"]));
                Question { id, question, context: context.into(), answers: vec![Answer { text, start }] }
            });
            let questions: Vec<Question> = asked.collect();
            let windows = Windows::new(questions.into(), &tokenizer(name), options(&case)).unwrap();
            let expected = case["spans"].as_array().unwrap();
            let each = expected[0].as_array().unwrap().len();
            for (index, window) in windows.windows().iter().enumerate() {
                let place = format!("{name}, answer {}, window {}", places[window.question], index % each);
                assert_span(window.span, &expected[window.question][index % each], &place);
            }
            assert_eq!(windows.windows().len(), each * places.len());
        }
    }
}

fn text_of(value: &Value) -> String {
    text(value).to_owned()
}

/// As `logits_of` in `make_tasks.py`.
fn logits(round: &str, window: usize, tokens: usize) -> WindowLogits {
    if round == "falling" {
        let falling = |scale: f32| (0..tokens).map(|place| -(place as f32) / scale).collect();
        return WindowLogits { start: falling(1.0), end: falling(2.0) };
    }
    let mixed = |step: usize| (0..tokens).map(|place| ((place * step + window * 17) % 67) as f32 / 8.0 - 2.0).collect();
    let mut logits = WindowLogits { start: mixed(29), end: mixed(31) };
    if round == "no answer" {
        (logits.start[0], logits.end[0]) = (7.4, 5.3);
    }
    logits
}

fn all_windows(name: &str, tokenizer: &Tokenizer) -> Windows {
    let cases = cases("windows", name);
    let questions: Vec<Question> = cases.iter().map(question).collect();
    Windows::new(questions.into(), tokenizer, options(&cases[0])).unwrap()
}

#[test]
fn answers_and_scores_of_no_answer_are_those_of_transformers() {
    for name in TOKENIZERS {
        let windows = all_windows(name, &tokenizer(name));
        for case in cases("answers", name) {
            let mut logits_of_windows: Vec<WindowLogits> = Vec::new();
            let mut of_question = (usize::MAX, 0);
            for (index, window) in windows.windows().iter().enumerate() {
                of_question = if of_question.0 == window.question {
                    (window.question, of_question.1 + 1)
                } else {
                    (window.question, 0)
                };
                let mut logits = logits(text(&case["round"]), of_question.1, windows.tokens(index));
                // What is said of padding does not count.
                logits.start.push(100.0);
                logits_of_windows.push(logits);
            }
            let answers = windows.answers(&logits_of_windows, AnswerOptions::default()).unwrap();
            for (answer, expected) in answers.iter().zip(case["answers"].as_array().unwrap()) {
                assert_eq!(answer.text, text(&expected["text"]), "{name}, {}", case["round"]);
                assert_eq!(answer.text, text(&expected["text_if_answerable"]), "{name}, {}", case["round"]);
                assert_eq!(f64::from(answer.no_answer), expected["no_answer"].as_f64().unwrap());
            }
            assert_eq!(answers.len(), case["answers"].as_array().unwrap().len());
        }
    }
}
