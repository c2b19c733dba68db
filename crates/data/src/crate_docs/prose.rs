//! Markdown to prose: paragraphs and list items as plain text, and the rules that say which of them are English prose.

use pulldown_cmark::{BrokenLink, CowStr, Event, Options, Parser, Tag, TagEnd};

/// Words that a paragraph must have.
const FEWEST_WORDS: usize = 8;
/// Share of a paragraph's pieces between blanks that must be words.
const WORD_SHARE: f64 = 0.7;
/// Share of a paragraph's words that must be function words: it tells sentences from lists, and English from the rest.
const FUNCTION_WORD_SHARE: f64 = 0.15;
/// Share of a paragraph's letters that may lie outside ASCII.
const FOREIGN_SHARE: f64 = 0.03;

const FUNCTION_WORDS: [&str; 88] = [
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "been", "before",
    "between", "both", "but", "by", "can", "could", "did", "do", "does", "each", "either", "for", "from", "had", "has",
    "have", "how", "i", "if", "in", "into", "is", "it", "its", "may", "more", "most", "must", "no", "not", "of", "on",
    "only", "or", "other", "our", "over", "should", "since", "so", "some", "such", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "under", "until", "up", "was", "we", "were",
    "what", "when", "where", "whether", "which", "while", "who", "will", "with", "without", "would", "you", "your",
];

/// The prose paragraphs of a Markdown text, in order.
pub(super) fn paragraphs(markdown: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_GFM;
    let mut resolve =
        |link: BrokenLink<'_>| name_of_an_item(&link.reference).then(|| (CowStr::from(""), CowStr::from("")));
    let mut collector = Collector::default();
    for event in Parser::new_with_broken_link_callback(markdown, options, Some(&mut resolve)) {
        collector.event(event);
    }
    collector.end_paragraph();
    collector.paragraphs
}

/// Whether `[text]` without a target is a link to an item, as in rustdoc, and not an interval or an index.
fn name_of_an_item(reference: &str) -> bool {
    reference.starts_with(|c: char| c.is_ascii_alphabetic() || c == '`') && !reference.contains(',')
}

/// Follows the events of one text and keeps the paragraphs that are prose.
#[derive(Default)]
struct Collector {
    text: String,
    /// Depth of the elements whose content is dropped.
    dropped: usize,
    paragraphs: Vec<String>,
}

impl Collector {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) if self.dropped == 0 => self.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak if self.dropped == 0 => self.text.push(' '),
            Event::Rule => self.end_paragraph(),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        if is_block(&tag.to_end()) {
            self.end_paragraph();
        }
        if self.dropped > 0 || drops_start(tag) {
            self.dropped += 1;
        }
    }

    fn end(&mut self, tag: TagEnd) {
        if is_block(&tag) {
            self.end_paragraph();
        }
        self.dropped = self.dropped.saturating_sub(1);
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        if let Some(paragraph) = clean(&text) {
            self.paragraphs.push(paragraph);
        }
    }
}

/// Elements whose content is no prose.
fn drops_start(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Heading { .. }
            | Tag::CodeBlock(_)
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::Table(_)
            | Tag::Image { .. }
            | Tag::MetadataBlock(_)
    )
}

/// Elements that part paragraphs; the rest stands within a line.
fn is_block(tag: &TagEnd) -> bool {
    !matches!(
        tag,
        TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::Image
    )
}

/// The paragraph in one line, without what means nothing when read aloud; none if it is no English prose.
fn clean(text: &str) -> Option<String> {
    let pieces: Vec<&str> = text.split_whitespace().collect();
    // Lines of a change log that name people and pull requests are lists, whatever words stand between.
    if pieces.iter().any(|piece| piece.starts_with('@') || piece.starts_with("(@")) {
        return None;
    }
    let mut kept = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.into_iter().enumerate() {
        match noise(piece) {
            None => kept.push(piece),
            // An entry of a change log begins with its number, and the sentence after that.
            Some(Noise::Aside) => {}
            Some(Noise::PartOfTheSentence) if index == 0 => {}
            Some(Noise::PartOfTheSentence) => return None,
        }
    }
    let words: Vec<String> = kept.iter().filter_map(|piece| word(piece)).collect();
    let functions = words.iter().filter(|word| is_function_word(word)).count();
    let letters = kept.iter().flat_map(|piece| piece.chars());
    let foreign = letters.filter(|c| c.is_alphabetic() && !c.is_ascii()).count();
    let characters: usize = kept.iter().map(|piece| piece.len()).sum();

    let prose = words.len() >= FEWEST_WORDS
        && words.len() as f64 >= WORD_SHARE * kept.len() as f64
        && functions as f64 >= FUNCTION_WORD_SHARE * words.len() as f64
        && foreign as f64 <= FOREIGN_SHARE * characters as f64;
    prose.then(|| kept.join(" "))
}

/// What a piece that means nothing when read aloud is to its sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noise {
    /// The sentence stands without it.
    Aside,
    /// Without it the sentence would have a hole.
    PartOfTheSentence,
}

/// Whether a piece is a bare address, a hash, the number of an issue or the name of a picture.
fn noise(piece: &str) -> Option<Noise> {
    let picture = piece.len() > 2 && piece.starts_with(':') && piece.ends_with(':');
    if picture && piece.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b':' | b'_')) {
        return Some(Noise::Aside);
    }
    let bare = piece.trim_matches(|c: char| c.is_ascii_punctuation() && c != '#');
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hash = || {
        bare.len() >= 7
            && bare.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
            && bare.bytes().any(|b| b.is_ascii_digit())
            && bare.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let mail = || bare.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let is_noise = piece.contains("://")
        || bare.starts_with("www.")
        || bare.strip_prefix('#').is_some_and(number)
        || hash()
        || mail();
    let in_brackets = piece.starts_with(['(', '[']) && piece.contains([')', ']']);
    is_noise.then_some(if in_brackets { Noise::Aside } else { Noise::PartOfTheSentence })
}

/// The word in a piece between blanks, in lower case and without punctuation around it; none if it is no word.
fn word(piece: &str) -> Option<String> {
    let bare = piece.trim_matches(|c: char| !c.is_alphanumeric());
    let is_word = bare.starts_with(char::is_alphabetic)
        && bare.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | '/'));
    is_word.then(|| bare.to_lowercase())
}

fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.binary_search(&word).is_ok()
}

/// Number of words of a paragraph, as the report counts them: pieces between blanks.
pub(super) fn count_words(paragraph: &str) -> u64 {
    paragraph.split_whitespace().count() as u64
}

/// What two paragraphs have in common that differ in case, digits, punctuation and blanks only.
pub(super) fn normalized(paragraph: &str) -> String {
    let letters_only = paragraph.chars().map(|c| if c.is_alphabetic() { c } else { ' ' }).collect::<String>();
    let words: Vec<&str> = letters_only.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_words_are_sorted() {
        assert!(FUNCTION_WORDS.is_sorted());
    }

    #[test]
    fn markdown_becomes_prose() {
        let cases: [(&str, &[&str]); 23] = [
            (
                "A paragraph that runs over\ntwo lines of *marked* **up** `text`.",
                &["A paragraph that runs over two lines of marked up text."],
            ),
            ("Too few words in this one.", &[]),
            (
                "The [text of a link](https://example.com) is kept and its target is not.",
                &["The text of a link is kept and its target is not."],
            ),
            (
                "See [`Vec::push`] and [the book][1] for all that there is to know.\n\n[1]: https://example.com/a/b",
                &["See Vec::push and the book for all that there is to know."],
            ),
            (
                "The result is in [0, 1) or in `[a, b]` and that is what it is.",
                &["The result is in [0, 1) or in [a, b] and that is what it is."],
            ),
            ("# A heading with a lot of words in it that is not a paragraph", &[]),
            ("```\nthis is the code of an example and it is not a paragraph at all\n```", &[]),
            ("    this is indented and so it is the code of an example and not prose", &[]),
            ("| the head | of a table |\n|---|---|\n| that is one of the cells | and this is the other one |", &[]),
            ("<p>This is a block of HTML and that is why it is not in the text.</p>", &[]),
            (
                "A <b>tag</b> within the line is dropped and the text in it is kept.",
                &["A tag within the line is dropped and the text in it is kept."],
            ),
            ("[![the badge of the build and its state](https://a/b.svg)](https://c)", &[]),
            (
                "- the first item of the list is a paragraph of its own\n- short\n  - the nested item of the list is a paragraph of its own too\n",
                &[
                    "the first item of the list is a paragraph of its own",
                    "the nested item of the list is a paragraph of its own too",
                ],
            ),
            (
                "It is as it was before the change that was made to it. (#1234) :tada: (<https://example.com>)",
                &["It is as it was before the change that was made to it."],
            ),
            ("It was fixed in #1234 and now it is not as it was before the change.", &[]),
            (
                "* [#1234](https://example.com): It is now what it was before the change.",
                &["It is now what it was before the change."],
            ),
            ("It was fixed in deadbeef1 and now it is not as it was before the change.", &[]),
            ("It is at https://example.com/x and that is why it is not in the text.", &[]),
            ("It is at <https://example.com/x> and that is why it is not in the text.", &[]),
            ("Write to <a.b@example.com> if there is something that is not as you expect it.", &[]),
            ("This was made by @somebody in a pull request and it is in the list of changes.", &[]),
            ("このライブラリは高速です the and of to in is it for that with as on", &[]),
            ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu", &[]),
        ];
        for (markdown, expected) in cases {
            assert_eq!(paragraphs(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn near_duplicates_have_one_normal_form() {
        for text in ["Returns the 2nd item, if any.", "returns the  3ND item if any!", "Returns the nd item—if any"] {
            assert_eq!(normalized(text), "returns the nd item if any");
        }
    }
}
