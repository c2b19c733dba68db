//! A fixed linear growth operator: width and depth maps applied spec by spec to any model.
//!
//! Entry by entry this is PAPER.md Eq. 8 with constant factors, `W_new_i = Σ_j w_ij B_j W_j A_jᵀ`. It runs once: dense maps as
//! products on the device, all else in one pass on the host.

use crate::axis::{Factors, Gather, Part, Take, is_dense};
use crate::gather::{Lay, clear, lay};
use crate::silence::Silence;
use crate::sizes::check_shapes;
use crate::width::{NormMap, sizes};
use crate::{DepthMap, Expansion, Growth, GrowthError, GrowthOperator, Made, Moments, Result, WidthMap};
use dfdx::tensor::TensorFromVec;
use ligo_kernels::{Input, KernelError, Kernels, Matrix, NoneTape};
use ligo_models::{Axis, Init, ModelConfig, ParamSpec, Parameters, Role, Space};
use rayon::prelude::*;
use std::collections::HashMap;

/// Widens every small layer by the maps of its spaces, then mixes layers; parameters outside the layers are only widened.
/// Layers that the depth map calls silent pass on what they get.
///
/// What no small coordinate reaches keeps the fresh start of a large model initialised with the growth's seed.
///
/// Moments grow as gradients do. A coordinate that stands c times, and is read through shares of 1/c, passes back shares of its
/// gradient, while what it is read with sees the same input c times: for gradients A and B change places, `M_new_i = Σ_j w_ij
/// A_j M_j B_jᵀ`. Second moments grow by the squares of the same factors; what is fresh or silent has moments of 0.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearGrowth {
    /// Per space.
    pub width: WidthMap,
    /// Per layer.
    pub depth: DepthMap,
}

impl<D: Kernels> GrowthOperator<D> for LinearGrowth {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        self.grow_showing(growth, &|_, _| {})
    }

    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        self.carry_out(growth, growth.parameters, Take::Values, made)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        let first = self.carry_out(growth, &moments.first, Take::Gradients, &|_, _| {})?;
        let second = self.carry_out(growth, &moments.second, Take::Squares, &|_, _| {})?;
        Ok(Some(Moments { first, second, steps: moments.steps }))
    }
}

impl LinearGrowth {
    /// Grows a set of the small model's make-up.
    fn carry_out<D: Kernels>(
        &self,
        growth: &Growth<'_, D>,
        from: &Parameters<D>,
        take: Take,
        made: &Made<'_, D>,
    ) -> Result<Parameters<D>> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check_shapes(small, large)?;
        self.check_depth(small, large)?;
        let silence =
            Silence { depth: &self.depth, post_norm: growth.large.is_post_norm(), eps: large.layer_norm_eps() };
        silence.check()?;
        let keeps_fresh = take == Take::Values && self.width.leaves_fresh();
        let job = Job { operator: self, device: growth.device, small, large, take, from: SmallParameters::new(from) };
        let specs = growth.large.specs();
        // All layers of a module at once: a small layer is widened once for all the large ones that it is part of. What is fresh is
        // drawn where it is needed, so that no second large model is ever there.
        let module = |members: Vec<usize>| -> Result<Vec<(usize, Matrix<D>)>> {
            let start = |&i: &usize| match keeps_fresh {
                true => growth.large.fresh_values(i, growth.seed),
                false => vec![0.0; specs[i].elements()],
            };
            let mut values: Vec<Vec<f32>> = members.par_iter().map(start).collect();
            let (first, part) = (&specs[members[0]], growth.large.part(members[0]));
            job.module(first, part, &mut values)?;
            if first.layer.is_some() {
                silence.apply(part, first.init, take, &mut values);
            }
            let tensor = |(i, values): (usize, Vec<f32>)| {
                let tensor = matrix(growth.device, values, specs[i].matrix_shape())?;
                made(i, &tensor);
                Ok((i, tensor))
            };
            members.into_iter().zip(values).map(tensor).collect()
        };
        let modules: Vec<Result<_>> = by_module(specs).into_par_iter().map(module).collect();
        // The first module's error, whichever was the first to fail.
        let modules = modules.into_iter().collect::<Result<Vec<_>>>()?;
        let mut tensors: Vec<(usize, Matrix<D>)> = modules.into_iter().flatten().collect();
        // Every spec is a member of one module.
        tensors.sort_unstable_by_key(|(i, _)| *i);
        Ok(Parameters::new(specs.clone(), tensors.into_iter().map(|(_, tensor)| tensor).collect())?)
    }

    fn check_depth(&self, small: &ModelConfig, large: &ModelConfig) -> Result<()> {
        let found = (self.depth.small_layers(), self.depth.large_layers());
        let expected = (small.num_hidden_layers, large.num_hidden_layers);
        if found == expected {
            return Ok(());
        }
        let layers = |(from, to)| format!("{from} to {to} layers");
        Err(GrowthError::Map { what: "the depth map".into(), found: layers(found), expected: layers(expected) })
    }
}

/// One carrying out of an operator.
struct Job<'a, D: Kernels> {
    operator: &'a LinearGrowth,
    device: &'a D,
    small: &'a ModelConfig,
    large: &'a ModelConfig,
    take: Take,
    from: SmallParameters<'a, D>,
}

impl<D: Kernels> Job<'_, D> {
    /// The values of one module in all large layers, laid over what they start from. `spec` is that of the first one.
    fn module(&self, spec: &ParamSpec, part: ligo_models::Part, values: &mut [Vec<f32>]) -> Result<()> {
        if spec.layer.is_none() {
            let widened = self.widen(spec, None, part)?;
            return values.iter_mut().try_for_each(|out| widened.lay(spec, out, 1.0, Lay::Over));
        }
        let depth = &self.operator.depth;
        let weight = |weight: f32| if self.take == Take::Squares { weight * weight } else { weight };
        let mixed = |layer: usize| depth.sources(layer).len() > 1;
        // What is mixed is added up, so it has to start from 0 wherever some source reaches.
        for j in 0..self.small.num_hidden_layers {
            let users: Vec<(usize, f32)> = users(depth, j).filter(|(i, _)| mixed(*i)).collect();
            if !users.is_empty() {
                let axes = self.axes(self.from.get(spec, Some(j))?.0, part)?;
                users.into_iter().for_each(|(i, _)| clear(&mut values[i], &axes.0, &axes.1));
            }
        }
        for j in 0..self.small.num_hidden_layers {
            if users(depth, j).next().is_none() {
                continue;
            }
            let widened = self.widen(spec, Some(j), part)?;
            for (i, w) in users(depth, j) {
                widened.lay(spec, &mut values[i], weight(w), if mixed(i) { Lay::Onto } else { Lay::Over })?;
            }
        }
        Ok(())
    }

    /// The module's parameter in one small layer, ready to be laid into large ones: dense maps have been carried out.
    fn widen(&self, spec: &ParamSpec, layer: Option<usize>, part: ligo_models::Part) -> Result<Widened<D>> {
        let (from, tensor) = self.from.get(spec, layer)?;
        let (rows, columns) = self.parts(from, part)?;
        let (small_rows, small_columns) = (total(&rows, |p| p.small), total(&columns, |p| p.small));
        if from.matrix_shape() != (small_rows, small_columns) {
            return Err(unfit(spec, format!("{:?}", from.shape), "the shape that the small model's sizes give it"));
        }
        let mut tensor = tensor.clone();
        let mut dense = [(is_dense(&rows), true), (is_dense(&columns), false)];
        // The cheaper order of the two products.
        let (large_rows, large_columns) = (total(&rows, |p| p.large), total(&columns, |p| p.large));
        if large_rows * small_columns * (small_rows + large_columns)
            > small_rows * large_columns * (small_columns + large_rows)
        {
            dense.reverse();
        }
        for (_, is_rows) in dense.into_iter().filter(|(dense, _)| *dense) {
            let factors = Factors::new(self.device, if is_rows { &rows } else { &columns }, self.take)?;
            let expand = if is_rows { D::expand_rows } else { D::expand_columns };
            tensor = expand(&mut NoneTape, &tensor, Input::Frozen, &factors.get())?;
        }
        let (rows, columns) = self.axes(from, part)?;
        Ok(Widened { tensor, rows, columns })
    }

    /// How rows and columns are gathered; a vector is one row.
    fn axes(&self, spec: &ParamSpec, part: ligo_models::Part) -> Result<(Gather, Gather)> {
        let (rows, columns) = self.parts(spec, part)?;
        let vector = spec.axes.len() == 1;
        let rows = if vector { Gather::one_row() } else { Gather::new(&rows, self.take) };
        let mut columns = Gather::new(&columns, self.take);
        if let Some(norms) = self.norms(part).filter(|norms| spec.init == Init::Ones && norms.gain != 1.0) {
            let gain = match self.take {
                Take::Values => norms.gain,
                Take::Gradients => 1.0 / norms.gain,
                Take::Squares => 1.0 / (norms.gain * norms.gain),
            };
            columns.scale.iter_mut().for_each(|scale| *scale *= gain);
            columns.identity = false;
        }
        Ok((rows, columns))
    }

    /// The maps along rows and columns; a vector has one row that stays.
    fn parts(&self, spec: &ParamSpec, part: ligo_models::Part) -> Result<(Vec<Part<'_>>, Vec<Part<'_>>)> {
        match &spec.axes[..] {
            [rows, columns] => Ok((self.axis(rows, part)?, self.axis(columns, part)?)),
            [vector] => Ok((vec![Part { expansion: &Expansion::Keep, small: 1, large: 1 }], self.axis(vector, part)?)),
            axes => Err(unfit(spec, format!("{} axes", axes.len()), "one or two")),
        }
    }

    /// The maps of the spaces that lie along an axis, one after the other.
    fn axis(&self, axis: &Axis, part: ligo_models::Part) -> Result<Vec<Part<'_>>> {
        let role = if self.take == Take::Values { axis.role } else { partner(axis.role) };
        let part = |&space: &Space| {
            let (small, large) = sizes(space, self.small, self.large);
            let (small, large) = (small.width(), large.width());
            let map = match self.norms(part) {
                Some(norms) if space == Space::Embed => Some(&norms.map),
                _ => self.operator.width.get(space),
            };
            let expansion = map.map_or(&Expansion::Keep, |map| map.expansion(role));
            expansion.check(&space.to_string(), small, large)?;
            Ok(Part { expansion, small, large })
        };
        axis.spaces.iter().map(part).collect()
    }

    fn norms(&self, part: ligo_models::Part) -> Option<&NormMap> {
        use ligo_models::Part::{AttentionNorm, FinalNorm, MlpNorm};
        self.operator.width.norms().filter(|_| matches!(part, AttentionNorm | MlpNorm | FinalNorm))
    }
}

/// A small parameter with what makes a large one of it.
struct Widened<D: Kernels> {
    tensor: Matrix<D>,
    rows: Gather,
    columns: Gather,
}

impl<D: Kernels> Widened<D> {
    fn lay(&self, spec: &ParamSpec, out: &mut [f32], weight: f32, how: Lay) -> Result<()> {
        let grown = (self.rows.index.len(), self.columns.index.len());
        if grown.0 * grown.1 != out.len() {
            return Err(unfit(spec, format!("{grown:?} when grown"), &format!("{:?}", spec.matrix_shape())));
        }
        lay(out, &D::values(&self.tensor), &self.rows, &self.columns, weight, how);
        Ok(())
    }
}

/// Gradients grow by the partner of a weight's map.
fn partner(role: Role) -> Role {
    match role {
        Role::Produces => Role::Consumes,
        Role::Consumes => Role::Produces,
    }
}

/// The large layers that small layer `j` is part of, each with its weight.
fn users(depth: &DepthMap, j: usize) -> impl Iterator<Item = (usize, f32)> {
    let of_layer = move |i| depth.sources(i).iter().filter(move |(from, _)| *from == j).map(move |&(_, w)| (i, w));
    (0..depth.large_layers()).flat_map(of_layer)
}

fn total(parts: &[Part<'_>], width: impl Fn(&Part<'_>) -> usize) -> usize {
    parts.iter().map(width).sum()
}

/// The positions of each module's parameters, layer by layer, modules in the order of their first ones.
fn by_module(specs: &[ParamSpec]) -> Vec<Vec<usize>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut modules: Vec<Vec<usize>> = Vec::new();
    for (i, spec) in specs.iter().enumerate() {
        let place = *places.entry(&spec.module).or_insert(modules.len());
        match modules.get_mut(place) {
            Some(members) => members.push(i),
            None => modules.push(vec![i]),
        }
    }
    modules
}

/// The small model's parameters by module and layer.
struct SmallParameters<'a, D: Kernels> {
    parameters: &'a Parameters<D>,
    positions: HashMap<(&'a str, Option<usize>), usize>,
}

impl<'a, D: Kernels> SmallParameters<'a, D> {
    fn new(parameters: &'a Parameters<D>) -> Self {
        let key = |(i, spec): (usize, &'a ParamSpec)| ((spec.module.as_str(), spec.layer), i);
        Self { parameters, positions: parameters.specs().iter().enumerate().map(key).collect() }
    }

    /// What the large parameter `spec` is in the small model's `layer`.
    fn get(&self, spec: &ParamSpec, layer: Option<usize>) -> Result<(&'a ParamSpec, &'a Matrix<D>)> {
        match self.positions.get(&(spec.module.as_str(), layer)) {
            Some(&i) => Ok((&self.parameters.specs()[i], &self.parameters.tensors()[i])),
            None => Err(unfit(spec, "no such module in the small model".into(), "one to grow from")),
        }
    }
}

fn unfit(spec: &ParamSpec, found: String, expected: &str) -> GrowthError {
    GrowthError::Map { what: format!("parameter {}", spec.name), found, expected: expected.into() }
}

/// Moves values to a device.
fn matrix<D: Kernels>(device: &D, values: Vec<f32>, shape: (usize, usize)) -> Result<Matrix<D>> {
    let failed = |e: D::Err| KernelError::Device { op: "grow", reason: format!("{e:?}") };
    Ok(TensorFromVec::try_tensor_from_vec(device, values, shape).map_err(failed)?)
}
