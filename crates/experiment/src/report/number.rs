//! How numbers are written in tables, figures and pages: few digits, SI prefixes, a real minus sign.

const PREFIXES: [(f64, &str); 7] =
    [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];

/// What stands where there is no figure.
pub(super) const NONE: &str = "–";

/// A mean, with its standard deviation over seeds where they differ: `4.512 ± 0.006`.
pub(super) fn spread(mean: f64, sd: Option<f64>, show: impl Fn(f64) -> String) -> String {
    match sd {
        Some(sd) if sd > 0.0 => format!("{} ± {}", show(mean), show(sd)),
        _ => show(mean),
    }
}

/// A share in percent: `36.8 %`, `−5.7 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", percent_points(share))
}

/// A share in percent with its spread: `36.8 ± 0.4 %`.
pub(super) fn percent_spread(mean: f64, sd: Option<f64>) -> String {
    format!("{} %", spread(mean, sd, percent_points))
}

/// Two shares in percent: `41.6 / 33.3 %`.
pub(super) fn percent_pair(first: (f64, Option<f64>), second: (f64, Option<f64>)) -> String {
    format!("{} / {} %", spread(first.0, first.1, percent_points), spread(second.0, second.1, percent_points))
}

/// A share in percent without the sign: `36.8`.
pub(super) fn percent_points(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    match text.strip_prefix('-') {
        Some("0.0") => "0.0".into(),
        Some(size) => format!("−{size}"),
        None => text,
    }
}

/// A score from 0 to 1 as the paper prints it: `81.71`.
pub(super) fn score(value: f64) -> String {
    let text = format!("{:.2}", 100.0 * value);
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".into(),
        Some(size) => format!("−{size}"),
        None => text,
    }
}

/// The same with its unit: `81.71 %`.
pub(super) fn score_percent(value: f64) -> String {
    format!("{} %", score(value))
}

/// A loss or a log perplexity.
pub(super) fn loss(value: f64) -> String {
    format!("{value:.3}")
}

/// A ratio of any size, however little: `0.136`, `2.1e-5`.
pub(super) fn ratio(value: f64) -> String {
    match value.abs() {
        size if size > 0.0 && size < 0.0005 => format!("{value:.1e}"),
        _ => format!("{value:.3}"),
    }
}

/// A perplexity: four digits, more where it is larger.
pub(super) fn perplexity(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}

/// Floating-point operations: `3.21 T`.
pub(super) fn si(value: f64) -> String {
    // A little early, so that 999.96 does not become "1000".
    let (scale, prefix) = PREFIXES.into_iter().find(|(scale, _)| value.abs() >= scale * 0.9995).unwrap_or((1.0, ""));
    let scaled = value / scale;
    let digits = match scaled.abs() {
        size if size >= 99.95 || value == 0.0 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let separator = if prefix.is_empty() { "" } else { " " };
    format!("{scaled:.digits$}{separator}{prefix}")
}

/// A time: `4.2 s`, `2 min 05 s`, `1 h 04 min`.
pub(super) fn seconds(value: f64) -> String {
    let whole = value.round();
    if value < 9.95 {
        format!("{value:.1} s")
    } else if whole < 100.0 {
        format!("{whole:.0} s")
    } else if whole < 3600.0 {
        format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
    } else {
        let minutes = (value / 60.0).round();
        format!("{:.0} h {:02.0} min", (minutes / 60.0).floor(), minutes % 60.0)
    }
}

/// A whole number with its thousands set apart: `1,048,576`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Steps, which over seeds need not be whole.
pub(super) fn steps(value: f64) -> String {
    count(value.round().max(0.0) as u64)
}

/// A learning rate as it is written in an experiment file: `5e-4`.
pub(super) fn rate(value: f64) -> String {
    format!("{value:e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent_with_a_real_minus_and_no_minus_zero() {
        for (share, text) in
            [(0.368, "36.8 %"), (-0.057, "−5.7 %"), (-0.0001, "0.0 %"), (0.0, "0.0 %"), (1.0, "100.0 %")]
        {
            assert_eq!(percent(share), text);
        }
        assert_eq!(percent_spread(0.368, Some(0.004)), "36.8 ± 0.4 %");
        assert_eq!(percent_spread(-0.1, None), "−10.0 %");
        assert_eq!(percent_spread(0.25, Some(0.0)), "25.0 %");
        assert_eq!(percent_pair((0.416, Some(0.003)), (-0.05, None)), "41.6 ± 0.3 / −5.0 %");
    }

    #[test]
    fn scores_have_two_decimals_as_in_the_paper() {
        for (value, text) in [(0.8171, "81.71"), (1.0, "100.00"), (-0.05, "−5.00"), (-1e-9, "0.00")] {
            assert_eq!(score(value), text);
        }
        assert_eq!(score_percent(0.5), "50.00 %");
    }

    #[test]
    fn operations_have_three_digits_and_a_prefix() {
        for (value, text) in [
            (0.0, "0"),
            (3.214e12, "3.21 T"),
            (32.14e12, "32.1 T"),
            (321.4e12, "321 T"),
            (999.96e9, "1.00 T"),
            (1.506_82e13, "15.1 T"),
            (5.865e18, "5.87 E"),
            (7e20, "700 E"),
            (12.0, "12.0"),
        ] {
            assert_eq!(si(value), text);
        }
    }

    #[test]
    fn times_grow_their_units() {
        for (value, text) in [
            (0.0, "0.0 s"),
            (4.23, "4.2 s"),
            (9.97, "10 s"),
            (99.4, "99 s"),
            (125.2, "2 min 05 s"),
            (3599.6, "1 h 00 min"),
            (3840.0, "1 h 04 min"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn ratios_are_never_rounded_to_nothing() {
        for (value, text) in
            [(0.0, "0.000"), (2.13e-5, "2.1e-5"), (0.0005, "0.001"), (0.1364, "0.136"), (12.0, "12.000")]
        {
            assert_eq!(ratio(value), text);
        }
    }

    #[test]
    fn counts_and_rates_read_as_people_write_them() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_048_576, "1,048,576")] {
            assert_eq!(count(value), text);
        }
        assert_eq!(steps(463.5), "464");
        for (value, text) in [(5e-4, "5e-4"), (2e-3, "2e-3"), (1.5e-4, "1.5e-4")] {
            assert_eq!(rate(value), text);
        }
    }
}
