//! Attention over a cache: the same as over the whole sequence, however the tokens come.

use super::attention::{spec, tables};
use super::{close, random, tensor};
use crate::{Attention, Cpu, Kernels, KeyValueCache, Matrix, NoneTape, Projections, Rotary, Visibility};

const TOKENS: usize = 75;

/// B, A, K, E.
type Sizes = (usize, usize, usize, usize);

/// Rows `first..first + count` of each sequence of a `[B·S, columns]`.
fn tokens(x: &[f32], columns: usize, batch: usize, first: usize, count: usize) -> Vec<f32> {
    (0..batch).flat_map(|b| x[(b * TOKENS + first) * columns..][..count * columns].to_vec()).collect()
}

/// The outputs of all tokens, which come in steps of these sizes, in the order of the whole.
fn step_by_step(qkv: &[f32], (batch, a, k, e): Sizes, whole: Attention<'_>, steps: &[usize]) -> Vec<f32> {
    let columns = (a + 2 * k) * e;
    let mut cache = KeyValueCache::new(&Cpu::default(), batch, TOKENS + 2, k, e).unwrap();
    let mut y = vec![f32::NAN; batch * TOKENS * a * e];
    let mut first = 0;
    for &count in steps {
        assert_eq!(cache.length(), first);
        let new = tokens(qkv, columns, batch, first, count);
        let new: Matrix<Cpu> = tensor(&new, (batch * count, columns));
        let part = Attention { sequence: count, ..whole };
        let out = super::values(&Cpu::attention_cached(&new, &mut cache, part).unwrap());
        for (b, out) in out.chunks(count.max(1) * a * e).enumerate() {
            y[(b * TOKENS + first) * a * e..][..out.len()].copy_from_slice(out);
        }
        first += count;
    }
    assert_eq!((first, cache.length()), (TOKENS, TOKENS));
    y
}

#[test]
fn tokens_that_come_in_any_steps_see_what_they_see_in_the_whole() {
    let steps: [&[usize]; 5] = [&[1; TOKENS], &[TOKENS], &[11, 1, 1, 3, 2, 57], &[2, 0, 73], &[5, 30, 1, 39]];
    for (batch, a, k, e) in [(1, 1, 1, 1), (2, 3, 1, 5), (2, 4, 2, 6), (1, 2, 2, 70), (3, 1, 1, 33)] {
        for window in [None, Some(1), Some(3), Some(40)] {
            for turned in [false, e % 2 == 0] {
                let (cosines, sines) = tables(TOKENS, e);
                let rotary = turned.then_some(Rotary { cosines: &cosines, sines: &sines });
                let whole = Attention { rotary, ..spec((batch, TOKENS, a, k, e), Visibility::Causal { window }) };
                let columns = (a + 2 * k) * e;
                let qkv = random(batch * TOKENS * columns, 1);
                let input = tensor(&qkv, (batch * TOKENS, columns));
                let want = Cpu::attention(&mut NoneTape, Projections::Joined(&input), whole).unwrap().as_vec();
                let wide: Vec<f64> = want.iter().map(|&v| f64::from(v)).collect();
                for steps in steps {
                    let got = step_by_step(&qkv, (batch, a, k, e), whole, steps);
                    close(&format!("steps {steps:?} of {whole:?}"), &got, &wide, 1e-5);
                    if steps == [TOKENS] {
                        assert_eq!(got, want, "a prompt gives the bits of the whole, {whole:?}");
                    }
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
                    let other = pool.install(|| step_by_step(&qkv, (batch, a, k, e), whole, steps));
                    assert_eq!(got, other, "other bits on 3 threads: steps {steps:?} of {whole:?}");
                }
            }
        }
    }
}

#[test]
fn a_cache_is_written_in_place() {
    let mut cache = KeyValueCache::new(&Cpu::default(), 2, 3, 1, 2).unwrap();
    let address = |cache: &KeyValueCache<Cpu>| [&raw const cache.keys[[0, 0]], &raw const cache.values[[0, 0]]];
    let before = address(&cache);
    for _ in 0..3 {
        let new = tensor(&random(2 * 6, 1), (2, 6));
        Cpu::attention_cached(&new, &mut cache, spec((2, 1, 1, 1, 2), Visibility::Causal { window: None })).unwrap();
    }
    assert_eq!(address(&cache), before);
}
