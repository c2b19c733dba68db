//! One module of the two models, and which maps its axes take.

/// One module: the same parameter in all layers, or a parameter outside the layers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModulePlan {
    /// Its tensors in the small model, layer by layer.
    pub(crate) small: Vec<usize>,
    /// Its tensors in the large model, layer by layer.
    pub(crate) large: Vec<usize>,
    /// Its axes: one pair for all layers, or one for each layer that is widened.
    pub(crate) axes: Vec<Axes>,
    /// Its depth weights, where the model gets deeper.
    pub(crate) mix: Option<usize>,
    /// The cheaper one.
    pub(crate) width_order: WidthOrder,
    /// The cheaper one, or the only one.
    pub(crate) depth_order: DepthOrder,
    /// Whether what lies between small and large weights is kept for backward, instead of being made again.
    pub(crate) kept: bool,
}

/// How the axes of a matrix grow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axes {
    /// Its rows; one kept row for a vector.
    pub(crate) rows: Vec<Piece>,
    /// Its columns.
    pub(crate) columns: Vec<Piece>,
}

/// A piece of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Piece {
    /// So many coordinates that stay.
    Keep(usize),
    /// Coordinates that grow by a map.
    Grow { map: usize, small: usize, large: usize },
}

impl Piece {
    pub(crate) fn sizes(self) -> (usize, usize) {
        match self {
            Self::Keep(n) => (n, n),
            Self::Grow { small, large, .. } => (small, large),
        }
    }
}

/// A map as axes take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Map {
    /// A width factor as it stands.
    Factor(usize),
    /// `diag(s) B`.
    Scaled { factor: usize, scale: usize },
}

/// Which axis of a matrix grows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WidthOrder {
    RowsFirst,
    ColumnsFirst,
}

/// Whether L1 small layers are widened and then mixed, or mixed into L2 and then widened. The result is the same where the width
/// factors do not depend on the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DepthOrder {
    WidthFirst,
    DepthFirst,
}

impl Axes {
    /// Whether the rows grow at all.
    pub(crate) fn rows_grow(&self) -> bool {
        grows(&self.rows)
    }

    /// Whether the columns grow at all.
    pub(crate) fn columns_grow(&self) -> bool {
        grows(&self.columns)
    }
}

impl ModulePlan {
    /// The axes of layer `layer`, counted among those that are widened.
    pub(crate) fn axes_of(&self, layer: usize) -> &Axes {
        self.axes.get(layer).unwrap_or(&self.axes[0])
    }

    /// Values that lie between its small and its large weights, in all layers.
    pub(crate) fn between(&self) -> usize {
        let Axes { rows, columns } = &self.axes[0];
        let ((small_rows, large_rows), (small_columns, large_columns)) = (extent(rows), extent(columns));
        let halfway = match (self.axes[0].rows_grow() && self.axes[0].columns_grow(), self.width_order) {
            (false, _) => 0,
            (true, WidthOrder::RowsFirst) => large_rows * small_columns,
            (true, WidthOrder::ColumnsFirst) => small_rows * large_columns,
        };
        match (self.mix, self.depth_order) {
            (None, _) => self.small.len() * halfway,
            (Some(_), _) if !self.widens() => 0,
            (Some(_), DepthOrder::WidthFirst) => self.small.len() * (halfway + large_rows * large_columns),
            (Some(_), DepthOrder::DepthFirst) => self.large.len() * (halfway + small_rows * small_columns),
        }
    }

    /// Whether it gets wider.
    pub(crate) fn widens(&self) -> bool {
        self.axes[0].rows_grow() || self.axes[0].columns_grow()
    }
}

fn grows(axis: &[Piece]) -> bool {
    axis.iter().any(|piece| matches!(piece, Piece::Grow { .. }))
}

/// Small and large size of an axis.
pub(crate) fn extent(axis: &[Piece]) -> (usize, usize) {
    axis.iter().map(|piece| piece.sizes()).fold((0, 0), |sum, sizes| (sum.0 + sizes.0, sum.1 + sizes.1))
}
