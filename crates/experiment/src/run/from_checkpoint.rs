//! Experiments whose small model is a checkpoint: nothing is trained but the large model, and what came with the checkpoint
//! travels along.

use super::tests::{Place, timeless};
use super::*;
use ligo_models::{ModelConfig, hub};
use serde_json::{Value, json};

/// What stands in `tiny.toml` in place of sizes, small training and tokenizer.
const TOML: &str = r#"
title = "From a checkpoint"

[data]
train = ["train.parquet"]
validation = ["validation.parquet"]
sequence_length = 8

[small]
checkpoint = "checkpoint"

[large]
hidden_size = 16
num_hidden_layers = 2
num_attention_heads = 4

[training]
steps = 6
batch_size = 2
learning_rate = 1e-3

[evaluation]
every = 2
batches = 2

[[methods]]
method = "scratch"
[[methods]]
method = "stackbert"
[[methods]]
method = "direct-copy"
[[methods]]
method = "bert2bert"
[[methods]]
method = "ligo"
steps = 2
"#;

/// A place whose small model has been trained, is called `checkpoint`, and is what `tiny.toml` grows; and the validation loss
/// that it ended with.
fn place() -> (Place, f64) {
    let place = Place::new();
    let (results, _) = place.finished(&["small.layer_norm_eps=1e-3", "large.layer_norm_eps=1e-3"]);
    let loss = results.small[0].rows.last().expect("it was evaluated").validation_loss;
    let checkpoint = place.path("checkpoint");
    std::fs::rename(place.path("results/tiny/runs/small-seed0/model"), &checkpoint).expect("the model is there");
    std::fs::remove_dir_all(place.path("results")).expect("the results are there");
    edit_config(&checkpoint, |config| config["made_by"] = json!({ "name": "somebody", "year": 2019 }));
    std::fs::write(checkpoint.join("generation_config.json"), "{ \"top_k\": 7 }").expect("the directory is writable");
    std::fs::write(place.path("tiny.toml"), TOML).expect("the directory is writable");
    (place, loss)
}

fn edit_config(checkpoint: &Path, edit: impl FnOnce(&mut Value)) {
    let path = checkpoint.join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).expect("config.json")).expect("JSON");
    edit(&mut config);
    std::fs::write(&path, config.to_string()).expect("the file is writable");
}

#[test]
fn a_checkpoint_is_grown_without_being_trained_and_what_came_with_it_travels_along() {
    let (place, _) = place();
    let (results, watcher) = place.finished(&[]);
    assert_eq!((results.small.len(), results.methods.len()), (0, 5));
    assert_eq!(watcher.steps(), 5 * 6 + 2, "nothing but the large model and the operator is trained");
    for record in &results.methods {
        let grown = ["direct-copy", "bert2bert", "ligo"].contains(&record.label.as_str());
        let found = (record.small, record.checkpoint.as_deref());
        assert_eq!(found, (None, grown.then_some("checkpoint")), "{}", record.label);

        let model = place.path(&format!("results/tiny/runs/{}-seed0/model", record.label));
        for name in ["tokenizer.json", "generation_config.json"] {
            let read = |path: PathBuf| std::fs::read(path).expect(name);
            assert_eq!(read(model.join(name)), read(place.path("checkpoint").join(name)), "{name}");
        }
        let opened = hub::open(&model).expect("a checkpoint");
        assert_eq!(opened.json()["made_by"]["year"], 2019);
        let inner = Some(results.experiment.large.intermediate_size());
        assert_eq!(opened.config(), &ModelConfig { intermediate_size: inner, ..results.experiment.large.clone() });
    }
    // What is not said of the large model is as in the checkpoint.
    let (small, large) = (&results.experiment.small, &results.experiment.large);
    assert_eq!((large.layer_norm_eps, large.vocab_size), (Some(1e-3), small.vocab_size));
    assert_eq!((small.hidden_size, large.hidden_size, large.intermediate_size()), (8, 16, 64));

    let table = std::fs::read_to_string(place.path("results/tiny/table.md")).expect("a table");
    assert!(table.contains("(the checkpoint checkpoint) was grown into 2 layers × 16 channels"), "{table}");
    assert!(table.contains("what the checkpoint cost is not known") && !table.contains("adds its training"), "{table}");

    let (again, watcher) = place.finished(&[]);
    assert_eq!((watcher.steps(), timeless(&again)), (0, timeless(&results)));
}

#[test]
fn a_model_grown_to_its_own_size_begins_where_the_checkpoint_ended() {
    let (place, loss) = place();
    let rows = "methods=[{method='scratch'},{method='direct-copy'}]";
    let sizes = ["large.hidden_size=8", "large.num_hidden_layers=1", "large.num_attention_heads=2"];
    let (results, _) = place.finished(&[&[rows][..], &sizes].concat());
    assert_eq!(results.methods[1].rows[0].validation_loss, loss);
}

#[test]
fn another_checkpoint_of_that_name_makes_what_was_grown_from_it_worthless_and_nothing_else() {
    let (place, _) = place();
    place.finished(&[]);
    edit_config(&place.path("checkpoint"), |config| config["made_by"] = json!("somebody else"));
    let (_, watcher) = place.finished(&[]);
    let lines = watcher.lines();
    let told: Vec<&String> = lines.iter().filter(|line| line.contains(" changed ")).collect();
    assert!(
        told.len() == 1
            && told[0].starts_with("start.checkpoint changed ")
            && told[0].ends_with(": direct-copy, seed 0; bert2bert, seed 0; ligo, seed 0"),
        "{told:?}"
    );
    let started: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("start ")).collect();
    assert_eq!(started, ["direct-copy", "bert2bert", "ligo"]);
}

#[test]
fn the_resolved_file_names_the_checkpoint_and_resolves_to_itself() {
    let (place, _) = place();
    let experiment = place.experiment(&[]);
    let written = experiment.to_toml().expect("it has a TOML form");
    assert!(written.contains("[small]\ncheckpoint = \"checkpoint\"\n"), "{written}");
    std::fs::write(place.path("tiny.toml"), &written).expect("the directory is writable");
    assert_eq!(place.experiment(&[]), experiment);

    let plan = crate::plan(
        &experiment,
        &crate::methods(),
        &ligo_kernels::Cpu::default(),
        (&place.path(""), &place.path("results/tiny")),
    );
    let plan = plan.expect("a plan");
    assert!(plan.small.is_none() && plan.checkpoint == experiment.checkpoint);
}

#[test]
fn a_checkpoint_takes_the_place_of_what_an_extended_file_would_train() {
    let (place, _) = place();
    let base = TOML
        .replace("checkpoint = \"checkpoint\"", "family = 'bert'\nhidden_size = 4\nnum_hidden_layers = 1")
        .replace("[training]", "[data.tokenizer]\nvocab_size = 300\n[small_training]\nsteps = 3\n[training]");
    std::fs::write(place.path("base.toml"), base).expect("the directory is writable");
    let over = "extends = 'base.toml'\n[small]\ncheckpoint = 'checkpoint'\n";
    std::fs::write(place.path("tiny.toml"), over).expect("the directory is writable");
    let extended = place.experiment(&[]);
    std::fs::write(place.path("tiny.toml"), "extends = 'base.toml'\n").expect("the directory is writable");
    assert_eq!(place.experiment(&["small.checkpoint=checkpoint"]), extended);
    assert_eq!((extended.small.hidden_size, extended.small_training.steps), (8, 6));
}

#[test]
fn what_contradicts_a_checkpoint_is_refused_where_it_is_written() {
    let (place, _) = place();
    std::fs::create_dir(place.path("empty")).expect("the directory is writable");
    let named = "checkpoint = \"checkpoint\"";
    let cases = [
        (
            named,
            "checkpoint = 7",
            "tiny.toml:10:14: 'small.checkpoint' is 7, expected the path of a directory, or owner/name",
        ),
        (
            named,
            "checkpoint = './none'",
            "tiny.toml:10:14: 'small.checkpoint': ./none: found no such file or directory, ",
        ),
        (named, "checkpoint = 'empty'", "tiny.toml:10:14: 'small.checkpoint': "),
        (
            named,
            "checkpoint = 'checkpoint'\nhidden_size = 8",
            "tiny.toml:11:1: 'small.hidden_size' is given beside 'small.checkpoint', expected no such key: ",
        ),
        (
            "[training]",
            "[small_training]\nsteps = 3\n[training]",
            "tiny.toml:17:2: 'small_training' is given beside 'small.checkpoint', expected no such table: ",
        ),
        (
            "[training]",
            "[data.tokenizer]\nvocab_size = 300\n[training]",
            "tiny.toml:17:7: 'data.tokenizer' is given beside 'small.checkpoint', expected no such table: ",
        ),
        (
            "[large]",
            "[large]\nfamily = 'bert'",
            "tiny.toml:13:1: 'large.family' is bert, expected the small model's, gpt2",
        ),
        ("[large]", "[large]\nvocab_size = 999", "tiny.toml:13:1: 'large.vocab_size' is 999, expected 270"),
        (
            "sequence_length = 8",
            "sequence_length = 9",
            "tiny.toml:10:14: 'small.max_position_embeddings' is 8, expected 9 ",
        ),
    ];
    let mut wrong = String::new();
    let refused = |text: &str| {
        std::fs::write(place.path("tiny.toml"), text).expect("the directory is writable");
        let found =
            Experiment::load(&place.path("tiny.toml"), &[], &crate::methods::<ligo_kernels::Cpu>(), &place.path(""));
        found.expect_err(text).to_string().replace(&format!("{}", place.path("").display()), "")
    };
    for (from, to, expected) in cases {
        assert!(TOML.contains(from));
        let found = refused(&TOML.replacen(from, to, 1));
        if !found.starts_with(expected) {
            wrong += &format!("{to}\n   found: {found}\nexpected: {expected}\n");
        }
    }
    std::fs::remove_file(place.path("checkpoint/tokenizer.json")).expect("it is there");
    let found = refused(TOML);
    if !found.starts_with("tiny.toml:10:14: 'small.checkpoint': ") || !found.contains("tokenizer.json: no such file") {
        wrong += &format!("no tokenizer\n   found: {found}\n");
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
