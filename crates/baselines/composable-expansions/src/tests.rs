//! The defining property: each expansion, and all of them together, leave the function as it is.

use crate::{ComposableExpansions, Expanding, grown_config};
use ligo_growth::testing::{config, difference, distance, gradients, grown_by, scrambled, variants};
use ligo_growth::{
    Action, Growth, GrowthError, GrowthOperator, Guarantee, Method, Moments, Recipe, Result, Start, Task,
};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Parameters};

fn task(small: &ModelConfig, large: &ModelConfig) -> Task {
    Task { small: small.clone(), large: large.clone(), steps: 600 }
}

fn recipe(small: &ModelConfig, large: &ModelConfig, options: &str) -> Result<Recipe<Cpu>> {
    ComposableExpansions.recipe(&options.parse().unwrap(), &task(small, large))
}

fn llamas() -> impl Iterator<Item = (String, ModelConfig)> {
    variants(2, 8, 2).into_iter().filter(|(_, config)| config.family.is_llama_style())
}

/// Hidden size, groups of heads, MLP neurons, layers.
fn sized(small: &ModelConfig, (hidden_size, groups, ffn, layers): (usize, usize, usize, usize)) -> ModelConfig {
    let sharing = small.num_attention_heads / small.num_key_value_heads();
    ModelConfig {
        hidden_size,
        num_attention_heads: groups * sharing,
        num_key_value_heads: Some(groups),
        head_dim: Some(small.head_dim()),
        intermediate_size: Some(ffn),
        num_hidden_layers: layers,
        ..small.clone()
    }
}

/// The expansions one by one, then together; groups of heads in multiples of the small model's.
const CASES: [(usize, usize, usize, usize); 6] =
    [(8, 1, 33, 2), (8, 2, 32, 2), (10, 1, 32, 2), (8, 1, 32, 5), (24, 3, 71, 3), (36, 2, 40, 4)];

#[test]
fn each_expansion_and_all_together_preserve_the_function() {
    for (name, small) in llamas() {
        for (hidden, times, ffn, layers) in CASES {
            for eps in [1e-6, 0.05] {
                let small = ModelConfig { layer_norm_eps: Some(eps), ..small.clone() };
                let large = sized(&small, (hidden, small.num_key_value_heads() * times, ffn, layers));
                let recipe = recipe(&small, &large, "").unwrap();
                let found = Method::<Cpu>::guarantee(&ComposableExpansions, &toml::Table::new(), &task(&small, &large));
                assert_eq!(found.unwrap(), Guarantee::Function);
                let small = Model::new(small).unwrap();
                let parameters = scrambled(&small, 1);
                let (large, grown) = grown_by(&recipe, &small, &parameters, 7);
                let difference = difference(&small, &parameters, &large, &grown);
                assert!(difference < 1e-5, "{name} {hidden} ×{times} {ffn} {layers}, ε {eps}: {difference}");
            }
        }
    }
}

#[test]
fn what_is_new_is_fresh_where_it_writes_and_0_where_it_is_read() {
    let small = config(Family::Llama, 1, 8, 2);
    let large = grown_config(&small, &sized(&small, (12, 3, 40, 1))).unwrap();
    let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
    let (device, parameters) = (Cpu::default(), scrambled(&small, 1));
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
    let (grown, fresh) = (Expanding.grow(&growth).unwrap(), large.fresh(&device, 7).unwrap());
    let values =
        |set: &Parameters<Cpu>, name: &str| set.get(&format!("model.layers.0.{name}.weight")).unwrap().as_vec();
    // Rows of outputs, columns of inputs; the old ones are (rows, columns).
    let cases = [("mlp.gate_proj", 12, (32, 8)), ("self_attn.v_proj", 12, (8, 8))];
    for (name, columns, (_, old)) in cases {
        let (grown, fresh) = (values(&grown, name), values(&fresh, name));
        for (i, (grown, fresh)) in grown.iter().zip(&fresh).enumerate().filter(|(i, _)| i % columns >= old) {
            assert_eq!(grown, fresh, "{name} [{i}]: what reads zeros");
        }
    }
    for (name, columns, (rows, old)) in [("mlp.down_proj", 40, (8, 32)), ("self_attn.o_proj", 12, (8, 8))] {
        let (grown, small) = (values(&grown, name), values(&parameters, name));
        for (i, value) in grown.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let expected = if row < rows && column < old { small[row * old + column] } else { 0.0 };
            assert_eq!(*value, expected, "{name} [{row}, {column}]");
        }
    }
}

#[test]
fn old_weights_learn_what_they_would_have_learnt() {
    let device = Cpu::default();
    for (name, small) in llamas() {
        let large = grown_config(&small, &sized(&small, (12, small.num_key_value_heads(), 32, 2))).unwrap();
        let (small, large) = (Model::new(small).unwrap(), Model::new(large).unwrap());
        let parameters = scrambled(&small, 1);
        let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
        let grown = Expanding.grow(&growth).unwrap();
        let ((_, first), (_, mut own)) = (gradients(&small, &parameters), gradients(&large, &grown));
        let moments = Moments { second: first.clone(), first, steps: 1 };
        let moments = Expanding.grow_moments(&growth, &moments).unwrap().expect("maps for moments").first;
        // What is new has gradients of its own, where the small model has none to give.
        for (own, grown) in own.tensors_mut().iter_mut().zip(moments.tensors()) {
            let known = |(own, grown): (f32, f32)| if grown == 0.0 { 0.0 } else { own };
            let known: Vec<f32> = own.as_vec().into_iter().zip(grown.as_vec()).map(known).collect();
            own.copy_from(&known);
        }
        let distance = distance(&moments, &own);
        assert!(distance < 1e-4, "{name}: {distance}");
    }
}

#[test]
fn the_recipe_grows_and_trains_in_full() {
    let (small, large) = (config(Family::Qwen3, 2, 8, 2), config(Family::Qwen3, 4, 12, 3));
    let recipe = recipe(&small, &large, "").unwrap();
    assert_eq!(recipe.start, Start::Small);
    let [grow, train] = &recipe.stages[..] else { panic!("two stages") };
    let eps = (f64::from(1e-6_f32) * 8.0 / 12.0) as f32;
    assert!(matches!(&grow.action, Action::Grow { to, .. } if to.layer_norm_eps() == eps && to.hidden_size == 12));
    assert!(matches!(train.action, Action::Train { steps: 600, schedule_from: 0, .. }));
}

#[test]
fn families_with_layer_norms_longer_heads_and_options_are_refused_with_the_way_out() {
    for family in Family::ALL.into_iter().filter(|family| !family.is_llama_style()) {
        let error = recipe(&config(family, 2, 8, 2), &config(family, 2, 16, 4), "").unwrap_err().to_string();
        let expected = format!("family: the large model has {family}, expected one with RMS norms");
        assert!(error.contains(&expected) && error.contains("`lemon`"), "{error}");
    }
    let llama = |hidden, heads| config(Family::Llama, 2, hidden, heads);
    let cases = [
        (llama(16, 2), "", "head_dim: the large model has 8, expected 4: rotary positions"),
        (llama(4, 1), "", "hidden_size: the large model has 4, expected at least 8"),
        (llama(16, 4), "noise = 0.1", "option noise: unknown (it has no options)"),
    ];
    for (large, options, expected) in cases {
        let error = recipe(&llama(8, 2), &large, options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(error, GrowthError::Option { .. } | GrowthError::Sizes { .. }));
    }
}
