//! The sections' contents, in HTML; nothing where there is nothing to say.

use super::{details, grid, note, scrolling, text};
use crate::record::Results;
use crate::report::chart::Chart;
use crate::report::figures::Figures;
use crate::report::palette::PAGE;
use crate::report::paper::{self, Beside};
use crate::report::svg::{draw, escape};
use crate::report::{bars, equal_compute, number, origin, prose, searches, table, thresholds};

pub(super) fn savings(results: &Results, figures: &Figures) -> String {
    let notes: String = prose::how_to_read(results, figures).iter().map(|paragraph| note(paragraph)).collect();
    let bars = bars::draw(figures, &PAGE, bars::NAME)
        .map(|svg| figure(bars::TITLE, &svg, &format!("{}.", bars::TITLE), &bars::caption(figures)));
    grid(&table::grid(results, figures)) + &bars.unwrap_or_default() + &notes
}

pub(super) fn tasks(results: &Results, figures: &Figures) -> String {
    crate::report::tasks::every_measure(results, figures).map(|found| grid(&found)).unwrap_or_default()
}

pub(super) fn thresholds(results: &Results, figures: &Figures) -> String {
    let found = thresholds::grid(figures);
    found.map(|found| grid(&found) + &note(&thresholds::how_to_read(results, figures))).unwrap_or_default()
}

pub(super) fn equal_compute(results: &Results, figures: &Figures) -> String {
    let found = equal_compute::grid(results, figures);
    found.map(|found| grid(&found) + &note(&equal_compute::how_to_read(results, figures))).unwrap_or_default()
}

pub(super) fn search(results: &Results, figures: &Figures) -> String {
    let how = searches::how_to_read(results).map(|how| note(&how)).unwrap_or_default();
    searches::grid(results, figures).map(|found| grid(&found) + &how).unwrap_or_default()
}

pub(super) fn curves(figures: &Figures, charts: &[Chart]) -> String {
    let of = |chart: &Chart| {
        let svg = draw(chart, &PAGE, &chart.axis.name(figures.measure));
        figure(&chart.title, &svg, &format!("{}.", chart.title), &prose::caption(figures))
    };
    charts.iter().map(of).collect()
}

/// A figure that scrolls by itself. `label`, `title`, `caption`: plain text.
pub(in crate::report) fn figure(label: &str, svg: &str, title: &str, caption: &str) -> String {
    format!(
        "<figure>\n{}<figcaption>{} {}</figcaption>\n</figure>\n",
        scrolling(&escape(label), svg),
        text(title),
        text(caption)
    )
}

/// The paper's own tables, closed until somebody wants them.
pub(super) fn paper(results: &Results) -> String {
    let tables = paper::grids(Beside::of(&results.experiment));
    let tables: String = tables.iter().map(|(name, found)| details(name, &grid(found))).collect();
    note(
        "Wang et al., Learning to Grow Pretrained Models for Efficient Transformer Training, ICLR 2023, arXiv 2303.00980. Savings \
         are to scratch's final loss, the small model given. No figure here was measured by this run.",
    ) + &tables
}

pub(super) fn resolved(toml: &str) -> String {
    let file =
        format!("<pre tabindex=\"0\" aria-label=\"Resolved experiment file\"><code>{}</code></pre>\n", escape(toml));
    "<p>The experiment file with everything filled in that it leaves out. Run on the same machine with the same number of \
     threads, it gives the same losses, bit for bit.</p>\n"
        .to_owned()
        + &details("Resolved experiment file", &file)
}

pub(super) fn provenance(results: &Results, figures: &Figures) -> String {
    let provenance = &results.provenance;
    let data = &results.data;
    let amount = match &data.images {
        Some(images) => format!(
            "{}: {} images to train on, {} to validate on, {} classes",
            data.name,
            number::count(images.train),
            number::count(images.validation),
            number::count(images.classes as u64)
        ),
        None => format!(
            "{}: {} tokens to train on, {} to validate on",
            data.name,
            number::count(data.train_tokens),
            number::count(data.validation_tokens)
        ),
    };
    let entries = [
        ("Command", provenance.command.clone()),
        ("Date", provenance.date.clone()),
        ("Commit", origin::commit(provenance)),
        ("Version", format!("ligo {}", provenance.version)),
        ("Compiler", provenance.rustc.clone().unwrap_or_else(|| "unknown".into())),
        ("Machine", format!("{}, {}", provenance.machine, provenance.system)),
        ("Threads", provenance.threads.to_string()),
        ("Data", amount),
        ("Fingerprint of the data", data.fingerprint.clone()),
    ];
    let entries: String =
        entries.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(value))).collect();
    let others = origin::not_listed(results).map(|sentence| note(&sentence)).unwrap_or_default();
    let every = details(origin::SUMMARY, &(others + &grid(&origin::grid(results, figures))));
    format!("<p>The newest run:</p>\n<dl>\n{entries}</dl>\n{every}")
}
