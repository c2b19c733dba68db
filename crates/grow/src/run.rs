//! A growth carried out: read, grown, measured, written; where nothing is learnt, written while it is grown and measured.

use crate::data::Data;
use crate::forecast::{HELD_OUT_BATCHES, HELD_OUT_SIZE};
use crate::learn::{Learnt, Lesson};
use crate::licence::Licence;
use crate::loss::loss;
use crate::next::Next;
use crate::receipt::{Receipt, Said};
use crate::writing::Writing;
use crate::{GrowError, Plan, Result, card};
use ligo_files::{FileError, replace_file};
use ligo_growth::{Action, Growth, Guarantee};
use ligo_kernels::{Kernels, on_workers};
use ligo_models::hub::{Export, ExportOptions, LoadOptions};
use ligo_models::{Batch, Model, Parameters, checkpoint};
use ligo_train::{Progress, StopFlag, TrainError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// The operator's factors, beside the weights.
pub const FACTORS: &str = "factors.safetensors";

/// Raised when a change of this project makes what a growth has learnt so far useless for going on.
const FORMAT: u32 = 2;

/// Watches a growth: what is done at the moment, and through [`Progress`] the steps of learning.
pub trait Watch: Progress {
    /// Something begins that may take a while.
    fn doing(&self, what: &str);
}

/// How a growth is watched and stopped.
pub struct Control<'a> {
    /// Is told what happens.
    pub watch: &'a dyn Watch,
    /// Asks it to stop.
    pub stop: &'a StopFlag,
    /// Time between two checkpoints of learning.
    pub checkpoint_every: Duration,
    /// The grown checkpoint's path as it is written into the experiment that trains it on.
    pub shown_out: &'a str,
}

/// How a growth ended.
#[derive(Debug)]
pub enum Outcome {
    /// The grown checkpoint is there.
    Finished(Box<Report>),
    /// It was asked to stop. Nothing is at its place; what was learnt is kept, and the same growth goes on from there.
    Stopped {
        /// Where it is kept, if something is.
        kept: Option<PathBuf>,
    },
}

/// What is known of a grown checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Weights of the source.
    pub before: u64,
    /// Weights of the grown model.
    pub after: u64,
    /// What the method promises.
    pub guarantee: Guarantee,
    /// How far the grown model's outputs are from the source's; none where an operator was learnt.
    pub receipt: Option<Receipt>,
    /// Loss of the source on what is held out of the data, in nats.
    pub small_loss: Option<f64>,
    /// Loss of the grown model.
    pub grown_loss: Option<f64>,
    /// Losses along the way of learning: after so many steps.
    pub learning: Vec<(u64, f64)>,
    /// Seconds from beginning to end.
    pub seconds: f64,
    /// Where the grown checkpoint is.
    pub out: PathBuf,
    /// How to go on.
    pub next: Next,
}

/// The model at hand.
type Current<D> = (Model, Parameters<D>);

/// What has been measured so far.
#[derive(Default)]
struct Measured {
    said: Option<Said>,
    small_loss: Option<f64>,
    learning: Vec<(u64, f64)>,
}

impl<D: Kernels> Plan<'_, D> {
    /// Carries it out.
    ///
    /// Nothing is at its place before all of it is; where it fails, only the checkpoints of learning are left, under another name
    /// beside it.
    ///
    /// # Errors
    /// Weights that are not finite, data that are damaged or too short, a learning that diverges, a full disk.
    pub fn run(&self, device: &D, control: &Control<'_>) -> Result<Outcome> {
        // From inside the pool an operation wakes one thread less.
        on_workers(|| self.run_here(device, control))
    }

    fn run_here(&self, device: &D, control: &Control<'_>) -> Result<Outcome> {
        let fingerprint = self.fingerprint()?;
        let learning = fingerprint.as_deref().map(|fingerprint| self.place.learning(fingerprint));
        self.place.begin(learning.as_deref())?;
        let result = self.carry_out(device, control, fingerprint.as_deref().unwrap_or_default());
        let diverged = matches!(&result, Err(GrowError::Train(TrainError::Diverged { .. })));
        if !matches!(result, Ok(Outcome::Finished(_))) {
            let kept = learning.filter(|path| path.is_dir() && !diverged);
            self.place.clear(kept.as_deref());
            if let Ok(Outcome::Stopped { .. }) = result {
                return Ok(Outcome::Stopped { kept });
            }
        }
        result
    }

    fn carry_out(&self, device: &D, control: &Control<'_>, fingerprint: &str) -> Result<Outcome> {
        // Whatever ends it, the thread that writes ends first.
        thread::scope(|scope| self.carry_out_in(scope, device, control, fingerprint))
    }

    fn carry_out_in<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        device: &D,
        control: &Control<'_>,
        fingerprint: &str,
    ) -> Result<Outcome> {
        let (start, watch) = (Instant::now(), control.watch);
        let stopped = || control.stop.is_set();
        let data = self.data(watch)?;
        let held_out = match &data {
            Some(data) => data.held_out(HELD_OUT_SIZE, HELD_OUT_BATCHES)?,
            None => Vec::new(),
        };
        if stopped() {
            return Ok(Outcome::Stopped { kept: None });
        }
        watch.doing("reading the weights");
        let mut current = self.checkpoint.load(device, &LoadOptions::default())?;
        let mut measured = self.measure_small(&current, &held_out, watch)?;
        let (mut factors, mut writing) = (None, None);
        let licence = Licence::of(self.checkpoint.directory());
        let last = self.stages.iter().rposition(|stage| !matches!(stage.action, Action::Train { .. }));
        for (number, stage) in self.stages.iter().enumerate() {
            if stopped() {
                return Ok(Outcome::Stopped { kept: None });
            }
            match &stage.action {
                Action::Grow { to, operator } => {
                    watch.doing("growing");
                    let model = Model::new(to.clone())?;
                    let seed = self.seed("growth");
                    let (small, parameters) = (&current.0, &current.1);
                    let growth = Growth { small, parameters, large: &model, device, seed };
                    let grown = if Some(number) == last {
                        let export = self.export(&model, &licence)?;
                        let no_thread =
                            |error| FileError::at("start a thread to write", self.place.out())(error).into();
                        let (grown, thread) =
                            Writing::while_growing(scope, export, &growth, operator.as_ref(), no_thread)?;
                        writing = Some(thread);
                        grown
                    } else {
                        operator.grow(&growth)?
                    };
                    current = (model, grown);
                }
                Action::Learn { to, operator, training } => {
                    let directory = self.place.learning(fingerprint);
                    let seed = self.seed("batches");
                    let config = self.computation(training).config;
                    let batches = data.as_ref().map(|data| data.training(&config, seed)).transpose()?;
                    let lesson = batches.as_deref().filter(|_| training.steps > 0).map(|batches| Lesson {
                        name: &stage.name,
                        training,
                        batches,
                        held_out: &held_out,
                        seed,
                        fingerprint,
                        directory: &directory,
                        checkpoint_every: control.checkpoint_every,
                        progress: watch,
                        stop: control.stop,
                    });
                    let large = Model::new(to.clone())?;
                    let learnt =
                        self.learn(device, current, large, operator.as_ref(), lesson.as_ref(), self.seed("growth"))?;
                    let Some(Learnt { model, parameters, factors: learnt, rows }) = learnt else {
                        return Ok(Outcome::Stopped { kept: None });
                    };
                    measured.learning = rows.iter().map(|row| (row.step, row.validation_loss)).collect();
                    (current, factors) = ((model, parameters), Some(learnt));
                }
                // The growing part of a recipe trains nothing.
                Action::Train { .. } => {}
            }
        }
        if stopped() {
            return Ok(Outcome::Stopped { kept: None });
        }
        let report = self.report(&current, measured, &held_out, control, start)?;
        if stopped() {
            return Ok(Outcome::Stopped { kept: None });
        }
        watch.doing("writing");
        let export = match writing {
            Some(writing) => writing.finish()?,
            None => {
                let mut export = self.export(&current.0, &licence)?;
                current.1.tensors().iter().enumerate().try_for_each(|(i, tensor)| export.put(i, tensor))?;
                export
            }
        };
        export.finish()?;
        self.write_beside(factors.as_ref(), &report, &licence)?;
        self.place.finish()?;
        Ok(Outcome::Finished(Box::new(Report { seconds: start.elapsed().as_secs_f64(), ..report })))
    }

    fn data(&self, watch: &dyn Watch) -> Result<Option<Data>> {
        let Some(files) = &self.request.data else { return Ok(None) };
        watch.doing("preparing the data");
        let tokens = self.learning_stage().map_or(0, |training| {
            let config = self.computation(training).config;
            training.steps.saturating_mul((config.batch_size * self.sequence_length) as u64)
        });
        files.prepare(&self.checkpoint, self.sequence_length, tokens, &self.place.text()).map(Some)
    }

    fn measure_small(
        &self,
        (model, parameters): &Current<D>,
        held_out: &[Batch],
        watch: &dyn Watch,
    ) -> Result<Measured> {
        let mut measured = Measured::default();
        if !self.learns() {
            watch.doing("asking the source");
            measured.said = Some(Said::by(model, parameters)?);
        }
        if !held_out.is_empty() {
            watch.doing("measuring the source's loss");
            measured.small_loss = Some(loss(model, parameters, held_out)?);
        }
        Ok(measured)
    }

    fn report(
        &self,
        (model, parameters): &Current<D>,
        measured: Measured,
        held_out: &[Batch],
        control: &Control<'_>,
        start: Instant,
    ) -> Result<Report> {
        let receipt = match &measured.said {
            Some(said) => {
                control.watch.doing("asking the grown model");
                Some(said.receipt(&Said::by(model, parameters)?))
            }
            None => None,
        };
        let grown_loss = match (measured.learning.last(), held_out) {
            (Some(&(_, loss)), _) => Some(loss),
            (None, []) => None,
            (None, _) => {
                control.watch.doing("measuring the grown model's loss");
                Some(loss(model, parameters, held_out)?)
            }
        };
        Ok(Report {
            before: self.parameters().0,
            after: self.parameters().1,
            guarantee: self.guarantee.clone(),
            receipt,
            small_loss: measured.small_loss,
            grown_loss,
            learning: measured.learning,
            seconds: start.elapsed().as_secs_f64(),
            out: self.place.out().to_owned(),
            next: Next::new(self.large(), &self.checkpoint, control.shown_out),
        })
    }

    /// An export under the other name.
    fn export(&self, model: &Model, licence: &Licence) -> Result<Export> {
        let options = ExportOptions {
            from: Some(&self.checkpoint),
            extras: &licence.files,
            dtype: self.dtype,
            ..ExportOptions::default()
        };
        Ok(Export::new(&self.place.model(), model, &options)?)
    }

    /// Writes under the other name what a checkpoint has beside the model.
    fn write_beside(&self, factors: Option<&Parameters<D>>, report: &Report, licence: &Licence) -> Result<()> {
        let directory = self.place.model();
        for (name, text) in &self.modules {
            write(&directory.join(name), text)?;
        }
        if let Some(factors) = factors.filter(|_| self.request.save_factors) {
            checkpoint::save(&directory.join(FACTORS), factors, &BTreeMap::new())?;
        }
        let next = Next::new(self.large(), &self.checkpoint, "checkpoint");
        write(&directory.join("README.md"), &card::text(self, report, licence, &next))
    }

    /// The seed of a purpose.
    fn seed(&self, purpose: &str) -> u64 {
        ligo_train::stage_seed(self.request.seed, purpose)
    }

    /// Of everything that learning depends on, where an operator is learnt.
    fn fingerprint(&self) -> Result<Option<String>> {
        let Some(training) = self.learning_stage().filter(|training| training.steps > 0) else { return Ok(None) };
        let Some(data) = &self.request.data else { return Ok(None) };
        let mut hasher = blake3::Hasher::new();
        let files: BTreeSet<&Path> = self.checkpoint.tensors().map(|tensor| tensor.file).collect();
        let config = self.checkpoint.directory().join("config.json");
        for path in std::iter::once(config.as_path()).chain(files) {
            let read = || {
                let mut of_file = blake3::Hasher::new();
                of_file.update_reader(File::open(path)?)?;
                std::io::Result::Ok(of_file.finalize())
            };
            hasher.update(read().map_err(FileError::at("read", path))?.as_bytes());
        }
        let request = &self.request;
        let said = format!(
            "{} {FORMAT} {} {:?} {:?} {training:?} {} {} {}",
            env!("CARGO_PKG_VERSION"),
            request.method.name(),
            request.options,
            self.task,
            self.sequence_length,
            request.seed,
            data.content(self.small())?,
        );
        hasher.update(said.as_bytes());
        Ok(Some(hasher.finalize().to_hex().to_string()))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    replace_file(path, |file| file.write_all(text.as_bytes()).map_err(FileError::at("write", path)))?;
    Ok(())
}
