//! Draws a [`Chart`] as SVG: direct labels at the ends of the lines, the target dashed, a ring where a row reaches it.
//!
//! By hand, for what a plotting library does not do: colours that are the page's CSS variables inside the page and fixed
//! in the files, labels spread so that none covers another, text with a halo, a title and a description for screen readers.

use super::chart::{Axis, Chart, Level, Line};
use super::figures::Role;
use super::layout::{digits, spread, ticks};
use super::palette::Palette;
use ligo_eval::Better;
use std::fmt::Write;

const WIDTH: f64 = 800.0;
const LEAST_HEIGHT: f64 = 450.0;
const LEFT: f64 = 58.0;
const TOP: f64 = 44.0;
pub(super) const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
/// Height of a label and its note together.
const LABEL_GAP: f64 = 37.0;

/// The figure as an `<svg>` element. `id` sets its element ids apart from those of other figures on the same page.
pub(super) fn draw(chart: &Chart, palette: &Palette, id: &str) -> String {
    let frame = Frame::of(chart);
    let Frame { height, bottom, .. } = frame;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{FONT}\" font-size=\"13\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n\
         <clipPath id=\"{id}-frame\"><rect x=\"{}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>\n",
        escape(&chart.title),
        escape(&chart.description),
        LEFT - 1.0,
        frame.right - LEFT + 2.0,
        bottom - TOP,
        palette.surface,
    );
    svg.push_str(&axes(chart, &frame, palette));
    if let Some(small) = chart.small.as_ref().filter(|small| frame.shows(small.value)) {
        svg.push_str(&level(small, beside_target(small, chart, &frame), &frame, palette, "1 4"));
    }
    // What matters most is drawn last, on top.
    let mut lines: Vec<&Line> = chart.lines.iter().collect();
    lines.sort_by_key(|line| line.role == Role::Ligo);
    let _ = writeln!(
        svg,
        "<g clip-path=\"url(#{id}-frame)\" fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\">"
    );
    for (index, line) in lines.iter().enumerate() {
        let same = |other: &&&Line| palette.of(other.role) == palette.of(line.role);
        svg.push_str(&curves(line, lines[..index].iter().filter(same).count(), &frame, palette));
    }
    svg.push_str("</g>\n");
    if let Some(target) = &chart.target {
        svg.push_str(&level(target, where_none_has_come(chart), &frame, palette, "6 4"));
        for line in &lines {
            svg.push_str(&reached(line, target.value, &frame, palette));
        }
    }
    svg.push_str(&labels(chart, &frame, palette));
    svg.push_str("</svg>\n");
    svg
}

/// Where costs and values lie on the drawing.
struct Frame {
    height: f64,
    bottom: f64,
    right: f64,
    end: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn of(chart: &Chart) -> Self {
        let widest = chart.lines.iter().map(|line| text_width(&line.label, 15.0).max(text_width(&line.note, 12.0)));
        let gutter = widest.fold(60.0, f64::max).min(280.0) + 30.0;
        let (low, high) = chart.range;
        // All labels must fit.
        let height = LEAST_HEIGHT.max(TOP + 30.0 + LABEL_GAP * chart.lines.len() as f64);
        Self {
            height,
            bottom: height - 54.0,
            right: WIDTH - gutter,
            end: chart.end().max(f64::MIN_POSITIVE),
            low,
            high,
        }
    }

    fn x(&self, cost: f64) -> f64 {
        LEFT + cost / self.end * (self.right - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - TOP)
    }

    fn shows(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// About the width of a text: the font is the reader's.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    0.56 * size * text.chars().count() as f64
}

fn axes(chart: &Chart, frame: &Frame, palette: &Palette) -> String {
    let Frame { bottom, right, end, low, high, .. } = *frame;
    let mut svg = String::new();
    let values = ticks(low, high, 6);
    let decimals = digits(&values).max(usize::from(chart.measure.better() == Better::Lower));
    let _ = writeln!(svg, "<g fill=\"{}\">", palette.muted);
    for value in values {
        let y = frame.y(value);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right:.1}\" stroke=\"{}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.decimals$}</text>",
            palette.grid,
            LEFT - 9.0,
            y + 4.5,
        );
    }
    let (scale, unit) = unit(chart.axis, end);
    let costs = ticks(0.0, end / scale, 5);
    let digits = digits(&costs);
    for cost in costs {
        let x = frame.x(cost * scale);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {bottom}v5\" stroke=\"{}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{cost:.digits$}</text>",
            palette.muted,
            bottom + 20.0,
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {bottom}H{right:.1}\" stroke=\"{}\"/>\
         <text x=\"{right:.1}\" y=\"{:.1}\" text-anchor=\"end\">{unit}</text>\
         <text x=\"{}\" y=\"{:.1}\">{}</text></g>",
        palette.muted,
        bottom + 42.0,
        LEFT - 42.0,
        TOP - 20.0,
        chart.measure.axis(),
    );
    svg
}

/// What one unit of the horizontal axis is, and its name.
fn unit(axis: Axis, end: f64) -> (f64, String) {
    match axis {
        Axis::Flops => {
            let prefixes = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")];
            let (scale, prefix) = prefixes.into_iter().find(|(scale, _)| end >= 2.0 * scale).unwrap_or((1.0, ""));
            (scale, format!("training compute, {prefix}FLOPs"))
        }
        Axis::Wall => {
            let units = [(3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds")];
            let (scale, unit) = units.into_iter().find(|(scale, _)| end >= 3.0 * scale).unwrap_or((1.0, "seconds"));
            (scale, format!("training time, {unit}"))
        }
    }
}

/// Where a level's name stands: its anchor, how far below the line.
type Place = (f64, f64, &'static str);
/// Below a line and above it.
const BELOW: f64 = 17.0;
const ABOVE: f64 = -7.0;

/// The target's name: at the left, on the better side of the line, where no curve has come yet.
fn where_none_has_come(chart: &Chart) -> Place {
    match chart.measure.better() {
        Better::Lower => (LEFT + 8.0, BELOW, "start"),
        Better::Higher => (LEFT + 8.0, ABOVE, "start"),
    }
}

/// Another level's name: at the right, on the side away from the target.
fn beside_target(level: &Level, chart: &Chart, frame: &Frame) -> Place {
    match &chart.target {
        Some(target) if target.value > level.value => (frame.right - 8.0, BELOW, "end"),
        _ => (frame.right - 8.0, ABOVE, "end"),
    }
}

/// A dashed level with its name.
fn level(level: &Level, (x, dy, anchor): Place, frame: &Frame, palette: &Palette, dashes: &str) -> String {
    let y = frame.y(level.value);
    format!(
        "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"{}\" stroke-width=\"1.3\" stroke-dasharray=\"{dashes}\" stroke-linecap=\"round\"/>\
         <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"{}\" {}>{}</text>\n",
        frame.right,
        palette.muted,
        y + dy,
        palette.text,
        halo(palette),
        escape(&level.label),
    )
}

/// A rim in the colour of the surface, so that a text is readable on top of lines.
fn halo(palette: &Palette) -> String {
    format!("stroke=\"{}\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\"", palette.surface)
}

/// A row's curve, dashed if `alike` others have its colour already.
fn curves(line: &Line, alike: usize, frame: &Frame, palette: &Palette) -> String {
    let colour = palette.of(line.role);
    let mut svg = String::new();
    for seed in &line.seeds {
        let _ = writeln!(svg, "<path d=\"{}\" stroke=\"{colour}\" stroke-opacity=\"0.3\"/>", path(seed, frame));
    }
    let width = if line.role == Role::Ligo { 3.2 } else { 1.9 };
    let dashes = match (line.role, alike % 3) {
        (Role::Scratch, _) => " stroke-dasharray=\"2 5\"",
        (_, 0) => "",
        (_, 1) => " stroke-dasharray=\"9 5\"",
        _ => " stroke-dasharray=\"4 5\"",
    };
    let _ =
        writeln!(svg, "<path d=\"{}\" stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}/>", path(&line.mean, frame));
    svg
}

fn path(points: &[(f64, f64)], frame: &Frame) -> String {
    let mut path = String::new();
    for (cost, value) in points.iter().filter(|(cost, value)| cost.is_finite() && value.is_finite()) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", frame.x(*cost), frame.y(*value));
    }
    path
}

/// A ring on the target with a thread down to the axis, and a small one where a single seed reached its own.
fn reached(line: &Line, target: f64, frame: &Frame, palette: &Palette) -> String {
    let colour = palette.of(line.role);
    let mut svg = String::new();
    for &(cost, target) in &line.crossings {
        let (x, y) = (frame.x(cost), frame.y(target));
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\" fill=\"{}\" stroke=\"{colour}\" stroke-width=\"1.2\"/>",
            palette.surface,
        );
    }
    let Some(cost) = line.reached else { return svg };
    let (x, y, bottom) = (frame.x(cost), frame.y(target), frame.bottom);
    let (radius, width) = if line.role == Role::Ligo { (6.0, 3.0) } else { (4.5, 2.0) };
    let _ = writeln!(
        svg,
        "<path d=\"M{x:.1} {y:.1}V{bottom}\" stroke=\"{colour}\" stroke-dasharray=\"1 3\" stroke-linecap=\"round\"/>\
         <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
        palette.surface,
    );
    svg
}

/// The labels in the right margin, each tied to the end of its line.
fn labels(chart: &Chart, frame: &Frame, palette: &Palette) -> String {
    let ends: Vec<Option<(f64, f64)>> = chart.lines.iter().map(|line| line.mean.last().copied()).collect();
    let lines: Vec<(&Line, (f64, f64))> =
        chart.lines.iter().zip(&ends).filter_map(|(line, end)| end.map(|end| (line, end))).collect();
    let wanted: Vec<f64> = lines.iter().map(|(_, (_, value))| frame.y(value.clamp(frame.low, frame.high))).collect();
    let places = spread(&wanted, LABEL_GAP, TOP + 6.0, frame.height - 24.0);
    let text = frame.right + 22.0;
    let mut svg = String::new();
    for (((line, (cost, _)), y), place) in lines.iter().zip(&wanted).zip(&places) {
        let colour = palette.of(line.role);
        let x = frame.x(*cost);
        let (weight, size) = if line.role == Role::Ligo { (700, 15) } else { (600, 14) };
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {y:.1}L{:.1} {y:.1}L{:.1} {:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"0.55\"/>\
             <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>\
             <text class=\"label\" x=\"{text:.1}\" y=\"{:.1}\" font-weight=\"{weight}\" font-size=\"{size}\" fill=\"{colour}\">{}</text>\
             <text x=\"{text:.1}\" y=\"{:.1}\" font-size=\"12\" fill=\"{}\">{}</text>",
            frame.right + 4.0,
            text - 5.0,
            place - 3.0,
            place + 1.0,
            escape(&line.label),
            place + 16.0,
            palette.muted,
            escape(&line.note),
        );
    }
    svg
}

/// Text as XML and HTML want it, inside elements and attributes; what neither can hold becomes a replacement character.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            plain => escaped.push(plain),
        }
    }
    escaped
}
