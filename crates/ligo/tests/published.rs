//! The numbers of LiGO's published formula, which `fixtures/published.py` computes for random weights and factors.

use ligo::LigoPublished;
use ligo_growth::{Action, Growth, Method, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, checkpoint};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/published").join(name)
}

fn bert(layers: usize, hidden: usize, ffn: usize) -> ModelConfig {
    let mut config = ModelConfig::new(Family::Bert, hidden, layers, 2);
    (config.vocab_size, config.max_position_embeddings, config.intermediate_size) = (13, 5, Some(ffn));
    config
}

#[test]
fn the_preset_ligo_published_reproduces_the_published_fused_parameters() {
    let device = Cpu::default();
    let task = Task { small: bert(2, 6, 7), large: bert(3, 10, 11), steps: 100 };
    let recipe = Method::<Cpu>::recipe(&LigoPublished, &toml::Table::new(), &task).unwrap();
    let Action::Learn { operator, .. } = &recipe.stages[0].action else { panic!("learns its operator first") };

    let (small, large) = (Model::new(task.small).unwrap(), Model::new(task.large).unwrap());
    let parameters = checkpoint::load(&fixture("small.safetensors"), small.specs().clone(), &device).unwrap();
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 1 };
    let mut learner = operator.start(&growth).unwrap();
    let factors = learner.factors().specs().clone();
    *learner.factors_mut() = checkpoint::load(&fixture("factors.safetensors"), factors, &device).unwrap();

    let grown = learner.materialise().unwrap();
    let fused = checkpoint::load(&fixture("fused.safetensors"), large.specs().clone(), &device).unwrap();
    for ((spec, found), expected) in grown.specs().iter().zip(grown.tensors()).zip(fused.tensors()) {
        let (found, expected) = (found.as_vec(), expected.as_vec());
        let largest = expected.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        assert!(largest > 0.1, "{}", spec.name);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-5 * largest, "{}: {found}, expected {expected}", spec.name);
        }
    }
}
