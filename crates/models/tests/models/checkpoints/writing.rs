//! `hub`: what is written is what was read, for every program that reads the Hub's layout.

use super::{Place, Tensor, bits, fixture, fixtures, tensors_of};
use crate::{batch, config, model, scrambled};
use half::bf16;
use ligo_kernels::Cpu;
use ligo_models::checkpoint::FloatType;
use ligo_models::hub::{self, Export, ExportOptions, LoadOptions};
use ligo_models::{Family, Model, ModelConfig, Naming};
use safetensors::Dtype;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// All tensors of the directory's safetensors files, sorted by name.
fn all_tensors(directory: &Path) -> Vec<Tensor> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_weights = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("model") && name.ends_with(".safetensors")
    };
    let weights = files.filter(is_weights);
    let mut tensors: Vec<Tensor> = weights.flat_map(|path| tensors_of(&path)).collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors
}

fn json_of(directory: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join("config.json")).unwrap()).unwrap()
}

#[test]
fn every_fixture_is_written_as_it_was_read_in_one_file_and_in_many() {
    for path in fixtures() {
        let checkpoint = hub::open(&path).unwrap();
        let (model, parameters) = checkpoint.load(&Cpu::default(), &LoadOptions::default()).unwrap();
        let (tensors, json) = (all_tensors(&path), json_of(&path));
        let place = Place::new();
        // A few shards, one, more; each replaces what was there before.
        for shard_bytes in [9_000, usize::MAX, 3_000] {
            let options = ExportOptions { from: Some(&checkpoint), shard_bytes, ..ExportOptions::default() };
            hub::export(place.path(), &model, &parameters, &options).unwrap();
            assert_eq!(all_tensors(place.path()), tensors, "{path:?}");
            assert_eq!(json_of(place.path()).to_string(), json.to_string(), "{path:?}");
            // timm reads no shards.
            let single = shard_bytes == usize::MAX || model.config().naming == Naming::Timm;
            assert_eq!(place.file("model.safetensors").exists(), single);
            assert_eq!(place.file("model.safetensors.index.json").exists(), !single);
            let again = hub::open(place.path()).unwrap();
            let (model_again, parameters_again) = again.load(&Cpu::default(), &LoadOptions::default()).unwrap();
            assert_eq!(again.config(), checkpoint.config());
            assert_eq!(model_again.specs(), model.specs());
            assert_eq!(bits(&parameters_again), bits(&parameters));
        }
        assert!(!place.files().iter().any(|name| name.starts_with('.')), "{:?}", place.files());
    }
}

#[test]
fn a_model_without_a_source_comes_back_with_its_logits() {
    for family in Family::ALL {
        let (place, model) = (Place::new(), model(family));
        let parameters = scrambled(&model);
        hub::export(place.path(), &model, &parameters, &ExportOptions::default()).unwrap();
        let (again, read) = place.import().unwrap();
        let logits = |model: &Model, set| model.logits(set, &batch(family).inputs).unwrap().as_vec();
        assert_eq!(logits(&again, &read), logits(&model, &parameters));
        assert_eq!(again.specs(), model.specs());
        assert_eq!(place.files(), ["config.json", "model.safetensors"]);
    }
}

#[test]
fn shards_have_the_names_and_the_index_that_transformers_writes() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    let parameters = scrambled(&model);
    let options = ExportOptions { shard_bytes: 2500, ..ExportOptions::default() };
    hub::export(place.path(), &model, &parameters, &options).unwrap();
    let index: Value =
        serde_json::from_str(&fs::read_to_string(place.file("model.safetensors.index.json")).unwrap()).unwrap();
    assert_eq!(index["metadata"]["total_size"], 4 * parameters.elements());
    let shards: Vec<String> = place.files().into_iter().filter(|name| name.ends_with(".safetensors")).collect();
    let n = shards.len();
    assert!(n > 1);
    for (i, shard) in shards.iter().enumerate() {
        assert_eq!(*shard, format!("model-{:05}-of-{n:05}.safetensors", i + 1));
        assert_eq!(ligo_models::checkpoint::metadata(&place.file(shard)).unwrap()["format"], "pt");
        for tensor in tensors_of(&place.file(shard)) {
            assert_eq!(index["weight_map"][&tensor.name], *shard);
        }
    }
    assert_eq!(index["weight_map"].as_object().unwrap().len(), model.specs().len());
}

#[test]
fn unknown_keys_stay_and_what_belongs_to_the_tokenizer_travels_along() {
    let (source, target) = (Place::new(), Place::new());
    let mut json = json_of(&fixture("bert-masked-lm-plain"));
    json["our_own_key"] = json!({ "deep": [1, 2.5, null] });
    source.store_config(&json);
    fs::copy(fixture("bert-masked-lm-plain").join("model.safetensors"), source.file("model.safetensors")).unwrap();
    for name in ["tokenizer.json", "vocab.txt", "training_args.bin", "README.md"] {
        fs::write(source.file(name), format!("of {name}\r\n")).unwrap();
    }
    fs::create_dir(source.file("1_Pooling")).unwrap();
    fs::write(source.file("1_Pooling/config.json"), "{}").unwrap();
    let own = source.file("merges.txt");
    fs::write(&own, "own").unwrap();

    let checkpoint = hub::open(source.path()).unwrap();
    let (model, parameters) = checkpoint.load(&Cpu::default(), &LoadOptions::default()).unwrap();
    let extras = [own.clone()];
    let options = ExportOptions { from: Some(&checkpoint), extras: &extras, ..ExportOptions::default() };
    hub::export(target.path(), &model, &parameters, &options).unwrap();
    assert_eq!(
        target.files(),
        ["1_Pooling", "config.json", "merges.txt", "model.safetensors", "tokenizer.json", "vocab.txt"]
    );
    assert_eq!(json_of(target.path()), json);
    assert_eq!(fs::read(target.file("vocab.txt")).unwrap(), b"of vocab.txt\r\n");
    assert_eq!(fs::read(target.file("1_Pooling/config.json")).unwrap(), b"{}");

    let weights = [fixture("gpt2-plain").join("model.safetensors")];
    let options = ExportOptions { extras: &weights, ..ExportOptions::default() };
    let message = hub::export(target.path(), &model, &parameters, &options).unwrap_err().to_string();
    assert!(message.contains("a name that the export writes itself"), "{message}");
}

#[test]
fn a_checkpoint_can_be_written_over_itself() {
    let place = Place::new();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(fixture("llama-tied").join(name), place.file(name)).unwrap();
    }
    fs::write(place.file("tokenizer.json"), "{}").unwrap();
    let checkpoint = hub::open(place.path()).unwrap();
    let (model, parameters) = checkpoint.load(&Cpu::default(), &LoadOptions::default()).unwrap();
    let tensors = all_tensors(place.path());
    for shard_bytes in [2000, usize::MAX] {
        let options = ExportOptions { from: Some(&checkpoint), shard_bytes, ..ExportOptions::default() };
        hub::export(place.path(), &model, &parameters, &options).unwrap();
        assert_eq!(all_tensors(place.path()), tensors);
        // What was opened before is still there to be read.
        let (_, again) = checkpoint.load(&Cpu::default(), &LoadOptions::default()).unwrap();
        assert_eq!(bits(&again), bits(&parameters));
    }
    assert_eq!(place.files(), ["config.json", "model.safetensors", "tokenizer.json"]);
}

#[test]
fn halves_are_written_rounded_and_said_so_in_the_configuration() {
    let (place, model) = (Place::new(), model(Family::Bert));
    let parameters = scrambled(&model);
    for (dtype, stored, name) in [
        (FloatType::BF16, Dtype::BF16, "bfloat16"),
        (FloatType::F16, Dtype::F16, "float16"),
        (FloatType::F32, Dtype::F32, "float32"),
    ] {
        hub::export(place.path(), &model, &parameters, &ExportOptions { dtype, ..ExportOptions::default() }).unwrap();
        assert_eq!(json_of(place.path())["dtype"], name);
        assert!(tensors_of(&place.file("model.safetensors")).iter().all(|tensor| tensor.dtype == stored));
        if dtype == FloatType::BF16 {
            let (_, read) = place.import().unwrap();
            for (read, original) in read.tensors().iter().zip(parameters.tensors()) {
                let rounded: Vec<f32> = original.as_vec().iter().map(|&v| bf16::from_f32(v).to_f32()).collect();
                assert_eq!(read.as_vec(), rounded);
            }
        }
    }
}

#[test]
fn the_type_is_said_where_the_original_says_it_and_an_unchanged_model_gives_the_same_file() {
    let (float32, bfloat16) = ("float32", "bfloat16");
    let both = json!({ "dtype": "float32", "torch_dtype": "float16" });
    // [what the original says, what is written in f32 and in bf16].
    let cases = [
        (json!({}), json!({}), json!({ "dtype": bfloat16 })),
        (json!({ "dtype": float32 }), json!({ "dtype": float32 }), json!({ "dtype": bfloat16 })),
        (json!({ "dtype": bfloat16 }), json!({ "dtype": float32 }), json!({ "dtype": bfloat16 })),
        (json!({ "dtype": null }), json!({ "dtype": null }), json!({ "dtype": bfloat16 })),
        (json!({ "torch_dtype": float32 }), json!({ "torch_dtype": float32 }), json!({ "torch_dtype": bfloat16 })),
        (json!({ "torch_dtype": "float16" }), json!({ "torch_dtype": float32 }), json!({ "torch_dtype": bfloat16 })),
        (json!({ "torch_dtype": null }), json!({ "torch_dtype": null }), json!({ "torch_dtype": bfloat16 })),
        (
            both,
            json!({ "dtype": float32, "torch_dtype": float32 }),
            json!({ "dtype": bfloat16, "torch_dtype": bfloat16 }),
        ),
    ];
    for (said, in_f32, in_bf16) in cases {
        let (source, target) = (Place::new(), Place::new());
        let config = |keys: &Value| {
            let mut json = json_of(&fixture("bert-masked-lm-plain"));
            json.as_object_mut().unwrap().remove("dtype");
            json.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
            json
        };
        source.store_config(&config(&said));
        fs::copy(fixture("bert-masked-lm-plain").join("model.safetensors"), source.file("model.safetensors")).unwrap();
        let checkpoint = hub::open(source.path()).unwrap();
        let (model, parameters) = checkpoint.load(&Cpu::default(), &LoadOptions::default()).unwrap();
        for (dtype, expected) in [(FloatType::F32, &in_f32), (FloatType::BF16, &in_bf16)] {
            let options = ExportOptions { from: Some(&checkpoint), dtype, ..ExportOptions::default() };
            hub::export(target.path(), &model, &parameters, &options).unwrap();
            assert_eq!(json_of(target.path()).to_string(), config(expected).to_string(), "{said}");
        }
    }
}

#[test]
fn shards_that_replace_others_of_their_names_half_way_are_refused_and_not_mixed() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    let parameters = scrambled(&model);
    let options = ExportOptions { shard_bytes: 2500, ..ExportOptions::default() };
    hub::export(place.path(), &model, &parameters, &options).unwrap();
    let second = place.files().into_iter().find(|name| name.starts_with("model-00002-of-")).unwrap();
    let old = fs::read(place.file(&second)).unwrap();
    // What cannot be replaced stops the export behind its first shard.
    fs::remove_file(place.file(&second)).unwrap();
    fs::create_dir(place.file(&second)).unwrap();
    let error = hub::export(place.path(), &model, &parameters, &options).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot write", place.file(&second).display())), "{error}");
    fs::remove_dir(place.file(&second)).unwrap();
    fs::write(place.file(&second), old).unwrap();
    let message = place.import().unwrap_err();
    assert!(message.contains("found neither model.safetensors nor model.safetensors.index.json"), "{message}");
    hub::export(place.path(), &model, &parameters, &options).unwrap();
    assert_eq!(bits(&place.import().unwrap().1), bits(&parameters));
}

#[test]
fn a_weight_that_the_type_cannot_hold_is_named_and_the_old_checkpoint_stays() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    let mut parameters = scrambled(&model);
    hub::export(place.path(), &model, &parameters, &ExportOptions::default()).unwrap();
    let before: Vec<Vec<u8>> = place.files().iter().map(|name| fs::read(place.file(name)).unwrap()).collect();
    let mut values = parameters.tensors()[1].as_vec();
    values[2] = -70000.0;
    parameters.tensors_mut()[1].copy_from(&values);
    for shard_bytes in [usize::MAX, 100] {
        let options = ExportOptions { dtype: FloatType::F16, shard_bytes, ..ExportOptions::default() };
        let message = hub::export(place.path(), &model, &parameters, &options).unwrap_err().to_string();
        assert_eq!(message, "parameter transformer.wpe.weight: found -7e4, expected what F16 can hold");
        assert_eq!(place.files().iter().map(|name| fs::read(place.file(name)).unwrap()).collect::<Vec<_>>(), before);
        let elsewhere = place.file("new");
        assert!(hub::export(&elsewhere, &model, &parameters, &options).is_err());
        assert!(!elsewhere.exists(), "nothing is written");
    }
}

#[test]
fn another_models_weights_are_not_exported() {
    let place = Place::new();
    let other = Model::new(ModelConfig { num_hidden_layers: 1, ..config(Family::Bert) }).unwrap();
    let result = hub::export(place.path(), &model(Family::Bert), &scrambled(&other), &ExportOptions::default());
    assert!(result.is_err());
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn tensors_put_in_one_by_one_in_any_order_give_the_same_files() {
    let model = model(Family::Gpt2);
    let parameters = scrambled(&model);
    let options = ExportOptions { shard_bytes: 2500, ..ExportOptions::default() };
    let (at_once, one_by_one) = (Place::new(), Place::new());
    hub::export(at_once.path(), &model, &parameters, &options).unwrap();
    let mut export = Export::new(one_by_one.path(), &model, &options).unwrap();
    for (i, tensor) in parameters.tensors().iter().enumerate().rev() {
        export.put(i, tensor).unwrap();
    }
    assert!(one_by_one.files().iter().all(|name| name.starts_with('.')), "nothing is in its place yet");
    export.finish().unwrap();
    assert_eq!(one_by_one.files(), at_once.files());
    for name in at_once.files() {
        assert_eq!(fs::read(one_by_one.file(&name)).unwrap(), fs::read(at_once.file(&name)).unwrap(), "{name}");
    }
}

#[test]
fn an_export_that_lacks_a_tensor_or_gets_another_models_is_refused_and_leaves_nothing() {
    let (place, model) = (Place::new(), model(Family::Gpt2));
    let parameters = scrambled(&model);
    let directory = place.file("new");
    let begin = || Export::new(&directory, &model, &ExportOptions::default()).unwrap();
    let (tensors, specs) = (parameters.tensors(), model.specs());

    let mut export = begin();
    (1..specs.len()).for_each(|i| export.put(i, &tensors[i]).unwrap());
    let message = export.finish().unwrap_err().to_string();
    assert!(message.contains(&specs[0].name) && message.contains("nothing written"), "{message}");

    let mut export = begin();
    let other = (1..specs.len()).find(|&i| specs[i].matrix_shape() != specs[0].matrix_shape()).unwrap();
    let message = export.put(0, &tensors[other]).unwrap_err().to_string();
    assert!(message.contains(&specs[0].name), "{message}");
    assert!(export.put(specs.len(), &tensors[0]).is_err(), "one too many");
    export.put(0, &tensors[0]).unwrap();
    let message = export.put(0, &tensors[0]).unwrap_err().to_string();
    assert!(message.contains("a second time"), "{message}");
    drop(export);
    assert!(!directory.exists());
}
