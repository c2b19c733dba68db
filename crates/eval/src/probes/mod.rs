//! What features are worth without fine-tuning: a vote of nearest neighbours, and a linear classifier.
//!
//! Both read the features of images (or of anything) that a model has computed, one row each, and say how often the classes
//! of a test set are found: [`knn`] without learning anything, [`linear_probe`] by learning one matrix. The values are those
//! of scikit-learn; `tests/fixtures/probes.py` keeps what it gives for the same features.
//!
//! Rows are shared out to all cores; the result does not depend on their number.
//!
//! ```
//! use ligo_eval::probes::{Knn, Labelled, LinearProbe, knn, linear_probe};
//! let train = Labelled { features: &[1.0, 0.1, 0.9, 0.0, 0.1, 1.0, 0.0, 0.8], width: 2, labels: &[0, 0, 1, 1] };
//! let test = Labelled { features: &[2.0, 0.3, 0.2, 3.0], width: 2, labels: &[0, 1] };
//! assert_eq!(knn(train, test, &Knn { neighbours: 2, ..Knn::default() }).unwrap().accuracy, 1.0);
//! assert_eq!(linear_probe(train, test, &LinearProbe::default()).unwrap().predictions, [0, 1]);
//! ```

mod cores;
mod error;
mod knn;
mod labelled;
mod lbfgs;
mod linear;
mod softmax;
mod standard;
#[cfg(test)]
mod tests;

pub use error::ProbeError;
pub use knn::{Knn, knn};
pub use labelled::{Labelled, Probed};
pub use linear::{LinearProbe, linear_probe};
