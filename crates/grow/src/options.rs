//! A method's options, from a command line's `key=value`.

use crate::{GrowError, Result};

/// The options that `--set key=value` give, a value being TOML or else text; `--preset` is the option of that name.
///
/// ```
/// let options = ligo_grow::options(Some("ligo-paper"), &["steps=40".into(), "schedule=linear".into()])?;
/// assert_eq!(options.to_string(), "preset = \"ligo-paper\"\nsteps = 40\nschedule = \"linear\"\n");
/// # Ok::<(), ligo_grow::GrowError>(())
/// ```
///
/// # Errors
/// [`GrowError::Asked`] for an argument that is not of this form, or a key that is given twice.
pub fn options(preset: Option<&str>, set: &[String]) -> Result<toml::Table> {
    let mut options = toml::Table::new();
    if let Some(preset) = preset {
        options.insert("preset".into(), preset.into());
    }
    for argument in set {
        let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || value.is_empty() {
            return Err(GrowError::asked("--set", format!("{argument:?}"), "key=value, such as steps=40"));
        }
        let read: Option<toml::Table> = format!("value = {value}").parse().ok();
        let value = read.and_then(|mut table| table.remove("value")).unwrap_or_else(|| value.into());
        if options.insert(key.to_owned(), value).is_some() {
            return Err(GrowError::asked("--set", format!("{key} twice"), "every option once"));
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_option_is_told() {
        for (preset, set, expected) in [
            (None, vec!["steps"], "--set: found \"steps\", expected key=value, such as steps=40"),
            (None, vec!["=3"], "--set: found \"=3\""),
            (Some("ligo"), vec!["preset=ligo-paper"], "--set: found preset twice"),
        ] {
            let set: Vec<String> = set.into_iter().map(str::to_owned).collect();
            assert!(options(preset, &set).unwrap_err().to_string().starts_with(expected));
        }
    }
}
