//! The operator as tensors: its factors, and the large weights as a differentiable function of them.

use crate::options::{FactorOptions, WidthForm};
use crate::plan::{DepthOrder, FactorKind, FactorStart, ModulePlan, Part, Plan, WidthOrder};
use crate::start;
use dfdx::tensor::TensorFromVec;
use ligo_growth::{ExpansionFlops, Growth, GrowthError, LearnedOperator, Learner, Result};
use ligo_kernels::{Factor, GradTape, Input, KernelError, Kernels, Matrix, NoneTape, Tape};
use ligo_models::{Model, ParamSpec, Parameters};
use rand::SeedableRng;
use rand::rngs::StdRng;
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
}

/// The operator in the course of its training: factors B, A, w, and the frozen small weights.
#[derive(Debug)]
pub(crate) struct LigoLearner<D: Kernels> {
    pub(crate) plan: Plan,
    form: WidthForm,
    pub(crate) factors: Parameters<D>,
    small: Vec<Matrix<D>>,
    large: Arc<[ParamSpec]>,
}

impl<D: Kernels> LigoLearner<D> {
    pub(crate) fn start(options: &FactorOptions, growth: &Growth<'_, D>) -> Result<Self> {
        let plan = Plan::new(growth.small, growth.large, options)?;
        let names = |specs: &[ParamSpec]| specs.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
        if names(growth.parameters.specs()) != names(growth.small.specs()) {
            return Err(GrowthError::Map {
                what: "the small weights".into(),
                found: "other parameters than the small model declares".into(),
                expected: "its own, in its own order".into(),
            });
        }
        let layers = (growth.small.config().num_hidden_layers, growth.large.config().num_hidden_layers);
        let mut rng = StdRng::seed_from_u64(growth.seed);
        let mut tensors: Vec<Matrix<D>> = Vec::with_capacity(plan.factors.len());
        for (kind, spec) in plan.factors.iter().zip(&plan.specs) {
            let values = match kind {
                FactorKind::Width { small, large, start } => match *start {
                    FactorStart::Drawn => start::width(&mut rng, *small, *large, options),
                    FactorStart::AsPartner(partner) => tensors[partner].as_vec(),
                    FactorStart::AsValues { factor, small, large, sharing } => {
                        start::context(&tensors[factor].as_vec(), (small, large), sharing, options)
                    }
                },
                FactorKind::Depth => start::depth(&mut rng, layers.0, layers.1, options),
            };
            let failed = |e: D::Err| KernelError::Device { op: "start of a growth operator", reason: format!("{e:?}") };
            let tensor = TensorFromVec::try_tensor_from_vec(growth.device, values, spec.matrix_shape());
            tensors.push(tensor.map_err(failed)?);
        }
        Ok(Self {
            factors: Parameters::new(plan.specs.clone().into(), tensors)?,
            form: options.width_form,
            small: growth.parameters.tensors().to_vec(),
            large: growth.large.specs().clone(),
            plan,
        })
    }

    fn expand_on<T: Tape<f32, D>>(&self, tape: &mut T) -> Result<Parameters<D>> {
        let mut grown: Vec<(usize, Matrix<D>)> = Vec::with_capacity(self.large.len());
        for module in &self.plan.modules {
            let small: Vec<Matrix<D>> = module.small.iter().map(|&i| self.small[i].clone()).collect();
            let large = match module.depth_order {
                DepthOrder::WidthFirst => {
                    let wide = self.widen_all(tape, module, small, Input::Frozen)?;
                    self.mix(tape, module, wide)?
                }
                DepthOrder::DepthFirst => {
                    let deep = self.mix(tape, module, small)?;
                    self.widen_all(tape, module, deep, Input::Differentiable)?
                }
            };
            grown.extend(module.large.iter().copied().zip(large));
        }
        grown.sort_by_key(|(i, _)| *i);
        Ok(Parameters::new(self.large.clone(), grown.into_iter().map(|(_, tensor)| tensor).collect())?)
    }

    fn widen_all<T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        module: &ModulePlan,
        layers: Vec<Matrix<D>>,
        input: Input,
    ) -> Result<Vec<Matrix<D>>> {
        layers.into_iter().map(|layer| self.widen(tape, module, layer, input)).collect()
    }

    /// `B W Aᵀ` of one layer, the cheaper side first.
    fn widen<T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        module: &ModulePlan,
        weight: Matrix<D>,
        input: Input,
    ) -> Result<Matrix<D>> {
        let (rows, columns) = (self.axis(&module.rows), self.axis(&module.columns));
        Ok(match (module.rows_grow(), module.columns_grow(), module.width_order) {
            (false, false, _) => weight,
            (true, false, _) => D::expand_rows(tape, &weight, input, &rows)?,
            (false, true, _) => D::expand_columns(tape, &weight, input, &columns)?,
            (true, true, WidthOrder::RowsFirst) => {
                let taller = D::expand_rows(tape, &weight, input, &rows)?;
                D::expand_columns(tape, &taller, Input::Differentiable, &columns)?
            }
            (true, true, WidthOrder::ColumnsFirst) => {
                let wider = D::expand_columns(tape, &weight, input, &columns)?;
                D::expand_rows(tape, &wider, Input::Differentiable, &rows)?
            }
        })
    }

    /// `Σ_j w_ij W_j` for every large layer; the layers themselves where the depth stays.
    fn mix<T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        module: &ModulePlan,
        layers: Vec<Matrix<D>>,
    ) -> Result<Vec<Matrix<D>>> {
        match module.mix {
            Some(w) => Ok(D::mix_layers(tape, &layers, Input::Differentiable, &self.factors.tensors()[w])?),
            None => Ok(layers),
        }
    }

    fn axis(&self, parts: &[Part]) -> Vec<Factor<'_, D>> {
        let factor = |part: &Part| match *part {
            Part::Keep(n) => Factor::Keep(n),
            Part::Grow { factor, .. } => match self.form {
                WidthForm::Identity => Factor::IdentityOver(&self.factors.tensors()[factor]),
                WidthForm::Free => Factor::Free(&self.factors.tensors()[factor]),
            },
        };
        parts.iter().map(factor).collect()
    }
}

impl<D: Kernels> Learner<D> for LigoLearner<D> {
    fn factors(&self) -> &Parameters<D> {
        &self.factors
    }

    fn factors_mut(&mut self) -> &mut Parameters<D> {
        &mut self.factors
    }

    fn expand(&self, tape: &mut GradTape<D>) -> Result<Parameters<D>> {
        self.expand_on(tape)
    }

    fn materialise(&self) -> Result<Parameters<D>> {
        self.expand_on(&mut NoneTape)
    }
}
