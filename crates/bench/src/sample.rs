//! What a case's models are fed: random tokens or images, and what they should say to them.

use crate::Case;
use ligo_kernels::IGNORED;
use ligo_models::{Batch, Family, Head, Images, Inputs, Targets, Tokens};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// Share of the tokens that a masked model has to predict (Devlin et al. 2019); a causal one predicts all.
const MASKED_SHARE: f64 = 0.15;

/// Drawn once, handed to every contender as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// `[batch · sequence]`; none for images.
    pub(crate) input_ids: Vec<u32>,
    /// `[batch · channels · side · side]`, colours from 0 to 255; none for text.
    pub(crate) pixels: Vec<u8>,
    /// A token for each token, or a class for each image.
    pub(crate) targets: Vec<i32>,
}

impl Sample {
    /// The same for the same case.
    pub(crate) fn of(case: &Case) -> Self {
        let mut rng = StdRng::seed_from_u64(0x6c69_676f);
        let model = &case.model;
        if model.family.reads_images() {
            let side = model.image_size();
            let pixels = case.batch_size * model.num_channels() * side * side;
            let classes = model.num_labels() as i32;
            return Self {
                input_ids: Vec::new(),
                pixels: (0..pixels).map(|_| rng.random()).collect(),
                targets: (0..case.batch_size).map(|_| rng.random_range(0..classes)).collect(),
            };
        }
        let vocabulary = model.vocab_size as u32;
        // RoBERTa tells padding by its id: the positions of other tokens would count from it.
        let first = if model.family == Family::Roberta { model.pad_token_id() as u32 + 1 } else { 0 };
        let input_ids: Vec<u32> = (0..case.tokens()).map(|_| rng.random_range(first..vocabulary)).collect();
        let mut targets: Vec<i32> = (0..case.tokens()).map(|_| rng.random_range(0..vocabulary) as i32).collect();
        if model.head() == Head::MaskedLm {
            for target in &mut targets {
                if !rng.random_bool(MASKED_SHARE) {
                    *target = IGNORED;
                }
            }
        }
        Self { input_ids, pixels: Vec::new(), targets }
    }

    /// As our models read it.
    pub(crate) fn batch(&self, case: &Case) -> Batch {
        let targets = self.targets.clone();
        if case.model.family.reads_images() {
            // As most of the Hub's preprocessors do it: mean and standard deviation ½.
            let pixels = self.pixels.iter().map(|&colour| (f32::from(colour) - 127.5) / 127.5).collect();
            let images = Images { pixels, batch_size: case.batch_size };
            return Batch { inputs: Inputs::Images(images), targets: Targets::Classes(targets) };
        }
        let tokens = Tokens {
            input_ids: self.input_ids.clone(),
            batch_size: case.batch_size,
            sequence_length: case.sequence_length,
            ..Tokens::default()
        };
        Batch::tokens(tokens, targets)
    }

    /// The share of tokens or images that have a target.
    pub(crate) fn labelled_share(&self) -> f64 {
        let labelled = self.targets.iter().filter(|&&target| target != IGNORED).count();
        labelled as f64 / self.targets.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_same_each_time_and_random_within_the_vocabulary() {
        for case in [Case::standard(Family::Gpt2), Case::quickstart(Family::Bert), Case::compared(Family::Roberta)] {
            let (sample, again) = (Sample::of(&case), Sample::of(&case));
            assert_eq!(sample, again);
            assert_eq!(sample.input_ids.len(), 1024);
            let ids = 2 * usize::from(case.model.family == Family::Roberta)..case.model.vocab_size;
            assert!(sample.input_ids.iter().all(|&id| ids.contains(&(id as usize))));
            let distinct: std::collections::HashSet<_> = sample.input_ids.iter().collect();
            assert!(distinct.len() > 500, "{} distinct ids", distinct.len());
        }
    }

    #[test]
    fn a_causal_model_predicts_every_token_and_a_masked_one_about_15_percent() {
        assert_eq!(Sample::of(&Case::standard(Family::Gpt2)).labelled_share(), 1.0);
        let share = Sample::of(&Case::standard(Family::Bert)).labelled_share();
        assert!((0.11..0.2).contains(&share), "{share}");
    }

    #[test]
    fn colours_of_images_lie_about_zero() {
        let case = Case::compared(Family::Vit);
        let batch = Sample::of(&case).batch(&case);
        let Inputs::Images(images) = batch.inputs else { panic!("ViT reads images") };
        assert_eq!(images.pixels.len(), 8 * 3 * 224 * 224);
        assert!(images.pixels.iter().all(|pixel| pixel.abs() <= 1.0));
        let mean = images.pixels.iter().sum::<f32>() / images.pixels.len() as f32;
        assert!(mean.abs() < 0.01, "{mean}");
    }
}
