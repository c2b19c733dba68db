//! What report, table and figures say of a learnt operator.

use super::*;
use crate::report::palette::{DARK, LIGHT};
use crate::report::{metrics, sample};

/// Draws a figure of the first operator of these results.
fn drawn(results: &Results, figure: &Figure, palette: &Palette) -> String {
    let metrics = metrics::frame(results).unwrap();
    let figures = Figures::new(results, &metrics).unwrap();
    (figure.draw)(&learnt(results, &figures)[0], palette, "id")
}

/// The quickstart's results with other factors.
fn with_factors(factors: Vec<FactorDiagnostics>) -> Results {
    let mut results = sample::quickstart();
    let run = results.methods.iter_mut().find(|run| run.method == "ligo").unwrap();
    run.operator_diagnostics = factors;
    results
}

fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    tag.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"')).unwrap().0
}

/// Colour, strength and title of every cell of a heat map.
fn cells_of(svg: &str) -> Vec<(&str, f32, &str)> {
    let cells = svg.split("<rect ").filter(|tag| tag.contains("fill-opacity"));
    let title = |tag: &'_ str| -> Option<(usize, usize)> { Some((tag.find("<title>")? + 7, tag.find("</title>")?)) };
    cells
        .map(|tag| {
            let (start, end) = title(tag).unwrap();
            (attribute(tag, "fill"), attribute(tag, "fill-opacity").parse().unwrap(), &tag[start..end])
        })
        .collect()
}

fn depth(weights: Vec<Vec<f32>>) -> FactorDiagnostics {
    FactorDiagnostics {
        name: "w.mlp.c_fc".into(),
        moved: 0.1,
        singular_values: Vec::new(),
        effective_rank: 0.0,
        depth_weights: weights,
    }
}

#[test]
fn a_cell_is_as_strong_as_its_weight_and_nothing_at_0() {
    let results = with_factors(vec![depth(vec![vec![2.0, -1.0], vec![0.0, -2.0], vec![f32::NAN, 0.5]])]);
    for palette in [&LIGHT, &DARK] {
        let svg = drawn(&results, &DEPTH, palette);
        let (below, above) = (palette.negative(), palette.positive());
        assert_eq!(
            cells_of(&svg),
            [
                (above, 1.0, "2.00 of small layer 0 in large layer 0"),
                (below, 0.5, "−1.00 of small layer 1 in large layer 0"),
                (above, 0.0, "0.00 of small layer 0 in large layer 1"),
                (below, 1.0, "−2.00 of small layer 1 in large layer 1"),
                (above, 0.25, "0.50 of small layer 1 in large layer 2"),
            ]
        );
        for text in [">−2.00</text>", ">0</text>", ">2.00</text>"] {
            assert!(svg.contains(text), "the scale has {text}");
        }
        assert!(!svg.contains("NaN"));
    }
}

#[test]
fn weights_are_written_into_cells_only_where_there_is_room() {
    for (large, small, written) in [(4, 2, true), (24, 12, false)] {
        let svg = drawn(&with_factors(sample::factors(large, small, 1)), &DEPTH, &LIGHT);
        assert_eq!(cells_of(&svg).len(), 6 * large * small);
        assert_eq!(svg.contains("pointer-events"), written, "{large} × {small}");
    }
}

#[test]
fn panels_lie_inside_the_figure_and_beside_one_another() {
    for (large, small) in [(1, 1), (4, 2), (12, 6), (48, 24), (96, 2)] {
        let results = with_factors(sample::factors(large, small, 1));
        let svg = drawn(&results, &DEPTH, &LIGHT);
        let (width, height): (f64, f64) =
            (attribute(&svg, "width").parse().unwrap(), attribute(&svg, "height").parse().unwrap());
        let mut places = std::collections::HashSet::new();
        for tag in svg.split("<rect ").filter(|tag| tag.contains("fill-opacity")) {
            let number = |name| attribute(&format!(" {tag}"), name).parse::<f64>().unwrap();
            let (x, y) = (number("x"), number("y"));
            assert!(x >= 0.0 && x + number("width") <= width, "{large} × {small}: {x} of {width}");
            assert!(y >= 0.0 && y + number("height") <= height, "{large} × {small}: {y} of {height}");
            assert!(places.insert((x as i64, y as i64)), "{large} × {small}: two cells at {x} {y}");
        }
        assert_eq!(places.len(), 6 * large * small);
    }
}

#[test]
fn factors_of_a_kind_share_a_colour_and_a_label() {
    let svg = drawn(&with_factors(sample::factors(4, 2, 3)), &SPECTRA, &LIGHT);
    let lines: Vec<&str> = svg.split("<path ").filter(|tag| tag.contains("<title>")).collect();
    assert_eq!(lines.len(), 1 + 4 * 3);
    let strokes: Vec<&str> = lines.iter().map(|line| attribute(line, "stroke")).collect();
    assert!(strokes[1..].chunks(3).all(|kind| kind.iter().all(|stroke| *stroke == kind[0])), "{strokes:?}");
    assert_ne!(strokes[0], strokes[1]);
    for label in [">B.embed</text>", ">B.query, 3 layers</text>", ">B.ffn, 3 layers</text>"] {
        assert!(svg.contains(label), "{label}");
    }
}

#[test]
fn a_line_has_its_first_and_its_last_value_and_no_more_points_than_can_be_seen() {
    for count in [1, 2, 7, 240, 241, 3072] {
        let mut factor = depth(Vec::new());
        factor.singular_values = (0..count).map(|i| 2.0 - i as f64 / count as f64).collect();
        let svg = drawn(&with_factors(vec![factor]), &SPECTRA, &LIGHT);
        let line = svg.split("<path ").find(|tag| tag.contains("<title>")).unwrap();
        let path = attribute(&format!(" {line}"), "d").to_owned();
        let points = path.matches(['M', 'L']).count();
        assert_eq!(points, count.min(241), "{count}: {path}");
        assert!(path.starts_with("M52.0 "), "{path}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn the_table_has_a_section_for_each_row_that_learnt_an_operator() {
    let results = sample::results(&[3, 4], &[("scratch", "scratch"), ("ligo", "ligo"), ("ligo-slow", "ligo")]);
    let metrics = metrics::frame(&results).unwrap();
    let text = sections(&results, &Figures::new(&results, &metrics).unwrap());
    assert_eq!(text.matches("\n## The operator of ").count(), 2);
    assert!(text.contains(" src=\"operator-ligo-slow-depth.svg\">"), "{text}");
    let end = text.find("| w.attn.c_attn").unwrap();
    insta::assert_snapshot!(text[..end].trim(), @r"
    ## The operator of ligo

    The run with seed 3, the first of 2. The validation loss of the large model that the operator makes was 6.221 at its start and 4.881 after its last step.

    | Factor | Moved | Effective rank | Largest singular value | Smallest singular value |
    |:---|---:|---:|---:|---:|
    | B.embed | 0.031 | 63.4 of 64 | 1.520 | 0.977 |
    | B.query | 0.062 | 62.7 of 64 | 1.520 | 0.933 |
    | B.key | 0.093 | 62.1 of 64 | 1.520 | 0.923 |
    | B.value | 0.124 | 61.4 of 64 | 1.520 | 0.921 |
    | B.ffn | 0.155 | 243.2 of 256 | 1.520 | 0.920 |
    | w.ln_1.weight | 0.120 | – | – | – |
    ");
}

#[test]
fn an_operator_of_which_nothing_is_known_has_its_losses_and_no_more() {
    let results = with_factors(Vec::new());
    let metrics = metrics::frame(&results).unwrap();
    let figures = Figures::new(&results, &metrics).unwrap();
    assert_eq!(sections(&results, &figures), "");
    let html = section(&results, &figures);
    assert!(html.contains("Loss before learning") && !html.contains("<svg"), "{html}");
}

#[test]
fn many_factors_that_only_moved_share_a_line() {
    let mut factors = sample::factors(4, 2, 1);
    for (kind, count) in [("R", 40), ("W", 2)] {
        factors.extend((0..count).map(|i| FactorDiagnostics {
            name: format!("{kind}.h.{i}.mlp.c_fc.weight"),
            moved: 0.01 * f64::from(i),
            ..depth(Vec::new())
        }));
    }
    let results = with_factors(factors);
    let metrics = metrics::frame(&results).unwrap();
    let text = sections(&results, &Figures::new(&results, &metrics).unwrap());
    assert!(
        text.contains("\n| R, 40 tensors | at most 0.390 | – | – | – |\n| W.h.0.mlp.c_fc.weight | 0.000 |"),
        "{text}"
    );
}
