//! What a text or a question is labelled with, and reading it from a column.

use super::table::{Content, Rows};
use crate::DataError;
use crate::integers::integers_of;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};

/// What a column of labels holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Classes from 0 to one below this number.
    Classes(usize),
    /// Numbers to be met, as STS-B's from 0 to 5.
    Numbers,
}

/// The labels of some rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// The class of each.
    Classes(Vec<i32>),
    /// The number of each.
    Numbers(Vec<f32>),
    /// The first and the last token of each answer; 0 and 0 where there is none.
    Spans(Vec<[i32; 2]>),
}

impl LabelKind {
    pub(super) fn content(self) -> Content {
        match self {
            Self::Classes(_) => Content::Classes,
            Self::Numbers => Content::Numbers,
        }
    }

    pub(super) fn none_yet(self) -> Labels {
        match self {
            Self::Classes(_) => Labels::Classes(Vec::new()),
            Self::Numbers => Labels::Numbers(Vec::new()),
        }
    }

    /// The labels of some rows.
    pub(super) fn read(self, rows: &Rows<'_>, column: usize) -> Result<Labels, DataError> {
        match self {
            Self::Classes(classes) => {
                let labels = integers_of(rows.column(column).as_ref()).unwrap_or_default();
                let class = |row: usize| class_of(labels.get(row).copied().flatten(), classes, rows, column, row);
                Ok(Labels::Classes((0..rows.len()).map(class).collect::<Result<_, _>>()?))
            }
            Self::Numbers => {
                let numbers = numbers_of(rows.column(column).as_ref());
                let number = |row: usize| {
                    let found: Option<f32> = numbers.get(row).copied().flatten();
                    found.filter(|number| number.is_finite()).ok_or_else(|| {
                        let found = found.map_or("null".to_owned(), |number| number.to_string());
                        rows.refused(column, row, found, "a finite number")
                    })
                };
                Ok(Labels::Numbers((0..rows.len()).map(number).collect::<Result<_, _>>()?))
            }
        }
    }
}

fn class_of(label: Option<i64>, classes: usize, rows: &Rows<'_>, column: usize, row: usize) -> Result<i32, DataError> {
    let known = label.and_then(|label| i32::try_from(label).ok());
    known.filter(|&label| usize::try_from(label).is_ok_and(|label| label < classes)).ok_or_else(|| {
        let found = label.map_or("null".to_owned(), |label| label.to_string());
        let hint =
            if label == Some(-1) { "; GLUE's test splits hold -1 for labels that are not given out" } else { "" };
        let expected = format!("a class from 0 to {}{hint}", classes.saturating_sub(1));
        rows.refused(column, row, found, expected)
    })
}

/// The numbers of a column of floats or integers, as `f32`.
fn numbers_of(column: &dyn Array) -> Vec<Option<f32>> {
    if let Some(numbers) = column.as_primitive_opt::<Float32Type>() {
        return numbers.iter().collect();
    }
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        return numbers.iter().map(|number| number.map(|number| number as f32)).collect();
    }
    let integers = integers_of(column).unwrap_or_default();
    integers.into_iter().map(|number| number.map(|number| number as f32)).collect()
}

impl Labels {
    /// Number of labels.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Spans(spans) => spans.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds labels of the same kind.
    pub(super) fn append(&mut self, more: Self) {
        match (self, more) {
            (Self::Classes(labels), Self::Classes(more)) => labels.extend(more),
            (Self::Numbers(labels), Self::Numbers(more)) => labels.extend(more),
            (Self::Spans(labels), Self::Spans(more)) => labels.extend(more),
            // A source reads one kind.
            _ => unreachable!("labels of two kinds"),
        }
    }

    /// Those of some rows.
    pub(super) fn pick(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes(classes) => Self::Classes(rows.iter().map(|&row| classes[row]).collect()),
            Self::Numbers(numbers) => Self::Numbers(rows.iter().map(|&row| numbers[row]).collect()),
            Self::Spans(spans) => Self::Spans(rows.iter().map(|&row| spans[row]).collect()),
        }
    }
}
