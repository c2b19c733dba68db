//! Soft targets: label smoothing (Szegedy et al. 2015, arXiv 1512.00567), and the mean of two labels for mixed images.

/// What a batch is to be learned as, `targets: [batch, num_labels]`: with smoothing ε and K labels, a class is 1 − ε + ε/K,
/// the others ε/K; an image that keeps the share λ of itself is λ · its class + (1 − λ) · its partner's, that of image
/// B − 1 − i of the batch. Each row sums to 1. `classes` are below `num_labels`.
pub(super) fn soft_targets(classes: &[i32], num_labels: usize, smoothing: f64, share: f64) -> Vec<f32> {
    let (off, on) = (smoothing / num_labels as f64, 1.0 - smoothing);
    let mut targets = vec![off as f32; classes.len() * num_labels];
    let rows = targets.chunks_exact_mut(num_labels);
    for ((row, &class), &partner) in rows.zip(classes).zip(classes.iter().rev()) {
        // In double precision until the end: the two classes may be one.
        let same = class == partner;
        row[class as usize] = (off + on * if same { 1.0 } else { share }) as f32;
        if !same {
            row[partner as usize] = (off + on * (1.0 - share)) as f32;
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_sums_to_one() {
        for (smoothing, share) in [(0.0, 1.0), (0.1, 1.0), (0.0, 0.3), (0.1, 0.77), (1.0, 0.5)] {
            for row in soft_targets(&[3, 1, 3, 0, 4], 5, smoothing, share).chunks_exact(5) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
            }
        }
    }

    #[test]
    fn smoothing_and_mixing_give_what_they_define() {
        // Label, smoothing, share, and the row of the first image, whose partner is of class 2.
        let cases: [(i32, f64, f64, [f32; 4]); 5] = [
            (0, 0.0, 1.0, [1.0, 0.0, 0.0, 0.0]),
            (0, 0.2, 1.0, [0.85, 0.05, 0.05, 0.05]),
            (0, 0.0, 0.75, [0.75, 0.0, 0.25, 0.0]),
            (0, 0.2, 0.75, [0.65, 0.05, 0.25, 0.05]),
            (2, 0.2, 0.75, [0.05, 0.05, 0.85, 0.05]),
        ];
        for (class, smoothing, share, expected) in cases {
            let targets = soft_targets(&[class, 2], 4, smoothing, share);
            let off = targets[..4].iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-6, "{:?}, expected {expected:?}", &targets[..4]);
        }
    }
}
