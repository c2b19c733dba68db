//! Proposition 1 (PAPER.md 1.6): stacking, interpolation and Net2Net are special cases of the operator.

use super::{Pair, batch, config, difference, grouped, map_alone};
use crate::options::{DepthStart, FactorOptions, Rotary, Tying, WidthForm};
use crate::plan::FactorPlan;
use ligo_growth::{DepthMap, Expansion, GrowthOperator, Learner, LinearGrowth, SpaceMap, WidthMap};
use ligo_kernels::Cpu;
use ligo_models::{Family, Parameters, SpaceSize};

fn assert_same(operator: &Parameters<Cpu>, expected: &Parameters<Cpu>) {
    assert_eq!(operator.specs(), expected.specs());
    for ((spec, a), b) in operator.specs().iter().zip(operator.tensors()).zip(expected.tensors()) {
        assert_eq!(a.as_vec(), b.as_vec(), "{}", spec.name);
    }
}

#[test]
fn with_stacked_depth_weights_it_is_stackbert_bit_for_bit() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 6, 8, 2));
        let grown = pair.learner(&map_alone()).materialise().unwrap();
        let stack = LinearGrowth { width: WidthMap::keep(), depth: DepthMap::stack(2, 6) };
        assert_same(&grown, &stack.grow(&pair.growth()).unwrap());
        for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
            let source = spec.module.replace("{}", &spec.layer.map_or(0, |i| i % 2).to_string());
            assert_eq!(tensor.as_vec(), pair.parameters.get(&source).unwrap().as_vec(), "{}", spec.name);
        }
    }
}

#[test]
fn with_interlaced_depth_weights_it_is_interpolation_bit_for_bit() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 6, 8, 2));
        let options = FactorOptions { depth_start: DepthStart::Interlace, ..map_alone() };
        let grown = pair.learner(&options).materialise().unwrap();
        for (spec, tensor) in grown.specs().iter().zip(grown.tensors()) {
            let source = spec.module.replace("{}", &spec.layer.map_or(0, |i| i / 3).to_string());
            assert_eq!(tensor.as_vec(), pair.parameters.get(&source).unwrap().as_vec(), "{}", spec.name);
        }
    }
}

/// Every small unit (channel or head) copied twice; one map for each kind of space, as the operator has one B for each kind.
fn twice(small_units: usize) -> Vec<usize> {
    (0..small_units).chain((0..small_units).map(|i| (i * 3 + 1) % small_units)).collect()
}

fn net2net(pair: &Pair) -> WidthMap {
    WidthMap::per_space(pair.small.config(), pair.large.config(), |_, small, _| {
        Ok(SpaceMap::duplicating(&twice(small.units), small.unit))
    })
    .unwrap()
}

/// Every axis has a whole matrix of its own.
fn own_matrices() -> FactorOptions {
    let (width_form, tying, rotary) = (WidthForm::Free, Tying::Untied, Rotary::Dense);
    FactorOptions { width_form, tying, rotary, ..map_alone() }
}

/// The matrix `[D, d]` of a selection.
fn dense(expansion: &Expansion, small: usize) -> Vec<f32> {
    let Expansion::Select { from, scale } = expansion else { panic!("a selection") };
    let mut matrix = vec![0.0; from.len() * small];
    for (i, j) in from.iter().enumerate() {
        matrix[i * small + j.unwrap()] = scale.as_ref().map_or(1.0, |scale| scale[i]);
    }
    matrix
}

#[test]
fn with_selections_and_divided_partners_it_is_net2net_and_keeps_the_function() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 2, 16, 4));
        let mut learner = pair.learner(&own_matrices());
        let names: Vec<String> = learner.factors().specs().iter().map(|spec| spec.name.clone()).collect();
        for (name, tensor) in names.iter().zip(learner.factors_mut().tensors_mut()) {
            let (units, unit) = match name[2..].trim_start_matches("class.") {
                "query" | "key" | "value" => (2, 4),
                "ffn" => (32, 1),
                "embed" => (8, 1),
                "heads" => (2, 1),
                other => panic!("no such space: {other}"),
            };
            let map = SpaceMap::duplicating(&twice(units), unit);
            let side = if name.starts_with('B') { &map.produce } else { &map.consume };
            tensor.copy_from(&dense(side, units * unit));
        }
        let grown = learner.materialise().unwrap();
        let fixed = LinearGrowth { width: net2net(&pair), depth: DepthMap::identity(2) };
        assert_same(&grown, &fixed.grow(&pair.growth()).unwrap());

        let small = pair.small.logits(&pair.parameters, &batch(family).inputs).unwrap().as_vec();
        let large = pair.large.logits(&grown, &batch(family).inputs).unwrap().as_vec();
        let difference = difference(&small, &large);
        assert!(difference < 1e-5, "{family}: {difference}");
    }
}

/// As above where two heads share a key and a value: what attention hands on takes the values' copies, once for each of the two.
#[test]
fn with_shared_values_its_net2net_keeps_the_function_too() {
    for family in Family::ALL.into_iter().filter(|family| family.is_llama_style()) {
        let pair = Pair::new(grouped(family, 2, 8, 4), grouped(family, 2, 16, 8));
        let mut learner = pair.learner(&own_matrices());
        let names: Vec<String> = learner.factors().specs().iter().map(|spec| spec.name.clone()).collect();
        let (value_heads, size) = (twice(2), |units| SpaceSize { units, unit: 4 });
        let together: Vec<usize> = value_heads.iter().flat_map(|j| [2 * j, 2 * j + 1]).collect();
        for (name, tensor) in names.iter().zip(learner.factors_mut().tensors_mut()) {
            let (map, width) = match &name[2..] {
                "query" => (SpaceMap::duplicating(&together, 4), 16),
                "key" | "value" => (SpaceMap::duplicating(&value_heads, 4), 8),
                "context" => {
                    let of_values = SpaceMap::duplicating(&value_heads, 4).consume;
                    (SpaceMap::tied(of_values.repeated(size(2), size(4), 2)), 16)
                }
                "ffn" => (SpaceMap::duplicating(&twice(32), 1), 32),
                "embed" => (SpaceMap::duplicating(&twice(8), 1), 8),
                other => panic!("no such space: {other}"),
            };
            let side = if name.starts_with('B') { &map.produce } else { &map.consume };
            tensor.copy_from(&dense(side, width));
        }
        let grown = learner.materialise().unwrap();
        let small = pair.small.logits(&pair.parameters, &batch(family).inputs).unwrap().as_vec();
        let large = pair.large.logits(&grown, &batch(family).inputs).unwrap().as_vec();
        let difference = difference(&small, &large);
        assert!(difference < 1e-5, "{family}: {difference}");
    }
}

/// A tied operator starts with one map for values and for what attention hands on.
#[test]
fn with_shared_values_it_starts_as_the_fixed_operator_of_the_same_maps() {
    for family in [Family::Llama, Family::Qwen3] {
        let pair = Pair::new(grouped(family, 2, 8, 4), grouped(family, 4, 16, 8));
        let learner = pair.learner(&FactorOptions { rotary: Rotary::Dense, ..map_alone() });
        let names: Vec<&str> = learner.factors.specs().iter().map(|spec| spec.name.as_str()).collect();
        let width = WidthMap::per_space(pair.small.config(), pair.large.config(), |space, small, large| {
            let name = format!("B.{}", format!("{:?}", space.kind()).to_lowercase());
            let factor = &learner.factors.tensors()[names.iter().position(|found| *found == name).unwrap()];
            let (small, rows) = (small.width(), large.width() - small.width());
            let identity = (0..small).flat_map(|i| (0..small).map(move |j| if i == j { 1.0 } else { 0.0 }));
            let matrix: Vec<f32> = identity.chain(factor.as_vec()).collect();
            assert_eq!(matrix.len(), (small + rows) * small);
            Ok(SpaceMap::tied(Expansion::Dense { matrix, small }))
        });
        let fixed = LinearGrowth { width: width.unwrap(), depth: DepthMap::stack(2, 4) }.grow(&pair.growth()).unwrap();
        let grown = learner.materialise().unwrap();
        for ((spec, a), b) in grown.specs().iter().zip(grown.tensors()).zip(fixed.tensors()) {
            assert!(difference(&a.as_vec(), &b.as_vec()) < 1e-5, "{}", spec.name);
        }
    }
}

/// PAPER.md Eq. 2 written out for one matrix: GPT-2 stores `[in, out]`.
#[test]
fn its_net2net_is_the_formula_entry_by_entry() {
    let pair = Pair::new(config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 16, 4));
    let name = "transformer.h.0.mlp.c_fc.weight";
    let small = pair.parameters.get(name).unwrap().as_vec();
    let fixed = LinearGrowth { width: net2net(&pair), depth: DepthMap::identity(1) };
    let large = fixed.grow(&pair.growth()).unwrap().get(name).unwrap().as_vec();
    let (input, output) = (twice(8), twice(32));
    for i in 0..16 {
        for o in 0..64 {
            assert_eq!(large[i * 64 + o], small[input[i] * 32 + output[o]] / 2.0, "({i}, {o})");
        }
    }
}

#[test]
fn a_tied_selection_in_width_and_a_stack_in_depth_are_the_fixed_operator_of_the_same_maps() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 4, 12, 3));
        let mut learner = pair.learner(&FactorOptions { rotary: Rotary::Dense, ..map_alone() });
        let plan = learner.plan.clone();
        for (factor, tensor) in plan.factors.iter().zip(learner.factors_mut().tensors_mut()) {
            if let FactorPlan::Width(factor) = factor {
                let (small, large) = factor.size();
                let rows = (small..large).flat_map(|i| (0..small).map(move |j| if i % small == j { 1.0 } else { 0.0 }));
                tensor.copy_from(&rows.collect::<Vec<f32>>());
            }
        }
        let width = WidthMap::per_space(pair.small.config(), pair.large.config(), |_, small, large| {
            let (small, large) = (small.width(), large.width());
            Ok(SpaceMap::tied(Expansion::select((0..large).map(|i| i % small))))
        });
        let fixed = LinearGrowth { width: width.unwrap(), depth: DepthMap::stack(2, 4) };
        assert_same(&learner.materialise().unwrap(), &fixed.grow(&pair.growth()).unwrap());
    }
}
