//! Operations of RandAugment that map each value of a channel by a table, as Pillow's `ImageOps` does.

use crate::images::decode::Pixels;

/// New values of the values 0 to 255.
type Table = [u8; 256];

fn table(value: impl Fn(u8) -> u8) -> Table {
    std::array::from_fn(|old| value(old as u8))
}

/// The same table for every channel.
pub(super) fn map(image: &mut Pixels, value: impl Fn(u8) -> u8) {
    let table = table(value);
    image.pixels.iter_mut().for_each(|number| *number = table[usize::from(*number)]);
}

/// 255 − v.
pub(super) fn invert(image: &mut Pixels) {
    map(image, |value| 255 - value);
}

/// Keeps the highest `bits` bits, 0 (black) to 8.
pub(super) fn posterize(image: &mut Pixels, bits: u32) {
    let dropped = 8 - bits.min(8);
    map(image, |value| ((u32::from(value) >> dropped) << dropped) as u8);
}

/// Inverts values from `threshold` on.
pub(super) fn solarize(image: &mut Pixels, threshold: u32) {
    map(image, |value| if u32::from(value) < threshold { value } else { 255 - value });
}

/// Adds `add` to values below 128.
pub(super) fn solarize_add(image: &mut Pixels, add: u8) {
    map(image, |value| if value < 128 { value.saturating_add(add) } else { value });
}

/// Stretches each channel, so that its darkest value becomes 0 and its lightest 255.
pub(super) fn auto_contrast(image: &mut Pixels) {
    by_channel(image, |counts| {
        let (Some(low), Some(high)) = (counts.iter().position(|&n| n > 0), counts.iter().rposition(|&n| n > 0)) else {
            return table(|value| value);
        };
        if high <= low {
            return table(|value| value);
        }
        let scale = 255.0 / (high - low) as f64;
        // As Pillow: cut off, not rounded.
        table(|value| (f64::from(value) * scale - low as f64 * scale) as u8)
    });
}

/// Makes the values of each channel as equally frequent as a table can.
pub(super) fn equalize(image: &mut Pixels) {
    by_channel(image, |counts| {
        let lightest = counts.iter().rfind(|&&n| n > 0).copied().unwrap_or(0);
        let step = (counts.iter().sum::<u32>() - lightest) / 255;
        if step == 0 {
            return table(|value| value);
        }
        let mut below = step / 2;
        std::array::from_fn(|value| {
            let equal = (below / step).min(255) as u8;
            below += counts[value];
            equal
        })
    });
}

/// A table for each channel, of how often each value is in it.
fn by_channel(image: &mut Pixels, table: impl Fn(&[u32; 256]) -> Table) {
    for channel in 0..image.channels {
        let mut counts = [0; 256];
        let values = image.pixels.iter_mut().skip(channel).step_by(image.channels);
        values.for_each(|value| counts[usize::from(*value)] += 1);
        let table = table(&counts);
        let values = image.pixels.iter_mut().skip(channel).step_by(image.channels);
        values.for_each(|value| *value = table[usize::from(*value)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colour_has_nothing_to_stretch_or_equalise() {
        let image = Pixels { pixels: [3, 200, 90].repeat(30 * 30), width: 30, height: 30, channels: 3 };
        for operation in [auto_contrast, equalize] {
            let mut same = image.clone();
            operation(&mut same);
            assert_eq!(same, image);
        }
    }

    #[test]
    fn inverting_twice_is_nothing() {
        let image = Pixels { pixels: (0..=255).collect(), width: 16, height: 16, channels: 1 };
        let mut twice = image.clone();
        invert(&mut twice);
        assert_ne!(twice, image);
        invert(&mut twice);
        assert_eq!(twice, image);
    }
}
