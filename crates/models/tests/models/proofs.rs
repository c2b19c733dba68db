//! What needs Python beside it: `cargo xtask test --with-python` runs these and what belongs to them.

use ligo_kernels::Cpu;
use ligo_models::hub::{self, ExportOptions};
use ligo_models::{Inputs, Model, Parameters, Tokens};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The path that an environment variable names.
fn path_in(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run by cargo xtask test")).into()
}

#[test]
#[ignore = "writes for a Python script to read: cargo xtask test --with-python"]
fn every_fixture_is_written_for_others_to_load() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let exports = path_in("LIGO_EXPORTS");
    for entry in std::fs::read_dir(&fixtures).unwrap() {
        let source = entry.unwrap().path();
        if !source.join("config.json").is_file() {
            continue;
        }
        let checkpoint = hub::open(&source).unwrap();
        let (model, parameters) = checkpoint.load(&Cpu::default(), &Default::default()).unwrap();
        let name = source.file_name().unwrap().to_string_lossy().into_owned();
        // With all that the source said, and from the configuration alone.
        let with = ExportOptions { from: Some(&checkpoint), ..Default::default() };
        for (kind, options) in [("kept", with), ("alone", ExportOptions::default())] {
            let target = exports.join(format!("{name}-{kind}"));
            std::fs::create_dir_all(&target).unwrap();
            hub::export(&target, &model, &parameters, &options).unwrap();
            std::fs::copy(source.join("reference.safetensors"), target.join("reference.safetensors")).unwrap();
        }
    }
}

#[derive(Deserialize)]
struct Reference {
    checkpoint: PathBuf,
    sentences: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    text: String,
    input_ids: Vec<u32>,
    embedding: Vec<f32>,
}

/// The mean of the last hidden states, made one long: what sentence-transformers calls the embedding.
fn embedding(model: &Model, parameters: &Parameters<Cpu>, input_ids: &[u32]) -> Vec<f32> {
    let inputs = Inputs::Tokens(Tokens {
        input_ids: input_ids.to_vec(),
        batch_size: 1,
        sequence_length: input_ids.len(),
        ..Tokens::default()
    });
    let states = model.hidden_states(parameters, &inputs).unwrap().as_vec();
    let width = model.config().hidden_size;
    let sum: Vec<f32> = (0..width).map(|i| states.iter().skip(i).step_by(width).sum()).collect();
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    sum.iter().map(|x| x / length).collect()
}

#[test]
#[ignore = "reads a checkpoint that a Python script fetches: cargo xtask test --with-python"]
fn a_real_checkpoint_embeds_as_in_transformers() {
    let text = std::fs::read_to_string(path_in("LIGO_REAL_CHECKPOINT")).unwrap();
    let reference: Reference = serde_json::from_str(&text).unwrap();
    let (model, parameters) = hub::import(&reference.checkpoint, &Cpu::default()).unwrap();
    assert!(reference.sentences.len() >= 3);
    for Sentence { text, input_ids, embedding: expected } in &reference.sentences {
        let found = embedding(&model, &parameters, input_ids);
        assert_eq!(found.len(), expected.len());
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-4, "{text}: {off}");
    }
}
