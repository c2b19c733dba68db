//! Several experiments side by side: every row of each in one table, their curves in one figure per cost. Nothing is trained.

mod lines;
mod table;

use super::chart::{Axis, Chart};
use super::figures::{Figures, Reference, Row, savings};
use super::grid::markdown_escape;
use super::measure::Measure;
use super::page::{document, figure, grid, section, text};
use super::pictures::picture;
use super::prose;
use super::savings::Savings;
use super::svg::draw;
use super::{PALETTES, metrics, palette, write_text};
use crate::record::{Results, RunRecord};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// An experiment with its figures.
#[derive(Debug)]
struct Compared<'a> {
    results: &'a Results,
    figures: Figures,
    /// Whether it is about the same data and the same large model as the first experiment, so that its rows can be held against
    /// the first one's reference.
    alike: bool,
}

impl Compared<'_> {
    fn name(&self) -> &str {
        &self.results.experiment.name
    }

    /// What a row saved against the reference of `first`, with the seeds that both have.
    fn against(&self, first: &Compared<'_>, row: &Row) -> Savings {
        let shared = |run: &&RunRecord| run.label == row.label && first.has_reference(run.seed);
        let runs: Vec<&RunRecord> = self.results.methods.iter().filter(shared).collect();
        let reference = Reference {
            curves: &first.figures.curves,
            label: &first.figures.reference,
            reading: first.figures.reading,
        };
        savings(&runs, &self.figures.curves, reference, None)
    }

    fn has_reference(&self, seed: u64) -> bool {
        !self.figures.curves.of_run(&self.figures.reference, seed).is_empty()
    }
}

/// Writes the comparison of experiments into `directory`, each file under a temporary name, synced, then renamed: `table.md`,
/// `report.html`, and the curves as `loss-flops.svg`, `loss-wall.svg` (of images `accuracy-…`), with `…-dark.svg` for dark pages.
/// Returns the table for a terminal.
///
/// # Errors
/// Fewer than two experiments, one that is named twice, experiments that measure different things, or a file that cannot be
/// written; the message names it.
pub fn compare(all: &[Results], directory: &Path) -> Result<String> {
    let compared = compared(all)?;
    let measure = compared[0].figures.measure;
    let charts = [Axis::Flops, Axis::Wall].map(|axis| lines::chart(&compared, axis));
    for (palette, suffix) in PALETTES {
        for chart in &charts {
            let name = chart.axis.name(measure);
            write_text(&directory.join(format!("{name}{suffix}.svg")), &draw(chart, palette, &name))?;
        }
    }
    write_text(&directory.join("table.md"), &markdown(&compared, &charts))?;
    write_text(&directory.join("report.html"), &page(&compared, &charts))?;
    Ok(super::table::aligned(&table::terminal(&compared)))
}

fn compared(all: &[Results]) -> Result<Vec<Compared<'_>>> {
    let [first, others @ ..] = all else { bail!("no experiment to compare, expected two or more") };
    if others.is_empty() {
        bail!("{}: one experiment to compare, expected two or more", first.experiment.name);
    }
    for (place, other) in all.iter().enumerate() {
        let name = &other.experiment.name;
        if all[..place].iter().any(|known| &known.experiment.name == name) {
            bail!("{name}: named twice, expected different experiments");
        }
        let (found, expected) = (Measure::of(other), Measure::of(first));
        if found != expected {
            bail!(
                "{name}: report.metric is {}, expected {} as in {}: they cannot be compared",
                found.short(),
                expected.short(),
                first.experiment.name
            );
        }
    }
    let of_one = |results| {
        let figures = Figures::new(results, &metrics::frame(results)?)
            .with_context(|| format!("{}: the report's figures", results.experiment.name))?;
        let alike =
            results.data.fingerprint == first.data.fingerprint && results.experiment.large == first.experiment.large;
        Ok(Compared { results, figures, alike })
    };
    all.iter().map(of_one).collect()
}

fn title(compared: &[Compared<'_>]) -> String {
    let names: Vec<&str> = compared.iter().map(Compared::name).collect();
    match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} and {last} compared", others.join(", ")),
        names => names.concat(),
    }
}

/// What each experiment is, a paragraph each.
fn experiments(compared: &[Compared<'_>]) -> Vec<String> {
    let one = |one: &Compared<'_>| {
        let (results, figures) = (one.results, &one.figures);
        let sentences = prose::what_was_run(results, figures).join(" ");
        format!("{}: {}. {sentences} {}", one.name(), results.experiment.title, prose::target(results, figures))
    };
    compared.iter().map(one).collect()
}

fn markdown(compared: &[Compared<'_>], charts: &[Chart]) -> String {
    let mut markdown = format!("# {}\n\n", markdown_escape(&title(compared)));
    for paragraph in experiments(compared) {
        markdown.push_str(&format!("{}\n\n", markdown_escape(&paragraph)));
    }
    markdown.push_str(&table::grid(compared).markdown());
    markdown.push_str(&format!("\n{}\n", markdown_escape(&table::how_to_read(compared))));
    for chart in charts {
        let file = chart.axis.name(chart.measure);
        markdown.push_str(&format!("\n{}", picture(&file, &chart.title, &lines::caption(chart))));
    }
    markdown
}

fn page(compared: &[Compared<'_>], charts: &[Chart]) -> String {
    let lead: String = experiments(compared).iter().map(|paragraph| format!("<p>{}</p>\n", text(paragraph))).collect();
    let rows =
        grid(&table::grid(compared)) + &format!("<p class=\"note\">{}</p>\n", text(&table::how_to_read(compared)));
    let curves: String = charts
        .iter()
        .map(|chart| {
            let svg = draw(chart, &palette::PAGE, &chart.axis.name(chart.measure));
            figure(&chart.title, &svg, &format!("{}.", chart.title), &lines::caption(chart))
        })
        .collect();
    let sections = section("rows", "Every row", &rows) + &section("curves", "Curves", &curves);
    document(&title(compared), &lead, &sections)
}
