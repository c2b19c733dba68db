//! Every subcommand of `bench` on sizes that take no time: that it runs, what it says and what it leaves.

use crate::tiny::xtask;
use serde_json::Value;
use std::path::Path;

fn bench(arguments: &[&str]) -> String {
    let common = ["--tiny", "--rounds", "1", "--threads", "1"];
    let output = xtask().arg("bench").args(arguments).args(common).output().expect("the binary runs");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {message}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_step_is_kept_compared_with_and_written_down() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (saved, out) = (directory.path().join("kept/figures"), directory.path().join("out"));
    let [saved, out] = [&saved, &out].map(|path| path.to_str().expect("UTF-8"));
    let said = bench(&["step", "--precision", "f32", "--save", saved, "--out", out]);
    assert!(said.contains("gpt2 2 × 12, 6 heads, 1 × 7 tokens, vocabulary 37, f32"), "{said}");
    assert!(said.contains("of peak") && !said.contains("was "), "{said}");

    let line: Value = serde_json::from_str(read(Path::new(saved)).trim()).expect("a line of JSON");
    assert_eq!((&line["bench"], &line["who"]), (&"step".into(), &"ours".into()));
    for key in ["measured", "machine", "provenance", "precision", "gflops_per_second"] {
        assert!(!line[key].is_null(), "{key} of {line}");
    }
    let all: Value = serde_json::from_str(&read(&Path::new(out).join("figures.json"))).expect("JSON");
    assert_eq!(all, Value::Array(vec![line]));
    assert!(read(&Path::new(out).join("table.md")).contains("| ms | turns | tokens/s |"));
    for name in ["roofline.svg", "roofline-dark.svg"] {
        assert!(read(&Path::new(out).join(name)).contains("1  step of gpt2 2 × 12"), "{name}");
    }

    let said = bench(&["step", "--precision", "f32", "--against", saved]);
    assert!(said.contains("   was ") && said.contains("slower than the turns differ"), "{said}");
}

#[test]
fn kernels_models_growth_and_scaling_are_measured() {
    for (what, expected) in [
        ("kernels", vec!["linear 6 × 8 × 8", "cross_entropy 6 × 8 × 10", "of bandwidth"]),
        ("models", vec!["forward", "generate", "load bf16", "bars are"]),
        ("data", vec!["text, 1 MB", "an epoch of 64 JPEGs"]),
        (
            "grow",
            vec!["gpt2 grown by direct copy to 3 × 24", "read and write alone", "operator's step", "(goal 1.10: "],
        ),
        ("scaling", vec!["1 threads", "100 %"]),
    ] {
        let said = bench(&[what]);
        for expected in expected {
            assert!(said.contains(expected), "{expected} in {said}");
        }
    }
}

#[test]
fn steps_are_measured_in_bf16_too_where_the_processor_computes_it() {
    let said = bench(&["step"]);
    assert!(said.contains("vocabulary 37, f32"), "{said}");
    assert_eq!(said.contains("vocabulary 37, bf16"), ligo_kernels::Precision::Bf16.has_hardware(), "{said}");
}

#[test]
fn what_the_processor_lacks_is_refused() {
    for (level, arguments, expected) in [
        (
            "baseline",
            &["bench", "step", "--tiny", "--precision", "bf16"][..],
            "precision: found bf16, expected f32, as this processor computes no bf16",
        ),
        ("sse9", &["list"], "LIGO_SIMD is 'sse9', expected one of what this machine has: baseline"),
    ] {
        let output = xtask().args(arguments).env("LIGO_SIMD", level).output().expect("the binary runs");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{message}");
    }
}
