//! Augmented batches from outside: what they are a function of, what they show, and what is refused.

use ligo_data::BatchPlan;
use ligo_data::images::augment::{Augmentation, AugmentedBatch, AugmentedBatches, Crop, Mixing};
use ligo_data::images::{ImageBatches, ImageSource, Preprocessing, write_image_parquet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

const LABELS: usize = 6;
const SIDE: usize = 8;

fn fixture(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "images", name].iter().collect();
    fs::read(path).expect("the fixture is in the repository")
}

/// Six images, number i of class i.
fn plain(plan: BatchPlan) -> ImageBatches {
    let names = ["colour.png", "grey.jpg", "palette.png", "turned.jpg", "thrifty.jpg", "colour.jpg"];
    of_images(&names.map(fixture), plan)
}

fn of_images(encoded: &[Vec<u8>], plan: BatchPlan) -> ImageBatches {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    write_image_parquet(&path, &encoded.iter().zip(0..).collect::<Vec<_>>()).unwrap();
    let images = Arc::new(ImageSource::new([path]).read().unwrap());
    ImageBatches::new(images, Preprocessing::new(3, SIDE).unwrap(), LABELS, plan).unwrap()
}

fn augmented(augmentation: &Augmentation, plan: BatchPlan) -> AugmentedBatches {
    AugmentedBatches::new(plain(plan), LABELS, augmentation).unwrap()
}

const PLAN: BatchPlan = BatchPlan { seed: 3, batch_size: 6, micro_batches: 1 };

#[test]
fn without_options_batches_are_the_plain_ones_with_hard_targets() {
    let batches = augmented(&Augmentation::default(), PLAN);
    for step in 0..4 {
        let AugmentedBatch { images, targets } = batches.batch(step, 0).unwrap();
        assert_eq!(images, batches.plain().batch(step, 0).unwrap());
        for (row, &class) in targets.chunks_exact(LABELS).zip(&images.classes) {
            assert!(row.iter().enumerate().all(|(label, &share)| share == f32::from(label as i32 == class)), "{row:?}");
        }
    }
}

#[test]
fn a_batch_follows_from_seed_and_number_on_any_number_of_threads() {
    let batches = augmented(&Augmentation::deit(), PLAN);
    let first = batches.batch(5, 0).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| batches.batch(5, 0).unwrap()), first, "{threads} threads");
    }
    assert_eq!(augmented(&Augmentation::deit(), PLAN).batch(5, 0).unwrap(), first);
    assert_ne!(augmented(&Augmentation::deit(), BatchPlan { seed: 4, ..PLAN }).batch(5, 0).unwrap(), first);
    assert_ne!(batches.batch(6, 0).unwrap().images.pixels, first.images.pixels);
}

#[test]
fn each_image_is_shown_three_times_in_a_pass_each_time_another_way() {
    let augmentation = Augmentation { mixing: None, ..Augmentation::deit() };
    let batches = augmented(&augmentation, PLAN);
    for pass in 0..2 {
        let mut shown: Vec<Vec<Vec<f32>>> = vec![Vec::new(); LABELS];
        for step in 3 * pass..3 * (pass + 1) {
            let images = batches.batch(step, 0).unwrap().images;
            for (pixels, class) in images.pixels.chunks_exact(3 * SIDE * SIDE).zip(images.classes) {
                shown[class as usize].push(pixels.to_vec());
            }
        }
        for showings in shown {
            assert_eq!(showings.len(), 3);
            assert!(showings[0] != showings[1] && showings[0] != showings[2] && showings[1] != showings[2]);
        }
    }
}

#[test]
fn without_mixing_micro_batches_are_the_parts_of_one_large_batch() {
    let augmentation = Augmentation { mixing: None, ..Augmentation::deit() };
    let in_parts = augmented(&augmentation, BatchPlan { batch_size: 2, micro_batches: 3, ..PLAN });
    let parts: Vec<f32> = (0..3).flat_map(|micro| in_parts.batch(7, micro).unwrap().images.pixels).collect();
    assert_eq!(augmented(&augmentation, PLAN).batch(7, 0).unwrap().images.pixels, parts);
}

#[test]
fn pixels_and_targets_are_mixed_with_the_same_share() {
    // Black images of class 0 to 2 and white ones of class 3 to 5: how much of a batch is white is told by both.
    let image = |value: u8| {
        let mut png = std::io::Cursor::new(Vec::new());
        image::GrayImage::from_pixel(20, 20, image::Luma([value])).write_to(&mut png, image::ImageFormat::Png).unwrap();
        png.into_inner()
    };
    let encoded: Vec<Vec<u8>> = [0, 0, 0, 255, 255, 255].map(image).to_vec();
    for mixing in [Mixing { cutmix: 0.0, ..Mixing::default() }, Mixing { mixup: 0.0, ..Mixing::default() }] {
        let augmentation =
            Augmentation { mixing: Some(mixing), crop: Some(Crop::default()), ..Augmentation::default() };
        let batches = AugmentedBatches::new(of_images(&encoded, PLAN), LABELS, &augmentation).unwrap();
        let mut mixed = 0;
        for step in 0..30 {
            let AugmentedBatch { images, targets } = batches.batch(step, 0).unwrap();
            let rows = targets.chunks_exact(LABELS).zip(images.pixels.chunks_exact(3 * SIDE * SIDE));
            for (target, pixels) in rows {
                assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{target:?}");
                // Black is −1, white 1.
                let white = pixels.iter().map(|value| (value + 1.0) / 2.0).sum::<f32>() / pixels.len() as f32;
                assert!((target[3..].iter().sum::<f32>() - white).abs() < 1e-4, "{target:?}, {white} white");
                mixed += usize::from(white > 0.0 && white < 1.0);
            }
        }
        assert!(mixed > 30, "{mixed}");
    }
}

#[test]
fn a_part_of_the_images_is_augmented_alone() {
    let part = plain(PLAN).within(2..5).unwrap();
    let batches = AugmentedBatches::new(part, LABELS, &Augmentation::deit()).unwrap();
    let mut met: Vec<i32> = (0..3).flat_map(|step| batches.batch(step, 0).unwrap().images.classes).collect();
    met.sort_unstable();
    met.dedup();
    assert_eq!(met, [2, 3, 4]);
}

#[test]
fn bad_options_labels_and_images_are_refused_by_name() {
    let refused = |labels, augmentation: Augmentation| {
        AugmentedBatches::new(plain(PLAN), labels, &augmentation).unwrap_err().to_string()
    };
    let message = refused(LABELS, Augmentation { flip: 2.0, ..Augmentation::default() });
    assert_eq!(message, "augmentation.flip = 2, expected 0 to 1");
    let message = refused(5, Augmentation::default());
    assert!(message.contains("row 5, column `label`: found 5, expected a class from 0 to 4"), "{message}");

    let encoded = [fixture("colour.png"), b"no image".to_vec()];
    let broken = of_images(&encoded, BatchPlan { batch_size: 2, ..PLAN });
    let broken = AugmentedBatches::new(broken, LABELS, &Augmentation { repeats: 1, ..Augmentation::deit() }).unwrap();
    let message = broken.batch(0, 0).unwrap_err().to_string();
    assert!(message.contains("x.parquet: row 1, column `image`"), "{message}");
}
