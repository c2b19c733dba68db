//! The operator and its learner: factors, the frozen small weights, and what an expansion makes of them.

use crate::expand::{Sources, expand, expand_on};
use crate::maps::tensor;
use crate::options::{FactorOptions, Tying};
use crate::plan::{FactorPlan, Plan};
use crate::{diagnostics, moments, start};
use ligo_growth::{ExpansionFlops, FactorDiagnostics, Growth, GrowthError, LearnedOperator, Learner, Moments, Result};
use ligo_kernels::{GradTape, Kernels, Matrix};
use ligo_models::{Model, ModelConfig, ParamSpec, Parameters};
use std::sync::Arc;

/// LiGO's growth operator: a [`LearnedOperator`] with these options.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LigoOperator {
    /// Form and start of its factors.
    pub options: FactorOptions,
}

impl<D: Kernels> LearnedOperator<D> for LigoOperator {
    fn start(&self, growth: &Growth<'_, D>) -> Result<Box<dyn Learner<D>>> {
        Ok(Box::new(LigoLearner::start(&self.options, growth)?))
    }

    fn expansion_flops(&self, small: &Model, large: &Model) -> Result<ExpansionFlops> {
        Ok(Plan::new(small, large, &self.options)?.flops())
    }

    fn held(&self, small: &Model, large: &Model) -> Result<usize> {
        let plan = Plan::new(small, large, &self.options)?;
        Ok(if self.options.fresh { start::fresh_values(&plan, large) } else { 0 })
    }
}

/// The operator in the course of its training.
#[derive(Debug)]
pub(crate) struct LigoLearner<D: Kernels> {
    pub(crate) plan: Arc<Plan>,
    options: FactorOptions,
    pub(crate) factors: Parameters<D>,
    /// The small weights; those that are trained started there.
    small: Parameters<D>,
    /// What stays constant beside each large weight, see [`start::fresh`]; of no weight, if there is nothing.
    pub(crate) constants: Vec<Arc<Vec<f32>>>,
    large: Arc<[ParamSpec]>,
    /// What the start was drawn for, and from: it is drawn again when it is asked for.
    configs: (ModelConfig, ModelConfig),
    seed: u64,
}

impl<D: Kernels> LigoLearner<D> {
    pub(crate) fn start(options: &FactorOptions, growth: &Growth<'_, D>) -> Result<Self> {
        let plan = Plan::new(growth.small, growth.large, options)?;
        same_names("the small weights", growth.small.specs(), growth.parameters)?;
        let configs = (growth.small.config(), growth.large.config());
        let mut factors: Vec<Matrix<D>> = Vec::with_capacity(plan.factors.len());
        for (values, spec) in start::values(&plan, configs, options, growth.seed)?.into_iter().zip(&plan.specs) {
            factors.push(tensor(growth.device, values, spec.matrix_shape())?);
        }
        let drawn = factors.len();
        for (factor, spec) in plan.factors.iter().zip(&plan.specs).skip(drawn) {
            factors.push(match *factor {
                FactorPlan::Small(index) => growth.parameters.tensors()[index].clone(),
                FactorPlan::Residual(index) => {
                    let values = start::residual(growth.seed, index, spec.elements());
                    tensor(growth.device, values, spec.matrix_shape())?
                }
                _ => unreachable!("the plan has all others first, and each has a start"),
            });
        }
        let constants = if options.fresh { start::fresh(&plan, growth)? } else { Vec::new() };
        Ok(Self {
            factors: Parameters::new(plan.specs.clone().into(), factors)?,
            plan: Arc::new(plan),
            options: *options,
            small: growth.parameters.clone(),
            constants,
            large: growth.large.specs().clone(),
            configs: (configs.0.clone(), configs.1.clone()),
            seed: growth.seed,
        })
    }

    fn sources(&self) -> Sources<'_, D> {
        let (factors, small) = (self.factors.tensors(), self.small.tensors());
        Sources { plan: &self.plan, factors, small, constants: &self.constants }
    }
}

/// Refuses a set of other parameters than `specs`.
fn same_names<D: Kernels>(what: &str, specs: &[ParamSpec], parameters: &Parameters<D>) -> Result<()> {
    let same = |(a, b): (&ParamSpec, &ParamSpec)| a.name == b.name && a.shape == b.shape;
    if specs.len() == parameters.specs().len() && specs.iter().zip(parameters.specs().iter()).all(same) {
        return Ok(());
    }
    Err(GrowthError::Map {
        what: what.into(),
        found: "other parameters than the small model declares".into(),
        expected: "its own, in its own order".into(),
    })
}

impl<D: Kernels> Learner<D> for LigoLearner<D> {
    fn factors(&self) -> &Parameters<D> {
        &self.factors
    }

    fn factors_mut(&mut self) -> &mut Parameters<D> {
        &mut self.factors
    }

    fn expand(&self, tape: &mut GradTape<D>) -> Result<Parameters<D>> {
        Ok(Parameters::new(self.large.clone(), expand_on(tape, &self.sources())?)?)
    }

    fn materialise(&self) -> Result<Parameters<D>> {
        Ok(Parameters::new(self.large.clone(), expand(&self.sources())?)?)
    }

    fn rates(&self) -> Vec<f32> {
        let rates = self.options.rates;
        let rate = |factor: &FactorPlan| match factor {
            FactorPlan::Width(_) | FactorPlan::Scale { .. } => 1.0,
            FactorPlan::Depth { .. } => rates.depth,
            FactorPlan::Residual(_) => rates.residual,
            FactorPlan::Small(_) => rates.small,
        };
        self.plan.factors.iter().map(rate).collect()
    }

    /// First moments by the factors, second ones by their squares, with the small model's moments in place of its weights; what is
    /// added to the large weights has none. Moments grow as gradients do, for which A and B change places: with A = B that is the
    /// same, and a learnt A of its own says nothing of the gradients of what no weight reads (queries, keys). There are none then.
    fn grow_moments(&self, small: &Moments<D>) -> Result<Option<Moments<D>>> {
        if self.options.tying != Tying::Tied && self.plan.modules.iter().any(|module| module.widens()) {
            return Ok(None);
        }
        for (what, parameters) in [("the first moments", &small.first), ("the second moments", &small.second)] {
            same_names(what, self.small.specs(), parameters)?;
        }
        let factors = self.factors.tensors();
        let first = moments::expand(&self.plan, factors, small.first.tensors())?;
        let second = moments::expand(&self.plan, &moments::squares(&self.plan, factors)?, small.second.tensors())?;
        Ok(Some(Moments {
            first: Parameters::new(self.large.clone(), first)?,
            second: Parameters::new(self.large.clone(), second)?,
            steps: small.steps,
        }))
    }

    fn diagnostics(&self) -> Result<Vec<FactorDiagnostics>> {
        let (specs, factors) = (self.factors.specs(), self.factors.tensors());
        let configs = (&self.configs.0, &self.configs.1);
        let mut drawn = start::values(&self.plan, configs, &self.options, self.seed)?.into_iter();
        let factor = |i: usize| {
            let origin = match self.plan.factors[i] {
                FactorPlan::Residual(weight) => start::residual(self.seed, weight, specs[i].elements()),
                FactorPlan::Small(weight) => self.small.tensors()[weight].as_vec(),
                // There is one for each factor of the other kinds, which come first.
                _ => drawn.next().unwrap_or_default(),
            };
            diagnostics::of(&self.plan, specs, factors, i, &origin)
        };
        (0..self.plan.factors.len()).map(factor).collect()
    }
}
