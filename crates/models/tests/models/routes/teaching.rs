//! Logits of labelled rows, and the loss of a student that hears them.

use super::{close, deep, of_layers};
use crate::{batch, config, scrambled, tokens};
use ligo_kernels::{Cpu, GradTape, IGNORED, Kernels, Matrix, NoneTape, gradients_for};
use ligo_models::{Batch, Family, Head, Inputs, Mode, Model, ModelConfig, Parameters, Route, Targets, Teaching};

/// The family's batch with a row that carries no label.
fn partly_labelled(family: Family) -> (Batch, Vec<i32>) {
    let mut batch = batch(family);
    if let Targets::Classes(classes) = &mut batch.targets {
        classes[0] = IGNORED;
    }
    let targets = match &batch.targets {
        Targets::Tokens(targets) | Targets::Classes(targets) => targets.clone(),
        other => panic!("{other:?}"),
    };
    (batch, targets)
}

fn taught(
    (model, parameters): (&Model, &Parameters<Cpu>),
    batch: &Batch,
    logits: &Matrix<Cpu>,
    (share, temperature): (f32, f32),
) -> ligo_models::Result<f32> {
    let teaching = Teaching { logits, share, temperature };
    let route = Route::default();
    let loss = model.taught_loss(&mut NoneTape, parameters, batch, Mode::Evaluate, &route, &teaching)?;
    Ok(loss.as_vec()[0])
}

#[test]
fn labelled_logits_are_the_rows_that_carry_a_label() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let (batch, targets) = partly_labelled(family);
        let all = model.logits(&parameters, &batch.inputs).unwrap().as_vec();
        let rows = all.chunks(all.len() / targets.len()).zip(&targets).filter(|(_, target)| **target != IGNORED);
        let expected: Vec<f32> = rows.flat_map(|(row, _)| row.to_vec()).collect();
        close(&format!("{family}"), &model.labelled_logits(&parameters, &batch).unwrap().as_vec(), &expected);
    }
}

#[test]
fn a_taught_loss_is_cross_entropy_and_divergence_from_the_teacher() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let (teacher, of_teacher) = of_layers(&model, &parameters, &[1]);
        let (batch, targets) = partly_labelled(family);
        let said = teacher.labelled_logits(&of_teacher, &batch).unwrap();
        let plain = model.loss(&mut NoneTape, &parameters, &batch, Mode::Evaluate).unwrap().as_vec()[0];
        let own = model.labelled_logits(&parameters, &batch).unwrap().as_vec();
        let labelled = targets.iter().filter(|&&target| target != IGNORED).count();
        let log_softmax = |row: &[f32], t: f64| -> Vec<f64> {
            let sum = row.iter().map(|&z| (f64::from(z) / t).exp()).sum::<f64>().ln();
            row.iter().map(|&z| f64::from(z) / t - sum).collect()
        };
        for (share, temperature) in [(0.0, 2.0), (0.5, 2.0), (1.0, 1.0)] {
            let t = f64::from(temperature);
            let rows = own
                .chunks(own.len() / labelled)
                .zip(said.as_vec().chunks(own.len() / labelled))
                .map(|(z, p)| {
                    let (q, p) = (log_softmax(z, t), log_softmax(p, t));
                    p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum::<f64>()
                })
                .sum::<f64>();
            let expected =
                f64::from(1.0 - share) * f64::from(plain) + f64::from(share) * t * t * rows / labelled as f64;
            let found = taught((&model, &parameters), &batch, &said, (share, temperature)).unwrap();
            close(&format!("{family}, {share}, {temperature}"), &[found], &[expected as f32]);
        }
        let same = model.labelled_logits(&parameters, &batch).unwrap();
        close(
            &format!("{family}, its own teacher"),
            &[taught((&model, &parameters), &batch, &same, (1.0, 2.0)).unwrap()],
            &[0.0],
        );
    }
}

#[test]
fn the_student_learns_from_the_teacher_and_the_teachers_weights_get_no_gradient() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let (batch, _) = partly_labelled(family);
        let teacher = model.fresh(&Cpu::default(), 3).unwrap();
        let said = model.labelled_logits(&teacher, &batch).unwrap();
        let run = |share| {
            let mut gradients = gradients_for(parameters.tensors().iter().chain(teacher.tensors()));
            let mut tape = GradTape::default();
            let teaching = Teaching { logits: &said, share, temperature: 2.0 };
            let route = Route::default();
            let loss = model.taught_loss(&mut tape, &parameters, &batch, Mode::Evaluate, &route, &teaching).unwrap();
            tape.backward(&loss, 1.0, &mut gradients).unwrap();
            for tensor in teacher.tensors() {
                let gradient = Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec();
                assert!(gradient.iter().all(|&d| d == 0.0), "{family}");
            }
            let gradient = |tensor| Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec();
            parameters.tensors().iter().map(gradient).collect::<Vec<_>>()
        };
        let (_, plain) = super::loss_and_gradients(&model, &parameters, &batch, &Route::default());
        let mean = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect::<Vec<_>>();
        let (none, half, whole) = (run(0.0), run(0.5), run(1.0));
        for (i, spec) in model.specs().iter().enumerate() {
            close(&format!("{family}: {}", spec.name), &none[i], &plain[i]);
            close(&format!("{family}: {}", spec.name), &half[i], &mean(&none[i], &whole[i]));
        }
        assert!(whole.iter().flatten().any(|&d| d.abs() > 1e-4), "{family}");
    }
}

#[test]
fn without_any_label_there_is_nothing_to_hear() {
    for family in Family::ALL {
        let (model, parameters) = deep(family);
        let (mut batch, _) = partly_labelled(family);
        match &mut batch.targets {
            Targets::Tokens(targets) | Targets::Classes(targets) => targets.fill(IGNORED),
            other => panic!("{other:?}"),
        }
        let said = model.labelled_logits(&parameters, &batch).unwrap();
        let teaching = Teaching { logits: &said, share: 0.5, temperature: 2.0 };
        let (mut tape, mut gradients) = (GradTape::default(), gradients_for(parameters.tensors()));
        let loss =
            model.taught_loss(&mut tape, &parameters, &batch, Mode::Evaluate, &Route::default(), &teaching).unwrap();
        assert_eq!(loss.as_vec(), [0.0], "{family}");
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        for tensor in parameters.tensors() {
            let gradient = Cpu::gradient_of(tensor)(&mut gradients).unwrap().as_vec();
            assert!(gradient.iter().all(|&d| d == 0.0), "{family}");
        }
    }
}

#[test]
fn a_teacher_that_cannot_be_heard_is_refused() {
    let (model, parameters) = deep(Family::Bert);
    let (batch, _) = partly_labelled(Family::Bert);
    let student = (&model, &parameters);
    let said = model.labelled_logits(&parameters, &batch).unwrap();
    let all = model.logits(&parameters, &batch.inputs).unwrap();
    let message = |logits, numbers| taught(student, &batch, logits, numbers).unwrap_err().to_string();
    assert_eq!(message(&all, (0.5, 2.0)), "distillation: teacher's logits is [10, 13], expected [8, 13]");
    assert_eq!(message(&said, (1.5, 2.0)), "distillation: teacher's share is 1.5, expected a number from 0 to 1");
    assert_eq!(message(&said, (0.5, 0.0)), "distillation: temperature is 0, expected a finite number above 0");

    for (head, targets, kind) in [
        (Head::QuestionAnswering, Targets::Spans(vec![[0, 1]; 2]), "spans"),
        (Head::SequenceRegression, Targets::Values(vec![0.5; 4]), "values"),
    ] {
        let model = Model::new(ModelConfig { head: Some(head), ..config(Family::Bert) }).unwrap();
        let parameters = scrambled(&model);
        let batch = Batch { inputs: Inputs::Tokens(tokens()), targets };
        let expected = format!("batch: targets is {kind}, expected tokens or classes, of which a teacher has logits");
        assert_eq!(model.labelled_logits(&parameters, &batch).unwrap_err().to_string(), expected);
        assert_eq!(taught((&model, &parameters), &batch, &said, (0.5, 2.0)).unwrap_err().to_string(), expected);
    }
}
