//! How a family declares its parameters: each call adds specs and returns where their tensors will be found.
//!
//! The handles are plain indices, so that a forward pass looks nothing up by name. Shapes follow from the spaces of the axes
//! and cannot disagree with them.

use crate::{Axis, Init, ModelConfig, ParamSpec, Role, Space};
use ligo_kernels::Layout;

/// Where a linear map's weight and bias are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linear {
    pub(crate) weight: usize,
    pub(crate) bias: usize,
    pub(crate) layout: Layout,
}

/// Where a layer norm's gain and bias are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm {
    pub(crate) gain: usize,
    pub(crate) bias: usize,
}

/// Where a single matrix or vector is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table(pub(crate) usize);

/// Collects the declarations of a model.
pub(crate) struct Declare<'a> {
    config: &'a ModelConfig,
    layer: Option<usize>,
    specs: Vec<ParamSpec>,
}

impl<'a> Declare<'a> {
    pub(crate) fn new(config: &'a ModelConfig) -> Self {
        Self { config, layer: None, specs: Vec::new() }
    }

    /// What follows belongs to this layer; its number takes the place of `{}` in the names.
    pub(crate) fn in_layer(&mut self, layer: impl Into<Option<usize>>) {
        self.layer = layer.into();
    }

    /// An embedding table, one row per unit of `rows`.
    pub(crate) fn table(&mut self, module: &str, rows: Space) -> Table {
        let axes = [Axis::produces([rows]), Axis::produces([Space::Embed])];
        Table(self.add(module.to_owned(), axes.into(), Init::Normal(self.config.initializer_range)))
    }

    /// A linear map with bias; fresh weights N(0, initializer_range²).
    pub(crate) fn linear(&mut self, module: &str, layout: Layout, inputs: Space, outputs: &[Space]) -> Linear {
        self.scaled_linear(module, layout, inputs, outputs, 1.0)
    }

    /// As [`Declare::linear`], with fresh weights smaller by the factor `scale`.
    pub(crate) fn scaled_linear(
        &mut self,
        module: &str,
        layout: Layout,
        inputs: Space,
        outputs: &[Space],
        scale: f32,
    ) -> Linear {
        let mut axes = vec![Axis::produces(outputs), Axis::consumes([inputs])];
        if layout == Layout::InOut {
            axes.reverse();
        }
        let std = self.config.initializer_range * scale;
        let weight = self.add(format!("{module}.weight"), axes, Init::Normal(std));
        let bias = self.add(format!("{module}.bias"), vec![Axis::produces(outputs)], Init::Zeros);
        Linear { weight, bias, layout }
    }

    /// A layer norm over the residual stream.
    pub(crate) fn norm(&mut self, module: &str, role: Role) -> Norm {
        let axis = || vec![Axis { role, spaces: vec![Space::Embed] }];
        let gain = self.add(format!("{module}.weight"), axis(), Init::Ones);
        let bias = self.add(format!("{module}.bias"), axis(), Init::Zeros);
        Norm { gain, bias }
    }

    /// A bias of its own.
    pub(crate) fn bias(&mut self, module: &str, space: Space) -> Table {
        Table(self.add(module.to_owned(), vec![Axis::produces([space])], Init::Zeros))
    }

    /// All declarations, in order.
    pub(crate) fn finish(self) -> Vec<ParamSpec> {
        self.specs
    }

    fn add(&mut self, module: String, axes: Vec<Axis>, init: Init) -> usize {
        let width = |axis: &Axis| axis.spaces.iter().map(|&space| self.config.space(space).width()).sum();
        let shape: Vec<usize> = axes.iter().map(width).collect();
        let name = match self.layer {
            Some(layer) => module.replace("{}", &layer.to_string()),
            None => module.clone(),
        };
        let decay = shape.len() == 2;
        self.specs.push(ParamSpec { name, module, layer: self.layer, shape, axes, init, decay });
        self.specs.len() - 1
    }
}
