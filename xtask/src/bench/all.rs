//! `cargo xtask bench`: all that can be measured, one after the other.

use super::session::Session;
use super::{data, grow, kernels, models, scaling, step};
use crate::flags::{BenchData, BenchModels, BenchTurns, WhichSteps};
use anyhow::Result;
use ligo_bench::Peer;

/// As by default.
const TEXT_MB: u32 = 64;
const IMAGES: u16 = 512;

pub(super) fn measure(session: &mut Session<'_>, turns: &BenchTurns) -> Result<()> {
    // What the last of them lacks is told before hours have passed.
    for peer in [Peer::Operations, Peer::Libraries, Peer::Data] {
        session.check(peer)?;
    }
    kernels::measure(session, &[])?;
    step::measure(session, &WhichSteps::default(), &[])?;
    models::measure(session, &BenchModels { only: Vec::new(), part: Vec::new(), turns: turns.clone() })?;
    let turns = turns.clone();
    data::measure(session, &BenchData { part: Vec::new(), text_mb: TEXT_MB, images: IMAGES, turns })?;
    grow::measure(session, &[])?;
    scaling::measure(session, &WhichSteps::default())
}
