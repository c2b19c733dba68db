//! Tables of experiment files: what is refused and in which words, what is merged, what comes back.

use super::*;
use crate::registry::methods;
use ligo_kernels::Cpu;
use std::path::Path;

const GOOD: &str = r#"title = "A test"
seeds = [0, 1]

[data]
corpus = "crate-docs"
sequence_length = 16

[data.tokenizer]
vocab_size = 300

[small]
family = "gpt2"
hidden_size = 8
num_hidden_layers = 1
num_attention_heads = 2

[large]
family = "gpt2"
hidden_size = 16
num_hidden_layers = 2
num_attention_heads = 4

[training]
steps = 10
batch_size = 2
learning_rate = 1e-3

[[methods]]
method = "scratch"

[[methods]]
method = "scratch"
label = "scratch-fast"
[methods.training]
learning_rate = 2e-3

[[methods]]
method = "ligo"
steps = 3
"#;

/// Writes files into a directory of their own and loads the first; places in errors are relative to that directory.
fn load(files: &[(&str, &str)], overrides: &[&str]) -> std::result::Result<Experiment, String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("the directory is writable");
    }
    let overrides: Vec<String> = overrides.iter().map(|&argument| argument.to_owned()).collect();
    let path = directory.path().join(files[0].0);
    Experiment::load(&path, &overrides, &methods::<Cpu>(), directory.path())
        .map_err(|error| error.to_string().replace(&format!("{}/", directory.path().display()), ""))
}

fn good(overrides: &[&str]) -> Experiment {
    load(&[("a.toml", GOOD)], overrides).expect("the file is good")
}

#[test]
fn every_mistake_names_file_line_column_key_what_was_found_and_what_was_expected() {
    // (what the file says, what the mistake makes of it, the message)
    let cases = [
        (
            "learning_rate = 1e-3",
            "lerning_rate = 1e-3",
            "a.toml:26:1: unknown key 'training.lerning_rate', did you mean 'learning_rate'?",
        ),
        (
            "sequence_length = 16",
            "sequence_length = \"16\"",
            "a.toml:6:19: 'data.sequence_length' is the string \"16\", expected a whole number, 0 or more",
        ),
        (
            "sequence_length = 16",
            "sequence_length = -16",
            "a.toml:6:19: 'data.sequence_length' is -16, expected a whole number, 0 or more",
        ),
        (
            "sequence_length = 16",
            "sequence_length = 1",
            "a.toml:6:1: 'data.sequence_length' is 1, expected 2 to 1048576",
        ),
        (
            "sequence_length = 16",
            "sequence_length = 1.5",
            "a.toml:6:19: 'data.sequence_length' is 1.5, expected a whole number, 0 or more",
        ),
        (
            "sequence_length = 16",
            "sequence_length = 99999999999999999999",
            "a.toml:6:19: the integer 99999999999999999999 is out of range",
        ),
        ("sequence_length = 16\n", "", "a.toml:4:2: missing key 'data.sequence_length'"),
        (
            "corpus = \"crate-docs\"",
            "corpus = \"crate-dogs\"",
            "a.toml:5:10: 'data.corpus' is \"crate-dogs\", did you mean 'crate-docs'?",
        ),
        ("corpus = \"crate-docs\"", "corpus = 3", "a.toml:5:10: 'data.corpus' is 3, expected one of \"crate-docs\""),
        (
            "corpus = \"crate-docs\"\n",
            "",
            "a.toml:4:2: no text: expected 'data.corpus', or files in both 'data.train' and 'data.validation'",
        ),
        (
            "corpus = \"crate-docs\"",
            "train = [\"a.parquet\"]",
            "a.toml:4:2: no text: expected 'data.corpus', or files in both 'data.train' and 'data.validation'",
        ),
        (
            "corpus = \"crate-docs\"",
            "train = [\"a.parquet\", 7]",
            "a.toml:5:23: 'data.train.1' is 7, expected a string",
        ),
        (
            "vocab_size = 300",
            "vocab_size = 20",
            "a.toml:9:1: 'data.tokenizer.vocab_size' is 20, expected 261 to 1048576",
        ),
        (
            "vocab_size = 300",
            "vocab_size = 300\nfile = \"t.json\"",
            "a.toml:8:7: both 'data.tokenizer.vocab_size' and 'data.tokenizer.file' are given, expected one of them",
        ),
        (
            "hidden_size = 16",
            "hidden_size = 18",
            "a.toml:19:1: 'large.hidden_size' is 18, expected a multiple of num_attention_heads (4)",
        ),
        (
            "num_hidden_layers = 1",
            "num_hidden_layers = 3",
            "a.toml:20:1: 'large.num_hidden_layers' is 2, expected 3 (small.num_hidden_layers) or more",
        ),
        ("hidden_size = 16", "hidden_size = 0", "a.toml:19:1: 'large.hidden_size' is 0, expected a number from 1 to "),
        (
            "hidden_size = 16",
            "hidden_size = 16\nvocab_size = 290",
            "a.toml:20:1: 'large.vocab_size' is 290, expected 300 (data.tokenizer.vocab_size) or more",
        ),
        (
            "hidden_size = 16",
            "hidden_size = 16\nmax_position_embeddings = 8",
            "a.toml:20:1: 'large.max_position_embeddings' is 8, expected 16 (data.sequence_length) or more",
        ),
        (
            "family = \"gpt2\"\nhidden_size = 16",
            "family = \"gtp2\"\nhidden_size = 16",
            "a.toml:18:10: 'large.family' is \"gtp2\", did you mean 'gpt2'?",
        ),
        (
            "family = \"gpt2\"\nhidden_size = 8",
            "family = \"vit\"\nhidden_size = 8",
            "a.toml:12:1: 'small.family' is vit, expected a family that reads text: gpt2, bert, roberta, llama, mistral, qwen2, qwen3",
        ),
        (
            "hidden_size = 16",
            "hidden_size = 16\nhead = \"none\"",
            "a.toml:20:1: 'large.head' is none, expected causal-lm: an experiment trains language models",
        ),
        (
            "hidden_size = 16",
            "hidden_size = 16\nlayer_norm_eps = 1e-3",
            "a.toml:20:1: 'large.layer_norm_eps' is 0.001, expected 0.00001, as in the small model (asked by methods.ligo)",
        ),
        (
            "learning_rate = 1e-3",
            "learning_rate = nan",
            "a.toml:26:17: 'training.learning_rate' is nan, expected a finite number",
        ),
        ("[training]\nsteps = 10", "[training]\nsteps = 0", "a.toml:24:1: 'training.steps' is 0, expected 1 or more"),
        ("[training]", "[trainning]", "a.toml:1:1: missing key 'training'"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "a.toml:2:1: 'seeds' is [0, 0], expected every seed once"),
        ("seeds = [0, 1]", "seeds = []", "a.toml:2:1: 'seeds' is empty, expected one seed or more"),
        ("seeds = [0, 1]", "seeds = 3", "a.toml:2:9: 'seeds' is 3, expected an array"),
        ("seeds = [0, 1]", "seed = [0, 1]", "a.toml:2:1: unknown key 'seed', did you mean 'seeds'?"),
        (
            "seeds = [0, 1]",
            "seeds = [0, 1",
            "a.toml:4:1: not valid TOML: missing comma between array elements, expected `,`",
        ),
        ("method = \"ligo\"", "method = \"lgo\"", "a.toml:38:1: unknown method 'lgo', did you mean 'ligo'?"),
        ("method = \"ligo\"", "methode = \"ligo\"", "a.toml:37:1: missing key 'methods.2.method'"),
        (
            "label = \"scratch-fast\"",
            "label = \"scratch\"",
            "a.toml:33:1: two rows are labelled 'scratch', expected every label once",
        ),
        (
            "label = \"scratch-fast\"",
            "label = \"a/b\"",
            "a.toml:33:1: 'methods.a/b.label' is \"a/b\", expected 1 to 64 letters, digits, '-', '_' or '+' (it names a directory), and not 'small'",
        ),
        (
            "learning_rate = 2e-3",
            "lr = 2e-3",
            "a.toml:35:1: unknown key 'methods.scratch-fast.training.lr'; known keys: ",
        ),
        (
            "learning_rate = 2e-3",
            "learning_rate = -1",
            "a.toml:35:1: 'methods.scratch-fast.training.learning_rate' is -1, expected a number above 0",
        ),
        ("steps = 3", "stps = 3", "a.toml:39:1: 'methods.ligo.stps' (an option of ligo): "),
        (
            "title = \"A test\"",
            "title = \"A test\"\nreport.reference = \"ligo\"",
            "a.toml:2:8: 'report.reference' is 'ligo', a row of the method 'ligo', expected the label of a scratch row",
        ),
        (
            "title = \"A test\"",
            "title = \"A test\"\nreport.reference = \"scrotch\"",
            "a.toml:2:8: 'report.reference' is 'scrotch', which no row is labelled, did you mean 'scratch'?",
        ),
        (
            "title = \"A test\"",
            "title = \"A test\"\nextends = \"none.toml\"",
            "a.toml:2:11: 'extends' names none.toml, which cannot be read: No such file or directory (os error 2)",
        ),
        (
            "title = \"A test\"",
            "title = \"A test\"\nextends = \"a.toml\"",
            "a.toml:2:11: 'extends' goes round in a circle: a.toml extends this file again",
        ),
        (
            "title = \"A test\"",
            "title = \"A test\"\nextends = 5",
            "a.toml:2:11: 'extends' is 5, expected the path of a file",
        ),
    ];
    let mut wrong = String::new();
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "the good file has no {from:?}");
        let found = load(&[("a.toml", &GOOD.replacen(from, to, 1))], &[]).expect_err(to);
        if !found.starts_with(expected) {
            wrong += &format!("{to}\n   found: {found}\nexpected: {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_key_that_any_row_can_have_is_refused_where_it_is_written() {
    // (what stands in the ligo row below its steps, the message)
    let cases = [
        (
            "optimiser_state = \"grwn\"",
            "a.toml:40:19: 'methods.ligo.optimiser_state' is \"grwn\", did you mean 'grown'?",
        ),
        (
            "optimizer_state = \"grown\"",
            "a.toml:40:1: unknown key 'methods.ligo.optimizer_state', did you mean 'optimiser_state'?",
        ),
        (
            "learning_rate_after_growth = \"rewarm\"",
            "a.toml:40:30: 'methods.ligo.learning_rate_after_growth' is \"rewarm\", did you mean 're-warm'?",
        ),
        (
            "learning_rate_after_growth = \"re-warm\"",
            "a.toml:40:1: 'methods.ligo.learning_rate_after_growth' is re-warm, expected 'rewarm_steps' beside it",
        ),
        (
            "learning_rate_after_growth = \"re-warm\"\nrewarm_steps = 0",
            "a.toml:41:1: 'methods.ligo.rewarm_steps' is 0, expected 1 or more",
        ),
        (
            "rewarm_steps = 3",
            "a.toml:40:1: 'methods.ligo.rewarm_steps' is 3, expected learning_rate_after_growth = \"re-warm\" beside it",
        ),
        (
            "layer_dropping = { max_rate = 1 }",
            "a.toml:40:20: 'methods.ligo.layer_dropping.max_rate' is 1, expected 0 or more and less than 1",
        ),
        (
            "layer_dropping = { max_rte = 0.1 }",
            "a.toml:40:20: unknown key 'methods.ligo.layer_dropping.max_rte', did you mean 'max_rate'?",
        ),
        ("layer_dropping = {}", "a.toml:40:18: missing key 'methods.ligo.layer_dropping.max_rate'"),
        ("layer_dropping = 0.1", "a.toml:40:18: 'methods.ligo.layer_dropping' is 0.1, expected a table"),
        (
            "token_dropping = { share = 0.15 }",
            "a.toml:40:18: 'methods.ligo.token_dropping.from_layer' is 1, expected less than to_layer (1), in a model of 2 layers",
        ),
        (
            "token_dropping = { share = 1.5, from_layer = 0 }",
            "a.toml:40:20: 'methods.ligo.token_dropping.share' is 1.5, expected 0 or more and less than 1",
        ),
        (
            "staged_training = { layers = 2, share = 0.5 }",
            "a.toml:40:21: 'methods.ligo.staged_training.layers' is 2, expected 1 or more and less than the large model's layers (2)",
        ),
        (
            "staged_training = { layers = 1, share = 0.01 }",
            "a.toml:40:33: 'methods.ligo.staged_training.share' is 0.01, expected a share that leaves a step of the stage's 10 to either part",
        ),
        (
            "staged_training = { layers = 1, share = 1 }",
            "a.toml:40:33: 'methods.ligo.staged_training.share' is 1, expected more than 0 and less than 1",
        ),
        (
            "[[methods]]\nmethod = \"msg\"\nstaged_training = { layers = 1, share = 0.5 }",
            "a.toml:42:1: 'methods.msg.staged_training' is asked for, expected nothing of the kind: ",
        ),
        (
            "[[methods]]\nmethod = \"ki\"\nlearning_rate_after_growth = \"restart\"",
            "a.toml:42:1: 'methods.ki.learning_rate_after_growth' is given, expected no such key: the method ki grows nothing",
        ),
        (
            "[[methods]]\nmethod = \"ki\"\noptimiser_state = \"grown\"",
            "a.toml:42:1: 'methods.ki.optimiser_state' is grown, expected no such key: the method ki grows nothing",
        ),
    ];
    let mut wrong = String::new();
    for (keys, expected) in cases {
        let found = load(&[("a.toml", &GOOD.replacen("steps = 3", &format!("steps = 3\n{keys}"), 1))], &[]);
        let found = found.expect_err(keys);
        if !found.starts_with(expected) {
            wrong += &format!("{keys}\n   found: {found}\nexpected: {expected}\n");
        }
    }
    // Behind a window tokens that are left out would be missed.
    let windowed = [
        "small.family=mistral",
        "large.family=mistral",
        "small.sliding_window=8",
        "large.sliding_window=8",
        "methods.ligo.token_dropping={share=0.15,from_layer=0}",
    ];
    let found = load(&[("a.toml", GOOD)], &windowed).expect_err("a window");
    let expected = "--set methods.ligo.token_dropping={share=0.15,from_layer=0}: 'methods.ligo.token_dropping' is over layer 0, whose window ";
    if !found.starts_with(expected) {
        wrong += &format!("   found: {found}\nexpected: {expected}\n");
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_large_model_smaller_than_the_small_one_is_refused_where_it_is_written() {
    let found =
        load(&[("a.toml", &GOOD.replacen("hidden_size = 8", "hidden_size = 32", 1))], &[]).expect_err("smaller");
    assert!(found.starts_with("a.toml:19:1: ") && found.contains("hidden_size"), "{found}");
}

#[test]
fn a_mistake_on_the_command_line_is_shown_as_it_was_typed() {
    let cases = [
        (
            "training.lerning_rate=1",
            "--set training.lerning_rate=1: unknown key 'training.lerning_rate', did you mean 'learning_rate'?",
        ),
        (
            "training.steps=many",
            "--set training.steps=many: 'training.steps' is the string \"many\", expected a whole number, 0 or more",
        ),
        ("training.steps", "--set training.steps: expected key=value, such as training.steps=100"),
        (
            "training..steps=1",
            "--set training..steps=1: the key \"training..steps\" has an empty part, expected names joined by single dots",
        ),
        ("title.x=1", "--set title.x=1: 'title' is the string \"A test\", it has no key 'x'"),
        (
            "methods.lgo.steps=1",
            "--set methods.lgo.steps=1: no row of 'methods' is labelled 'lgo', did you mean 'ligo'?",
        ),
        ("methods=1", "--set methods=1: 'methods' is 1, expected an array"),
        (
            "small.hidden_size=9",
            "--set small.hidden_size=9: 'small.hidden_size' is 9, expected a multiple of num_attention_heads (2)",
        ),
    ];
    let mut wrong = String::new();
    for (argument, expected) in cases {
        let found = load(&[("a.toml", GOOD)], &[argument]).expect_err(argument);
        if !found.starts_with(expected) {
            wrong += &format!("{argument}\n   found: {found}\nexpected: {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_mistake_in_an_extended_file_names_that_file() {
    let base = GOOD.replacen("steps = 10", "stepz = 10", 1);
    let found =
        load(&[("b.toml", "extends = \"a.toml\"\ntitle = \"b\"\n"), ("a.toml", &base)], &[]).expect_err("misspelt");
    assert_eq!(found, "a.toml:24:1: unknown key 'training.stepz', did you mean 'steps'?");
}

#[test]
fn set_changes_one_value_and_reaches_into_rows_by_label() {
    let experiment = good(&["training.steps=7", "methods.scratch-fast.training.steps=9", "title=plain words"]);
    assert_eq!(experiment.title, "plain words");
    assert_eq!(experiment.training.steps, 7);
    assert_eq!(experiment.small_training.steps, 7);
    assert_eq!(experiment.methods.iter().map(|row| row.training.steps).collect::<Vec<_>>(), [7, 9, 7]);
    let experiment = good(&["methods.ligo.steps=5", "small_training.learning_rate=0.25"]);
    assert_eq!(experiment.methods[2].options["steps"].as_integer(), Some(5));
    assert_eq!((experiment.small_training.learning_rate, experiment.training.learning_rate), (0.25, 1e-3));
}

#[test]
fn what_is_left_out_follows_from_the_rest() {
    let experiment = good(&[]);
    assert_eq!((experiment.large.vocab_size, experiment.large.max_position_embeddings), (300, 16));
    assert_eq!(experiment.report.reference, "scratch");
    assert_eq!(experiment.data.objective, LanguageObjective::Causal);
    assert_eq!(
        experiment.methods.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(),
        ["scratch", "scratch-fast", "ligo"]
    );
    // The longest sequence is 16; RoBERTa counts on from its padding token, the first of a tokenizer of our own.
    let cases = [
        ("bert", LanguageObjective::Masked, 16, None),
        ("roberta", LanguageObjective::Masked, 17, Some(0)),
        ("llama", LanguageObjective::Causal, 16, None),
    ];
    for (family, objective, positions, padding) in cases {
        let found = good(&[&format!("small.family={family}"), &format!("large.family={family}")]);
        assert_eq!(found.data.objective, objective, "{family}");
        for model in [&found.small, &found.large] {
            assert_eq!((model.max_position_embeddings, model.pad_token_id), (positions, padding), "{family}");
        }
    }
}

#[test]
fn own_files_take_the_place_of_the_extended_corpus_and_tokenizer_size() {
    let own = "extends = 'base.toml'
[data]
train = ['a.parquet']
validation = ['b.parquet']
[data.tokenizer]
vocab_size = 400
";
    let base = GOOD.replace("vocab_size = 300", "file = 'theirs.json'");
    let experiment = load(&[("own.toml", own), ("base.toml", &base)], &[]).unwrap();
    assert_eq!(experiment.data.corpus, None);
    assert_eq!((experiment.data.train.len(), experiment.data.validation.len()), (1, 1));
    assert_eq!((experiment.data.tokenizer.vocab_size, experiment.data.tokenizer.file), (Some(400), None));
    let set = good(&["data.train=['a.parquet']", "data.validation=['b.parquet']"]);
    assert_eq!((set.data.corpus, set.data.train.len()), (None, 1));
    let both = GOOD.replace("corpus = \"crate-docs\"", "corpus = \"crate-docs\"\ntrain = ['a.parquet']");
    assert!(load(&[("both.toml", &both)], &[]).unwrap_err().contains("expected one of them"));
}

#[test]
fn an_extending_file_changes_keys_and_rows_and_adds_rows_below() {
    let over = r#"
extends = "a.toml"
title = "Over"
[large]
num_hidden_layers = 4
[[methods]]
method = "stackbert"
[[methods]]
label = "ligo"
steps = 4
"#;
    let experiment = load(&[("b.toml", over), ("a.toml", GOOD)], &[]).expect("good");
    assert_eq!((experiment.name.as_str(), experiment.title.as_str()), ("b", "Over"));
    assert_eq!((experiment.large.num_hidden_layers, experiment.large.hidden_size), (4, 16));
    let labels: Vec<&str> = experiment.methods.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["scratch", "scratch-fast", "ligo", "stackbert"]);
    assert_eq!(experiment.methods[2].options["steps"].as_integer(), Some(4));
}

#[test]
fn the_resolved_file_resolves_to_itself() {
    let roberta = &["small.family=roberta", "large.family=roberta"][..];
    let rows = &[
        "methods.ligo.optimiser_state=grown",
        "methods.ligo.learning_rate_after_growth=re-warm",
        "methods.ligo.rewarm_steps=4",
        "methods.ligo.layer_dropping.max_rate=0.1",
        "methods.scratch.token_dropping={share=0.15,from_layer=0,to_layer=2}",
        "methods.scratch-fast.staged_training={layers=1,share=0.125}",
    ][..];
    for overrides in
        [&[][..], rows, &["threads=2", "small_training.steps=4", "training.max_grad_norm=0.5"][..], roberta]
    {
        let experiment = good(overrides);
        let written = experiment.to_toml().expect("it has a TOML form");
        let again = load(&[("a.toml", &written)], &[]).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(again, experiment, "{written}");
        assert_eq!(again.to_toml().expect("it has a TOML form"), written);
        let named = super::ROW_KEYS.iter().filter(|key| written.contains(**key)).count();
        assert_eq!(named, if overrides == rows { super::ROW_KEYS.len() } else { 0 }, "{written}");
    }
}

#[test]
fn the_experiments_of_the_repository_load() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for entry in std::fs::read_dir(workspace.join("experiments")).expect("the repository has experiments") {
        let path = entry.expect("a directory entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            Experiment::load(&path, &[], &methods::<Cpu>(), &workspace).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

const IMAGES: &str = r#"title = "Images"

[data.images]
set = "digits"

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
steps = 10
batch_size = 2
learning_rate = 1e-3

[[methods]]
method = "scratch"
"#;

#[test]
fn what_does_not_go_with_images_is_refused_where_it_is_written() {
    let model = |family: &str| format!("small.family='{family}'");
    let cases = [
        ("data.sequence_length=4", "'data.sequence_length' is given beside 'data.images', expected no such key"),
        ("data.images.train=['a.parquet']", "both 'data.images.set' and files are given, expected one of them"),
        ("data.images.crop_share=0.0", "'data.images.crop_share' is 0, expected more than 0 and at most 1"),
        ("data.images.std=[0.0]", "'data.images.std' is [0.0], expected numbers above 0"),
        (
            "data.images.mean=[0.1,0.2]",
            "'data.images.mean' is [0.1, 0.2], expected 1 numbers (small.num_channels), or none",
        ),
        ("data.images.augmentation.flip=2.0", "'data.images': augmentation.flip = 2, expected 0 to 1"),
        ("small.num_labels=3", "'small.num_labels' is 3, expected 10 (data.images.num_labels)"),
        (&model("bert"), "'small.family' is bert, expected a family that reads images: vit, deit, cait"),
        ("search.learning_rate=[1e-3]", "'search' is 1 point, expected a list of two values or more"),
        (
            "search.warmup_steps=[1,11]",
            "'search' gives methods.scratch a warmup_steps of 11, expected at most steps (10)",
        ),
        ("equal_compute_seeds=[7]", "'equal_compute_seeds' is [7], expected some of 'seeds' ([0])"),
    ];
    let mut wrong = String::new();
    for (set, expected) in cases {
        match load(&[("a.toml", IMAGES)], &[set]) {
            Err(found) if found.ends_with(expected) => {}
            other => wrong += &format!("{set}\n   found: {other:?}\nexpected: {expected}\n"),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_file_may_extend_several_and_what_is_for_fetching_is_passed_over() {
    let data =
        "[fetch]\nrepository = 'a/b'\n[data.images]\ntrain = ['t.parquet']\nvalidation = ['v.parquet']\nnum_labels = 4";
    let rest = IMAGES.replace("[data.images]\nset = \"digits\"\n", "");
    let own = "extends = ['rest.toml', 'data.toml']\n[small]\nimage_size = 8\n[large]\nimage_size = 8\n";
    let found = load(&[("own.toml", own), ("rest.toml", &rest), ("data.toml", data)], &[]).expect("it is good");
    assert_eq!((found.title.as_str(), found.small.num_labels), ("Images", Some(4)));
    let error = load(&[("own.toml", "extends = ['rest.toml', 3]"), ("rest.toml", &rest)], &[]).expect_err("a number");
    assert!(error.ends_with("'extends' is 3, expected the path of a file, or an array of paths"), "{error}");
}
