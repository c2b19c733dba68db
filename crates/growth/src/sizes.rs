//! Whether one model can grow into another at all, whatever the method.

use crate::{GrowthError, Result};
use ligo_models::{Family, ModelConfig, Space};

/// Checks that `large` is the same kind of model as `small` and nowhere smaller.
///
/// Family, vocabulary, positions and token types must be equal; depth, residual width, attention width and the MLP's inner width
/// may grow. Numbers of heads are a method's own affair.
///
/// # Errors
/// [`GrowthError::Sizes`] for the first size that does not fit.
pub fn check_growth(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    let wrong = |what: &str, found: String, expected: String| {
        Err(GrowthError::Sizes { what: what.to_owned(), found, expected: format!("{expected}, as in the small model") })
    };
    if small.family != large.family {
        return wrong("family", format!("{:?}", large.family), format!("{:?}", small.family));
    }
    let token_types = |config: &ModelConfig| match config.family {
        Family::Bert => config.space(Space::TokenType).width(),
        Family::Gpt2 => 0,
    };
    let equal = [
        ("vocab_size", small.vocab_size, large.vocab_size),
        ("max_position_embeddings", small.max_position_embeddings, large.max_position_embeddings),
        ("type_vocab_size", token_types(small), token_types(large)),
    ];
    if let Some((what, small, large)) = equal.into_iter().find(|(_, small, large)| small != large) {
        return wrong(what, large.to_string(), small.to_string());
    }
    let at_least = [
        ("num_hidden_layers", small.num_hidden_layers, large.num_hidden_layers),
        ("hidden_size", small.hidden_size, large.hidden_size),
        ("intermediate_size", small.intermediate_size(), large.intermediate_size()),
    ];
    match at_least.into_iter().find(|(_, small, large)| large < small) {
        Some((what, small, large)) => wrong(what, large.to_string(), format!("at least {small}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    #[test]
    fn a_model_grows_into_itself_and_into_larger_ones() {
        let small = config(Family::Gpt2, 2, 8, 2);
        check_growth(&small, &small).unwrap();
        check_growth(&small, &config(Family::Gpt2, 3, 12, 3)).unwrap();
    }

    #[test]
    fn a_size_that_shrinks_or_may_not_change_is_named() {
        let small = config(Family::Bert, 2, 8, 2);
        type Change = fn(&mut ModelConfig);
        let cases: [(Change, &str); 7] = [
            (|c| c.family = Family::Gpt2, "family: the large model has Gpt2, expected Bert"),
            (|c| c.vocab_size = 7, "vocab_size: the large model has 7, expected 13"),
            (|c| c.max_position_embeddings = 99, "max_position_embeddings: the large model has 99"),
            (|c| c.type_vocab_size = Some(3), "type_vocab_size: the large model has 3, expected 2"),
            (|c| c.num_hidden_layers = 1, "num_hidden_layers: the large model has 1, expected at least 2"),
            (|c| c.hidden_size = 4, "hidden_size: the large model has 4, expected at least 8"),
            (|c| c.intermediate_size = Some(8), "intermediate_size: the large model has 8, expected at least 32"),
        ];
        for (change, expected) in cases {
            let mut large = config(Family::Bert, 4, 16, 4);
            change(&mut large);
            let message = check_growth(&small, &large).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
