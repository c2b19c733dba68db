//! CaiT's LayerScale where the stream has a rest: a gain γ between a map and the stream keeps copies copies, but not means means.

use crate::maps;
use ligo_growth::{Growth, GrowthOperator, LinearGrowth, Result};
use ligo_kernels::Kernels;
use ligo_models::{Model, Parameters, Part};

/// Puts means of γ∘W into the rows of the rest, divided by g, and g = √(mean γ²) into the gain's rest; with γ = 0 everywhere,
/// what a fresh gain is.
pub(crate) fn fill_rest<D: Kernels>(
    linear: &LinearGrowth,
    growth: &Growth<'_, D>,
    grown: &mut Parameters<D>,
) -> Result<()> {
    let (small, large) = (growth.small.config(), growth.large.config());
    let scaled = (0..growth.small.specs().len()).any(|i| growth.small.part(i) == Part::BranchScale);
    if !scaled || maps::eta_squared(small, large) == 1.0 {
        return Ok(());
    }
    // The same growth of a model that computes the same with γ in its maps makes the rest right.
    let mut folded = growth.parameters.clone();
    for branch in branches(growth.small) {
        let gain = growth.parameters.tensors()[branch.gain].as_vec();
        for map in branch.maps {
            let tensor = &mut folded.tensors_mut()[map];
            let mut values = tensor.as_vec();
            let width = values.len() / gain.len();
            for (row, gain) in values.chunks_exact_mut(width).zip(&gain) {
                row.iter_mut().for_each(|value| *value *= gain);
            }
            tensor.copy_from(&values);
        }
    }
    let folded = linear.grow(&Growth { parameters: &folded, ..*growth })?;
    let copied = large.hidden_size / small.hidden_size * small.hidden_size;
    for branch in branches(growth.large) {
        let mut gain = grown.tensors()[branch.gain].as_vec();
        let square = gain[..copied].iter().map(|g| g * g).sum::<f32>() / copied as f32;
        let g = if square > 0.0 { square.sqrt() } else { large.layer_scale_init() };
        gain[copied..].fill(g);
        grown.tensors_mut()[branch.gain].copy_from(&gain);
        for map in branch.maps {
            let (mut values, means) = (grown.tensors()[map].as_vec(), folded.tensors()[map].as_vec());
            let rest = copied * (values.len() / gain.len());
            values[rest..].iter_mut().zip(&means[rest..]).for_each(|(value, mean)| *value = mean / g);
            grown.tensors_mut()[map].copy_from(&values);
        }
    }
    Ok(())
}

/// A branch with a gain: its position, and those of the weight and bias that it scales, whose rows are the stream's coordinates.
struct Branch {
    gain: usize,
    maps: Vec<usize>,
}

/// All branches of a model. A block declares the gains of its attention and of its MLP first, then the maps that they scale.
fn branches(model: &Model) -> Vec<Branch> {
    let mut branches: Vec<Branch> = Vec::new();
    for i in 0..model.specs().len() {
        let of_block = match model.part(i) {
            Part::BranchScale => {
                branches.push(Branch { gain: i, maps: Vec::new() });
                continue;
            }
            Part::AttentionOutput => branches.len().checked_sub(2),
            Part::MlpOutput => branches.len().checked_sub(1),
            _ => None,
        };
        if let Some(branch) = of_block {
            branches[branch].maps.push(i);
        }
    }
    branches
}
