//! Finds documentation comments in Rust source: `///`, `//!`, `/** */`, `/*! */`, each run of them as one piece of
//! Markdown. Reads line by line and knows no Rust beyond that; `#[doc = "…"]` is left aside.

/// The Markdown of each documentation comment, in order.
pub(super) fn extract(source: &str) -> Vec<String> {
    let mut comments = Vec::new();
    let mut run: Option<(LineStyle, Vec<&str>)> = None;
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if let Some((style, text)) = line_comment(line) {
            match &mut run {
                Some((open, collected)) if *open == style => collected.push(text),
                _ => finish(run.replace((style, vec![text])), &mut comments),
            }
            continue;
        }
        finish(run.take(), &mut comments);
        if let Some(first) = block_comment(line) {
            comments.push(read_block(first, &mut lines));
        }
    }
    finish(run.take(), &mut comments);
    comments
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineStyle {
    Outer,
    Inner,
}

fn line_comment(line: &str) -> Option<(LineStyle, &str)> {
    if let Some(text) = line.strip_prefix("//!") {
        return Some((LineStyle::Inner, text));
    }
    // Four slashes are an ordinary comment.
    line.strip_prefix("///").filter(|text| !text.starts_with('/')).map(|text| (LineStyle::Outer, text))
}

/// The text after the opening of a block comment that documents; `/**/` and `/***` do not.
fn block_comment(line: &str) -> Option<&str> {
    line.strip_prefix("/*!").or_else(|| line.strip_prefix("/**").filter(|text| !text.starts_with(['/', '*'])))
}

fn read_block<'a>(first: &'a str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut collected = Vec::new();
    let mut line = first;
    loop {
        // Nested comments are not counted: the first end is the end.
        if let Some((text, _)) = line.split_once("*/") {
            collected.push(text);
            break;
        }
        collected.push(line);
        match lines.next() {
            Some(next) => line = next,
            None => break,
        }
    }
    // A star in front of every line is decoration.
    let starred =
        collected.iter().skip(1).filter(|line| !line.trim().is_empty()).all(|line| line.trim_start().starts_with('*'));
    if starred {
        for line in collected.iter_mut().skip(1) {
            *line = line.trim_start().strip_prefix('*').unwrap_or("");
        }
    }
    unindent(&collected)
}

fn finish(run: Option<(LineStyle, Vec<&str>)>, comments: &mut Vec<String>) {
    if let Some((_, lines)) = run {
        comments.push(unindent(&lines));
    }
}

/// Takes away what white space all lines begin with, as rustdoc does; else Markdown takes indented text for code.
fn unindent(lines: &[&str]) -> String {
    let indent = |line: &&&str| line.len() - line.trim_start().len();
    // The first line of a block stands behind the opening and says nothing about the others.
    let common = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(&line)).min().unwrap_or(0);
    let cut = |line: &&str| line.get(common..).unwrap_or("").trim_end().to_owned();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found_and_their_markers_dropped() {
        let cases: [(&str, &[&str]); 12] = [
            ("/// One line.\nfn f() {}", &["One line."]),
            ("//! Inner\n//! text.\n\nuse x;", &["Inner\ntext."]),
            ("    /// Indented\n    ///\n    /// twice.", &["Indented\n\ntwice."]),
            ("/// a\n///     code\n", &["a\n    code"]),
            ("///No space.\n///Here neither.", &["No space.\nHere neither."]),
            ("//// not documentation\n// nor this", &[]),
            ("/// first\n#[inline]\n/// second", &["first", "second"]),
            ("/// outer\n//! inner", &["outer", "inner"]),
            ("/** One. */ fn f() {}", &["One."]),
            ("/**\n * Starred\n *\n * text.\n */", &["\nStarred\n\ntext.\n"]),
            ("/*!\n  Plain\n  block.\n*/", &["\nPlain\nblock.\n"]),
            ("/**/ /***/\n/* ordinary */\nlet x = \"/// in a string\";\n/** never closed", &["never closed"]),
        ];
        for (source, expected) in cases {
            assert_eq!(extract(source), expected, "{source}");
        }
    }

    #[test]
    fn line_ends_of_windows_make_no_difference() {
        assert_eq!(extract("/// a\r\n/// b\r\n"), extract("/// a\n/// b\n"));
    }
}
