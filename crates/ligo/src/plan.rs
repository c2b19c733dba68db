//! The operator for two given models, resolved: which factors there are, which of them each weight takes, in which order.
//!
//! Only names, sizes and indices; no tensor is touched here.

use crate::options::{BiasDepth, FactorOptions, Tying, WidthForm};
use ligo_growth::{ExpansionFlops, GrowthError, Result, check_growth};
use ligo_models::{Axis, Init, Model, ModelConfig, ParamSpec, Role, Space, SpaceKind, SpaceSize};
use std::collections::HashMap;

/// What a factor does, and its sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FactorKind {
    /// B (or A) of one kind of space, from `small` to `large` coordinates.
    Width {
        /// D1.
        small: usize,
        /// D2.
        large: usize,
        /// Where it starts.
        start: FactorStart,
    },
    /// w of one module, `[L2, L1]`.
    Depth,
}

/// Where a width factor starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FactorStart {
    /// As the options say.
    Drawn,
    /// At the start of its partner: an untied A.
    AsPartner(usize),
    /// At the start of the values' factor, each value head's part repeated for the heads that share it: what attention hands on.
    AsValues {
        /// The values' factor.
        factor: usize,
        /// Key/value heads of the small model and their length.
        small: SpaceSize,
        /// The same of the large model.
        large: SpaceSize,
        /// Heads that share a value head.
        sharing: usize,
    },
}

/// A piece of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// So many coordinates that stay.
    Keep(usize),
    /// Coordinates that grow by a factor.
    Grow { factor: usize, small: usize, large: usize },
}

impl Part {
    fn sizes(self) -> (usize, usize) {
        match self {
            Self::Keep(n) => (n, n),
            Self::Grow { small, large, .. } => (small, large),
        }
    }
}

/// Which axis of a matrix grows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WidthOrder {
    RowsFirst,
    ColumnsFirst,
}

/// Whether L1 small layers are widened and then mixed, or mixed into L2 and then widened. The result is the same, since B does not
/// depend on the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DepthOrder {
    WidthFirst,
    DepthFirst,
}

/// One module: the same parameter in all layers, or a parameter outside the layers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModulePlan {
    /// Its tensors in the small model, layer by layer.
    pub(crate) small: Vec<usize>,
    /// Its tensors in the large model, layer by layer.
    pub(crate) large: Vec<usize>,
    /// Its row axis; one kept row for a vector.
    pub(crate) rows: Vec<Part>,
    /// Its column axis.
    pub(crate) columns: Vec<Part>,
    /// Its depth weights, where the model gets deeper.
    pub(crate) mix: Option<usize>,
    /// The cheaper one.
    pub(crate) width_order: WidthOrder,
    /// The cheaper one.
    pub(crate) depth_order: DepthOrder,
}

/// The whole operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The factors: B (and A) first, then w.
    pub(crate) factors: Vec<FactorKind>,
    /// Their declarations, as the optimiser and a checkpoint see them.
    pub(crate) specs: Vec<ParamSpec>,
    /// Every weight of the large model is in exactly one of them.
    pub(crate) modules: Vec<ModulePlan>,
    form: WidthForm,
}

/// The width factors that there are, by kind of space, side, and whether it is one of the class-attention layers.
type KnownFactors = HashMap<(SpaceKind, Role, bool), usize>;

/// The sizes of a space of the large model there and in the small one. The layers of both have the same widths, and a
/// class-attention layer of the large model has a number beyond the small model's layers too.
fn sizes(space: Space, (small, large): (&ModelConfig, &ModelConfig)) -> (SpaceSize, SpaceSize) {
    (small.space(space), large.space(space))
}

impl Plan {
    /// Follows the declarations of both models.
    pub(crate) fn new(small: &Model, large: &Model, options: &FactorOptions) -> Result<Self> {
        let configs = (small.config(), large.config());
        check_growth(configs.0, configs.1)?;
        let mut plan = Self { factors: vec![], specs: vec![], modules: vec![], form: options.width_form };
        let mut width_factors = KnownFactors::new();
        let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, spec) in small.specs().iter().enumerate() {
            positions.entry(&spec.module).or_default().push(i);
        }
        let mut modules: HashMap<&str, usize> = HashMap::new();
        for (i, spec) in large.specs().iter().enumerate() {
            if let Some(&module) = modules.get(spec.module.as_str()) {
                let module: &mut ModulePlan = &mut plan.modules[module];
                module.large.push(i);
                continue;
            }
            let Some(small_positions) = positions.get(spec.module.as_str()) else {
                return Err(GrowthError::Map {
                    what: format!("parameter {}", spec.name),
                    found: "no such module in the small model".into(),
                    expected: "one to grow from".into(),
                });
            };
            let mut axes = Vec::with_capacity(2);
            for axis in &spec.axes {
                axes.push(plan.axis(axis, configs, options, &mut width_factors));
            }
            let columns = axes.pop().unwrap_or_default();
            let rows = axes.pop().unwrap_or_else(|| vec![Part::Keep(1)]);
            modules.insert(&spec.module, plan.modules.len());
            plan.modules.push(ModulePlan {
                small: small_positions.clone(),
                large: vec![i],
                rows,
                columns,
                mix: None,
                width_order: WidthOrder::RowsFirst,
                depth_order: DepthOrder::WidthFirst,
            });
        }
        plan.add_depth(large, configs, options);
        if plan.factors.is_empty() {
            return Err(GrowthError::Sizes {
                what: "hidden_size".into(),
                found: format!("{}, and nothing else that grows", configs.1.hidden_size),
                expected: "a large model that is wider or deeper than the small one".into(),
            });
        }
        plan.choose_orders();
        Ok(plan)
    }

    /// FLOPs of one expansion, as the orders stand.
    pub(crate) fn flops(&self) -> ExpansionFlops {
        let mut sum = ExpansionFlops::default();
        for module in &self.modules {
            let flops = module.flops(self.form);
            sum.forward += flops.forward;
            sum.backward += flops.backward;
        }
        sum
    }

    /// The parts of an axis, and the factors that they need. The axis is that of a module's first layer in the large model.
    fn axis(
        &mut self,
        axis: &Axis,
        configs: (&ModelConfig, &ModelConfig),
        options: &FactorOptions,
        known: &mut KnownFactors,
    ) -> Vec<Part> {
        let mut parts = Vec::with_capacity(axis.spaces.len());
        for &space in &axis.spaces {
            let (small, large) = sizes(space, configs);
            if small.width() == large.width() {
                parts.push(Part::Keep(small.width()));
                continue;
            }
            let drawn = |plan: &mut Self, space, known: &mut _| {
                plan.width_factor(space, Role::Produces, FactorStart::Drawn, configs, known)
            };
            let factor = match (space, axis.role, options.tying) {
                // Attention produces it from the values; nothing but its consumer has a factor.
                (Space::Context(layer), ..) => {
                    let values = Space::Value(layer);
                    let factor = drawn(self, values, known);
                    let (small, large) = sizes(values, configs);
                    let sharing = configs.0.num_attention_heads / configs.0.num_key_value_heads().max(1);
                    let start = FactorStart::AsValues { factor, small, large, sharing };
                    self.width_factor(space, Role::Consumes, start, configs, known)
                }
                (_, Role::Consumes, Tying::Untied) => {
                    let partner = FactorStart::AsPartner(drawn(self, space, known));
                    self.width_factor(space, Role::Consumes, partner, configs, known)
                }
                _ => drawn(self, space, known),
            };
            parts.push(Part::Grow { factor, small: small.width(), large: large.width() });
        }
        parts
    }

    fn width_factor(
        &mut self,
        space: Space,
        role: Role,
        start: FactorStart,
        configs: (&ModelConfig, &ModelConfig),
        known: &mut KnownFactors,
    ) -> usize {
        // Class-attention layers are a net of their own behind the other layers, whose MLPs may be wider.
        let of_class_layer = space.layer().is_some_and(|layer| layer >= configs.1.num_hidden_layers);
        *known.entry((space.kind(), role, of_class_layer)).or_insert_with(|| {
            let (small, large) = sizes(space, configs);
            let (small, large) = (small.width(), large.width());
            let letter = if role == Role::Produces { 'B' } else { 'A' };
            let rows = match self.form {
                WidthForm::Identity => large - small,
                WidthForm::Free => large,
            };
            let class = if of_class_layer { "class." } else { "" };
            let kind = format!("{:?}", space.kind()).to_lowercase();
            self.specs.push(declare(format!("{letter}.{class}{kind}"), [rows, small]));
            self.factors.push(FactorKind::Width { small, large, start });
            self.factors.len() - 1
        })
    }

    /// Gives each module of a model that gets deeper its depth weights.
    fn add_depth(&mut self, large: &Model, (small, deep): (&ModelConfig, &ModelConfig), options: &FactorOptions) {
        if small.num_hidden_layers == deep.num_hidden_layers {
            return;
        }
        let mut known: HashMap<String, usize> = HashMap::new();
        for module in &mut self.modules {
            let spec = &large.specs()[module.large[0]];
            if spec.layer.is_none() {
                continue;
            }
            let name = depth_name(&spec.module, options.bias_depth);
            module.mix = Some(*known.entry(name).or_insert_with_key(|name| {
                self.specs.push(declare(name.clone(), [deep.num_hidden_layers, small.num_hidden_layers]));
                self.factors.push(FactorKind::Depth);
                self.factors.len() - 1
            }));
        }
    }

    /// Takes for each module the order of rows, columns and layers whose forward and backward together cost least.
    fn choose_orders(&mut self) {
        let form = self.form;
        for module in &mut self.modules {
            let orders = [
                (WidthOrder::RowsFirst, DepthOrder::WidthFirst),
                (WidthOrder::ColumnsFirst, DepthOrder::WidthFirst),
                (WidthOrder::RowsFirst, DepthOrder::DepthFirst),
                (WidthOrder::ColumnsFirst, DepthOrder::DepthFirst),
            ];
            let mut least = f64::INFINITY;
            let mut best = orders[0];
            for order in orders {
                (module.width_order, module.depth_order) = order;
                let flops = module.flops(form);
                if flops.forward + flops.backward < least {
                    (least, best) = (flops.forward + flops.backward, order);
                }
            }
            (module.width_order, module.depth_order) = best;
        }
    }
}

impl ModulePlan {
    /// Whether the rows grow at all.
    pub(crate) fn rows_grow(&self) -> bool {
        grows(&self.rows)
    }

    /// Whether the columns grow at all.
    pub(crate) fn columns_grow(&self) -> bool {
        grows(&self.columns)
    }

    /// FLOPs of expanding this module in all layers.
    fn flops(&self, form: WidthForm) -> ExpansionFlops {
        let (small_rows, large_rows) = extent(&self.rows);
        let (small_columns, large_columns) = extent(&self.columns);
        let (first, second) = match self.width_order {
            WidthOrder::RowsFirst => {
                (along(&self.rows, form) * small_columns as f64, along(&self.columns, form) * large_rows as f64)
            }
            WidthOrder::ColumnsFirst => {
                (along(&self.columns, form) * small_rows as f64, along(&self.rows, form) * large_columns as f64)
            }
        };
        let (small_layers, large_layers) = (self.small.len() as f64, self.large.len() as f64);
        // The gradient of an input costs what the forward does, and so does that of the factors. The input of the first
        // expansion is a frozen small weight unless layers were mixed before.
        let (widened, frozen) = match (self.mix, self.depth_order) {
            (Some(_), DepthOrder::DepthFirst) => (large_layers, 0.0),
            _ if first > 0.0 => (small_layers, first),
            _ => (small_layers, second),
        };
        let mixed = match (self.mix, self.depth_order) {
            (None, _) => 0.0,
            (Some(_), DepthOrder::WidthFirst) => (large_rows * large_columns) as f64,
            (Some(_), DepthOrder::DepthFirst) => (small_rows * small_columns) as f64,
        };
        let mixing = 2.0 * small_layers * large_layers * mixed;
        ExpansionFlops {
            forward: widened * (first + second) + mixing,
            backward: widened * (2.0 * (first + second) - frozen) + 2.0 * mixing,
        }
    }
}

fn grows(axis: &[Part]) -> bool {
    axis.iter().any(|part| matches!(part, Part::Grow { .. }))
}

/// Small and large size of an axis.
fn extent(axis: &[Part]) -> (usize, usize) {
    axis.iter().map(|part| part.sizes()).fold((0, 0), |sum, sizes| (sum.0 + sizes.0, sum.1 + sizes.1))
}

/// FLOPs of growing an axis for each coordinate of the other one; the identity block is never multiplied.
fn along(axis: &[Part], form: WidthForm) -> f64 {
    let part = |part: &Part| match *part {
        Part::Keep(_) => 0.0,
        Part::Grow { small, large, .. } => match form {
            WidthForm::Identity => 2.0 * (large - small) as f64 * small as f64,
            WidthForm::Free => 2.0 * large as f64 * small as f64,
        },
    };
    axis.iter().map(part).sum()
}

/// `w.` and the module's name within its layer: `w.attn.c_attn`, or `w.attn.c_attn.bias` where biases have their own.
fn depth_name(module: &str, bias_depth: BiasDepth) -> String {
    let within = module.split_once("{}.").map_or(module, |(_, within)| within);
    let owner = match bias_depth {
        BiasDepth::Shared => within.rsplit_once('.').map_or(within, |(owner, _)| owner),
        BiasDepth::Own => within,
    };
    format!("w.{owner}")
}

fn declare(name: String, shape: [usize; 2]) -> ParamSpec {
    // The axes of a factor mean nothing to another operator, and its start is drawn by `start`, not by its declaration.
    let axis = Axis { role: Role::Produces, spaces: vec![] };
    ParamSpec {
        module: name.clone(),
        name,
        layer: None,
        shape: shape.to_vec(),
        stored_shape: None,
        axes: vec![axis.clone(), axis],
        init: Init::Zeros,
        decay: true,
    }
}
