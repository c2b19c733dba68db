//! The depth weights of an operator as heat maps: a panel for each module, large layers down, small layers across, one scale of
//! colours for all, its middle at 0.

use super::Operator;
use crate::report::palette::Palette;
use crate::report::svg::{FONT, escape, text_width};
use ligo_growth::FactorDiagnostics;
use std::fmt::Write;

const WIDTH: f64 = 800.0;
/// Room for the scale above the panels.
const HEAD: f64 = 58.0;
/// Room for a panel's name and the numbers of the small layers.
const ABOVE: f64 = 40.0;
/// Room for the numbers of the large layers.
const GUTTER: f64 = 24.0;
const GAP: f64 = 26.0;
/// Cells as wide as this show their weight.
const WITH_VALUE: f64 = 32.0;
/// A weight beside a number takes this much.
const NUMBER: f64 = 13.0;
const SCALE: f64 = 220.0;

/// The figure as an `<svg>` element. `id` sets its element ids apart from those of other figures on the same page.
pub(super) fn draw(operator: &Operator<'_>, palette: &Palette, id: &str) -> String {
    let panels: Vec<&FactorDiagnostics> = operator.depth_factors().collect();
    let grid = Grid::of(&panels);
    let Grid { width, height, .. } = grid;
    let title = format!("{} of {}", super::DEPTH.title, operator.row.title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{FONT}\" font-size=\"12\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n\
         <rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"{}\"/>\n",
        escape(&title),
        escape(&description(&panels, grid.most)),
        palette.surface,
    );
    svg.push_str(&scale(&grid, palette, id));
    for (index, panel) in panels.iter().enumerate() {
        svg.push_str(&draw_panel(panel, grid.place(index), &grid, palette));
    }
    svg.push_str("</svg>\n");
    svg
}

fn description(panels: &[&FactorDiagnostics], most: f32) -> String {
    let names: Vec<&str> = panels.iter().map(|panel| module(panel)).collect();
    format!("Weights between {} and {}, a panel for each of {}.", signed(-most), signed(most), names.join(", "))
}

/// The module that a depth factor belongs to.
fn module(factor: &FactorDiagnostics) -> &str {
    factor.name.strip_prefix("w.").unwrap_or(&factor.name)
}

/// Two decimals, a real minus sign, no minus zero.
fn signed(value: f32) -> String {
    let text = format!("{value:.2}");
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".into(),
        Some(size) => format!("−{size}"),
        None => text,
    }
}

/// Where the panels lie, and how large a cell is.
struct Grid {
    /// Side of a cell.
    cell: f64,
    /// From one panel to the next, across and down.
    pitch: (f64, f64),
    columns: usize,
    width: f64,
    height: f64,
    /// The weight at the ends of the scale.
    most: f32,
}

impl Grid {
    fn of(panels: &[&FactorDiagnostics]) -> Self {
        let large = panels.iter().map(|panel| panel.depth_weights.len()).max().unwrap_or(1).max(1);
        let small = panels.iter().flat_map(|panel| panel.depth_weights.iter().map(Vec::len)).max().unwrap_or(1).max(1);
        let cell = (150.0 / small as f64).min(200.0 / large as f64).clamp(7.0, 38.0).floor();
        let name = panels.iter().map(|panel| text_width(module(panel), 12.0)).fold(0.0, f64::max);
        let across = (GUTTER + cell * small as f64).max(name) + GAP;
        let down = ABOVE + cell * large as f64 + GAP;
        // As few rows as there is room for, all about equally full.
        let rows = panels.len().div_ceil((((WIDTH + GAP) / across) as usize).max(1)).max(1);
        let columns = panels.len().div_ceil(rows).max(1);
        let weights = panels.iter().flat_map(|panel| panel.depth_weights.iter().flatten());
        let most = weights.copied().filter(|weight| weight.is_finite()).fold(0.0, |most: f32, w| most.max(w.abs()));
        Self {
            cell,
            pitch: (across, down),
            columns,
            width: WIDTH.max(across - GAP),
            height: HEAD + down * rows as f64 - GAP + 12.0,
            most: if most > 0.0 { most } else { 1.0 },
        }
    }

    /// The upper left corner of a panel, its name included.
    fn place(&self, index: usize) -> (f64, f64) {
        let (column, row) = (index % self.columns, index / self.columns);
        (column as f64 * self.pitch.0, HEAD + row as f64 * self.pitch.1)
    }

    /// Layers between two numbers on an axis on which a number takes so many pixels.
    fn every(&self, pixels: f64) -> usize {
        (pixels / self.cell).ceil().max(1.0) as usize
    }
}

/// The scale of colours, and what rows and columns are.
fn scale(grid: &Grid, palette: &Palette, id: &str) -> String {
    let (negative, positive) = (palette.negative(), palette.positive());
    let mut svg = format!(
        "<linearGradient id=\"{id}-scale\"><stop offset=\"0\" stop-color=\"{negative}\"/>\
         <stop offset=\"0.5\" stop-color=\"{negative}\" stop-opacity=\"0\"/>\
         <stop offset=\"0.5\" stop-color=\"{positive}\" stop-opacity=\"0\"/>\
         <stop offset=\"1\" stop-color=\"{positive}\"/></linearGradient>\n\
         <g fill=\"{}\"><text x=\"{GUTTER}\" y=\"14\">weight of a small layer</text>\n",
        palette.muted
    );
    let _ = writeln!(
        svg,
        "<rect x=\"{GUTTER}\" y=\"22\" width=\"{SCALE}\" height=\"10\" fill=\"url(#{id}-scale)\" stroke=\"{}\"/>",
        palette.grid
    );
    for (at, anchor, value) in [(0.0, "start", -grid.most), (0.5, "middle", 0.0), (1.0, "end", grid.most)] {
        let text = if value == 0.0 { "0".into() } else { signed(value) };
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"46\" text-anchor=\"{anchor}\">{text}</text>", GUTTER + at * SCALE);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"32\">down: large layers, across: small layers</text></g>",
        GUTTER + SCALE + 28.0
    );
    svg
}

fn draw_panel(panel: &FactorDiagnostics, (left, top): (f64, f64), grid: &Grid, palette: &Palette) -> String {
    let cell = grid.cell;
    let (x, y) = (left + GUTTER, top + ABOVE);
    let rows = panel.depth_weights.len();
    let columns = panel.depth_weights.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (cell * columns as f64, cell * rows as f64);
    let mut svg = format!(
        "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\" font-weight=\"600\">{}</text>\n<g fill=\"{}\" font-size=\"10.5\">\n",
        top + 14.0,
        palette.text,
        escape(module(panel)),
        palette.muted,
    );
    let middle = |index: usize| cell * (index as f64 + 0.5);
    for column in (0..columns).step_by(grid.every(1.4 * NUMBER)) {
        let at = x + middle(column);
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{column}</text>", y - 6.0);
    }
    for row in (0..rows).step_by(grid.every(NUMBER)) {
        let at = y + middle(row) + 3.8;
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{at:.1}\" text-anchor=\"end\">{row}</text>", x - 6.0);
    }
    svg.push_str("</g>\n");
    for (row, weights) in panel.depth_weights.iter().enumerate() {
        for (column, &weight) in weights.iter().enumerate().filter(|(_, weight)| weight.is_finite()) {
            let (x, y) = (x + cell * column as f64, y + cell * row as f64);
            let (colour, share) = colour(weight, grid.most, palette);
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{cell}\" height=\"{cell}\" fill=\"{colour}\" fill-opacity=\"{share:.2}\">\
                 <title>{} of small layer {column} in large layer {row}</title></rect>",
                signed(weight),
            );
        }
    }
    // Thin lines between the cells, in the colour behind them, then the frame.
    if cell >= 12.0 {
        let across: String = (1..rows).map(|row| format!("M{x:.0} {:.0}h{width:.0}", y + cell * row as f64)).collect();
        let down: String =
            (1..columns).map(|column| format!("M{:.0} {y:.0}v{height:.0}", x + cell * column as f64)).collect();
        let _ = writeln!(svg, "<path d=\"{across}{down}\" stroke=\"{}\"/>", palette.surface);
    }
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" fill=\"none\" stroke=\"{}\"/>",
        palette.grid
    );
    if cell >= WITH_VALUE {
        svg.push_str(&values(panel, (x, y), grid, palette));
    }
    svg
}

/// The colour of a weight, and how much of it.
fn colour(weight: f32, most: f32, palette: &Palette) -> (&'static str, f32) {
    let colour = if weight < 0.0 { palette.negative() } else { palette.positive() };
    (colour, (weight.abs() / most).min(1.0))
}

/// The weights as numbers, in the colour that is readable on theirs.
fn values(panel: &FactorDiagnostics, (x, y): (f64, f64), grid: &Grid, palette: &Palette) -> String {
    let mut svg = String::from("<g font-size=\"10.5\" text-anchor=\"middle\">\n");
    for (row, weights) in panel.depth_weights.iter().enumerate() {
        for (column, &weight) in weights.iter().enumerate().filter(|(_, weight)| weight.is_finite()) {
            let (_, share) = colour(weight, grid.most, palette);
            let ink = if share > 0.75 { palette.surface } else { palette.text };
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{ink}\" pointer-events=\"none\">{}</text>",
                x + grid.cell * (column as f64 + 0.5),
                y + grid.cell * (row as f64 + 0.5) + 4.0,
                signed(weight),
            );
        }
    }
    svg.push_str("</g>\n");
    svg
}
