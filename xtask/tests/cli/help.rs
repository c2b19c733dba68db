use crate::tiny::xtask;

fn help(arguments: &[&str]) -> String {
    let output = xtask().args(arguments).output().expect("the binary runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn help_reads_like_a_manual() {
    insta::assert_snapshot!("help", help(&["--help"]));
    insta::assert_snapshot!("help_run", help(&["run", "--help"]));
    insta::assert_snapshot!("help_inspect", help(&["inspect", "--help"]));
    insta::assert_snapshot!("help_generate", help(&["generate", "--help"]));
    insta::assert_snapshot!("help_fill_mask", help(&["fill-mask", "--help"]));
    insta::assert_snapshot!("help_bench", help(&["bench", "--help"]));
    insta::assert_snapshot!("help_bench_kernels", help(&["bench", "kernels", "--help"]));
    insta::assert_snapshot!("help_bench_grow", help(&["bench", "grow", "--help"]));
    insta::assert_snapshot!("help_bench_scaling", help(&["bench", "scaling", "--help"]));
    insta::assert_snapshot!("help_bench_step", help(&["bench", "step", "--help"]));
    insta::assert_snapshot!("help_bench_models", help(&["bench", "models", "--help"]));
    insta::assert_snapshot!("help_bench_data", help(&["bench", "data", "--help"]));
}

#[test]
fn an_unknown_command_is_told_with_the_nearest_one() {
    let output = xtask().arg("rum").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("'rum'") && message.contains("'run'"), "{message}");
}
