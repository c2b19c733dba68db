//! Logits, losses and gradients against `transformers` on the same weights; `fixtures/make_fixtures.py` made the references.

use ligo_kernels::{Cpu, GradTape, NoneTape, gradients_for};
use ligo_models::{Mode, Model, Parameters, TokenBatch, hub};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};

const CASES: [&str; 4] = ["gpt2-default-inner", "gpt2-odd-sizes", "bert-default-types", "bert-odd-sizes"];
const INPUTS: [&str; 2] = ["long", "short"];

fn directory(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(case)
}

struct Reference {
    file: Vec<u8>,
    input: &'static str,
}

impl Reference {
    fn read<T>(&self, name: &str, number: fn([u8; 4]) -> T) -> Option<Vec<T>> {
        let tensors = SafeTensors::deserialize(&self.file).unwrap();
        let tensor = tensors.tensor(&format!("{}.{name}", self.input)).ok()?;
        Some(tensor.data().chunks_exact(4).map(|bytes| number(bytes.try_into().unwrap())).collect())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.read(name, f32::from_le_bytes).unwrap_or_else(|| panic!("no {name} in the reference"))
    }

    fn batch(&self) -> TokenBatch {
        let ids = self.read("input_ids", u32::from_le_bytes).unwrap();
        let batch_size = if self.input == "long" { 2 } else { 3 };
        TokenBatch {
            sequence_length: ids.len() / batch_size,
            batch_size,
            input_ids: ids,
            targets: self.read("targets", i32::from_le_bytes).unwrap(),
            real_tokens: self.read("real_tokens", |bytes| u32::from_le_bytes(bytes) != 0),
        }
    }
}

/// Runs `check` on every model and input.
fn for_each(check: impl Fn(&str, &Model, &Parameters<Cpu>, &Reference)) {
    for case in CASES {
        let (model, parameters) = hub::import(&directory(case), &Cpu::default()).unwrap();
        let file = std::fs::read(directory(case).join("reference.safetensors")).unwrap();
        for input in INPUTS {
            check(&format!("{case}, {input}"), &model, &parameters, &Reference { file: file.clone(), input });
        }
    }
}

fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.fold(0.0, |most, value| if value.is_nan() { f32::INFINITY } else { most.max(value.abs()) })
}

fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    largest(found.iter().zip(expected).map(|(a, b)| a - b))
}

#[test]
fn logits_are_those_of_transformers() {
    for_each(|case, model, parameters, reference| {
        let logits = model.logits(parameters, &reference.batch()).unwrap().as_vec();
        let difference = difference(&logits, &reference.floats("logits"));
        assert!(difference < 1e-4, "{case}: {difference}");
    });
}

#[test]
fn losses_are_those_of_transformers() {
    for_each(|case, model, parameters, reference| {
        let loss = model.loss(&mut NoneTape, parameters, &reference.batch(), Mode::Evaluate).unwrap().as_vec();
        let difference = difference(&loss, &reference.floats("loss"));
        assert!(difference < 1e-5, "{case}: {difference}");
    });
}

#[test]
fn gradients_are_those_of_transformers() {
    for_each(|case, model, parameters, reference| {
        let mut tape = GradTape::default();
        let loss = model.loss(&mut tape, parameters, &reference.batch(), Mode::Evaluate).unwrap();
        let mut gradients = gradients_for(parameters.tensors());
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        for (spec, tensor) in parameters.specs().iter().zip(parameters.tensors()) {
            let expected = reference.floats(&format!("gradient.{}", spec.name));
            let difference = difference(&gradients.get(tensor).as_vec(), &expected);
            // A key's bias cannot change a softmax: its gradient is 0, and only rounding is left to compare.
            let scale = largest(expected.iter().copied()).max(1e-4);
            assert!(difference < 1e-3 * scale, "{case}, {}: {difference} of {scale}", spec.name);
        }
    });
}
