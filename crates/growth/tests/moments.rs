//! Moments grow as gradients do: where the large model computes what the small one does, its own gradients are the small one's,
//! grown.

use ligo_growth::testing::{distance, gradients, pairs, scrambled};
use ligo_growth::{DepthMap, Draw, Growth, GrowthOperator, LinearGrowth, Moments, WidthMap};
use ligo_kernels::Cpu;
use ligo_models::{Model, Parameters};

fn squares(parameters: &Parameters<Cpu>) -> Parameters<Cpu> {
    let mut squares = parameters.clone();
    for tensor in squares.tensors_mut() {
        let values: Vec<f32> = tensor.as_vec().into_iter().map(|value| value * value).collect();
        tensor.copy_from(&values);
    }
    squares
}

#[test]
fn gradients_of_a_model_grown_by_equal_copies_are_the_small_ones_grown() {
    let device = Cpu::default();
    for (name, small, large) in pairs((2, 8, 2), (2, 16, 4)) {
        let width = WidthMap::copies(&small, &large, Draw::Balanced, 3).unwrap();
        let operator = LinearGrowth { width, depth: DepthMap::identity(2) };
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let parameters = scrambled(&small, 1);
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let grown = operator.grow(&growth).unwrap();
        let ((small_loss, first), (large_loss, own)) = (gradients(&small, &parameters), gradients(&large, &grown));
        assert!((small_loss - large_loss).abs() < 1e-5 * small_loss, "{name}: {small_loss} and {large_loss}");
        let moments = Moments { second: squares(&first), first, steps: 11 };
        let moments =
            operator.grow_moments(&growth, &moments).unwrap().expect("a linear operator has maps for moments");
        assert_eq!(moments.steps, 11);
        let distances = [distance(&moments.first, &own), distance(&moments.second, &squares(&own))];
        assert!(distances.into_iter().all(|distance| distance < 1e-4), "{name}: {distances:?}");
    }
}

#[test]
fn gradients_around_silent_layers_are_the_small_ones_and_inside_there_are_none() {
    let device = Cpu::default();
    for (name, small, large) in pairs((2, 8, 2), (4, 8, 2)) {
        let operator = LinearGrowth { width: WidthMap::keep(), depth: DepthMap::spread(2, 4) };
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let parameters = scrambled(&small, 1);
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let grown = operator.grow(&growth).unwrap();
        let ((_, first), (_, own)) = (gradients(&small, &parameters), gradients(&large, &grown));
        let moments = Moments { second: squares(&first), first, steps: 1 };
        let moments = operator.grow_moments(&growth, &moments).unwrap().unwrap();
        // What a silent layer's own outputs, and norms that have nothing to do yet, would learn, the small model cannot know.
        let unknown = |spec: &str| {
            let index = large.specs().iter().position(|s| s.name == spec).unwrap();
            let silent = large.specs()[index].layer.is_some_and(|layer| layer % 2 == 1);
            use ligo_models::Part::{AttentionNorm, AttentionOutput, MlpNorm, MlpOutput};
            match large.part(index) {
                AttentionOutput | MlpOutput => silent,
                AttentionNorm => large.is_post_norm() && silent,
                MlpNorm => large.is_post_norm() && !silent,
                _ => false,
            }
        };
        let mut known = own.clone();
        for (spec, tensor) in own.specs().iter().zip(known.tensors_mut()).filter(|(spec, _)| unknown(&spec.name)) {
            tensor.copy_from(&vec![0.0; spec.elements()]);
        }
        let distance = distance(&moments.first, &known);
        assert!(distance < 1e-4, "{name}: {distance}");
    }
}

#[test]
fn layers_that_are_mixed_share_their_moments_by_weight_and_by_its_square() {
    let device = Cpu::default();
    let config = |layers| ligo_growth::testing::config(ligo_models::Family::Gpt2, layers, 8, 2);
    let (small, large) = (Model::new(config(2)).unwrap(), Model::new(config(2)).unwrap());
    let depth = DepthMap::mix(2, vec![vec![(0, 0.5), (1, -2.0)], vec![(1, 3.0)]]).unwrap();
    let parameters = scrambled(&small, 1);
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
    let moments = Moments { first: parameters.clone(), second: squares(&parameters), steps: 1 };
    let operator = LinearGrowth { width: WidthMap::keep(), depth };
    let grown = operator.grow_moments(&growth, &moments).unwrap().unwrap();
    let value =
        |set: &Parameters<Cpu>, l: usize| set.get(&format!("transformer.h.{l}.mlp.c_fc.weight")).unwrap().as_vec()[5];
    let (a, b) = (value(&parameters, 0), value(&parameters, 1));
    let cases = [
        (value(&grown.first, 0), 0.5 * a - 2.0 * b),
        (value(&grown.first, 1), 3.0 * b),
        (value(&grown.second, 0), 0.25 * a * a + 4.0 * b * b),
        (value(&grown.second, 1), 9.0 * b * b),
    ];
    for (found, expected) in cases {
        assert!((found - expected).abs() < 1e-6, "{found} not {expected}");
    }
}
