//! A matrix whose parts lie apart in memory, such as the weights of maps side by side.

use super::super::View;
use super::pack::{STEP, STRIP};

/// A matrix in parts that follow each other, all but the last of which take whole strips and steps.
pub(super) struct SideBySide<'a> {
    views: Vec<View<'a>>,
    along: Along,
}

/// The axis of a matrix `[outer, inner]` along which its parts follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Along {
    Outer,
    Inner,
}

impl<'a> SideBySide<'a> {
    pub(super) fn new(views: Vec<View<'a>>, along: Along) -> Self {
        let (last, others) = views.split_last().expect("a matrix has parts"); // so have those of all callers
        let (across, whole) = match along {
            Along::Outer => (others.iter().all(|view| view.columns == last.columns), STRIP),
            Along::Inner => (others.iter().all(|view| view.rows == last.rows), STEP),
        };
        let length = |view: &View<'_>| if along == Along::Outer { view.rows } else { view.columns };
        assert!(across && others.iter().all(|view| length(view).is_multiple_of(whole)), "parts fit each other");
        Self { views, along }
    }

    pub(super) fn rows(&self) -> usize {
        let rows = self.views.iter().map(|view| view.rows);
        if self.along == Along::Outer { rows.sum() } else { self.views[0].rows }
    }

    pub(super) fn columns(&self) -> usize {
        let columns = self.views.iter().map(|view| view.columns);
        if self.along == Along::Inner { columns.sum() } else { self.views[0].columns }
    }

    /// `rows` from `row` on, and `columns` from `column` on.
    pub(super) fn range(&self, (row, rows): (usize, usize), (column, columns): (usize, usize)) -> Self {
        let (first, count) = if self.along == Along::Outer { (row, rows) } else { (column, columns) };
        let mut views = Vec::with_capacity(self.views.len());
        let mut begin = 0;
        for view in &self.views {
            let length = if self.along == Along::Outer { view.rows } else { view.columns };
            let (from, to) = (first.clamp(begin, begin + length), (first + count).clamp(begin, begin + length));
            if from < to {
                let (from, length) = (from - begin, to - from);
                views.push(match self.along {
                    Along::Outer => view.row_range(from, length).column_range(column, columns),
                    Along::Inner => view.column_range(from, length).row_range(row, rows),
                });
            }
            begin += length;
        }
        Self::new(views, self.along)
    }

    /// Whether rows of the first part lie in one piece.
    pub(super) fn lies_by_rows(&self) -> bool {
        self.views[0].column_stride == 1
    }

    /// The part that (row, column) lies in, and where in it.
    pub(super) fn locate(&self, (mut row, mut column): (usize, usize)) -> (&View<'a>, (usize, usize)) {
        let mut views = self.views.iter();
        let mut view = views.as_slice().first().expect("`new` has seen a part");
        while let Some(next) = views.next() {
            view = next;
            let (at, length) = match self.along {
                Along::Outer => (&mut row, view.rows),
                Along::Inner => (&mut column, view.columns),
            };
            if *at < length || views.len() == 0 {
                break;
            }
            *at -= length;
        }
        (view, (row, column))
    }
}

impl<'a> From<View<'a>> for SideBySide<'a> {
    fn from(view: View<'a>) -> Self {
        Self { views: vec![view], along: Along::Outer }
    }
}
