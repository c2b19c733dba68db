//! From the characters of an answer to tokens.

/// The first and the last token of the characters from `start` to one before `end`; none if these tokens do not hold them
/// all. `offsets` are each token's first character and one past its last.
///
/// The rule is that of transformers' `run_qa.py`: the last token that begins at `start` or before, the first that ends at
/// `end` or behind. Where it gives a span that ends before it begins (an answer that is the window's last token, or part
/// of a character that several tokens make up), the span is the same tokens in order.
pub(super) fn span_of(offsets: &[(usize, usize)], start: usize, end: usize) -> Option<[usize; 2]> {
    if offsets.first()?.0 > start || offsets.last()?.1 < end {
        return None;
    }
    // The first token begins at `start` or before, so the one that begins behind is not the first.
    let first = offsets.iter().position(|token| token.0 > start).unwrap_or(offsets.len()) - 1;
    let last = offsets.iter().rposition(|token| token.1 < end).map_or(0, |before| before + 1);
    Some([first.min(last), first.max(last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `an old | cat` as `an`, `old`, `c`, `at`, and a sign of two tokens.
    const OFFSETS: [(usize, usize); 6] = [(0, 2), (3, 6), (7, 8), (8, 10), (11, 12), (11, 12)];

    #[test]
    fn the_tokens_hold_the_answer() {
        let cases = [
            ((3, 6), Some([1, 1])),
            ((3, 10), Some([1, 3])),
            ((0, 12), Some([0, 4])),
            // Within tokens, and with the space before.
            ((4, 5), Some([1, 1])),
            ((2, 6), Some([0, 1])),
            ((8, 9), Some([3, 3])),
            ((11, 12), Some([4, 5])),
            ((11, 13), None),
        ];
        for ((start, end), expected) in cases {
            assert_eq!(span_of(&OFFSETS, start, end), expected, "{start} to {end}");
        }
        assert_eq!(span_of(&OFFSETS[1..], 0, 6), None);
        assert_eq!(span_of(&[], 0, 1), None);
    }
}
