//! A stage that was stopped goes on as if it had not been.

use super::*;
use std::fs;

#[test]
fn stopped_after_any_step_and_started_again_it_ends_with_the_same_bits() {
    for setting in [setting(), averaging()] {
        let expected = setting.undisturbed();
        // Steps 0, 3, 6 and 7 are followed by an evaluation, which the stop breaks off.
        for step in 0..=7 {
            let directory = tempfile::tempdir().unwrap();
            let (outcome, _) = setting.run(directory.path(), &Watch::stopping_after(step)).unwrap();
            assert_eq!(outcome, StageOutcome::Stopped, "after step {step}");
            assert_eq!(setting.end(directory.path()), expected, "stopped after step {step}");
        }
    }
}

#[test]
fn stopped_after_every_step_it_ends_with_the_same_bits_and_reports_each_row_once() {
    let setting = averaging();
    let directory = tempfile::tempdir().unwrap();
    let (mut reported, mut seconds) = (Vec::new(), 0.0);
    for step in 1.. {
        let watch = Watch::stopping_after(step);
        let (outcome, objective) = setting.run(directory.path(), &watch).unwrap();
        assert_eq!(watch.first_step.load(Ordering::Relaxed), step.min(8) - 1);
        reported.extend(watch.rows.into_inner().unwrap());
        if let StageOutcome::Finished(result) = &outcome {
            assert!(result.cost.wall_seconds > seconds);
            assert_eq!(reported, result.rows);
            assert_eq!(End::of(outcome, &objective), setting.undisturbed());
            return;
        }
        seconds = reported.last().map_or(0.0, |row| row.wall_seconds - setting.plan.before.wall_seconds);
    }
}

#[test]
fn a_finished_stage_is_not_trained_again() {
    for setting in [setting(), averaging()] {
        let directory = tempfile::tempdir().unwrap();
        let (first, trained) = setting.run(directory.path(), &Watch::default()).unwrap();
        let no_batches = |_, _| anyhow::bail!("asked for a batch");
        let mut objective = setting.objective();
        let again = setting.train(&mut objective, &no_batches, directory.path(), &Watch::default()).unwrap();
        assert_eq!(again, first);
        assert_eq!(End::of(again, &objective), End::of(first, &trained));
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before_and_all_damaged_mean_a_new_start() {
    let expected = setting().undisturbed();
    let setting = Setting { plan: StagePlan { checkpoint_every: Duration::ZERO, ..setting().plan }, ..setting() };
    type Damage = (&'static str, fn(&mut Vec<u8>));
    let damages: [Damage; 6] = [
        ("cut short", |bytes| bytes.truncate(bytes.len() - 100)),
        ("empty", Vec::clear),
        ("zeros", |bytes| bytes.fill(0)),
        ("a bit of a tensor", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("a digit of the state", |bytes| {
            let at = bytes.windows(10).position(|window| window == br#"\"tokens\""#).unwrap();
            bytes[at + 11] ^= 1;
        }),
        ("too long", |bytes| bytes.push(0)),
    ];
    for (what, damage) in damages {
        for damaged in 1..=2 {
            let directory = tempfile::tempdir().unwrap();
            let (outcome, _) = setting.run(directory.path(), &Watch::stopping_after(5)).unwrap();
            assert_eq!(outcome, StageOutcome::Stopped);
            let kept = names(directory.path());
            assert_eq!(kept, ["step-0000000004.safetensors", "step-0000000005.safetensors"]);
            for name in kept.iter().rev().take(damaged) {
                let path = directory.path().join(name);
                let mut bytes = fs::read(&path).unwrap();
                damage(&mut bytes);
                fs::write(&path, bytes).unwrap();
            }
            let watch = Watch::default();
            let (outcome, objective) = setting.run(directory.path(), &watch).unwrap();
            let first = watch.first_step.load(Ordering::Relaxed);
            assert_eq!(first, if damaged == 1 { 4 } else { 0 }, "{what}, {damaged} files");
            assert_eq!(End::of(outcome, &objective), expected, "{what}, {damaged} files");
        }
    }
}

#[test]
fn two_checkpoints_are_kept_and_what_a_kill_left_half_written_is_removed() {
    let plan = StagePlan { checkpoint_every: Duration::ZERO, ..setting().plan };
    let setting = Setting { plan, ..setting() };
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(".ligo-x1y2.tmp"), "half").unwrap();
    setting.end(directory.path());
    assert_eq!(names(directory.path()), ["step-0000000006.safetensors", "step-0000000007.safetensors"]);
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_what_differs() {
    let directory = tempfile::tempdir().unwrap();
    setting().end(directory.path());
    let before = names(directory.path());
    type Change = (&'static str, fn(&mut Setting));
    let changes: [Change; 7] = [
        ("its training.learning_rate is 0.01, this run's 0.02", |s| s.plan.config.learning_rate = 0.02),
        ("its training.ema_decay is null, this run's 0.5", |s| s.plan.config.ema_decay = Some(0.5)),
        ("its seed is 42, this run's 43", |s| s.plan.seed = 43),
        ("its stage is \"train\", this run's \"top\"", |s| s.plan.stage = "top".into()),
        ("its inputs is \"test\", this run's \"other\"", |s| s.plan.inputs = "other".into()),
        ("its steps is 7, this run's 9", |s| s.plan.steps = 9),
        ("its before.tokens is 1000, this run's 1001", |s| s.plan.before.tokens = 1001),
    ];
    for (expected, change) in changes {
        let mut setting = setting();
        change(&mut setting);
        let error = setting.run(directory.path(), &Watch::default()).unwrap_err();
        assert!(matches!(error, TrainError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("step-0000000007.safetensors"), "{error}");
    }
    assert_eq!(names(directory.path()), before);
    // What changes no bit is no difference.
    let mut same = setting();
    same.plan.before.wall_seconds = 99.0;
    same.plan.checkpoint_every = Duration::ZERO;
    assert!(same.run(directory.path(), &Watch::default()).is_ok());
}
