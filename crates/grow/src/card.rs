//! The grown checkpoint's own card, `README.md`: where it comes from, how it was grown, what is known of it, how to go on. Of the
//! source's card only the licence is taken.

use crate::licence::Licence;
use crate::next::{Next, library};
use crate::target::shown;
use crate::{Plan, Report};
use ligo_growth::Guarantee;
use ligo_kernels::Kernels;
use ligo_models::Head;
use ligo_models::checkpoint::FloatType;
use std::fmt::Write;

/// The text of the card. `next`: how to go on from the card's own directory.
pub(crate) fn text<D: Kernels>(plan: &Plan<'_, D>, report: &Report, licence: &Licence, next: &Next) -> String {
    let (request, config) = (&plan.request, plan.large());
    let method = request.method;
    let mut text = String::from("---\n");
    // Writing to a string cannot fail.
    let mut line = |s: String| _ = writeln!(text, "{s}");
    line(format!("base_model: {}", plain(&base_model(&request.source.name))));
    for (key, value) in &licence.keys {
        line(format!("{key}: {value}"));
    }
    line(format!("library_name: {}", library(config, &plan.checkpoint)));
    if let Some(task) = pipeline(config.head(), library(config, &plan.checkpoint)) {
        line(format!("pipeline_tag: {task}"));
    }
    line(format!("tags:\n- grown\n- model-growth\n- {}\n- {}\n---\n", plain(method.name()), config.family));

    line(format!("# {}, grown by {}\n", plain(&base_model(&request.source.name)), method.name()));
    line(format!("{}\n", method.summary()));
    line("This is a starting point for training, not a trained model.\n".into());
    let options = options(&request.options);
    line("| | |\n|---|---|".into());
    line(format!("| source | {} |", cell(&request.source.name)));
    line(format!("| licence of the source | {} |", licence.name().map_or("not said in its card".into(), cell)));
    line(format!(
        "| method | {}{} |",
        method.name(),
        if options.is_empty() { String::new() } else { format!(" ({})", cell(&options)) }
    ));
    line(format!("| before | {}, {} weights |", shown(plan.small()), report.before));
    line(format!("| after | {}, {} weights, {} |", shown(config), report.after, plan.dtype().name()));
    line(format!("| what is promised | {} |", cell(&promise(plan.guarantee()))));
    if let Some(receipt) = &report.receipt {
        let rounded = match plan.dtype() {
            FloatType::F32 => String::new(),
            dtype => format!(", before numbers were rounded to {}", dtype.name()),
        };
        line(format!("| what was measured | {receipt}{rounded} |"));
    }
    for (name, loss) in [("loss of the source", report.small_loss), ("loss after growing", report.grown_loss)] {
        if let Some(loss) = loss {
            line(format!("| {name} | {loss:.4} (nats, on what was held out of the data) |"));
        }
    }
    line(format!("| seed | {} |\n", request.seed));
    line(format!("```sh\n{}\n```\n", request.command));
    if let Some(data) = &request.data {
        let files = data.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        line(format!(
            "Data: {files}; its last part, a twentieth or so, is held out and what losses are measured on.\n"
        ));
    }
    if !report.learning.is_empty() {
        line("Learning the operator:\n\n| step | loss |\n|---:|---:|".into());
        for (step, loss) in &report.learning {
            line(format!("| {step} | {loss:.4} |"));
        }
        line(String::new());
    }
    line("## How to go on\n".into());
    line(format!("Here, with this directory as `checkpoint`:\n\n```python\n{}\n```", next.python));
    if let Some(toml) = &next.toml {
        line(format!(
            "\nOr with the project that grew it, as an experiment (`cargo xtask run`); `checkpoint` is where this directory lies:\n\n```toml\n{toml}\n```"
        ));
    }
    text
}

/// What a method promises, in words.
pub fn promise(guarantee: &Guarantee) -> String {
    match guarantee {
        Guarantee::Function => "it computes what the source computes".into(),
        Guarantee::Layers(layers) => {
            let layers: Vec<String> = layers.iter().map(usize::to_string).collect();
            format!("its layers are the source's layers {}", layers.join(", "))
        }
        Guarantee::Nothing(reason) => format!("nothing: {reason}"),
    }
}

/// A name on the Hub as it is; of a path its last part.
fn base_model(name: &str) -> String {
    let name = name.strip_prefix("hf://").unwrap_or(name);
    let path = std::path::Path::new(name);
    let local = path.exists() || path.is_absolute() || name.matches('/').count() != 1;
    if !local {
        return name.split('@').next().unwrap_or(name).to_owned();
    }
    let last = path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    last.or_else(|| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_else(|| name.to_owned())
}

/// Options as they were set.
fn options(options: &toml::Table) -> String {
    options.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
}

/// What YAML takes for a plain word, or else in quotes.
fn plain(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    match text.chars().all(harmless) && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// What does not break a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn pipeline(head: Head, library: &str) -> Option<&'static str> {
    match head {
        Head::CausalLm => Some("text-generation"),
        Head::MaskedLm => Some("fill-mask"),
        Head::SequenceClassification => Some("text-classification"),
        Head::QuestionAnswering => Some("question-answering"),
        Head::ImageClassification | Head::DistilledImageClassification => Some("image-classification"),
        Head::None if library == "sentence-transformers" => Some("sentence-similarity"),
        Head::None | Head::SequenceRegression => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_hub_or_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let local = directory.path().join("mine");
        std::fs::create_dir(&local).unwrap();
        for (name, expected) in [
            ("hf://owner/name@main", "owner/name"),
            ("owner/name", "owner/name"),
            (local.to_str().unwrap(), "mine"),
            ("a/b/c", "c"),
        ] {
            assert_eq!(base_model(name), expected);
        }
        assert_eq!([plain("owner/name-1.5"), plain("a: b"), plain("1e5")], ["owner/name-1.5", "\"a: b\"", "\"1e5\""]);
    }
}
