//! What is said of the factors, where it is known.

use super::{Pair, config, grouped};
use crate::options::{FactorOptions, Tying, WidthStart};
use ligo_growth::{FactorDiagnostics, Learner};
use ligo_models::Family;

fn find<'a>(all: &'a [FactorDiagnostics], name: &str) -> &'a FactorDiagnostics {
    all.iter().find(|factor| factor.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_factor_that_pads_with_zeros_uses_each_old_direction_once() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 12, 3));
    let options = FactorOptions { width_start: WidthStart::Zero, ..FactorOptions::default() };
    let all = pair.learner(&options).diagnostics().unwrap();
    for factor in all.iter().filter(|factor| factor.name.starts_with('B')) {
        let width = if factor.name == "B.ffn" { 32 } else { 8 };
        assert_eq!(factor.singular_values, vec![1.0; width]);
        assert!((factor.effective_rank - width as f64).abs() < 1e-9);
        assert_eq!((factor.moved, factor.depth_weights.len()), (0.0, 0));
    }
    let depth = find(&all, "w.mlp.c_fc");
    assert_eq!(depth.depth_weights, [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
    assert_eq!((depth.singular_values.len(), depth.effective_rank), (0, 0.0));
}

#[test]
fn a_factor_is_seen_to_move_relative_to_its_start_or_from_nothing() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 12, 3));
    for (width_start, relative) in [(WidthStart::Selection, true), (WidthStart::Zero, false)] {
        let options = FactorOptions { width_start, residual: true, tune_small: true, ..FactorOptions::default() };
        let mut learner = pair.learner(&options);
        for tensor in learner.factors_mut().tensors_mut() {
            let moved: Vec<f32> = tensor.as_vec().iter().map(|v| v + 0.5).collect();
            tensor.copy_from(&moved);
        }
        let all = learner.diagnostics().unwrap();
        let moved = |name: &str| find(&all, name).moved;
        // 4 × 8 entries move by a half each; a selection has 4 ones.
        let expected = (32.0_f64 * 0.25).sqrt() / if relative { 2.0 } else { 1.0 };
        assert!((moved("B.embed") - expected).abs() < 1e-6);
        assert!((moved("w.mlp.c_fc") - (8.0_f64 * 0.25).sqrt() / 2.0).abs() < 1e-6);
        for name in ["R.transformer.ln_f.weight", "small.transformer.ln_f.weight"] {
            assert!(moved(name) > 0.1 && find(&all, name).singular_values.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_scaled_copy_shows_the_singular_values_of_what_is_applied() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 12, 3));
    let options = FactorOptions { width_start: WidthStart::Zero, tying: Tying::Scaled, ..FactorOptions::default() };
    let mut learner = pair.learner(&options);
    let at = learner.factors.specs().iter().position(|spec| spec.name == "s.embed").unwrap();
    learner.factors_mut().tensors_mut()[at].copy_from(&(1..=12).map(|i| i as f32).collect::<Vec<f32>>());
    let all = learner.diagnostics().unwrap();
    let expected: Vec<f64> = (1..=8).rev().map(f64::from).collect();
    for (found, expected) in find(&all, "s.embed").singular_values.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    assert_eq!(find(&all, "B.embed").singular_values, vec![1.0; 8]);
}

#[test]
fn a_factor_over_whole_heads_shows_each_direction_once_for_each_coordinate_of_a_head() {
    let pair = Pair::new(grouped(Family::Llama, 2, 8, 4), grouped(Family::Llama, 2, 12, 6));
    let options = FactorOptions { width_start: WidthStart::Selection, ..FactorOptions::default() };
    let all = pair.learner(&options).diagnostics().unwrap();
    // Two key heads, one of them copied: √2 and 1, for each of 4 coordinates.
    let root = 2.0_f64.sqrt();
    let expected = [root, root, root, root, 1.0, 1.0, 1.0, 1.0];
    let found = &find(&all, "B.key").singular_values;
    assert_eq!(found.len(), 8);
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
}
