//! `hub`: what other programs have written is understood.

use super::{Place, Tensor, bits, fixture, fixtures, stored};
use crate::{config, model, scrambled};
use half::{bf16, f16};
use ligo_kernels::Cpu;
use ligo_models::hub::{self, LoadOptions};
use ligo_models::{Family, Head, Model, ModelConfig, Naming};
use safetensors::Dtype;

#[test]
fn opening_every_fixture_finds_all_that_its_model_needs_and_nothing_else() {
    for path in fixtures() {
        let checkpoint = hub::open(&path).unwrap();
        assert_eq!(checkpoint.missing().unwrap(), [], "{path:?}");
        assert_eq!(checkpoint.unexpected().unwrap(), [], "{path:?}");
        let elements: usize = checkpoint.tensors().map(|tensor| tensor.bytes / 4).sum();
        assert_eq!(elements, checkpoint.model().unwrap().parameter_count(), "{path:?}");
        assert_eq!(checkpoint.directory(), path);
        assert!(checkpoint.tensors().all(|t| t.file == path.join("model.safetensors") && t.dtype == Dtype::F32));
    }
}

#[test]
fn numbers_of_every_type_are_read_as_what_they_hold() {
    type Round = fn(f32) -> (Vec<u8>, f32);
    let cases: [(Dtype, Round); 3] = [
        (Dtype::F16, |v| (f16::from_f32(v).to_le_bytes().into(), f16::from_f32(v).to_f32())),
        (Dtype::BF16, |v| (bf16::from_f32(v).to_le_bytes().into(), bf16::from_f32(v).to_f32())),
        (Dtype::F64, |v| (f64::from(v).to_le_bytes().into(), v)),
    ];
    for family in [Family::Gpt2, Family::Deit] {
        let (place, parameters) = (Place::new(), scrambled(&model(family)));
        for (dtype, round) in cases {
            let mut tensors = stored(&parameters);
            for (stored, tensor) in tensors.iter_mut().zip(parameters.tensors()) {
                stored.dtype = dtype;
                stored.bytes = tensor.as_vec().into_iter().flat_map(|v| round(v).0).collect();
            }
            place.store_checkpoint(&config(family), &tensors);
            let (_, read) = place.import().unwrap();
            for (read, original) in read.tensors().iter().zip(parameters.tensors()) {
                let expected: Vec<f32> = original.as_vec().into_iter().map(|v| round(v).1).collect();
                assert_eq!(read.as_vec(), expected);
            }
        }
    }
}

#[test]
fn shards_are_one_checkpoint() {
    for family in Family::ALL {
        let (place, parameters) = (Place::new(), scrambled(&model(family)));
        place.store_shards(&config(family), &stored(&parameters));
        assert_eq!(bits(&place.import().unwrap().1), bits(&parameters));
        let checkpoint = hub::open(place.path()).unwrap();
        let mut files: Vec<_> = checkpoint.tensors().map(|tensor| tensor.file.to_owned()).collect();
        files.dedup();
        assert_eq!(files, [place.file("one.safetensors"), place.file("two.safetensors")]);
    }
}

#[test]
fn a_shard_that_holds_more_than_the_index_says_is_taken_at_the_indexs_word() {
    let (place, parameters) = (Place::new(), scrambled(&model(Family::Gpt2)));
    let tensors = stored(&parameters);
    place.store_shards(&config(Family::Gpt2), &tensors);
    // An older copy of what the other shard holds.
    place.store("one.safetensors", &[tensors[0].clone(), Tensor::zeros(&tensors[1].name, &tensors[1].shape)]);
    assert_eq!(bits(&place.import().unwrap().1), bits(&parameters));
}

#[test]
fn tied_copies_old_names_and_other_heads_are_no_obstacle() {
    for family in [Family::Gpt2, Family::Bert, Family::Roberta, Family::Vit, Family::Qwen2] {
        let mut config = config(family);
        config.tie_word_embeddings = (family == Family::Qwen2).then_some(true);
        let parameters = scrambled(&Model::new(config.clone()).unwrap());
        let mut tensors = stored(&parameters);
        let copy = |name: &str, of: &str| {
            let original = stored(&parameters).into_iter().find(|tensor| tensor.name == of).unwrap();
            Tensor { name: name.to_owned(), ..original }
        };
        let extra = |name: &str| Tensor::zeros(name, &[1]);
        let more = match family {
            Family::Gpt2 => vec![copy("lm_head.weight", "transformer.wte.weight"), extra("h.0.attn.bias")],
            Family::Bert => vec![
                copy("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
                copy("cls.predictions.decoder.bias", "cls.predictions.bias"),
                extra("bert.pooler.dense.bias"),
                extra("cls.seq_relationship.weight"),
            ],
            Family::Roberta => vec![
                copy("lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"),
                copy("lm_head.decoder.bias", "lm_head.bias"),
                extra("roberta.embeddings.position_ids"),
            ],
            Family::Vit => vec![extra("vit.pooler.dense.weight")],
            _ => vec![
                copy("lm_head.weight", "model.embed_tokens.weight"),
                extra("model.layers.0.self_attn.rotary_emb.inv_freq"),
            ],
        };
        for tensor in &mut tensors {
            let name = &mut tensor.name;
            match family {
                Family::Gpt2 => *name = name.replace("transformer.", ""),
                Family::Bert => {
                    *name =
                        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
                }
                Family::Vit => {
                    *name = name
                        .replace("encoder.layer.", "layers.")
                        .replace("attention.output.dense", "attention.o_proj")
                        .replace("attention.attention.query", "attention.q_proj")
                        .replace("attention.attention.key", "attention.k_proj")
                        .replace("attention.attention.value", "attention.v_proj")
                        .replace("intermediate.dense", "mlp.fc1")
                        .replace("output.dense", "mlp.fc2");
                }
                _ => {}
            }
        }
        let harmless = more.len() - tensors_that_stand_for_parameters(&more);
        tensors.extend(more);
        let place = Place::new();
        place.store_checkpoint(&config, &tensors);
        assert_eq!(bits(&place.import().unwrap().1), bits(&parameters), "{family}");
        let unexpected = hub::open(place.path()).unwrap().unexpected().unwrap();
        assert_eq!(unexpected.len(), harmless, "{unexpected:?}");
        assert!(unexpected.iter().all(|remark| remark.harmless && !remark.why.is_empty()));
    }
}

/// Second copies are no surprise.
fn tensors_that_stand_for_parameters(tensors: &[Tensor]) -> usize {
    tensors.iter().filter(|t| t.name == "lm_head.weight" || t.name.contains("decoder")).count()
}

#[test]
fn a_tied_matrix_may_be_there_under_its_other_name_alone() {
    let (place, parameters) = (Place::new(), scrambled(&model(Family::Gpt2)));
    let mut tensors = stored(&parameters);
    tensors[0].name = "lm_head.weight".into();
    place.store_checkpoint(&config(Family::Gpt2), &tensors);
    assert_eq!(bits(&place.import().unwrap().1), bits(&parameters));
}

#[test]
fn a_copy_in_another_type_is_compared_by_value() {
    let (place, mut parameters) = (Place::new(), scrambled(&model(Family::Gpt2)));
    let halves: Vec<f32> = (0..13 * 6).map(|i| i as f32 / 4.0).collect();
    parameters.tensors_mut()[0].copy_from(&halves);
    let mut tensors = stored(&parameters);
    tensors.push(Tensor {
        name: "lm_head.weight".into(),
        dtype: Dtype::BF16,
        shape: vec![13, 6],
        bytes: halves.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(),
    });
    place.store_checkpoint(&config(Family::Gpt2), &tensors);
    assert_eq!(bits(&place.import().unwrap().1), bits(&parameters));
}

#[test]
fn a_model_without_head_has_a_pooler_if_the_checkpoint_has_one() {
    for (name, pooler) in [
        ("bert-base-plain", true),
        ("bert-base-no-pooler-plain", false),
        ("roberta-base-odd", true),
        ("roberta-base-no-pooler-odd", false),
    ] {
        let (model, _) = hub::import(&fixture(name), &Cpu::default()).unwrap();
        assert_eq!((model.config().head(), model.config().has_pooler()), (Head::None, pooler), "{name}");
    }
    assert_eq!(hub::open(&fixture("gpt2-plain")).unwrap().config().pooler, None);
}

#[test]
fn values_that_are_not_finite_pass_if_they_are_allowed_to() {
    let (place, mut parameters) = (Place::new(), scrambled(&model(Family::Llama)));
    let mut values = parameters.tensors()[3].as_vec();
    values[1] = f32::NEG_INFINITY;
    parameters.tensors_mut()[3].copy_from(&values);
    place.store_checkpoint(&config(Family::Llama), &stored(&parameters));
    let options = LoadOptions { allow_nan: true, ..LoadOptions::default() };
    let (_, read) = hub::open(place.path()).unwrap().load(&Cpu::default(), &options).unwrap();
    assert_eq!(bits(&read), bits(&parameters));
}

#[test]
fn position_embeddings_follow_the_images_and_the_tokens_before_them_stay() {
    for (family, naming) in [
        (Family::Vit, Naming::Hub),
        (Family::Vit, Naming::Timm),
        (Family::Deit, Naming::Hub),
        (Family::Deit, Naming::Timm),
        (Family::Cait, Naming::Timm),
    ] {
        let mut config = ModelConfig { naming, ..config(family) };
        if (family, naming) == (Family::Deit, Naming::Timm) {
            config.head = Some(Head::DistilledImageClassification);
        }
        let (place, parameters) = (Place::new(), scrambled(&Model::new(config.clone()).unwrap()));
        place.store_checkpoint(&config, &stored(&parameters));
        let position = parameters.specs().iter().position(|spec| spec.name.contains("pos")).unwrap();
        let prefix = config.prefix_tokens() * config.hidden_size;
        let before = parameters.tensors()[position].as_vec();
        let checkpoint = hub::open(place.path()).unwrap();
        for size in [2, 4, 6, 10] {
            let options = LoadOptions { image_size: Some(size), ..LoadOptions::default() };
            let (model, read) = checkpoint.load(&Cpu::default(), &options).unwrap();
            assert_eq!(model.config(), &ModelConfig { image_size: Some(size), ..checkpoint.config().clone() });
            let after = read.tensors()[position].as_vec();
            assert_eq!(after.len(), prefix + size / 2 * (size / 2) * config.hidden_size);
            assert_eq!(after[..prefix], before[..prefix]);
            assert_eq!(after == before, size == 4);

            // The same where config.json says so.
            place.store_config(&ModelConfig { image_size: Some(size), ..config.clone() }.to_hub_json(None));
            assert_eq!(bits(&place.import().unwrap().1), bits(&read));
        }
    }
}
