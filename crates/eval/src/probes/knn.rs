//! The weighted vote of nearest neighbours.

use super::cores::{PARTS, in_parts, rows_of};
use super::labelled::check;
use super::{Labelled, ProbeError, Probed};

/// Who votes, and how loud.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knn {
    /// Training rows that vote on a test row (k).
    pub neighbours: usize,
    /// What similarity is divided by (T): the lower, the more the nearest have to say.
    pub temperature: f64,
}

impl Default for Knn {
    /// The 20 neighbours that DINO found best, and its temperature.
    fn default() -> Self {
        Self { neighbours: 20, temperature: 0.07 }
    }
}

/// The class of each test row by the vote of its nearest training rows, as DINO has it (Caron et al. 2021,
/// facebookresearch/dino `eval_knn.py`; the weights are Wu et al.'s, 2018):
///
/// `argmax_c Σ exp(cos(x, xᵢ) / T)` over those of the k rows xᵢ of largest cosine whose class is c.
///
/// The similarity of a row of zeros to any is 0. Of rows equally near the first count, of classes with equal votes the lowest.
///
/// # Errors
/// More neighbours than training rows or none, a temperature that is not above 0, sets of different widths, without rows, or
/// with numbers that are not finite.
pub fn knn(train: Labelled<'_>, test: Labelled<'_>, options: &Knn) -> Result<Probed, ProbeError> {
    check(train, test)?;
    let refused = |option, found: String, expected: String| Err(ProbeError::Option { option, found, expected });
    let Knn { neighbours, temperature } = *options;
    if !(1..=train.rows()).contains(&neighbours) {
        return refused("neighbours", neighbours.to_string(), format!("1 to {}, the training rows", train.rows()));
    }
    if !(temperature > 0.0 && temperature.is_finite()) {
        return refused("temperature", temperature.to_string(), "a number above 0".to_owned());
    }
    let (known, asked) = (normalised(train), normalised(test));
    let predictions = in_parts(PARTS, |part| {
        let mut near = Vec::with_capacity(train.rows());
        let mut votes = vec![0.0; train.classes()];
        let rows = rows_of(part, test.rows()).map(|row| &asked[row * test.width..][..test.width]);
        let predict = |row| {
            near.clear();
            near.extend(known.chunks_exact(train.width).map(|other| dot(row, other)).zip(0..));
            vote(&mut near, train.labels, *options, &mut votes)
        };
        rows.map(predict).collect::<Vec<i32>>()
    });
    Ok(Probed::of(predictions.concat(), test.labels))
}

/// The class that the nearest of all rows, each with its similarity and number, vote for.
fn vote(near: &mut [(f32, usize)], labels: &[i32], Knn { neighbours, temperature }: Knn, votes: &mut [f64]) -> i32 {
    near.select_nth_unstable_by(neighbours - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let near = &mut near[..neighbours];
    // Sums are rounded: their order must not be chance.
    near.sort_unstable_by_key(|&(_, row)| row);
    let largest = near.iter().map(|&(similarity, _)| similarity).fold(f32::NEG_INFINITY, f32::max);
    votes.fill(0.0);
    for &(similarity, row) in &*near {
        // Relative to the nearest: no temperature is too low for it.
        votes[labels[row] as usize] += (f64::from(similarity - largest) / temperature).exp();
    }
    let most = votes.iter().copied().fold(0.0, f64::max);
    votes.iter().position(|&vote| vote == most).map_or(0, |class| class as i32)
}

/// Rows of length 1; rows of zeros stay.
fn normalised(set: Labelled<'_>) -> Vec<f32> {
    let mut features = Vec::with_capacity(set.features.len());
    for row in set.features.chunks_exact(set.width) {
        let length = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        features.extend(row.iter().map(|&x| (f64::from(x) * scale) as f32));
    }
    features
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (wide_a, wide_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = wide_a.remainder().iter().zip(wide_b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0f32; LANES];
    for (a, b) in wide_a.zip(wide_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
