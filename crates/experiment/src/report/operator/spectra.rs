//! The singular values of an operator's width factors as lines, largest first.

use super::Operator;
use crate::report::figures::Role;
use crate::report::layout::{digits, spread, ticks};
use crate::report::palette::Palette;
use crate::report::svg::{FONT, escape, text_width};
use ligo_growth::FactorDiagnostics;
use std::fmt::Write;

const WIDTH: f64 = 620.0;
const LEAST_HEIGHT: f64 = 300.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 36.0;
/// Height of a label.
const LABEL_GAP: f64 = 19.0;
/// Points of a line: more would lie closer than a pixel.
const POINTS: usize = 240;

/// Factors of a kind that differ by the number of their layer: `B.0.query`, `B.1.query`, …
struct Kind<'a> {
    /// Without that number.
    name: String,
    factors: Vec<&'a FactorDiagnostics>,
}

/// The figure as an `<svg>` element. `id` sets its element ids apart from those of other figures on the same page.
pub(super) fn draw(operator: &Operator<'_>, palette: &Palette, id: &str) -> String {
    let kinds = kinds(operator);
    let frame = Frame::of(&kinds);
    let Frame { height, .. } = frame;
    let title = format!("{} of {}", super::SPECTRA.title, operator.row.title);
    let mut svg = format!(
        "<svg class=\"small\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{FONT}\" font-size=\"13\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>\n",
        escape(&title),
        escape(&description(&kinds)),
        palette.surface,
    );
    svg.push_str(&axes(&frame, palette));
    for (index, kind) in kinds.iter().enumerate() {
        svg.push_str(&lines(kind, index, &frame, palette));
    }
    svg.push_str(&labels(&kinds, &frame, palette));
    svg.push_str("</svg>\n");
    svg
}

fn kinds<'a>(operator: &Operator<'a>) -> Vec<Kind<'a>> {
    let mut kinds: Vec<Kind<'a>> = Vec::new();
    for factor in operator.width_factors() {
        let is_layer = |part: &&str| part.chars().all(|c| c.is_ascii_digit());
        let name = factor.name.split('.').filter(|part| !is_layer(part)).collect::<Vec<_>>().join(".");
        match kinds.iter_mut().find(|kind| kind.name == name) {
            Some(kind) => kind.factors.push(factor),
            None => kinds.push(Kind { name, factors: vec![factor] }),
        }
    }
    kinds
}

impl Kind<'_> {
    fn label(&self) -> String {
        match self.factors.len() {
            1 => self.factors[0].name.clone(),
            layers => format!("{}, {layers} layers", self.name),
        }
    }

    /// The mean of the last values: where the label is tied on.
    fn end(&self) -> f64 {
        let last = self.factors.iter().filter_map(|factor| factor.singular_values.last());
        last.filter(|value| value.is_finite()).sum::<f64>() / self.factors.len() as f64
    }
}

fn description(kinds: &[Kind<'_>]) -> String {
    let factors = kinds.iter().flat_map(|kind| &kind.factors);
    let ends = factors.filter_map(|factor| {
        let (first, last) = (factor.singular_values.first()?, factor.singular_values.last()?);
        (first.is_finite() && last.is_finite()).then(|| format!("{}: from {first:.3} to {last:.3}", factor.name))
    });
    format!("A falling line for each factor. {}.", ends.collect::<Vec<_>>().join("; "))
}

/// Where shares and values lie on the drawing.
struct Frame {
    height: f64,
    bottom: f64,
    right: f64,
    high: f64,
}

impl Frame {
    fn of(kinds: &[Kind<'_>]) -> Self {
        let widest = kinds.iter().map(|kind| text_width(&kind.label(), 13.0)).fold(40.0, f64::max).min(240.0);
        let height = LEAST_HEIGHT.max(TOP + 70.0 + LABEL_GAP * kinds.len() as f64);
        let values = kinds.iter().flat_map(|kind| &kind.factors).flat_map(|factor| &factor.singular_values);
        let high = values.copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let high = if high > 0.0 { 1.05 * high } else { 1.0 };
        Self { height, bottom: height - 50.0, right: WIDTH - widest - 34.0, high }
    }

    fn x(&self, share: f64) -> f64 {
        LEFT + share * (self.right - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - value / self.high * (self.bottom - TOP)
    }
}

fn axes(frame: &Frame, palette: &Palette) -> String {
    let Frame { bottom, right, high, .. } = *frame;
    let mut svg = format!("<g fill=\"{}\">\n", palette.muted);
    let values = ticks(0.0, high, 4);
    let decimals = digits(&values);
    for value in values {
        let y = frame.y(value);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right:.1}\" stroke=\"{}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.decimals$}</text>",
            palette.grid,
            LEFT - 9.0,
            y + 4.5,
        );
    }
    for percent in [0, 25, 50, 75, 100] {
        let x = frame.x(f64::from(percent) / 100.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {bottom}v5\" stroke=\"{}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{percent}</text>",
            palette.muted,
            bottom + 20.0,
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {bottom}H{right:.1}\" stroke=\"{}\"/>\
         <text x=\"{right:.1}\" y=\"{:.1}\" text-anchor=\"end\">share of a factor’s directions, %</text>\
         <text x=\"{}\" y=\"{:.1}\">singular value</text></g>",
        palette.muted,
        bottom + 40.0,
        LEFT - 36.0,
        TOP - 16.0,
    );
    svg
}

/// The colour of the so many-th kind, and its dashes where the colours begin again.
fn style(index: usize, palette: &Palette) -> (&'static str, &'static str) {
    let dashes = match index / crate::report::palette::BASELINES % 3 {
        0 => "",
        1 => " stroke-dasharray=\"9 5\"",
        _ => " stroke-dasharray=\"4 5\"",
    };
    (palette.of(Role::Baseline(index)), dashes)
}

fn lines(kind: &Kind<'_>, index: usize, frame: &Frame, palette: &Palette) -> String {
    let (colour, dashes) = style(index, palette);
    let (width, opacity) = if kind.factors.len() == 1 { (2.0, 1.0) } else { (1.3, 0.6) };
    let mut svg = String::new();
    for factor in &kind.factors {
        let _ = writeln!(
            svg,
            "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-opacity=\"{opacity}\" \
             stroke-linejoin=\"round\" stroke-linecap=\"round\"{dashes}><title>{}</title></path>",
            path(&factor.singular_values, frame),
            escape(&factor.name),
        );
    }
    svg
}

fn path(values: &[f64], frame: &Frame) -> String {
    let last = values.len().saturating_sub(1);
    let points = last.min(POINTS);
    let mut path = String::new();
    for point in 0..=points {
        // The first and the last are always there.
        let at = (point * last).checked_div(points).unwrap_or(0);
        let Some(value) = values.get(at).filter(|value| value.is_finite()) else { continue };
        let share = if last == 0 { 0.0 } else { at as f64 / last as f64 };
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", frame.x(share), frame.y(*value));
    }
    // A factor with a single direction is a level line.
    if last == 0 && !path.is_empty() {
        let _ = write!(path, "H{:.1}", frame.right);
    }
    path
}

/// The labels in the right margin, each tied to the end of its line.
fn labels(kinds: &[Kind<'_>], frame: &Frame, palette: &Palette) -> String {
    let wanted: Vec<f64> = kinds.iter().map(|kind| frame.y(kind.end())).collect();
    let places = spread(&wanted, LABEL_GAP, TOP + 4.0, frame.height - 14.0);
    let text = frame.right + 22.0;
    let mut svg = String::new();
    for (index, (kind, (y, place))) in kinds.iter().zip(wanted.iter().zip(&places)).enumerate() {
        let (colour, _) = style(index, palette);
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {y:.1}L{:.1} {y:.1}L{:.1} {place:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"0.55\"/>\
             <text x=\"{text:.1}\" y=\"{:.1}\" font-weight=\"600\" fill=\"{colour}\">{}</text>",
            frame.right,
            frame.right + 5.0,
            text - 5.0,
            place + 4.5,
            escape(&kind.label()),
        );
    }
    svg
}
