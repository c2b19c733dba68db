//! Labels that are shared among classes, and losses that come with the logits they were made of.

use crate::{batch, config, scrambled};
use ligo_kernels::{Cpu, GradTape, Kernels, NoneTape, gradients_for};
use ligo_models::{Batch, Family, Head, Mode, Model, ModelConfig, Parameters, Route, Targets, Teaching};

/// Every family with a classifier, its weights, and a batch of two.
fn classifiers() -> Vec<(Model, Parameters<Cpu>, Batch)> {
    let of = |family: Family| {
        let head = (!family.reads_images()).then_some(Head::SequenceClassification);
        let config = config(family);
        let model = Model::new(ModelConfig { head: head.or(config.head), num_labels: Some(5), ..config }).unwrap();
        let parameters = scrambled(&model);
        (model, parameters, batch(family))
    };
    [Family::Bert, Family::Vit, Family::Deit, Family::Cait].map(of).into()
}

fn loss(model: &Model, parameters: &Parameters<Cpu>, batch: &Batch, targets: Targets) -> ligo_models::Result<f32> {
    let batch = Batch { targets, ..batch.clone() };
    Ok(model.loss(&mut NoneTape, parameters, &batch, Mode::Evaluate)?.as_vec()[0])
}

/// All of each label on one class.
fn on_one(classes: [i32; 2]) -> Vec<f32> {
    classes.iter().flat_map(|&class| (0..5).map(move |c| f32::from(u8::from(c == class)))).collect()
}

#[test]
fn a_shared_label_costs_each_class_by_its_share() {
    for (model, parameters, batch) in classifiers() {
        let loss = |targets| loss(&model, &parameters, &batch, targets).unwrap();
        let (a, b) = ([3, 0], [1, 4]);
        assert_eq!(loss(Targets::Shares(on_one(a))), loss(Targets::Classes(a.to_vec())));
        let mixed: Vec<f32> = on_one(a).iter().zip(on_one(b)).map(|(a, b)| 0.75 * a + 0.25 * b).collect();
        let expected = 0.75 * loss(Targets::Classes(a.to_vec())) + 0.25 * loss(Targets::Classes(b.to_vec()));
        let found = loss(Targets::Shares(mixed));
        assert!((found - expected).abs() < 1e-5, "{}: {found}, not {expected}", model.config().family);
    }
}

#[test]
fn a_shared_label_is_learned_from_as_a_class_is_with_a_teacher_and_without() {
    for (model, parameters, batch) in classifiers() {
        let teacher = model.fresh(&Cpu::default(), 3).unwrap();
        let gradients = |targets, share: Option<f32>| {
            let batch = Batch { targets, ..batch.clone() };
            let (mut tape, mut gradients) = (GradTape::default(), gradients_for(parameters.tensors()));
            let said = model.labelled_logits(&teacher, &batch).unwrap();
            let loss = match share {
                Some(share) => {
                    let teaching = Teaching { logits: &said, share, temperature: 2.0 };
                    let route = Route::default();
                    model.taught_loss(&mut tape, &parameters, &batch, Mode::Evaluate, &route, &teaching).unwrap()
                }
                None => model.loss(&mut tape, &parameters, &batch, Mode::Evaluate).unwrap(),
            };
            tape.backward(&loss, 1.0, &mut gradients).unwrap();
            let gradient = |tensor| Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec();
            parameters.tensors().iter().map(gradient).collect::<Vec<_>>()
        };
        for share in [None, Some(0.0), Some(0.5), Some(1.0)] {
            let soft = gradients(Targets::Shares(on_one([3, 0])), share);
            assert!(soft.iter().flatten().any(|&d| d != 0.0));
            assert_eq!(soft, gradients(Targets::Classes(vec![3, 0]), share), "{}, {share:?}", model.config().family);
        }
    }
}

#[test]
fn what_is_no_share_is_refused() {
    let (model, parameters, batch) = classifiers().remove(0);
    for (share, shown) in [(-0.5, "-0.5"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let mut shares = on_one([3, 0]);
        shares[7] = share;
        let error = loss(&model, &parameters, &batch, Targets::Shares(shares)).unwrap_err().to_string();
        assert_eq!(error, format!("soft_cross_entropy: share 7 is {shown}, expected a finite number of at least 0"));
    }
}

#[test]
fn a_loss_comes_with_its_logits_but_for_those_of_tokens() {
    let route = Route::default();
    for (model, parameters, batch) in classifiers() {
        let batch = Batch { targets: Targets::Classes(vec![3, 0]), ..batch };
        let (loss, logits) = model.loss_and_logits(&parameters, &batch, &route).unwrap();
        let plain = model.loss(&mut NoneTape, &parameters, &batch, Mode::Evaluate).unwrap();
        assert_eq!(loss.as_vec(), plain.as_vec());
        assert_eq!(logits.unwrap().as_vec(), model.logits(&parameters, &batch.inputs).unwrap().as_vec());
    }
    for family in [Family::Gpt2, Family::Bert] {
        let model = crate::model(family);
        let (loss, logits) = model.loss_and_logits(&scrambled(&model), &batch(family), &route).unwrap();
        assert!(loss.as_vec()[0].is_finite() && logits.is_none(), "{family}");
    }
}
