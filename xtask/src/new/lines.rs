//! One line more in a file that lists things, in its place: looked for line by line, and refused where the file is not as expected.

/// The text with `line` behind the last line of a TOML table that `is_alike`; none if the table has no such line.
pub(super) fn into_table(text: &str, table: &str, is_alike: impl Fn(&str) -> bool, line: &str) -> Option<String> {
    let header = format!("[{table}]");
    let mut inside = false;
    let mut last = None;
    for (number, found) in text.lines().enumerate() {
        if found.starts_with('[') {
            inside = found.trim_end() == header;
        } else if inside && is_alike(found) {
            last = Some(number);
        }
    }
    last.map(|number| inserted(text, number + 1, line))
}

/// The text with `line` behind the last line that `is_alike`; none if there is no such line.
pub(super) fn behind_last(text: &str, is_alike: impl Fn(&str) -> bool, line: &str) -> Option<String> {
    let last = text.lines().enumerate().filter(|(_, found)| is_alike(found)).last()?;
    Some(inserted(text, last.0 + 1, line))
}

/// Whether a line of TOML sets `key`, or a key of its table: `key = …`, `key.workspace = …`.
pub(super) fn sets(line: &str, key: &str) -> bool {
    line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
}

/// The text of `registry.rs` with one entry more, the last of the list in `pub fn methods`.
///
/// # Errors
/// What was expected, if the list is not one entry `Box::new(…),` to a line.
pub(super) fn into_registry(text: &str, entry: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    let function = lines.iter().position(|line| line.starts_with("pub fn methods"));
    let function = function.ok_or("expected a function `pub fn methods`")?;
    let open = (function..lines.len()).find(|&i| lines[i].trim() == "vec![");
    let open = open.ok_or("expected a line `vec![` in `pub fn methods`")?;
    let is_entry = |line: &str| line.starts_with("Box::new(") && line.ends_with("),") || line.starts_with("//");
    for (number, line) in lines.iter().enumerate().skip(open + 1) {
        match line.trim() {
            "]" => return Ok(inserted(text, number, &format!("        {entry}"))),
            line if is_entry(line) => {}
            line => return Err(format!("line {} is `{line}`, expected `Box::new(…),` or `]`", number + 1)),
        }
    }
    Err("expected a line `]` that ends the list in `pub fn methods`".into())
}

/// The text with `line` as its line `number`, counted from 0.
fn inserted(text: &str, number: usize, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(number, line);
    let mut inserted = lines.join("\n");
    inserted.push('\n');
    inserted
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "use a;\n\npub fn methods<D: Kernels>() -> Vec<Box<dyn Method<D>>> {\n    vec![\n        \
                            Box::new(ligo::Ligo),\n        // copies\n        Box::new(ligo_direct_copy::DirectCopy),\n    \
                            ]\n}\n\npub fn find() {}\n";

    #[test]
    fn an_entry_becomes_the_last_of_the_registry() {
        let text = into_registry(REGISTRY, "Box::new(ligo_x::X),").unwrap();
        let expected = "        Box::new(ligo_direct_copy::DirectCopy),\n        Box::new(ligo_x::X),\n    ]\n}\n";
        assert_eq!(text, REGISTRY.replace("        Box::new(ligo_direct_copy::DirectCopy),\n    ]\n}\n", expected));
    }

    #[test]
    fn a_registry_of_another_shape_is_refused_with_what_was_expected() {
        for (from, to, expected) in [
            ("pub fn methods", "fn methods", "expected a function `pub fn methods`"),
            ("vec![", "Vec::from([", "expected a line `vec![`"),
            ("Box::new(ligo::Ligo),", "ligo::boxed(),", "line 5 is `ligo::boxed(),`, expected `Box::new(…),`"),
            ("    ]\n}\n\npub fn find() {}\n", "", "expected a line `]`"),
        ] {
            let message = into_registry(&REGISTRY.replace(from, to), "Box::new(ligo_x::X),").unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_line_goes_behind_its_like_and_into_its_table_alone() {
        let text = "[a]\nligo = 1\nother = 2\n\n[b]\nligo = 1\nligo-x = 2\n# c\nserde = 1\n\n[c]\nligo = 1\n";
        let found = into_table(text, "b", |line| line.starts_with("ligo"), "ligo-y = 3").unwrap();
        assert_eq!(found, text.replace("ligo-x = 2\n", "ligo-x = 2\nligo-y = 3\n"));
        assert_eq!(into_table(text, "d", |_| true, "x"), None);
        assert_eq!(into_table(text, "a", |line| line.starts_with("serde"), "x"), None);
    }

    #[test]
    fn a_row_becomes_the_last_of_its_table() {
        let found = behind_last("# a\n\n| b |\n| c |\n\nd\n", |line| line.starts_with('|'), "| e |");
        assert_eq!(found.as_deref(), Some("# a\n\n| b |\n| c |\n| e |\n\nd\n"));
        assert_eq!(behind_last("# a\n", |line| line.starts_with('|'), "| e |"), None);
    }

    #[test]
    fn a_key_is_told_from_one_that_begins_like_it() {
        for (line, key, expected) in [
            ("ligo-x = 1", "ligo-x", true),
            ("ligo-x.workspace = true", "ligo-x", true),
            ("ligo-xy = 1", "ligo-x", false),
            ("# ligo-x = 1", "ligo-x", false),
        ] {
            assert_eq!(sets(line, key), expected, "{line}");
        }
    }
}
