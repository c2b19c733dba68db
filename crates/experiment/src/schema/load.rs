//! From a file to a resolved experiment: `extends`, `--set`, what is inherited, what is filled in.

use super::check::check;
use super::checkpoint;
use super::decode::decode;
use super::error::{ConfigError, Origin};
use super::task;
use super::tree::{self, Entry, Node, Table, Value};
use super::{Experiment, ImagesConfig, MethodConfig, ROW_KEYS, TokenizerConfig};
use crate::decimal::shorten;
use crate::registry::Registry;
use ligo_kernels::Kernels;
use ligo_models::{Family, Head, ModelConfig};
use ligo_train::TrainingConfig;
use std::path::{Path, PathBuf};

impl Experiment {
    /// Reads an experiment file, lays the `--set` arguments `key=value` over it, and checks everything that can be checked
    /// before data are read.
    ///
    /// Paths in it are relative to `workspace`.
    ///
    /// # Errors
    /// Anything that is not as it should be: one message with file, line, column, key, what was found, what was expected.
    pub fn load<D: Kernels>(
        path: &Path,
        overrides: &[String],
        registry: &Registry<D>,
        workspace: &Path,
    ) -> Result<Self, ConfigError> {
        let mut root = read(path, &mut Vec::new())?;
        for argument in overrides {
            if checkpoint::is_set_by(argument)
                && let Value::Table(table) = &mut root.value
            {
                checkpoint::forget_trained(table);
            }
            tree::set(&mut root, argument)?;
        }
        let name = name_of(path)?;
        let experiment = resolve(root, name, registry, workspace)?;
        Ok(Self { file: Some(file_of(path, workspace)), ..experiment })
    }

    /// The resolved experiment as TOML; loading it gives the same experiment.
    ///
    /// # Errors
    /// If a value has no TOML form; none of those that [`Experiment::load`] lets through.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut document = plain(self)?;
        let training = document.get("training").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        if let Some(small) = document.get_mut("small_training").and_then(toml::Value::as_table_mut) {
            small.retain(|key, value| training.get(key) != Some(value));
            if small.is_empty() {
                document.remove("small_training");
            }
        }
        if let Some(checkpoint) = &self.checkpoint {
            document.insert(
                "small".into(),
                toml::Table::from_iter([("checkpoint".into(), checkpoint.name.clone().into())]).into(),
            );
            document.remove("small_training");
            if let Some(data) = document.get_mut("data").and_then(toml::Value::as_table_mut) {
                data.remove("tokenizer");
            }
        }
        if self.data.images.is_some()
            && let Some(data) = document.get_mut("data").and_then(toml::Value::as_table_mut)
        {
            data.retain(|key, _| key == "images");
        }
        let rows = self.methods.iter().map(|row| row_to_toml(row, &training)).collect::<Result<Vec<_>, _>>()?;
        document.insert("methods".into(), toml::Value::Array(rows));
        toml::to_string_pretty(&document)
    }
}

fn plain(value: &impl serde::Serialize) -> Result<toml::Table, toml::ser::Error> {
    toml::Table::try_from(value).map(|table| table.into_iter().map(|(key, value)| (key, shorten(value))).collect())
}

/// A row as it is written: the options beside its own keys, of those and of the training only what differs.
fn row_to_toml(row: &MethodConfig, training: &toml::Table) -> Result<toml::Value, toml::ser::Error> {
    let mut own = plain(&row.training)?;
    own.retain(|key, value| training.get(key) != Some(value));
    let mut table = toml::Table::new();
    table.insert("method".into(), row.method.clone().into());
    table.insert("label".into(), row.label.clone().into());
    table.extend(plain(row)?.into_iter().filter(|(key, _)| ROW_KEYS.contains(&key.as_str())));
    table.extend(row.options.clone());
    if !own.is_empty() {
        table.insert("training".into(), toml::Value::Table(own));
    }
    Ok(toml::Value::Table(table))
}

fn name_of(path: &Path) -> Result<String, ConfigError> {
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) if !stem.is_empty() => Ok(stem.to_owned()),
        _ => Err(ConfigError::new(path.display(), "has no name that could name the results, expected <name>.toml")),
    }
}

/// As [`Experiment::file`] has it.
fn file_of(path: &Path, workspace: &Path) -> PathBuf {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let file = whole(path);
    let below = file.strip_prefix(whole(workspace)).map(Path::to_owned);
    below.unwrap_or(file)
}

/// A file with those that it extends below it. `chain`: the files that led here.
fn read(path: &Path, chain: &mut Vec<PathBuf>) -> Result<Node, ConfigError> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::new(&shown, format!("cannot be read: {error}")))?;
    let mut own = tree::parse(&text, &shown)?;
    let start = Origin::File { path: shown.as_str().into(), line: 1, column: 1 };
    // What `cargo xtask data fetch` reads in the file of a data set.
    own.remove("fetch");
    let Some(extends) = own.remove("extends") else { return Ok(Node { value: Value::Table(own), origin: start }) };
    let bases = match extends.node.value {
        Value::Array(bases) if !bases.is_empty() => bases,
        value => vec![Node { value, origin: extends.node.origin }],
    };

    chain.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    let mut below = Table::default();
    for base in &bases {
        let base = read_base(path, base, chain)?;
        checkpoint::make_way(&mut below, &base);
        below.merge(base);
    }
    chain.pop();
    checkpoint::make_way(&mut below, &own);
    below.merge(own);
    Ok(Node { value: Value::Table(below), origin: start })
}

/// The file that `base` names beside the file at `path`, with those that it extends.
fn read_base(path: &Path, base: &Node, chain: &mut Vec<PathBuf>) -> Result<Table, ConfigError> {
    let Value::String(name) = &base.value else {
        let found = base.describe();
        return Err(ConfigError::new(
            &base.origin,
            format!("'extends' is {found}, expected the path of a file, or an array of paths"),
        ));
    };
    let file = path.parent().unwrap_or(Path::new("")).join(name);
    let target = file.canonicalize().map_err(|error| {
        let message = format!("'extends' names {}, which cannot be read: {error}", file.display());
        ConfigError::new(&base.origin, message)
    })?;
    if chain.contains(&target) {
        let message = format!("'extends' goes round in a circle: {} extends this file again", file.display());
        return Err(ConfigError::new(&base.origin, message));
    }
    match read(&file, chain)?.value {
        Value::Table(table) => Ok(table),
        _ => Ok(Table::default()),
    }
}

fn resolve<D: Kernels>(
    mut root: Node,
    name: String,
    registry: &Registry<D>,
    workspace: &Path,
) -> Result<Experiment, ConfigError> {
    let mut checkpoint = None;
    if let Value::Table(table) = &mut root.value {
        match table.get("training") {
            // By itself first, so that a mistake in it is not reported from a row that inherits it.
            Some(training) => decode::<TrainingConfig>(training, "training").map(drop)?,
            None => return Err(ConfigError::new(&root.origin, "missing key 'training'")),
        }
        checkpoint = checkpoint::take(table, workspace)?;
        inherit_training(table);
        fill_in(table);
        task::fill_in(table);
    }
    let mut experiment: Experiment = decode(&root, "")?;
    experiment.name = name;
    let mut said_by = ["data", "tokenizer", "file"].as_slice();
    if let Some(checkpoint) = &checkpoint
        && !experiment.small.family.reads_images()
    {
        experiment.data.tokenizer.file = Some(checkpoint.tokenizer());
        said_by = &["small", "checkpoint"];
    }
    experiment.checkpoint = checkpoint;
    let tokens = Tokens::of(&experiment.data.tokenizer, workspace)
        .map_err(|error| ConfigError::new(root.nearest(said_by), format!("'{}': {error}", said_by.join("."))))?;
    if let Some(ImagesConfig { set: Some(set), num_labels, .. }) = &mut experiment.data.images {
        num_labels.get_or_insert(set.num_labels());
    }
    for model in [&mut experiment.small, &mut experiment.large] {
        match &experiment.data.images {
            Some(images) => complete_for_images(model, images),
            None => complete(model, &tokens, experiment.data.sequence_length),
        }
    }
    check(&experiment, &root, registry)?;
    Ok(experiment)
}

/// `[small_training]` and each row's `training` become whole tables: `[training]` with their own keys on top. Keys of a row that
/// not every method knows become its `options`.
fn inherit_training(root: &mut Table) {
    let Some(training) = root.get("training").cloned() else { return };
    let over = |own: Option<Entry>| -> Entry {
        let mut node = training.clone();
        let Some(own) = own else {
            node.origin = Origin::Default;
            return Entry { key: String::new(), origin: Origin::Default, node };
        };
        match (&mut node.value, own.node.value) {
            (Value::Table(below), Value::Table(above)) => below.merge(above),
            (below, above) => *below = above,
        }
        node.origin = own.node.origin;
        Entry { key: String::new(), origin: own.origin, node }
    };
    let small = root.remove("small_training");
    root.0.push(Entry { key: "small_training".into(), ..over(small) });

    let Some(Node { value: Value::Array(rows), .. }) = root.get_mut("methods") else { return };
    for row in rows {
        let Value::Table(table) = &mut row.value else { continue };
        let method = table.remove("method");
        let label = table.remove("label").or_else(|| method.clone());
        let training = over(table.remove("training"));
        let common: Vec<Entry> = ROW_KEYS.iter().filter_map(|key| table.remove(key)).collect();
        let options = Node { value: Value::Table(std::mem::take(table)), origin: row.origin.clone() };
        table.0.extend(method);
        table.0.extend(label.map(|entry| Entry { key: "label".into(), ..entry }));
        table.0.push(Entry { key: "training".into(), ..training });
        table.0.extend(common);
        table.0.push(Entry { key: "options".into(), origin: row.origin.clone(), node: options });
    }
}

/// What a tokenizer says about the models, as far as `[data.tokenizer]` tells.
struct Tokens {
    vocab_size: Option<usize>,
    /// The id of the padding token.
    padding: Option<usize>,
}

impl Tokens {
    fn of(config: &TokenizerConfig, workspace: &Path) -> Result<Self, ligo_data::DataError> {
        match (config.vocab_size, &config.file) {
            // A tokenizer of our own for a masked model begins with [PAD].
            (Some(size), _) => Ok(Self { vocab_size: Some(size), padding: Some(0) }),
            (None, None) => Ok(Self { vocab_size: None, padding: None }),
            (None, Some(file)) => {
                let tokenizer = ligo_data::Tokenizer::from_file(&workspace.join(file))?;
                let padding = tokenizer.pad_id().map(|id| id as usize);
                Ok(Self { vocab_size: Some(tokenizer.vocab_size()), padding })
            }
        }
    }
}

/// What follows for a model from text and tokenizer where it was left out.
fn complete(model: &mut ModelConfig, tokens: &Tokens, sequence_length: usize) {
    if model.family.reads_images() {
        return;
    }
    if model.vocab_size == 0 {
        model.vocab_size = tokens.vocab_size.unwrap_or(0);
    }
    if model.family == Family::Roberta {
        model.pad_token_id = model.pad_token_id.or(tokens.padding);
    }
    if model.max_position_embeddings == 0 {
        model.max_position_embeddings = model.positions_for(sequence_length);
    }
}

/// What follows for a model from the images where it was left out.
fn complete_for_images(model: &mut ModelConfig, images: &ImagesConfig) {
    if !model.family.reads_images() {
        return;
    }
    model.num_labels = model.num_labels.or(images.num_labels);
    if let Some(set) = images.set {
        model.image_size.get_or_insert(set.image_size());
        model.num_channels.get_or_insert(set.num_channels());
    }
}

/// What follows from the rest of the file where it was left out.
fn fill_in(root: &mut Table) {
    let family = |model: &str| match root.get(model) {
        Some(Node { value: Value::Table(model), .. }) => match model.get("family") {
            Some(Node { value: Value::String(name), .. }) => {
                Family::ALL.into_iter().find(|family| family.name() == name)
            }
            _ => None,
        },
        _ => None,
    };
    let masked = ["small", "large"].into_iter().filter_map(family).any(|family| family.heads()[0] == Head::MaskedLm);
    if masked && let Some(Node { value: Value::Table(data), .. }) = root.get_mut("data") {
        data.fill("objective", Value::String("masked".into()));
    }
    let reference = first_scratch(root);
    root.fill("report", Value::Table(Table::default()));
    if let (Some(label), Some(Node { value: Value::Table(report), .. })) = (reference, root.get_mut("report")) {
        report.fill("reference", Value::String(label));
    }
}

fn first_scratch(root: &Table) -> Option<String> {
    let Some(Node { value: Value::Array(rows), .. }) = root.get("methods") else { return None };
    let is_scratch = |row: &&Node| match &row.value {
        Value::Table(table) => {
            matches!(table.get("method"), Some(Node { value: Value::String(method), .. }) if method == "scratch")
        }
        _ => false,
    };
    rows.iter().find(is_scratch).and_then(tree::label).map(str::to_owned)
}
