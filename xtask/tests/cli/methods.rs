//! The table of methods, and one of them in full.

use crate::tiny::xtask;
use ligo_experiment::methods;
use ligo_kernels::Cpu;
use serde_json::Value;

fn stdout(arguments: &[&str]) -> String {
    // Where cargo runs it: files are shown as seen from here.
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let output = xtask().arg("methods").args(arguments).current_dir(workspace).output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_table_has_every_method_of_the_registry_in_its_order() {
    let table = stdout(&[]);
    let mut lines = table.lines();
    let head = lines.next().expect("a heading");
    let (width, depth) = (head.find("width").expect("a column"), head.find("depth").expect("a column"));
    for method in methods::<Cpu>() {
        let (row, summary) = (lines.next().expect("a row"), lines.next().expect("its sentence"));
        let cell = |from: usize| row.chars().skip(from).collect::<String>();
        assert!(row.starts_with(&format!("{} ", method.name())), "{row}");
        assert!(cell(width).starts_with(method.axes().width), "{row}");
        assert_eq!(cell(depth), method.axes().depth, "{row}");
        assert_eq!(summary.trim(), method.summary());
    }
    let two: Vec<String> =
        table.lines().skip(1).take(2).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(two.join("\n"), @r"
    scratch fresh fresh
    Trains the large model from a fresh start.
    ");
}

#[test]
fn a_method_is_shown_with_its_options() {
    insta::assert_snapshot!(stdout(&["stackbert"]).trim_end(), @r#"
    Trains a shallow model of full width, doubles its depth by stacking, and so on (Gong et al. 2019).

    width  full from the start
    depth  stacking, doubling by doubling

    [[methods]]
    method = "stackbert"
    doublings = 2               # 2 where the layers allow, else 1
    shares = [0.2, 0.3, 0.5]    # of the steps, at L/4, L/2 and L layers

    crates/baselines/stackbert/README.md says more.
    "#);
    insta::assert_snapshot!(stdout(&["scratch"]).trim_end(), @r#"
    Trains the large model from a fresh start.

    width  fresh
    depth  fresh

    [[methods]]
    method = "scratch"
    "#);
}

#[test]
fn each_line_of_json_is_a_method() {
    let lines = stdout(&["--json"]);
    let names: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .map(|method| method["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names, methods::<Cpu>().iter().map(|method| method.name()).collect::<Vec<_>>());
}

#[test]
fn an_unknown_method_is_told_with_the_nearest_one() {
    let output = xtask().args(["methods", "bert2brt"]).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(message, "error: no method is called 'bert2brt', did you mean 'bert2bert'?\n");
}
