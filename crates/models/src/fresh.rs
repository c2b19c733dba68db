//! Fresh weights: each parameter from a random stream of its own.

use crate::{Init, ParamSpec};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};

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
        Init::Normal(std) => {
            let mut stream = stream(seed, &spec.name);
            (0..elements).map(|_| std * sample(&mut stream)).collect()
        }
    }
}

fn sample(stream: &mut StdRng) -> f32 {
    StandardNormal.sample(stream)
}

/// A stream that no other seed or name shares: both are part of the generator's key.
fn stream(seed: u64, name: &str) -> StdRng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&fnv_1a(name).to_le_bytes());
    StdRng::from_seed(key)
}

/// A hash of a name that is the same on every machine (Fowler, Noll, Vo).
fn fnv_1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
