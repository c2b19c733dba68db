//! Experiments: the TOML schema, the registry of methods, and the run that it describes, from data to table.
//!
//! [`Experiment::load`] reads a file and checks it completely; [`run()`] does what it says and is not done yet, and writes the
//! results; [`plan()`] says beforehand what that will cost; [`states`] says how far each experiment has come.
//!
//! This is the only crate that knows every method ([`methods`]); it holds no method and no mathematics itself.

mod checkpoint;
mod cost;
mod decimal;
mod fingerprint;
mod plan;
mod provenance;
mod record;
mod registry;
pub mod report;
mod run;
mod schema;
mod state;
mod strategies;

pub use checkpoint::SmallCheckpoint;
pub use fingerprint::{Change, Inputs};
pub use ligo_train::Cost;
pub use plan::{ImageMemory, PaperSteps, Plan, PlannedRun, PlannedStage, PlannedTask, TimeSource, plan};
pub use record::{
    Candidate, DataRecord, DownstreamRecord, EqualCompute, ImageCounts, OperatorLoss, Provenance, Results, RunRecord,
    SearchRecord, StageAction, StageRecord,
};
pub use registry::{Registry, find, methods};
pub use run::{Event, Observer, Options, Outcome, collect, run};
pub use schema::{
    AfterGrowth, ConfigError, Corpus, DataConfig, EmbeddedImages, EvaluationConfig, Experiment, ImagesConfig,
    LanguageObjective, MethodConfig, OptimiserState, PaperGrowth, Probe, ReportConfig, ReportMetric, SearchConfig,
    StagedTraining, TaskConfig, TaskKind, TokenizerConfig,
};
pub use state::{State, Status, states};
