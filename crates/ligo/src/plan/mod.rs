//! The operator for two given models, resolved: which factors there are, which of them each weight takes, in which order.
//!
//! Only names, sizes and indices; no tensor is touched here.

mod cost;
mod depth;
mod factor;
mod module;
mod width;

pub(crate) use factor::{FactorPlan, FactorStart, WidthFactor};
pub(crate) use module::{Axes, DepthOrder, Map, ModulePlan, Piece, WidthOrder, extent};

use crate::options::{FactorOptions, Preset, Sharing, WidthStart};
use ligo_growth::{GrowthError, Result, check_growth, check_head_dim};
use ligo_models::{Model, ParamSpec};
use std::collections::HashMap;
use width::Widths;

/// The whole operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The factors: B, A and s first, then w, then what is added to the large weights, then the small weights.
    pub(crate) factors: Vec<FactorPlan>,
    /// Their declarations, as the optimiser and a checkpoint see them.
    pub(crate) specs: Vec<ParamSpec>,
    /// What axes take.
    pub(crate) maps: Vec<Map>,
    /// Every weight of the large model is in exactly one of them.
    pub(crate) modules: Vec<ModulePlan>,
    /// L1 and L2.
    pub(crate) layers: (usize, usize),
    /// The first of the additions, one for each weight of the large model, if there are any.
    pub(crate) residual: Option<usize>,
    /// The first of the small weights among the factors, if they are trained.
    pub(crate) small: Option<usize>,
    /// Whether fresh values stand beside the learnt map.
    pub(crate) fresh: bool,
}

impl Plan {
    /// Follows the declarations of both models.
    ///
    /// # Errors
    /// [`GrowthError::Option`] where options do not go together, [`GrowthError::Sizes`] where the models do not.
    pub(crate) fn new(small: &Model, large: &Model, options: &FactorOptions) -> Result<Self> {
        let configs = (small.config(), large.config());
        options.check(Preset::Ligo.name())?;
        check_growth(configs.0, configs.1)?;
        if options.width_start == WidthStart::FunctionPreserving {
            check_head_dim("width_start = \"function-preserving\"", configs.0, configs.1)?;
        }
        let layers = (configs.0.num_hidden_layers, configs.1.num_hidden_layers);
        let mut modules = pair(small, large)?;
        let mut widths = Widths::new(configs.0, large, options);
        for module in &mut modules {
            let index = module.large[0];
            let widened = match (large.specs()[index].layer, options.sharing) {
                (None, _) => None,
                (Some(_), Sharing::PerKind) => Some(1),
                (Some(_), Sharing::PerSmallLayer) => Some(layers.0),
                (Some(_), Sharing::PerLargeLayer) => Some(layers.1),
            };
            module.axes = match widened {
                None => vec![widths.axes(index, None)],
                Some(count) => (0..count).map(|layer| widths.axes(index, Some(layer))).collect(),
            };
            // Most modules of the residual stream alone have the same maps in all layers.
            if module.axes.iter().all(|axes| *axes == module.axes[0]) {
                module.axes.truncate(1);
            }
        }
        let Widths { factors, specs, maps, .. } = widths;
        let mut plan =
            Self { factors, specs, maps, modules, layers, residual: None, small: None, fresh: options.fresh };
        depth::add(&mut plan, large, options);
        if plan.factors.is_empty() {
            return Err(GrowthError::Sizes {
                what: "hidden_size".into(),
                found: format!("{}, and nothing else that grows", configs.1.hidden_size),
                expected: "a large model that is wider or deeper than the small one, or has more heads".into(),
            });
        }
        if options.residual {
            plan.residual = Some(plan.add_all("R", large, FactorPlan::Residual));
        }
        if options.tune_small {
            plan.small = Some(plan.add_all("small", small, FactorPlan::Small));
        }
        plan.choose_orders(match options.sharing {
            Sharing::PerKind => None,
            Sharing::PerSmallLayer => Some(DepthOrder::WidthFirst),
            Sharing::PerLargeLayer => Some(DepthOrder::DepthFirst),
        });
        plan.choose_kept();
        Ok(plan)
    }

    /// A factor for each weight of a model; the number of the first.
    fn add_all(&mut self, prefix: &str, model: &Model, factor: impl Fn(usize) -> FactorPlan) -> usize {
        let first = self.factors.len();
        for (i, spec) in model.specs().iter().enumerate() {
            let (rows, columns) = spec.matrix_shape();
            let name = format!("{prefix}.{}", spec.name);
            self.specs.push(factor::declare(name, [rows, columns], spec.decay));
            self.factors.push(factor(i));
        }
        first
    }
}

/// The modules of both models, in the order of the large one's, without axes.
fn pair(small: &Model, large: &Model) -> Result<Vec<ModulePlan>> {
    let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, spec) in small.specs().iter().enumerate() {
        positions.entry(&spec.module).or_default().push(i);
    }
    let mut modules: Vec<ModulePlan> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (i, spec) in large.specs().iter().enumerate() {
        if let Some(&module) = known.get(spec.module.as_str()) {
            modules[module].large.push(i);
            continue;
        }
        let Some(of_small) = positions.get(spec.module.as_str()) else {
            return Err(GrowthError::Map {
                what: format!("parameter {}", spec.name),
                found: "no such module in the small model".into(),
                expected: "one to grow from".into(),
            });
        };
        known.insert(&spec.module, modules.len());
        modules.push(ModulePlan {
            small: of_small.clone(),
            large: vec![i],
            axes: vec![],
            mix: None,
            width_order: WidthOrder::RowsFirst,
            depth_order: DepthOrder::WidthFirst,
            kept: false,
        });
    }
    Ok(modules)
}
