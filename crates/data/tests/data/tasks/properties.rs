//! What holds of every text.

use super::tokenizer;
use ligo_data::BatchPlan;
use ligo_data::tasks::squad::{Answer, AnswerOptions, Question, WindowLogits, WindowOptions, Windows};
use ligo_data::tasks::{Encoder, LabelKind, Labels, TaskBatches, TaskSource, write_task_parquet};
use proptest::prelude::*;

/// The first token, what parts two texts, and the last one.
const SPECIAL: [(&str, [&str; 3]); 2] =
    [("wordpiece.json", ["[CLS]", "[SEP]", "[SEP]"]), ("bytes.json", ["<s>", "</s>", "</s>"])];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["(old |lamp|storm, |é|東|💡| ){0,40}", "\\PC{0,40}"]
}

/// One that looks at one token alone.
fn sure(tokens: usize, of: i32) -> Vec<f32> {
    (0..tokens).map(|token| if token == of as usize { 9.0 } else { -(token as f32) / 100.0 }).collect()
}

proptest! {
    #[test]
    fn truncation_keeps_the_length_and_every_special_token(
        first in texts(),
        second in proptest::option::of(texts()),
        max_length in 6usize..40,
        which in 0usize..2,
    ) {
        let (name, special) = SPECIAL[which];
        let tokenizer = tokenizer(name);
        let id = |token: &str| match token {
            "[CLS]" | "<s>" => tokenizer.cls_id().unwrap(),
            _ => tokenizer.sep_id().unwrap(),
        };
        let encode = |max_length: usize| {
            Encoder::new(&tokenizer, max_length).unwrap().encode(&first, second.as_deref()).unwrap()
        };
        let (all, _) = encode(10_000);
        let (ids, types) = encode(max_length);
        prop_assert_eq!(ids.len(), all.len().min(max_length));
        prop_assert_eq!(types.len(), ids.len());
        prop_assert_eq!(ids[0], id(special[0]));
        prop_assert_eq!(*ids.last().unwrap(), id(special[2]));
        let ends = |ids: &[u32]| ids.iter().filter(|&&token| token == id(special[1])).count();
        prop_assert_eq!(ends(&ids), ends(&all));
    }

    #[test]
    fn every_answer_is_found_back_from_its_span(
        before in texts(),
        // White space at an end is in no token.
        answer in "(old |lamp|storm, |é|東|💡){0,3}(lamp|é|東|💡)",
        after in texts(),
        question in texts(),
        which in 0usize..2,
    ) {
        let context = format!("{before} {answer} {after}");
        let start = before.chars().count() + 1;
        let end = start + answer.chars().count();
        let options = WindowOptions { max_length: 64, doc_stride: 40, max_question_length: 10 };
        let question = Question {
            id: "x".into(),
            question,
            context: context.as_str().into(),
            answers: vec![Answer { text: answer.clone(), start }],
        };
        let windows = Windows::new(vec![question].into(), &tokenizer(SPECIAL[which].0), options).unwrap();
        let mut found = 0;
        for (index, window) in windows.windows().iter().enumerate() {
            prop_assert!(windows.tokens(index) <= 64);
            let [first, last] = window.span;
            if window.span == [0, 0] {
                continue;
            }
            found += 1;
            let (first_token, last_token) = (first as usize - window.context_start, last as usize - window.context_start);
            prop_assert!(window.offsets[first_token].0 <= start && end <= window.offsets[last_token].1);
            // A model that is sure of this window's span and of no answer in all others.
            let logits: Vec<WindowLogits> = (0..windows.windows().len())
                .map(|other| {
                    let (first, last) = if other == index { (first, last) } else { (0, 0) };
                    let tokens = windows.tokens(other);
                    WindowLogits { start: sure(tokens, first), end: sure(tokens, last) }
                })
                .collect();
            let prediction = &windows.answers(&logits, AnswerOptions::default()).unwrap()[0];
            let answer = answer.trim();
            prop_assert!(prediction.text.contains(answer), "{:?}, {:?}", prediction.text, answer);
        }
        // Windows share 40 tokens, more than the answer has.
        prop_assert!(found > 0);
    }
}

#[test]
fn batches_are_a_function_of_seed_and_step_and_meet_every_text_once_in_an_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.parquet");
    let texts: Vec<String> = (0..11).map(|row| "the lamp ".repeat(row + 1)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    write_task_parquet(&file, &[("text", &texts)], &Labels::Numbers((0..11u8).map(f32::from).collect())).unwrap();
    let read = TaskSource::new([&file], "text", LabelKind::Numbers).read().unwrap();
    let encoder = Encoder::new(&tokenizer("wordpiece.json"), 32).unwrap();
    let made = |seed: u64, batch_size: usize, micro_batches: usize| {
        TaskBatches::of_texts(&read, &encoder, BatchPlan { seed, batch_size, micro_batches }).unwrap()
    };
    let batches = made(1, 2, 2);
    let mut met = Vec::new();
    for step in 0..batches.steps(1) {
        for micro in 0..2 {
            let batch = batches.batch(step, micro);
            assert_eq!(batch, made(1, 2, 2).batch(step, micro));
            assert_eq!(batch.input_ids.len(), batch.batch_size * batch.sequence_length);
            let Labels::Numbers(labels) = batch.labels else { panic!("{:?}", batch.labels) };
            for (label, tokens) in labels.iter().zip(batch.input_ids.chunks(batch.sequence_length)) {
                let (ids, _) = batches.sequences().get(*label as usize);
                assert_eq!(&tokens[..ids.len()], ids);
            }
            met.extend(labels);
        }
    }
    assert_eq!((batches.steps(1), batches.steps(3)), (3, 9));
    let mut epoch = met[..11].to_vec();
    epoch.sort_by(f32::total_cmp);
    assert_eq!(epoch, (0..11u8).map(f32::from).collect::<Vec<f32>>());
    assert_ne!(batches.batch(0, 0), made(2, 2, 2).batch(0, 0));
    assert_eq!(made(1, 4, 1).batch(1, 0).labels, {
        let (Labels::Numbers(mut first), Labels::Numbers(second)) =
            (batches.batch(1, 0).labels, batches.batch(1, 1).labels)
        else {
            panic!("numbers were written")
        };
        first.extend(second);
        Labels::Numbers(first)
    });
    // In order, whole: the last one is smaller.
    let sizes: Vec<usize> = batches.in_order(4).map(|batch| batch.batch_size).collect();
    assert_eq!(sizes, [4, 4, 3]);
    // Texts of one length need no padding.
    assert_eq!(batches.in_order(1).next().unwrap().real_tokens, None);
}
