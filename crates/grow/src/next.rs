//! How to go on with a grown checkpoint: an experiment of three lines for this project, a few lines of Python for PyTorch.

use crate::pooling;
use ligo_models::hub::Checkpoint;
use ligo_models::{Head, ModelConfig, Naming};
use std::path::Path;

/// What the experiment extends, as seen from `experiments/`.
const BASE: &str = "bases/continue.toml";
/// Tokens in a sequence there.
const SEQUENCE_LENGTH: usize = 64;

/// How to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// An experiment file that trains the checkpoint on; none for models that experiments do not train.
    pub toml: Option<String>,
    /// A script that takes one step in PyTorch.
    pub python: String,
}

impl Next {
    /// For a checkpoint that will lie at `path`, with the files of `source` beside its weights.
    pub(crate) fn new(config: &ModelConfig, source: &Checkpoint, path: &str) -> Self {
        Self { toml: toml(config, source, path), python: python(config, source, path) }
    }
}

/// Experiments train language models, by a `tokenizer.json`.
fn toml(config: &ModelConfig, source: &Checkpoint, path: &str) -> Option<String> {
    let language = matches!(config.head(), Head::CausalLm | Head::MaskedLm);
    if !language || !has(source, "tokenizer.json") {
        return None;
    }
    let path = toml::Value::from(path);
    let short = config.longest_sequence().filter(|&longest| longest < SEQUENCE_LENGTH);
    let length = short.map(|longest| format!("\ndata.sequence_length = {longest}")).unwrap_or_default();
    Some(format!("extends = \"{BASE}\"{length}\n[small]\ncheckpoint = {path}"))
}

fn has(source: &Checkpoint, name: &str) -> bool {
    source.companions().iter().any(|path| path == Path::new(name))
}

/// Whether `transformers` finds a tokenizer.
fn has_tokenizer(source: &Checkpoint) -> bool {
    ["tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "sentencepiece.bpe.model", "spiece.model"]
        .iter()
        .any(|name| has(source, name))
}

/// A script that loads the model and takes one step.
fn python(config: &ModelConfig, source: &Checkpoint, path: &str) -> String {
    let place = format!("{path:?}");
    let step = "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)\nloss.backward()\noptimizer.step()\noptimizer.zero_grad()\nprint(loss.item())";
    let (channels, side) = (config.num_channels(), config.image_size());
    if config.naming == Naming::Timm {
        let loss = match config.head() {
            Head::None => "output = model(images)\nloss = output.pow(2).mean()  # yours here",
            Head::DistilledImageClassification => {
                "output = model(images)\noutput = sum(output) if isinstance(output, tuple) else output\n\
                 loss = torch.nn.functional.cross_entropy(output, torch.tensor([0, 0]))"
            }
            _ => "loss = torch.nn.functional.cross_entropy(model(images), torch.tensor([0, 0]))",
        };
        return format!(
            "import timm\nimport torch\n\nmodel = timm.create_model(\"local-dir:\" + {place}, pretrained=True).train()\n\
             images = torch.randn(2, {channels}, {side}, {side})  # yours here\n{loss}\n{step}"
        );
    }
    let (class, targets) = match config.head() {
        Head::CausalLm => ("AutoModelForCausalLM", "labels=batch[\"input_ids\"]"),
        Head::MaskedLm => ("AutoModelForMaskedLM", "labels=batch[\"input_ids\"]"),
        Head::SequenceClassification => ("AutoModelForSequenceClassification", "labels=torch.tensor([0])"),
        Head::SequenceRegression => ("AutoModelForSequenceClassification", "labels=torch.tensor([0.0])"),
        Head::QuestionAnswering => {
            ("AutoModelForQuestionAnswering", "start_positions=torch.tensor([1]), end_positions=torch.tensor([1])")
        }
        Head::ImageClassification => ("AutoModelForImageClassification", "labels=torch.tensor([0])"),
        Head::DistilledImageClassification => ("DeiTForImageClassificationWithTeacher", ""),
        Head::None => ("AutoModel", ""),
    };
    let (tokenizer, batch) = if config.family.reads_images() {
        ("", format!("batch = {{\"pixel_values\": torch.randn(1, {channels}, {side}, {side})}}  # yours here"))
    } else if has_tokenizer(source) {
        let load = format!("tokenizer = AutoTokenizer.from_pretrained({place})\n");
        (", AutoTokenizer", format!("{load}batch = tokenizer([\"Text of yours.\"], return_tensors=\"pt\")"))
    } else {
        let length = config.longest_sequence().unwrap_or(16).min(16);
        ("", format!("batch = {{\"input_ids\": torch.randint({}, (1, {length}))}}  # yours here", config.vocab_size))
    };
    let loss = match config.head() {
        Head::None => "loss = model(**batch).last_hidden_state.pow(2).mean()  # yours here".to_owned(),
        // It is made to be used, its loss is for whoever trains it.
        Head::DistilledImageClassification => {
            "loss = torch.nn.functional.cross_entropy(model(**batch).logits, torch.tensor([0]))".to_owned()
        }
        _ => format!("loss = model(**batch, {targets}).loss"),
    };
    format!(
        "import torch\nfrom transformers import {class}{tokenizer}\n\nmodel = {class}.from_pretrained({place}).train()\n{batch}\n\
         {loss}\n{step}"
    )
}

/// What loads the model, by the Hub's names.
pub(crate) fn library(config: &ModelConfig, source: &Checkpoint) -> &'static str {
    match config.naming {
        Naming::Timm => "timm",
        Naming::Hub if pooling::is_embedder(source) => "sentence-transformers",
        Naming::Hub => "transformers",
    }
}
