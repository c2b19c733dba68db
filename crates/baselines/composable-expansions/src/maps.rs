//! The maps of each space: the old coordinates first, what is new either fresh or 0.

use ligo_growth::{Expansion, GrowthError, Result, SpaceMap, WidthMap};
use ligo_models::{Family, ModelConfig, Space, SpaceSize};

/// ε of the large model's norms.
pub(crate) fn eps(small: &ModelConfig, large: &ModelConfig) -> f32 {
    (f64::from(small.layer_norm_eps()) * shrinkage(small, large)) as f32
}

/// d / D: how much smaller the mean square of the wider stream is.
fn shrinkage(small: &ModelConfig, large: &ModelConfig) -> f64 {
    small.hidden_size as f64 / large.hidden_size as f64
}

/// All maps, and those of the norms.
pub(crate) fn width(small: &ModelConfig, large: &ModelConfig) -> Result<WidthMap> {
    let eps = eps(small, large);
    if large.layer_norm_eps() != eps {
        let (found, expected) = (large.layer_norm_eps().to_string(), format!("{eps}, as the wider stream needs"));
        return Err(GrowthError::Sizes { what: "layer_norm_eps".into(), found, expected });
    }
    let gain = shrinkage(small, large).sqrt() as f32;
    let map = WidthMap::per_space(small, large, |space, from, to| {
        Ok(match space {
            // Written as 0, so that what reads it may be anything.
            Space::Embed => SpaceMap { produce: zeros(from, to), consume: fresh(from, to, 1.0) },
            // Written as anything, and not read.
            _ => SpaceMap { produce: fresh(from, to, 1.0), consume: zeros(from, to) },
        })
    })?;
    if gain == 1.0 {
        return Ok(map);
    }
    let stream = |model: &ModelConfig| model.space(Space::Embed);
    let map = map.with_norms(SpaceMap::tied(fresh(stream(small), stream(large), 1.0)), gain);
    // Qwen3's norms of queries and keys have the same ε.
    let scaled = |map: WidthMap, space| {
        let (from, to) = (small.space(space), large.space(space));
        map.with(space, SpaceMap { produce: fresh(from, to, gain), consume: fresh(from, to, 1.0 / gain) })
    };
    let layers = if small.family == Family::Qwen3 { small.num_hidden_layers } else { 0 };
    Ok((0..layers).flat_map(|layer| [Space::Query(layer), Space::Key(layer)]).fold(map, scaled))
}

/// The small coordinates times `scale`, then the large model's own start.
fn fresh(small: SpaceSize, large: SpaceSize, scale: f32) -> Expansion {
    let from = (0..large.width()).map(|i| (i < small.width()).then_some(i)).collect();
    Expansion::Select { from, scale: (scale != 1.0).then(|| vec![scale; large.width()]) }
}

/// The small coordinates, then 0.
fn zeros(small: SpaceSize, large: SpaceSize) -> Expansion {
    let row = |i: usize| if i < small.width() { vec![(i, 1.0)] } else { Vec::new() };
    Expansion::Sparse { rows: (0..large.width()).map(row).collect() }
}
