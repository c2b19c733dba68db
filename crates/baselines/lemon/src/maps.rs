//! The maps of each space, and what cannot be grown without loss.

use ligo_growth::{Expansion, GrowthError, Result, SpaceMap, WidthMap, together_with};
use ligo_models::{Family, ModelConfig, Naming, Space, SpaceSize};

/// Refuses what is not lossless.
pub(crate) fn check(small: &ModelConfig, large: &ModelConfig) -> Result<()> {
    let wrong =
        |what: &str, found: String, expected: String| Err(GrowthError::Sizes { what: what.into(), found, expected });
    if is_post_norm(small) && !large.hidden_size.is_multiple_of(small.hidden_size) {
        let reason = "its norms stand behind the residual sums, and no gain or bias can put the mean over others into a new \
                      coordinate, which the next norm would need";
        let expected = format!("a multiple of {} for lossless growth of {}: {reason}", small.hidden_size, small.family);
        return wrong("hidden_size", large.hidden_size.to_string(), expected);
    }
    let heads = |config: &ModelConfig| (config.num_attention_heads, config.head_dim());
    let ((few, short), (many, long)) = (heads(small), heads(large));
    if many < few || long < short {
        let expected = format!(
            "at least {few} heads of at least {short}, since lemon keeps each of the small model's heads whole"
        );
        return wrong("num_attention_heads", format!("{many} (heads of {long})"), expected);
    }
    Ok(())
}

/// η² = m·d / D for m = ⌊D / d⌋: how much smaller the variance of the wider stream is.
pub(crate) fn eta_squared(small: &ModelConfig, large: &ModelConfig) -> f64 {
    let (d, wide) = (small.hidden_size, large.hidden_size);
    (wide / d * d) as f64 / wide as f64
}

/// ε of the large model's norms.
pub(crate) fn eps(small: &ModelConfig, large: &ModelConfig) -> f32 {
    let fixed = small.naming == Naming::Timm;
    let square = if fixed { 1.0 } else { eta_squared(small, large) };
    (f64::from(small.layer_norm_eps()) * square) as f32
}

fn is_post_norm(config: &ModelConfig) -> bool {
    matches!(config.family, Family::Bert | Family::Roberta)
}

/// All maps, and those of the norms.
pub(crate) fn width(small: &ModelConfig, large: &ModelConfig) -> Result<WidthMap> {
    check(small, large)?;
    let (square, eps) = (eta_squared(small, large), eps(small, large));
    if large.layer_norm_eps() != eps {
        let (found, expected) = (large.layer_norm_eps().to_string(), format!("{eps}, as the wider stream needs"));
        return Err(GrowthError::Sizes { what: "layer_norm_eps".into(), found, expected });
    }
    let eta = square.sqrt() as f32;
    // Qwen3's norms of queries and keys have the same ε.
    let before_norm = if small.family == Family::Qwen3 { eta } else { 1.0 };
    let sharing = small.num_attention_heads / small.num_key_value_heads().max(1);
    let value_heads: Vec<usize> =
        (0..large.num_key_value_heads()).map(|i| i % small.num_key_value_heads().max(1)).collect();
    let query_heads = together_with(&value_heads, sharing);
    let map = WidthMap::per_space(small, large, |space, from, to| {
        let longer = (to.unit as f32 / from.unit as f32).sqrt();
        Ok(match space {
            Space::Embed => stream(small, from.units, to.units),
            Space::Query(_) => heads(&query_heads, (from, to), longer * before_norm, Rest::Fresh),
            Space::Key(_) => heads(&value_heads, (from, to), before_norm, Rest::Zero),
            Space::Value(_) => heads(&value_heads, (from, to), 1.0, Rest::Fresh),
            Space::Heads(_) => SpaceMap::duplicating(&query_heads, 1),
            _ => SpaceMap::duplicating(&(0..to.units).map(|i| i % from.units).collect::<Vec<_>>(), 1),
        })
    })?;
    let map = if before_norm == 1.0 {
        map
    } else {
        // They are scaled where their number stays, too.
        let size = |space| (small.space(space), large.space(space));
        let scaled = |map: WidthMap, layer| {
            let (query, key) = (Space::Query(layer), Space::Key(layer));
            map.with(query, heads(&query_heads, size(query), before_norm, Rest::Fresh))
                .with(key, heads(&value_heads, size(key), before_norm, Rest::Zero))
        };
        (0..small.num_hidden_layers).fold(map, scaled)
    };
    Ok(if square == 1.0 { map } else { map.with_norms(norms(small.hidden_size, large.hidden_size), eta) })
}

/// The residual stream: copies, and in the rest the mean under layer norms, 0 under RMS norms. Nothing but zeros comes out of the
/// norms there, so what reads it may be anything.
fn stream(config: &ModelConfig, small: usize, large: usize) -> SpaceMap {
    let copied = large / small * small;
    let mean = match config.family.is_llama_style() {
        true => Vec::new(),
        false => (0..small).map(|j| (j, 1.0 / small as f32)).collect(),
    };
    let row = |i: usize| if i < copied { vec![(i % small, 1.0)] } else { mean.clone() };
    SpaceMap { produce: Expansion::Sparse { rows: (0..large).map(row).collect() }, ..norms(small, large) }
}

/// The norms over the stream: copies, and the start of a fresh norm in the rest; readers share equally.
fn norms(small: usize, large: usize) -> SpaceMap {
    let copies = large / small;
    let from: Vec<Option<usize>> = (0..large).map(|i| (i < copies * small).then_some(i % small)).collect();
    let scale = Some(vec![1.0 / copies as f32; large]);
    SpaceMap {
        produce: Expansion::Select { from: from.clone(), scale: None },
        consume: Expansion::Select { from, scale },
    }
}

/// What the coordinates of a longer head start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// The large model's own start.
    Fresh,
    /// 0.
    Zero,
}

/// Heads that copy the heads `from`, multiplied by `scale`. Whatever reads them shares equally and reads nothing of what is
/// longer.
fn heads(from: &[usize], (small, large): (SpaceSize, SpaceSize), scale: f32, rest: Rest) -> SpaceMap {
    let copies = |j: usize| from.iter().filter(|&&k| k == j).count() as f32;
    let coordinates = || from.iter().flat_map(|&j| (0..large.unit).map(move |o| (j, o)));
    let source = |(j, o): (usize, usize)| (o < small.unit).then_some(j * small.unit + o);
    let produce = match rest {
        Rest::Fresh => {
            Expansion::Select { from: coordinates().map(source).collect(), scale: Some(vec![scale; large.width()]) }
        }
        Rest::Zero => Expansion::Sparse {
            rows: coordinates().map(|at| source(at).map(|j| (j, scale)).into_iter().collect()).collect(),
        },
    };
    let shares: Vec<f32> = from.iter().map(|&j| 1.0 / (copies(j) * scale)).collect();
    let read = |(i, at): (usize, (usize, usize))| source(at).map(|j| (j, shares[i / large.unit])).into_iter().collect();
    SpaceMap { produce, consume: Expansion::Sparse { rows: coordinates().enumerate().map(read).collect() } }
}
