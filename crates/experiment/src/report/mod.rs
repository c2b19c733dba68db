//! From results to what people look at: `metrics.parquet`, `table.md`, `summary.json`, the figures, `report.html`.
//!
//! [`write()`] makes everything anew from the [`Results`] that the runs left behind; it trains nothing and reads no clock, so
//! that the same results give the same files. The figures of the table are worked out by polars from `metrics.parquet` as it
//! was read back: whoever reads that file can work out the same.

mod bars;
mod chart;
mod compare;
mod curve;
mod equal_compute;
mod figures;
mod grid;
mod layout;
mod measure;
mod metrics;
mod number;
mod operator;
mod origin;
mod page;
mod palette;
mod paper;
mod pictures;
mod prose;
mod savings;
mod searches;
mod summary;
mod svg;
mod table;
mod tasks;
mod thresholds;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use compare::compare;
pub use metrics::read_metrics;

use crate::record::Results;
use anyhow::{Context, Result};
use chart::{Axis, Chart};
use figures::Figures;
use ligo_files::{FileError, replace_file};
use std::io::Write;
use std::path::Path;

/// The file that every other one is made from.
const METRICS: &str = "metrics.parquet";

/// The colours of a figure's files, and what sets their names apart.
const PALETTES: [(&palette::Palette, &str); 2] = [(&palette::LIGHT, ""), (&palette::DARK, "-dark")];

/// Writes the report of an experiment into `directory`, each file under a temporary name, synced, then renamed:
///
/// | file | what |
/// |---|---|
/// | `metrics.parquet` | a row per evaluation |
/// | `table.md` | the table in the paper's layout |
/// | `summary.json` | its figures for a program; without `timing` and `provenance` a function of the experiment file |
/// | `loss-flops.svg`, `loss-wall.svg` | validation loss against cost, and for dark pages `…-dark.svg`; of images `accuracy-…` |
/// | `savings.svg` | what was saved as bars, likewise; not written where no row is compared with the reference |
/// | `operator-<label>-spectra.svg`, `operator-<label>-depth.svg` | singular values and depth weights of a learnt operator, likewise |
/// | `experiment.resolved.toml` | the experiment with all its defaults |
/// | `report.html` | everything on one page |
///
/// # Errors
/// If a file cannot be written; the message names it, and whatever was there before still is.
pub fn write(results: &Results, directory: &Path) -> Result<()> {
    let metrics_file = directory.join(METRICS);
    metrics::write_metrics(results, &metrics_file)?;
    let metrics = read_metrics(&metrics_file)?;
    let figures = Figures::new(results, &metrics).context("the report's figures")?;
    let charts = [Axis::Flops, Axis::Wall].map(|axis| Chart::new(&figures, axis));

    for (palette, suffix) in PALETTES {
        for chart in &charts {
            let name = chart.axis.name(figures.measure);
            write_text(&directory.join(format!("{name}{suffix}.svg")), &svg::draw(chart, palette, &name))?;
        }
        if let Some(svg) = bars::draw(&figures, palette, bars::NAME) {
            write_text(&directory.join(format!("{}{suffix}.svg", bars::NAME)), &svg)?;
        }
    }
    for operator in operator::learnt(results, &figures) {
        for (palette, suffix) in PALETTES {
            for (name, svg) in operator.files(palette, suffix) {
                write_text(&directory.join(name), &svg)?;
            }
        }
    }
    write_text(&directory.join("experiment.resolved.toml"), &results.experiment.to_toml()?)?;
    write_text(&directory.join("summary.json"), &summary::summary(results, &figures)?)?;
    write_text(&directory.join("table.md"), &table::markdown(results, &figures))?;
    write_text(&directory.join("report.html"), &page::page(results, &figures, &charts)?)
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    Ok(replace_file(path, |file| file.write_all(text.as_bytes()).map_err(FileError::at("write", path)))?)
}

/// The table for the end of a run on a terminal: few columns, aligned, no colour.
///
/// # Errors
/// If the results cannot be laid out as metrics, or hold no usable figures.
pub fn terminal_table(results: &Results) -> Result<String> {
    let metrics = metrics::frame(results)?;
    Ok(table::terminal(results, &Figures::new(results, &metrics)?))
}
