//! The corpus that needs no download: the English prose in the documentation comments and the Markdown of the crates that
//! the workspace is built from.
//!
//! `cargo metadata --locked` lists the packages of all platforms, so the corpus is a function of `Cargo.lock` alone: the
//! same on every machine, another one when the lock file changes. Packages are read in parallel; what they give is put
//! in order, freed of duplicates and split by a hash of each paragraph, so that an old paragraph stays on its side of
//! the split when others come or go.

mod corpus;
mod doc_comments;
mod files;
mod packages;
mod prose;
mod report;

pub use corpus::{Progress, build_crate_docs};
pub use report::{CrateCount, Dropped, Report, Split};

/// Changes whenever another corpus is made of the same packages.
const EXTRACTOR_VERSION: u32 = 1;
