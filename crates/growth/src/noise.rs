//! Noise that cancels between copies, so that they come apart in training while the function stays.
//!
//! Exact copies get equal gradients up to a constant factor, which Adam divides out: they would stay copies for ever. Whatever
//! reads two copies x, x can read one with a little more weight and the other with as much less: `(w₁ + n) x + (w₂ − n) x` is
//! what it was.

use crate::expansion::Expansion;
use crate::{Growth, LinearGrowth, Result};
use ligo_kernels::Kernels;
use ligo_models::{ParamSpec, Parameters, Role};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::{BTreeMap, HashMap};

/// How large the noise n is on a weight w that reads a copy; drawn for each weight by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// N(0, (share · w)²): copies are read in unequal shares, and what was 0 stays 0.
    Shares(f32),
    /// N(0, σ²) with 20 · log₁₀(root mean square of the matrix / σ) equal to this signal-to-noise ratio in dB.
    Decibels(f32),
}

impl LinearGrowth {
    /// Adds noise to every matrix of `grown`, which this operator has grown by this `growth`, that reads copies. Of the copies
    /// of one coordinate the first and the second, the third and the fourth, … are pairs between which it cancels; an odd last
    /// one has none.
    ///
    /// # Errors
    /// None but the maps' own, which growing has found.
    pub fn add_noise<D: Kernels>(&self, growth: &Growth<'_, D>, grown: &mut Parameters<D>, noise: Noise) -> Result<()> {
        let small: HashMap<_, _> =
            growth.small.specs().iter().map(|spec| ((spec.module.as_str(), spec.layer), spec)).collect();
        let specs = grown.specs().clone();
        for (number, (spec, tensor)) in specs.iter().zip(grown.tensors_mut()).enumerate() {
            let layer = spec.layer.map(|i| self.depth.sources(i)[0].0);
            let Some(from) = small.get(&(spec.module.as_str(), layer)) else { continue };
            let Some((axis, pairs)) = self.copies_read(from) else { continue };
            let (rows, columns) = spec.matrix_shape();
            // Where weight number o that reads coordinate i lies, and how many there are.
            let (step, stride, others) = if axis == 0 { (columns, 1, columns) } else { (1, columns, rows) };
            let mut values = tensor.as_vec();
            let loudness = noise.loudness(&values);
            let mut rng = StdRng::seed_from_u64(growth.seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for o in 0..others {
                for &(i, k) in &pairs {
                    let (first, second) = (i * step + o * stride, k * step + o * stride);
                    let z: f32 = StandardNormal.sample(&mut rng);
                    let n = z * loudness.unwrap_or_else(|share| share * values[first]);
                    values[first] += n;
                    values[second] -= n;
                }
            }
            tensor.copy_from(&values);
        }
        Ok(())
    }

    /// The axis of a matrix that reads copies, and pairs of large coordinates along it that are copies of each other.
    fn copies_read(&self, spec: &ParamSpec) -> Option<(usize, Vec<(usize, usize)>)> {
        let (number, axis) = spec.axes.iter().enumerate().find(|(_, axis)| axis.role == Role::Consumes)?;
        // A reading axis carries one space.
        let (2, [space]) = (spec.axes.len(), &axis.spaces[..]) else { return None };
        let mut last: BTreeMap<(usize, u32), usize> = BTreeMap::new();
        let mut pairs = Vec::new();
        for (i, copied) in copied(&self.width.get(*space)?.produce).into_iter().enumerate() {
            let Some(copied) = copied else { continue };
            match last.remove(&copied) {
                Some(first) => pairs.push((first, i)),
                None => _ = last.insert(copied, i),
            }
        }
        (!pairs.is_empty()).then_some((number, pairs))
    }
}

impl Noise {
    /// σ for a whole matrix, or its share of each weight.
    fn loudness(self, values: &[f32]) -> std::result::Result<f32, f32> {
        match self {
            Self::Shares(share) => Err(share),
            Self::Decibels(ratio) => {
                let squares: f64 = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
                let rms = (squares / values.len().max(1) as f64).sqrt();
                Ok((rms * 10_f64.powf(-f64::from(ratio) / 20.0)) as f32)
            }
        }
    }
}

/// For each large coordinate the small one that it is a multiple of, and the bits of the factor; none where it is something else.
fn copied(expansion: &Expansion) -> Vec<Option<(usize, u32)>> {
    match expansion {
        Expansion::Keep | Expansion::Dense { .. } => Vec::new(),
        Expansion::Select { from, scale } => {
            let factor = |i: usize| scale.as_ref().map_or(1.0, |scale| scale[i]).to_bits();
            from.iter().enumerate().map(|(i, from)| from.map(|j| (j, factor(i)))).collect()
        }
        Expansion::Sparse { rows } => {
            let copied = |row: &Vec<(usize, f32)>| match row[..] {
                [(j, factor)] => Some((j, factor.to_bits())),
                _ => None,
            };
            rows.iter().map(copied).collect()
        }
    }
}
