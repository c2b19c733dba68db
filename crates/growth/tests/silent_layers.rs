//! Silent layers pass on what they get, wherever they stand, in every family.

use ligo_growth::testing::{difference, pairs, scrambled};
use ligo_growth::{DepthMap, Growth, GrowthOperator, LinearGrowth, WidthMap};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig};

fn change(small: &ModelConfig, large: &ModelConfig, depth: DepthMap) -> ligo_growth::Result<f32> {
    let device = Cpu::default();
    let (small, large) = (Model::new(small.clone())?, Model::new(large.clone())?);
    let parameters = scrambled(&small, 1);
    let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 7 };
    let grown = LinearGrowth { width: WidthMap::keep(), depth }.grow(&growth)?;
    Ok(difference(&small, &parameters, &large, &grown))
}

#[test]
fn logits_stay_whatever_layers_are_silent() {
    let cases: [(&[usize], &[usize]); 5] = [
        (&[0, 1, 1], &[2]),
        (&[0, 0, 1], &[1]),
        (&[0, 1, 0, 1, 0], &[1, 2, 4]),
        (&[0, 0, 1, 1, 1, 0], &[1, 3, 4, 5]),
        (&[1, 0, 1, 1], &[0, 2]),
    ];
    for (layers, silent) in cases {
        for (name, small, large) in pairs((2, 8, 2), (layers.len(), 8, 2)) {
            let post_norm = matches!(small.family, Family::Bert | Family::Roberta);
            let depth = DepthMap::list(2, layers).unwrap().with_silent(silent.to_vec());
            let found = change(&small, &large, depth);
            if post_norm && silent[0] == 0 {
                let message = found.unwrap_err().to_string();
                assert!(message.contains("the depth map: found a silent first layer"), "{message}");
                continue;
            }
            let difference = found.unwrap();
            assert!(difference < 1e-5, "{name} {layers:?} {silent:?}: {difference}");
        }
    }
}

#[test]
fn an_epsilon_that_counts_hardly_disturbs_behind_the_norm() {
    for family in [Family::Bert, Family::Roberta] {
        let config =
            |layers| ModelConfig { layer_norm_eps: Some(1e-5), ..ligo_growth::testing::config(family, layers, 8, 2) };
        for large in [3, 4, 7] {
            let difference = change(&config(2), &config(large), DepthMap::spread(2, large)).unwrap();
            // Each of a silent layer's two norms makes what has a variance of 1 smaller by half of ε; logits are about 1.
            let silent = (large - 2) as f32;
            assert!(difference < 1e-5 * silent, "{family} {large}: {difference}");
        }
    }
}
