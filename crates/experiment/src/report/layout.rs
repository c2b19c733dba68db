//! Where things go in a figure: round ticks, and labels that keep clear of one another. Arithmetic only.

/// Round numbers from `low` to `high`, about `wanted` of them: steps of 1, 2, 2.5 or 5 times a power of ten.
pub(super) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || wanted == 0 {
        return Vec::new();
    }
    let rough = span / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough * 0.75);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(|index| index as f64 * step).collect()
}

/// Decimals that show every tick as it is.
pub(super) fn digits(ticks: &[f64]) -> usize {
    let whole = |digits: &i32| {
        ticks.iter().all(|tick| {
            let scaled = tick * 10f64.powi(*digits);
            (scaled - scaled.round()).abs() < 1e-6
        })
    };
    (0..6).find(whole).unwrap_or(6) as usize
}

/// Moves labels apart: each as near to where it is wanted as a distance of `gap` allows, in the order of `wanted`, within
/// `low..=high` if there is room for all.
///
/// Labels that would overlap form a block that is centred on the mean of its members' places.
pub(super) fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    struct Block {
        members: Vec<usize>,
        top: f64,
    }
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    // All must fit; if they cannot, they keep their distance and leave the range.
    let room = (high - low).max(gap * wanted.len().saturating_sub(1) as f64);
    let high = low + room;

    let mut blocks: Vec<Block> = Vec::new();
    for index in order {
        let mut block = Block { members: vec![index], top: wanted[index] };
        loop {
            let height = gap * (block.members.len() - 1) as f64;
            // The mean distance between a member and its place is zero.
            let offsets = block.members.iter().enumerate().map(|(place, &member)| wanted[member] - gap * place as f64);
            block.top = (offsets.sum::<f64>() / block.members.len() as f64).clamp(low, (high - height).max(low));
            match blocks.pop_if(|above| above.top + gap * above.members.len() as f64 > block.top) {
                Some(mut above) => {
                    above.members.append(&mut block.members);
                    block = above;
                }
                None => break,
            }
        }
        blocks.push(block);
    }
    let mut places = vec![0.0; wanted.len()];
    for block in &blocks {
        for (place, &member) in block.members.iter().enumerate() {
            places[member] = block.top + gap * place as f64;
        }
    }
    places
}

/// The value below which a share of the values lies.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        for (low, high, wanted, expected) in [
            (0.0, 10.0, 5, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            (4.43, 5.02, 4, vec![4.6, 4.8, 5.0]),
            (0.0, 2.3e13, 5, vec![0.0, 5e12, 1e13, 1.5e13, 2e13]),
            (4.03, 5.57, 6, vec![4.2, 4.4, 4.6, 4.8, 5.0, 5.2, 5.4]),
            (1.0, 1.0, 5, vec![]),
            (0.0, f64::NAN, 5, vec![]),
        ] {
            let found = ticks(low, high, wanted);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs()), "{found:?}");
        }
    }

    #[test]
    fn ticks_are_written_with_the_decimals_that_they_need() {
        for (ticks, expected) in [(vec![0.0, 5.0], 0), (vec![4.5, 4.75], 2), (vec![0.1 * 3.0, 0.4], 1), (vec![], 0)] {
            assert_eq!(digits(&ticks), expected, "{ticks:?}");
        }
    }

    #[test]
    fn labels_keep_their_distance_their_order_and_the_frame() {
        for wanted in [
            vec![],
            vec![50.0],
            vec![10.0, 90.0],
            vec![50.0, 51.0, 52.0],
            vec![0.0, 0.0, 1.0, 99.0, 100.0, 100.0],
            vec![70.0, 3.0, 71.0, 69.0, 4.0],
        ] {
            let places = spread(&wanted, 12.0, 0.0, 100.0);
            let mut order: Vec<usize> = (0..wanted.len()).collect();
            order.sort_by(|&a, &b| places[a].total_cmp(&places[b]));
            for pair in order.windows(2) {
                assert!(places[pair[1]] - places[pair[0]] >= 12.0 - 1e-9, "{wanted:?} to {places:?}");
                assert!(wanted[pair[0]] <= wanted[pair[1]], "{wanted:?} to {places:?}");
            }
            assert!(places.iter().all(|place| (-1e-9..=100.0 + 1e-9).contains(place)), "{places:?}");
        }
        assert_eq!(spread(&[10.0, 90.0], 12.0, 0.0, 100.0), [10.0, 90.0]);
        assert_eq!(spread(&[50.0, 50.0], 12.0, 0.0, 100.0), [44.0, 56.0]);
    }

    #[test]
    fn labels_without_room_still_keep_their_distance() {
        assert_eq!(spread(&[5.0, 5.0, 5.0], 10.0, 0.0, 10.0), [0.0, 10.0, 20.0]);
    }

    #[test]
    fn a_quantile_ignores_what_is_no_number() {
        assert_eq!(quantile(&[3.0, 1.0, f64::NAN, 2.0], 1.0), Some(3.0));
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[f64::NAN], 0.5), None);
    }
}
