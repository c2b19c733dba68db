//! The large weights as a differentiable function of the factors.
//!
//! Of a large module nothing is kept but its large weights. Backward, what lies between is made again: a few small layers at a time
//! are widened and their share of the gradient goes back through them at once. What is in memory meanwhile is a few matrices, where
//! keeping everything would take more than the large weights themselves. Small modules are kept as they are.

use crate::maps::{Applied, applied, tensor};
use crate::plan::{DepthOrder, ModulePlan, Plan, extent};
use crate::start::beyond;
use crate::widen::widen;
use ligo_kernels::{GradTape, Gradients, Input, Kernels, Matrix, NoneTape, Result, TakeGradient, Tape};
use std::sync::Arc;

/// What an expansion reads.
#[derive(Debug)]
pub(crate) struct Sources<'a, D: Kernels> {
    pub(crate) plan: &'a Arc<Plan>,
    /// All factors.
    pub(crate) factors: &'a [Matrix<D>],
    /// The small weights.
    pub(crate) small: &'a [Matrix<D>],
    /// For each large weight what is added to it and stays constant, packed; of none, if nothing is.
    pub(crate) constants: &'a [Arc<Vec<f32>>],
}

/// The large weights, in the order of the large model.
pub(crate) fn expand<D: Kernels>(sources: &Sources<'_, D>) -> Result<Vec<Matrix<D>>> {
    let maps = applied(sources.plan, &mut NoneTape, sources.factors)?.into();
    let large = |module| Segment::new(sources, module, &maps).forward(&mut NoneTape);
    in_order(sources, (0..sources.plan.modules.len()).map(large))
}

/// The same; their way back to the factors goes onto the tape.
pub(crate) fn expand_on<D: Kernels>(tape: &mut GradTape<D>, sources: &Sources<'_, D>) -> Result<Vec<Matrix<D>>> {
    let plan = sources.plan;
    let maps: Arc<[Applied<D>]> = applied(plan, tape, sources.factors)?.into();
    // Backward comes to the last one first: those that need least room go first, since each frees the gradients of its weights.
    let mut order: Vec<usize> = (0..plan.modules.len()).collect();
    order.sort_by_key(|&module| std::cmp::Reverse(room(&plan.modules[module])));
    let mut expanded = vec![Vec::new(); plan.modules.len()];
    for module in order {
        let segment = Segment::new(sources, module, &maps);
        expanded[module] = if plan.modules[module].kept {
            segment.forward(tape)?
        } else {
            let large = segment.forward(&mut NoneTape)?;
            if segment.learns() {
                let taken = large.iter().map(D::gradient_of_output).collect();
                tape.record(move |gradients| segment.backward(taken, gradients));
            }
            large
        };
    }
    in_order(sources, expanded.into_iter().map(Ok))
}

/// From the large weights of each module to those of the model, with what is constant of them.
fn in_order<D: Kernels>(
    sources: &Sources<'_, D>,
    modules: impl Iterator<Item = Result<Vec<Matrix<D>>>>,
) -> Result<Vec<Matrix<D>>> {
    let mut grown: Vec<(usize, Matrix<D>)> = Vec::new();
    for (module, large) in sources.plan.modules.iter().zip(modules) {
        grown.extend(module.large.iter().copied().zip(large?));
    }
    grown.sort_by_key(|(i, _)| *i);
    Ok(grown.into_iter().map(|(_, tensor)| tensor).collect())
}

/// Values of one large weight where layers are mixed, the most that a module's backward has to make again at a time.
fn room(module: &ModulePlan) -> usize {
    let axes = &module.axes[0];
    if module.mix.is_some() { extent(&axes.rows).1 * extent(&axes.columns).1 } else { 0 }
}

/// Bytes that widened layers and their gradients may take at a time; no less than one layer's.
const ROOM: usize = 128 << 20;

/// One module on its way from the small weights to the large ones and back.
struct Segment<D: Kernels> {
    plan: Arc<Plan>,
    module: usize,
    maps: Arc<[Applied<D>]>,
    small: Vec<Matrix<D>>,
    /// w.
    weights: Option<Matrix<D>>,
    /// R of each large weight, where there is one.
    residual: Vec<Matrix<D>>,
    constants: Vec<Arc<Vec<f32>>>,
}

impl<D: Kernels> Segment<D> {
    fn new(sources: &Sources<'_, D>, module: usize, maps: &Arc<[Applied<D>]>) -> Self {
        let plan = &sources.plan.modules[module];
        let small = match sources.plan.small {
            Some(first) => &sources.factors[first..],
            None => sources.small,
        };
        let residual = |first: usize| plan.large.iter().map(|&i| sources.factors[first + i].clone()).collect();
        Self {
            plan: sources.plan.clone(),
            module,
            maps: maps.clone(),
            small: plan.small.iter().map(|&i| small[i].clone()).collect(),
            weights: plan.mix.map(|w| sources.factors[w].clone()),
            residual: sources.plan.residual.map(residual).unwrap_or_default(),
            constants: plan.large.iter().filter_map(|&i| sources.constants.get(i).cloned()).collect(),
        }
    }

    fn module(&self) -> &ModulePlan {
        &self.plan.modules[self.module]
    }

    /// Whether the small weights are.
    fn input(&self) -> Input {
        if self.plan.small.is_some() { Input::Differentiable } else { Input::Frozen }
    }

    /// Whether a gradient of its large weights is anyone's.
    fn learns(&self) -> bool {
        self.module().widens() || self.weights.is_some() || !self.residual.is_empty()
    }

    /// Each of some layers widened.
    fn widened<T: Tape<f32, D>>(&self, tape: &mut T, layers: &[Matrix<D>], input: Input) -> Result<Vec<Matrix<D>>> {
        let widened = |(layer, weight)| widen(tape, self.module(), layer, &self.maps, weight, input);
        layers.iter().enumerate().map(widened).collect()
    }

    /// The large weights. What is added to them is never recorded: such modules are not kept.
    fn forward<T: Tape<f32, D>>(&self, tape: &mut T) -> Result<Vec<Matrix<D>>> {
        let (module, input) = (self.module(), self.input());
        let mut large = match (&self.weights, module.depth_order) {
            (None, _) => self.widened(tape, &self.small, input)?,
            (Some(w), DepthOrder::WidthFirst) => {
                let wide = self.widened(tape, &self.small, input)?;
                D::mix_layers(tape, &wide, if module.widens() { Input::Differentiable } else { input }, w)?
            }
            (Some(w), DepthOrder::DepthFirst) => {
                let deep = D::mix_layers(tape, &self.small, input, w)?;
                self.widened(tape, &deep, Input::Differentiable)?
            }
        };
        for (i, weight) in large.iter_mut().enumerate() {
            if let Some(values) = self.constants.get(i).filter(|values| !values.is_empty()) {
                // Weights that nothing is beside are the small ones themselves; these have just been made.
                let runs: Vec<_> = beyond(&module.axes[0]).collect();
                D::add_runs(weight, &runs, values)?;
            }
            if let Some(residual) = self.residual.get(i) {
                *weight = D::add(&mut NoneTape, weight, residual)?;
            }
        }
        Ok(large)
    }

    /// From the gradients of the large weights to those of the factors.
    fn backward(self, taken: Vec<TakeGradient<D>>, gradients: &mut Gradients<f32, D>) -> Result<()> {
        match (self.weights.clone(), self.module().depth_order) {
            (None, _) => {
                for (layer, take) in taken.into_iter().enumerate() {
                    let d = self.take(layer, take, gradients)?;
                    self.widened_back(layer, &self.small[layer], self.input(), d, gradients)?;
                }
                Ok(())
            }
            (Some(w), DepthOrder::WidthFirst) => self.mixture_back(&w, taken, gradients),
            (Some(w), DepthOrder::DepthFirst) => self.mixed_first_back(&w, taken, gradients),
        }
    }

    /// The gradient of large layer `layer`, which is also that of its R.
    fn take(&self, layer: usize, take: TakeGradient<D>, gradients: &mut Gradients<f32, D>) -> Result<Matrix<D>> {
        let d = take(gradients)?;
        if let Some(residual) = self.residual.get(layer) {
            D::add_gradient(residual, &d, gradients)?;
        }
        Ok(d)
    }

    /// Widens a layer again and goes back through it.
    fn widened_back(
        &self,
        layer: usize,
        weight: &Matrix<D>,
        input: Input,
        d: Matrix<D>,
        gradients: &mut Gradients<f32, D>,
    ) -> Result<()> {
        if !self.module().widens() && input == Input::Frozen {
            return Ok(());
        }
        let mut tape = GradTape::default();
        let wide = widen(&mut tape, self.module(), layer, &self.maps, weight, input)?;
        D::add_gradient(&wide, &d, gradients)?;
        drop((wide, d));
        tape.replay(gradients)
    }

    /// `y_i = Σ_j w_ij x_j` of widened layers x: `dw_ij = ⟨dy_i, x_j⟩`, `dx_j = Σ_i w_ij dy_i`, some j at a time.
    fn mixture_back(
        &self,
        w: &Matrix<D>,
        taken: Vec<TakeGradient<D>>,
        gradients: &mut Gradients<f32, D>,
    ) -> Result<()> {
        let module = self.module();
        let (large_layers, small_layers) = (module.large.len(), module.small.len());
        let layers = taken.into_iter().enumerate().map(|(i, take)| self.take(i, take, gradients));
        let d_large = layers.collect::<Result<Vec<_>>>()?;
        let values = w.as_vec();
        let mut d_weights = vec![0.0; large_layers * small_layers];
        // A widened layer and its gradient, and about as much on the way there.
        let together = (ROOM / (4 * 4 * room(module)).max(1)).clamp(1, small_layers);
        for first in (0..small_layers).step_by(together) {
            let group: Vec<usize> = (first..small_layers.min(first + together)).collect();
            let mut tape = GradTape::default();
            let wide = |&j: &usize| widen(&mut tape, module, j, &self.maps, &self.small[j], self.input());
            let wide = group.iter().map(wide).collect::<Result<Vec<_>>>()?;
            let products = D::inner_products(&d_large, &wide)?;
            for (i, products) in products.chunks_exact(group.len()).enumerate() {
                d_weights[i * small_layers + first..][..group.len()].copy_from_slice(products);
            }
            if !module.widens() && self.input() == Input::Frozen {
                continue;
            }
            let transposed = group.iter().flat_map(|j| (0..large_layers).map(move |i| (i, j)));
            let transposed = transposed.map(|(i, j)| values[i * small_layers + j]).collect();
            let transposed = tensor(w.device(), transposed, (group.len(), large_layers))?;
            let d_wide = D::mix_layers(&mut NoneTape, &d_large, Input::Frozen, &transposed)?;
            for (wide, d) in wide.into_iter().zip(d_wide) {
                D::add_gradient(&wide, &d, gradients)?;
            }
            tape.replay(gradients)?;
        }
        D::add_gradient(w, &tensor(w.device(), d_weights, (large_layers, small_layers))?, gradients)
    }

    /// `y_i = widen_i(Σ_j w_ij x_j)` of small layers x, one i at a time.
    fn mixed_first_back(
        &self,
        w: &Matrix<D>,
        taken: Vec<TakeGradient<D>>,
        gradients: &mut Gradients<f32, D>,
    ) -> Result<()> {
        let (large_layers, small_layers) = (taken.len(), self.small.len());
        let values = w.as_vec();
        let mut d_weights = Vec::with_capacity(values.len());
        for ((i, take), row) in taken.into_iter().enumerate().zip(values.chunks_exact(small_layers)) {
            let d = self.take(i, take, gradients)?;
            let row_of_w = tensor(w.device(), row.to_vec(), (1, small_layers))?;
            // One row of w, one mixture.
            for (deep, d) in D::mix_layers(&mut NoneTape, &self.small, Input::Frozen, &row_of_w)?.into_iter().zip([d]) {
                let taken = D::gradient_of_output(&deep);
                self.widened_back(i, &deep, Input::Differentiable, d, gradients)?;
                drop(deep);
                let d_deep = [taken(gradients)?];
                d_weights.extend(D::inner_products(&d_deep, &self.small)?);
                if self.input() == Input::Differentiable {
                    let column_of_w = tensor(w.device(), row.to_vec(), (small_layers, 1))?;
                    let d_small = D::mix_layers(&mut NoneTape, &d_deep, Input::Frozen, &column_of_w)?;
                    for (small, d) in self.small.iter().zip(d_small) {
                        D::add_gradient(small, &d, gradients)?;
                    }
                }
            }
        }
        D::add_gradient(w, &tensor(w.device(), d_weights, (large_layers, small_layers))?, gradients)
    }
}
