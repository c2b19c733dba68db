//! The document around the sections: colours, style, the way past the header for who uses a keyboard.

use crate::report::palette::{DARK, LIGHT, variables};
use crate::report::svg::escape;

/// A whole document. `title`: plain text; `header` and `sections`: HTML.
pub(in crate::report) fn document(title: &str, header: &str, sections: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n\
         :root {{ {} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n{}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#results\">To the results</a>\n<main>\n<header>\n<h1>{title}</h1>\n{header}</header>\n\
         <div id=\"results\" tabindex=\"-1\">\n{sections}</div>\n</main>\n</body>\n</html>\n",
        variables(&LIGHT),
        variables(&DARK),
        include_str!("page.css"),
    )
}

/// Escaped prose whose figures and units stay on one line.
pub(in crate::report) fn text(sentence: &str) -> String {
    escape(sentence).replace(" %", "\u{a0}%").replace(" × ", "\u{a0}×\u{a0}").replace(" ± ", "\u{a0}±\u{a0}")
}

/// A section; nothing if it has nothing to say.
pub(in crate::report) fn section(id: &str, heading: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n{content}</section>\n", escape(heading))
}
