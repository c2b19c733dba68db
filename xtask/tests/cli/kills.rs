//! Killed, stopped, started twice: nothing is lost and the numbers stay the same.
#![cfg(unix)]

use crate::tiny::{Tiny, events};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The summary of an undisturbed run, and how long it took.
fn undisturbed() -> &'static (Value, Duration) {
    static SUMMARY: OnceLock<(Value, Duration)> = OnceLock::new();
    SUMMARY.get_or_init(|| {
        let tiny = Tiny::new();
        let start = Instant::now();
        let output = tiny.process().output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (tiny.summary(), start.elapsed())
    })
}

fn start(command: &mut Command) -> Child {
    command.spawn().expect("the binary was built for this test")
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("kill").args([name, &process.id().to_string()]).status().expect("there is a kill");
    assert!(status.success());
}

/// Reads events until one has this name; panics if the process ends before.
fn wait_for(process: &mut Child, name: &str) {
    let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
    let mut line = String::new();
    loop {
        line.clear();
        if output.read_line(&mut line).expect("it can be read") == 0 {
            let mut stderr = String::new();
            let _ = process.stderr.take().expect("it is piped").read_to_string(&mut stderr);
            panic!("the process ended before {name}: {stderr}");
        }
        if line.contains(&format!("\"event\":\"{name}\"")) {
            process.stdout = Some(output.into_inner());
            return;
        }
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_numbers_of_an_undisturbed_one() {
    let (expected, mut duration) = undisturbed().clone();
    let mut tiny = Tiny::new();
    let mut killed = 0;
    // Shares of the undisturbed time: early ones meet the preparation of the data, later ones each kind of stage.
    let mut shares = [0.05, 0.13, 0.31, 0.22, 0.19].into_iter().cycle();
    while killed < 5 {
        let mut process = start(tiny.process().stdout(Stdio::null()).stderr(Stdio::null()));
        std::thread::sleep(duration.mul_f64(shares.next().unwrap_or(0.1)));
        if process.try_wait().expect("it can be asked").is_some() {
            // Done before it could be killed often enough: once more from the start, and faster.
            (tiny, killed, duration) = (Tiny::new(), 0, duration / 2);
            continue;
        }
        process.kill().expect("SIGKILL");
        process.wait().expect("it can be waited for");
        killed += 1;
    }
    let output = tiny.process().output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(tiny.summary(), expected);
}

#[test]
fn ctrl_c_stops_with_130_and_the_same_command_goes_on() {
    let tiny = Tiny::new();
    let mut process = start(tiny.process().stdout(Stdio::piped()).stderr(Stdio::piped()));
    wait_for(&mut process, "step");
    signal(&process, "-INT");
    let output = process.wait_with_output().expect("it can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("the same command goes on from here") && stderr.contains("cargo xtask run"), "{stderr}");
    assert!(!tiny.path("results/tiny/summary.json").exists());

    let output = tiny.process().output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let goes_on = events(&output.stdout, "stage-started").iter().any(|event| event["done"].as_u64() > Some(0));
    assert!(goes_on, "the stage began anew: {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(&tiny.summary(), &undisturbed().0);
}

#[test]
fn two_at_once_in_the_same_directory_are_refused() {
    let tiny = Tiny::new();
    let mut first = tiny.process();
    let mut first =
        start(first.args(["--set", "training.steps=1000000"]).stdout(Stdio::piped()).stderr(Stdio::piped()));
    wait_for(&mut first, "run-started");
    let second = tiny.xtask("run").arg("--quiet").output().expect("the binary runs");
    first.kill().expect("SIGKILL");
    first.wait().expect("it can be waited for");
    let stderr = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{stderr}");
    let holder = format!("process {}", first.id());
    assert!(stderr.starts_with("error: ") && stderr.contains(&holder), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
}
