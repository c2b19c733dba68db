//! Tests of AKI, whose new rows are the next layer's, and of the two-stage training. FPI has its own in `tests`.

use crate::{AdvancedKnowledge, Bert2Bert, Draw, FunctionPreserving};
use ligo_growth::testing::{config, difference, pairs, scrambled};
use ligo_growth::{Action, Growth, GrowthError, GrowthOperator, Guarantee, Method, Moments, SubModels, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, Parameters};

fn grow(
    operator: &dyn GrowthOperator<Cpu>,
    small: &Model,
    parameters: &Parameters<Cpu>,
    large: &Model,
) -> Parameters<Cpu> {
    let device = Cpu::default();
    operator.grow(&Growth { small, parameters, large, device: &device, seed: 7 }).unwrap()
}

/// The layers of `parameters` all hold what the first one does.
fn all_alike(parameters: &mut Parameters<Cpu>) {
    let first = parameters.clone();
    let specs = parameters.specs().clone();
    for (spec, tensor) in specs.iter().zip(parameters.tensors_mut()) {
        if spec.layer.is_some() {
            tensor.copy_from(&first.get(&spec.module.replace("{}", "0")).unwrap().as_vec());
        }
    }
}

#[test]
fn aki_is_fpi_where_every_layer_equals_the_next() {
    for (name, small, large) in pairs((2, 16, 4), (5, 24, 6)) {
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let mut parameters = scrambled(&small, 1);
        all_alike(&mut parameters);
        let aki = grow(&AdvancedKnowledge { draw: Draw::Random }, &small, &parameters, &large);
        let fpi = grow(&FunctionPreserving { draw: Draw::Random }, &small, &parameters, &large);
        for ((spec, aki), fpi) in aki.specs().iter().zip(aki.tensors()).zip(fpi.tensors()) {
            assert_eq!(aki.as_vec(), fpi.as_vec(), "{name}: {}", spec.name);
        }
    }
}

#[test]
fn old_rows_are_the_layers_own_and_new_ones_the_next_layers() {
    let (small, large) = (config(Family::Bert, 2, 8, 2), config(Family::Bert, 2, 16, 4));
    let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
    let parameters = scrambled(&small, 1);
    let grown = grow(&AdvancedKnowledge { draw: Draw::Balanced }, &small, &parameters, &large);
    let name = |layer: usize, module: &str| format!("bert.encoder.layer.{layer}.{module}");
    let row = |set: &Parameters<Cpu>, layer, module: &str, width: usize, i: usize| {
        set.get(&name(layer, module)).unwrap().as_vec()[i * width..][..width].to_vec()
    };
    // Every input coordinate is there twice and stands first in its own place, so each old column is half the small one.
    let halved =
        |layer, module: &str, i| row(&parameters, layer, module, 8, i).iter().map(|w| w / 2.0).collect::<Vec<_>>();
    for (module, small_rows) in [("intermediate.dense.weight", 32), ("attention.self.key.weight", 8)] {
        for layer in 0..2 {
            for i in 0..2 * small_rows {
                let found = row(&grown, layer, module, 16, i)[..8].to_vec();
                if i < small_rows {
                    assert_eq!(found, halved(layer, module, i), "{module} of layer {layer}, row {i}");
                } else {
                    // The last layer has no next one.
                    let is_a_row_of = |layer| (0..small_rows).any(|j| found == halved(layer, module, j));
                    assert!(is_a_row_of(1), "{module} of layer {layer}, row {i} is the upper layer's");
                    assert!(!is_a_row_of(0), "{module} of layer {layer}, row {i} is not the lower layer's");
                }
            }
        }
    }
    let (bias, gain) = ("attention.self.value.bias", "output.LayerNorm.weight");
    let [upper, new] =
        [(&parameters, 1, 8), (&grown, 0, 16)].map(|(set, layer, width)| row(set, layer, bias, width, 0));
    assert!(new[8..].iter().all(|value| upper.contains(value)), "biases go with their rows");
    let [own, new] = [(&parameters, 0, 8), (&grown, 0, 16)].map(|(set, layer, width)| row(set, layer, gain, width, 0));
    assert!(new.iter().all(|value| own.contains(value)), "norms are the layer's own");
}

#[test]
fn aki_preserves_nothing_but_stays_finite_and_its_moments_are_of_the_large_model() {
    for (name, small, large) in pairs((2, 16, 4), (2, 32, 8)) {
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let parameters = scrambled(&small, 1);
        let operator = AdvancedKnowledge { draw: Draw::Balanced };
        let grown = grow(&operator, &small, &parameters, &large);
        let difference = difference(&small, &parameters, &large, &grown);
        assert!(difference.is_finite() && difference > 1e-4, "{name}: {difference}");

        let device = Cpu::default();
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let moments = Moments { first: scrambled(&small, 2), second: scrambled(&small, 3), steps: 5 };
        let moments = operator.grow_moments(&growth, &moments).unwrap().unwrap();
        assert_eq!((moments.first.specs(), moments.second.specs(), moments.steps), (large.specs(), large.specs(), 5));
    }
}

fn task(layers: usize, steps: u64) -> Task {
    Task { small: config(Family::Gpt2, 2, 8, 2), large: config(Family::Gpt2, layers, 16, 4), steps }
}

#[test]
fn sub_models_train_first_and_all_afterwards() {
    let cases = [
        ("sub_model_layers = 3", 12, 400_000, (3, 50_000)),
        ("sub_model_layers = 4\nsub_model_share = 0.5", 4, 3, (4, 2)),
        ("scheme = 'aki'\nsub_model_layers = 1\nsub_model_share = 0.1", 2, 100, (1, 10)),
    ];
    for (options, layers, steps, (sub_model, first)) in cases {
        let recipe = Method::<Cpu>::recipe(&Bert2Bert, &options.parse().unwrap(), &task(layers, steps)).unwrap();
        let parts: Vec<_> = recipe
            .stages
            .iter()
            .filter_map(|stage| match &stage.action {
                Action::Train { steps, schedule_from, training } => {
                    Some((*schedule_from, *steps, training.sub_models.clone()))
                }
                _ => None,
            })
            .collect();
        let expected = [(0, first, Some(SubModels { layers: sub_model })), (first, steps - first, None)];
        assert_eq!(parts, expected, "{options:?}");
    }
}

#[test]
fn what_is_guaranteed_follows_from_the_scheme() {
    let guarantee = |options: &str, layers| {
        Method::<Cpu>::guarantee(&Bert2Bert, &options.parse().unwrap(), &task(layers, 600)).unwrap()
    };
    assert_eq!(guarantee("draw = 'balanced'", 2), Guarantee::Function);
    assert!(matches!(guarantee("scheme = 'aki'\ndraw = 'balanced'", 2), Guarantee::Nothing(_)));
    assert_eq!(guarantee("scheme = 'aki'", 3), Guarantee::Layers(vec![0, 1, 1]));
}

#[test]
fn options_that_do_not_fit_are_named() {
    let cases = [
        ("sub_model_layers = 5", 4, "sub_model_layers", "found 5, expected 1 to 4, the large model's layers"),
        ("sub_model_layers = 0", 4, "sub_model_layers", "found 0"),
        ("sub_model_share = 0.5", 4, "sub_model_share", "sub_model_layers"),
        ("sub_model_layers = 2\nsub_model_share = 1", 4, "sub_model_share", "found 1"),
        ("sub_model_layers = 2\nsub_model_share = 0.0001", 4, "sub_model_share", "a step of 600"),
        ("scheme = 'net2net'", 4, "scheme", "fpi"),
    ];
    for (options, layers, key, expected) in cases {
        let error = Method::<Cpu>::recipe(&Bert2Bert, &options.parse().unwrap(), &task(layers, 600)).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == key), "{options:?}: {error}");
        assert!(error.to_string().contains(expected), "{options:?}: {error}");
    }
}
