//! One axis of one parameter in the course of growing: the maps of the spaces that lie along it, made ready to be carried out.
//!
//! Selections and short sums become one table of indices and factors, which a row or a column is gathered by; a dense map is a
//! product, done by the kernels before anything is gathered.

use crate::expansion::Expansion;
use crate::{GrowthError, Result};
use dfdx::tensor::TensorFromVec;
use ligo_kernels::{Factor, KernelError, Kernels, Matrix};

/// What is grown by the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// Weights.
    Values,
    /// Gradients, and what is like them: makers and readers of a space change their roles, what is new gets 0.
    Gradients,
    /// The squares of gradients, by the squares of the same factors.
    Squares,
}

/// The map of one space that lies along an axis, and where its small coordinates begin there.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) expansion: &'a Expansion,
    pub(crate) small: usize,
    pub(crate) large: usize,
}

/// Stands in the table of a [`Gather`] for what keeps the large model's own start.
pub(crate) const FRESH: u32 = u32::MAX;

/// How the large coordinates of an axis are gathered from `small` ones: coordinate i is `scale[i]` times number `index[i]` of the
/// small ones, the sums counted on from them, or fresh.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    pub(crate) small: usize,
    pub(crate) index: Vec<u32>,
    pub(crate) scale: Vec<f32>,
    /// Each a weighted sum of small coordinates.
    pub(crate) sums: Vec<Vec<(usize, f32)>>,
    /// Whether every coordinate is the small one of its number.
    pub(crate) identity: bool,
}

impl Gather {
    /// Of an axis whose dense maps, if there are any, have been carried out.
    pub(crate) fn new(parts: &[Part<'_>], take: Take) -> Self {
        let multiplied = is_dense(parts);
        let mut gather = Self::default();
        for part in parts {
            gather.push(part, multiplied, take);
        }
        if take != Take::Values {
            let nothing = gather.small + gather.sums.len();
            gather.sums.push(Vec::new());
            gather.index.iter_mut().filter(|index| **index == FRESH).for_each(|index| *index = nothing as u32);
        }
        let in_place = |(i, (&index, &scale)): (usize, (&u32, &f32))| index as usize == i && scale == 1.0;
        gather.identity =
            gather.index.len() == gather.small && gather.index.iter().zip(&gather.scale).enumerate().all(in_place);
        gather
    }

    /// Of the single row that a vector is.
    pub(crate) fn one_row() -> Self {
        Self { small: 1, index: vec![0], scale: vec![1.0], sums: Vec::new(), identity: true }
    }

    /// The coordinates of another space after those that are there. Sums are numbered from behind the small coordinates of the
    /// whole axis, so those that are there move up.
    fn push(&mut self, part: &Part<'_>, multiplied: bool, take: Take) {
        let start = self.small;
        let small = if multiplied { part.large } else { part.small };
        self.index.iter_mut().filter(|i| **i != FRESH && **i as usize >= start).for_each(|i| *i += small as u32);
        self.small += small;
        let power = |factor: f32| if take == Take::Squares { factor * factor } else { factor };
        match part.expansion {
            Expansion::Select { from, .. } if multiplied => {
                let there = |(i, from): (usize, &Option<usize>)| from.map_or(FRESH, |_| (start + i) as u32);
                self.index.extend(from.iter().enumerate().map(there));
                self.scale.resize(self.index.len(), 1.0);
            }
            Expansion::Select { from, scale } => {
                self.index.extend(from.iter().map(|from| from.map_or(FRESH, |j| (start + j) as u32)));
                match scale {
                    Some(scale) => self.scale.extend(scale.iter().map(|&factor| power(factor))),
                    None => self.scale.resize(self.index.len(), 1.0),
                }
            }
            Expansion::Sparse { rows } if !multiplied => {
                let mut last = None;
                for row in rows {
                    let (index, factor) = match row[..] {
                        [(j, factor)] => (start + j, power(factor)),
                        _ if last == Some(row) => (self.small + self.sums.len() - 1, 1.0),
                        _ => {
                            last = Some(row);
                            self.sums.push(row.iter().map(|&(j, factor)| (start + j, power(factor))).collect());
                            (self.small + self.sums.len() - 1, 1.0)
                        }
                    };
                    self.index.push(index as u32);
                    self.scale.push(factor);
                }
            }
            Expansion::Keep | Expansion::Sparse { .. } | Expansion::Dense { .. } => {
                self.index.extend((start..start + small).map(|i| i as u32));
                self.scale.resize(self.index.len(), 1.0);
            }
        }
    }
}

/// Whether some map along the axis sums over all small coordinates.
pub(crate) fn is_dense(parts: &[Part<'_>]) -> bool {
    parts.iter().any(|part| matches!(part.expansion, Expansion::Dense { .. }))
}

/// The maps along an axis as factors of a product, a fresh coordinate being 0.
pub(crate) struct Factors<D: Kernels>(Vec<(Option<Matrix<D>>, usize)>);

impl<D: Kernels> Factors<D> {
    pub(crate) fn new(device: &D, parts: &[Part<'_>], take: Take) -> Result<Self> {
        let matrix = |part: &Part<'_>| -> Result<_> {
            let Some(mut values) = part.expansion.matrix(part.small) else { return Ok((None, part.small)) };
            if take == Take::Squares {
                values.iter_mut().for_each(|value| *value *= *value);
            }
            let failed = |e: D::Err| GrowthError::from(KernelError::Device { op: "grow", reason: format!("{e:?}") });
            let shape = (part.large, part.small);
            Ok((Some(TensorFromVec::try_tensor_from_vec(device, values, shape).map_err(failed)?), part.small))
        };
        Ok(Self(parts.iter().map(matrix).collect::<Result<_>>()?))
    }

    pub(crate) fn get<'a>(&'a self) -> Vec<Factor<'a, D>> {
        let factor = |part: &'a (Option<Matrix<D>>, usize)| match part {
            (Some(matrix), _) => Factor::Free(matrix),
            (None, width) => Factor::Keep(*width),
        };
        self.0.iter().map(factor).collect()
    }
}
