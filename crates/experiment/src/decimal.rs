//! The decimal that a person wrote for an `f32`.
//!
//! serde widens an `f32` to an `f64` on its way into a TOML or JSON value, so that 5e-4 would be shown as
//! 0.0005000000237487257.

/// The shortest decimal with the same `f32` as `number`, if `number` is one; else `number` itself.
pub(crate) fn shortest(number: f64) -> f64 {
    let narrow = number as f32;
    if f64::from(narrow) == number { narrow.to_string().parse().unwrap_or(number) } else { number }
}

/// The same for every number in a TOML value.
pub(crate) fn shorten(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Float(number) => toml::Value::Float(shortest(number)),
        toml::Value::Array(items) => toml::Value::Array(items.into_iter().map(shorten).collect()),
        toml::Value::Table(table) => {
            toml::Value::Table(table.into_iter().map(|(key, value)| (key, shorten(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_widened_number_becomes_what_was_written_and_is_the_same_f32() {
        for written in [5e-4_f32, 0.1, 2e-3, 1e-12, 0.25, 3.0, -7.5e-20, f32::MAX, f32::MIN_POSITIVE] {
            let short = shortest(f64::from(written));
            assert_eq!(short as f32, written);
            assert_eq!(short.to_string(), written.to_string());
        }
        assert_eq!(shortest(0.15), 0.15);
        assert!(shortest(f64::NAN).is_nan());
    }
}
