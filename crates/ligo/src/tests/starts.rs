//! The starts that are a known operator, and the choices that must not change the start.

use super::{Pair, batch, config, difference, grouped, map_alone};
use crate::options::{DepthStart, FactorOptions, Rotary, Sharing, Tying, WidthForm, WidthStart};
use crate::plan::FactorPlan;
use ligo_growth::{DepthMap, Expansion, GrowthError, GrowthOperator, Learner, LinearGrowth, SpaceMap, WidthMap};
use ligo_kernels::{Cpu, NoneTape};
use ligo_models::{Family, Mode, ModelConfig, Parameters};
use std::sync::Arc;

/// A model of each family, and those with grouped queries besides: (small, wider, deeper, both).
fn kinds() -> Vec<[ModelConfig; 4]> {
    let mut kinds = Vec::new();
    for family in Family::ALL {
        kinds.push([(2, 8, 2), (2, 16, 4), (4, 8, 2), (4, 16, 4)].map(|(l, h, a)| config(family, l, h, a)));
        if family.is_llama_style() {
            kinds.push([(2, 8, 4), (2, 16, 8), (4, 8, 4), (4, 16, 8)].map(|(l, h, a)| grouped(family, l, h, a)));
        }
    }
    kinds
}

fn assert_near(a: &Parameters<Cpu>, b: &Parameters<Cpu>, case: &str) {
    for ((spec, a), b) in a.specs().iter().zip(a.tensors()).zip(b.tensors()) {
        let difference = difference(&a.as_vec(), &b.as_vec());
        assert!(difference < 1e-5, "{case} {}: {difference}", spec.name);
    }
}

fn keeps_its_function(pair: &Pair, options: &FactorOptions) {
    let family = pair.small.config().family;
    let grown = pair.learner(options).materialise().unwrap();
    let small = pair.small.logits(&pair.parameters, &batch(family).inputs).unwrap().as_vec();
    let large = pair.large.logits(&grown, &batch(family).inputs).unwrap().as_vec();
    let difference = difference(&small, &large);
    assert!(difference < 1e-5, "{family} {options:?}: {difference}");
}

#[test]
fn a_zero_start_beside_fresh_values_is_direct_copy() {
    for [small, _, _, large] in kinds() {
        let pair = Pair::new(small.clone(), large.clone());
        let options = FactorOptions { width_start: WidthStart::Zero, fresh: true, ..map_alone() };
        let width =
            WidthMap::per_space(&small, &large, |_, small, large| Ok(SpaceMap::tied(Expansion::pad(small, large))));
        let pad = LinearGrowth { width: width.unwrap(), depth: DepthMap::stack(2, 4) }.grow(&pair.growth()).unwrap();
        let grown = pair.learner(&options).materialise().unwrap();
        for ((spec, a), b) in grown.specs().iter().zip(grown.tensors()).zip(pad.tensors()) {
            assert_eq!(a.as_vec(), b.as_vec(), "{} {}", small.family, spec.name);
        }
    }
}

/// Bit for bit what adding whole matrices, 0 where something old reaches, would be. Where nothing old reaches, a zero start shows
/// what is beside it.
#[test]
fn fresh_values_are_added_where_nothing_old_reaches_and_nowhere_else() {
    for [small, wider, _, both] in kinds() {
        for large in [wider, both] {
            let pair = Pair::new(small.clone(), large);
            let grown = |width_start, fresh| {
                let options = FactorOptions { width_start, fresh, depth_noise: 0.2, ..map_alone() };
                let grown = pair.learner(&options).materialise().unwrap();
                grown.tensors().iter().map(|tensor| tensor.as_vec()).collect::<Vec<_>>()
            };
            let (zero, beside_zero) = (grown(WidthStart::Zero, false), grown(WidthStart::Zero, true));
            let (random, beside) = (grown(WidthStart::Random, false), grown(WidthStart::Random, true));
            for (i, spec) in pair.large.specs().iter().enumerate() {
                let added = beside_zero[i].iter().zip(&zero[i]).map(|(with, without)| with - without);
                let expected: Vec<f32> = random[i].iter().zip(added).map(|(value, added)| value + added).collect();
                assert_eq!(beside[i], expected, "{} {}", small.family, spec.name);
            }
        }
    }
}

/// GPT-2, 8 → 12 wide, MLP 32 → 48.
#[test]
fn of_fresh_values_no_more_is_held_than_is_added() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 12, 3));
    let held = pair.learner(&FactorOptions { fresh: true, ..map_alone() }).constants;
    for (spec, held) in pair.large.specs().iter().zip(&held) {
        let expected = match spec.name.rsplit("h.1.").next().unwrap_or_default() {
            "transformer.wte.weight" => 13 * 4,
            "attn.c_attn.weight" => 12 * 36 - 8 * 24,
            "mlp.c_fc.weight" => 12 * 48 - 8 * 32,
            "attn.c_attn.bias" => 0,
            "ln_1.weight" => 4,
            _ => continue,
        };
        assert_eq!(held.len(), expected, "{}", spec.name);
    }
    let deeper = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 8, 2));
    assert!(deeper.learner(&FactorOptions::default()).constants.iter().all(|held| held.is_empty()));
}

#[test]
fn a_function_preserving_start_keeps_the_function_of_every_family_however_factors_are_shared() {
    for [small, large, ..] in kinds() {
        let pair = Pair::new(small, large);
        let sharings = [Sharing::PerKind, Sharing::PerSmallLayer, Sharing::PerLargeLayer];
        for (sharing, tying) in sharings.into_iter().flat_map(|s| [(s, Tying::Untied), (s, Tying::Scaled)]) {
            for (rotary, head_factor) in [(Rotary::WholeHeads, true), (Rotary::Dense, false)] {
                let width_start = WidthStart::FunctionPreserving;
                let options = FactorOptions { width_start, tying, sharing, rotary, head_factor, ..map_alone() };
                keeps_its_function(&pair, &options);
            }
        }
    }
}

#[test]
fn an_identity_start_in_depth_keeps_the_function_of_pre_norm_models() {
    for [small, _, deeper, both] in kinds() {
        let identity = FactorOptions { depth_start: DepthStart::Identity, ..map_alone() };
        let pair = Pair::new(small.clone(), deeper);
        if pair.large.is_post_norm() {
            // The first layers are themselves, the others copy the last one but for what they add to the residual stream.
            let grown = pair.learner(&identity).materialise().unwrap();
            for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
                let source = spec.module.replace("{}", &spec.layer.map_or(0, |i| i.min(1)).to_string());
                let silent = spec.layer.is_some_and(|i| i > 1) && spec.name.contains("output.dense");
                let copied = pair.parameters.get(&source).unwrap().as_vec();
                let expected = if silent { vec![0.0; copied.len()] } else { copied };
                assert_eq!(tensor.as_vec(), expected, "{}", spec.name);
            }
            continue;
        }
        keeps_its_function(&pair, &identity);
        let width_start = WidthStart::FunctionPreserving;
        keeps_its_function(&Pair::new(small, both), &FactorOptions { width_start, tying: Tying::Untied, ..identity });
    }
}

#[test]
fn a_normalised_selection_divides_what_reads_the_copies_by_their_number() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 2, 12, 3));
        let start = FactorOptions { width_start: WidthStart::SelectionNormalised, ..map_alone() };
        let untied = pair.learner(&FactorOptions { tying: Tying::Untied, ..start });
        let factor = |name: &str| {
            let i = untied.plan.specs.iter().position(|spec| spec.name == name).unwrap();
            (untied.plan.factors[i].clone(), untied.factors.tensors()[i].as_vec())
        };
        let (FactorPlan::Width(b), c) = factor("B.embed") else { panic!("a width") };
        let (FactorPlan::Width(_), a) = factor("A.embed") else { panic!("a width") };
        let (small, large) = b.size();
        let chosen =
            |i: usize| if i < small { i } else { (0..small).find(|j| c[(i - small) * small + j] == 1.0).unwrap() };
        for i in 0..large {
            let copies = (0..large).filter(|&other| chosen(other) == chosen(i)).count() as f32;
            assert_eq!(a[i * small + chosen(i)], 1.0 / copies);
        }
        let scaled = pair.learner(&FactorOptions { tying: Tying::Scaled, ..start });
        assert_near(&untied.materialise().unwrap(), &scaled.materialise().unwrap(), family.name());
    }
}

#[test]
fn factors_of_their_own_start_the_same_weights_where_they_start_equal() {
    for [small, _, _, large] in kinds() {
        let case = small.family.name();
        let pair = Pair::new(small, large);
        let grown = |options: &FactorOptions| pair.learner(options).materialise().unwrap();
        let tied = grown(&map_alone());
        assert_near(&tied, &grown(&FactorOptions { tying: Tying::Scaled, ..map_alone() }), case);
        assert_near(&tied, &grown(&FactorOptions { tune_small: true, ..map_alone() }), case);
        // A zero start draws nothing, so that all layers' factors are equal.
        let zero = FactorOptions { width_start: WidthStart::Zero, depth_noise: 0.2, ..map_alone() };
        let expected = grown(&zero);
        for sharing in [Sharing::PerSmallLayer, Sharing::PerLargeLayer] {
            assert_near(&expected, &grown(&FactorOptions { sharing, ..zero }), case);
        }
    }
}

/// One entry of one matrix by the formula of each sharing, in f64: Σ_j w_ij B_j W_j A_jᵀ and B_i (Σ_j w_ij W_j) A_iᵀ.
#[test]
fn factors_of_each_layer_follow_their_formula() {
    let pair = Pair::new(config(Family::Bert, 2, 8, 2), config(Family::Bert, 3, 12, 3));
    for sharing in [Sharing::PerSmallLayer, Sharing::PerLargeLayer] {
        let options = FactorOptions { sharing, width_form: WidthForm::Free, depth_noise: 0.5, ..map_alone() };
        let learner = pair.learner(&options);
        let factor = |name: &str| learner.factors.get(name).unwrap().as_vec();
        let (embed, w) = (factor("B.embed"), factor("w.intermediate.dense"));
        let grown = learner.materialise().unwrap();
        for i in 0..3 {
            let name = |layer: usize| format!("bert.encoder.layer.{layer}.intermediate.dense.weight");
            let found = grown.get(&name(i)).unwrap().as_vec();
            for (row, column) in [(0, 0), (31, 7), (40, 3), (47, 11), (5, 9)] {
                let mut expected = 0.0;
                for j in 0..2 {
                    let small = pair.parameters.get(&name(j)).unwrap().as_vec();
                    let b = factor(&format!("B.{}.ffn", if sharing == Sharing::PerSmallLayer { j } else { i }));
                    for r in 0..32 {
                        for c in 0..8 {
                            let ends = f64::from(b[row * 32 + r]) * f64::from(embed[column * 8 + c]);
                            expected += f64::from(w[i * 2 + j]) * ends * f64::from(small[r * 8 + c]);
                        }
                    }
                }
                let found = f64::from(found[row * 12 + column]);
                assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{sharing:?}: {found} {expected}");
            }
        }
    }
}

#[test]
fn under_rotary_positions_queries_and_keys_grow_by_whole_heads_and_groups_stay_together() {
    for family in Family::ALL.into_iter().filter(|family| family.is_llama_style()) {
        let pair = Pair::new(grouped(family, 2, 8, 4), grouped(family, 2, 12, 6));
        let whole = pair.learner(&map_alone());
        let shape = |name: &str| whole.factors.specs().iter().find(|spec| spec.name == name).unwrap().shape.clone();
        // Four query heads on two key heads become six on three.
        assert_eq!((shape("B.query"), shape("B.key"), shape("B.value")), (vec![2, 4], vec![1, 2], vec![4, 8]));
        let (query, key) = ("B.query", "B.key");
        let values = |name: &str| whole.factors.get(name).unwrap().as_vec();
        let (m, k) = (values(query), values(key));
        assert_eq!(m, [k[0], 0.0, k[1], 0.0, 0.0, k[0], 0.0, k[1]]);

        // The same, written out as M ⊗ I.
        let mut dense = pair.learner(&FactorOptions { rotary: Rotary::Dense, ..map_alone() });
        let names: Vec<String> = dense.factors.specs().iter().map(|spec| spec.name.clone()).collect();
        for (name, tensor) in names.iter().zip(dense.factors_mut().tensors_mut()) {
            let written = match name.as_str() {
                "B.query" | "B.key" => {
                    let heads = if name == query { 4 } else { 2 };
                    let m = values(name);
                    let at = |i: usize, j: usize| if i % 4 == j % 4 { m[i / 4 * heads + j / 4] } else { 0.0 };
                    (0..m.len() / heads * 4)
                        .flat_map(|i| (0..heads * 4).map(move |j| (i, j)))
                        .map(|(i, j)| at(i, j))
                        .collect()
                }
                other => values(other),
            };
            tensor.copy_from(&written);
        }
        assert_near(&whole.materialise().unwrap(), &dense.materialise().unwrap(), family.name());
    }
}

#[test]
fn more_and_shorter_heads_of_the_same_width_start_with_the_same_weights() {
    for family in Family::ALL.into_iter().filter(|family| !family.is_llama_style()) {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 2, 8, 4));
        let learner = pair.learner(&map_alone());
        let specs = learner.factors.specs();
        let square = specs.iter().filter(|spec| !spec.name.ends_with("heads"));
        assert!(square.clone().count() >= 3 && square.clone().all(|spec| spec.shape == [8, 8]), "{specs:?}");
        let grown = learner.materialise().unwrap();
        for (spec, tensor) in grown.specs().iter().zip(grown.tensors()).filter(|(spec, _)| !spec.name.contains("proj_"))
        {
            let small = pair.parameters.get(&spec.name).unwrap().as_vec();
            assert_eq!(tensor.as_vec(), small, "{}", spec.name);
        }
    }
}

#[test]
fn additions_to_the_large_weights_start_small_and_constants_only_where_nothing_old_reaches() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 12, 3));
    let plain = pair.learner(&map_alone()).materialise().unwrap();
    let residual = pair.learner(&FactorOptions { residual: true, ..map_alone() }).materialise().unwrap();
    let fresh = pair.learner(&FactorOptions { fresh: true, ..map_alone() }).materialise().unwrap();
    let of_large = pair.large.fresh(&pair.device, pair.growth().seed).unwrap();
    for (i, spec) in plain.specs().iter().enumerate() {
        let at = |set: &Parameters<Cpu>| set.tensors()[i].as_vec();
        let (plain, residual, fresh, of_large) = (at(&plain), at(&residual), at(&fresh), at(&of_large));
        let added: Vec<f32> = plain.iter().zip(residual).map(|(a, b)| b - a).collect();
        assert!(added.iter().all(|v| v.abs() < 0.011) && added.iter().any(|v| *v != 0.0), "{}", spec.name);
        if spec.name.ends_with("wte.weight") {
            for (k, ((plain, fresh), of_large)) in plain.iter().zip(fresh).zip(of_large).enumerate() {
                let expected = if k % 12 < 8 { *plain } else { plain + of_large };
                assert!((fresh - expected).abs() < 1e-6, "{} {k}", spec.name);
            }
        }
    }
}

#[test]
fn each_factor_has_the_rate_of_its_kind() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 12, 3));
    let rates = crate::Rates { depth: 2.0, residual: 0.5, small: 0.25 };
    let options = FactorOptions { tying: Tying::Scaled, residual: true, tune_small: true, rates, ..map_alone() };
    let learner = pair.learner(&options);
    for (spec, rate) in learner.factors.specs().iter().zip(learner.rates()) {
        let expected = match spec.name.split('.').next() {
            Some("B" | "s") => 1.0,
            Some("w") => 2.0,
            Some("R") => 0.5,
            _ => 0.25,
        };
        assert_eq!(rate, expected, "{}", spec.name);
        assert!(spec.decay || !spec.name.starts_with('w'), "{}", spec.name);
    }
    assert_eq!(learner.rates().len(), learner.factors.tensors().len());
    assert_eq!(Arc::strong_count(&learner.plan), 1, "nothing outlives an expansion");
}

#[test]
fn what_cannot_start_is_refused_by_the_name_of_its_key() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 12, 3));
    let refused = |options: FactorOptions, pair: &Pair| {
        crate::operator::LigoLearner::start(&options, &pair.growth()).unwrap_err()
    };
    let tied = FactorOptions { width_start: WidthStart::FunctionPreserving, ..map_alone() };
    assert!(matches!(refused(tied, &pair), GrowthError::Option { option, .. } if option == "tying"));

    // Heads of 4 cannot be copied whole into heads of 6.
    let longer = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 12, 2));
    let copies = FactorOptions { tying: Tying::Untied, ..tied };
    let error = refused(copies, &longer).to_string();
    assert!(error.contains("num_attention_heads") && error.contains("function-preserving"), "{error}");
}

#[test]
fn every_size_grows_alone_and_together_with_the_others() {
    type Growth = fn(&mut ModelConfig);
    let axes: [(&str, Growth); 5] = [
        ("hidden_size", |large| large.hidden_size = 12),
        ("num_hidden_layers", |large| large.num_hidden_layers = 3),
        ("intermediate_size", |large| large.intermediate_size = Some(40)),
        ("num_attention_heads", |large| {
            large.num_attention_heads = 4;
            large.num_key_value_heads = large.num_key_value_heads.map(|_| 2);
        }),
        ("class_intermediate_size", |large| large.class_intermediate_size = Some(40)),
    ];
    for family in Family::ALL {
        let mut small = config(family, 2, 8, 2);
        small.intermediate_size = Some(32);
        if family.is_llama_style() {
            (small.num_key_value_heads, small.head_dim) = (Some(1), Some(4));
        }
        let mut all = small.clone();
        let axes = axes.iter().filter(|(axis, _)| family == Family::Cait || !axis.starts_with("class"));
        let mut cases: Vec<(&str, ModelConfig)> = Vec::new();
        for (axis, grow) in axes {
            let mut large = small.clone();
            grow(&mut large);
            grow(&mut all);
            cases.push((axis, large));
        }
        cases.push(("all", all));
        for (axis, large) in cases {
            let pair = Pair::new(small.clone(), large);
            let learner = pair.learner(&FactorOptions::default());
            let grown = learner.materialise().unwrap();
            assert!(Arc::ptr_eq(grown.specs(), pair.large.specs()), "{family} {axis}");
            let loss = pair.large.loss(&mut NoneTape, &grown, &batch(family), Mode::Evaluate).unwrap().as_vec()[0];
            assert!(loss.is_finite(), "{family} {axis}");
        }
    }
}
