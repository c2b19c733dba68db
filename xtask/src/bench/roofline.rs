//! The roofline chart (Williams et al. 2009) as SVG: what the machine could do of FLOPs at each number of FLOPs a byte, and what
//! the measured work does. Both axes logarithmic.

use super::table::Point;
use ligo_bench::{Peaks, Precision};
use std::fmt::Write;

const WIDTH: f64 = 1160.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 44.0;
const LEAST_HEIGHT: f64 = 480.0;
/// Between the lines of the list of points.
const GAP: f64 = 17.0;
/// What the name of a roof takes.
const NAME_WIDTH: f64 = 150.0;
const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/// The colours of the reports' figures.
pub(super) struct Colours {
    surface: &'static str,
    text: &'static str,
    muted: &'static str,
    grid: &'static str,
    /// Of points in f32, and of those in bf16.
    points: [&'static str; 2],
}

pub(super) const LIGHT: Colours =
    Colours { surface: "#ffffff", text: "#1f2328", muted: "#59636e", grid: "#e3e7ec", points: ["#c8400a", "#0a62c8"] };
pub(super) const DARK: Colours =
    Colours { surface: "#0d1117", text: "#e6edf3", muted: "#9198a1", grid: "#262c36", points: ["#ff8f4f", "#58a6ff"] };

/// Where powers of ten lie on the drawing.
struct Frame {
    /// Exponents of the least and the most FLOPs a byte.
    x: (f64, f64),
    /// Of GFLOP/s.
    y: (f64, f64),
    bottom: f64,
    height: f64,
}

impl Frame {
    fn of(peaks: Peaks, points: &[Point]) -> Self {
        let roofs = roofs(peaks, points);
        let ridges = roofs.iter().flat_map(|&of| [peaks.ridge(of) / 2.0, peaks.ridge(of) * 2.0]);
        let x = range(points.iter().map(|point| point.intensity).chain(ridges));
        let highest = roofs.iter().flat_map(|&of| [peaks.gemm(of) / 4e9, peaks.gemm(of) / 1e9]);
        let y = range(points.iter().map(|point| point.flops_per_second / 1e9).chain(highest));
        let height = LEAST_HEIGHT.max(TOP + 20.0 + GAP * points.len() as f64);
        Self { x, y, bottom: height - 56.0, height }
    }

    fn x(&self, intensity: f64) -> f64 {
        LEFT + (intensity.log10() - self.x.0) / (self.x.1 - self.x.0) * (RIGHT - LEFT)
    }

    /// Of GFLOP/s.
    fn y(&self, speed: f64) -> f64 {
        self.bottom - (speed.log10() - self.y.0) / (self.y.1 - self.y.0) * (self.bottom - TOP)
    }
}

/// Logarithms of the ticks around all of these.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values = values.filter(|value| value.is_finite() && *value > 0.0);
    let (least, most) = values.fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
    let below = tick(&|tick| tick <= least * (1.0 + 1e-9), least, -1);
    let above = tick(&|tick| tick >= most * (1.0 - 1e-9), most, 1);
    (below.log10(), above.log10())
}

/// The tick (1, 2 or 5 times a power of ten) that `fits`, the nearest one to `value` in this direction.
fn tick(fits: &dyn Fn(f64) -> bool, value: f64, direction: i32) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let near = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let found = if direction < 0 {
        near.into_iter().rev().find(|&tick| fits(tick))
    } else {
        near.into_iter().find(|&tick| fits(tick))
    };
    // One of them is at most the value, and one at least.
    found.unwrap_or(value)
}

/// The ticks from one logarithm to another: of powers of ten alone if the others would stand close.
fn ticks((from, to): (f64, f64)) -> Vec<f64> {
    let factors: &[f64] = if to - from > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = from.floor() as i32..=to.ceil() as i32;
    let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
    all.filter(|tick| (from - 1e-9..=to + 1e-9).contains(&tick.log10())).collect()
}

/// The chart. Points are numbered; beside it stands what each number is, from the fastest on.
pub(super) fn draw(peaks: Peaks, points: &[Point], colours: &Colours) -> String {
    let mut points = points.to_vec();
    points.retain(|point| [point.intensity, point.flops_per_second].iter().all(|at| at.is_normal() && *at > 0.0));
    points.sort_by(|a, b| b.flops_per_second.total_cmp(&a.flops_per_second));
    let frame = Frame::of(peaks, &points);
    let Colours { surface, text, muted, .. } = colours;
    let (height, bottom) = (frame.height, frame.bottom);
    let bandwidth = peaks.bandwidth / 1e9;
    let roofs = roofs(peaks, &points);
    let gemm: Vec<String> = roofs.iter().map(|&of| format!("{:.0} GFLOP/s in {of}", peaks.gemm(of) / 1e9)).collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"roofline-title roofline-desc\" font-family=\"{FONT}\" font-size=\"13\">\n\
         <title id=\"roofline-title\">Roofline: speed against FLOPs a byte</title>\n\
         <desc id=\"roofline-desc\">The machine does {} and moves {bandwidth:.1} GB/s at most; beside it stands how much of that \
         each of {} pieces of work has.</desc>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{surface}\"/>\n",
        gemm.join(", "),
        points.len(),
    );
    svg.push_str(&axes(&frame, colours));
    let (least, most) = (10_f64.powf(frame.x.0), 10_f64.powf(frame.x.1));
    // Where memory feeds less than the frame shows, the roof begins at its edge.
    let begin = least.max(10_f64.powf(frame.y.0) * 1e9 / peaks.bandwidth);
    let corner = |(of, at): (Precision, f64)| (frame.x(at), frame.y(peaks.roof(of, at) / 1e9));
    for &of in &roofs {
        let corners = [begin, peaks.ridge(of).min(most), most].map(|at| corner((of, at)));
        let [(x1, y1), (x2, y2), (x3, y3)] = corners;
        let _ = writeln!(
            svg,
            "<path d=\"M{x1:.1} {y1:.1} L{x2:.1} {y2:.1} L{x3:.1} {y3:.1}\" fill=\"none\" stroke=\"{text}\" \
             stroke-width=\"2\"/>",
        );
    }
    // Beside each part of the roofs what it is, on ground of its own where it crosses the grid.
    let mut name = |(x, y): (f64, f64), fill: &str, name: &str| {
        let x = x.min(RIGHT - NAME_WIDTH);
        svg.push_str(&on_ground((x, y), 13, (fill, surface), name));
    };
    for (i, (&of, gemm)) in roofs.iter().zip(&gemm).enumerate() {
        let (x, y) = corner((of, peaks.ridge(of).min(most)));
        // The highest roof has nothing above it; the slope goes on above the others.
        let down = if i + 1 == roofs.len() { -6.0 } else { 18.0 };
        name((x + 4.0, y + down), colours.of(of), gemm);
    }
    if let Some(&lowest) = roofs.first() {
        let (x, y) = corner((lowest, (begin * peaks.ridge(lowest).min(most)).sqrt()));
        name((x + 12.0, y + 10.0), text, &format!("{bandwidth:.1} GB/s"));
    }
    let place = |point: &Point| (frame.x(point.intensity), frame.y(point.flops_per_second / 1e9));
    let mut numbers = Numbers { points: points.iter().map(place).collect(), bottom, placed: Vec::new() };
    let places: Vec<Number> = points.iter().map(|point| numbers.place(place(point))).collect();
    // Lines first, so that none goes through a number.
    for (point, number) in points.iter().zip(&places).filter(|(_, number)| number.is_far) {
        let ((x1, y1), (x2, y2)) = (place(point), (number.x + MIDDLE.0, number.y + MIDDLE.1));
        let _ =
            writeln!(svg, "<path d=\"M{x1:.1} {y1:.1} L{x2:.1} {y2:.1}\" stroke=\"{muted}\" stroke-width=\"0.6\"/>");
    }
    for (i, (point, place_of_number)) in points.iter().zip(&places).enumerate() {
        let (x, y) = place(point);
        let share = 100.0 * point.flops_per_second / peaks.roof(point.precision, point.intensity);
        let (number, dot) = (i + 1, colours.of(point.precision));
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{dot}\"/>\
             {}\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"{text}\">{number}  {}, {share:.0} % of the roof</text>",
            on_ground((place_of_number.x, place_of_number.y), 10, (muted, surface), &number.to_string()),
            RIGHT + 24.0,
            TOP + 8.0 + GAP * i as f64,
            escape(&point.label),
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{muted}\">FLOP/byte</text>\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{muted}\">GFLOP/s</text>\n</svg>",
        bottom + 42.0,
        LEFT - 48.0,
        TOP - 18.0,
    );
    svg
}

/// A text with its own ground around each letter, for where it crosses lines. Drawn twice: not all programs know `paint-order`.
fn on_ground((x, y): (f64, f64), size: u32, (fill, surface): (&str, &str), text: &str) -> String {
    let at = format!("x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\"");
    format!(
        "<text {at} stroke=\"{surface}\" stroke-width=\"3\" aria-hidden=\"true\">{text}</text>\
         <text {at} fill=\"{fill}\">{text}</text>\n"
    )
}

/// The roofs over these points, from the lower one on.
fn roofs(peaks: Peaks, points: &[Point]) -> Vec<Precision> {
    let bf16 = points.iter().any(|point| point.precision == Precision::Bf16);
    let mut roofs = vec![Precision::F32];
    roofs.extend(bf16.then_some(Precision::Bf16));
    roofs.sort_by(|&a, &b| peaks.gemm(a).total_cmp(&peaks.gemm(b)));
    roofs
}

/// Where numbers of points stand, so that none is upon another, nor upon a point.
struct Numbers {
    points: Vec<(f64, f64)>,
    /// Of the frame.
    bottom: f64,
    placed: Vec<(f64, f64)>,
}

/// Where the number of a point begins.
#[derive(Debug, Clone, Copy)]
struct Number {
    x: f64,
    y: f64,
    /// Whether a line has to say whose it is.
    is_far: bool,
}

/// From where a number of two digits begins to its middle.
const MIDDLE: (f64, f64) = (5.5, -3.5);

impl Numbers {
    /// A place near the point: the first free one, then in the frame on wider and wider circles.
    fn place(&mut self, (x, y): (f64, f64)) -> Number {
        let near = [(5.0, -3.0), (5.0, 10.0), (-16.0, -3.0), (-16.0, 10.0)].map(|place| (place, false));
        let circles = (0..60).flat_map(|step| {
            let on_circle = move |part: i32| {
                let (radius, angle) = (20.0 + 5.0 * f64::from(step), std::f64::consts::TAU / 16.0 * f64::from(part));
                ((radius * angle.cos() - MIDDLE.0, -radius * angle.sin() - MIDDLE.1), true)
            };
            (0..16).map(on_circle)
        });
        let is_free = |&(x, y): &(f64, f64)| {
            let mut numbers = self.placed.iter();
            let mut points = self.points.iter().map(|point| (point.0 - MIDDLE.0, point.1 - MIDDLE.1));
            numbers.all(|other| (x - other.0).abs() >= 13.0 || (y - other.1).abs() >= 10.0)
                && points.all(|other| (x - other.0).abs() >= 9.0 || (y - other.1).abs() >= 7.0)
        };
        let is_inside =
            |&(x, y): &(f64, f64)| x > LEFT && x + 2.0 * MIDDLE.0 < RIGHT && y < self.bottom && y - 10.0 > TOP;
        let mut places = near.into_iter().chain(circles).map(|((right, down), is_far)| ((x + right, y + down), is_far));
        let found = places.find(|(place, is_far)| is_free(place) && (!is_far || is_inside(place)));
        // A thousand places are enough for what the list beside the chart has room for.
        let ((x, y), is_far) = found.unwrap_or(((x, y), false));
        self.placed.push((x, y));
        Number { x, y, is_far }
    }
}

impl Colours {
    fn of(&self, precision: Precision) -> &'static str {
        match precision {
            Precision::F32 => self.points[0],
            Precision::Bf16 => self.points[1],
        }
    }
}

fn axes(frame: &Frame, colours: &Colours) -> String {
    let Colours { muted, grid, .. } = colours;
    let bottom = frame.bottom;
    let mut svg = format!("<g fill=\"{muted}\">\n");
    for value in ticks(frame.x) {
        let x = frame.x(value);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"{grid}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>",
            bottom + 20.0,
        );
    }
    for value in ticks(frame.y) {
        let y = frame.y(value);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"{grid}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            LEFT - 8.0,
            y + 4.5,
        );
    }
    svg.push_str("</g>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_where_their_logarithms_say_and_none_above_the_frame() {
        let peaks = Peaks { gemm_flops: 100e9, gemm_flops_bf16: 400e9, bandwidth: 10e9 };
        let point = |label: &str, intensity, flops_per_second| Point {
            label: label.into(),
            precision: Precision::F32,
            intensity,
            flops_per_second,
        };
        let points = [point("norm <1>", 0.1, 1e9), point("linear", 100.0, 80e9)];
        let frame = Frame::of(peaks, &points);
        assert_eq!((frame.x, frame.y), ((-1.0, 2.0), (0.0, 2.0)));
        assert_eq!(ticks(frame.y), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(ticks((-1.0, 3.0)), [0.1, 1.0, 10.0, 100.0, 1000.0]);
        assert_eq!((frame.x(0.1), frame.x(100.0)), (LEFT, RIGHT));
        assert_eq!((frame.y(1.0), frame.y(100.0)), (frame.bottom, TOP));
        let svg = draw(peaks, &points, &LIGHT);
        for expected in
            ["1  linear, 80 % of the roof", "2  norm &lt;1>, 100 % of the roof", ">100 GFLOP/s in f32<", ">10.0 GB/s<"]
        {
            assert!(svg.contains(expected), "{expected} in {svg}");
        }
        let rounded = Point { precision: Precision::Bf16, ..point("rounded", 100.0, 300e9) };
        let svg = draw(peaks, &[rounded], &LIGHT);
        assert!(svg.contains("1  rounded, 75 % of the roof") && svg.contains(">400 GFLOP/s in bf16<"), "{svg}");
    }

    #[test]
    fn numbers_of_points_in_one_place_stand_apart() {
        let mut numbers = Numbers { points: vec![(100.0, 100.0)], bottom: 400.0, placed: Vec::new() };
        let places: Vec<_> = (0..40).map(|_| numbers.place((100.0, 100.0))).collect();
        assert!(!places[0].is_far && places[39].is_far, "{places:?}");
        assert!(places.iter().all(|place| place.x > LEFT && place.y > TOP), "{places:?}");
        for (i, a) in places.iter().enumerate() {
            for b in &places[..i] {
                assert!((a.x - b.x).abs() >= 13.0 || (a.y - b.y).abs() >= 10.0, "{a:?} {b:?}");
            }
        }
    }
}
