//! What types cannot say: ranges, sizes that go together, methods and their options.

use super::error::{ConfigError, hint};
use super::tree::Node;
use super::{DataConfig, Experiment, ImagesConfig, LanguageObjective, MethodConfig, ROW_KEYS, TaskConfig, TaskKind};
use crate::registry::{self, Registry};
use crate::strategies::{self, Refused};
use ligo_data::images::augment::Augmentation;
use ligo_downstream::DownstreamError;
use ligo_growth::{Action, GrowthError, Recipe, Stage, Start, Task};
use ligo_kernels::Kernels;
use ligo_models::{Family, Model, ModelConfig, ModelError};
use ligo_train::TrainingConfig;
use std::collections::HashSet;
use std::fmt::Display;

/// No length, batch or number of evaluations may be larger, so that their products fit their types.
const LARGEST_SIZE: usize = 1 << 20;

/// Checks a resolved experiment; `root` is the tree that it was read from and knows the places.
pub(super) fn check<D: Kernels>(
    experiment: &Experiment,
    root: &Node,
    registry: &Registry<D>,
) -> Result<(), ConfigError> {
    let check = Checker { root };
    check.require(!experiment.title.trim().is_empty(), &["title"], "empty", "a line of text")?;
    check.require(!experiment.seeds.is_empty(), &["seeds"], "empty", "one seed or more")?;
    let mut seen = HashSet::new();
    for seed in &experiment.seeds {
        check.require(seen.insert(seed), &["seeds"], format!("{:?}", experiment.seeds), "every seed once")?;
    }
    if let Some(threads) = experiment.threads {
        check.within(threads, 1..=4096, &["threads"])?;
    }
    check.data(&experiment.data)?;
    let models = [("small", &experiment.small), ("large", &experiment.large)];
    for (name, model) in models {
        check.reads(name, model, experiment.data.images.is_some())?;
    }
    check.require(
        experiment.small.family == experiment.large.family,
        &["large", "family"],
        experiment.large.family,
        &format!("the small model's, {}", experiment.small.family),
    )?;
    for (name, model) in models {
        check.model(name, model, &experiment.data)?;
    }
    check.growth(&experiment.small, &experiment.large)?;
    check.training(&["training"], &experiment.training)?;
    check.training(&["small_training"], &experiment.small_training)?;
    check.require(experiment.evaluation.every > 0, &["evaluation", "every"], 0, "1 or more")?;
    check.within(experiment.evaluation.batches, 1..=LARGEST_SIZE, &["evaluation", "batches"])?;
    check.search(experiment)?;
    check.tasks(experiment)?;
    check.within(experiment.report.smoothing, 1..=LARGEST_SIZE, &["report", "smoothing"])?;
    check.rows(experiment, registry)
}

struct Checker<'a> {
    root: &'a Node,
}

impl Checker<'_> {
    fn error(&self, path: &[&str], message: String) -> ConfigError {
        ConfigError::new(self.root.nearest(path), message)
    }

    fn require(&self, holds: bool, path: &[&str], found: impl Display, expected: &str) -> Result<(), ConfigError> {
        if holds {
            return Ok(());
        }
        Err(self.error(path, format!("'{}' is {found}, expected {expected}", path.join("."))))
    }

    fn within(&self, found: usize, range: std::ops::RangeInclusive<usize>, path: &[&str]) -> Result<(), ConfigError> {
        let expected = format!("{} to {}", range.start(), range.end());
        self.require(range.contains(&found), path, found, &expected)
    }

    fn data(&self, data: &DataConfig) -> Result<(), ConfigError> {
        if let Some(images) = &data.images {
            return self.images(images);
        }
        // serde cannot know that images do without.
        if !self.root.says("data", "sequence_length") {
            return Err(self.error(&["data"], "missing key 'data.sequence_length'".into()));
        }
        let files = !data.train.is_empty() || !data.validation.is_empty();
        if data.corpus.is_some() && files {
            let message = "both 'data.corpus' and files are given, expected one of them";
            return Err(self.error(&["data", "corpus"], message.into()));
        }
        if data.corpus.is_none() && (data.train.is_empty() || data.validation.is_empty()) {
            let message = "no text: expected 'data.corpus', or files in both 'data.train' and 'data.validation'";
            return Err(self.error(&["data"], message.into()));
        }
        self.within(data.sequence_length, 2..=LARGEST_SIZE, &["data", "sequence_length"])?;
        let share = data.masked_share;
        self.require(share > 0.0 && share < 1.0, &["data", "masked_share"], share, "more than 0 and less than 1")?;
        match (&data.tokenizer.vocab_size, &data.tokenizer.file) {
            (Some(_), Some(_)) => {
                let message =
                    "both 'data.tokenizer.vocab_size' and 'data.tokenizer.file' are given, expected one of them";
                Err(self.error(&["data", "tokenizer"], message.into()))
            }
            (None, None) => {
                let message = "no tokenizer: expected 'data.tokenizer.vocab_size' or 'data.tokenizer.file'";
                Err(self.error(&["data", "tokenizer"], message.into()))
            }
            (Some(size), None) => {
                self.within(*size, ligo_data::SMALLEST_VOCABULARY..=LARGEST_SIZE, &["data", "tokenizer", "vocab_size"])
            }
            (None, Some(_)) => Ok(()),
        }
    }

    fn reads(&self, name: &str, model: &ModelConfig, images: bool) -> Result<(), ConfigError> {
        let fitting = Family::ALL.into_iter().filter(|family| family.reads_images() == images).map(Family::name);
        let what = if images { "images" } else { "text" };
        let expected = format!("a family that reads {what}: {}", fitting.collect::<Vec<_>>().join(", "));
        self.require(model.family.reads_images() == images, &[name, "family"], model.family, &expected)
    }

    fn model(&self, name: &str, model: &ModelConfig, data: &DataConfig) -> Result<(), ConfigError> {
        let usual = model.family.heads()[0];
        let expected = format!("{usual}: an experiment trains language models and image classifiers");
        self.require(model.head() == usual, &[name, "head"], model.head(), &expected)?;
        if let Err(error) = Model::new(model.clone()) {
            return Err(match error {
                ModelError::Config { field, found, expected } => {
                    self.error(&[name, field], format!("'{name}.{field}' is {found}, expected {expected}"))
                }
                other => self.error(&[name], format!("'{name}': {other}")),
            });
        }
        if let Some(images) = &data.images {
            return self.classes(name, model, images);
        }
        // Rotary positions have no end.
        if let Some(longest) = model.longest_sequence() {
            let length = data.sequence_length;
            let named = match model.family {
                Family::Roberta => "data.sequence_length + pad_token_id + 1",
                _ => "data.sequence_length",
            };
            self.require(
                longest >= length,
                &[name, "max_position_embeddings"],
                model.max_position_embeddings,
                &format!("{} ({named}) or more", model.positions_for(length)),
            )?;
        }
        if let Some(size) = data.tokenizer.vocab_size {
            let expected = format!("{size} (data.tokenizer.vocab_size) or more");
            self.require(model.vocab_size >= size, &[name, "vocab_size"], model.vocab_size, &expected)?;
        }
        let expected = match model.family.is_causal() {
            true => LanguageObjective::Causal,
            false => LanguageObjective::Masked,
        };
        self.require(
            data.objective == expected,
            &["data", "objective"],
            format!("{:?}", data.objective).to_lowercase(),
            &format!("{} for the family of '{name}'", format!("{expected:?}").to_lowercase()),
        )
    }

    fn images(&self, images: &ImagesConfig) -> Result<(), ConfigError> {
        if let Some(other) = self.root.other_key("data", "images") {
            let message = format!("'data.{}' is given beside 'data.images', expected no such key", other.0);
            return Err(ConfigError::new(other.1, message));
        }
        let files = !images.train.is_empty() || !images.validation.is_empty();
        if images.set.is_some() && files {
            let message = "both 'data.images.set' and files are given, expected one of them";
            return Err(self.error(&["data", "images", "set"], message.into()));
        }
        if images.set.is_none() && (images.train.is_empty() || images.validation.is_empty()) {
            let message = "no images: expected 'data.images.set', or files in both 'train' and 'validation'";
            return Err(self.error(&["data", "images"], message.into()));
        }
        for (key, numbers, least) in [("mean", &images.mean, f64::MIN), ("std", &images.std, f64::MIN_POSITIVE)] {
            let fits = numbers.iter().all(|&number| number.is_finite() && number >= least);
            let expected = if key == "mean" { "numbers" } else { "numbers above 0" };
            self.require(fits, &["data", "images", key], format!("{numbers:?}"), expected)?;
        }
        let share = images.crop_share;
        self.require(
            share > 0.0 && share <= 1.0,
            &["data", "images", "crop_share"],
            share,
            "more than 0 and at most 1",
        )?;
        let augmentation = images.augmentation.check();
        augmentation.map_err(|error| self.error(&["data", "images", "augmentation"], format!("'data.images': {error}")))
    }

    /// What a model says must be what the images are.
    fn classes(&self, name: &str, model: &ModelConfig, images: &ImagesConfig) -> Result<(), ConfigError> {
        if let Some(classes) = images.num_labels {
            let expected = format!("{classes} (data.images.num_labels)");
            self.require(model.num_labels() == classes, &[name, "num_labels"], model.num_labels(), &expected)?;
        }
        for (key, numbers) in [("mean", &images.mean), ("std", &images.std)] {
            let expected = format!("{} numbers ({name}.num_channels), or none", model.num_channels());
            let fits = numbers.is_empty() || numbers.len() == model.num_channels();
            self.require(fits, &["data", "images", key], format!("{numbers:?}"), &expected)?;
        }
        Ok(())
    }

    /// Growing only adds: no width, no depth of the large model is below the small one's.
    fn growth(&self, small: &ModelConfig, large: &ModelConfig) -> Result<(), ConfigError> {
        for (key, least, found) in [
            ("num_hidden_layers", small.num_hidden_layers, large.num_hidden_layers),
            ("hidden_size", small.hidden_size, large.hidden_size),
        ] {
            let expected = format!("{least} (small.{key}) or more");
            self.require(found >= least, &["large", key], found, &expected)?;
        }
        Ok(())
    }

    fn training(&self, path: &[&str], training: &TrainingConfig) -> Result<(), ConfigError> {
        let Err(error) = training.check() else { return Ok(()) };
        let path = [path, &[error.key]].concat();
        Err(self.error(&path, format!("'{}' is {}, expected {}", path.join("."), error.found, error.expected)))
    }

    fn tasks(&self, experiment: &Experiment) -> Result<(), ConfigError> {
        let mut labels = HashSet::new();
        for (index, task) in experiment.tasks.iter().enumerate() {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
            let label = &task.label;
            let names = !label.is_empty() && label.len() <= 64 && label.chars().all(fits);
            let expected = "1 to 64 letters, digits, '-', '_' or '+' (it names a directory)";
            let place = index.to_string();
            self.require(names, &["tasks", &place, "label"], format!("{label:?}"), expected)?;
            let new = labels.insert(label);
            self.require(new, &["tasks", &place, "label"], format!("{label:?}"), "every label once")?;
            let require = |holds: bool, key: &str, found: String, expected: &str| {
                self.require(holds, &["tasks", label, key], found, expected)
            };
            let images = task.task == TaskKind::Images;
            let reads = experiment.large.family.reads_images();
            let expected =
                if reads { "images, which the models read" } else { "a task of text, which the models read" };
            require(images == reads, "task", format!("{:?}", task.task).to_lowercase(), expected)?;
            for (key, files) in [("train", &task.train), ("validation", &task.validation)] {
                require(!files.is_empty(), key, "empty".into(), "one file or more")?;
            }
            let mismatched = task.task == TaskKind::Mnli;
            let given = !task.validation_mismatched.is_empty();
            let expected = if mismatched { "one file or more" } else { "no such key: MNLI alone has it" };
            require(
                given == mismatched,
                "validation_mismatched",
                format!("{:?}", task.validation_mismatched),
                expected,
            )?;
            let own = matches!(task.task, TaskKind::Texts | TaskKind::Images);
            let keys = [
                ("column", task.column.is_some()),
                ("pair_column", task.pair_column.is_some()),
                ("label_column", task.label_column.is_some()),
                ("num_labels", task.num_labels.is_some()),
            ];
            for (key, given) in keys {
                require(own || !given, key, "given".into(), "no such key: the task has its own")?;
            }
            let classes = task.num_labels.is_some_and(|classes| classes >= 2);
            require(!own || classes, "num_labels", format!("{:?}", task.num_labels), "2 or more")?;
            require(!task.seeds.is_empty(), "seeds", "empty".into(), "one seed or more")?;
            require(
                !task.probes_only || !task.probes.is_empty(),
                "probes",
                "empty".into(),
                "one or more, as probes_only is true",
            )?;
            let classified = task.task.squad().is_none() && task.task != TaskKind::Stsb;
            require(
                task.probes.is_empty() || classified,
                "probes",
                format!("{:?}", task.probes),
                "none: the task has no classes",
            )?;
            require(reads || !task.skip_broken, "skip_broken", "true".into(), "no such key: images alone have it")?;
            let plain = task.augmentation == Augmentation::default();
            require(reads || plain, "augmentation", "given".into(), "no such key: images alone have it")?;
            if let Err(error) = task.augmentation.check() {
                return Err(self.error(&["tasks", label, "augmentation"], format!("'tasks.{label}': {error}")));
            }
            self.tuning(experiment, task)?;
        }
        Ok(())
    }

    /// What can be known of a tuning before there is a model to tune.
    fn tuning(&self, experiment: &Experiment, task: &TaskConfig) -> Result<(), ConfigError> {
        let label = task.label.as_str();
        match task.tuning.check(task.task.kind()) {
            Err(DownstreamError::Tuning { key, found, expected }) => {
                return self.require(false, &["tasks", label, "tuning", key], found, &expected);
            }
            Err(other) => return Err(self.error(&["tasks", label, "tuning"], format!("'tasks.{label}': {other}"))),
            Ok(()) => {}
        }
        if task.probes_only || task.task == TaskKind::Images {
            return Ok(());
        }
        for (name, model) in [("small", &experiment.small), ("large", &experiment.large)] {
            let expected = "one for bert or roberta, or probes_only = true: no other family has a head for it";
            let found = format!("to tune a {} model on", model.family);
            self.require(!model.family.is_causal(), &["tasks", label, "task"], found, expected)?;
            if let (Some(longest), Some(length)) = (model.longest_sequence(), task.tuning.max_sequence_length) {
                let expected = format!("at most {longest}, the longest sequence of '{name}'");
                let path = ["tasks", label, "tuning", "max_sequence_length"];
                self.require(length <= longest, &path, length, &expected)?;
            }
        }
        Ok(())
    }

    /// Every point of every row's grid can be trained.
    fn search(&self, experiment: &Experiment) -> Result<(), ConfigError> {
        for seed in &experiment.equal_compute_seeds {
            let expected = format!("some of 'seeds' ({:?})", experiment.seeds);
            let found = format!("{:?}", experiment.equal_compute_seeds);
            self.require(experiment.seeds.contains(seed), &["equal_compute_seeds"], found, &expected)?;
        }
        let Some(search) = &experiment.search else { return Ok(()) };
        let points = search.learning_rate.len().max(1) * search.warmup_steps.len().max(1);
        self.require(points > 1, &["search"], format!("{points} point"), "a list of two values or more")?;
        for row in &experiment.methods {
            let mut labels = HashSet::new();
            for candidate in experiment.candidates(row) {
                if let Err(error) = candidate.training.check() {
                    let message = format!(
                        "'search' gives methods.{} a {} of {}, expected {}",
                        row.label, error.key, error.found, error.expected
                    );
                    return Err(self.error(&["search", error.key], message));
                }
                self.require(labels.insert(candidate.label), &["search"], "a value twice", "every value once")?;
            }
        }
        Ok(())
    }

    fn rows<D: Kernels>(&self, experiment: &Experiment, registry: &Registry<D>) -> Result<(), ConfigError> {
        self.require(!experiment.methods.is_empty(), &["methods"], "empty", "one row or more")?;
        let mut labels = HashSet::new();
        for (index, row) in experiment.methods.iter().enumerate() {
            let path = ["methods", &row.label, "label"];
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
            self.require(
                !row.label.is_empty() && row.label.len() <= 64 && row.label.chars().all(fits) && row.label != "small",
                &path,
                format!("{:?}", row.label),
                "1 to 64 letters, digits, '-', '_' or '+' (it names a directory), and not 'small'",
            )?;
            if !labels.insert(&row.label) {
                let message = format!("two rows are labelled '{}', expected every label once", row.label);
                return Err(self.error(&["methods", &index.to_string(), "label"], message));
            }
            self.training(&["methods", &row.label, "training"], &row.training)?;
            self.recipe(experiment, row, registry)?;
        }
        let reference = &experiment.report.reference;
        let path = ["report", "reference"];
        match experiment.methods.iter().find(|row| row.label == *reference) {
            Some(row) if row.method == "scratch" => Ok(()),
            Some(row) => {
                let found = format!("'{reference}', a row of the method '{}'", row.method);
                self.require(false, &path, found, "the label of a scratch row")
            }
            None if reference.is_empty() => {
                Err(self.error(&["methods"], "no row has method = \"scratch\", expected one to compare with".into()))
            }
            None => {
                let hint = hint(reference, labels.into_iter().map(String::as_str), "labels");
                Err(self.error(&path, format!("'report.reference' is '{reference}', which no row is labelled{hint}")))
            }
        }
    }

    /// Asks the method itself whether it takes the row's options, and whether what the row asks of any method goes with it.
    fn recipe<D: Kernels>(
        &self,
        experiment: &Experiment,
        row: &MethodConfig,
        registry: &Registry<D>,
    ) -> Result<(), ConfigError> {
        let label = row.label.as_str();
        let Some(method) = registry::find(registry, &row.method) else {
            let hint = hint(&row.method, registry.iter().map(|method| method.name()), "methods");
            return Err(self.error(&["methods", label, "method"], format!("unknown method '{}'{hint}", row.method)));
        };
        let error = match strategies::recipe(experiment, row, method) {
            Ok(recipe) => return self.stages(experiment, row, &recipe),
            Err(Refused::Method(error)) => error,
            Err(Refused::Key { key, found, expected }) => {
                let path: Vec<&str> = ["methods", label].into_iter().chain(key.split('.')).collect();
                return self.require(false, &path, found, &expected);
            }
            Err(other @ Refused::Stage { .. }) => {
                return Err(self.error(&["methods", label], format!("'methods.{label}': {other}")));
            }
        };
        Err(match error {
            GrowthError::Option { option, reason, .. } if is_near_row_key(&option, &reason) => {
                let message = format!("unknown key 'methods.{label}.{option}'{}", hint(&option, ROW_KEYS, "keys"));
                self.error(&["methods", label, "options", &option], message)
            }
            GrowthError::Option { option, reason, .. } => self.error(
                &["methods", label, "options", &option],
                format!("'methods.{label}.{option}' (an option of {}): {reason}", row.method),
            ),
            GrowthError::Sizes { what, found, expected } => self.error(
                &["large", &what],
                format!("'large.{what}' is {found}, expected {expected} (asked by methods.{label})"),
            ),
            GrowthError::Model(ModelError::Config { field, found, expected }) => self.error(
                &["large", field],
                format!("'{field}' is {found}, expected {expected} (asked by methods.{label})"),
            ),
            other => self.error(&["methods", label], format!("'methods.{label}': {other}")),
        })
    }
}

impl Checker<'_> {
    /// Whether a recipe ends as every recipe must: with the large model, trained. A method may need another ε in the norms of what it
    /// grows.
    fn stages<D: Kernels>(
        &self,
        experiment: &Experiment,
        row: &MethodConfig,
        recipe: &Recipe<D>,
    ) -> Result<(), ConfigError> {
        let refuse = |reason: String| {
            Err(self.error(&["methods", &row.label], format!("'methods.{}': the method's recipe {reason}", row.label)))
        };
        let mut model = match &recipe.start {
            Start::Small => &experiment.small,
            Start::Random(model) => model,
        };
        let mut names = HashSet::new();
        for stage in &recipe.stages {
            if !names.insert(stage.name.as_str()) {
                return refuse(format!("has two stages '{}', expected every name once", stage.name));
            }
            if let Action::Grow { to, .. } | Action::Learn { to, .. } = &stage.action {
                model = to;
            }
        }
        match recipe.stages.last() {
            Some(Stage { action: Action::Train { .. }, .. }) if same_but_eps(model, &experiment.large) => Ok(()),
            Some(Stage { action: Action::Train { .. }, .. }) => refuse("does not end with the large model".into()),
            _ => refuse("does not end with training".into()),
        }
    }
}

/// Whether a method knows no such option, nor one like it, but any row has a key like it.
fn is_near_row_key(option: &str, reason: &str) -> bool {
    let unknown = reason.starts_with("unknown") && !reason.contains("did you mean");
    unknown && hint(option, ROW_KEYS, "keys").starts_with(", did you mean")
}

fn same_but_eps(model: &ModelConfig, large: &ModelConfig) -> bool {
    ModelConfig { layer_norm_eps: large.layer_norm_eps, ..model.clone() } == *large
}

impl Experiment {
    /// What a row asks of its method.
    pub fn task(&self, row: &MethodConfig) -> Task {
        Task { small: self.small.clone(), large: self.large.clone(), steps: row.training.steps }
    }
}
