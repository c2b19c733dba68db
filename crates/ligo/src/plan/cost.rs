//! What an expansion costs, and the order of its products that costs least.
//!
//! Counted are products of matrices and mixtures of layers, forward and backward, what runs again in backward among them. Making
//! the maps themselves (`M ⊗ I`, `diag(s) B`) and adding to their results is not: it is little beside them.

use super::Plan;
use super::factor::FactorPlan;
use super::module::{Axes, DepthOrder, Map, ModulePlan, Piece, WidthOrder, extent};
use crate::options::WidthForm;
use ligo_growth::ExpansionFlops;

/// Bytes of what is kept between small and large weights, over all modules.
const KEPT: usize = 64 << 20;

impl Plan {
    /// FLOPs of one expansion, as the orders stand.
    pub(crate) fn flops(&self) -> ExpansionFlops {
        let mut sum = ExpansionFlops::default();
        for module in &self.modules {
            let flops = self.module_flops(module);
            sum.forward += flops.forward;
            sum.backward += flops.backward;
        }
        sum
    }

    /// Takes for each module the order of rows, columns and layers whose forward and backward together cost least, among the
    /// `allowed` orders of width and depth where the factors depend on the layer.
    pub(super) fn choose_orders(&mut self, allowed: Option<DepthOrder>) {
        for i in 0..self.modules.len() {
            let mut module = self.modules[i].clone();
            let mut least = f64::INFINITY;
            for depth in [DepthOrder::WidthFirst, DepthOrder::DepthFirst] {
                let per_layer = module.axes.len() > 1;
                if per_layer && allowed.is_some_and(|allowed| allowed != depth) {
                    continue;
                }
                for width in [WidthOrder::RowsFirst, WidthOrder::ColumnsFirst] {
                    (module.width_order, module.depth_order) = (width, depth);
                    let flops = self.module_flops(&module);
                    if flops.forward + flops.backward < least {
                        least = flops.forward + flops.backward;
                        self.modules[i] = module.clone();
                    }
                }
            }
        }
    }

    /// FLOPs of expanding this module in all layers.
    fn module_flops(&self, module: &ModulePlan) -> ExpansionFlops {
        let Axes { rows, columns } = &module.axes[0];
        let (small_rows, large_rows) = extent(rows);
        let (small_columns, large_columns) = extent(columns);
        let along = |axis: &[Piece], lines: usize| self.along(axis) * lines as f64;
        let (first, second) = match module.width_order {
            WidthOrder::RowsFirst => (along(rows, small_columns), along(columns, large_rows)),
            WidthOrder::ColumnsFirst => (along(columns, small_rows), along(rows, large_columns)),
        };
        let widening = first + second;
        let (small_layers, large_layers) = (module.small.len() as f64, module.large.len() as f64);
        let depth_first = module.mix.is_some() && module.depth_order == DepthOrder::DepthFirst;
        let mixed = match (module.mix, depth_first) {
            (None, _) => 0,
            (_, false) => large_rows * large_columns,
            (_, true) => small_rows * small_columns,
        };
        let mixing = 2.0 * small_layers * large_layers * mixed as f64;
        let trained = self.small.is_some();
        let layers = if depth_first { large_layers } else { small_layers };
        let forward = layers * widening + mixing;
        // What backward runs again: the widening, and the mixture before it.
        let again = match (module.kept, depth_first) {
            (true, _) => 0.0,
            (false, false) => layers * widening,
            (false, true) => forward,
        };
        // The gradients of the factors cost what the products do, and so do those of what they are multiplied with, unless that is
        // a frozen weight; the same for the mixture.
        let (inputs, layers_of_mixture) = match depth_first {
            true => (widening, trained),
            false if trained => (widening, true),
            false => (if first > 0.0 { second } else { 0.0 }, widening > 0.0),
        };
        let mixtures = if layers_of_mixture { 2.0 } else { 1.0 };
        ExpansionFlops { forward, backward: again + layers * (widening + inputs) + mixtures * mixing }
    }

    /// FLOPs of growing an axis for each coordinate of the other one; an identity on top is never multiplied.
    fn along(&self, axis: &[Piece]) -> f64 {
        let piece = |piece: &Piece| match *piece {
            Piece::Keep(_) => 0.0,
            Piece::Grow { map, small, large } => {
                let made = if self.has_identity(map) { large - small } else { large };
                2.0 * made as f64 * small as f64
            }
        };
        axis.iter().map(piece).sum()
    }

    /// Keeps what lies between small and large weights where it is little, the smallest modules first.
    ///
    /// Where something is added to the large weights, the gradient of the sum has to be shared out by hand.
    pub(super) fn choose_kept(&mut self) {
        let mut order: Vec<usize> = (0..self.modules.len()).collect();
        order.sort_by_key(|&i| self.modules[i].between());
        let mut kept = 0;
        for i in order {
            let module = &mut self.modules[i];
            kept += module.between() * size_of::<f32>();
            module.kept = kept <= KEPT && self.residual.is_none() && !(self.fresh && module.widens());
        }
    }

    /// Whether a map is applied as `[I; C]`.
    pub(crate) fn has_identity(&self, map: usize) -> bool {
        match self.maps[map] {
            Map::Scaled { .. } => false,
            Map::Factor(factor) => match &self.factors[factor] {
                FactorPlan::Width(factor) => factor.form == WidthForm::Identity && !factor.whole,
                _ => false,
            },
        }
    }
}
