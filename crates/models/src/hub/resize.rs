//! Position embeddings of images of another size: the grid of patches is resized by bicubic interpolation, the rows of the
//! tokens before it stay.
//!
//! `transformers` (`interpolate_pos_encoding`) and `timm` (`resample_abs_pos_embed`) use two kinds of it. Both are a sum over few
//! rows and few columns with the cubic kernel
//!
//! ```text
//! k(x) = (a + 2)|x|³ − (a + 3)|x|² + 1         |x| ≤ 1
//!        a|x|³ − 5a|x|² + 8a|x| − 4a       1 < |x| < 2
//! ```
//!
//! [`Bicubic::Hub`]: a = −0.75, four taps around the place `(i + ½)·old/new − ½`, those beyond the edge taken from the edge.
//! [`Bicubic::Timm`]: a = −½; where the grid shrinks the kernel is stretched by `old/new`, so that every old row counts; taps
//! beyond the edge are left out and the rest is normalised to sum 1.

/// Whose kind of interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bicubic {
    /// `transformers`'.
    Hub,
    /// `timm`'s.
    Timm,
}

/// Height and width of a square grid of so many patches, if there is one.
pub(super) fn side(patches: usize) -> Option<usize> {
    let side = patches.isqrt();
    (side > 0 && side * side == patches).then_some(side)
}

/// Resizes a table `[prefix + old², width]` to `[prefix + new², width]`; `old` and `new` are the grids' sides.
pub(super) fn resize(table: &[f32], prefix: usize, old: usize, new: usize, width: usize, kind: Bicubic) -> Vec<f32> {
    let (tokens, grid) = table.split_at(prefix * width);
    let taps = taps(old, new, kind);
    // Rows of the grid first: `[new, old, width]`, then each row's columns: `[new, new, width]`.
    let tall = combine(grid, &taps, 1, old, old * width);
    let mut resized = tokens.to_vec();
    resized.reserve_exact(new * new * width);
    resized.extend(combine(&tall, &taps, new, old, width).into_iter().map(|value| value as f32));
    resized
}

/// One new place: the old places that it is a sum of, with their weights.
type Taps = Vec<(usize, f64)>;

/// In each of `groups` groups of `old` slices, makes each new slice from the old ones.
fn combine<T: Copy + Into<f64>>(values: &[T], taps: &[Taps], groups: usize, old: usize, slice: usize) -> Vec<f64> {
    let mut made = vec![0.0; groups * taps.len() * slice];
    for (number, made) in made.chunks_exact_mut(slice).enumerate() {
        let (group, place) = (number / taps.len(), number % taps.len());
        for &(from, weight) in &taps[place] {
            let from = &values[(group * old + from) * slice..][..slice];
            for (made, &value) in made.iter_mut().zip(from) {
                *made += weight * value.into();
            }
        }
    }
    made
}

fn taps(old: usize, new: usize, kind: Bicubic) -> Vec<Taps> {
    let scale = old as f64 / new as f64;
    let hub = |i: usize| {
        let place = (i as f64 + 0.5) * scale - 0.5;
        let first = place.floor();
        let tap = |offset: i32| {
            let at = first + f64::from(offset);
            (at.clamp(0.0, old as f64 - 1.0) as usize, cubic(place - at, -0.75))
        };
        (-1..3).map(tap).collect()
    };
    let timm = |i: usize| {
        let (centre, stretch) = ((i as f64 + 0.5) * scale, scale.max(1.0));
        let start = (centre - 2.0 * stretch + 0.5).max(0.0) as usize;
        let end = ((centre + 2.0 * stretch + 0.5) as usize).min(old);
        let weight = |j: usize| cubic((j as f64 - centre + 0.5) / stretch, -0.5);
        let sum: f64 = (start..end).map(weight).sum();
        (start..end).map(|j| (j, weight(j) / sum)).collect()
    };
    match kind {
        Bicubic::Hub => (0..new).map(hub).collect(),
        Bicubic::Timm => (0..new).map(timm).collect(),
    }
}

/// The kernel k with slope `a`.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[n², 2]`: in row i and column j, number d is ((7i + 3j + 5d) mod 11) / 4 − 1.
    fn grid(n: usize) -> Vec<f32> {
        let value = |i: usize, j: usize, d: usize| ((7 * i + 3 * j + 5 * d) % 11) as f32 / 4.0 - 1.0;
        (0..n * n).flat_map(|place| [0, 1].map(|d| value(place / n, place % n, d))).collect()
    }

    #[test]
    fn only_squares_have_a_side() {
        assert_eq!([0, 1, 2, 4, 196, 197].map(side), [None, Some(1), None, Some(2), Some(14), None]);
    }

    #[test]
    fn a_grid_is_resized_as_pytorch_does_it() {
        // torch.nn.functional.interpolate(…, mode="bicubic", antialias=…) of torch 2.15 on `grid`.
        type Case<'a> = (Bicubic, usize, usize, &'a [f32]);
        #[rustfmt::skip]
        let cases: [Case<'_>; 8] = [
            (Bicubic::Hub, 3, 5, &[
                -1.24, 0.274, -0.9500076, 0.8000077, -0.418, 1.096, 0.256568, -0.2355683, 0.6933441, -1.385344,
                -0.3209997, -0.3550078, 0.07908037, 0.1709999, 0.5010002, 0.6839995, 0.23982, 0.1812597, -0.06343995,
                -0.3385676, 0.6780001, -0.822, 1.185, -0.5129996, 1.5, 0.0, 0.3299998, 0.513, -0.692, 0.8220001,
                0.1919997, 0.3385683, 0.5920797, -0.1812598, 1.014, -0.6839999, 0.75282, -0.171, 0.4495605, 0.3550076,
                -0.418, 1.385344, -0.1280075, 0.2355675, 0.4040001, -1.096, 1.078568, -0.8000078, 1.515345, -0.2740001,
            ]),
            (Bicubic::Hub, 5, 3, &[
                -0.1424896, 0.1851852, 0.08796319, -0.3935185, 0.2637176, 0.2141636, -0.05555527, 0.3287036, 1.25,
                -0.25, -0.3472227, 1.055555, 0.8905177, -0.4981992, -0.4907408, 0.9120373, 0.2782065, -0.1485771,
            ]),
            (Bicubic::Hub, 4, 2, &[
                0.4265137, 0.1484375, 0.2570801, 0.2851562, 0.1242676, 0.1523438, 0.5671387, 0.2890625,
            ]),
            (Bicubic::Hub, 1, 2, &[-1.0, 0.25, -1.0, 0.25, -1.0, 0.25, -1.0, 0.25]),
            (Bicubic::Timm, 3, 5, &[
                -1.188679, 0.2688679, -0.9118909, 0.6873768, -0.3820754, 1.075472, 0.2731978, -0.3242047, 0.6477393,
                -1.298683, -0.3980216, -0.2450014, -0.06323784, 0.1735074, 0.4085821, 0.6940299, 0.2229198, 0.06085694,
                0.04540968, -0.4195648, 0.6933962, -0.8066037, 1.102612, -0.5205224, 1.5, 0.0, 0.2350743, 0.5205224,
                -0.6509433, 0.8066037, 0.1225005, 0.4195651, 0.4572843, -0.06085698, 0.9291043, -0.6940299, 0.7434424,
                -0.1735075, 0.5659324, 0.2450012, -0.3820754, 1.298683, -0.1052872, 0.3242044, 0.4245283, -1.075472,
                1.079802, -0.6873766, 1.454343, -0.2688679,
            ]),
            (Bicubic::Timm, 5, 3, &[
                0.04213017, 0.123787, 0.3781574, 0.1037031, 0.3679882, 0.2589349, 0.4786046, 0.04338104, 0.4564413,
                0.2265278, -0.09320204, 0.6304113, 0.7410651, -0.2584023, 0.007245162, 0.7383363, 0.158935, 0.01798834,
            ]),
            (Bicubic::Timm, 4, 2, &[
                0.2030428, 0.04413974, 0.4073065, 0.2484035, 0.4773666, 0.172145, 0.321187, 0.3764087,
            ]),
            (Bicubic::Timm, 1, 2, &[-1.0, 0.25, -1.0, 0.25, -1.0, 0.25, -1.0, 0.25]),
        ];
        for (kind, old, new, expected) in cases {
            for prefix in [0, 2] {
                let tokens = [9.0, 8.0, 7.0, 6.0];
                let table = [&tokens[..2 * prefix], &grid(old)].concat();
                let resized = resize(&table, prefix, old, new, 2, kind);
                assert_eq!(resized[..2 * prefix], tokens[..2 * prefix]);
                assert_eq!(resized.len(), 2 * prefix + expected.len());
                for (found, expected) in resized[2 * prefix..].iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-6, "{kind:?} {old} to {new}: {found}, {expected}");
                }
            }
        }
    }

    #[test]
    fn a_grid_of_the_same_size_stays_as_it_is() {
        for kind in [Bicubic::Hub, Bicubic::Timm] {
            assert_eq!(resize(&grid(4), 0, 4, 4, 2, kind), grid(4));
        }
    }
}
