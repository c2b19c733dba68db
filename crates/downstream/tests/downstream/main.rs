//! Fine-tuning from outside: small models learn synthetic tasks, resume to the bit, and refuse what does not go together.

mod features;
mod images;
mod refusals;
mod squad;
mod texts;

use ligo_data::{BpeOptions, SpecialTokens, TextSource, Tokenizer, write_text_parquet};
use ligo_downstream::{FineTuned, FineTuning, Outcome, Result, Task, Tuning, fine_tune};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Parameters};
use ligo_train::{MetricRow, Progress, Silent, StepReport, StopFlag};
use std::path::Path;
use std::time::Duration;

const WORDS: [&str; 12] =
    ["river", "stone", "cloud", "table", "green", "seven", "north", "paper", "light", "glass", "train", "house"];

/// A stream of numbers below `n`, the same every time (Lehmer's generator of Park and Miller).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        (self.0 % n as u64) as usize
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

/// A tokeniser to which every word here, and each of `more`, is one token.
fn tokenizer(more: &[&str]) -> Tokenizer {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("text.parquet");
    let text = format!(" {}", [&WORDS, more].concat().join(" "));
    write_text_parquet(&file, "text", &[text.as_str(); 4]).unwrap();
    Tokenizer::train(&TextSource::new([file], "text"), &BpeOptions::new(400, SpecialTokens::Masked)).unwrap()
}

/// A small model with the head of its pretraining, and weights large enough to tell tokens apart.
fn pretrained(family: Family) -> (Model, Parameters<Cpu>) {
    let mut config = ModelConfig { initializer_range: 0.1, ..ModelConfig::new(family, 32, 2, 2) };
    match family.reads_images() {
        true => {
            (config.image_size, config.patch_size, config.num_channels) = (Some(8), Some(2), Some(1));
            config.num_labels = Some(3);
        }
        false => {
            (config.vocab_size, config.max_position_embeddings) = (400, 66);
            (config.hidden_dropout, config.attention_dropout) = (0.1, 0.1);
        }
    }
    let model = Model::new(config).unwrap();
    let parameters = model.fresh(&Cpu::default(), 1).unwrap();
    (model, parameters)
}

/// Stops a training after so many steps of this process.
struct StopAfter(u64, StopFlag);

impl Progress for StopAfter {
    fn stage_started(&self, _: &str, _: u64, _: u64) {}
    fn step(&self, report: &StepReport) {
        if report.step == self.0 {
            self.1.stop();
        }
    }
    fn evaluated(&self, _: &MetricRow) {}
    fn stage_finished(&self, _: &str) {}
}

/// Fine-tunes in `directory`, from step `stop` on in a second call if one is named.
fn tune(
    (model, parameters): (&Model, &Parameters<Cpu>),
    task: Task<'_>,
    tuning: &Tuning,
    directory: &Path,
    stop: Option<u64>,
) -> Result<FineTuned<Cpu>> {
    let device = Cpu::default();
    let checkpoint_every = Duration::from_secs(60);
    let setting = FineTuning { device: &device, model, parameters, task, tuning, seed: 3, directory, checkpoint_every };
    if let Some(step) = stop {
        let flag = StopFlag::default();
        let stopped = fine_tune(&setting, &StopAfter(step, flag.clone()), &flag)?;
        assert!(matches!(stopped, Outcome::Stopped));
    }
    match fine_tune(&setting, &Silent, &StopFlag::default())? {
        Outcome::Finished(tuned) => Ok(*tuned),
        Outcome::Stopped => panic!("nobody asked it to stop"),
    }
}

fn metric(tuned: &FineTuned<Cpu>, name: &str) -> f64 {
    tuned.scores.metrics.iter().find(|measured| measured.name == name).unwrap().value
}

/// Two results, but for the seconds.
fn assert_same(a: &FineTuned<Cpu>, b: &FineTuned<Cpu>) {
    assert_eq!((&a.scores.metrics, a.scores.own), (&b.scores.metrics, b.scores.own));
    let losses = |tuned: &FineTuned<Cpu>| -> Vec<(u64, u64)> {
        tuned.scores.rows.iter().map(|row| (row.step, row.validation_loss.to_bits())).collect()
    };
    assert_eq!(losses(a), losses(b));
    for (a, b) in a.parameters.tensors().iter().zip(b.parameters.tensors()) {
        assert_eq!(a.as_vec(), b.as_vec());
    }
}
