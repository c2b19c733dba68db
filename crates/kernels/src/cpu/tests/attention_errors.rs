//! Attentions whose sizes do not fit, or that ask for what there is not: each refused with what was found and expected.

use super::attention::{spec, tables};
use super::{message, zeros};
use crate::{
    Attention, Cpu, Dropout, KernelError, Kernels, KeyValueCache, Layout, Linear, NoneTape, Precision, Projections,
    Rotary, Visibility,
};

const CAUSAL: Visibility = Visibility::Causal { window: None };
const BIDIRECTIONAL: Visibility = Visibility::Bidirectional;
const DROPOUT: Option<Dropout> = Some(Dropout { p: 0.1, key: 0 });

fn compare(cases: &[(String, &str)]) {
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn attention_names_the_size_that_does_not_fit() {
    let (cosines, sines) = tables(5, 4);
    let rotary = Rotary { cosines: &cosines, sines: &sines };
    let causal = spec((2, 5, 6, 3, 4), CAUSAL);
    let run = |spec: Attention<'_>| {
        let columns = (spec.heads + 2 * spec.key_value_heads) * spec.head_dim;
        let x = zeros(spec.batch * spec.sequence, columns);
        message(Cpu::attention(&mut NoneTape, Projections::Joined(&x), spec))
    };
    let joined =
        |rows, columns| message(Cpu::attention(&mut NoneTape, Projections::Joined(&zeros(rows, columns)), causal));
    let odd = spec((2, 5, 6, 3, 5), CAUSAL);
    compare(&[
        (run(causal), "accepted"),
        (joined(10, 72), "attention: packed queries, keys and values is [10, 72], expected [10, 48]"),
        (joined(9, 48), "attention: packed queries, keys and values is [9, 48], expected [10, 48]"),
        (
            run(Attention { key_value_heads: 4, ..causal }),
            "attention: number of key and value heads is 4, expected a divisor of 6, the number of heads",
        ),
        (
            run(Attention { key_value_heads: 0, ..causal }),
            "attention: number of key and value heads is 0, expected a divisor of 6, the number of heads",
        ),
        (
            run(Attention { key_value_heads: 12, ..causal }),
            "attention: number of key and value heads is 12, expected a divisor of 6, the number of heads",
        ),
        (
            run(Attention { head_dim: 0, ..causal }),
            "attention: head count and size is 6 heads of 0, expected at least 1 head of 1",
        ),
        (
            run(Attention { visibility: Visibility::Causal { window: Some(0) }, ..causal }),
            "attention: window is 0, expected at least 1",
        ),
        (
            run(Attention { real_tokens: Some(&[true; 9]), ..causal }),
            "attention: length of the padding mask is 9, expected 10",
        ),
        (run(Attention { rotary: Some(rotary), ..causal }), "accepted"),
        (
            run(Attention { rotary: Some(rotary), ..odd }),
            "attention: head size with rotary positions is 5, expected an even number",
        ),
        (
            run(Attention { rotary: Some(Rotary { cosines: &cosines[1..], ..rotary }), ..causal }),
            "attention: length of the table of cosines is 9, expected at least 10, 2 for each of 5 positions",
        ),
        (
            run(Attention { rotary: Some(Rotary { sines: &[], ..rotary }), ..causal }),
            "attention: length of the table of sines is 0, expected at least 10, 2 for each of 5 positions",
        ),
    ]);
}

#[test]
fn queries_apart_are_refused_what_only_tokens_among_the_keys_can_have() {
    let (cosines, sines) = tables(5, 4);
    let rotary = Some(Rotary { cosines: &cosines, sines: &sines });
    let all = spec((2, 5, 6, 3, 4), BIDIRECTIONAL);
    let run = |queries: (usize, usize), keys_values: (usize, usize), spec| {
        let (queries, keys_values) = (zeros(queries.0, queries.1), zeros(keys_values.0, keys_values.1));
        let projections = Projections::Apart { queries: &queries, keys_values: &keys_values };
        message(Cpu::attention(&mut NoneTape, projections, spec))
    };
    compare(&[
        (run((6, 24), (10, 24), all), "accepted"),
        (
            run((7, 24), (10, 24), all),
            "attention: number of queries is 7, expected a multiple of 2, the number of sequences",
        ),
        (run((6, 12), (10, 24), all), "attention: queries is [6, 12], expected [6, 24]"),
        (run((6, 24), (8, 24), all), "attention: packed keys and values is [8, 24], expected [10, 24]"),
        (run((6, 24), (10, 48), all), "attention: packed keys and values is [10, 48], expected [10, 24]"),
        (
            run((10, 24), (10, 24), Attention { visibility: CAUSAL, ..all }),
            "attention: visibility of keys to queries of other tokens is causal, expected bidirectional",
        ),
        (
            run((10, 24), (10, 24), Attention { rotary, ..all }),
            "attention: rotary positions is given, expected none: the queries are of other tokens than the keys",
        ),
    ]);
}

#[test]
fn a_cache_names_its_capacity_and_what_else_does_not_fit() {
    let (cosines, sines) = tables(5, 4);
    let rotary = Some(Rotary { cosines: &cosines, sines: &sines });
    let step = spec((2, 3, 6, 3, 4), CAUSAL);
    let mut cache = KeyValueCache::new(&Cpu::default(), 2, 7, 3, 4).unwrap();
    let mut run = |spec: Attention<'_>| {
        let x = zeros(spec.batch * spec.sequence, (spec.heads + 2 * spec.key_value_heads) * spec.head_dim);
        message(Cpu::attention_cached(&x, &mut cache, spec))
    };
    compare(&[
        (
            run(Attention { sequence: 8, ..step }),
            "attention_cached: length of a sequence, 0 tokens in the cache and 8 new ones, is 8, expected at most 7, the cache's capacity",
        ),
        (run(Attention { rotary, ..step }), "accepted"),
        (
            run(Attention { rotary, ..step }),
            "attention_cached: length of the table of cosines is 10, expected at least 12, 2 for each of 6 positions",
        ),
        (run(step), "accepted"),
        (
            run(Attention { sequence: 2, ..step }),
            "attention_cached: length of a sequence, 6 tokens in the cache and 2 new ones, is 8, expected at most 7, the cache's capacity",
        ),
        (
            run(Attention { batch: 3, sequence: 1, ..step }),
            "attention_cached: number of sequences is 3, expected 2, the cache's",
        ),
        (
            run(Attention { key_value_heads: 6, sequence: 1, ..step }),
            "attention_cached: number and size of key and value heads is 6 heads of 4, expected 3 heads of 4, the cache's",
        ),
        (
            run(Attention { heads: 4, sequence: 1, ..step }),
            "attention_cached: number of key and value heads is 3, expected a divisor of 4, the number of heads",
        ),
        (
            run(Attention { visibility: BIDIRECTIONAL, sequence: 1, ..step }),
            "attention_cached: visibility is bidirectional, expected causal",
        ),
        (
            run(Attention { real_tokens: Some(&[true; 2]), sequence: 1, ..step }),
            "attention_cached: padding mask is given, expected none",
        ),
        (run(Attention { dropout: DROPOUT, sequence: 1, ..step }), "attention_cached: dropout is given, expected none"),
        (run(Attention { sequence: 1, ..step }), "accepted"),
    ]);
    assert_eq!(cache.length(), 7);
    let mut cache = KeyValueCache::new(&Cpu::default(), 2, 7, 3, 4).unwrap();
    let found = message(Cpu::attention_cached(&zeros(6, 47), &mut cache, step));
    assert_eq!(found, "attention_cached: packed queries, keys and values is [6, 47], expected [6, 48]");
    assert_eq!(cache.length(), 0);
    let error = KeyValueCache::new(&Cpu::default(), 2, usize::MAX, 3, 4).unwrap_err();
    let reason = format!("2 sequences of {} tokens are more than can be addressed", usize::MAX);
    assert_eq!(error, KernelError::Device { op: "key/value cache", reason });
}

#[test]
fn talking_heads_are_refused_what_they_do_not_have() {
    let (cosines, sines) = tables(5, 4);
    let all = spec((2, 5, 3, 3, 4), BIDIRECTIONAL);
    let run = |columns: usize, weights: [(usize, usize); 2], bias: usize, spec: Attention<'_>| {
        let (x, [before, after], bias) = (zeros(10, columns), weights.map(|(r, c)| zeros(r, c)), zeros(1, bias));
        let before = Linear { weight: &before, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
        let after = Linear { weight: &after, bias: Some(&bias), layout: Layout::InOut, precision: Precision::F32 };
        message(Cpu::talking_attention(&mut NoneTape, &x, before, after, spec))
    };
    let square = [(3, 3); 2];
    compare(&[
        (run(36, square, 3, all), "accepted"),
        (run(24, square, 3, all), "talking_attention: packed queries, keys and values is [10, 24], expected [10, 36]"),
        (
            run(36, [(2, 3), (3, 3)], 3, all),
            "talking_attention: weight of the map before the softmax is [2, 3], expected [3, 3]",
        ),
        (
            run(36, [(3, 3), (3, 4)], 3, all),
            "talking_attention: weight of the map after the softmax is [3, 4], expected [3, 3]",
        ),
        (run(36, square, 4, all), "talking_attention: bias of the map after the softmax is [1, 4], expected [1, 3]"),
        (
            run(20, square, 3, Attention { key_value_heads: 1, ..all }),
            "talking_attention: number of key and value heads is 1, expected 3, the number of heads",
        ),
        (
            run(36, square, 3, Attention { visibility: CAUSAL, ..all }),
            "talking_attention: visibility is causal, expected bidirectional",
        ),
        (
            run(36, square, 3, Attention { real_tokens: Some(&[true; 10]), ..all }),
            "talking_attention: padding mask is given, expected none",
        ),
        (
            run(36, square, 3, Attention { rotary: Some(Rotary { cosines: &cosines, sines: &sines }), ..all }),
            "talking_attention: rotary positions is given, expected none",
        ),
        (
            run(36, square, 3, Attention { dropout: Some(Dropout { p: 1.0, key: 0 }), ..all }),
            "talking_attention: dropout probability is 1, expected a number in [0, 1)",
        ),
    ]);
}
