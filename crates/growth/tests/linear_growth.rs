//! [`LinearGrowth`] on real models of every family, held against values computed entry by entry.

use ligo_growth::testing::{config, grown_and_shown, scrambled};
use ligo_growth::{DepthMap, Expansion, Growth, GrowthOperator, LinearGrowth, SpaceMap, WidthMap};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Parameters, Space};

struct Grown {
    small: Parameters<Cpu>,
    large: Parameters<Cpu>,
    fresh: Parameters<Cpu>,
}

impl Grown {
    fn by(operator: &LinearGrowth, small: &ModelConfig, large: &ModelConfig) -> Self {
        let device = Cpu::default();
        let (small_model, large_model) = (Model::new(small.clone()).unwrap(), Model::new(large.clone()).unwrap());
        let small = scrambled(&small_model, 1);
        let growth = Growth { small: &small_model, parameters: &small, large: &large_model, device: &device, seed: 9 };
        let large = grown_and_shown(operator, &growth);
        let fresh = large_model.fresh(&device, 9).unwrap();
        Self { small, large, fresh }
    }

    fn values(set: &Parameters<Cpu>, name: &str) -> Vec<f32> {
        set.get(name).unwrap_or_else(|| panic!("no parameter {name}")).as_vec()
    }
}

#[test]
fn stacking_and_interpolating_copy_whole_layers_bit_for_bit() {
    for family in Family::ALL {
        let (small, large) = (config(family, 2, 8, 2), config(family, 5, 8, 2));
        for (depth, layers) in
            [(DepthMap::stack(2, 5), [0, 1, 0, 1, 0]), (DepthMap::interpolate(2, 5), [0, 0, 0, 1, 1])]
        {
            let grown = Grown::by(&LinearGrowth { width: WidthMap::keep(), depth }, &small, &large);
            for (spec, tensor) in grown.large.specs().iter().zip(grown.large.tensors()) {
                let source = match spec.layer {
                    Some(i) => spec.module.replace("{}", &layers[i].to_string()),
                    None => spec.name.clone(),
                };
                assert_eq!(tensor.as_vec(), Grown::values(&grown.small, &source), "{}", spec.name);
            }
        }
    }
}

#[test]
fn a_mix_is_the_weighted_sum_of_its_layers() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 3, 8, 2));
    let depth = DepthMap::mix(2, vec![vec![(0, 1.0)], vec![(0, 0.25), (1, 0.75)], vec![(1, -2.0)]]).unwrap();
    let grown = Grown::by(&LinearGrowth { width: WidthMap::keep(), depth }, &small, &large);
    let name = |l: usize| format!("transformer.h.{l}.mlp.c_fc.weight");
    let (first, second) = (Grown::values(&grown.small, &name(0)), Grown::values(&grown.small, &name(1)));
    let mixed: Vec<f32> = first.iter().zip(&second).map(|(a, b)| 0.25 * a + 0.75 * b).collect();
    assert_eq!(Grown::values(&grown.large, &name(0)), first);
    assert_eq!(Grown::values(&grown.large, &name(1)), mixed);
    assert_eq!(Grown::values(&grown.large, &name(2)), second.iter().map(|b| -2.0 * b).collect::<Vec<f32>>());
}

/// Net2Net's Eq. 2 written out for GPT-2's two trickiest matrices: the fused c_attn, and c_proj whose input is the heads.
#[test]
fn duplicating_is_net2net_entry_by_entry() {
    let (small, large) = (config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 12, 3));
    let embed = [0, 1, 2, 3, 4, 5, 6, 7, 2, 2, 7, 0];
    let heads = [0, 1, 1];
    let width = WidthMap::per_space(&small, &large, |space, _, large| {
        Ok(match space {
            Space::Embed => SpaceMap::duplicating(&embed, 1),
            Space::Ffn(_) => SpaceMap::duplicating(&(0..large.units).map(|i| i % 32).collect::<Vec<_>>(), 1),
            _ => SpaceMap::duplicating(&heads, 4),
        })
    })
    .unwrap();
    let grown = Grown::by(&LinearGrowth { width, depth: DepthMap::identity(1) }, &small, &large);

    let copies = |j: usize| embed.iter().filter(|&&k| k == j).count() as f32;
    let head_coordinate = |i: usize| heads[i / 4] * 4 + i % 4;
    let (attn, proj) = ("transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_proj.weight");
    let (small_attn, large_attn) = (Grown::values(&grown.small, attn), Grown::values(&grown.large, attn));
    for i in 0..12 {
        for (third, o) in (0..3).flat_map(|third| (0..12).map(move |o| (third, o))) {
            let expected = small_attn[embed[i] * 24 + third * 8 + head_coordinate(o)] * (1.0 / copies(embed[i]));
            assert_eq!(large_attn[i * 36 + third * 12 + o], expected, "c_attn ({i}, {third}, {o})");
        }
    }
    let (small_proj, large_proj) = (Grown::values(&grown.small, proj), Grown::values(&grown.large, proj));
    for i in 0..12 {
        let count = if heads[i / 4] == 1 { 2.0 } else { 1.0 };
        for o in 0..12 {
            let expected = small_proj[head_coordinate(i) * 8 + embed[o]] / count;
            assert_eq!(large_proj[i * 12 + o], expected, "c_proj ({i}, {o})");
        }
    }
    let (bias, gain) = ("transformer.h.0.attn.c_proj.bias", "transformer.ln_f.weight");
    let (small_bias, small_gain) = (Grown::values(&grown.small, bias), Grown::values(&grown.small, gain));
    for i in 0..12 {
        assert_eq!(Grown::values(&grown.large, bias)[i], small_bias[embed[i]], "a bias repeats");
        let expected = small_gain[embed[i]] * (1.0 / copies(embed[i]));
        assert_eq!(Grown::values(&grown.large, gain)[i], expected, "the norm before the tied output divides");
    }
}

#[test]
fn a_dense_map_grows_like_the_selection_that_it_spells() {
    for family in Family::ALL {
        let (small, large) = (config(family, 1, 8, 2), config(family, 2, 12, 3));
        let index = |small: usize, large: usize| (0..large).map(move |i| (i * 5 + 1) % small);
        let operator = |dense: bool| {
            let width = WidthMap::per_space(&small, &large, |_, small, large| {
                let (d, big_d) = (small.width(), large.width());
                let matrix = || index(d, big_d).flat_map(|j| (0..d).map(move |k| if k == j { 1.0 } else { 0.0 }));
                Ok(SpaceMap::tied(if dense {
                    Expansion::Dense { matrix: matrix().collect(), small: d }
                } else {
                    Expansion::select(index(d, big_d))
                }))
            });
            LinearGrowth { width: width.unwrap(), depth: DepthMap::stack(1, 2) }
        };
        let selected = Grown::by(&operator(false), &small, &large);
        let dense = Grown::by(&operator(true), &small, &large);
        for (a, b) in selected.large.tensors().iter().zip(dense.large.tensors()) {
            assert_eq!(a.as_vec(), b.as_vec());
        }
    }
}

#[test]
fn what_no_small_coordinate_reaches_is_the_large_models_own_start() {
    for family in Family::ALL {
        let (small, large) = (config(family, 1, 8, 2), config(family, 2, 12, 3));
        let pad = |_, small, large| Ok(SpaceMap::tied(Expansion::pad(small, large)));
        let width = WidthMap::per_space(&small, &large, pad).unwrap();
        let grown = Grown::by(&LinearGrowth { width, depth: DepthMap::stack(1, 2) }, &small, &large);
        for ((spec, tensor), fresh) in grown.large.specs().iter().zip(grown.large.tensors()).zip(grown.fresh.tensors())
        {
            let source = spec.module.replace("{}", "0");
            let old = Grown::values(&grown.small, &source);
            let (values, fresh) = (tensor.as_vec(), fresh.as_vec());
            let from_small = values.iter().filter(|v| old.contains(v)).count();
            let from_fresh = values.iter().zip(&fresh).filter(|(v, f)| v == f).count();
            assert_eq!(from_small, old.len(), "{}", spec.name);
            assert_eq!(from_fresh, fresh.len() - old.len(), "{}", spec.name);
        }
    }
}

#[test]
fn maps_that_do_not_fit_the_models_are_refused_by_name() {
    let (small, wide) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 2, 12, 3));
    let keep = WidthMap::keep();
    let cases = [
        (keep.clone(), DepthMap::stack(2, 4), &small, "the depth map: found 2 to 4 layers, expected 2 to 2 layers"),
        (keep, DepthMap::identity(2), &wide, "the expansion of embed: found no map"),
    ];
    for (width, depth, large, expected) in cases {
        let (small_model, large_model) = (Model::new(small.clone()).unwrap(), Model::new(large.clone()).unwrap());
        let (device, parameters) = (Cpu::default(), scrambled(&small_model, 1));
        let growth =
            Growth { small: &small_model, parameters: &parameters, large: &large_model, device: &device, seed: 9 };
        let message = LinearGrowth { width, depth }.grow(&growth).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
