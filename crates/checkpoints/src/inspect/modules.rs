//! Which part of a model a parameter belongs to, by what its axes mean; names would differ from family to family.

use ligo_models::{Init, ParamSpec, Role, Space};
use std::collections::BTreeMap;

/// A part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModuleKind {
    /// Tables of tokens, positions and types, the projection of patches, class tokens.
    Embeddings,
    /// Queries, keys, values, output projections, talking heads.
    Attention,
    /// Both halves, and the gate.
    Mlp,
    /// All norms, those of the head among them.
    Norms,
    /// LayerScale's gains.
    LayerScale,
    /// What stands on top, but for what is tied to an embedding.
    Head,
}

impl ModuleKind {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::Attention => "attention",
            Self::Mlp => "MLP",
            Self::Norms => "norms",
            Self::LayerScale => "layer scale",
            Self::Head => "head",
        }
    }

    /// Its key in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::LayerScale => "layer_scale",
            other => other.name(),
        }
    }
}

/// Weights by module.
pub(super) fn count(specs: &[ParamSpec]) -> Vec<(ModuleKind, usize)> {
    // A bias belongs to its weight.
    let mut modules: BTreeMap<&str, Vec<&ParamSpec>> = BTreeMap::new();
    for spec in specs {
        modules.entry(stem(&spec.name)).or_default().push(spec);
    }
    let mut counts: BTreeMap<ModuleKind, usize> = BTreeMap::new();
    for specs in modules.values() {
        *counts.entry(kind(specs)).or_default() += specs.iter().map(|spec| spec.elements()).sum::<usize>();
    }
    counts.into_iter().collect()
}

/// A name without `.weight` or `.bias`.
pub(super) fn stem(name: &str) -> &str {
    name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias")).unwrap_or(name)
}

fn kind(specs: &[&ParamSpec]) -> ModuleKind {
    let has =
        |wanted: fn(&Space) -> bool| specs.iter().flat_map(|spec| &spec.axes).flat_map(|axis| &axis.spaces).any(wanted);
    let starts = |wanted: fn(&Init) -> bool| specs.iter().any(|spec| wanted(&spec.init));
    // All axes of a table produce; a decoder of its own consumes.
    let table = |spec: &&ParamSpec| spec.axes.len() == 2 && spec.axes.iter().all(|axis| axis.role == Role::Produces);
    let token = |spec: &&ParamSpec| spec.axes.len() == 1 && matches!(spec.init, Init::Normal(_));
    if starts(|init| matches!(init, Init::Ones)) {
        ModuleKind::Norms
    } else if has(|space| matches!(space, Space::Ffn(_))) {
        ModuleKind::Mlp
    } else if has(|space| {
        matches!(space, Space::Query(_) | Space::Key(_) | Space::Value(_) | Space::Context(_) | Space::Heads(_))
    }) {
        ModuleKind::Attention
    } else if starts(|init| matches!(init, Init::Constant(_))) {
        ModuleKind::LayerScale
    } else if has(|space| matches!(space, Space::Patch)) || specs.iter().any(|spec| table(spec) || token(spec)) {
        ModuleKind::Embeddings
    } else {
        ModuleKind::Head
    }
}
