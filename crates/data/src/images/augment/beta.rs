//! Numbers of the symmetric beta distribution, the shares that Mixup and CutMix draw.

use crate::random::Stream;

/// A number of the beta distribution with both parameters `alpha`, above 0: g / (g + h) of two gamma numbers.
pub(super) fn symmetric_beta(alpha: f64, stream: &mut Stream) -> f64 {
    let [one, other] = [log_gamma(alpha, stream), log_gamma(alpha, stream)];
    // In logarithms: of a small parameter, both numbers may be too small for a float.
    1.0 / (1.0 + (other - one).exp())
}

/// Logarithm of a number of the gamma distribution with shape `alpha` and scale 1 (Marsaglia and Tsang 2000).
fn log_gamma(alpha: f64, stream: &mut Stream) -> f64 {
    if alpha < 1.0 {
        // 1 − u is above 0, where the logarithm is finite.
        return log_gamma(alpha + 1.0, stream) + (1.0 - stream.unit()).ln() / alpha;
    }
    let d = alpha - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let [x, _] = stream.normals();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - stream.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return (d * v).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn mean_variance_and_fourth_moment_are_those_of_the_distribution() {
        for (number, alpha) in [0.2, 0.8, 1.0, 1.5, 8.0].into_iter().enumerate() {
            let mut stream = Stream::new(Purpose::Mixing, &[number as u64]);
            let draws: Vec<f64> = (0..100_000).map(|_| symmetric_beta(alpha, &mut stream)).collect();
            assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
            let moment = |power: i32| draws.iter().map(|draw| (draw - 0.5).powi(power)).sum::<f64>() / 100_000.0;
            let variance = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            let fourth = 3.0 * variance * variance * (2.0 * alpha + 1.0) / (2.0 * alpha + 3.0);
            // Five standard deviations of the mean of draws that differ from ½ by at most ½.
            assert!(moment(1).abs() < 5.0 * (variance / 1e5).sqrt(), "{alpha}: mean ½ + {}", moment(1));
            assert!((moment(2) - variance).abs() < 5.0 * (fourth / 1e5).sqrt(), "{alpha}: variance {}", moment(2));
            assert!((moment(4) - fourth).abs() < 5.0 * (fourth / 16.0 / 1e5).sqrt(), "{alpha}: fourth {}", moment(4));
        }
    }

    #[test]
    fn a_tiny_parameter_gives_all_of_one_or_all_of_the_other() {
        let mut stream = Stream::new(Purpose::Mixing, &[9]);
        let draws: Vec<f64> = (0..1000).map(|_| symmetric_beta(1e-4, &mut stream)).collect();
        assert!(draws.iter().all(|&draw| draw.is_finite() && draw * (1.0 - draw) < 0.25));
        assert!(draws.iter().filter(|&&draw| draw < 0.5).count().abs_diff(500) < 80);
    }
}
