//! The sentences around the table: what was run, against what target, how a saving is defined. Plain text; who shows it
//! escapes it.

use super::figures::{Figures, Role, Row};
use super::paper::Beside;
use super::{number, searches, tasks};
use crate::record::{Results, RunRecord};
use crate::schema::{AfterGrowth, MethodConfig, OptimiserState};
use ligo_models::{Family, ModelConfig};

/// Two sentences: the models and the data; the rows, the training, the seeds.
pub(super) fn what_was_run(results: &Results, figures: &Figures) -> Vec<String> {
    let experiment = &results.experiment;
    let (small, large) = (&experiment.small, &experiment.large);
    let models = format!(
        "A {} of {}{} was grown into {}{}, on {}.",
        family(small.family),
        size(small),
        small_weights(results),
        size(large),
        weights(results.methods.first()),
        data(results),
    );
    let training = &experiment.training;
    let rows = format!(
        "{} trained for {} steps of {}, {}.",
        match figures.rows.len() {
            1 => "One row of the table was".into(),
            rows => format!("The table's {rows} rows were"),
        },
        number::count(training.steps),
        match results.data.images {
            Some(_) => format!("{} images", training.batch_size),
            None => format!("{} sequences × {} tokens", training.batch_size, experiment.data.sequence_length),
        },
        seeds(&experiment.seeds),
    );
    let remark = experiment.report.remark.clone();
    [models, rows].into_iter().chain(remark).collect()
}

/// What was trained on: text with its vocabulary, or images with their classes.
fn data(results: &Results) -> String {
    let data = &results.data;
    match &data.images {
        Some(images) => format!(
            "the images {} ({} to train on, {} classes)",
            data.name,
            number::count(images.train),
            number::count(images.classes as u64)
        ),
        None => format!(
            "the text {} ({} tokens to train on, a vocabulary of {})",
            data.name,
            number::count(data.train_tokens),
            number::count(data.vocab_size as u64)
        ),
    }
}

/// A family's name as its authors write it.
pub(super) fn family(family: Family) -> &'static str {
    match family {
        Family::Gpt2 => "GPT-2",
        Family::Bert => "BERT",
        Family::Roberta => "RoBERTa",
        Family::Vit => "ViT",
        Family::Deit => "DeiT",
        Family::Cait => "CaiT",
        Family::Llama => "Llama",
        Family::Mistral => "Mistral",
        Family::Qwen2 => "Qwen2",
        Family::Qwen3 => "Qwen3",
    }
}

fn size(model: &ModelConfig) -> String {
    let layers = if model.num_hidden_layers == 1 { "layer" } else { "layers" };
    format!("{} {layers} × {} channels", model.num_hidden_layers, number::count(model.hidden_size as u64))
}

/// Of the small model, or the checkpoint that it is.
fn small_weights(results: &Results) -> String {
    match &results.experiment.checkpoint {
        Some(checkpoint) => format!(" (the checkpoint {})", checkpoint.name),
        None => weights(results.small.first()),
    }
}

fn weights(run: Option<&RunRecord>) -> String {
    run.map(|run| format!(" ({} weights)", number::count(run.parameters))).unwrap_or_default()
}

fn seeds(seeds: &[u64]) -> String {
    let list: Vec<String> = seeds.iter().map(u64::to_string).collect();
    match list.as_slice() {
        [one] => format!("once, with seed {one}"),
        many => format!("each with the seeds {}", many.join(", ")),
    }
}

/// The target, in one sentence.
pub(super) fn target(results: &Results, figures: &Figures) -> String {
    let report = &results.experiment.report;
    let mean = match report.smoothing {
        0 | 1 => String::new(),
        several => format!(" (the mean of its last {several} measurements)"),
    };
    let seeds = if figures.target.values.len() > 1 { "; each seed has its own target" } else { "" };
    format!(
        "Target: the {} that {} ended with, {}{mean}{seeds}.",
        figures.measure.name(),
        figures.reference,
        figures.target.show_with(|mean, sd| figures.measure.show_spread(mean, sd)),
    )
}

/// What stands below the table, a paragraph each.
pub(super) fn how_to_read(results: &Results, figures: &Figures) -> Vec<String> {
    let report = &results.experiment.report;
    let smoothed = match report.smoothing {
        0 | 1 => String::new(),
        several => format!(", smoothed over {several} measurements,"),
    };
    let mut paragraphs = vec![format!(
        "{} Saved is 1 − cost / cost of {}, where a row's cost is all that it ran, an operator's learning included, until its \
         {}{smoothed} reached the target and stayed there. The small model is taken as given, as in the paper; \
         {}. Wall time is that of training and growing, without measurements and \
         checkpoints; FLOPs are counted operation by operation.{}",
        target(results, figures),
        figures.reference,
        figures.measure.name(),
        match &results.experiment.checkpoint {
            Some(_) => "what the checkpoint cost is not known",
            None => "\"small model charged\" adds its training",
        },
        match results.experiment.seeds.len() {
            0 | 1 => "",
            _ => " Figures are means over seeds ± one standard deviation.",
        },
    )];
    paragraphs.extend(searches::how_to_read(results));
    paragraphs.extend(other_scratch_rows(results, figures));
    paragraphs.extend(what_rows_ask(results, figures));
    paragraphs.extend(tasks::how_to_read(results));
    let beside = Beside::of(&results.experiment);
    if results.experiment.methods.iter().any(|row| beside.flops(row).is_some()) {
        paragraphs.push(format!(
            "Figures marked as the paper's are those of Wang et al. (2023, arXiv 2303.00980): {}, on other data and at a far \
             larger scale. They are no measure of this run.",
            beside.sources(),
        ));
    }
    paragraphs
}

/// Why there is a second scratch row, of those that differ in their rate.
fn other_scratch_rows(results: &Results, figures: &Figures) -> Option<String> {
    let rate = results.experiment.training.learning_rate;
    let has_other_rate = |label: &str| {
        let mut methods = results.experiment.methods.iter();
        methods.any(|method| method.label == label && method.training.learning_rate != rate)
    };
    let scratch = figures.rows.iter().filter(|row| row.role == Role::Scratch && has_other_rate(&row.label));
    let names: Vec<&str> = scratch.map(|row| row.title.as_str()).collect();
    // Where rates were searched for, every row has its own best one.
    if names.is_empty() || results.experiment.search.is_some() {
        return None;
    }
    Some(format!(
        "Growing looks larger the lower the learning rate. {} trains the large model from random weights like {}, at another \
         rate than the {} of the other rows: what it saves, no growing was needed for.",
        names.join(" and "),
        figures.reference,
        number::rate(rate),
    ))
}

/// What rows ask beside their method, in one paragraph.
fn what_rows_ask(results: &Results, figures: &Figures) -> Option<String> {
    let config = |row: &Row| results.experiment.methods.iter().find(|config| config.label == row.label);
    let of_rows = figures.rows.iter().filter_map(|row| {
        let asked = strategies(config(row)?);
        (!asked.is_empty()).then(|| format!("{}: {}.", row.title, asked.join("; ")))
    });
    let sentences: Vec<String> = of_rows.collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// What a row asks that any method can be asked.
fn strategies(row: &MethodConfig) -> Vec<String> {
    let mut asked = Vec::new();
    if row.optimiser_state == OptimiserState::Grown {
        asked.push("the optimiser goes on with what it remembered, grown like the weights".to_owned());
    }
    match (row.learning_rate_after_growth, row.rewarm_steps) {
        (None, _) => {}
        (Some(AfterGrowth::Restart), _) => asked.push("growing starts the learning rate's schedule anew".into()),
        (Some(AfterGrowth::Continue), _) => asked.push("growing leaves the learning rate where it stands".into()),
        (Some(AfterGrowth::ReWarm), None) => asked.push("growing warms the learning rate up again".into()),
        (Some(AfterGrowth::ReWarm), Some(steps)) => {
            asked.push(format!("growing warms the learning rate up again, in {} steps", number::count(steps)));
        }
    }
    if let Some(dropping) = &row.layer_dropping {
        asked.push(format!(
            "layers are left out with a probability that rises to {}",
            number::percent(f64::from(dropping.max_rate))
        ));
    }
    if let Some(dropping) = &row.token_dropping {
        asked.push(format!("{} of the tokens skip the middle layers", number::percent(f64::from(dropping.share))));
    }
    if let Some(staged) = &row.staged_training {
        let layers = if staged.layers == 1 { "layer is".into() } else { format!("{} layers are", staged.layers) };
        asked.push(format!("the bottom {layers} trained first, for {} of the steps", number::percent(staged.share)));
    }
    asked
}

/// What came out: each setting of LiGO, then the best of the other rows, so that the first is not read alone.
pub(super) fn findings(figures: &Figures) -> Vec<String> {
    let of_role =
        |ligo: bool| figures.rows.iter().filter(move |row| (row.role == Role::Ligo) == ligo && row.comparable > 0);
    let mut sentences: Vec<String> = of_role(true).map(|row| finding(row, figures)).collect();
    let others = of_role(false).filter(|row| row.role != Role::Reference);
    let best = others.filter(|row| row.savings.flops.mean.is_some()).max_by(|a, b| {
        let saved = |row: &Row| row.savings.flops.mean.unwrap_or(f64::NEG_INFINITY);
        saved(a).total_cmp(&saved(b))
    });
    if !sentences.is_empty() {
        sentences.extend(best.map(|row| format!("Best of the other rows: {}", finding(row, figures))));
    }
    sentences
}

fn finding(row: &Row, figures: &Figures) -> String {
    match (row.savings.flops.mean, row.savings.wall.mean) {
        (Some(flops), Some(wall)) => format!(
            "{} reached {}'s final {} with {} of its FLOPs and {} of its time.",
            row.title,
            figures.reference,
            figures.measure.short(),
            number::percent(1.0 - flops),
            number::percent(1.0 - wall),
        ),
        _ if row.savings.reached() == 0 => {
            format!("{} did not reach {}'s final {}.", row.title, figures.reference, figures.measure.short())
        }
        _ => format!(
            "{} did not reach {}'s final {} with every seed.",
            row.title,
            figures.reference,
            figures.measure.short()
        ),
    }
}

/// How to read the figures.
pub(super) fn caption(figures: &Figures) -> String {
    let seeds = match figures.target.values.len() {
        0 | 1 => "",
        _ => {
            " Bold lines are means over seeds, thin ones single seeds; small rings mark where single seeds reached the targets of \
              their own."
        }
    };
    format!(
        "A ring marks where a row reached the target for good, the thread below it what that had cost. The frame leaves out the \
         steep first steps.{seeds}"
    )
}
