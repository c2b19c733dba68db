//! What a run depends on, as data, and its hash: decides what has to be done again, and says why.
//!
//! The keys are those of the TOML, so that a difference reads like the edit that made it. Title, description, threads and
//! `[report]` are left out: they change no run.

use crate::decimal::shortest;
use crate::schema::{Experiment, ImagesConfig, MethodConfig, ROW_KEYS};
use ligo_growth::{Action, Recipe, Start, Training};
use ligo_kernels::Kernels;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Raised when a change of this project makes earlier runs incomparable.
const FORMAT: u32 = 2;

/// Everything that a run depends on, and its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// blake3 of `values` in canonical form.
    pub fingerprint: String,
    /// By the keys of the TOML.
    pub values: Value,
}

/// One value that differs between two [`Inputs`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Dotted, as in the TOML: `training.learning_rate`.
    pub key: String,
    /// The value then, or `nothing`.
    pub before: String,
    /// The value now, or `nothing`.
    pub after: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} changed {} → {}", self.key, self.before, self.after)
    }
}

impl Inputs {
    fn new(values: Value) -> Self {
        let values = sorted(values);
        Self { fingerprint: blake3::hash(values.to_string().as_bytes()).to_hex().to_string(), values }
    }

    /// Of the small model's run. `data`: hash of text, tokenizer and sequence length.
    ///
    /// # Errors
    /// If a value has no JSON form; none does.
    pub fn of_small(experiment: &Experiment, data: &str, seed: u64) -> serde_json::Result<Self> {
        let mut values = shared(experiment, data, seed)?;
        values.insert("small".into(), serde_json::to_value(&experiment.small)?);
        values.insert("small_training".into(), serde_json::to_value(&experiment.small_training)?);
        Ok(Self::new(Value::Object(values)))
    }

    /// Of a method's run. `small`: what says which small model it starts from or is taught by, if it is.
    ///
    /// # Errors
    /// As [`Inputs::of_small`].
    pub fn of_method<D: Kernels>(
        experiment: &Experiment,
        row: &MethodConfig,
        recipe: &Recipe<D>,
        data: &str,
        small: &Value,
        seed: u64,
    ) -> serde_json::Result<Self> {
        let mut values = shared(experiment, data, seed)?;
        values.insert("large".into(), serde_json::to_value(&experiment.large)?);
        values.insert("training".into(), serde_json::to_value(&row.training)?);
        values.insert("method".into(), json!(row.method));
        values.insert("options".into(), serde_json::to_value(&row.options)?);
        if let Value::Object(row) = serde_json::to_value(row)? {
            values.extend(row.into_iter().filter(|(key, _)| ROW_KEYS.contains(&key.as_str())));
        }
        let start = match &recipe.start {
            Start::Small => small.clone(),
            Start::Random(model) => json!({ "fresh": serde_json::to_value(model)? }),
        };
        if recipe.start != Start::Small && recipe.needs_small() {
            values.insert("teacher".into(), small.clone());
        }
        values.insert("start".into(), start);
        let stages = recipe.stages.iter().map(|stage| {
            let action = match &stage.action {
                Action::Grow { to, operator } => {
                    json!({ "grow to": serde_json::to_value(to)?, "by": brief(operator) })
                }
                Action::Learn { to, operator, training } => json!({
                    "learn to grow to": serde_json::to_value(to)?,
                    "by": brief(operator),
                    "training": format!("{training:?}"),
                }),
                Action::Train { steps, schedule_from, training } if **training == Training::default() => {
                    json!({ "train": steps, "from": schedule_from })
                }
                Action::Train { steps, schedule_from, training } => {
                    json!({ "train": steps, "from": schedule_from, "as": format!("{training:?}") })
                }
            };
            Ok((stage.name.clone(), action))
        });
        values.insert("stages".into(), Value::Object(stages.collect::<serde_json::Result<_>>()?));
        Ok(Self::new(Value::Object(values)))
    }

    /// What differs from `earlier` to `self`.
    pub fn changes_since(&self, earlier: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        compare("", &earlier.values, &self.values, &mut changes);
        changes
    }
}

/// A hash of what an operator is; its maps may be long.
fn brief(operator: &impl std::fmt::Debug) -> String {
    blake3::hash(format!("{operator:?}").as_bytes()).to_hex().to_string()
}

fn shared(experiment: &Experiment, data: &str, seed: u64) -> serde_json::Result<Map<String, Value>> {
    let mut values = Map::new();
    values.insert("format".into(), json!(FORMAT));
    values.insert("seed".into(), json!(seed));
    values.insert("data".into(), data_values(experiment, data)?);
    values.insert(
        "evaluation".into(),
        json!({
            "every": experiment.evaluation.every,
            "batches": experiment.evaluation.batches,
            "sequences": experiment.training.micro_batch_size(),
        }),
    );
    Ok(values)
}

fn data_values(experiment: &Experiment, data: &str) -> serde_json::Result<Value> {
    if let Some(images) = &experiment.data.images {
        // Files are their content, however they are called.
        let images = ImagesConfig { train: Vec::new(), validation: Vec::new(), ..images.clone() };
        return Ok(json!({ "content": data, "images": serde_json::to_value(images)? }));
    }
    Ok(json!({
            "content": data,
            "corpus": serde_json::to_value(experiment.data.corpus)?,
            "tokenizer": { "vocab_size": experiment.data.tokenizer.vocab_size },
            "sequence_length": experiment.data.sequence_length,
            "objective": serde_json::to_value(experiment.data.objective)?,
            // Of no consequence, and so of no interest, where nothing is masked.
            "masked_share": (experiment.data.objective == crate::schema::LanguageObjective::Masked)
                .then_some(experiment.data.masked_share),
    }))
}

/// Objects with their keys in order, so that the order in a TOML file is of no consequence, and numbers as they were written.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or(Value::Null, |number| json!(shortest(number)))
        }
        other => other,
    }
}

fn compare(key: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let under = |inner: &str| if key.is_empty() { inner.to_owned() } else { format!("{key}.{inner}") };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for inner in old.keys().chain(added) {
                let [old, new] = [old, new].map(|map| map.get(inner).unwrap_or(&Value::Null));
                compare(&under(inner), old, new, changes);
            }
        }
        // A table that was not there: its keys were not.
        (Value::Null, Value::Object(new)) if !new.is_empty() => compare(key, &json!({}), after, changes),
        (Value::Object(old), Value::Null) if !old.is_empty() => compare(key, before, &json!({}), changes),
        _ if before == after => {}
        _ => changes.push(Change { key: key.to_owned(), before: shown(before), after: shown(after) }),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) if text.len() > 40 => format!("{}…", text.chars().take(12).collect::<String>()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
