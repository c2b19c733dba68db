use super::*;
use crate::tokenizer::tests::checkpoint;
use ligo_kernels::Cpu;
use ligo_models::Model;
use ligo_models::checkpoint::FloatType;
use ligo_models::hub::{ExportOptions, export};
use serde_json::json;
use std::fs;

fn exported(config: ModelConfig, options: &ExportOptions<'_>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::new(config).unwrap();
    export(directory.path(), &model, &model.fresh(&Cpu::default(), 1).unwrap(), options).unwrap();
    directory
}

/// Sizes that suit every family.
fn config(family: Family, head: Head) -> ModelConfig {
    let mut config =
        ModelConfig { head: Some(head), intermediate_size: Some(20), ..ModelConfig::new(family, 12, 2, 3) };
    if family.reads_images() {
        (config.image_size, config.patch_size, config.num_labels) = (Some(8), Some(4), Some(5));
        if head == Head::None {
            config.num_labels = None;
        }
    } else {
        (config.vocab_size, config.max_position_embeddings) = (31, 16);
    }
    if family.is_llama_style() {
        (config.num_key_value_heads, config.head_dim) = (Some(1), Some(6));
    }
    config
}

#[test]
fn every_family_and_head_is_inspected_and_every_parameter_has_its_module() {
    for family in Family::ALL {
        for &head in family.heads() {
            let directory = exported(config(family, head), &ExportOptions::default());
            let found = inspect(directory.path(), None).unwrap();
            assert_eq!((found.family, found.head), (family, head));
            assert_eq!(
                found.modules.iter().map(|(_, count)| count).sum::<usize>(),
                found.parameters,
                "{family} {head}"
            );
            assert_eq!(found.problem, None, "{family} {head}");
            assert!(found.missing.is_empty() && found.unexpected.is_empty(), "{family} {head}: {found:?}");
            assert!(found.flops.forward > 0.0 && found.flops.training > 2.0 * found.flops.forward, "{family} {head}");
            assert_eq!(found.files.bytes(), 4 * found.parameters as u64);
            assert_eq!(found.tokenizer.is_none(), family.reads_images());
            for line in found.to_string().lines().skip(1) {
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
    }
}

#[test]
fn modules_are_counted_as_by_hand() {
    // Hidden 12, MLP 20, 2 layers, vocabulary 31, 16 positions.
    let (h, f, v) = (12, 20, 31);
    let block = |attention, mlp| [(ModuleKind::Attention, 2 * attention), (ModuleKind::Mlp, 2 * mlp)];
    let cases = [
        (Family::Gpt2, Head::CausalLm, (v + 16) * h, block(4 * h * h + 4 * h, 2 * h * f + f + h), 5 * 2 * h, 0, 0),
        (
            Family::Bert,
            Head::MaskedLm,
            (v + 16 + 2) * h,
            block(4 * h * h + 4 * h, 2 * h * f + f + h),
            6 * 2 * h,
            0,
            h * h + h + v,
        ),
        // Three heads of 6 share one key and value; the output is not tied.
        (Family::Qwen3, Head::CausalLm, v * h, block(2 * h * 18 + 2 * h * 6, 3 * h * f), 5 * h + 2 * 2 * 6, 0, v * h),
        (
            Family::Vit,
            Head::ImageClassification,
            h + (4 + 1) * h + (48 * h + h),
            block(4 * h * h + 4 * h, 2 * h * f + f + h),
            5 * 2 * h,
            0,
            5 * h + 5,
        ),
    ];
    for (family, head, embeddings, [attention, mlp], norms, layer_scale, top) in cases {
        let directory = exported(config(family, head), &ExportOptions::default());
        let mut expected = vec![(ModuleKind::Embeddings, embeddings), attention, mlp, (ModuleKind::Norms, norms)];
        expected.extend([(ModuleKind::LayerScale, layer_scale), (ModuleKind::Head, top)]);
        expected.retain(|(_, count)| *count > 0);
        assert_eq!(inspect(directory.path(), None).unwrap().modules, expected, "{family}");
    }
    let cait = exported(config(Family::Cait, Head::ImageClassification), &ExportOptions::default());
    let modules = inspect(cait.path(), None).unwrap().modules;
    // Two layers and two class layers, two gains of the width in each.
    assert!(modules.contains(&(ModuleKind::LayerScale, 4 * 2 * h)), "{modules:?}");
}

#[test]
fn spaces_say_how_wide_they_are_and_who_makes_and_reads_them() {
    let directory = exported(config(Family::Llama, Head::CausalLm), &ExportOptions::default());
    let found = inspect(directory.path(), None).unwrap();
    let space = |name: &str| found.spaces.iter().find(|space| space.name == name).unwrap();
    let key = space("key");
    assert_eq!((key.layers, key.size.width(), key.size.units, key.size.unit, key.grows), (Some(2), 6, 1, 6, true));
    assert_eq!(key.produced_by, ["model.layers.*.self_attn.k_proj"]);
    let context = space("context");
    assert_eq!((context.size.units, context.size.unit), (3, 6));
    assert_eq!(context.consumed_by, ["model.layers.*.self_attn.o_proj"]);
    let embed = space("embed");
    assert_eq!((embed.layers, embed.size.width()), (None, 12));
    assert!(
        embed.produced_by.contains(&"model.embed_tokens".to_owned())
            && embed.consumed_by.contains(&"lm_head".to_owned())
    );
    assert!(!space("vocab").grows);
    let gpt2 = exported(config(Family::Gpt2, Head::CausalLm), &ExportOptions::default());
    let spaces = inspect(gpt2.path(), None).unwrap().spaces;
    let fused = |name: &str| spaces.iter().find(|space| space.name == name).unwrap().produced_by.clone();
    for name in ["query", "key", "value"] {
        assert_eq!(fused(name), ["transformer.h.*.attn.c_attn"]);
    }
}

#[test]
fn shards_types_and_flops_are_those_of_the_files_and_the_count() {
    let options = ExportOptions { dtype: FloatType::BF16, shard_bytes: 2000, ..ExportOptions::default() };
    let directory = exported(config(Family::Gpt2, Head::CausalLm), &options);
    let found = inspect(directory.path(), Some(10)).unwrap();
    assert!(found.files.files.len() > 1, "{:?}", found.files);
    assert_eq!(found.files.bytes(), 2 * found.parameters as u64);
    assert_eq!(found.files.dtypes.keys().collect::<Vec<_>>(), ["BF16"]);
    let forward = inference_flops(&found.config, 1, 10) / 10.0;
    assert_eq!((found.flops.sequence_length, found.flops.forward, found.flops.unit), (10, forward, "token"));
    let message = inspect(directory.path(), Some(17)).unwrap_err().to_string();
    assert_eq!(message, "sequence length: found 17, expected 1 to 16");
}

#[test]
fn what_is_missing_unexpected_or_contradicts_is_part_of_the_answer() {
    let directory = exported(config(Family::Bert, Head::MaskedLm), &ExportOptions::default());
    let file = directory.path().join("model.safetensors");
    let whole = fs::read(&file).unwrap();
    // The same data under another name: one parameter too few, one tensor too many.
    let name = b"bert.embeddings.LayerNorm.bias";
    let renamed = whole.windows(name.len()).position(|bytes| bytes == name).unwrap();
    let mut bytes = whole.clone();
    bytes[renamed..][..4].copy_from_slice(b"xert");
    fs::write(&file, &bytes).unwrap();
    let found = inspect(directory.path(), None).unwrap();
    assert_eq!(found.missing[0].name, "bert.embeddings.LayerNorm.bias");
    assert_eq!(found.unexpected[0].name, "xert.embeddings.LayerNorm.bias");
    let problem = found.problem.as_deref().unwrap();
    assert!(problem.contains("bert.embeddings.LayerNorm.bias: found no such tensor"), "{problem}");
    let text = found.to_string();
    assert!(text.contains("\nmissing\n  bert.embeddings.LayerNorm.bias: no tensor of this name"), "{text}");

    fs::write(&file, &whole).unwrap();
    let config = directory.path().join("config.json");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    json["vocab_size"] = 30.into();
    fs::write(&config, json.to_string()).unwrap();
    let problem = inspect(directory.path(), None).unwrap().problem.unwrap();
    assert!(problem.contains("[31, 12]") && problem.contains("[30, 12] by vocab_size (30)"), "{problem}");
}

#[test]
fn the_tokenizer_is_held_against_the_vocabulary() {
    let words = |n: usize| (0..n).map(|i| format!("w{i}\n")).collect::<String>();
    type Case<'a> = (&'a [(&'a str, String)], Option<usize>, Option<&'a str>);
    let cases: [Case; 4] = [
        (&[], None, Some("there is none")),
        (&[("vocab.txt", words(9))], Some(9), None),
        (
            &[("vocab.txt", words(12))],
            Some(12),
            Some("found ids up to 11, expected less than the model's vocab_size (10"),
        ),
        (&[("tokenizer.json", "{".into())], None, Some("found no vocabulary")),
    ];
    for (files, ids, problem) in cases {
        let directory = checkpoint(Family::Bert, 10, files);
        let found = inspect(directory.path(), None).unwrap().tokenizer.unwrap();
        assert_eq!(found.ids, ids);
        match problem {
            None => assert_eq!(found.problem, None),
            Some(problem) => assert!(found.problem.as_ref().unwrap().starts_with(problem), "{found:?}"),
        }
    }
}

#[test]
fn the_json_has_the_keys_that_programs_rely_on() {
    let directory = checkpoint(Family::Gpt2, 10, &[("vocab.txt", "a\n".into())]);
    let json = inspect(directory.path(), None).unwrap().to_json();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "directory",
            "family",
            "head",
            "config",
            "parameters",
            "flops",
            "weights",
            "spaces",
            "companions",
            "tokenizer",
            "missing",
            "unexpected",
            "loads",
            "problem",
        ]
    );
    assert_eq!(json["family"], "gpt2");
    assert_eq!(json["parameters"]["by_module"]["embeddings"], (10 + 16) * 4);
    assert_eq!(json["spaces"][0]["name"], "vocab");
    assert_eq!(json["tokenizer"], json!({ "file": "vocab.txt", "ids": 1, "fits": true, "problem": null }));
    assert_eq!(json["companions"], json!(["vocab.txt"]));
}
