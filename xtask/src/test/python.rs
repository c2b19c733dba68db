//! `cargo xtask test --with-python`: the models against `transformers` and `timm` themselves, not against what they once said.
//!
//! 1. The fixtures are made anew and compared with those in the repository, so that they cannot rot.
//! 2. What we write is loaded by `transformers` and `timm`: nothing missing, nothing unexpected, the same outputs.
//! 3. A real checkpoint, fetched as a Python package, embeds sentences as `transformers` does.
//! 4. What every method grows, of every family and of the real checkpoint, is loaded too; the function is kept where a method says so.

use super::{Check, cargo, check};
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the scripts, their requirements and the fixtures are.
const SCRIPTS: &str = "crates/models/tests/fixtures";
/// What images are decoded and prepared to is held against Pillow, `transformers` and `timm` by a script beside them.
const IMAGES: &str = "crates/data/tests/images/make_images.py";
/// What operations on training images make of two pictures is held against timm's.
const AUGMENTED: &str = "crates/data/tests/fixtures/augment/make_operations.py";
/// Encoded tasks are held against transformers.
const TASKS: &str = "crates/data/tests/fixtures/tasks/make_tasks.py";
/// Metrics are held against scikit-learn and scipy.
const METRICS: &str = "crates/eval/tests/fixtures/metrics.py";
/// Votes of neighbours and linear probes are held against scikit-learn.
const PROBES: &str = "crates/eval/tests/fixtures/probes.py";
/// What LiGO's published formula makes of random weights is held against that formula, written out in numpy.
const PUBLISHED: &str = "crates/ligo/tests/fixtures/published.py";
/// Where everything is written: swept away by `cargo clean`.
const SCRATCH: &str = "target/python";

/// The checks, in order; `given` is an interpreter that has what `requirements.txt` lists, else an environment is made.
pub(super) fn checks(given: Option<&Path>) -> Result<Vec<Check>> {
    let scratch = workspace::root().join(SCRATCH);
    std::fs::create_dir_all(&scratch).with_context(|| format!("{}: cannot be created", scratch.display()))?;
    let mut checks = Vec::new();
    let python = match given {
        Some(path) => path.to_owned(),
        None => environment(&scratch, &mut checks)?,
    };
    let script = |name: &str, arguments: &[&str]| {
        let name = format!("{SCRIPTS}/{name}");
        let mut check = check(&python, std::iter::once(name.as_str()).chain(arguments.iter().copied()));
        check.command.env("PYTHONDONTWRITEBYTECODE", "1");
        check
    };
    let at = |name: &str| format!("{SCRATCH}/{name}");

    let fresh = at("fixtures");
    checks.push(script("make_fixtures.py", &["--out", &fresh]));
    checks.push(script("compare.py", &[SCRIPTS, &fresh]));
    for others in [IMAGES, AUGMENTED, TASKS, METRICS, PROBES, PUBLISHED] {
        let mut check = check(&python, [others, "--check"]);
        check.command.env("PYTHONDONTWRITEBYTECODE", "1");
        checks.push(check);
    }

    let exports = at("exports");
    let ignored = |binary: &str, test: &str| {
        cargo(&format!("test --workspace --locked --test {binary} -- --ignored --exact {test}"))
    };
    let mut written = ignored("models", "proofs::every_fixture_is_written_for_others_to_load");
    written.command.env("LIGO_EXPORTS", workspace::root().join(&exports));
    checks.push(written);
    checks.push(script("check_exports.py", &["--all-in", &exports]));

    let real = at("minilm");
    checks.push(script("minilm.py", &[&real]));
    let reference = workspace::root().join(&real).join("reference.json");
    let mut embeds = ignored("models", "proofs::a_real_checkpoint_embeds_as_in_transformers");
    embeds.command.env("LIGO_REAL_CHECKPOINT", &reference);
    checks.push(embeds);

    let grown = at("grown");
    let mut grows = ignored("grown", "every_method_grows_a_checkpoint_of_every_family_for_others_to_load");
    grows.command.env("LIGO_GROWN", workspace::root().join(&grown));
    checks.push(grows);
    checks.push(script("check_grown.py", &[&grown]));

    let grown = at("minilm-grown");
    let mut grows = ignored("grown", "a_real_checkpoint_grows_by_every_method_that_keeps_its_function");
    grows.command.env("LIGO_REAL_CHECKPOINT", &reference).env("LIGO_GROWN", workspace::root().join(&grown));
    checks.push(grows);
    checks.push(script("minilm.py", &[&real, "--grown", &grown, "--grow", "lemon"]));
    Ok(checks)
}

/// The interpreter of an environment under `scratch`, which is filled by the first check.
fn environment(scratch: &Path, checks: &mut Vec<Check>) -> Result<PathBuf> {
    let environment = scratch.join("environment");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.is_file() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
        let how = "expected Python 3 with its venv module; or name an interpreter by --python";
        match made {
            Err(error) => bail!("python3: cannot be started ({error}), {how}"),
            Ok(status) if !status.success() => bail!("python3 -m venv {}: {status}, {how}", environment.display()),
            Ok(_) => {}
        }
    }
    let requirements = format!("{SCRIPTS}/requirements.txt");
    checks.push(check(&python, ["-m", "pip", "install", "--quiet", "--requirement", &requirements]));
    Ok(python)
}
