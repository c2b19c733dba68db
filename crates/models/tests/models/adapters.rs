//! Adapters: a model with fresh ones is the model without, and they learn.

use crate::{batch, config, scrambled};
use ligo_kernels::{Cpu, GradTape, Kernels, NoneTape, Scalar, gradients_for};
use ligo_models::hub::{self, ExportOptions};
use ligo_models::{AdapterSites, Batch, Family, Init, Mode, Model, ModelConfig, Parameters, Route, Space};

fn adapted(family: Family, sites: AdapterSites) -> Model {
    Model::new(ModelConfig { adapter_size: Some(4), adapter_sites: Some(sites), ..config(family) }).unwrap()
}

fn is_adapter(name: &str) -> bool {
    name.contains("_adapter.")
}

#[test]
fn fresh_adapters_change_no_bit_of_what_a_model_says() {
    for family in Family::ALL {
        for (sites, branches) in [(AdapterSites::Mlp, 1), (AdapterSites::AttentionAndMlp, 2)] {
            let (plain, model) = (crate::model(family), adapted(family, sites));
            let weights = scrambled(&plain);
            let fresh = model.fresh(&Cpu::default(), 1).unwrap();
            let tensor = |(spec, fresh): (&ligo_models::ParamSpec, &ligo_kernels::Matrix<Cpu>)| {
                assert_eq!(weights.get(&spec.name).is_none(), is_adapter(&spec.name), "{}", spec.name);
                weights.get(&spec.name).unwrap_or(fresh).clone()
            };
            let tensors: Vec<_> = model.specs().iter().zip(fresh.tensors()).map(tensor).collect();
            assert_eq!(tensors.len() - plain.specs().len(), 2 * branches * 4, "{family}: two layers of two maps");
            let parameters = Parameters::new(model.specs().clone(), tensors).unwrap();
            let inputs = batch(family).inputs;
            let expected = plain.logits(&weights, &inputs).unwrap().as_vec();
            assert_eq!(model.logits(&parameters, &inputs).unwrap().as_vec(), expected, "{family} {sites:?}");
        }
    }
}

fn gradients(parameters: &Parameters<Cpu>, loss: impl Fn(&mut GradTape<Cpu>) -> Scalar<Cpu>) -> Vec<Vec<f32>> {
    let mut tape = GradTape::default();
    let loss = loss(&mut tape);
    let mut gradients = gradients_for(parameters.tensors());
    tape.backward(&loss, 1.0, &mut gradients).unwrap();
    parameters.tensors().iter().map(|tensor| Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec()).collect()
}

#[test]
fn their_gradients_are_the_slopes_of_the_loss_and_survive_recomputing() {
    for family in Family::ALL {
        let model = adapted(family, AdapterSites::AttentionAndMlp);
        let mut parameters = scrambled(&model);
        let batch: Batch = batch(family);
        let mode = Mode::Train { dropout_key: 3 };
        let found = gradients(&parameters, |tape| model.loss(tape, &parameters, &batch, mode).unwrap());
        let route = Route::default();
        let again = |tape: &mut GradTape<Cpu>| model.recomputed_loss(tape, &parameters, &batch, mode, &route).unwrap();
        let recomputed = gradients(&parameters, again);
        assert_eq!(found, recomputed, "{family}");

        let step = 0.004;
        for (i, spec) in model.specs().iter().enumerate().filter(|(_, spec)| is_adapter(&spec.name)) {
            let values = parameters.tensors()[i].as_vec();
            let place = values.len() / 2;
            let mut at = |value: f32| {
                let moved: Vec<f32> =
                    values.iter().enumerate().map(|(j, &old)| if j == place { value } else { old }).collect();
                parameters.tensors_mut()[i].copy_from(&moved);
                model.loss(&mut NoneTape, &parameters, &batch, Mode::Evaluate).unwrap().as_vec()[0]
            };
            let slope = (at(values[place] + step) - at(values[place] - step)) / (2.0 * step);
            at(values[place]);
            let off = (slope - found[i][place]).abs();
            assert!(off < 2e-3 + 0.03 * slope.abs(), "{family} {}: {slope}, found {}", spec.name, found[i][place]);
        }
    }
}

#[test]
fn an_adapter_is_declared_to_start_at_nothing_and_never_to_grow() {
    let model = adapted(Family::Bert, AdapterSites::Mlp);
    let spec = |name: &str| model.specs().iter().find(|spec| spec.name == name).unwrap();
    let up = spec("bert.encoder.layer.1.mlp_adapter.up.weight");
    assert_eq!((&up.shape[..], up.init, up.layer), (&[6, 4][..], Init::Zeros, Some(1)));
    assert_eq!(up.axes[1].spaces, [Space::Adapter(1)]);
    assert!(!Space::Adapter(1).grows());
    assert!(model.specs().iter().all(|spec| !spec.name.contains("attention_adapter")));
}

#[test]
fn what_has_no_place_for_adapters_refuses_them() {
    let model = adapted(Family::Bert, AdapterSites::Mlp);
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("model");
    let error = hub::export(&target, &model, &scrambled(&model), &ExportOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("adapter_size: found 4, expected none"), "{error}");
    assert!(!target.exists());

    let refused = |config: ModelConfig| Model::new(config).unwrap_err().to_string();
    let none = ModelConfig { adapter_size: Some(0), ..config(Family::Bert) };
    assert!(refused(none).starts_with("adapter_size: found 0, expected a number from 1"));
    let sites = ModelConfig { adapter_sites: Some(AdapterSites::Mlp), ..config(Family::Bert) };
    assert!(refused(sites).starts_with("adapter_sites: found Mlp, expected no such key without an adapter_size"));
}
