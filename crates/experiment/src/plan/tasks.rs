//! What the tasks of `[[tasks]]` will cost: every finished model tuned once with each of a task's seeds.

use crate::schema::{Experiment, TaskConfig, TaskKind};
use ligo_data::parquet_rows;
use ligo_downstream::tuning_flops;
use ligo_models::{Head, Model, ModelConfig};
use std::path::Path;

/// What a task will cost. Probes are not reckoned: they take a pass over the data and no way back.
#[derive(Debug, Clone)]
pub struct PlannedTask {
    /// Its name.
    pub label: String,
    /// How often a large model is tuned on it: every row, with every seed of the experiment and of the task.
    pub times: usize,
    /// The same of the small model.
    pub small_times: usize,
    /// Examples to tune on; none where the files are not there.
    pub examples: Option<u64>,
    /// FLOPs of tuning the large model once, sequences as long as they may be.
    pub flops: f64,
    /// The same of the small model.
    pub small_flops: f64,
}

impl PlannedTask {
    /// FLOPs of all tunings.
    pub fn all_flops(&self) -> f64 {
        self.times as f64 * self.flops + self.small_times as f64 * self.small_flops
    }
}

/// The tasks of an experiment that tune; the small model is tuned too where it is trained here.
pub(super) fn planned(experiment: &Experiment, workspace: &Path, trains_small: bool) -> Vec<PlannedTask> {
    let tuned = experiment.tasks.iter().filter(|task| !task.probes_only);
    tuned.map(|task| one(experiment, task, workspace, trains_small)).collect()
}

fn one(experiment: &Experiment, task: &TaskConfig, workspace: &Path, trains_small: bool) -> PlannedTask {
    let files: Vec<_> = task.train.iter().map(|file| workspace.join(file)).collect();
    // A plan needs no data: what is wrong with a file is for the run to say.
    let examples = parquet_rows(&files).ok();
    let seeds = experiment.seeds.len() * task.seeds.len();
    let flops = |model: &ModelConfig| examples.map_or(0.0, |examples| of_model(model, task, examples));
    PlannedTask {
        label: task.label.clone(),
        times: experiment.methods.len() * seeds,
        small_times: if trains_small { seeds } else { 0 },
        examples,
        flops: flops(&experiment.large),
        small_flops: flops(&experiment.small),
    }
}

/// Nothing for a model that cannot have the task's head, which the run refuses.
fn of_model(model: &ModelConfig, task: &TaskConfig, examples: u64) -> f64 {
    let (head, labels) = match (task.task, task.task.glue()) {
        (TaskKind::Images, _) => (model.head(), task.num_labels),
        (TaskKind::Squad | TaskKind::SquadV2, _) => (Head::QuestionAnswering, None),
        (_, glue) => (Head::SequenceClassification, glue.map(|glue| glue.num_labels()).or(task.num_labels)),
    };
    let known = Model::new(ModelConfig { head: Some(head), num_labels: labels, pooler: None, ..model.clone() });
    known.map_or(0.0, |_| tuning_flops(model, (head, labels), &task.tuning, examples))
}
