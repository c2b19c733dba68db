//! Which instructions are used: the best that this machine has, or fewer where the environment says so.

use crate::{KernelError, Result};
use std::sync::OnceLock;

/// Names the best instructions to use: one of [`Level::ALL`]'s names.
///
/// For comparing levels and for running the tests at each of them; a level that the machine lacks is refused.
pub const SIMD_VARIABLE: &str = "LIGO_SIMD";

/// Instructions, each level with those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the architecture has: SSE2, NEON.
    Baseline,
    /// AVX2 and FMA: 8 numbers at a time.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL): 16 numbers at a time.
    Avx512,
    /// Products of bf16 by AVX-512.
    Avx512Bf16,
    /// Products of bf16 by tiles.
    Amx,
}

impl Level {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Baseline, Self::Avx2, Self::Avx512, Self::Avx512Bf16, Self::Amx];

    /// As in the environment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Amx => "amx",
        }
    }

    /// The best that this machine has.
    pub fn of_machine() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(detect)
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    let bf16 = is_x86_feature_detected!("avx512bf16");
    match (avx2, avx512, bf16) {
        (true, true, true) if super::matmul::has_unit() => Level::Amx,
        (true, true, true) => Level::Avx512Bf16,
        (true, true, false) => Level::Avx512,
        (true, false, _) => Level::Avx2,
        _ => Level::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Baseline
}

/// The level that every operation uses, decided once in a process: see [`SIMD_VARIABLE`].
///
/// # Errors
/// If the variable names no level, or one that the machine lacks; operations use the machine's best then.
pub fn level_in_use() -> Result<Level> {
    static CHOSEN: OnceLock<Result<Level>> = OnceLock::new();
    CHOSEN.get_or_init(|| choose(std::env::var_os(SIMD_VARIABLE).map(|v| v.to_string_lossy().into_owned()))).clone()
}

fn choose(asked: Option<String>) -> Result<Level> {
    let best = Level::of_machine();
    let Some(asked) = asked else { return Ok(best) };
    let expected = || {
        let names: Vec<&str> = Level::ALL.iter().filter(|&&level| level <= best).map(|level| level.name()).collect();
        format!("one of what this machine has: {}", names.join(", "))
    };
    let level = Level::ALL.into_iter().find(|level| level.name() == asked && *level <= best);
    level.ok_or_else(|| KernelError::Environment {
        variable: SIMD_VARIABLE,
        found: asked.clone(),
        expected: expected(),
    })
}

/// Afterwards one load. Other architectures have one level.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| level_in_use().unwrap_or_else(|_| Level::of_machine()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_chosen_by_its_name_and_not_beyond_what_the_machine_has() {
        let best = Level::of_machine();
        assert_eq!(choose(None), Ok(best));
        for level in Level::ALL {
            match choose(Some(level.name().to_owned())) {
                Ok(chosen) => assert!(chosen == level && level <= best),
                Err(error) => {
                    assert!(level > best);
                    assert!(
                        error.to_string().starts_with(&format!("LIGO_SIMD is '{}', expected one of", level.name()))
                    );
                }
            }
        }
        assert!(choose(Some("sse9".to_owned())).is_err());
    }

    /// The tests of this crate at every level below the machine's best, each in a process of its own: a level is decided once.
    #[test]
    fn the_tests_pass_at_every_level() {
        if std::env::var_os(SIMD_VARIABLE).is_some() {
            return;
        }
        let tests = std::env::current_exe().expect("a test runs from a file");
        for level in Level::ALL.into_iter().filter(|&level| level < Level::of_machine()) {
            let run = std::process::Command::new(&tests).arg("cpu::").env(SIMD_VARIABLE, level.name()).output();
            let run = run.expect("the file can be run again");
            let said = String::from_utf8_lossy(&run.stdout).into_owned();
            assert!(run.status.success(), "{}: {said}", level.name());
            assert!(!said.contains(" 0 passed"), "{}: {said}", level.name());
        }
    }
}
