//! Averages that follow values over many steps.
//!
//! `e ← e + (1 − d) (w − e)`: the rule `e ← d e + (1 − d) w`, written so that an average that is its value stays it to the bit.

use super::buffers::{expect, read, shape_error, size, write};
use super::parallel;
use super::simd::vectorised;
use crate::{Cpu, Matrix, Result};

/// See [`crate::Kernels::moving_average`].
pub(super) fn moving_average(averages: &mut [Matrix<Cpu>], values: &[Matrix<Cpu>], decay: f64) -> Result<()> {
    const OP: &str = "moving_average";
    if averages.len() != values.len() {
        return Err(shape_error(OP, "number of averages", averages.len(), values.len()));
    }
    if !(0.0..=1.0).contains(&decay) {
        return Err(shape_error(OP, "decay", decay, "a number from 0 to 1"));
    }
    for (i, (average, value)) in averages.iter().zip(values).enumerate() {
        expect(OP, &format!("average {i}"), size(average), size(value))?;
    }
    let way = (1.0 - decay) as f32;
    for (average, value) in averages.iter_mut().zip(values) {
        let value = read(OP, "value", value)?;
        parallel::zip(write(OP, "average", average)?, value, |average, value| approach(average, value, way));
    }
    Ok(())
}

vectorised! {
    fn approach(average: &mut [f32], value: &[f32], way: f32) {
        average.iter_mut().zip(value).for_each(|(e, w)| *e = (w - *e).mul_add(way, *e));
    }
}
