//! The files of a task: read, and hashed, so that what a model scored on other files is not taken for its score on these.

use crate::run::data::preprocessing;
use crate::schema::{Experiment, TaskConfig};
use anyhow::{Context, Result};
use ligo_data::images::ImageSource;
use ligo_data::tasks::squad::SquadSource;
use ligo_data::tasks::{LabelKind, TaskSource};
use ligo_data::{DataError, Tokenizer};
use ligo_downstream::{ImageTask, Kind, SquadTask, Task, TextTask};
use std::path::{Path, PathBuf};

/// A task that has been read.
pub(super) enum Read {
    Texts(TextTask),
    Squad(SquadTask),
    Images(ImageTask),
}

impl Read {
    /// With the tokenizer of the model that is tuned.
    ///
    /// # Errors
    /// A task of text, and no tokenizer.
    pub(super) fn task<'a>(&'a self, tokenizer: Option<&'a Tokenizer>) -> Result<Task<'a>> {
        let missing = "a task of text, and a model without a tokenizer";
        Ok(match self {
            Self::Texts(task) => Task::Texts(task, tokenizer.context(missing)?),
            Self::Squad(task) => Task::Squad(task, tokenizer.context(missing)?),
            Self::Images(task) => Task::Images(task),
        })
    }
}

/// Reads a task.
///
/// # Errors
/// A file that is missing or unfit.
pub(super) fn read(experiment: &Experiment, config: &TaskConfig, workspace: &Path) -> Result<Read> {
    let (train, validation) = (paths(&config.train, workspace), paths(&config.validation, workspace));
    if let Some(version) = config.task.squad() {
        let source = SquadSource::new;
        return Ok(Read::Squad(SquadTask::read(version, &source(train), &source(validation))?));
    }
    if let Some(glue) = config.task.glue() {
        let mut splits = vec![validation];
        if !config.validation_mismatched.is_empty() {
            splits.push(paths(&config.validation_mismatched, workspace));
        }
        return Ok(Read::Texts(TextTask::glue(glue, train, splits)?));
    }
    // The schema lets neither through without.
    let classes = config.num_labels.unwrap_or_default();
    if let Some(images) = &experiment.data.images {
        let (train, validation) = (image_source(config, train), image_source(config, validation));
        let preprocessing = preprocessing(experiment, images, &experiment.large)?;
        let task = ImageTask::read(config.label.clone(), &train, &validation, classes, preprocessing)?;
        return Ok(Read::Images(task.augmented(config.augmentation.clone())?));
    }
    let (train, validation) = (text_source(config, train), text_source(config, validation));
    Ok(Read::Texts(TextTask::labelled(config.label.clone(), &train, validation)?))
}

/// A hash of what the files of a task hold, and of how a checkpoint has images prepared; none where a file is not there.
///
/// # Errors
/// A file that is there and cannot be read.
pub(super) fn content(experiment: &Experiment, config: &TaskConfig, workspace: &Path) -> Result<Option<String>> {
    let mut hasher = blake3::Hasher::new();
    for files in [&config.train, &config.validation, &config.validation_mismatched] {
        if files.is_empty() {
            continue;
        }
        let files = paths(files, workspace);
        let hash = match config.task.kind() {
            Kind::Questions => SquadSource::new(files).content_hash(),
            Kind::Images => image_source(config, files).content_hash(),
            Kind::Texts => text_source(config, files).content_hash(),
        };
        match hash {
            Ok(hash) => hasher.update(hash.as_bytes()),
            Err(DataError::Missing { .. } | DataError::NoFiles { .. }) => return Ok(None),
            Err(error) => return Err(error).with_context(|| config.label.clone()),
        };
    }
    // What the file itself says of it is among the inputs of every run.
    if let (Some(_), Some(images)) = (&experiment.checkpoint, &experiment.data.images) {
        hasher.update(format!("{:?}", preprocessing(experiment, images, &experiment.large)?).as_bytes());
    }
    Ok(Some(hasher.finalize().to_hex().to_string()))
}

fn paths(files: &[PathBuf], workspace: &Path) -> Vec<PathBuf> {
    files.iter().map(|file| workspace.join(file)).collect()
}

fn image_source(config: &TaskConfig, files: Vec<PathBuf>) -> ImageSource {
    let source = ImageSource::new::<PathBuf>(files);
    source.with_columns(config.column.clone(), config.label_column.clone()).skipping_broken(config.skip_broken)
}

fn text_source(config: &TaskConfig, files: Vec<PathBuf>) -> TaskSource {
    let column = config.column.as_deref().unwrap_or("text");
    let source = TaskSource::new(files, column, LabelKind::Classes(config.num_labels.unwrap_or_default()));
    let label_column = config.label_column.clone().unwrap_or_else(|| "label".into());
    TaskSource { pair_column: config.pair_column.clone(), label_column, ..source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::Place;
    use ligo_data::images::{Preprocessing, digits, write_image_parquet};
    use ligo_kernels::Cpu;
    use ligo_models::{Family, Model, ModelConfig, hub};

    #[test]
    fn images_are_prepared_as_the_checkpoint_says_and_broken_ones_are_left_out_if_the_task_says_so() {
        let place = Place::new();
        let sizes = ModelConfig::new(Family::Vit, 8, 1, 2);
        let (size, channels) = (Some(8), Some(1));
        let config = ModelConfig {
            image_size: size,
            num_channels: channels,
            patch_size: Some(4),
            num_labels: Some(10),
            ..sizes
        };
        let model = Model::new(config).expect("good sizes");
        let weights = model.fresh(&Cpu::default(), 1).expect("weights");
        let checkpoint = place.path("vit");
        hub::export(&checkpoint, &model, &weights, &hub::ExportOptions::default()).expect("a writable directory");
        let said = |mean: f64| {
            let said = serde_json::json!({ "image_mean": [mean], "image_std": [0.2], "do_normalize": true });
            std::fs::write(checkpoint.join("preprocessor_config.json"), said.to_string())
                .expect("a writable directory");
        };
        said(0.3);
        let report = digits::build(&place.path("digits")).expect("a writable directory");
        write_image_parquet(&place.path("broken.parquet"), &[("no image", 1)]).expect("a writable directory");
        let toml = format!(
            "title = 'A checkpoint of images'\n[data.images]\nset = 'digits'\n[small]\ncheckpoint = 'vit'\n\
             [large]\nhidden_size = 16\nnum_hidden_layers = 2\nnum_attention_heads = 4\n\
             [training]\nsteps = 2\nbatch_size = 2\nlearning_rate = 1e-3\n[[methods]]\nmethod = 'scratch'\n\
             [[tasks]]\ntask = 'images'\nnum_labels = 10\nskip_broken = true\ntrain = [{:?}, 'broken.parquet']\n\
             validation = [{:?}]\n",
            report.train, report.validation
        );
        std::fs::write(place.path("tiny.toml"), toml).expect("a writable directory");
        let experiment = place.experiment(&[]);
        let (task, workspace) = (&experiment.tasks[0], place.path(""));
        let Read::Images(read) = read(&experiment, task, &workspace).expect("the digits") else {
            panic!("expected images")
        };
        let of_checkpoint = Preprocessing::of_checkpoint(&checkpoint, 1, 8).expect("it can be followed");
        assert_eq!(read.preprocessing(), &of_checkpoint);
        assert_ne!(of_checkpoint, Preprocessing::new(1, 8).expect("good sizes"));
        assert_eq!(read.train().len(), report.train_images);

        let hash = || content(&experiment, task, &workspace).expect("the files are there");
        let before = hash();
        said(0.4);
        assert!(before.is_some() && before != hash());
        std::fs::remove_file(place.path("broken.parquet")).expect("it is there");
        assert_eq!(hash(), None);
    }
}
