//! The spaces of a model: which widths its parameters share, and so what growing it can change.

use super::modules::stem;
use ligo_models::{ModelConfig, ParamSpec, Role, Space, SpaceSize};

/// A space, that of all layers in which it is equally wide taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpaceUse {
    /// What it is called: `embed`, `query`, `ffn`, …
    pub name: String,
    /// Number of layers that have one of their own; none if the model has just one.
    pub layers: Option<usize>,
    /// How wide it is, and of which units.
    pub size: SpaceSize,
    /// Whether growing may change its width.
    pub grows: bool,
    /// Modules that make it, `*` for the number of a layer.
    pub produced_by: Vec<String>,
    /// Modules that read it.
    pub consumed_by: Vec<String>,
}

/// The spaces that `specs` have, in the order of their first use.
pub(super) fn used(config: &ModelConfig, specs: &[ParamSpec]) -> Vec<SpaceUse> {
    // By kind and size; the layers seen, each once.
    let mut found: Vec<(SpaceUse, Vec<Space>)> = vec![];
    for spec in specs {
        for axis in &spec.axes {
            for &space in &axis.spaces {
                let (kind, size) = (space.kind(), config.space(space));
                let known = found.iter().position(|(used, spaces)| spaces[0].kind() == kind && used.size == size);
                let (used, spaces) = match known {
                    Some(i) => &mut found[i],
                    None => {
                        let used = SpaceUse {
                            name: name(space),
                            layers: None,
                            size,
                            grows: space.grows(),
                            produced_by: vec![],
                            consumed_by: vec![],
                        };
                        found.push((used, vec![space]));
                        let last = found.len() - 1;
                        &mut found[last]
                    }
                };
                if !spaces.contains(&space) {
                    spaces.push(space);
                }
                let modules = match axis.role {
                    Role::Produces => &mut used.produced_by,
                    Role::Consumes => &mut used.consumed_by,
                };
                let module = stem(&spec.module).replace("{}", "*");
                if !modules.contains(&module) {
                    modules.push(module);
                }
            }
        }
    }
    let finish = |(used, spaces): (SpaceUse, Vec<Space>)| {
        // A space without a layer stays itself in any.
        let per_layer = spaces[0].in_layer(0) != spaces[0].in_layer(1);
        SpaceUse { layers: per_layer.then_some(spaces.len()), ..used }
    };
    found.into_iter().map(finish).collect()
}

/// A space's name without its layer.
fn name(space: Space) -> String {
    let name = space.to_string();
    name.split(" of layer ").next().unwrap_or(&name).to_owned()
}
