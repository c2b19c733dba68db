//! Figures as people read them.

/// `0:07`, `12:40`, `3:05:00`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-:--".into();
    }
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `950`, `12.6 k`, `3.41 M`, `1.20 T`: three digits and a decimal prefix.
pub(crate) fn scaled(value: f64) -> String {
    const PREFIXES: [&str; 7] = ["", " k", " M", " G", " T", " P", " E"];
    if !value.is_finite() {
        return value.to_string();
    }
    let (mut value, mut prefix) = (value, 0);
    // 999.5 and more would be printed as 1000.
    while value.abs() >= 999.5 && prefix + 1 < PREFIXES.len() {
        value /= 1000.0;
        prefix += 1;
    }
    let decimals = match (prefix, value.abs()) {
        (0, v) if v.fract() == 0.0 => 0,
        (_, v) if v >= 99.95 => 0,
        (_, v) if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{}", PREFIXES[prefix])
}

/// `812 MB`, or `unknown`.
pub(crate) fn bytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".into(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_clock() {
        for (seconds, text) in
            [(0.2, "0:00"), (7.0, "0:07"), (760.0, "12:40"), (11100.0, "3:05:00"), (f64::NAN, "-:--")]
        {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn figures_have_three_digits_and_a_prefix() {
        for (value, text) in [
            (0.0, "0"),
            (0.52, "0.52"),
            (950.0, "950"),
            (999.7, "1.00 k"),
            (12_600.0, "12.6 k"),
            (3_412_000.0, "3.41 M"),
            (1.506_82e13, "15.1 T"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(scaled(value), text);
        }
    }

    #[test]
    fn unknown_memory_is_called_unknown() {
        assert_eq!(bytes(Some(812_300_000)), "812 MB");
        assert_eq!(bytes(None), "unknown");
    }
}
