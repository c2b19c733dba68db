//! The small block shrunk, zeros around it, a fresh start over all.

use crate::{Padded, ShrinkPadPerturb};
use ligo_growth::testing::{assert_layers, config, grown_by, scrambled};
use ligo_growth::{Growth, GrowthError, GrowthOperator, Guarantee, Method, Moments, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Init, Model, ModelConfig, Parameters};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    ShrinkPadPerturb.recipe(&options.parse().unwrap(), &task)
}

struct Grown {
    small: Parameters<Cpu>,
    large: Parameters<Cpu>,
    fresh: Parameters<Cpu>,
}

impl Grown {
    fn by(operator: Padded, small: ModelConfig, large: ModelConfig) -> Self {
        let device = Cpu::default();
        let (small_model, large_model) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let small = scrambled(&small_model, 1);
        let growth = Growth { small: &small_model, parameters: &small, large: &large_model, device: &device, seed: 7 };
        let large = operator.grow(&growth).unwrap();
        Self { small, large, fresh: large_model.fresh(&device, 7).unwrap() }
    }

    /// For each entry of each large tensor its declaration, its value, the small one's if there is one, and the fresh one's.
    fn entries(&self, mut check: impl FnMut(&str, Init, f32, Option<f32>, f32)) {
        for (i, spec) in self.large.specs().iter().enumerate() {
            let source = spec.module.replace("{}", &spec.layer.map_or(0, |layer| layer % 2).to_string());
            let position = self.small.specs().iter().position(|spec| spec.name == source).unwrap();
            let ((small_rows, small_columns), (rows, columns)) =
                (self.small.specs()[position].matrix_shape(), spec.matrix_shape());
            let (old, new, fresh) = (
                self.small.tensors()[position].as_vec(),
                self.large.tensors()[i].as_vec(),
                self.fresh.tensors()[i].as_vec(),
            );
            for (r, c) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                let old = match (place(small_rows, rows, r), place(small_columns, columns, c)) {
                    (Some(r), Some(c)) => Some(old[r * small_columns + c]),
                    _ => None,
                };
                check(&spec.name, spec.init, new[r * columns + c], old, fresh[r * columns + c]);
            }
        }
    }
}

/// The small coordinate of a large one. Queries, keys and values in one have three parts, of 8 in 12; every other axis one.
fn place(small: usize, large: usize, i: usize) -> Option<usize> {
    let parts = if small == 24 { 3 } else { 1 };
    let (from, to) = (small / parts, large / parts);
    (i % to < from).then_some(i / to * from + i % to)
}

fn start(init: Init) -> Option<f32> {
    match init {
        Init::Normal(_) => None,
        Init::Zeros => Some(0.0),
        Init::Ones => Some(1.0),
        Init::Constant(value) => Some(value),
    }
}

#[test]
fn without_shrinking_and_noise_it_is_plain_zero_padding() {
    for family in Family::ALL {
        let operator = Padded { shrink: 1.0, noise: 0.0 };
        let grown = Grown::by(operator, config(family, 2, 8, 2), config(family, 5, 12, 3));
        grown.entries(|name, init, value, old, _| {
            // A new gain is no weight: it starts as any gain does.
            assert_eq!(value, old.or(start(init)).unwrap_or(0.0), "{name}");
        });
    }
}

#[test]
fn the_old_block_is_shrunk_and_a_fresh_start_is_added_everywhere() {
    for family in Family::ALL {
        let operator = Padded { shrink: 0.25, noise: 0.5 };
        let grown = Grown::by(operator, config(family, 2, 8, 2), config(family, 4, 12, 3));
        grown.entries(|name, init, value, old, fresh| {
            let expected = match (start(init), old) {
                (None, old) => 0.25 * old.unwrap_or(0.0) + 0.5 * fresh,
                (Some(start), Some(old)) => start + 0.25 * (old - start),
                (Some(start), None) => start,
            };
            assert!((value - expected).abs() < 1e-6, "{name}: {value}, not {expected}");
        });
    }
}

#[test]
fn the_optimisers_state_is_padded_with_zeros_and_not_shrunk() {
    for family in Family::ALL {
        let device = Cpu::default();
        let (small, large) = (config(family, 2, 8, 2), config(family, 4, 12, 3));
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let (first, second) = (scrambled(&small, 1), scrambled(&small, 2));
        let growth = Growth { small: &small, parameters: &first, large: &large, device: &device, seed: 7 };
        let moments = Moments { first: first.clone(), second: second.clone(), steps: 3 };
        let operator = Padded { shrink: 0.25, noise: 0.5 };
        let grown = operator.grow_moments(&growth, &moments).unwrap().unwrap();
        assert_eq!(grown.steps, 3);
        for (small, large) in [(first, grown.first), (second, grown.second)] {
            let fresh = large.clone();
            let pair = Grown { small, large, fresh };
            pair.entries(|name, _, value, old, _| assert_eq!(value, old.unwrap_or(0.0), "{family}, {name}"));
        }
    }
}

#[test]
fn shrunk_to_nothing_it_is_a_fresh_model() {
    let grown =
        Grown::by(Padded { shrink: 0.0, noise: 1.0 }, config(Family::Bert, 2, 8, 2), config(Family::Bert, 2, 12, 3));
    grown.entries(|name, _, value, _, fresh| assert_eq!(value, fresh, "{name}"));
}

#[test]
fn layers_are_stacked_and_promised_only_where_nothing_is_added() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 5, 8, 2));
        let options = "shrink = 1\nnoise = 0";
        let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
        let guarantee = |options: &str| Method::<Cpu>::guarantee(&ShrinkPadPerturb, &options.parse().unwrap(), &task);
        assert_eq!(guarantee(options).unwrap(), Guarantee::Layers(vec![0, 1, 0, 1, 0]));
        assert!(matches!(guarantee("").unwrap(), Guarantee::Nothing(_)));
        let recipe = recipe(options, &small, &large).unwrap();
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        assert_layers(&parameters, &grown_by(&recipe, &small, &parameters, 7).1, &[0, 1, 0, 1, 0]);
    }
}

#[test]
fn smaller_models_and_options_out_of_range_are_refused() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 12, 3));
    let error = recipe("", &large, &small).unwrap_err();
    assert!(matches!(&error, GrowthError::Sizes { what, .. } if what == "hidden_size"), "{error}");
    for (options, key) in [
        ("shrink = 1.5", "shrink"),
        ("shrink = nan", "shrink"),
        ("noise = -1", "noise"),
        ("noise = inf", "noise"),
        ("std = 1", "std"),
    ] {
        let error = recipe(options, &small, &large).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == key), "{options:?}: {error}");
    }
}
