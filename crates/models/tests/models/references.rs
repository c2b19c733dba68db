//! Outputs, losses and gradients against `transformers` and `timm` on the same weights; `fixtures/make_fixtures.py` made the
//! references.

use ligo_kernels::{Cpu, GradTape, NoneTape, gradients_for};
use ligo_models::hub::{self, LoadOptions};
use ligo_models::{Batch, Family, Head, Images, Inputs, Mode, Model, Parameters, Targets, Tokens};
use safetensors::SafeTensors;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `fixtures/index.json`.
#[derive(Deserialize)]
struct Index {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    folder: String,
    family: String,
    head: String,
    /// Names of the inputs.
    inputs: Vec<String>,
    /// Inputs of another image size.
    resized: Vec<String>,
    /// The input whose gradients are there.
    gradients: Option<String>,
    /// Number of texts that were generated.
    generations: usize,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(fixtures().join("index.json")).unwrap();
    serde_json::from_str::<Index>(&text).unwrap().cases
}

/// The numbers that belong to one case.
struct Reference(Vec<u8>);

impl Reference {
    fn of(case: &Case) -> Self {
        Self(std::fs::read(fixtures().join(&case.folder).join("reference.safetensors")).unwrap())
    }

    /// Values and shape.
    fn read<N>(&self, name: &str, number: fn([u8; 4]) -> N) -> Option<(Vec<N>, Vec<usize>)> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = tensors.tensor(name).ok()?;
        let values = tensor.data().chunks_exact(4).map(|bytes| number(bytes.try_into().unwrap())).collect();
        Some((values, tensor.shape().to_vec()))
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.read(name, f32::from_le_bytes).unwrap_or_else(|| panic!("no {name} in the reference")).0
    }

    fn whole(&self, name: &str) -> Option<(Vec<i32>, Vec<usize>)> {
        self.read(name, i32::from_le_bytes)
    }

    fn ids(&self, name: &str) -> Option<(Vec<u32>, Vec<usize>)> {
        self.read(name, u32::from_le_bytes)
    }

    fn batch(&self, input: &str, head: Head) -> Batch {
        let inputs = match self.ids(&format!("{input}.input_ids")) {
            Some((input_ids, shape)) => Inputs::Tokens(Tokens {
                input_ids,
                token_types: self.ids(&format!("{input}.token_types")).map(|(types, _)| types),
                real_tokens: self
                    .whole(&format!("{input}.real_tokens"))
                    .map(|(flags, _)| flags.iter().map(|&flag| flag != 0).collect()),
                batch_size: shape[0],
                sequence_length: shape[1],
            }),
            None => {
                let (pixels, shape) = self.read(&format!("{input}.pixels"), f32::from_le_bytes).unwrap();
                Inputs::Images(Images { pixels, batch_size: shape[0] })
            }
        };
        let whole = |name: &str| self.whole(&format!("{input}.{name}")).map(|(values, _)| values);
        let targets = match (head, whole("targets")) {
            (Head::SequenceRegression, _) => Targets::Values(self.floats(&format!("{input}.values"))),
            (_, None) => Targets::Unlabelled,
            (Head::QuestionAnswering, Some(ends)) => Targets::Spans(ends.chunks(2).map(|e| [e[0], e[1]]).collect()),
            (Head::MaskedLm | Head::CausalLm, Some(targets)) => Targets::Tokens(targets),
            (_, Some(classes)) => Targets::Classes(classes),
        };
        Batch { inputs, targets }
    }
}

/// Runs `check` on every case that `wanted` names.
fn for_each(wanted: impl Fn(&Case) -> bool, check: impl Fn(&Case, &Model, &Parameters<Cpu>, &Reference)) {
    let cases: Vec<Case> = cases().into_iter().filter(wanted).collect();
    assert!(!cases.is_empty());
    for case in &cases {
        let (model, parameters) = hub::import(&fixtures().join(&case.folder), &Cpu::default())
            .unwrap_or_else(|error| panic!("{}: {error}", case.folder));
        check(case, &model, &parameters, &Reference::of(case));
    }
}

fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.fold(0.0, |most, value| if value.is_nan() { f32::INFINITY } else { most.max(value.abs()) })
}

fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    largest(found.iter().zip(expected).map(|(a, b)| a - b))
}

/// Without the rows of padding, of which nothing is promised.
fn real_rows(values: &[f32], inputs: &Inputs) -> Vec<f32> {
    match inputs {
        Inputs::Tokens(Tokens { real_tokens: Some(real), .. }) if values.len().is_multiple_of(real.len()) => {
            let rows = values.chunks_exact(values.len() / real.len()).zip(real);
            rows.filter(|&(_, &real)| real).flat_map(|(row, _)| row.to_vec()).collect()
        }
        _ => values.to_vec(),
    }
}

#[test]
fn every_family_and_head_has_at_least_two_references() {
    let cases = cases();
    for family in Family::ALL {
        for head in family.heads() {
            let name = match head {
                Head::SequenceRegression => "regression",
                Head::DistilledImageClassification => "image-classification-with-teacher",
                Head::None => "base",
                other => other.name(),
            };
            let count = cases.iter().filter(|case| case.family == family.name() && case.head == name).count();
            assert!(count >= 2, "{family}, {name}: {count}");
        }
    }
}

#[test]
fn outputs_are_those_of_transformers_and_timm() {
    for_each(
        |_| true,
        |case, model, parameters, reference| {
            for input in &case.inputs {
                let inputs = reference.batch(input, model.config().head()).inputs;
                let what = if case.head == "base" { "hidden" } else { "logits" };
                let found = real_rows(&model.logits(parameters, &inputs).unwrap().as_vec(), &inputs);
                let expected = real_rows(&reference.floats(&format!("{input}.{what}")), &inputs);
                let off = difference(&found, &expected);
                assert!(off < 1e-4, "{}, {input}: {off}", case.folder);
            }
        },
    );
}

#[test]
fn poolers_are_those_of_transformers() {
    for_each(
        |case| case.head == "base",
        |case, model, parameters, reference| {
            for input in &case.inputs {
                let inputs = reference.batch(input, Head::None).inputs;
                let found = model.pooled(parameters, &inputs).map(|pooled| pooled.as_vec());
                let expected = reference.read(&format!("{input}.pooled"), f32::from_le_bytes);
                match (found, expected) {
                    (Ok(found), Some((expected, _))) => {
                        let off = difference(&found, &expected);
                        assert!(off < 1e-4, "{}, {input}: {off}", case.folder);
                    }
                    (found, expected) => assert_eq!(found.is_ok(), expected.is_some(), "{}", case.folder),
                }
            }
        },
    );
}

#[test]
fn losses_are_those_of_transformers() {
    for_each(
        |case| case.head != "base",
        |case, model, parameters, reference| {
            for input in &case.inputs {
                let batch = reference.batch(input, model.config().head());
                let loss = model.loss(&mut NoneTape, parameters, &batch, Mode::Evaluate).unwrap().as_vec();
                let off = difference(&loss, &reference.floats(&format!("{input}.loss")));
                assert!(off < 1e-4, "{}, {input}: {off}", case.folder);
            }
        },
    );
}

#[test]
fn gradients_are_those_of_transformers_and_timm() {
    for_each(
        |case| case.gradients.is_some(),
        |case, model, parameters, reference| {
            let input = case.gradients.as_ref().unwrap();
            let batch = reference.batch(input, model.config().head());
            let mut tape = GradTape::default();
            let loss = model.loss(&mut tape, parameters, &batch, Mode::Evaluate).unwrap();
            let mut gradients = gradients_for(parameters.tensors());
            tape.backward(&loss, 1.0, &mut gradients).unwrap();
            let expected_of = |name: &str| reference.floats(&format!("{input}.gradient.{name}"));
            let of_all = parameters.specs().iter().map(|spec| largest(expected_of(&spec.name).into_iter()));
            let of_all = largest(of_all);
            for (spec, tensor) in parameters.specs().iter().zip(parameters.tensors()) {
                let expected = expected_of(&spec.name);
                let found = gradients.get(tensor).as_vec();
                // Nobody may have asked for the whole of it, such as DeiT's second classifier.
                let found = if found.is_empty() { vec![0.0; expected.len()] } else { found };
                let off = difference(&found, &expected);
                // A key's bias cannot change a softmax: its gradient is 0, and only the rounding of the others is left to compare.
                let scale = largest(expected.iter().copied()).max(1e-3).max(3e-4 * of_all);
                assert!(off < 1e-3 * scale, "{}, {}: {off} of {scale}", case.folder, spec.name);
            }
        },
    );
}

#[test]
fn images_of_another_size_give_the_logits_of_transformers_and_timm() {
    for_each(
        |case| !case.resized.is_empty(),
        |case, _, _, reference| {
            let directory = fixtures().join(&case.folder);
            for input in &case.resized {
                let (_, shape) = reference.read(&format!("{input}.pixels"), f32::from_le_bytes).unwrap();
                let options = LoadOptions { image_size: Some(shape[2]), ..LoadOptions::default() };
                let (model, parameters) = hub::open(&directory).unwrap().load(&Cpu::default(), &options).unwrap();
                let inputs = reference.batch(input, model.config().head()).inputs;
                let found = model.logits(&parameters, &inputs).unwrap().as_vec();
                let off = difference(&found, &reference.floats(&format!("{input}.logits")));
                assert!(off < 1e-4, "{}, {input}: {off}", case.folder);
            }
        },
    );
}

#[test]
fn generated_tokens_are_those_of_transformers() {
    for_each(
        |case| case.generations > 0,
        |case, model, parameters, reference| {
            for number in 0..case.generations {
                let (prompt, _) = reference.ids(&format!("generate.{number}.prompt")).unwrap();
                let (expected, _) = reference.ids(&format!("generate.{number}.tokens")).unwrap();
                let found = crate::generation::greedy(model, parameters, &prompt, expected.len());
                assert_eq!(found, expected, "{}, prompt {number}", case.folder);
            }
        },
    );
}
