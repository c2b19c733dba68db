//! What one axis of a weight becomes when its space grows, as plain data.
//!
//! Nothing here is learnt; a learned operator keeps its factors as tensors instead.

use crate::{GrowthError, Result};
use ligo_models::SpaceSize;

/// A linear map from the `d` coordinates of a small axis to the `D` coordinates of a large one.
#[derive(Debug, Clone, PartialEq)]
pub enum Expansion {
    /// The axis stays as it is.
    Keep,
    /// Every large coordinate takes one small coordinate, or none.
    Select {
        /// For each of the D large coordinates the small one that it takes. With none, whatever lies there keeps the large
        /// model's own fresh start.
        from: Vec<Option<usize>>,
        /// A factor for each large coordinate; none means 1.
        scale: Option<Vec<f32>>,
    },
    /// Every large coordinate is a short weighted sum of small ones. One that is a sum of nothing is 0, and not fresh.
    Sparse {
        /// For each of the D large coordinates its pairs (small coordinate, weight).
        rows: Vec<Vec<(usize, f32)>>,
    },
    /// Every large coordinate is a sum over all small ones.
    Dense {
        /// `[D, d]`, row by row.
        matrix: Vec<f32>,
        /// d.
        small: usize,
    },
}

impl Expansion {
    /// Large coordinate `i` is a copy of small coordinate `from[i]`.
    pub fn select(from: impl IntoIterator<Item = usize>) -> Self {
        Self::Select { from: from.into_iter().map(Some).collect(), scale: None }
    }

    /// The small coordinates come first, the rest is fresh.
    ///
    /// Where both spaces are made of units (heads) and the large one has at least as many, and at least as long ones, each small
    /// unit fills the start of the large unit of its number. With equal unit lengths that is the same as the first `d`
    /// coordinates; where the units do not fit (fewer or shorter ones), the first `d` coordinates it is.
    pub fn pad(small: SpaceSize, large: SpaceSize) -> Self {
        let unit_by_unit = large.units >= small.units && large.unit >= small.unit;
        let from = (0..large.width()).map(|i| {
            if unit_by_unit {
                let (unit, offset) = (i / large.unit, i % large.unit);
                (unit < small.units && offset < small.unit).then_some(unit * small.unit + offset)
            } else {
                (i < small.width()).then_some(i)
            }
        });
        Self::Select { from: from.collect(), scale: None }
    }

    /// The map of a space in which every unit stands `times` times side by side: copy r of a large unit takes from copy r of the
    /// small units that the unit itself takes from. Its own spaces have the sizes `small` and `large`.
    ///
    /// So heads that share values follow their value head, each for itself.
    pub fn repeated(&self, small: SpaceSize, large: SpaceSize, times: usize) -> Self {
        let copies =
            |unit| (0..times).flat_map(move |copy| (0..large.unit).map(move |o| (unit * large.unit + o, copy)));
        let coordinates = || (0..large.units).flat_map(copies);
        let place = |j: usize, copy: usize| (j / small.unit * times + copy) * small.unit + j % small.unit;
        match self {
            Self::Keep => Self::Keep,
            Self::Select { from, scale } => Self::Select {
                from: coordinates().map(|(i, copy)| from[i].map(|j| place(j, copy))).collect(),
                scale: scale.as_ref().map(|scale| coordinates().map(|(i, _)| scale[i]).collect()),
            },
            Self::Sparse { rows } => {
                let row = |(i, copy): (usize, usize)| rows[i].iter().map(|&(j, w)| (place(j, copy), w)).collect();
                Self::Sparse { rows: coordinates().map(row).collect() }
            }
            Self::Dense { matrix, small: width } => {
                let wide = width * times;
                let mut repeated = vec![0.0; large.width() * times * wide];
                for (row, (i, copy)) in repeated.chunks_exact_mut(wide).zip(coordinates()) {
                    for (j, &weight) in matrix[i * width..][..*width].iter().enumerate() {
                        row[place(j, copy)] = weight;
                    }
                }
                Self::Dense { matrix: repeated, small: wide }
            }
        }
    }

    /// Whether it maps `small` coordinates to `large` ones.
    pub(crate) fn check(&self, space: &str, small: usize, large: usize) -> Result<()> {
        let wrong = |found: String, expected: String| {
            Err(GrowthError::Map { what: format!("the expansion of {space}"), found, expected })
        };
        match self {
            Self::Keep if small != large => {
                wrong("no map".into(), format!("one that takes its width from {small} to {large}"))
            }
            Self::Keep => Ok(()),
            Self::Select { from, .. } if from.len() != large => {
                wrong(format!("{} coordinates", from.len()), format!("the large model's {large}"))
            }
            Self::Select { scale: Some(scale), .. } if scale.len() != large => {
                wrong(format!("{} factors", scale.len()), format!("one for each of {large} coordinates"))
            }
            Self::Select { from, .. } => match from.iter().flatten().find(|&&j| j >= small) {
                Some(j) => wrong(format!("small coordinate {j}"), format!("less than the small model's {small}")),
                None => Ok(()),
            },
            Self::Sparse { rows } if rows.len() != large => {
                wrong(format!("{} coordinates", rows.len()), format!("the large model's {large}"))
            }
            Self::Sparse { rows } => match rows.iter().flatten().find(|(j, _)| *j >= small) {
                Some((j, _)) => wrong(format!("small coordinate {j}"), format!("less than the small model's {small}")),
                None => Ok(()),
            },
            Self::Dense { matrix, small: columns } if *columns != small || matrix.len() != small * large => wrong(
                format!("a matrix of {} values in rows of {columns}", matrix.len()),
                format!("[{large}, {small}]"),
            ),
            Self::Dense { .. } => Ok(()),
        }
    }

    /// Whether some large coordinate keeps the large model's own start.
    pub(crate) fn leaves_fresh(&self) -> bool {
        matches!(self, Self::Select { from, .. } if from.contains(&None))
    }

    /// As a matrix `[D, small]`, row by row, in which a fresh coordinate is a row of zeros; none if the axis stays as it is.
    pub(crate) fn matrix(&self, small: usize) -> Option<Vec<f32>> {
        let of_rows = |rows: &mut dyn Iterator<Item = Vec<(usize, f32)>>| {
            let row = |entries: Vec<(usize, f32)>| {
                let mut row = vec![0.0; small];
                entries.into_iter().for_each(|(j, weight)| row[j] += weight);
                row
            };
            rows.flat_map(row).collect()
        };
        match self {
            Self::Keep => None,
            Self::Select { from, scale } => {
                let weight = |i: usize| scale.as_ref().map_or(1.0, |scale| scale[i]);
                let entry = |(i, j): (usize, &Option<usize>)| j.map(|j| (j, weight(i))).into_iter().collect();
                Some(of_rows(&mut from.iter().enumerate().map(entry)))
            }
            Self::Sparse { rows } => Some(of_rows(&mut rows.iter().cloned())),
            Self::Dense { matrix, .. } => Some(matrix.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_keeps_heads_whole_where_they_fit_and_is_the_corner_where_not() {
        let size = |units, unit| SpaceSize { units, unit };
        let cases = [
            (size(2, 1), size(3, 1), vec![Some(0), Some(1), None]),
            (size(2, 2), size(3, 2), vec![Some(0), Some(1), Some(2), Some(3), None, None]),
            (size(2, 1), size(2, 2), vec![Some(0), None, Some(1), None]),
            (size(2, 1), size(1, 4), vec![Some(0), Some(1), None, None]),
        ];
        for (small, large, expected) in cases {
            assert_eq!(Expansion::pad(small, large), Expansion::Select { from: expected, scale: None }, "{small:?}");
        }
    }

    #[test]
    fn repeated_units_take_from_the_copy_of_their_own_number() {
        let size = |units| SpaceSize { units, unit: 2 };
        // Units of 2: [0 1] [2 3] become [2 3] [0 1] [2 3]; twice side by side [0 1] [2 3] | [4 5] [6 7].
        let scale = Some(vec![0.5, 0.5, 1.0, 1.0, 0.5, 0.5]);
        let once = Expansion::Select { from: [2, 3, 0, 1, 2, 3].map(Some).into(), scale };
        let from = [4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7].map(Some).into();
        let scale = Some([0.5; 4].into_iter().chain([1.0; 4]).chain([0.5; 4]).collect());
        let twice = once.repeated(size(2), size(3), 2);
        assert_eq!(twice, Expansion::Select { from, scale });

        let dense = |map: &Expansion, small: usize| {
            let Expansion::Select { from, scale: Some(scale) } = map else { panic!("a scaled selection") };
            let row =
                |(j, s): (&Option<usize>, &f32)| (0..small).map(|k| if *j == Some(k) { *s } else { 0.0 }).collect();
            Expansion::Dense {
                matrix: from.iter().zip(scale).flat_map(|pair| -> Vec<f32> { row(pair) }).collect(),
                small,
            }
        };
        assert_eq!(dense(&once, 4).repeated(size(2), size(3), 2), dense(&twice, 8));

        let sparse = Expansion::Sparse { rows: vec![vec![(1, 0.5)], vec![], vec![(0, 2.0), (2, 1.0)], vec![]] };
        let rows = vec![
            vec![(1, 0.5)],
            vec![],
            vec![(3, 0.5)],
            vec![],
            vec![(0, 2.0), (4, 1.0)],
            vec![],
            vec![(2, 2.0), (6, 1.0)],
            vec![],
        ];
        assert_eq!(sparse.repeated(size(2), size(2), 2), Expansion::Sparse { rows });
    }

    #[test]
    fn a_map_that_does_not_fit_its_space_is_refused() {
        let cases = [
            (Expansion::Keep, "no map"),
            (Expansion::select([0, 1]), "2 coordinates"),
            (Expansion::select([0, 1, 2]), "small coordinate 2"),
            (Expansion::Select { from: vec![Some(0); 3], scale: Some(vec![1.0]) }, "1 factors"),
            (Expansion::Sparse { rows: vec![vec![]] }, "1 coordinates"),
            (Expansion::Sparse { rows: vec![vec![], vec![(0, 1.0)], vec![(1, 1.0), (3, 1.0)]] }, "small coordinate 3"),
            (Expansion::Dense { matrix: vec![0.0; 6], small: 3 }, "6 values in rows of 3"),
        ];
        for (map, found) in cases {
            let error = map.check("embed", 2, 3).unwrap_err().to_string();
            assert!(error.contains("the expansion of embed") && error.contains(found), "{error}");
        }
        assert!(Expansion::select([0, 1, 0]).check("embed", 2, 3).is_ok());
    }
}
