//! Weights in files: there and back, from other programs, and broken.

use crate::{FAMILIES, batch, config, model, scrambled};
use half::{bf16, f16};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, ModelError, Parameters, checkpoint, hub};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A tensor of a file: name, type, shape, bytes.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("weights.safetensors")
    }

    fn files(&self) -> usize {
        fs::read_dir(self.directory.path()).unwrap().count()
    }

    /// Writes tensors as another program would.
    fn store(&self, tensors: &[Stored]) {
        let views = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
        fs::write(self.file(), serialize(views, None).unwrap()).unwrap();
    }
}

fn stored(parameters: &Parameters<Cpu>) -> Vec<Stored> {
    let bytes = |values: Vec<f32>| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let tensors = parameters.specs().iter().zip(parameters.tensors());
    tensors.map(|(spec, t)| (spec.name.clone(), Dtype::F32, spec.shape.clone(), bytes(t.as_vec()))).collect()
}

fn bits(parameters: &Parameters<Cpu>) -> Vec<Vec<u32>> {
    parameters.tensors().iter().map(|t| t.as_vec().iter().map(|v| v.to_bits()).collect()).collect()
}

fn load(model: &Model, path: &Path) -> Result<Parameters<Cpu>, ModelError> {
    checkpoint::load(path, model.specs().clone(), &Cpu::default())
}

#[test]
fn weights_come_back_bit_for_bit() {
    let place = Place::new();
    for family in FAMILIES {
        let model = model(family);
        let mut parameters = scrambled(&model);
        let mut odd = parameters.tensors()[0].as_vec();
        odd[..6].copy_from_slice(&[-0.0, f32::NAN, -f32::INFINITY, f32::MIN_POSITIVE / 3.0, f32::MAX, f32::EPSILON]);
        parameters.tensors_mut()[0].copy_from(&odd);
        checkpoint::save(&place.file(), &parameters, &BTreeMap::new()).unwrap();
        assert_eq!(bits(&load(&model, &place.file()).unwrap()), bits(&parameters));
    }
}

#[test]
fn equal_weights_and_metadata_give_equal_bytes_whatever_was_there() {
    let (place, parameters) = (Place::new(), scrambled(&model(Family::Bert)));
    let metadata: BTreeMap<String, String> = (0..9).map(|i| (format!("key {i}"), format!("\"{i}\""))).collect();
    let save = || {
        checkpoint::save(&place.file(), &parameters, &metadata).unwrap();
        fs::read(place.file()).unwrap()
    };
    assert_eq!(save(), save());
    let mut read = checkpoint::metadata(&place.file()).unwrap();
    assert_eq!(read.remove("format").as_deref(), Some("pt"));
    assert_eq!(read, metadata);
    assert_eq!(place.files(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_leaves_nothing_behind() {
    let (place, parameters) = (Place::new(), scrambled(&model(Family::Gpt2)));
    fs::create_dir(place.file()).unwrap();
    let error = checkpoint::save(&place.file(), &parameters, &BTreeMap::new()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot write", place.file().display())), "{error}");
    assert_eq!(place.files(), 1);
}

#[test]
fn half_precision_is_read_as_what_it_holds() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    let parameters = scrambled(&model);
    type Round = fn(f32) -> ([u8; 2], f32);
    let cases: [(Dtype, Round); 2] = [
        (Dtype::F16, |v| (f16::from_f32(v).to_le_bytes(), f16::from_f32(v).to_f32())),
        (Dtype::BF16, |v| (bf16::from_f32(v).to_le_bytes(), bf16::from_f32(v).to_f32())),
    ];
    for (dtype, round) in cases {
        let tensors: Vec<Stored> = parameters
            .specs()
            .iter()
            .zip(parameters.tensors())
            .map(|(spec, t)| {
                let bytes = t.as_vec().into_iter().flat_map(|v| round(v).0).collect();
                (spec.name.clone(), dtype, spec.shape.clone(), bytes)
            })
            .collect();
        place.store(&tensors);
        let read = load(&model, &place.file()).unwrap();
        for (read, original) in read.tensors().iter().zip(parameters.tensors()) {
            let expected: Vec<f32> = original.as_vec().into_iter().map(|v| round(v).1).collect();
            assert_eq!(read.as_vec(), expected);
        }
    }
}

#[test]
fn tied_copies_old_names_and_other_heads_are_no_obstacle() {
    let place = Place::new();
    for family in FAMILIES {
        let model = model(family);
        let parameters = scrambled(&model);
        let mut tensors = stored(&parameters);
        let copy = |name: &str, of: &str| {
            let mut copy = stored(&parameters).into_iter().find(|tensor| tensor.0 == of).unwrap();
            copy.0 = name.to_owned();
            copy
        };
        let extra = |name: &str| (name.to_owned(), Dtype::F32, vec![1], vec![0; 4]);
        match family {
            Family::Gpt2 => {
                let lm_head = copy("lm_head.weight", "transformer.wte.weight");
                tensors.iter_mut().for_each(|tensor| tensor.0 = tensor.0.replace("transformer.", ""));
                tensors.push(lm_head);
                tensors.push(extra("h.0.attn.bias"));
            }
            Family::Bert => {
                tensors.push(copy("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"));
                tensors.push(copy("cls.predictions.decoder.bias", "cls.predictions.bias"));
                for tensor in &mut tensors {
                    tensor.0 = tensor.0.replace("LayerNorm.weight", "LayerNorm.gamma");
                    tensor.0 = tensor.0.replace("LayerNorm.bias", "LayerNorm.beta");
                }
                tensors.push(extra("bert.pooler.dense.bias"));
            }
        }
        place.store(&tensors);
        assert_eq!(bits(&load(&model, &place.file()).unwrap()), bits(&parameters));
    }
}

#[test]
fn a_tied_matrix_may_be_there_under_its_other_name_alone() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    let parameters = scrambled(&model);
    let mut tensors = stored(&parameters);
    tensors[0].0 = "lm_head.weight".into();
    place.store(&tensors);
    assert_eq!(bits(&load(&model, &place.file()).unwrap()), bits(&parameters));
}

#[test]
fn tensors_that_do_not_fit_are_refused_by_name_with_found_and_expected() {
    type Change = fn(&mut Vec<Stored>);
    let cases: &[(&str, Change, &str, &str)] = &[
        ("transformer.wpe.weight", |t| drop(t.remove(1)), "no such tensor", "one for each parameter"),
        ("transformer.ln_g.bias", |t| t[0].0 = "transformer.ln_g.bias".into(), "a tensor in the file", "none"),
        ("transformer.wte.weight", |t| t[0].2 = vec![6, 13], "shape [6, 13]", "[13, 6]"),
        (
            "transformer.wpe.weight",
            |t| t[1] = ("transformer.wpe.weight".into(), Dtype::F64, vec![7, 6], vec![0; 8 * 42]),
            "numbers of type F64",
            "F32, F16 or BF16",
        ),
        (
            "lm_head.weight",
            |t| t.push(("lm_head.weight".into(), Dtype::F32, vec![13, 6], vec![0; 4 * 78])),
            "other values than transformer.wte.weight has",
            "equal ones",
        ),
    ];
    let model = model(Family::Gpt2);
    for (name, change, found, expected) in cases {
        let place = Place::new();
        let mut tensors = stored(&scrambled(&model));
        change(&mut tensors);
        place.store(&tensors);
        let message = load(&model, &place.file()).unwrap_err().to_string();
        let start = format!("parameter {name}: found {found} ({}), expected {expected}", place.file().display());
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn a_file_cut_off_anywhere_or_with_more_at_its_end_is_refused_by_path() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    checkpoint::save(&place.file(), &scrambled(&model), &BTreeMap::new()).unwrap();
    let whole = fs::read(place.file()).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut contents: Vec<Vec<u8>> =
        [0, 1, 7, 8, 9, header - 1, header, header + 1, whole.len() - 1].map(|n| whole[..n].to_vec()).into();
    contents.push([&whole[..], &[0]].concat());
    contents.push([&u64::MAX.to_le_bytes(), &whole[8..]].concat());
    for content in contents {
        fs::write(place.file(), &content).unwrap();
        let message = load(&model, &place.file()).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: found ", place.file().display())), "{message}");
    }
    fs::remove_file(place.file()).unwrap();
    let message = load(&model, &place.file()).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: cannot be read", place.file().display())), "{message}");
}

#[test]
fn a_model_in_the_hubs_layout_comes_back_with_its_logits() {
    for family in FAMILIES {
        let place = Place::new();
        let model = model(family);
        let parameters = scrambled(&model);
        hub::export(place.directory.path(), &model, &parameters).unwrap();
        let (again, read) = hub::import(place.directory.path(), &Cpu::default()).unwrap();
        let logits = |model: &Model, set| model.logits(set, &batch()).unwrap().as_vec();
        assert_eq!(logits(&again, &read), logits(&model, &parameters));
        assert_eq!(again.specs(), model.specs());
    }
}

#[test]
fn another_models_weights_are_not_exported() {
    let place = Place::new();
    let other = Model::new(ModelConfig { num_hidden_layers: 1, ..config(Family::Bert) }).unwrap();
    assert!(hub::export(place.directory.path(), &model(Family::Bert), &scrambled(&other)).is_err());
    assert_eq!(place.files(), 0);
}

#[test]
fn a_hub_configuration_that_is_broken_or_not_built_here_is_refused_by_path() {
    let place = Place::new();
    let path = place.directory.path().join("config.json");
    let cases = [
        (None, "cannot be read"),
        (Some("{"), "no JSON"),
        (Some("{\"model_type\": \"t5\"}"), "model_type: found \"t5\", expected \"gpt2\" or \"bert\""),
        (
            Some(
                "{\"model_type\": \"gpt2\", \"vocab_size\": 5, \"n_embd\": 4, \"n_layer\": 1, \"n_head\": 3, \"n_positions\": 9}",
            ),
            "hidden_size: found 4, expected a multiple of num_attention_heads (3)",
        ),
    ];
    for (text, expected) in cases {
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let message = hub::import(place.directory.path(), &Cpu::default()).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: {expected}", path.display())), "{message}");
    }
}
