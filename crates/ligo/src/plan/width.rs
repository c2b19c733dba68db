//! Which width factors there are, and which of them each axis takes.

use super::factor::{FactorPlan, FactorStart, Key, Kind, Owner, Side, WidthFactor, declare};
use super::module::{Axes, Map, Piece};
use crate::options::{FactorOptions, Rotary, Sharing, Tying, WidthForm};
use ligo_models::{Axis, Model, ModelConfig, ParamSpec, Part, Role, Space, SpaceKind, SpaceSize};
use std::collections::HashMap;

/// Gives axes their factors, making each the first time that it is asked for.
pub(super) struct Widths<'a> {
    small: &'a ModelConfig,
    large: &'a Model,
    options: &'a FactorOptions,
    /// Heads that share a key and a value.
    sharing: usize,
    pub(super) factors: Vec<FactorPlan>,
    pub(super) specs: Vec<ParamSpec>,
    pub(super) maps: Vec<Map>,
    known: HashMap<Key, usize>,
    mapped: HashMap<Key, usize>,
}

/// A width of one layer or of the whole net, with its sizes.
#[derive(Clone, Copy)]
struct Width {
    kind: Kind,
    owner: Owner,
    /// In the small model.
    space: Space,
    small: SpaceSize,
    large: SpaceSize,
}

impl<'a> Widths<'a> {
    pub(super) fn new(small: &'a ModelConfig, large: &'a Model, options: &'a FactorOptions) -> Self {
        let sharing = small.num_attention_heads / small.num_key_value_heads().max(1);
        let (factors, specs, maps) = Default::default();
        let (known, mapped) = Default::default();
        Self { small, large, options, sharing, factors, specs, maps, known, mapped }
    }

    /// The axes of parameter `index` of the large model; of a layer of it or of the small one, as factors are shared.
    pub(super) fn axes(&mut self, index: usize, layer: Option<usize>) -> Axes {
        let spec = &self.large.specs()[index];
        let is_vector = spec.axes.len() < 2;
        let of_transform = self.options.head_factor && self.large.part(index) == Part::HeadTransform;
        let mut axes = Vec::with_capacity(2);
        for axis in &spec.axes {
            // The transform's matrix reads the residual stream; what it makes, and the norm behind it, are its own.
            let own = of_transform && (is_vector || axis.role == Role::Produces);
            axes.push(self.axis(axis, layer, own));
        }
        let columns = axes.pop().unwrap_or_default();
        let rows = axes.pop().unwrap_or_else(|| vec![Piece::Keep(1)]);
        Axes { rows, columns }
    }

    fn axis(&mut self, axis: &Axis, layer: Option<usize>, of_transform: bool) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(axis.spaces.len());
        for &space in &axis.spaces {
            let space = layer.map_or(space, |layer| space.in_layer(layer));
            let width = self.width(space, of_transform);
            if width.small == width.large {
                pieces.push(Piece::Keep(width.small.width()));
                continue;
            }
            let map = self.map(width, axis.role);
            pieces.push(Piece::Grow { map, small: width.small.width(), large: width.large.width() });
        }
        pieces
    }

    /// A space of the large model, its layer counted there (class-attention layers) or among the layers that are widened.
    fn width(&self, space: Space, of_transform: bool) -> Width {
        let config = self.large.config();
        let per_layer = self.options.sharing != Sharing::PerKind;
        let class = space.layer().and_then(|layer| layer.checked_sub(config.num_hidden_layers));
        let owner = match (class, space.layer()) {
            (Some(number), _) if per_layer => Owner::ClassLayer(number),
            (Some(_), _) => Owner::Class,
            (None, Some(layer)) if per_layer => Owner::Layer(layer),
            _ => Owner::Net,
        };
        // A map of copies is drawn for a layer of the small model; one for all layers is that of the first.
        let of_small = match owner {
            Owner::Net => 0,
            Owner::Layer(layer) => layer % self.small.num_hidden_layers,
            Owner::Class => self.small.num_hidden_layers,
            Owner::ClassLayer(number) => self.small.num_hidden_layers + number,
        };
        let (kind, owner) = match of_transform && space == Space::Embed {
            true => (Kind::Transform, Owner::Net),
            false => (Kind::Space(space.kind()), owner),
        };
        let space_of_small = space.in_layer(of_small);
        Width {
            kind,
            owner,
            space: space_of_small,
            small: self.small.space(space_of_small),
            large: config.space(space),
        }
    }

    /// The map that an axis of that role takes.
    fn map(&mut self, width: Width, role: Role) -> usize {
        let context = width.kind == Kind::Space(SpaceKind::Context);
        let side = match role {
            // Attention makes it of the values; nothing but its consumer has a factor.
            _ if context => Side::Consumes,
            Role::Consumes if self.options.tying != Tying::Tied => Side::Consumes,
            _ => Side::Produces,
        };
        let key = Key { kind: width.kind, side, owner: width.owner };
        if let Some(&map) = self.mapped.get(&key) {
            return map;
        }
        let map = match (side, self.options.tying) {
            (Side::Consumes, _) if context => Map::Factor(self.context(width)),
            (Side::Consumes, Tying::Scaled) => {
                let factor = self.producer(width);
                Map::Scaled { factor, scale: self.scale(width, factor) }
            }
            (Side::Consumes, _) => {
                let start = FactorStart::Partner(self.producer(width));
                Map::Factor(self.factor(width, Side::Consumes, start))
            }
            _ => Map::Factor(self.producer(width)),
        };
        self.maps.push(map);
        self.mapped.insert(key, self.maps.len() - 1);
        self.maps.len() - 1
    }

    /// B.
    fn producer(&mut self, width: Width) -> usize {
        let start = match width.kind {
            // The decoder that reads it is the embedding: both must copy alike where copies are divided.
            Kind::Transform if self.options.width_start.divides() => {
                FactorStart::As(self.producer(Width { kind: Kind::Space(SpaceKind::Embed), ..width }))
            }
            Kind::Space(SpaceKind::Query) if self.whole(width.kind) => {
                let keys = self.beside(width, Space::Key(0));
                FactorStart::Repeated { of: self.producer(keys), sharing: self.sharing, divided: false }
            }
            _ => FactorStart::Drawn,
        };
        self.factor(width, Side::Produces, start)
    }

    /// A of what attention hands on.
    fn context(&mut self, width: Width) -> usize {
        let values = self.beside(width, Space::Value(0));
        let start = FactorStart::Repeated { of: self.producer(values), sharing: self.sharing, divided: true };
        self.factor(width, Side::Consumes, start)
    }

    /// Another space of the same layer.
    fn beside(&self, width: Width, space: Space) -> Width {
        let space = space.in_layer(width.space.layer().unwrap_or(0));
        let large = self.large.config().space(space);
        Width { kind: Kind::Space(space.kind()), space, small: self.small.space(space), large, ..width }
    }

    fn whole(&self, kind: Kind) -> bool {
        self.options.rotary == Rotary::WholeHeads
            && self.large.config().family.is_llama_style()
            && matches!(kind, Kind::Space(SpaceKind::Query | SpaceKind::Key))
    }

    fn factor(&mut self, width: Width, side: Side, start: FactorStart) -> usize {
        let key = Key { kind: width.kind, side, owner: width.owner };
        if let Some(&factor) = self.known.get(&key) {
            return factor;
        }
        // Divided old coordinates are no identity; nor is there anything beside it where heads become more but not the width.
        let divided = side == Side::Consumes && self.options.width_start.divides();
        let square = width.small.width() == width.large.width();
        let form = if divided || square { WidthForm::Free } else { self.options.width_form };
        let (space, small, large) = (width.space, width.small, width.large);
        let factor = WidthFactor { space, small, large, form, whole: self.whole(width.kind), start };
        self.specs.push(declare(key.name(), factor.shape(), true));
        self.add(key, FactorPlan::Width(factor))
    }

    /// s.
    fn scale(&mut self, width: Width, of: usize) -> usize {
        let key = Key { kind: width.kind, side: Side::Scales, owner: width.owner };
        if let Some(&factor) = self.known.get(&key) {
            return factor;
        }
        // Decay would draw it to 0 instead of 1.
        self.specs.push(declare(key.name(), [1, width.large.width()], false));
        self.add(key, FactorPlan::Scale { of })
    }

    fn add(&mut self, key: Key, factor: FactorPlan) -> usize {
        self.factors.push(factor);
        self.known.insert(key, self.factors.len() - 1);
        self.factors.len() - 1
    }
}
