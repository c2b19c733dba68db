//! An optimiser's state as a file: safetensors with `first/<name>` and `second/<name>` for every weight, and the number of steps
//! in the metadata.

use ligo_growth::Moments;
use ligo_kernels::Kernels;
use ligo_models::{ModelError, ParamSpec, Parameters, checkpoint};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The key of the metadata.
const STEPS: &str = "optimiser_steps";

/// Writes an optimiser's state under a temporary name, syncs it, renames it.
///
/// # Errors
/// [`ModelError::Write`]; what was at `path` is then still there.
pub fn save_moments<D: Kernels>(path: &Path, moments: &Moments<D>) -> Result<(), ModelError> {
    let tensors = moments.first.tensors().iter().chain(moments.second.tensors()).cloned().collect();
    let both = Parameters::new(both(moments.first.specs()), tensors)?;
    let metadata = BTreeMap::from([(STEPS.to_owned(), moments.steps.to_string())]);
    checkpoint::save(path, &both, &metadata)
}

/// Reads the optimiser's state of the weights that `specs` declare.
///
/// # Errors
/// [`ModelError::File`] if the file cannot be read or does not say its number of steps, [`ModelError::Parameter`] for the first
/// tensor that does not fit, [`ModelError::Kernel`] if the device has no memory for it.
pub fn load_moments<D: Kernels>(path: &Path, specs: &Arc<[ParamSpec]>, device: &D) -> Result<Moments<D>, ModelError> {
    let broken = |reason: String| ModelError::File { path: path.to_owned(), reason };
    let metadata = checkpoint::metadata(path)?;
    let found = metadata.get(STEPS).map_or("none", String::as_str);
    let steps = found.parse().map_err(|_| broken(format!("{STEPS} is {found:?}, expected a number of steps")))?;
    let tensors = checkpoint::load(path, both(specs), device)?.tensors().to_vec();
    let (first, second) = tensors.split_at(specs.len());
    Ok(Moments {
        first: Parameters::new(specs.clone(), first.to_vec())?,
        second: Parameters::new(specs.clone(), second.to_vec())?,
        steps,
    })
}

/// The declarations of both moments of each weight.
fn both(specs: &Arc<[ParamSpec]>) -> Arc<[ParamSpec]> {
    let named = |kind: &'static str| {
        specs.iter().map(move |spec| ParamSpec {
            name: format!("{kind}/{}", spec.name),
            stored_shape: None,
            ..spec.clone()
        })
    };
    named("first").chain(named("second")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_kernels::Cpu;
    use ligo_models::{Family, Model};

    #[test]
    fn moments_go_through_a_file_without_losing_a_bit_and_another_models_are_refused() {
        let device = Cpu::default();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("optimiser.safetensors");
        for family in [Family::Gpt2, Family::Vit] {
            let model = Model::new(config(family, 1, 8, 2)).unwrap();
            let fresh = |seed| model.fresh(&device, seed).unwrap();
            let moments = Moments { first: fresh(1), second: fresh(2), steps: 17 };
            save_moments(&path, &moments).unwrap();
            let back = load_moments(&path, model.specs(), &device).unwrap();
            assert_eq!(back.steps, 17);
            for (a, b) in [(&back.first, &moments.first), (&back.second, &moments.second)] {
                assert_eq!(a.specs(), b.specs());
                a.tensors().iter().zip(b.tensors()).for_each(|(a, b)| assert_eq!(a.as_vec(), b.as_vec()));
            }
            let wider = Model::new(config(family, 1, 16, 4)).unwrap();
            let error = load_moments(&path, wider.specs(), &device).unwrap_err().to_string();
            assert!(error.contains("first/") && error.contains("optimiser.safetensors"), "{error}");
        }
        let model = Model::new(config(Family::Gpt2, 1, 8, 2)).unwrap();
        checkpoint::save(&path, &model.fresh(&device, 1).unwrap(), &BTreeMap::new()).unwrap();
        let error = load_moments(&path, model.specs(), &device).unwrap_err().to_string();
        assert!(error.contains("optimiser_steps is \"none\", expected a number of steps"), "{error}");
    }
}
