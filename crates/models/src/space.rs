//! What the axes of a parameter mean: widths that several parameters share.
//!
//! A growth operator has one map per space, so that whatever produces a space and whatever consumes it stay in line
//! (PAPER.md 1.4: "channels must line up across modules").

use std::fmt;

/// A width shared by all axes that carry it. Layers count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// The residual stream (hidden_size).
    Embed,
    /// The queries of one layer: heads × head_dim.
    Query(usize),
    /// The keys of one layer: key/value heads × head_dim.
    Key(usize),
    /// The values of one layer: key/value heads × head_dim.
    Value(usize),
    /// What one layer's attention hands to its output projection where query heads share values (grouped queries): heads ×
    /// head_dim, head h being a mix of value head `h / (heads / key/value heads)`. Where each head has values of its own this is
    /// `Value`.
    Context(usize),
    /// The heads of one layer as coordinates: what CaiT's talking heads mix.
    Heads(usize),
    /// The coordinates of one head, the same in all heads and layers: what Qwen3's query and key norms scale.
    HeadDim,
    /// The inner width of one layer's MLP (intermediate_size).
    Ffn(usize),
    /// The inner width of one layer's adapters (adapter_size); never grows.
    Adapter(usize),
    /// Token ids; never grows.
    Vocab,
    /// Positions; never grows.
    Position,
    /// Token types (BERT's segments); never grows.
    TokenType,
    /// The numbers of one image patch: channels × patch_size × patch_size; never grows.
    Patch,
    /// What a head tells apart: classes, regression targets, start and end of an answer; never grows.
    Label,
}

/// A [`Space`] without its layer: what two models of different depth have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the variants are those of Space")]
pub enum SpaceKind {
    Embed,
    Query,
    Key,
    Value,
    Context,
    Heads,
    HeadDim,
    Ffn,
    Adapter,
    Vocab,
    Position,
    TokenType,
    Patch,
    Label,
}

/// How wide a space is, and how it is made up: `units` blocks of `unit` coordinates each.
///
/// Attention spaces are heads × head_dim; every other space is n units of 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceSize {
    /// Number of blocks that stay whole when a method maps heads.
    pub units: usize,
    /// Coordinates in a block.
    pub unit: usize,
}

impl SpaceSize {
    /// Coordinates in all.
    pub fn width(self) -> usize {
        self.units * self.unit
    }
}

impl Space {
    /// The space without its layer.
    pub fn kind(self) -> SpaceKind {
        match self {
            Self::Embed => SpaceKind::Embed,
            Self::Query(_) => SpaceKind::Query,
            Self::Key(_) => SpaceKind::Key,
            Self::Value(_) => SpaceKind::Value,
            Self::Context(_) => SpaceKind::Context,
            Self::Heads(_) => SpaceKind::Heads,
            Self::HeadDim => SpaceKind::HeadDim,
            Self::Ffn(_) => SpaceKind::Ffn,
            Self::Adapter(_) => SpaceKind::Adapter,
            Self::Vocab => SpaceKind::Vocab,
            Self::Position => SpaceKind::Position,
            Self::TokenType => SpaceKind::TokenType,
            Self::Patch => SpaceKind::Patch,
            Self::Label => SpaceKind::Label,
        }
    }

    /// The layer that it belongs to, if it does.
    pub fn layer(self) -> Option<usize> {
        match self {
            Self::Query(l)
            | Self::Key(l)
            | Self::Value(l)
            | Self::Context(l)
            | Self::Heads(l)
            | Self::Ffn(l)
            | Self::Adapter(l) => Some(l),
            _ => None,
        }
    }

    /// The same space in another layer; spaces that belong to no layer stay as they are.
    pub fn in_layer(self, layer: usize) -> Self {
        match self {
            Self::Query(_) => Self::Query(layer),
            Self::Key(_) => Self::Key(layer),
            Self::Value(_) => Self::Value(layer),
            Self::Context(_) => Self::Context(layer),
            Self::Heads(_) => Self::Heads(layer),
            Self::Ffn(_) => Self::Ffn(layer),
            Self::Adapter(_) => Self::Adapter(layer),
            other => other,
        }
    }

    /// Whether growing may change its width.
    pub fn grows(self) -> bool {
        !matches!(self, Self::Adapter(_) | Self::Vocab | Self::Position | Self::TokenType | Self::Patch | Self::Label)
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(l) => write!(f, "query of layer {l}"),
            Self::Key(l) => write!(f, "key of layer {l}"),
            Self::Value(l) => write!(f, "value of layer {l}"),
            Self::Context(l) => write!(f, "context of layer {l}"),
            Self::Heads(l) => write!(f, "heads of layer {l}"),
            Self::Ffn(l) => write!(f, "ffn of layer {l}"),
            Self::Adapter(l) => write!(f, "adapters of layer {l}"),
            Self::Embed => f.write_str("embed"),
            Self::HeadDim => f.write_str("head dim"),
            Self::Patch => f.write_str("patch"),
            Self::Label => f.write_str("label"),
            Self::Vocab => f.write_str("vocab"),
            Self::Position => f.write_str("position"),
            Self::TokenType => f.write_str("token type"),
        }
    }
}
