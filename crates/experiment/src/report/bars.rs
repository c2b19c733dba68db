//! Bars of what every row saved: of FLOPs and of wall time, with the spread over seeds as whiskers and a dot for each seed.

use super::figures::{Figures, Role, Row, Spread};
use super::layout::ticks;
use super::palette::Palette;
use super::svg::{FONT, escape, text_width};
use super::{number, table};
use std::fmt::Write;

/// The name of the figure's files.
pub(super) const NAME: &str = "savings";
/// What it is.
pub(super) const TITLE: &str = "FLOPs and wall time saved";

const WIDTH: f64 = 800.0;
/// Room for the legend above the bars, and for the ticks below.
const HEAD: f64 = 50.0;
const FOOT: f64 = 48.0;
/// Of a bar.
const THICK: f64 = 15.0;
/// From one row to the next.
const PITCH: f64 = 48.0;
/// Room for the figures on the right.
const VALUES: f64 = 175.0;
/// How much of its colour a bar of wall time has.
const PALE: f64 = 0.5;

/// How to read it.
pub(super) fn caption(figures: &Figures) -> String {
    let seeds = match figures.target.values.len() {
        0 | 1 => "",
        _ => " Bars are means over seeds, whiskers one standard deviation to either side, dots single seeds.",
    };
    format!(
        "What each row saved until {}'s final {}, the small model given.{seeds}",
        figures.reference,
        figures.measure.short()
    )
}

/// Whether there is a figure.
pub(super) fn any(figures: &Figures) -> bool {
    !compared(figures).is_empty()
}

/// The rows that are compared with the reference.
fn compared(figures: &Figures) -> Vec<&Row> {
    figures.rows.iter().filter(|row| row.role != Role::Reference && row.comparable > 0).collect()
}

/// A longer name is squeezed.
const WIDEST_NAME: f64 = 260.0;

/// Bold letters are wider.
fn name_width(row: &Row) -> f64 {
    1.12 * text_width(&row.title, 14.0)
}

/// Where savings lie on the drawing.
struct Frame {
    left: f64,
    right: f64,
    low: f64,
    high: f64,
    height: f64,
}

impl Frame {
    fn of(rows: &[&Row]) -> Self {
        let widest = rows.iter().map(|row| name_width(row)).fold(60.0, f64::max);
        let spreads = rows.iter().flat_map(|row| [&row.savings.flops, &row.savings.wall]);
        let ends = spreads.flat_map(|spread| {
            let whiskers = spread.mean.zip(spread.sd).map(|(mean, sd)| [mean - sd, mean + sd]);
            spread.values.iter().flatten().copied().chain(whiskers.into_iter().flatten())
        });
        let (low, high) = ends.fold((0.0, 0.1), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
        let margin = 0.03 * (high - low);
        Self {
            left: widest.min(WIDEST_NAME) + 18.0,
            right: WIDTH - VALUES,
            low: if low < 0.0 { low - margin } else { 0.0 },
            high: high + margin,
            height: HEAD + FOOT + PITCH * rows.len() as f64,
        }
    }

    fn x(&self, share: f64) -> f64 {
        self.left + (share - self.low) / (self.high - self.low) * (self.right - self.left)
    }
}

/// The figure as an `<svg>` element; nothing where no row is compared. `id` sets its element ids apart from those of other
/// figures on the same page.
pub(super) fn draw(figures: &Figures, palette: &Palette, id: &str) -> Option<String> {
    let rows = compared(figures);
    if rows.is_empty() {
        return None;
    }
    let frame = Frame::of(&rows);
    let height = frame.height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{FONT}\" font-size=\"13\">\n\
         <title id=\"{id}-title\">{TITLE}</title>\n<desc id=\"{id}-desc\">{}</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>\n",
        escape(&description(&rows)),
        palette.surface,
    );
    svg.push_str(&axis(&frame, palette));
    svg.push_str(&legend(&frame, &rows, palette));
    for (index, row) in rows.iter().enumerate() {
        svg.push_str(&bars(row, HEAD + PITCH * index as f64, &frame, palette));
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn description(rows: &[&Row]) -> String {
    let row = |row: &&Row| {
        let (flops, wall) = (table::saved(row, &row.savings.flops), table::saved(row, &row.savings.wall));
        format!("{}: {flops} of the FLOPs, {wall} of the wall time", row.title)
    };
    rows.iter().map(row).collect::<Vec<_>>().join("; ") + "."
}

fn axis(frame: &Frame, palette: &Palette) -> String {
    let bottom = frame.height - FOOT + 4.0;
    let mut svg = format!("<g fill=\"{}\">\n", palette.muted);
    for percent in ticks(100.0 * frame.low, 100.0 * frame.high, 6) {
        let x = frame.x(percent / 100.0);
        let stroke = if percent == 0.0 { palette.muted } else { palette.grid };
        let text = number::percent(percent / 100.0).replace(".0 %", " %");
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {}V{bottom}\" stroke=\"{stroke}\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            HEAD - 8.0,
            bottom + 18.0,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">saved, of the reference's cost</text></g>",
        frame.right,
        bottom + 38.0,
    );
    svg
}

/// What is dark, what is pale, what the whiskers are.
fn legend(frame: &Frame, rows: &[&Row], palette: &Palette) -> String {
    let (left, y) = (frame.left, 22.0);
    let box_of = |x: f64, opacity: f64| {
        format!(
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"12\" rx=\"2\" fill=\"{}\" fill-opacity=\"{opacity}\"/>",
            y - 11.0,
            palette.muted,
        )
    };
    let mut svg = format!(
        "<g fill=\"{}\">{}<text x=\"{:.1}\" y=\"{y}\">FLOPs</text>{}<text x=\"{:.1}\" y=\"{y}\">wall time</text>",
        palette.muted,
        box_of(left, 1.0),
        left + 20.0,
        box_of(left + 76.0, PALE),
        left + 96.0,
    );
    if rows.iter().any(|row| row.seeds.len() > 1) {
        let x = left + 176.0;
        svg.push_str(&whisker(x, x + 22.0, y - 5.0, palette));
        svg.push_str(&dot(x + 11.0, y - 5.0, palette));
        svg.push_str(&format!("<text x=\"{:.1}\" y=\"{y}\">± one standard deviation, seeds</text>", x + 30.0));
    }
    svg.push_str("</g>\n");
    svg
}

/// The name of a row and both its bars.
fn bars(row: &Row, top: f64, frame: &Frame, palette: &Palette) -> String {
    let colour = palette.of(row.role);
    let weight = if row.role == Role::Ligo { 700 } else { 600 };
    let squeezed = match name_width(row) > WIDEST_NAME {
        true => format!(" textLength=\"{WIDEST_NAME}\" lengthAdjust=\"spacingAndGlyphs\""),
        false => String::new(),
    };
    let mut svg = format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"14\" font-weight=\"{weight}\" fill=\"{colour}\"{squeezed}>{}</text>\n",
        frame.left - 10.0,
        top + THICK + 7.0,
        escape(&row.title),
    );
    for (place, (spread, opacity)) in [(&row.savings.flops, 1.0), (&row.savings.wall, PALE)].into_iter().enumerate() {
        let y = top + 2.0 + (THICK + 3.0) * place as f64;
        svg.push_str(&bar(row, spread, y, (colour, opacity), frame, palette));
    }
    svg
}

fn bar(row: &Row, spread: &Spread, y: f64, (colour, opacity): (&str, f64), frame: &Frame, palette: &Palette) -> String {
    let (zero, middle) = (frame.x(0.0), y + THICK / 2.0);
    let mut svg = String::new();
    if let Some(mean) = spread.mean {
        let (from, to) = (zero.min(frame.x(mean)), zero.max(frame.x(mean)));
        let _ = writeln!(
            svg,
            "<rect class=\"bar\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{THICK}\" rx=\"2\" fill=\"{colour}\" \
             fill-opacity=\"{opacity}\"/>",
            to - from,
        );
        if let Some(sd) = spread.sd.filter(|sd| *sd > 0.0) {
            svg.push_str(&whisker(frame.x(mean - sd), frame.x(mean + sd), middle, palette));
        }
    }
    if spread.values.len() > 1 {
        for value in spread.values.iter().flatten() {
            svg.push_str(&dot(frame.x(*value), middle, palette));
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{:.1}\" font-size=\"12\" fill=\"{}\">{}</text>",
        frame.right + 12.0,
        middle + 4.0,
        palette.text,
        escape(&table::saved(row, spread)),
    );
    svg
}

fn whisker(from: f64, to: f64, y: f64, palette: &Palette) -> String {
    format!(
        "<path d=\"M{from:.1} {y:.1}H{to:.1}M{from:.1} {:.1}v8M{to:.1} {:.1}v8\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.4\"/>\n",
        y - 4.0,
        y - 4.0,
        palette.text,
    )
}

fn dot(x: f64, y: f64, palette: &Palette) -> String {
    format!(
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.7\" fill=\"{}\" stroke=\"{}\" stroke-width=\"1.2\"/>\n",
        palette.surface, palette.text,
    )
}
