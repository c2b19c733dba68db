//! The same operator in another form or another order gives the same weights.

use super::{Pair, config, difference, map_alone};
use crate::options::{FactorOptions, WidthForm};
use crate::plan::{DepthOrder, WidthOrder};
use ligo_growth::Learner;
use ligo_models::Family;
use std::sync::Arc;

#[test]
fn a_free_factor_with_the_identity_on_top_equals_the_identity_form() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 4, 12, 3));
        let free = FactorOptions { width_form: WidthForm::Free, ..map_alone() };
        let identity = pair.learner(&map_alone()).materialise().unwrap();
        let free = pair.learner(&free).materialise().unwrap();
        for ((spec, a), b) in identity.specs().iter().zip(identity.tensors()).zip(free.tensors()) {
            assert!(difference(&a.as_vec(), &b.as_vec()) < 1e-6, "{}", spec.name);
        }
    }
}

#[test]
fn every_order_of_rows_columns_and_layers_gives_the_same_weights() {
    for family in Family::ALL {
        let pair = Pair::new(config(family, 2, 8, 2), config(family, 3, 12, 3));
        let options = FactorOptions { depth_noise: 0.5, ..map_alone() };
        let mut learner = pair.learner(&options);
        let chosen = learner.materialise().unwrap();
        for width in [WidthOrder::RowsFirst, WidthOrder::ColumnsFirst] {
            for depth in [DepthOrder::WidthFirst, DepthOrder::DepthFirst] {
                for module in &mut Arc::make_mut(&mut learner.plan).modules {
                    (module.width_order, module.depth_order) = (width, depth);
                }
                let other = learner.materialise().unwrap();
                for ((spec, a), b) in chosen.specs().iter().zip(chosen.tensors()).zip(other.tensors()) {
                    let difference = difference(&a.as_vec(), &b.as_vec());
                    assert!(difference < 1e-5, "{} {width:?} {depth:?}: {difference}", spec.name);
                }
            }
        }
    }
}
