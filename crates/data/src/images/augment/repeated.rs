//! Repeated augmentation (Hoffer et al. 2019, arXiv 1901.09335; Berman et al. 2019): an image is met several times in a
//! row, each time augmented anew.

use crate::permutation::Permutation;

/// One showing of an image: what its random choices are a function of, with the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Showing {
    /// The pass over the images, counted from 0.
    pub epoch: u64,
    /// The image.
    pub image: u64,
    /// How often it was shown before in this pass.
    pub repeat: u64,
}

/// The order in which training meets the images, each `repeats` times in a pass.
///
/// Sample number n of the training belongs to pass n / (`repeats` · `images`). A pass goes through the images in the order
/// that seed and pass give, and shows each `repeats` times one after the other, so that with few exceptions its showings
/// share a batch. With one repeat this is the order without repeated augmentation.
///
/// DeiT's sampler makes the same order (there, neighbours are on different GPUs), but cuts each pass off after as many
/// samples as there are images, so that a random third of them is met three times in an epoch; here a pass is finished, and
/// takes `repeats` such epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedOrder {
    images: u64,
    repeats: u64,
    seed: u64,
}

impl RepeatedOrder {
    /// # Panics
    /// If `images` or `repeats` is 0.
    pub fn new(images: u64, repeats: u64, seed: u64) -> Self {
        assert!(images > 0 && repeats > 0, "{images} images, {repeats} times each");
        Self { images, repeats, seed }
    }

    /// What sample number `sample` of the training shows.
    pub fn showing(&self, sample: u64) -> Showing {
        let pass = self.images * self.repeats;
        let (epoch, position) = (sample / pass, sample % pass);
        let image = Permutation::new(self.images, self.seed, epoch).get(position / self.repeats);
        Showing { epoch, image, repeat: position % self.repeats }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BatchPlan;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn a_pass_shows_every_image_as_often_as_it_should(images in 1u64..200, repeats in 1u64..5, seed: u64) {
            let order = RepeatedOrder::new(images, repeats, seed);
            for epoch in 0..2 {
                let pass = epoch * images * repeats..(epoch + 1) * images * repeats;
                let shown: HashSet<Showing> = pass.map(|sample| order.showing(sample)).collect();
                let all = (0..images).flat_map(|image| (0..repeats).map(move |repeat| Showing { epoch, image, repeat }));
                prop_assert_eq!(shown, all.collect());
            }
        }

        #[test]
        fn once_each_is_the_order_of_the_plain_batches(images in 1u64..200, step in 0u64..50, seed: u64) {
            let plan = BatchPlan { seed, batch_size: 7, micro_batches: 2 };
            let order = RepeatedOrder::new(images, 1, seed);
            let plain = plan.blocks(images, step, 1).map(|place| (place.epoch, place.block));
            let showings = plan.samples(step, 1).map(|sample| order.showing(sample));
            prop_assert!(showings.map(|showing| (showing.epoch, showing.image)).eq(plain));
        }
    }

    #[test]
    fn repeats_follow_one_another() {
        let order = RepeatedOrder::new(10, 3, 1);
        for first in (0..60).step_by(3) {
            let showings = [0, 1, 2].map(|next| order.showing(first + next));
            assert!(showings.iter().all(|showing| showing.image == showings[0].image));
            assert_eq!(showings.map(|showing| showing.repeat), [0, 1, 2]);
        }
    }
}
