//! What of an answer counts.

/// What is left of an answer for comparing it: in lower case, without ASCII punctuation, without the words `a`, `an` and `the`, with
/// single spaces between words, in this order.
///
/// So `"U.S."` is `"us"`, `"The-Hague"` is `"thehague"`, and `"a–z"` is `"–z"`: a dash that is not ASCII ends a word but stays. What
/// ends a word and what is white space is as in Python's `re` and `str.split`, with one exception: a combining mark or an enclosed
/// letter that Unicode calls alphabetic (a vowel sign of Devanagari, `Ⓐ`) belongs to the word here, and does not to Python; it makes
/// a difference directly beside an article only.
pub fn normalise(answer: &str) -> String {
    let lower: String = answer.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    without_articles(&lower).split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Every article replaced by a space: a run of letters and digits that is one, whatever stands around it.
fn without_articles(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    for run in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = run.trim_end_matches(|c: char| !c.is_alphanumeric());
        left.push_str(if matches!(word, "a" | "an" | "the") { " " } else { word });
        left.push_str(&run[word.len()..]);
    }
    left
}

/// What Python's `str.split` splits at: Unicode's white space and the four ASCII separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}
