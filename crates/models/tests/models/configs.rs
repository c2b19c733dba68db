//! Every `config.json` that `transformers` and `timm` wrote for the fixtures is read, and written back as it was.

use ligo_models::{Family, Head, Model, ModelConfig, Naming};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn json(path: &Path) -> Map<String, Value> {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// [folder, family, head, whose names].
fn cases() -> Vec<(String, Family, Head, Naming)> {
    let index = json(&fixtures().join("index.json"));
    let case = |case: &Value| {
        let text = |key: &str| case[key].as_str().unwrap();
        let family = Family::ALL.into_iter().find(|family| family.name() == text("family")).unwrap();
        let head = match text("head") {
            "base" => Head::None,
            "regression" => Head::SequenceRegression,
            "image-classification-with-teacher" => Head::DistilledImageClassification,
            name => *family.heads().iter().find(|head| head.name() == name).unwrap(),
        };
        let naming = if text("layout") == "timm" { Naming::Timm } else { Naming::Hub };
        (text("folder").to_owned(), family, head, naming)
    };
    index["cases"].as_array().unwrap().iter().map(case).collect()
}

#[test]
fn every_fixtures_config_is_read_and_written_back_unchanged() {
    let cases = cases();
    assert!(Family::ALL.iter().all(|family| cases.iter().any(|case| case.1 == *family)), "every family has a fixture");
    for (folder, family, head, naming) in cases {
        let original = json(&fixtures().join(&folder).join("config.json"));
        let config = ModelConfig::from_hub_json(&original.clone().into()).unwrap();
        assert_eq!((config.family, config.head(), config.naming), (family, head, naming), "{folder}");
        let model = Model::new(config).unwrap_or_else(|error| panic!("{folder}: {error}"));
        let written = model.config().to_hub_json(Some(&original));
        assert_eq!(written.to_string(), Value::from(original).to_string(), "{folder}: the order of keys too");
    }
}

#[test]
fn every_fixtures_config_written_from_nothing_is_the_same_model() {
    for (folder, ..) in cases() {
        let original = json(&fixtures().join(&folder).join("config.json"));
        let config = ModelConfig::from_hub_json(&original.clone().into()).unwrap();
        let fresh = config.to_hub_json(None);
        let again = ModelConfig::from_hub_json(&fresh).unwrap();
        assert_eq!(again.to_hub_json(Some(&original)), Value::from(original), "{folder}");
    }
}
