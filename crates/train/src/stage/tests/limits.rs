//! What ends a stage before its end, and what is left then.

use super::*;

#[test]
fn a_rate_that_blows_up_ends_with_the_step_and_the_last_good_checkpoint() {
    for (checkpoint_every, has_checkpoint) in [(Duration::ZERO, true), (Duration::from_secs(1000), false)] {
        let mut setting = Setting { dropout: 0.0, ..setting() };
        setting.plan.checkpoint_every = checkpoint_every;
        setting.plan.config.learning_rate = 1e30;
        setting.plan.config.weight_decay = 0.0;
        setting.plan.evaluate_every = 1000;
        let directory = tempfile::tempdir().unwrap();
        let watch = Watch::default();
        let error = setting.run(directory.path(), &watch).unwrap_err();
        let done = watch.steps.into_inner().unwrap().len() as u64;
        let TrainError::Diverged { stage, step, found, checkpoint, .. } = &error else { panic!("{error}") };
        assert_eq!((stage.as_str(), *step), ("train", done + 1));
        assert!(!found.is_finite());
        assert!(error.to_string().starts_with(&format!("stage train, step {}: the ", done + 1)), "{error}");
        assert_eq!(checkpoint.is_some(), has_checkpoint, "{error}");
        assert_eq!(names(directory.path()).is_empty(), !has_checkpoint);
        if let Some(checkpoint) = checkpoint {
            assert_eq!(names(directory.path()).last().map(String::as_str), checkpoint.file_name().unwrap().to_str());
            let watch = Watch::stopping_after(done);
            let (outcome, objective) = setting.run(directory.path(), &watch).unwrap();
            assert_eq!((outcome, watch.first_step.load(Ordering::Relaxed)), (StageOutcome::Stopped, done));
            assert!(objective.parameters.tensors().iter().flat_map(|t| t.as_vec()).all(f32::is_finite));
        }
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let blocker = directory.path().join("runs");
    std::fs::write(&blocker, "a file where a directory should be").unwrap();
    let error = setting().run(&blocker.join("train"), &Watch::default()).unwrap_err();
    assert!(error.to_string().contains("runs/train: cannot make the directory: "), "{error}");
}

#[test]
fn a_plan_that_cannot_be_carried_out_is_refused_before_anything_is_written() {
    type Change = (&'static str, fn(&mut Setting));
    let changes: [Change; 2] = [
        ("stage train: evaluate_every is 0, expected 1 or more", |s| s.plan.evaluate_every = 0),
        ("stage train: accumulate is 3, expected a divisor of batch_size (4)", |s| s.plan.config.accumulate = 3),
    ];
    for (expected, change) in changes {
        let mut setting = setting();
        change(&mut setting);
        let directory = tempfile::tempdir().unwrap();
        let error = setting.run(&directory.path().join("train"), &Watch::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(names(directory.path()).is_empty());
    }
}

#[test]
fn what_the_model_or_the_data_refuse_is_told_with_stage_and_step() {
    let told = |error: TrainError| format!("{:#}", anyhow::Error::from(error));
    let directory = tempfile::tempdir().unwrap();
    let broken = |step, micro| if step == 2 { anyhow::bail!("a.parquet: cut short") } else { micro_batch(step, micro) };
    let error = setting().train(&mut setting().objective(), &broken, directory.path(), &Watch::default()).unwrap_err();
    assert_eq!(told(error), "stage train, step 3: a.parquet: cut short");

    let directory = tempfile::tempdir().unwrap();
    let unlabelled = Batch { targets: Targets::Tokens(vec![IGNORED; 12]), ..batch(0, 0) };
    let setting = Setting { validation: vec![unlabelled; 2], ..setting() };
    let error = told(setting.run(directory.path(), &Watch::default()).unwrap_err());
    assert!(error.contains("no labelled position in 2 batches"), "{error}");
}
