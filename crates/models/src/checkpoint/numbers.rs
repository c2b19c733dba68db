//! Numbers as they lie in files, little-endian, to and from f32.
//!
//! One pass over the bytes converts and looks for what is not finite; large tensors are shared among the threads. A block is as
//! much as stays in a core's cache, so that looking a second time, where something was found, costs nothing.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;

/// Values of a block.
const BLOCK: usize = 1 << 12;
/// Values that a thread takes at a time; tensors with fewer are not shared.
const SHARE: usize = 1 << 16;

/// The type of the numbers of a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FloatType {
    /// 32 bits: as they are here.
    #[default]
    F32,
    /// 16 bits with 5 for the exponent, rounded to nearest even; up to 65504.
    F16,
    /// The upper 16 bits of an f32, rounded to nearest even.
    BF16,
}

impl FloatType {
    /// Its name in safetensors files.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// Appends `values`; the first that is finite here and infinite in this type is the error.
    pub(super) fn encode(self, values: &[f32], bytes: &mut Vec<u8>) -> Result<(), f32> {
        let overflows = match self {
            Self::F32 => {
                let start = bytes.len();
                bytes.resize(start + 4 * values.len(), 0);
                // Room of the right size, filled in one go, is as fast as copying.
                let room = bytes[start..].as_chunks_mut().0;
                room.iter_mut().zip(values).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
                return Ok(());
            }
            Self::F16 => {
                let mut halves = [f16::ZERO; BLOCK];
                for values in values.chunks(BLOCK) {
                    let halves = &mut halves[..values.len()];
                    halves.convert_from_f32_slice(values);
                    bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
                }
                |value| f16::from_f32(value).is_infinite()
            }
            Self::BF16 => {
                bytes.extend(values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()));
                |value| bf16::from_f32(value).is_infinite()
            }
        };
        match values.iter().find(|value| value.is_finite() && overflows(**value)) {
            Some(&value) => Err(value),
            None => Ok(()),
        }
    }
}

/// What a tensor's bytes stand for.
pub(super) struct Decoded {
    pub(super) values: Vec<f32>,
    /// The first value that is infinite or not a number.
    pub(super) first_not_finite: Option<usize>,
}

/// Whether [`decode`] knows the type.
pub(super) fn is_readable(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
}

/// The numbers of a type that is readable.
pub(super) fn decode(bytes: &[u8], dtype: Dtype) -> Decoded {
    let (size, block) = match dtype {
        Dtype::F16 => (2, f16_block as Block),
        Dtype::BF16 => (2, bf16_block as Block),
        Dtype::F64 => (8, f64_block as Block),
        _ => (4, f32_block as Block),
    };
    // Fresh memory is zero without anybody writing it.
    let mut values = vec![0.0; bytes.len() / size];
    let share = |(number, (values, bytes)): (usize, (&mut [f32], &[u8]))| {
        let mut first = None;
        for (i, (values, bytes)) in values.chunks_mut(BLOCK).zip(bytes.chunks(size * BLOCK)).enumerate() {
            if block(bytes, values) && first.is_none() {
                first = values.iter().position(|value| !value.is_finite()).map(|j| number * SHARE + i * BLOCK + j);
            }
        }
        first
    };
    let first_not_finite = if values.len() <= SHARE {
        share((0, (&mut values, bytes)))
    } else {
        let shares = values.par_chunks_mut(SHARE).zip(bytes.par_chunks(size * SHARE)).enumerate();
        shares.filter_map(share).min()
    };
    Decoded { values, first_not_finite }
}

/// Exponent of an f32: all ones in infinities and NaN alone.
const EXPONENT: u32 = 0x7f80_0000;

/// Fills the values from the bytes and says whether any is not finite.
type Block = fn(&[u8], &mut [f32]) -> bool;

fn f32_block(bytes: &[u8], values: &mut [f32]) -> bool {
    let mut found = 0;
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
        let bits = u32::from_le_bytes(*bytes);
        found |= u32::from(bits & EXPONENT == EXPONENT);
        *value = f32::from_bits(bits);
    }
    found != 0
}

fn bf16_block(bytes: &[u8], values: &mut [f32]) -> bool {
    let mut found = 0;
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
        let bits = u32::from(u16::from_le_bytes(*bytes)) << 16;
        found |= u32::from(bits & EXPONENT == EXPONENT);
        *value = f32::from_bits(bits);
    }
    found != 0
}

fn f16_block(bytes: &[u8], values: &mut [f32]) -> bool {
    let mut halves = [f16::ZERO; BLOCK];
    let halves = &mut halves[..values.len()];
    for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
        *half = f16::from_le_bytes(*bytes);
    }
    halves.convert_to_f32_slice(values);
    any_not_finite(values)
}

fn f64_block(bytes: &[u8], values: &mut [f32]) -> bool {
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
        *value = f64::from_le_bytes(*bytes) as f32;
    }
    any_not_finite(values)
}

fn any_not_finite(values: &[f32]) -> bool {
    values.iter().fold(0, |found, value| found | u32::from(value.to_bits() & EXPONENT == EXPONENT)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signs, zeros, subnormals, the largest, and much between.
    fn samples(n: usize) -> Vec<f32> {
        let odd = [-0.0, 1e-45, -1e-40, 6e-8, 65504.0, -1.0 / 3.0, 1.0 + f32::EPSILON];
        (0..n).map(|i| if i % 100 < 7 { odd[i % 100] } else { (i as f32 * 0.37).sin() * 4.0 }).collect()
    }

    fn encoded(values: &[f32], dtype: Dtype) -> Vec<u8> {
        let bytes = |value: &f32| match dtype {
            Dtype::F16 => f16::from_f32(*value).to_le_bytes().to_vec(),
            Dtype::BF16 => bf16::from_f32(*value).to_le_bytes().to_vec(),
            Dtype::F64 => f64::from(*value).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        };
        values.iter().flat_map(bytes).collect()
    }

    #[test]
    fn every_type_is_read_as_what_it_holds_at_every_length() {
        for n in [0, 1, BLOCK - 1, BLOCK + 1, SHARE, SHARE + 1, 3 * SHARE + 5] {
            let values = samples(n);
            type Round = fn(f32) -> f32;
            let cases: [(Dtype, Round); 4] = [
                (Dtype::F32, |value| value),
                (Dtype::F16, |value| f16::from_f32(value).to_f32()),
                (Dtype::BF16, |value| bf16::from_f32(value).to_f32()),
                (Dtype::F64, |value| value),
            ];
            for (dtype, rounded) in cases {
                let read = decode(&encoded(&values, dtype), dtype);
                let bits = |value: f32| value.to_bits();
                let expected: Vec<u32> = values.iter().map(|&value| bits(rounded(value))).collect();
                assert_eq!(read.values.into_iter().map(bits).collect::<Vec<_>>(), expected, "{dtype:?} {n}");
                assert_eq!(read.first_not_finite, None);
            }
        }
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_found_wherever_it_is() {
        let n = 2 * SHARE + 9;
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64] {
            for place in [0, BLOCK, SHARE - 1, SHARE, n - 1] {
                for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut values = samples(n);
                    values[place] = odd;
                    values[n - 1] = f32::NAN;
                    assert_eq!(decode(&encoded(&values, dtype), dtype).first_not_finite, Some(place), "{dtype:?}");
                }
            }
        }
        let large = decode(
            &encoded(&[0.0], Dtype::F64).iter().chain(&1e300_f64.to_le_bytes()).copied().collect::<Vec<_>>(),
            Dtype::F64,
        );
        assert_eq!(large.first_not_finite, Some(1), "beyond f32");
    }

    #[test]
    fn numbers_are_rounded_to_nearest_even_and_may_not_overflow() {
        let cases = [
            (FloatType::F16, 1.0 + 1.0 / 2048.0, 1.0),
            (FloatType::F16, 1.0 + 3.0 / 2048.0, 1.0 + 2.0 / 1024.0),
            (FloatType::F16, 65519.0, 65504.0),
            (FloatType::BF16, 1.0 + 1.0 / 256.0, 1.0),
            (FloatType::BF16, 1.0 + 3.0 / 256.0, 1.0 + 2.0 / 128.0),
            (FloatType::BF16, 1e38, 9.9692e37),
            (FloatType::F32, 0.1, 0.1),
        ];
        for (float, value, expected) in cases {
            let mut bytes = vec![];
            float.encode(&[value], &mut bytes).unwrap();
            let dtype = match float {
                FloatType::F32 => Dtype::F32,
                FloatType::F16 => Dtype::F16,
                FloatType::BF16 => Dtype::BF16,
            };
            let read = decode(&bytes, dtype).values[0];
            assert!((read - expected).abs() <= 1e-4 * expected, "{float:?} {value}: {read}");
        }
        for (float, value) in [(FloatType::F16, 65520.0), (FloatType::F16, -1e6), (FloatType::BF16, f32::MAX)] {
            assert_eq!(float.encode(&[0.0, value], &mut vec![]), Err(value));
        }
        for float in [FloatType::F32, FloatType::F16, FloatType::BF16] {
            let mut bytes = vec![];
            float.encode(&[f32::INFINITY, f32::NAN], &mut bytes).unwrap();
            assert_eq!(bytes.len(), 2 * float.bytes());
        }
    }
}
