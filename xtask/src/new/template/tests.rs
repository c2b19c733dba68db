//! What the method promises, on every family. Put the properties of yours in the place of these.

use crate::MyMethod;
use ligo_growth::testing::config;
use ligo_growth::{Action, Growth, GrowthError, Guarantee, Method, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Images, Inputs, Model, ModelConfig, Parameters, Tokens};

/// A small model, and what the recipe's first stage makes of it.
struct Pair {
    small: Model,
    weights: Parameters<Cpu>,
    large: Model,
    grown: Parameters<Cpu>,
}

impl Pair {
    fn grow(task: &Task, options: &toml::Table) -> Self {
        let recipe = Method::<Cpu>::recipe(&MyMethod, options, task).unwrap();
        let Action::Grow { to, operator } = &recipe.stages[0].action else { panic!("the first stage grows") };
        let (small, large) = (Model::new(task.small.clone()).unwrap(), Model::new(to.clone()).unwrap());
        let device = Cpu::default();
        let weights = trained(&small, &device);
        let growth = Growth { small: &small, parameters: &weights, large: &large, device: &device, seed: 7 };
        let grown = operator.grow(&growth).unwrap();
        Self { small, weights, large, grown }
    }
}

/// Weights of ordinary size, biases and norms away from their starts too.
fn trained(model: &Model, device: &Cpu) -> Parameters<Cpu> {
    let mut weights = model.fresh(device, 1).unwrap();
    for tensor in weights.tensors_mut() {
        let fresh = tensor.as_vec();
        let moved: Vec<f32> = fresh.iter().zip(1..).map(|(w, i)| w + 0.3 * (0.37 * i as f32).sin()).collect();
        tensor.copy_from(&moved);
    }
    weights
}

/// Two short texts, or two small images.
fn inputs(family: Family) -> Inputs {
    if family.reads_images() {
        let pixels = (0..2 * 3 * 4 * 4).map(|i| (i as f32 * 0.7).sin()).collect();
        return Inputs::Images(Images { pixels, batch_size: 2 });
    }
    let input_ids = vec![1, 5, 2, 7, 12, 0, 3, 3, 9, 10, 4, 8];
    Inputs::Tokens(Tokens { input_ids, batch_size: 2, sequence_length: 6, ..Tokens::default() })
}

fn task(small: ModelConfig, large: ModelConfig) -> Task {
    Task { small, large, steps: 600 }
}

#[test]
fn where_no_width_grows_each_layer_is_the_small_one_that_the_guarantee_names() {
    for (options, expected) in [("", [0, 1, 0, 1, 0]), ("order = 'interpolate'", [0, 0, 0, 1, 1])] {
        let options: toml::Table = options.parse().unwrap();
        for family in Family::ALL {
            let task = task(config(family, 2, 8, 2), config(family, 5, 8, 2));
            let guarantee = Method::<Cpu>::guarantee(&MyMethod, &options, &task).unwrap();
            assert_eq!(guarantee, Guarantee::Layers(expected.to_vec()));
            let pair = Pair::grow(&task, &options);
            for (spec, tensor) in pair.grown.specs().iter().zip(pair.grown.tensors()) {
                let source = spec.module.replace("{}", &spec.layer.map_or(0, |i| expected[i]).to_string());
                assert_eq!(tensor.as_vec(), pair.weights.get(&source).unwrap().as_vec(), "{family}: {}", spec.name);
            }
        }
    }
}

#[test]
fn the_function_is_preserved_where_every_coordinate_has_equally_many_copies() {
    for family in Family::ALL {
        let pair = Pair::grow(&task(config(family, 2, 8, 2), config(family, 2, 16, 4)), &toml::Table::new());
        let small = pair.small.logits(&pair.weights, &inputs(family)).unwrap().as_vec();
        let large = pair.large.logits(&pair.grown, &inputs(family)).unwrap().as_vec();
        assert_eq!(small.len(), large.len());
        let most = small.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
        for (a, b) in small.iter().zip(&large) {
            assert!((a - b).abs() < 1e-5 * most, "{family}: {a} became {b}");
        }
    }
}

#[test]
fn what_it_cannot_do_is_told_by_name() {
    let small = config(Family::Gpt2, 2, 8, 2);
    let refused = |options: &str, large| {
        let (options, task) = (options.parse().unwrap(), task(small.clone(), large));
        Method::<Cpu>::recipe(&MyMethod, &options, &task).unwrap_err()
    };
    let option = refused("ordre = 'stack'", config(Family::Gpt2, 4, 12, 3));
    assert!(matches!(&option, GrowthError::Option { option, .. } if option == "ordre"), "{option}");
    let smaller = refused("", config(Family::Gpt2, 1, 8, 2));
    assert!(matches!(&smaller, GrowthError::Sizes { what, .. } if what == "num_hidden_layers"), "{smaller}");
    let heads = refused("", config(Family::Gpt2, 2, 12, 2));
    assert!(matches!(&heads, GrowthError::Sizes { what, .. } if what == "num_attention_heads"), "{heads}");
}
