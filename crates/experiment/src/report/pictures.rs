//! How Markdown shows a figure that lies beside it, light or dark as the reader's page is.

use super::chart::Axis;
use super::figures::Figures;
use super::grid::markdown_escape;
use super::{bars, prose};

/// The bars and the curves, with their captions.
pub(super) fn markdown(figures: &Figures) -> String {
    let mut text = String::new();
    if bars::any(figures) {
        text.push_str(&picture(bars::NAME, bars::TITLE, &bars::caption(figures)));
        text.push('\n');
    }
    for axis in [Axis::Flops, Axis::Wall] {
        text.push_str(&picture(&axis.name(figures.measure), &axis.title(figures.measure), &prose::caption(figures)));
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A figure and its caption. `file`: its name without `.svg`; `title` and `caption` plain text.
pub(super) fn picture(file: &str, title: &str, caption: &str) -> String {
    format!(
        "<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=\"{file}-dark.svg\">\n  \
         <img alt=\"{}\" src=\"{file}.svg\">\n</picture>\n\n{}\n",
        super::svg::escape(title),
        markdown_escape(caption),
    )
}
