//! `checkpoint`: any set of parameters in one file, under its own names.

use super::{Place, Tensor, bits, stored};
use crate::{model, scrambled};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelError, Parameters, checkpoint};
use safetensors::Dtype;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FILE: &str = "weights.safetensors";

fn load(model: &Model, path: &Path) -> Result<Parameters<Cpu>, ModelError> {
    checkpoint::load(path, model.specs().clone(), &Cpu::default())
}

#[test]
fn weights_come_back_bit_for_bit() {
    let place = Place::new();
    for family in Family::ALL {
        let model = model(family);
        let mut parameters = scrambled(&model);
        let mut odd = parameters.tensors()[0].as_vec();
        odd[..6].copy_from_slice(&[-0.0, f32::NAN, -f32::INFINITY, f32::MIN_POSITIVE / 3.0, f32::MAX, f32::EPSILON]);
        parameters.tensors_mut()[0].copy_from(&odd);
        checkpoint::save(&place.file(FILE), &parameters, &BTreeMap::new()).unwrap();
        assert_eq!(bits(&load(&model, &place.file(FILE)).unwrap()), bits(&parameters));
    }
}

#[test]
fn equal_weights_and_metadata_give_equal_bytes_whatever_was_there() {
    let (place, parameters) = (Place::new(), scrambled(&model(Family::Bert)));
    let metadata: BTreeMap<String, String> = (0..9).map(|i| (format!("key {i}"), format!("\"{i}\""))).collect();
    let save = || {
        checkpoint::save(&place.file(FILE), &parameters, &metadata).unwrap();
        fs::read(place.file(FILE)).unwrap()
    };
    assert_eq!(save(), save());
    let mut read = checkpoint::metadata(&place.file(FILE)).unwrap();
    assert_eq!(read.remove("format").as_deref(), Some("pt"));
    assert_eq!(read, metadata);
    assert_eq!(place.files(), [FILE]);
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_leaves_nothing_behind() {
    let (place, parameters) = (Place::new(), scrambled(&model(Family::Gpt2)));
    fs::create_dir(place.file(FILE)).unwrap();
    let error = checkpoint::save(&place.file(FILE), &parameters, &BTreeMap::new()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot write", place.file(FILE).display())), "{error}");
    assert_eq!(place.files(), [FILE]);
}

#[test]
fn tensors_that_are_not_the_parameters_are_refused_by_name() {
    type Change = fn(&mut Vec<Tensor>);
    let cases: &[(&str, Change, &str, &str)] = &[
        ("transformer.wpe.weight", |t| drop(t.remove(1)), "no such tensor", "one for each parameter"),
        ("wte.weight", |t| t[0].name = "wte.weight".into(), "a tensor in the file", "none"),
        ("transformer.wte.weight", |t| t[0].shape = vec![6, 13], "shape [6, 13]", "[13, 6]"),
        ("lm_head.weight", |t| t.push(Tensor::zeros("lm_head.weight", &[13, 6])), "a tensor in the file", "none"),
        (
            "transformer.wte.weight",
            |t| (t[0].dtype, t[0].bytes) = (Dtype::I32, vec![0; 4 * 78]),
            "numbers of type I32",
            "F32, F16, BF16 or F64",
        ),
    ];
    let model = model(Family::Gpt2);
    for (name, change, found, expected) in cases {
        let place = Place::new();
        let mut tensors = stored(&scrambled(&model));
        change(&mut tensors);
        place.store(FILE, &tensors);
        let message = load(&model, &place.file(FILE)).unwrap_err().to_string();
        let start = format!("parameter {name}: found {found} ({}), expected {expected}", place.file(FILE).display());
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn a_file_cut_off_anywhere_or_with_more_at_its_end_is_refused_by_path() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    checkpoint::save(&place.file(FILE), &scrambled(&model), &BTreeMap::new()).unwrap();
    let whole = fs::read(place.file(FILE)).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut contents: Vec<Vec<u8>> =
        [0, 1, 7, 8, 9, header - 1, header, header + 1, whole.len() - 1].map(|n| whole[..n].to_vec()).into();
    contents.push([&whole[..], &[0]].concat());
    contents.push([&u64::MAX.to_le_bytes(), &whole[8..]].concat());
    for content in contents {
        fs::write(place.file(FILE), &content).unwrap();
        let message = load(&model, &place.file(FILE)).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: found ", place.file(FILE).display())), "{message}");
    }
    fs::remove_file(place.file(FILE)).unwrap();
    let message = load(&model, &place.file(FILE)).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: cannot be read", place.file(FILE).display())), "{message}");
    let message = load(&model, place.path()).unwrap_err().to_string();
    assert!(message.contains("found something else than a file"), "{message}");
}
