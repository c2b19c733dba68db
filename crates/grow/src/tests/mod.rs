//! Growths of tiny checkpoints, from directory to directory.

mod asked;
mod learning;
mod outcome;

use crate::{Control, DataFiles, GrowError, Learning, Outcome, Plan, Report, Request, Sizes, Source, Target, Watch};
use ligo::Ligo;
use ligo_bert2bert::Bert2Bert;
use ligo_direct_copy::DirectCopy;
use ligo_growth::testing::config;
use ligo_growth::{Method, Scratch};
use ligo_kernels::Cpu;
use ligo_models::checkpoint::FloatType;
use ligo_models::hub::{self, ExportOptions};
use ligo_models::{Family, Model, ModelConfig};
use ligo_train::{MetricRow, Progress, StepReport, StopFlag};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Words of the tokenizer, their ids in this order; RoBERTa's padding comes second, as its configuration has it.
const WORDS: [&str; 12] =
    ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", "the", "model", "grows", "wider", "and", "deeper", "."];

/// A checkpoint of any family, of random weights, with a tokenizer where it reads text.
pub(crate) fn checkpoint(family: Family) -> tempfile::TempDir {
    checkpoint_of(config(family, 2, 8, 2))
}

fn checkpoint_of(config: ModelConfig) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::new(config).unwrap();
    let parameters = model.fresh(&Cpu::default(), 1).unwrap();
    hub::export(directory.path(), &model, &parameters, &ExportOptions::default()).unwrap();
    if !model.config().family.reads_images() {
        std::fs::write(directory.path().join("tokenizer.json"), tokenizer().to_string()).unwrap();
    }
    directory
}

fn tokenizer() -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        WORDS.iter().zip(0..).map(|(word, id)| ((*word).to_owned(), Value::from(id))).collect();
    let special = |(content, id): (&str, u32)| json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true });
    let special: Vec<Value> = WORDS[..5].iter().copied().zip(0..).map(special).collect();
    json!({
        "version": "1.0", "added_tokens": special, "pre_tokenizer": { "type": "Whitespace" },
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]" },
    })
}

/// Parquet with some hundred tokens.
fn text(directory: &Path) -> DataFiles {
    let path = directory.join("text.parquet");
    let word = |i: usize| WORDS[5 + (i * i + i / 3) % 7];
    let rows: Vec<String> = (0..60).map(|i| (i..i + 9).map(word).collect::<Vec<_>>().join(" ")).collect();
    ligo_data::write_text_parquet(&path, "text", &rows).unwrap();
    DataFiles { files: vec![path], column: None, label_column: None }
}

/// Parquet with some images of three classes.
fn images(directory: &Path) -> DataFiles {
    let image = |i: u8| {
        let mut png = std::io::Cursor::new(Vec::new());
        let pixels = image::RgbImage::from_fn(5, 4, |x, y| image::Rgb([i * 5, (x * 40) as u8, (y * 60) as u8]));
        pixels.write_to(&mut png, image::ImageFormat::Png).unwrap();
        (png.into_inner(), i64::from(i % 3))
    };
    let path = directory.join("images.parquet");
    ligo_data::images::write_image_parquet(&path, &(0..40).map(image).collect::<Vec<_>>()).unwrap();
    DataFiles { files: vec![path], column: None, label_column: None }
}

fn data(family: Family, directory: &Path) -> DataFiles {
    if family.reads_images() { images(directory) } else { text(directory) }
}

fn methods() -> Vec<Box<dyn Method<Cpu>>> {
    vec![Box::new(Scratch), Box::new(Ligo), Box::new(DirectCopy), Box::new(Bert2Bert)]
}

/// Stops after so many steps, or when something begins, if at all.
#[derive(Default)]
struct Watcher {
    stop: StopFlag,
    stop_after: Option<u64>,
    stop_at: Option<&'static str>,
}

impl Progress for Watcher {
    fn stage_started(&self, _: &str, _: u64, _: u64) {}
    fn step(&self, report: &StepReport) {
        if self.stop_after.is_some_and(|steps| report.step >= steps) {
            self.stop.stop();
        }
    }
    fn evaluated(&self, _: &MetricRow) {}
    fn stage_finished(&self, _: &str) {}
}

impl Watch for Watcher {
    fn doing(&self, what: &str) {
        if self.stop_at == Some(what) {
            self.stop.stop();
        }
    }
}

/// A growth that is asked for: of a checkpoint to twice its width and depth, as its fields may change.
#[derive(Clone)]
struct Asked {
    source: PathBuf,
    out: PathBuf,
    method: &'static str,
    target: Target,
    options: toml::Table,
    data: Option<DataFiles>,
    learning: Learning,
    save_factors: bool,
    dtype: Option<FloatType>,
}

impl Asked {
    fn new(source: &Path, out: PathBuf, method: &'static str) -> Self {
        let sizes = Sizes { hidden_size: Some(16), num_hidden_layers: Some(4), ..Sizes::default() };
        Self {
            source: source.to_owned(),
            out,
            method,
            target: Target::Sizes(sizes),
            options: toml::Table::new(),
            data: None,
            learning: Learning::default(),
            save_factors: false,
            dtype: None,
        }
    }

    fn with<R>(&self, act: impl FnOnce(Plan<'_, Cpu>) -> Result<R, GrowError>) -> Result<R, GrowError> {
        let methods = methods();
        let method = methods.iter().find(|method| method.name() == self.method).unwrap().as_ref();
        act(Plan::new(Request {
            source: Source { name: self.source.display().to_string(), directory: self.source.clone() },
            target: self.target.clone(),
            method,
            methods: &methods,
            options: self.options.clone(),
            data: self.data.clone(),
            learning: self.learning.clone(),
            dtype: self.dtype,
            save_factors: self.save_factors,
            seed: 3,
            out: self.out.clone(),
            command: "cargo xtask grow".into(),
        })?)
    }

    fn run(&self, watcher: &Watcher) -> Result<Outcome, GrowError> {
        self.with(|plan| {
            let control =
                Control { watch: watcher, stop: &watcher.stop, checkpoint_every: Duration::ZERO, shown_out: "grown" };
            plan.run(&Cpu::default(), &control)
        })
    }

    fn finished(&self) -> Report {
        match self.run(&Watcher::default()) {
            Ok(Outcome::Finished(report)) => *report,
            Ok(Outcome::Stopped { .. }) => panic!("nobody asked it to stop"),
            Err(error) => panic!("{error}"),
        }
    }

    fn message(&self) -> String {
        self.run(&Watcher::default()).map_or_else(|error| error.to_string(), |_| "it grew".into())
    }
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
