//! How a family declares its parameters: each call adds specs and returns where their tensors will be found.
//!
//! The handles are plain indices, so that a forward pass looks nothing up by name. Shapes follow from the spaces of the axes
//! and cannot disagree with them.

use crate::layers::{Adapter, Adapters};
use crate::{AdapterSites, Axis, Init, ModelConfig, ParamSpec, Role, Space};
use ligo_kernels::{Layout, NormKind};

/// Where a linear map's weight and bias are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linear {
    pub(crate) weight: usize,
    pub(crate) bias: Option<usize>,
    pub(crate) layout: Layout,
}

/// Where a norm's gain and bias are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm {
    pub(crate) kind: NormKind,
    pub(crate) gain: usize,
    pub(crate) bias: Option<usize>,
}

/// Where a single matrix or vector is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table(pub(crate) usize);

/// The spaces of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSpaces {
    pub(crate) query: Space,
    pub(crate) key: Space,
    pub(crate) value: Space,
    /// What attention hands on: the values themselves, unless several heads share them.
    pub(crate) context: Space,
    pub(crate) heads: Space,
    pub(crate) ffn: Space,
}

impl LayerSpaces {
    pub(crate) fn new(config: &ModelConfig, layer: usize) -> Self {
        let value = Space::Value(layer);
        let shared = config.num_key_value_heads() != config.num_attention_heads;
        Self {
            query: Space::Query(layer),
            key: Space::Key(layer),
            value,
            context: if shared { Space::Context(layer) } else { value },
            heads: Space::Heads(layer),
            ffn: Space::Ffn(layer),
        }
    }
}

/// Collects the declarations of a model.
pub(crate) struct Declare<'a> {
    config: &'a ModelConfig,
    layout: Layout,
    layer: Option<usize>,
    specs: Vec<ParamSpec>,
}

impl<'a> Declare<'a> {
    /// For a family whose linear maps lie as `layout` says.
    pub(crate) fn new(config: &'a ModelConfig, layout: Layout) -> Self {
        Self { config, layout, layer: None, specs: Vec::new() }
    }

    /// What follows belongs to this layer; its number takes the place of `{}` in the names.
    pub(crate) fn in_layer(&mut self, layer: impl Into<Option<usize>>) {
        self.layer = layer.into();
    }

    /// An embedding table, one row per unit of `rows`.
    pub(crate) fn table(&mut self, module: impl Into<String>, rows: Space) -> Table {
        let axes = vec![Axis::produces([rows]), Axis::produces([Space::Embed])];
        Table(self.add(module.into(), axes, Init::Normal(self.config.initializer_range)))
    }

    /// A position table of a model of images, stored as `[1, positions, hidden_size]`; it does not decay.
    pub(crate) fn image_positions(&mut self, module: impl Into<String>) -> Table {
        let table = self.table(module, Space::Position);
        let spec = &mut self.specs[table.0];
        spec.stored_shape = Some([&[1], &spec.shape[..]].concat());
        spec.decay = false;
        table
    }

    /// A token of a model of images, stored as `[1, 1, hidden_size]`.
    pub(crate) fn token(&mut self, module: impl Into<String>) -> Table {
        let init = Init::Normal(self.config.initializer_range);
        let table = self.vector(module, Space::Embed, Role::Produces, init);
        self.specs[table.0].stored_shape = Some(vec![1, 1, self.config.hidden_size]);
        table
    }

    /// The map from patches to the residual stream, stored as a convolution `[hidden_size, channels, patch, patch]`.
    pub(crate) fn patch_projection(&mut self, module: &str) -> Linear {
        let map = self.linear(module, Space::Patch, &[Space::Embed], true);
        let (channels, patch) = (self.config.num_channels(), self.config.patch_size());
        self.specs[map.weight].stored_shape = Some(vec![self.config.hidden_size, channels, patch, patch]);
        map
    }

    /// A linear map; fresh weights N(0, initializer_range²).
    pub(crate) fn linear(&mut self, module: &str, inputs: Space, outputs: &[Space], bias: bool) -> Linear {
        self.scaled_linear(module, inputs, outputs, bias, 1.0)
    }

    /// As [`Declare::linear`], with fresh weights smaller by the factor `scale`.
    pub(crate) fn scaled_linear(
        &mut self,
        module: &str,
        inputs: Space,
        outputs: &[Space],
        bias: bool,
        scale: f32,
    ) -> Linear {
        let mut axes = vec![Axis::produces(outputs), Axis::consumes([inputs])];
        if self.layout == Layout::InOut {
            axes.reverse();
        }
        let std = self.config.initializer_range * scale;
        let weight = self.add(format!("{module}.weight"), axes, Init::Normal(std));
        let bias = bias.then(|| self.add(format!("{module}.bias"), vec![Axis::produces(outputs)], Init::Zeros));
        Linear { weight, bias, layout: self.layout }
    }

    /// The adapters of the current layer, whose names begin with `layer`.
    pub(crate) fn adapters(&mut self, layer: &str) -> Adapters {
        let (Some(number), Some(_)) = (self.layer, self.config.adapter_size) else { return Adapters::default() };
        let behind_attention = self.config.adapter_sites() == AdapterSites::AttentionAndMlp;
        let mut adapter = |branch| {
            let name = |half| format!("{layer}{branch}_adapter.{half}");
            let down = self.linear(&name("down"), Space::Embed, &[Space::Adapter(number)], true);
            let up = self.linear(&name("up"), Space::Adapter(number), &[Space::Embed], true);
            self.specs[up.weight].init = Init::Zeros;
            Adapter { down, up }
        };
        Adapters { attention: behind_attention.then(|| adapter("attention")), mlp: Some(adapter("mlp")) }
    }

    /// An output projection of its own, `[vocab_size, hidden_size]`.
    pub(crate) fn decoder(&mut self, name: &str) -> Table {
        let axes = vec![Axis::produces([Space::Vocab]), Axis::consumes([Space::Embed])];
        Table(self.add(name.to_owned(), axes, Init::Normal(self.config.initializer_range)))
    }

    /// A layer norm over the residual stream.
    pub(crate) fn layer_norm(&mut self, module: &str, role: Role) -> Norm {
        let gain = self.vector(format!("{module}.weight"), Space::Embed, role, Init::Ones);
        let bias = self.vector(format!("{module}.bias"), Space::Embed, role, Init::Zeros);
        Norm { kind: NormKind::Layer, gain: gain.0, bias: Some(bias.0) }
    }

    /// An RMS norm over the residual stream.
    pub(crate) fn rms_norm(&mut self, module: &str, role: Role) -> Norm {
        let gain = self.vector(format!("{module}.weight"), Space::Embed, role, Init::Ones);
        Norm { kind: NormKind::Rms, gain: gain.0, bias: None }
    }

    /// A vector of its own.
    pub(crate) fn vector(&mut self, module: impl Into<String>, space: Space, role: Role, init: Init) -> Table {
        Table(self.add(module.into(), vec![Axis { role, spaces: vec![space] }], init))
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
        self.specs.push(ParamSpec { name, module, layer: self.layer, shape, stored_shape: None, axes, init, decay });
        self.specs.len() - 1
    }
}
