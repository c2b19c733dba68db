//! A process that is killed, again and again, by a signal that it cannot see.

use super::*;
use std::process::{Command, Stdio};

const DIRECTORY: &str = "LIGO_TRAIN_TEST_DIRECTORY";

/// So many steps, with an average of the weights, that there is time to kill, with a checkpoint after each, so that most kills fall into one.
fn long() -> Setting {
    let mut setting = averaging();
    setting.plan.steps = 200;
    setting.plan.config.steps = 200;
    setting.plan.evaluate_every = 10;
    setting.plan.checkpoint_every = Duration::ZERO;
    setting
}

#[test]
#[ignore = "the process that the test below starts and kills"]
fn child() {
    let directory = std::env::var_os(DIRECTORY).expect("the test below sets it");
    long().end(Path::new(&directory));
}

#[test]
fn killed_at_any_moment_and_started_again_it_ends_with_the_same_bits() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "stage::tests::killed::child"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let newest = || names(directory.path()).pop();
    let mut kills = 0;
    for number in 0..8 {
        let (before, mut child) = (newest(), start());
        // As soon as it has come further than the one before, and a little later every time.
        while newest() == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(number * 337));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert!(kills >= 5, "only {kills} were there to be killed");
    assert!(start().wait().unwrap().success());
    assert_eq!(long().end(directory.path()), long().undisturbed());
}
