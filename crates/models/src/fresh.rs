//! Fresh weights: each parameter from a random stream of its own.

use crate::{Init, ParamSpec};
use ligo_kernels::normal_values;

/// The start of one parameter.
///
/// A function of the seed and of the parameter's declaration alone: neither the order of the parameters nor what else the model
/// has changes it.
pub(crate) fn values(spec: &ParamSpec, seed: u64) -> Vec<f32> {
    let elements = spec.elements();
    match spec.init {
        Init::Zeros => vec![0.0; elements],
        Init::Ones => vec![1.0; elements],
        Init::Constant(value) => vec![value; elements],
        Init::Normal(std) => normal_values(seed, fnv_1a(&spec.name), std, elements),
    }
}

/// A hash of a name that is the same on every machine (Fowler, Noll, Vo).
fn fnv_1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
