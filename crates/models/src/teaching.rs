//! What a student hears of a teacher: logits of the labelled rows alone, since nobody is asked about the others.

use crate::network::{Network, NetworkHead, transformed};
use crate::pass::Pass;
use crate::{ModelError, Result, Targets};
use ligo_kernels::{IGNORED, Kernels, Labels, Matrix, Tape};

/// A teacher's part in a loss: `(1 − r) · L + r · T² · KL(teacher ‖ student)`, the mean over the labelled rows, where both are
/// softened by the temperature T (Qin et al. 2021; Hinton et al. 2015).
#[derive(Debug)]
pub struct Teaching<'a, D: Kernels> {
    /// The teacher's logits of the labelled rows, `[labelled, V]`: what [`Model::labelled_logits`](crate::Model::labelled_logits)
    /// of the teacher says of the same batch. A constant.
    pub logits: &'a Matrix<D>,
    /// r, from 0 to 1.
    pub share: f32,
    /// T, above 0.
    pub temperature: f32,
}

/// What the rows of [`Network::labelled_outputs`] are labelled with.
pub(crate) enum RowLabels<'t> {
    /// Tokens or classes.
    Classes(Vec<i32>),
    /// What part of each label falls on each class.
    Shares(&'t [f32]),
}

impl RowLabels<'_> {
    /// As the kernels take them.
    pub(crate) fn as_labels(&self) -> Labels<'_> {
        match self {
            Self::Classes(classes) => Labels::Classes(classes),
            Self::Shares(shares) => Labels::Shares(shares),
        }
    }
}

impl Network {
    /// Logits of the rows that carry a label, `[labelled, V]`, and their labels; under targets that have been checked to be of
    /// the head's kind.
    pub(crate) fn labelled_outputs<'t, D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        targets: &'t Targets,
    ) -> Result<(Matrix<D>, RowLabels<'t>)> {
        match (&self.head, targets) {
            (NetworkHead::Decoder { transform, weight, bias }, Targets::Tokens(targets)) => {
                let (rows, labels) = labelled(targets);
                let hidden = self.hidden(pass)?;
                let hidden = pass.rows(&hidden, &rows)?;
                let hidden = transformed(pass, *transform, hidden)?;
                Ok((pass.decode(&hidden, *weight, *bias)?, RowLabels::Classes(labels)))
            }
            (_, Targets::Classes(classes)) => {
                let (rows, labels) = labelled(classes);
                let hidden = self.hidden(pass)?;
                let outputs = self.outputs(pass, hidden)?;
                Ok((pass.rows(&outputs, &rows)?, RowLabels::Classes(labels)))
            }
            (_, Targets::Shares(shares)) => {
                let hidden = self.hidden(pass)?;
                Ok((self.outputs(pass, hidden)?, RowLabels::Shares(shares)))
            }
            _ => Err(ModelError::Batch {
                what: "targets".into(),
                found: targets.kind().into(),
                expected: "tokens or classes, of which a teacher has logits".into(),
            }),
        }
    }
}

/// The rows that carry a label, and their labels.
fn labelled(targets: &[i32]) -> (Vec<u32>, Vec<i32>) {
    (0..).zip(targets).filter(|&(_, &label)| label != IGNORED).unzip()
}
