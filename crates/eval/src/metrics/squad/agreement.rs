//! How far two answers agree, word by word.

use std::collections::HashMap;

/// The harmonic mean of precision and recall of a prediction's words, each shared as often as it occurs in both; 0 if they share
/// none. Both texts are normal.
pub(super) fn words_f1(prediction: &str, gold: &str) -> f64 {
    let (predicted, true_ones) = (counted(prediction), counted(gold));
    let in_both = |(word, &times): (&&str, &usize)| times.min(true_ones.get(word).copied().unwrap_or(0));
    let shared = predicted.iter().map(in_both).sum::<usize>() as f64;
    if shared == 0.0 {
        return 0.0;
    }
    let words = |counted: &HashMap<&str, usize>| counted.values().sum::<usize>() as f64;
    let (precision, recall) = (shared / words(&predicted), shared / words(&true_ones));
    2.0 * precision * recall / (precision + recall)
}

/// The words of a normal text, each with how often it occurs.
fn counted(normal: &str) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for word in normal.split(' ').filter(|word| !word.is_empty()) {
        *counts.entry(word).or_default() += 1;
    }
    counts
}
