//! What an expansion costs, against a count by hand.

use super::{Pair, config, map_alone};
use crate::LigoOperator;
use crate::plan::{DepthOrder, Plan, WidthOrder};
use ligo_growth::{ExpansionFlops, LearnedOperator};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn flops(pair: &Pair) -> ExpansionFlops {
    LearnedOperator::<Cpu>::expansion_flops(&LigoOperator { options: map_alone() }, &pair.small, &pair.large).unwrap()
}

/// GPT-2, one layer, 8 → 12 wide, MLP 32 → 48; vocabulary 13, 8 positions. A new coordinate costs 2 · d per line along it:
/// 2 · 4 · 8 = 64 for one line along the residual stream or a third of c_attn, 2 · 16 · 32 = 1024 along the MLP's inner width.
///
/// Where what lies between is not kept, both products run once more in backward.
///
/// | weight | first | second | forward | backward beside that |
/// |---|---|---|---|---|
/// | wte [13, 8], wpe [8, 8] | 21 lines · 64 | | 1344 | 1344 |
/// | c_attn [8, 24], rows first | 24 · 64 = 1536 | 12 · 192 = 2304 | 3840 | 1536 + 4608 |
/// | c_proj [8, 8] | 8 · 64 = 512 | 12 · 64 = 768 | 1280 | 512 + 1536 |
/// | c_fc [8, 32] | columns 8 · 1024 = 8192 | rows 48 · 64 = 3072 | 11264 | 8192 + 6144 |
/// | mlp c_proj [32, 8] | rows 8 · 1024 = 8192 | columns 48 · 64 = 3072 | 11264 | 8192 + 6144 |
/// | biases: c_attn 192, c_proj 64, c_fc 1024, mlp 64; norms 3 · 2 · 64 | 1728 | | 1728 | 1728 |
#[test]
fn widening_one_layer_costs_what_a_count_by_hand_says() {
    let pair = Pair::new(config(Family::Gpt2, 1, 8, 2), config(Family::Gpt2, 1, 12, 3));
    let twice = 3840.0 + 1280.0 + 2.0 * 11264.0;
    let kept = ExpansionFlops {
        forward: 1344.0 + twice + 1728.0,
        backward: 1344.0 + 6144.0 + 2048.0 + 2.0 * 14336.0 + 1728.0,
    };
    assert_eq!(flops(&pair), kept);
    let mut plan = (*pair.learner(&map_alone()).plan).clone();
    plan.modules.iter_mut().for_each(|module| module.kept = module.between() == 0);
    assert_eq!(plan.flops(), ExpansionFlops { backward: kept.backward + twice, ..kept });
}

/// GPT-2, 8 wide, 2 → 4 layers: each layer has 12 · 64 + 13 · 8 = 872 values, a mix costs 2 · 2 · 4 for each of them, and so does the
/// gradient of its weights; the layers are frozen.
#[test]
fn deepening_costs_one_multiply_add_for_each_pair_of_layers_and_value() {
    let pair = Pair::new(config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 8, 2));
    assert_eq!(flops(&pair), ExpansionFlops { forward: 16.0 * 872.0, backward: 16.0 * 872.0 });
}

#[test]
fn the_chosen_orders_are_the_cheapest_of_all() {
    let pair = Pair::new(config(Family::Bert, 2, 8, 2), config(Family::Bert, 4, 16, 4));
    let mut plan = (*pair.learner(&map_alone()).plan).clone();
    let total = |flops: ExpansionFlops| flops.forward + flops.backward;
    let chosen = total(plan.flops());
    for width in [WidthOrder::RowsFirst, WidthOrder::ColumnsFirst] {
        for depth in [DepthOrder::WidthFirst, DepthOrder::DepthFirst] {
            for module in &mut plan.modules {
                (module.width_order, module.depth_order) = (width, depth);
            }
            assert!(chosen <= total(plan.flops()));
        }
    }
}

/// Of 124M parameters' MLPs alone more than that lies between: it is made again. A tiny model's is kept.
#[test]
fn what_is_little_is_kept() {
    let gpt2 = |hidden, layers, heads| {
        let config = ModelConfig { vocab_size: 50_257, ..config(Family::Gpt2, layers, hidden, heads) };
        Model::new(config).unwrap()
    };
    let plan = |small: &Model, large: &Model| Plan::new(small, large, &map_alone()).unwrap();
    let bytes = |plan: &Plan, kept| {
        let modules = plan.modules.iter().filter(|module| module.kept == kept);
        4 * modules.map(|module| module.between()).sum::<usize>()
    };
    let medium = plan(&gpt2(768, 12, 12), &gpt2(1024, 24, 16));
    assert!(bytes(&medium, true) <= 64 << 20 && bytes(&medium, false) > 512 << 20);
    let tiny = plan(&gpt2(64, 2, 2), &gpt2(128, 4, 4));
    assert_eq!(bytes(&tiny, false), 0);
}

/// As measured: at real widths it pays to widen the few small layers first and mix then, and to contract the MLP's long side first.
#[test]
fn at_real_widths_layers_are_widened_before_they_are_mixed() {
    let pair = Pair::new(config(Family::Gpt2, 2, 64, 2), config(Family::Gpt2, 4, 128, 4));
    let plan = pair.learner(&map_alone()).plan;
    let module = |name: &str| {
        let position = pair.large.specs().iter().position(|spec| spec.name == name).unwrap();
        plan.modules.iter().find(|module| module.large.contains(&position)).unwrap()
    };
    let (fc, proj) = (module("transformer.h.0.mlp.c_fc.weight"), module("transformer.h.0.mlp.c_proj.weight"));
    assert_eq!((fc.width_order, proj.width_order), (WidthOrder::ColumnsFirst, WidthOrder::RowsFirst));
    assert_eq!((fc.depth_order, proj.depth_order), (DepthOrder::WidthFirst, DepthOrder::WidthFirst));
}
