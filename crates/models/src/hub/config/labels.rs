//! `id2label`, `num_labels` and `problem_type`: what the outputs of a classifying or regressing head are.

use super::source::{Source, wrong};
use crate::{Head, ModelConfig, Result};
use serde_json::{Map, Value};

/// How many labels there are if no key says so.
const THEIR_LABELS: usize = 2;
const REGRESSION: &str = "regression";
const ONE_CLASS: &str = "single_label_classification";

/// How many labels the keys give, by `transformers`' rules: as many as have names, else `num_labels`, else 2.
fn count(source: Source<'_>) -> Result<usize> {
    match source.object("id2label")? {
        Some(names) => Ok(names.len()),
        None => Ok(source.size("num_labels")?.unwrap_or(THEIR_LABELS)),
    }
}

/// The key that gives the number of labels.
pub(super) fn key(source: Source<'_>) -> &'static str {
    if source.get("num_labels").is_some() && source.get("id2label").is_none() { "num_labels" } else { "id2label" }
}

/// Which of its two tasks a sequence classifier has. One label without a word on it is a regression.
pub(super) fn sequence_head(source: Source<'_>) -> Result<Head> {
    match (source.text("problem_type")?, count(source)?) {
        (Some(REGRESSION), _) | (None, 1) => Ok(Head::SequenceRegression),
        (Some(ONE_CLASS) | None, _) => Ok(Head::SequenceClassification),
        _ => wrong("problem_type", source.get("problem_type"), format!("{REGRESSION} or {ONE_CLASS}")),
    }
}

/// Reads the number of labels of a model whose head is known.
pub(super) fn read(source: Source<'_>, config: &mut ModelConfig) -> Result<()> {
    let head = config.head();
    if !head.has_labels() {
        return Ok(());
    }
    if config.family.reads_images() && source.text("problem_type")?.is_some_and(|problem| problem != ONE_CLASS) {
        return wrong("problem_type", source.get("problem_type"), ONE_CLASS);
    }
    config.num_labels = Some(count(source)?);
    Ok(())
}

/// Makes the keys say what `config` has; true if one of them was changed.
pub(super) fn write(map: &mut Map<String, Value>, config: &ModelConfig) -> bool {
    let head = config.head();
    if !head.has_labels() {
        return false;
    }
    let (before, labels) = (count(Source(map)), config.num_labels());
    let recount = !before.is_ok_and(|count| count == labels);
    if recount {
        let ids = 0..labels;
        let name = |label: usize| format!("LABEL_{label}");
        map.insert("id2label".into(), ids.clone().map(|label| (label.to_string(), name(label))).collect());
        map.insert("label2id".into(), ids.map(|label| (name(label), label)).collect());
        // It would contradict the names.
        map.shift_remove("num_labels");
    }
    let problem = Source(map).get("problem_type").and_then(Value::as_str).map(str::to_owned);
    let (fits, wanted) = match head {
        Head::SequenceRegression => (problem.is_none() && labels == 1, Some(REGRESSION)),
        _ => (problem.as_deref() == Some(ONE_CLASS), None),
    };
    let renamed = !fits && problem.as_deref() != wanted;
    if renamed {
        match wanted {
            Some(problem) => map.insert("problem_type".into(), problem.into()),
            None => map.shift_remove("problem_type"),
        };
    }
    recount || renamed
}
