//! Experiments on images.

use super::tests::Place;
use super::*;

const TOML: &str = r#"
title = "Tiny images"
seeds = [0]

[data.images]
set = "digits"
[data.images.augmentation]
crop = {}
label_smoothing = 0.1
mixing = {}

[small]
family = "vit"
patch_size = 4
hidden_size = 8
num_hidden_layers = 1
num_attention_heads = 2

[large]
family = "vit"
patch_size = 4
hidden_size = 16
num_hidden_layers = 2
num_attention_heads = 4

[training]
steps = 6
batch_size = 4
learning_rate = 1e-3
ema_decay = 0.9
drop_path = 0.1

[evaluation]
every = 2
batches = 4

[report]
metric = "accuracy"

[[methods]]
method = "scratch"
[[methods]]
method = "stackbert"
[[methods]]
method = "mslt"
[[methods]]
method = "ki"
[[methods]]
method = "bert2bert"
[[methods]]
method = "direct-copy"
[[methods]]
method = "ligo"
steps = 3
warmup_steps = 1
"#;

fn place() -> Place {
    let place = Place::new();
    std::fs::write(place.path("tiny.toml"), TOML).expect("the directory is writable");
    place
}

#[test]
fn every_method_of_the_paper_trains_on_images_with_augmentation_and_resumes() {
    let place = place();
    let (results, _) = place.finished(&[]);
    assert_eq!(results.data.images.map(|images| images.train + images.validation), Some(1797));
    assert_eq!(results.methods.len(), 7);
    for run in &results.methods {
        let accuracy = run.rows.last().and_then(|row| row.validation_accuracy);
        assert!(accuracy.is_some_and(|accuracy| (0.0..=1.0).contains(&accuracy)), "{}: {accuracy:?}", run.label);
    }
    let model = place.path("results/tiny/runs/ligo-seed0/model");
    for name in ["config.json", "model.safetensors", "preprocessor_config.json"] {
        assert!(model.join(name).is_file(), "{name}");
    }

    let elsewhere = self::place();
    let watcher = super::tests::Watcher::new(17);
    assert!(matches!(elsewhere.run(&[], &watcher).expect("no mistake"), Outcome::Stopped));
    let (resumed, _) = elsewhere.finished(&[]);
    assert_eq!(super::tests::timeless(&resumed), super::tests::timeless(&results));
}

#[test]
fn a_resolved_file_of_images_resolves_to_itself() {
    let place = place();
    let experiment = place.experiment(&["training.ema_decay=0.8", "data.images.mean=[0.3]"]);
    let written = experiment.to_toml().expect("it has a TOML form");
    std::fs::write(place.path("tiny.toml"), &written).expect("the directory is writable");
    assert_eq!(place.experiment(&[]), experiment, "{written}");
    let plan = crate::plan(
        &experiment,
        &crate::methods(),
        &ligo_kernels::Cpu::default(),
        (&place.path(""), &place.path("results/tiny")),
    );
    assert!(plan.expect("a plan").seconds > 0.0);
}
