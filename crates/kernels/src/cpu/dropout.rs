//! Dropout whose mask is a function of a key and of an element's index, recomputed instead of kept.

use super::buffers::{matrix, read, shape_error, size, unwritten};
use super::gradient::{Mode, Slot};
use super::parallel;
use super::simd::vectorised;
use crate::{Cpu, Dropout, Matrix, Result, Tape};

/// A checked [`Dropout`], ready to say what each element is multiplied by.
#[derive(Clone, Copy)]
pub(super) struct Mask {
    key: u64,
    /// An element is dropped if the upper 24 bits of its hash are below this.
    threshold: u32,
    /// `1 / (1 − p)`.
    scale: f32,
}

impl Mask {
    /// # Errors
    /// If p is not in `[0, 1)`.
    pub(super) fn new(op: &'static str, dropout: Dropout) -> Result<Self> {
        let p = dropout.p;
        if !(0.0..1.0).contains(&p) {
            return Err(shape_error(op, "dropout probability", p, "a number in [0, 1)"));
        }
        let threshold = (f64::from(p) * f64::from(1 << 24)).round() as u32;
        Ok(Self { key: dropout.key, threshold, scale: 1.0 / (1.0 - p) })
    }

    /// The multipliers, 0 or 1/(1 − p), of the elements from `first` on go through `apply`, with their place in the run.
    ///
    /// Two rounds of multiply and xor-shift mix the index; one half of the key enters before and one between, so that
    /// masks of different keys are not shifts of one another.
    #[inline(always)]
    pub(super) fn for_each(self, first: u64, count: usize, mut apply: impl FnMut(usize, f32)) {
        let mut done = 0;
        while done < count {
            let start = first + done as u64;
            let (high, low) = ((start >> 32) as u32, start as u32);
            let until_carry = (u64::from(u32::MAX - low) + 1).min((count - done) as u64) as usize;
            let key = mix(self.key ^ mix(u64::from(high)));
            let (before, between) = (key as u32, (key >> 32) as u32);
            for i in 0..until_carry {
                let mut h = low.wrapping_add(i as u32) ^ before;
                h = (h ^ (h >> 16)).wrapping_mul(0x7feb_352d);
                h = (h.wrapping_add(between) ^ (h >> 15)).wrapping_mul(0x846c_a68b);
                h ^= h >> 16;
                apply(done + i, if (h >> 8) < self.threshold { 0.0 } else { self.scale });
            }
            done += until_carry;
        }
    }
}

vectorised! {
    /// `out = mask · x` or `out += mask · x`, for the run of elements from `first` on.
    fn apply(mask: Mask, first: u64, x: &[f32], out: &mut [f32], mode: Mode) {
        let x = &x[..out.len()];
        match mode {
            Mode::Set => mask.for_each(first, x.len(), |i, m| out[i] = x[i] * m),
            Mode::Add => mask.for_each(first, x.len(), |i, m| out[i] += x[i] * m),
        }
    }
}

/// A bijection of 64 bits in which every input bit reaches every output bit.
fn mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 32)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

/// See [`crate::Kernels::dropout`].
pub(super) fn dropout<T: Tape<f32, Cpu>>(tape: &mut T, x: &Matrix<Cpu>, dropout: Dropout) -> Result<Matrix<Cpu>> {
    const OP: &str = "dropout";
    let mask = Mask::new(OP, dropout)?;
    let data = read(OP, "input", x)?;
    let mut y = unwritten(data.len());
    parallel::rows(&mut y, 1, |first, y| apply(mask, first as u64, &data[first..], y, Mode::Set));
    let y = matrix(OP, x.device(), y, size(x))?;
    if T::OWNS_TAPE {
        let (x_slot, y_slot) = (Slot::of(x), Slot::output(&y));
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take_shared(gradients)?;
            x_slot.accumulate(gradients, |dx, mode| {
                parallel::rows(dx, 1, |first, dx| apply(mask, first as u64, &dy[first..], dx, mode));
            })
        });
    }
    Ok(y)
}
