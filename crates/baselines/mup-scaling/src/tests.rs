//! Without noise the function is preserved, entry by entry as the formula says.

use crate::MupScaling;
use ligo_growth::testing::{config, difference, grown_by, pairs, scrambled};
use ligo_growth::{GrowthError, Guarantee, Method, Recipe, Result, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, Init, Model, ModelConfig, Parameters};

fn recipe(options: &str, small: &ModelConfig, large: &ModelConfig) -> Result<Recipe<Cpu>> {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    MupScaling.recipe(&options.parse().unwrap(), &task)
}

fn check_preserved(name: &str, options: &str, small: ModelConfig, large: ModelConfig) {
    let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
    let guarantee = Method::<Cpu>::guarantee(&MupScaling, &options.parse().unwrap(), &task).unwrap();
    assert_eq!(guarantee, Guarantee::Function, "{name}");
    let recipe = recipe(options, &small, &large).unwrap();
    let small = Model::new(small).unwrap();
    let parameters = scrambled(&small, 1);
    let (model, grown) = grown_by(&recipe, &small, &parameters, 7);
    let difference = difference(&small, &parameters, &model, &grown);
    assert!(difference < 1e-5, "{name}: {difference}");
}

#[test]
fn without_noise_the_function_is_preserved_by_whole_heads() {
    for large in [(2, 32, 8), (2, 48, 12)] {
        for (name, small, large) in pairs((2, 16, 4), large) {
            check_preserved(&name, "noise = 0", small, large);
        }
    }
}

#[test]
fn without_noise_the_function_is_preserved_by_longer_heads_too() {
    for family in Family::ALL.into_iter().filter(|family| !family.is_llama_style()) {
        for (hidden, heads) in [(16, 2), (24, 2), (32, 4)] {
            let large = config(family, 2, hidden, heads);
            check_preserved(&format!("{family} {hidden} / {heads}"), "noise = 0", config(family, 2, 8, 2), large);
        }
    }
}

#[test]
fn spaces_grow_by_numbers_of_their_own() {
    for family in Family::ALL {
        let wider_inside = ModelConfig { intermediate_size: Some(96), ..config(family, 2, 16, 4) };
        check_preserved(&family.to_string(), "noise = 0", config(family, 2, 8, 2), wider_inside);
    }
}

#[test]
fn silent_layers_preserve_the_function_in_depth() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 3, 16, 4));
        check_preserved(&family.to_string(), "noise = 0\ndepth = 'identity'", small, large);
    }
}

fn values(set: &Parameters<Cpu>, name: &str) -> Vec<f32> {
    set.get(name).unwrap_or_else(|| panic!("no parameter {name}")).as_vec()
}

#[test]
fn hidden_weights_are_divided_by_their_inputs_copies_and_queries_of_longer_heads_by_the_root() {
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 24, 2));
    let recipe = recipe("noise = 0", &small, &large).unwrap();
    let small = Model::new(small).unwrap();
    let parameters = scrambled(&small, 1);
    let (_, grown) = grown_by(&recipe, &small, &parameters, 7);
    let attn = "transformer.h.0.attn.c_attn.weight";
    let (old, new) = (values(&parameters, attn), values(&grown, attn));
    for (k, third, i) in (0..24).flat_map(|k| (0..3).flat_map(move |third| (0..24).map(move |i| (k, third, i)))) {
        let root = if third == 0 { 3.0_f32.sqrt() } else { 1.0 };
        let expected = old[k / 3 * 24 + third * 8 + i / 3] / 3.0 / root;
        let found = new[k * 72 + third * 24 + i];
        assert!((found - expected).abs() < 1e-6, "c_attn ({k}, {third}, {i}): {found}, not {expected}");
    }
    for (name, divided) in
        [("transformer.wpe.weight", 1.0), ("transformer.h.0.ln_1.weight", 1.0), ("transformer.ln_f.weight", 3.0)]
    {
        let (old, new) = (values(&parameters, name), values(&grown, name));
        for (i, value) in new.iter().enumerate() {
            let expected = old[i / 3] / divided;
            assert!((value - expected).abs() < 1e-6, "{name} {i}: {value}, not {expected}");
        }
    }
}

#[test]
fn noise_is_a_fresh_large_model_divided_as_the_weights_are() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 2, 16, 4));
        let recipes = ["noise = 0", "noise = 0.5"].map(|options| recipe(options, &small, &large).unwrap());
        let small = Model::new(small).unwrap();
        let parameters = scrambled(&small, 1);
        let [(model, plain), (_, noisy)] = recipes.map(|recipe| grown_by(&recipe, &small, &parameters, 7));
        let fresh = model.fresh(&Cpu::default(), 7).unwrap();
        for (i, spec) in plain.specs().iter().enumerate() {
            let reads = spec.axes.iter().any(|axis| axis.role == ligo_models::Role::Consumes);
            let images = spec.axes.iter().any(|axis| axis.spaces.contains(&ligo_models::Space::Patch));
            let share = match spec.init {
                Init::Normal(_) if reads && !images => 0.25,
                Init::Normal(_) => 0.5,
                _ => 0.0,
            };
            let [plain, noisy, fresh] = [&plain, &noisy, &fresh].map(|set| set.tensors()[i].as_vec());
            for ((plain, noisy), fresh) in plain.iter().zip(noisy).zip(fresh) {
                assert!((noisy - plain - share * fresh).abs() < 1e-6, "{}", spec.name);
            }
        }
    }
}

#[test]
fn with_noise_nothing_is_promised_and_stacked_layers_are_without() {
    let guarantee = |options: &str, layers| {
        let task =
            Task { small: config(Family::Bert, 2, 8, 2), large: config(Family::Bert, layers, 16, 4), steps: 600 };
        Method::<Cpu>::guarantee(&MupScaling, &options.parse().unwrap(), &task).unwrap()
    };
    assert!(matches!(guarantee("", 2), Guarantee::Nothing(_)));
    assert_eq!(guarantee("noise = 0", 3), Guarantee::Layers(vec![0, 1, 0]));
}

#[test]
fn what_is_no_multiple_and_longer_rotary_heads_are_refused_by_name() {
    let (bert, llama) = (config(Family::Bert, 2, 8, 2), config(Family::Llama, 2, 8, 2));
    let cases = [
        (
            &bert,
            config(Family::Bert, 2, 12, 3),
            "hidden_size: the large model has 12, expected a multiple of the small model's 8",
        ),
        (
            &bert,
            ModelConfig { intermediate_size: Some(48), ..bert.clone() },
            "intermediate_size: the large model has 48",
        ),
        (&bert, config(Family::Bert, 2, 24, 3), "num_attention_heads: the large model has 3, expected a multiple"),
        (&bert, config(Family::Bert, 2, 8, 4), "head_dim: the large model has 2, expected a multiple"),
        (
            &llama,
            config(Family::Llama, 2, 16, 2),
            "head_dim: the large model has 8, expected 4, whose rotary pairs stay whole",
        ),
    ];
    for (small, large, expected) in cases {
        let error = recipe("", small, &large).unwrap_err();
        assert!(matches!(error, GrowthError::Sizes { .. }) && error.to_string().contains(expected), "{error}");
    }
    for (options, key) in
        [("noise = -1", "noise"), ("noise = nan", "noise"), ("depth = 'deep'", "depth"), ("n = 2", "n")]
    {
        let error = recipe(options, &bert, &config(Family::Bert, 2, 16, 4)).unwrap_err();
        assert!(matches!(&error, GrowthError::Option { option, .. } if option == key), "{options:?}: {error}");
    }
}
