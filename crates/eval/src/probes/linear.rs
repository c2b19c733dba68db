//! The linear probe: softmax regression on standardised features.

use super::labelled::check;
use super::lbfgs::{Minimum, minimise};
use super::softmax::{Softmax, predict};
use super::standard::Standard;
use super::{Labelled, ProbeError, Probed};

/// How the classifier is learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearProbe {
    /// Weight of the squared weights (λ), above 0; scikit-learn's `1 / C`.
    pub l2: f64,
    /// It is learnt once no number of the gradient of the mean loss is above this.
    pub tolerance: f64,
    /// Iterations of L-BFGS, each over all rows, after which the search ends where it is.
    pub iterations: usize,
}

impl Default for LinearProbe {
    fn default() -> Self {
        Self { l2: 1.0, tolerance: 1e-4, iterations: 1000 } // the tolerance is scikit-learn's
    }
}

/// Learns `argmax_c (Wᵀx + b)_c` from the training rows and gives the classes of the test rows.
///
/// Features x are brought to mean 0 and deviation 1 by the training rows' own. W and b minimise
/// `Σ −log softmax(Wᵀxᵢ + b)_yᵢ + λ/2 · ‖W‖²`, which has one minimum but for a constant in b: scikit-learn's
/// `LogisticRegression(C = 1 / λ)` after `StandardScaler`, with two classes `C = 2 / λ`, as it then learns one column in place
/// of two.
///
/// # Errors
/// Options that are not above 0, sets of different widths, without rows, or with numbers that are not finite. A search that has
/// not come to rest within the iterations is none: [`Probed::slope_left`] tells of it.
pub fn linear_probe(train: Labelled<'_>, test: Labelled<'_>, options: &LinearProbe) -> Result<Probed, ProbeError> {
    check(train, test)?;
    let standard = Standard::of(train);
    let minimum = learn(train, &standard.apply(train), options)?;
    let predictions = predict(&standard.apply(test), test.width, &minimum.at, train.classes());
    let slope_left = (minimum.gradient > options.tolerance).then_some(minimum.gradient);
    Ok(Probed { slope_left, ..Probed::of(predictions, test.labels) })
}

/// The weights for standardised `features`: `width` rows of one for each class, and the biases.
pub(super) fn learn(train: Labelled<'_>, features: &[f32], options: &LinearProbe) -> Result<Minimum, ProbeError> {
    let LinearProbe { l2, tolerance, iterations } = *options;
    for (option, found) in [("l2", l2), ("tolerance", tolerance)] {
        if !(found > 0.0 && found.is_finite()) {
            return Err(ProbeError::Option {
                option,
                found: found.to_string(),
                expected: "a number above 0".to_owned(),
            });
        }
    }
    let (width, labels, classes) = (train.width, train.labels, train.classes());
    let softmax = Softmax { features, width, labels, classes, l2 };
    Ok(minimise(|weights| softmax.value(weights), vec![0.0; softmax.numbers()], tolerance, iterations))
}
