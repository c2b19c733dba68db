//! Features: a row for each text or image, whatever stands beside it in its batch.

use crate::texts::{SIGNS, reviews};
use crate::{pretrained, tokenizer};
use ligo_data::images::{ImageSource, Preprocessing, digits};
use ligo_data::tasks::{Encoder, LabelKind, Labels, TaskSource, write_task_parquet};
use ligo_downstream::{image_features, text_features};
use ligo_models::{Family, Images, Inputs, Tokens};
use std::sync::Arc;

#[test]
fn a_text_is_the_mean_of_its_own_tokens_and_padding_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let (file, tokenizer) = (directory.path().join("x.parquet"), tokenizer(&SIGNS));
    let texts = ["river stone", "cloud", "a light glass train north of the house"];
    write_task_parquet(&file, &[("sentence", &texts)], &Labels::Classes(vec![1, 0, 1])).unwrap();
    let read = TaskSource::new([file], "sentence", LabelKind::Classes(2)).read().unwrap();
    for family in [Family::Bert, Family::Gpt2] {
        let (model, parameters) = pretrained(family);
        let found = text_features((&model, &parameters), &read, &tokenizer, 60, 2).unwrap();
        assert_eq!((found.rows.len(), found.width), (3 * 32, 32));
        assert_eq!(&found.labels, read.labels());
        let encoder = Encoder::new(&tokenizer, 60).unwrap();
        for (text, row) in texts.iter().zip(found.rows.chunks_exact(32)) {
            let (input_ids, _) = encoder.encode(text, None).unwrap();
            let length = input_ids.len();
            let tokens = Tokens { input_ids, batch_size: 1, sequence_length: length, ..Tokens::default() };
            let states = model.hidden_states(&parameters, &Inputs::Tokens(tokens)).unwrap().as_vec();
            for (i, value) in row.iter().enumerate() {
                let mean = states.iter().skip(i).step_by(32).sum::<f32>() / length as f32;
                assert!((value - mean).abs() < 1e-5, "{family} {text:?}: {value}, not {mean}");
            }
        }
    }
}

#[test]
fn an_image_is_its_class_token() {
    let directory = tempfile::tempdir().unwrap();
    let report = digits::build(directory.path()).unwrap();
    let images = Arc::new(ImageSource::new([report.validation]).read().unwrap());
    let preprocessing = Preprocessing::new(1, digits::SIDE).unwrap();
    let plan = ligo_data::BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 };
    let batches =
        ligo_data::images::ImageBatches::new(images.clone(), preprocessing.clone(), digits::CLASSES, plan).unwrap();
    let last = batches.validation_batches(1, usize::MAX).unwrap().pop().unwrap();
    for family in [Family::Vit, Family::Deit, Family::Cait] {
        let (model, parameters) = pretrained(family);
        let found = image_features((&model, &parameters), &images, &preprocessing, 50).unwrap();
        assert_eq!(found.rows.len() as u64, 32 * images.len());
        assert_eq!(found.labels, Labels::Classes(images.labels().to_vec()));
        let inputs = Inputs::Images(Images { pixels: last.pixels.clone(), batch_size: 1 });
        let states = model.hidden_states(&parameters, &inputs).unwrap().as_vec();
        let row = &found.rows[found.rows.len() - 32..];
        assert!(row.iter().zip(&states).all(|(a, b)| (a - b).abs() < 1e-5), "{family}");
    }
}

#[test]
fn what_a_model_cannot_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = reviews(&directory.path().join("x.parquet"), SIGNS, 4, 1);
    let read = TaskSource::new([file], "sentence", LabelKind::Classes(2)).read().unwrap();
    let (model, parameters) = pretrained(Family::Vit);
    let error = text_features((&model, &parameters), &read, &tokenizer(&SIGNS), 24, 2).unwrap_err().to_string();
    assert_eq!(error, "features of texts: found a vit model, expected a model of text");
}
