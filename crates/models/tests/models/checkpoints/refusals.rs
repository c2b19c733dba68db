//! `hub`: what is broken or contradicts itself is refused with one message that names it, before anything is allocated.

use super::{Place, Tensor, fixture, stored};
use crate::{config, model, scrambled};
use ligo_kernels::Cpu;
use ligo_models::hub::{self, LoadOptions};
use ligo_models::{Family, Model, ModelConfig, Naming};
use safetensors::Dtype;
use serde_json::{Value, json};
use std::fs;

/// What a clone without Git LFS has in the place of a large file.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 548105171\n";

#[test]
fn tensors_that_do_not_fit_are_refused_by_name_with_found_and_expected() {
    type Change = fn(&mut Vec<Tensor>);
    let wte = "transformer.wte.weight";
    let cases: &[(&str, Change, &str, &str)] = &[
        ("transformer.wpe.weight", |t| drop(t.remove(1)), "no such tensor", "one of shape [7, 6] for this parameter"),
        (
            "transformer.ln_g.bias",
            |t| t.push(Tensor::zeros("transformer.ln_g.bias", &[6])),
            "a tensor in the file",
            "none",
        ),
        (
            wte,
            |t| t[0] = Tensor::zeros("transformer.wte.weight", &[17, 6]),
            "shape [17, 6]",
            "[13, 6] by vocab_size (13) in",
        ),
        (
            wte,
            |t| t[0] = Tensor::zeros("transformer.wte.weight", &[13, 8]),
            "shape [13, 8]",
            "[13, 6] by n_embd (6) in",
        ),
        (wte, |t| t[0] = Tensor::zeros("transformer.wte.weight", &[78]), "shape [78]", "[13, 6]"),
        (wte, |t| t[0].dtype = Dtype::U32, "numbers of type U32", "F32, F16, BF16 or F64"),
        (
            "lm_head.weight",
            |t| t.push(Tensor::zeros("lm_head.weight", &[13, 6])),
            "other values than transformer.wte.weight has",
            "equal ones",
        ),
        ("lm_head.weight", |t| t.push(Tensor::zeros("lm_head.weight", &[6, 13])), "shape [6, 13]", "[13, 6] by"),
        (
            "transformer.wpe.weight",
            |t| t[1].bytes[4 * 15..4 * 16].copy_from_slice(&f32::NAN.to_le_bytes()),
            "NaN at [2, 3]",
            "finite numbers alone",
        ),
        (
            "transformer.wpe.weight",
            |t| t[1].bytes[..4].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes()),
            "-inf at [0, 0]",
            "finite numbers alone",
        ),
    ];
    for (name, change, found, expected) in cases {
        let place = Place::new();
        let mut tensors = stored(&scrambled(&model(Family::Gpt2)));
        change(&mut tensors);
        place.store_checkpoint(&config(Family::Gpt2), &tensors);
        let message = place.import().unwrap_err();
        let file = place.file("model.safetensors");
        let start = format!("parameter {name}: found {found} ({}), expected {expected}", file.display());
        assert!(message.starts_with(&start), "{message}\n{start}");
    }
}

#[test]
fn the_key_that_contradicts_the_tensors_is_named_in_every_family() {
    type Change = fn(&mut ModelConfig);
    let cases: &[(Family, Change, &str)] = &[
        (Family::Bert, |c| c.vocab_size = 14, "by vocab_size (14) in config.json"),
        (Family::Bert, |c| c.intermediate_size = Some(12), "by intermediate_size (12) in config.json"),
        (Family::Bert, |c| c.type_vocab_size = Some(5), "by type_vocab_size (5) in config.json"),
        (Family::Roberta, |c| c.max_position_embeddings = 99, "by max_position_embeddings (99) in config.json"),
        (Family::Gpt2, |c| c.hidden_size = 9, "by n_embd (9) in config.json"),
        (
            Family::Llama,
            |c| c.num_key_value_heads = Some(1),
            "by num_key_value_heads × head_dim (1 × 2) in config.json",
        ),
        (Family::Llama, |c| c.head_dim = Some(4), "by num_attention_heads × head_dim (3 × 4) in config.json"),
        (Family::Vit, |c| c.num_channels = Some(1), "by patch_size (2), num_channels (1) in config.json"),
        (Family::Deit, |c| c.num_labels = Some(9), "by id2label (9) in config.json"),
        (Family::Cait, |c| c.intermediate_size = Some(24), "by model_args.mlp_ratio × embed_dim (24) in config.json"),
    ];
    for (family, change, expected) in cases {
        let (place, mut config) = (Place::new(), config(*family));
        let tensors = stored(&scrambled(&Model::new(config.clone()).unwrap()));
        change(&mut config);
        place.store_checkpoint(&config, &tensors);
        let message = place.import().unwrap_err();
        assert!(message.starts_with("parameter ") && message.contains(expected), "{family}: {message}");
    }
}

#[test]
fn more_or_fewer_layers_than_the_checkpoint_has_are_refused_before_a_model_is_built() {
    let cases = [
        (Family::Gpt2, 4096, "n_layer: found 4096, expected 2"),
        (Family::Bert, 1, "num_hidden_layers: found 1, expected 2"),
        (Family::Qwen3, 3, "num_hidden_layers: found 3, expected 2"),
        (Family::Vit, 3, "num_hidden_layers: found 3, expected 2"),
        (Family::Cait, 3, "model_args.depth: found 3, expected 2"),
    ];
    for (family, layers, expected) in cases {
        let (place, mut config) = (Place::new(), config(family));
        let tensors = stored(&scrambled(&model(family)));
        config.num_hidden_layers = layers;
        place.store_checkpoint(&config, &tensors);
        let message = place.import().unwrap_err();
        let start = format!("{}: {expected}", place.file("config.json").display());
        assert!(message.starts_with(&start), "{message}");
        assert!(hub::open(place.path()).unwrap().missing().is_err());
    }
}

#[test]
fn sizes_that_cannot_be_are_called_what_the_file_calls_them() {
    let huge = 1_000_000_000_000_000_000_u64;
    let vit = |args: Value| json!({ "architecture": "vit_tiny_patch16_224", "model_args": args });
    let older = json!({ "rope_theta": 0.0, "rope_scaling": { "type": "linear", "factor": 0.5 } });
    let newer = json!({ "rope_parameters": { "rope_type": "yarn", "factor": 4.0, "beta_fast": -1.0 } });
    let beside = json!({ "rope_scaling": { "type": "yarn", "factor": 4.0 }, "original_max_position_embeddings": 1 });
    let most = "a number from 1 to 16777216";
    let share = "a number in [0, 1)";
    let positive = "a finite number above 0";
    let cases: Vec<(Family, Value, String)> = vec![
        (Family::Gpt2, json!({ "n_embd": huge }), format!("n_embd: found {huge}, expected {most}")),
        (Family::Gpt2, json!({ "n_embd": 7 }), "n_embd: found 7, expected a multiple of n_head (3)".into()),
        (Family::Gpt2, json!({ "n_head": 0 }), format!("n_head: found 0, expected {most}")),
        (Family::Gpt2, json!({ "n_layer": 1 }), "n_layer: found 1, expected 2: so many".into()),
        (Family::Gpt2, json!({ "n_positions": 0 }), format!("n_positions: found 0, expected {most}")),
        (Family::Gpt2, json!({ "n_inner": 0 }), format!("n_inner: found 0, expected {most}")),
        (
            Family::Gpt2,
            json!({ "layer_norm_epsilon": 0.0 }),
            format!("layer_norm_epsilon: found 0, expected {positive}"),
        ),
        (
            Family::Gpt2,
            json!({ "embd_pdrop": 1.5, "resid_pdrop": 1.5 }),
            format!("embd_pdrop: found 1.5, expected {share}"),
        ),
        (Family::Gpt2, json!({ "attn_pdrop": -0.5 }), format!("attn_pdrop: found -0.5, expected {share}")),
        (
            Family::Bert,
            json!({ "hidden_dropout_prob": 2.0 }),
            format!("hidden_dropout_prob: found 2, expected {share}"),
        ),
        (
            Family::Vit,
            json!({ "attention_probs_dropout_prob": 2.0 }),
            format!("attention_probs_dropout_prob: found 2, expected {share}"),
        ),
        (Family::Vit, json!({ "id2label": {} }), format!("id2label: found 0, expected {most}")),
        (Family::Vit, json!({ "id2label": null, "num_labels": 0 }), format!("num_labels: found 0, expected {most}")),
        (Family::Qwen2, json!({ "rms_norm_eps": -1.0 }), format!("rms_norm_eps: found -1, expected {positive}")),
        (
            Family::Qwen2,
            json!({ "num_key_value_heads": 2 }),
            "num_key_value_heads: found 2, expected a divisor of num_attention_heads (3)".into(),
        ),
        (Family::Llama, older.clone(), format!("rope_theta: found 0, expected {positive}")),
        (
            Family::Llama,
            json!({ "rope_scaling": older["rope_scaling"] }),
            "rope_scaling.factor: found 0.5, expected a finite number of at least 1".into(),
        ),
        (Family::Llama, newer, format!("rope_parameters.beta_fast: found -1, expected {positive}")),
        (
            Family::Llama,
            json!({ "rope_parameters": { "rope_type": "default", "rope_theta": 0.0 } }),
            format!("rope_parameters.rope_theta: found 0, expected {positive}"),
        ),
        (Family::Llama, beside, "original_max_position_embeddings: found 1, expected a number from 2 to".into()),
        (Family::Cait, vit(json!({ "num_heads": 0 })), format!("model_args.num_heads: found 0, expected {most}")),
        (
            Family::Cait,
            vit(json!({ "num_heads": 5 })),
            "architecture's embed_dim: found 192, expected a multiple of model_args.num_heads (5)".into(),
        ),
        (
            Family::Cait,
            vit(json!({ "embed_dim": huge })),
            format!("model_args.embed_dim: found {huge}, expected {most}"),
        ),
        (
            Family::Cait,
            vit(json!({ "mlp_ratio": 0.001 })),
            format!("model_args.mlp_ratio × embed_dim: found 0, expected {most}"),
        ),
        (
            Family::Cait,
            vit(json!({ "img_size": 30 })),
            "model_args.img_size: found 30, expected a multiple of architecture's patch_size (16)".into(),
        ),
        (
            Family::Cait,
            json!({ "architecture": "vit_tiny_patch16_224", "input_size": [3, 30, 30] }),
            "input_size: found 30, expected a multiple of architecture's patch_size (16)".into(),
        ),
        (
            Family::Cait,
            json!({ "architecture": "vit_tiny_patch16_224", "pretrained_cfg": { "input_size": [0, 224, 224] } }),
            "pretrained_cfg.input_size: found 0, expected a number from 1 to 16384".into(),
        ),
        (
            Family::Cait,
            vit(json!({ "proj_drop_rate": 1.0, "pos_drop_rate": 1.0 })),
            format!("model_args.proj_drop_rate: found 1, expected {share}"),
        ),
    ];
    for (family, changes, expected) in cases {
        let place = Place::new();
        let (mut json, mut tensors) = (config(family).to_hub_json(None), stored(&scrambled(&model(family))));
        if changes.get("architecture").is_some() {
            // Twelve layers of it, as the architecture's name says.
            (json, tensors) =
                (changes, (0..108).map(|i| Tensor::zeros(&format!("blocks.{}.{i}", i / 9), &[1])).collect());
        } else {
            for (key, value) in changes.as_object().unwrap() {
                if key == "rope_scaling" || key == "rope_theta" {
                    json.as_object_mut().unwrap().remove("rope_parameters");
                }
                json[key] = value.clone();
            }
        }
        place.store_config(&json);
        place.store("model.safetensors", &tensors);
        let message = place.import().unwrap_err();
        let start = format!("{}: {expected}", place.file("config.json").display());
        assert!(message.starts_with(&start), "{message}\n{start}");
    }
}

#[test]
fn a_configuration_that_is_broken_or_not_built_here_is_refused_by_path() {
    let gpt2 =
        json!({ "model_type": "gpt2", "vocab_size": 5, "n_embd": 4, "n_layer": 2, "n_head": 3, "n_positions": 9 });
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"{".into(), "no JSON"),
        (b"[1]".into(), "no JSON"),
        (b"\xff".into(), "no JSON"),
        (vec![b'['; 100_000], "no JSON"),
        (vec![b' '; (1 << 22) + 1], "found 4194305 bytes, expected at most 4194304"),
        (b"{\"model_type\": \"t5\"}".into(), "model_type: found \"t5\", expected "),
        (b"{}".into(), "model_type: found nothing, expected "),
        (gpt2.to_string().into(), "n_embd: found 4, expected a multiple of n_head (3)"),
        ([b"\xef\xbb\xbf", gpt2.to_string().as_bytes()].concat(), "found a UTF-8 byte-order mark, expected JSON"),
        (POINTER.into(), "found a Git LFS pointer, not the file: fetch it by `git lfs pull`"),
    ];
    for (text, expected) in cases {
        let place = Place::new();
        place.store("model.safetensors", &stored(&scrambled(&model(Family::Gpt2))));
        fs::write(place.file("config.json"), text).unwrap();
        let message = place.import().unwrap_err();
        assert!(message.starts_with(&format!("{}: {expected}", place.file("config.json").display())), "{message}");
    }
}

#[test]
fn shards_that_are_missing_misplaced_or_cut_off_are_named() {
    type Change = fn(&Place, &[Tensor]);
    let index = |place: &Place, tensors: &[Tensor], shard: &str| {
        let map = tensors.iter().map(|t| (t.name.clone(), Value::from("two.safetensors")));
        let mut map: serde_json::Map<String, Value> = map.collect();
        map.insert(tensors[0].name.clone(), shard.into());
        place.store_index(&json!({ "weight_map": map }));
    };
    let cases: &[(Change, &str, &str)] = &[
        (
            |place, _| fs::remove_file(place.file("one.safetensors")).unwrap(),
            "/one.safetensors: is not there, though model.safetensors.index.json names it; fetch what is missing, or",
            "",
        ),
        (
            |place, _| {
                ["one", "two"]
                    .iter()
                    .for_each(|name| fs::remove_file(place.file(&format!("{name}.safetensors"))).unwrap())
            },
            "/one.safetensors: is not there, though model.safetensors.index.json names it (2 of its 2 shards are missing)",
            "",
        ),
        (
            |place, _| fs::write(place.file("two.safetensors"), POINTER).unwrap(),
            "/two.safetensors: found a Git LFS pointer, not the file: fetch it by `git lfs pull`",
            "",
        ),
        (
            |place, _| fs::write(place.file("model.safetensors.index.json"), POINTER).unwrap(),
            "/model.safetensors.index.json: found a Git LFS pointer, not the file: fetch it by `git lfs pull`",
            "",
        ),
        (
            |place, _| {
                let bytes = fs::read(place.file("two.safetensors")).unwrap();
                fs::write(place.file("two.safetensors"), &bytes[..bytes.len() - 1]).unwrap();
            },
            "/two.safetensors: found ",
            "cut off",
        ),
        (
            |place, _| place.store("one.safetensors", &[]),
            "parameter transformer.wte.weight: found no such tensor (",
            "/one.safetensors), expected the one that the index says",
        ),
        (
            |place, tensors| {
                let extra = Tensor::zeros("extra", &[1]);
                place.store("one.safetensors", &[tensors[0].clone(), extra.clone()]);
                place.store("two.safetensors", &[&tensors[1..], &[extra]].concat());
            },
            "parameter extra: found a tensor that another shard has too (",
            "/two.safetensors), expected an index that says which",
        ),
    ];
    for (change, start, contained) in cases {
        let (place, tensors) = (Place::new(), stored(&scrambled(&model(Family::Gpt2))));
        place.store_shards(&config(Family::Gpt2), &tensors);
        change(&place, &tensors);
        let message = place.import().unwrap_err();
        assert!(message.contains(start) && message.contains(contained), "{message}");
    }
    for shard in ["../one.safetensors", "/one.safetensors", "sub/one.safetensors"] {
        let (place, tensors) = (Place::new(), stored(&scrambled(&model(Family::Gpt2))));
        place.store_shards(&config(Family::Gpt2), &tensors);
        index(&place, &tensors, shard);
        let message = place.import().unwrap_err();
        assert!(message.contains("plain name of a safetensors file in this directory"), "{message}");
    }
}

#[test]
fn what_is_no_checkpoint_is_said_in_one_message() {
    let place = Place::new();
    let message = |path: &std::path::Path| hub::open(path).unwrap_err().to_string();
    assert!(message(place.path()).contains("found an empty directory"));
    place.store_config(&config(Family::Bert).to_hub_json(None));
    assert!(message(place.path()).contains("found neither model.safetensors nor model.safetensors.index.json"));
    assert!(message(&place.file("config.json")).contains("found a file, expected a directory"));
    assert!(message(&place.file("nowhere")).contains("found no such directory"));
    fs::write(place.file("pytorch_model.bin"), b"\x80\x02").unwrap();
    let refused = message(place.path());
    let command = format!(
        "python -c \"from transformers import AutoModelForMaskedLM as M; d = '{}'; \
         M.from_pretrained(d).save_pretrained(d, safe_serialization=True)\"",
        place.path().display()
    );
    assert!(
        refused.contains("pytorch_model.bin: found weights in a format") && refused.contains(&command),
        "{refused}"
    );
}

#[test]
fn image_sizes_that_cannot_be_are_refused() {
    let vit = hub::open(&fixture("vit-plain")).unwrap();
    let load = |size| vit.load(&Cpu::default(), &LoadOptions { image_size: Some(size), ..LoadOptions::default() });
    assert!(load(9).unwrap_err().to_string().starts_with("image_size: found 9, expected a multiple of patch_size (4)"));
    assert!(load(0).is_err());
    assert!(load(4 * 17).is_ok(), "whoever asks for it gets it");
    let gpt2 = hub::open(&fixture("gpt2-plain")).unwrap();
    let error = gpt2.load(&Cpu::default(), &LoadOptions { image_size: Some(4), ..LoadOptions::default() }).unwrap_err();
    assert!(error.to_string().starts_with("image_size: found 4, expected no such key"), "{error}");

    // A configuration of a few bytes must not make a table of any size.
    for (family, naming, key) in
        [(Family::Vit, Naming::Hub, "image_size"), (Family::Cait, Naming::Timm, "pretrained_cfg.input_size")]
    {
        let (place, config) = (Place::new(), ModelConfig { naming, ..config(family) });
        let tensors = stored(&scrambled(&Model::new(config.clone()).unwrap()));
        for (size, fits) in [(2 * 16, true), (2 * 17, false), (16_384, false)] {
            place.store_checkpoint(&ModelConfig { image_size: Some(size), ..config.clone() }, &tensors);
            let result = place.import();
            assert_eq!(result.is_ok(), fits, "{family} {size}");
        }
        let message = place.import().unwrap_err();
        assert!(message.contains(&format!("{key}: found 16384, expected fewer")), "{message}");
    }
    // Not a square of patches, or of another width.
    let (place, config) = (Place::new(), config(Family::Vit));
    for shape in [[1, 6, 6], [1, 1, 6], [1, 5, 7], [2, 5, 6]] {
        let mut tensors = stored(&scrambled(&Model::new(config.clone()).unwrap()));
        let positions = tensors.iter().position(|t| t.name.contains("position")).unwrap();
        tensors[positions] = Tensor::zeros(&tensors[positions].name, &shape);
        place.store_checkpoint(&config, &tensors);
        assert!(place.import().unwrap_err().contains(&format!("found shape {shape:?}")));
    }
}
