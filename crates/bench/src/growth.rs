//! Growing a checkpoint by a method that learns nothing, and what the disk alone takes for it.

use crate::protocol::Answer;
use crate::task::Task;
use anyhow::{Context, Result, bail};
use ligo_direct_copy::DirectCopy;
use ligo_grow::{Control, Learning, Outcome, Plan, Request, Sizes, Source, Target, Watch, options};
use ligo_growth::Method;
use ligo_kernels::Kernels;
use ligo_models::ModelConfig;
use ligo_train::{MetricRow, Progress, StepReport, StopFlag};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes that are read or written at a time.
const BUFFER: usize = 8 << 20;

/// A checkpoint and what becomes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GrowthJob {
    /// What is done.
    pub work: GrowthWork,
    /// Threads to compute with.
    pub threads: usize,
    /// The directory of the checkpoint that is grown.
    pub source: PathBuf,
    /// The directory that the large model is written to; what is there is removed.
    pub target: PathBuf,
    /// The large model.
    pub large: ModelConfig,
}

/// What is done with a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrowthWork {
    /// The small model is read, grown by direct copy, and the large one written, as `cargo xtask grow` does it.
    Grow,
    /// The bytes of the small model are read, as many as the large one has are written beside them and synced.
    Disk,
}

pub(crate) fn prepare<D: Kernels + 'static>(job: &GrowthJob, device: &D) -> Result<Box<dyn Task>> {
    let target = &job.target;
    match job.work {
        GrowthWork::Grow => {
            remove(target)?;
            Ok(Box::new(Growing { job: job.clone(), device: device.clone(), written: None }))
        }
        GrowthWork::Disk => {
            let bytes = weights(target)?.iter().map(|path| Ok(fs::metadata(path)?.len())).sum::<Result<u64>>()?;
            if bytes == 0 {
                bail!("{}: found no weights, expected those of the grown model", target.display());
            }
            Ok(Box::new(Disk { sources: weights(&job.source)?, path: target.join("bytes"), bytes }))
        }
    }
}

struct Growing<D: Kernels> {
    job: GrowthJob,
    device: D,
    written: Option<u64>,
}

impl<D: Kernels + 'static> Task for Growing<D> {
    fn work(&mut self) -> Result<()> {
        let GrowthJob { source, target, large, .. } = &self.job;
        let methods: Vec<Box<dyn Method<D>>> = vec![Box::new(DirectCopy)];
        let plan = Plan::new(Request {
            source: Source { name: "small".into(), directory: source.clone() },
            target: Target::Sizes(Sizes {
                hidden_size: Some(large.hidden_size),
                num_hidden_layers: Some(large.num_hidden_layers),
                num_attention_heads: Some(large.num_attention_heads),
                ..Sizes::default()
            }),
            method: &DirectCopy,
            methods: &methods,
            options: options(None, &[])?,
            data: None,
            learning: Learning::default(),
            dtype: None,
            save_factors: false,
            seed: 1,
            out: target.clone(),
            command: "cargo xtask bench grow".into(),
        })?;
        let control = Control {
            watch: &Silent,
            stop: &StopFlag::default(),
            checkpoint_every: Duration::from_secs(60),
            shown_out: "large",
        };
        match plan.run(&self.device, &control)? {
            Outcome::Finished(_) => {}
            Outcome::Stopped { .. } => bail!("the growth was stopped, though nothing asked it to"),
        }
        let sizes = weights(target)?.into_iter().map(|path| Ok(fs::metadata(path)?.len()));
        self.written = Some(sizes.sum::<Result<u64>>()?);
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer { prepared: self.written, ..Answer::default() }
    }
}

struct Disk {
    sources: Vec<PathBuf>,
    path: PathBuf,
    bytes: u64,
}

impl Task for Disk {
    fn work(&mut self) -> Result<()> {
        let mut buffer = vec![0_u8; BUFFER];
        for path in &self.sources {
            let mut file = File::open(path).with_context(|| path.display().to_string())?;
            while file.read(&mut buffer).with_context(|| path.display().to_string())? > 0 {}
        }
        let place = || self.path.display().to_string();
        let mut file = File::create(&self.path).with_context(place)?;
        let mut left = self.bytes;
        while left > 0 {
            let part = left.min(BUFFER as u64) as usize;
            file.write_all(&buffer[..part]).with_context(place)?;
            left -= part as u64;
        }
        file.sync_all().with_context(place)
    }

    fn answer(&self) -> Answer {
        Answer { prepared: Some(self.bytes), ..Answer::default() }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What cannot be removed goes with the directory above it.
        let _ = fs::remove_file(&self.path);
    }
}

/// The files of the weights in a checkpoint's directory.
fn weights(directory: &Path) -> Result<Vec<PathBuf>> {
    let place = || directory.display().to_string();
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).with_context(place)? {
        let path = entry.with_context(place)?.path();
        if path.extension().is_some_and(|end| end == "safetensors") {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| directory.display().to_string())
        }
        _ => Ok(()),
    }
}

struct Silent;

impl Progress for Silent {
    fn stage_started(&self, _: &str, _: u64, _: u64) {}
    fn step(&self, _: &StepReport) {}
    fn evaluated(&self, _: &MetricRow) {}
    fn stage_finished(&self, _: &str) {}
}

impl Watch for Silent {
    fn doing(&self, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Case, ModelJob, Work, task};
    use ligo_kernels::Cpu;
    use ligo_models::Family;

    #[test]
    fn a_checkpoint_is_grown_and_the_disk_alone_writes_as_many_bytes() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let (source, target) = (directory.path().join("small"), directory.path().join("large"));
        let case = Case::tiny(Family::Gpt2);
        let write = ModelJob::new(case.clone(), Work::Write, 1, Some(source.clone()));
        task::prepare(write.into(), &Cpu::default()).and_then(|mut task| task.work()).expect("it is written");
        let large = ModelConfig { hidden_size: 24, num_attention_heads: 12, num_hidden_layers: 3, ..case.model };
        let written = |work| {
            let job =
                GrowthJob { work, threads: 1, source: source.clone(), target: target.clone(), large: large.clone() };
            let mut task = prepare(&job, &Cpu::default()).expect("the source is there");
            task.work().unwrap_or_else(|error| panic!("{work:?}: {error:?}"));
            task.answer().prepared
        };
        let grown = written(GrowthWork::Grow);
        assert!(grown.is_some_and(|bytes| bytes > 10_000), "{grown:?}");
        assert_eq!(written(GrowthWork::Disk), grown);
        assert_eq!(written(GrowthWork::Grow), grown, "what is there is replaced");
    }
}
