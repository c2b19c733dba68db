//! Image transfer: a model of other classes learns the digits that need no download.

use crate::{assert_same, pretrained, tune};
use ligo_data::images::augment::{Augmentation, Mixing};
use ligo_data::images::{ImageSource, Preprocessing, digits};
use ligo_downstream::{ImageTask, Task, Tuning};
use ligo_models::{Family, Images, Inputs};

#[test]
fn a_model_is_transferred_to_other_classes_and_every_image_of_the_split_counts() {
    let directory = tempfile::tempdir().unwrap();
    let report = digits::build(directory.path()).unwrap();
    let (train, validation) = (ImageSource::new([report.train]), ImageSource::new([report.validation]));
    let preprocessing = Preprocessing::new(1, digits::SIDE).unwrap();
    let task = ImageTask::read("digits", &train, &validation, digits::CLASSES, preprocessing).unwrap();
    let tuning = Tuning::new(2, 32, 3e-3);
    for family in [Family::Vit, Family::Deit, Family::Cait] {
        let (model, parameters) = pretrained(family);
        let at = directory.path().join(family.name());
        let tuned = tune((&model, &parameters), Task::Images(&task), &tuning, &at, None).unwrap();
        let scores = &tuned.scores;
        let floor = if family == Family::Cait { 0.2 } else { 0.7 };
        assert!(scores.own > floor, "{family}: {scores:?}");
        assert_eq!(tuned.model.config().num_labels(), digits::CLASSES);

        // The same, image by image.
        let images = ligo_data::images::ImageBatches::new(
            task.validation().clone(),
            task.preprocessing().clone(),
            digits::CLASSES,
            ligo_data::BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 },
        );
        let all = images.unwrap().validation_batches(1, usize::MAX).unwrap();
        assert_eq!((all.len() as u64, scores.evaluated), (task.validation().len(), task.validation().len()));
        let right = all.into_iter().filter(|image| {
            let inputs = Inputs::Images(Images { pixels: image.pixels.clone(), batch_size: 1 });
            let logits = tuned.model.logits(&tuned.parameters, &inputs).unwrap().as_vec();
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
            best as i32 == image.classes[0]
        });
        let accuracy = right.count() as f64 / task.validation().len() as f64;
        assert!((scores.own - accuracy).abs() < 0.01, "{family}: {} and {accuracy}", scores.own);
    }
}

#[test]
fn augmented_images_with_shared_targets_are_learnt_from_and_resumed() {
    let directory = tempfile::tempdir().unwrap();
    let report = digits::build(directory.path()).unwrap();
    let (train, validation) = (ImageSource::new([report.validation.clone()]), ImageSource::new([report.validation]));
    let preprocessing = Preprocessing::new(1, digits::SIDE).unwrap();
    let task = ImageTask::read("digits", &train, &validation, digits::CLASSES, preprocessing).unwrap();
    let mixing = Some(Mixing::default());
    let task = task.augmented(Augmentation { mixing, label_smoothing: 0.1, ..Augmentation::default() }).unwrap();
    let (model, parameters) = pretrained(Family::Vit);
    let tuned = |name: &str, stop| {
        let at = directory.path().join(name);
        tune((&model, &parameters), Task::Images(&task), &Tuning::new(1, 32, 3e-3), &at, stop).unwrap()
    };
    let whole = tuned("whole", None);
    let losses: Vec<f64> = whole.scores.rows.iter().map(|row| row.validation_loss).collect();
    assert!(losses.last() < losses.first(), "{losses:?}");
    assert_same(&whole, &tuned("stopped", Some(3)));
}
