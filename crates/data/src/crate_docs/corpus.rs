//! From packages to the two Parquet files: in parallel, in a fixed order, without duplicates.

use super::files::{self, Kind};
use super::packages::{self, Package};
use super::report::{CrateCount, Dropped, Report, Split};
use super::{EXTRACTOR_VERSION, doc_comments, prose};
use crate::DataError;
use crate::parquet_write::write_columns;
use crate::source::hash_file;
use ligo_files::replace_file;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const TRAIN: &str = "train.parquet";
pub(super) const VALIDATION: &str = "validation.parquet";
pub(super) const REPORT: &str = "report.json";
pub(super) const TEXT_COLUMN: &str = "text";
const CRATE_COLUMN: &str = "crate";

/// Of 1000 paragraphs, so many are validated on.
const VALIDATION_PER_MILLE: u64 = 25;

/// How far the extraction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Packages read.
    pub done: u64,
    /// Packages in all.
    pub packages: u64,
}

/// Makes the corpus in `directory` (`train.parquet` and `validation.parquet` with the columns `text` and `crate`, and
/// `report.json`) of the packages that the workspace of `manifest` is built from. Does nothing if it is there already,
/// made of the same `Cargo.lock` by the same rules. `progress` is called from many threads and must return at once.
///
/// # Errors
/// No cargo, a lock file that is missing or does not match the manifests, packages that cannot be fetched, a directory
/// that cannot be written, a full disk, a workspace whose packages hold no prose.
pub fn build_crate_docs(
    manifest: &Path,
    directory: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, DataError> {
    let lock_hash = lock_hash(manifest)?;
    if let Some(report) = Report::current(directory, &lock_hash) {
        return Ok(report);
    }
    let all = packages::list(manifest)?;
    let total = all.len() as u64;
    let packages: Vec<Package> = all.into_iter().filter(|package| !package.is_generated()).collect();
    let generated_packages = total - packages.len() as u64;

    let done = AtomicU64::new(0);
    let found: Vec<Vec<Found>> = packages
        .par_iter()
        .map(|package| {
            let paragraphs = extract(package);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(Progress { done, packages: packages.len() as u64 });
            paragraphs
        })
        .collect();

    let mut collected = Collected::default();
    collected.dropped.generated_packages = generated_packages;
    for (package, paragraphs) in packages.iter().zip(found) {
        collected.add(&package.name, paragraphs);
    }
    if collected.train.rows.is_empty() || collected.validation.rows.is_empty() {
        let reason = format!("found too little prose in {} packages to split it", packages.len());
        return Err(DataError::Cargo { manifest: manifest.to_path_buf(), reason });
    }
    collected.write(directory, packages.len() as u64, lock_hash)
}

/// The hash of the lock file beside the manifest, line ends made alike.
fn lock_hash(manifest: &Path) -> Result<String, DataError> {
    let path = manifest.with_file_name("Cargo.lock");
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes: Vec<u8> = bytes.into_iter().filter(|&byte| byte != b'\r').collect();
            Ok(blake3::hash(&bytes).to_hex().to_string())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(DataError::Missing { path, expected: "the lock file of the workspace" })
        }
        Err(error) => Err(DataError::io("read", &path)(error)),
    }
}

/// A paragraph, with the hashes that tell whether it was there before.
struct Found {
    text: String,
    exact: blake3::Hash,
    normalized: blake3::Hash,
}

/// The prose of a package, in the order of its files.
fn extract(package: &Package) -> Vec<Found> {
    files::read_all(&package.root)
        .flat_map(|(kind, text)| match kind {
            Kind::Markdown => prose::paragraphs(&text),
            Kind::Rust => doc_comments::extract(&text).iter().flat_map(|text| prose::paragraphs(text)).collect(),
        })
        .map(|text| {
            let exact = blake3::hash(text.as_bytes());
            let normalized = blake3::hash(prose::normalized(&text).as_bytes());
            Found { text, exact, normalized }
        })
        .collect()
}

/// The rows of one file.
#[derive(Default)]
struct Rows {
    rows: Vec<(String, String)>,
    words: u64,
    bytes: u64,
}

impl Rows {
    fn push(&mut self, text: String, name: &str, words: u64) {
        self.words += words;
        self.bytes += text.len() as u64;
        self.rows.push((text, name.to_owned()));
    }

    fn write(&self, path: &Path) -> Result<Split, DataError> {
        let texts: Vec<&str> = self.rows.iter().map(|(text, _)| text.as_str()).collect();
        let crates: Vec<&str> = self.rows.iter().map(|(_, name)| name.as_str()).collect();
        write_columns(path, &[(TEXT_COLUMN, &texts), (CRATE_COLUMN, &crates)])?;
        let file_hash = hash_file(path)?.to_hex().to_string();
        Ok(Split { paragraphs: self.rows.len() as u64, words: self.words, bytes: self.bytes, file_hash })
    }
}

/// The corpus as it grows, package by package.
#[derive(Default)]
struct Collected {
    train: Rows,
    validation: Rows,
    seen: HashSet<blake3::Hash>,
    seen_normalized: HashSet<blake3::Hash>,
    crates: BTreeMap<String, CrateCount>,
    dropped: Dropped,
    hasher: blake3::Hasher,
}

impl Collected {
    fn add(&mut self, name: &str, paragraphs: Vec<Found>) {
        for Found { text, exact, normalized } in paragraphs {
            if !self.seen.insert(exact) {
                self.dropped.duplicates += 1;
                continue;
            }
            if !self.seen_normalized.insert(normalized) {
                self.dropped.near_duplicates += 1;
                continue;
            }
            let words = prose::count_words(&text);
            let count = self.crates.entry(name.to_owned()).or_default();
            count.paragraphs += 1;
            count.words += words;
            let side = match is_validation(&normalized) {
                true => &mut self.validation,
                false => &mut self.train,
            };
            self.hasher.update(exact.as_bytes()).update(blake3::hash(name.as_bytes()).as_bytes());
            side.push(text, name, words);
        }
    }

    /// Writes the two files, and last the report that vouches for them.
    fn write(self, directory: &Path, packages: u64, lock_hash: String) -> Result<Report, DataError> {
        let train = self.train.write(&directory.join(TRAIN))?;
        let validation = self.validation.write(&directory.join(VALIDATION))?;
        let mut crates: Vec<CrateCount> =
            self.crates.into_iter().map(|(name, count)| CrateCount { name, ..count }).collect();
        crates.sort_by(|a, b| b.words.cmp(&a.words).then_with(|| a.name.cmp(&b.name)));
        let report = Report {
            extractor_version: EXTRACTOR_VERSION,
            lock_hash,
            corpus_hash: self.hasher.finalize().to_hex().to_string(),
            packages,
            train,
            validation,
            dropped: self.dropped,
            crates,
            tokens: None,
        };
        let path = directory.join(REPORT);
        replace_file(&path, |file| {
            let json = serde_json::to_vec_pretty(&report).map_err(std::io::Error::from);
            json.and_then(|json| file.write_all(&json)).map_err(DataError::io("write", &path))
        })?;
        Ok(report)
    }
}

/// The side of a paragraph, by the hash of its normal form alone.
fn is_validation(normalized: &blake3::Hash) -> bool {
    let number = u64::from_le_bytes(std::array::from_fn(|i| normalized.as_bytes()[i]));
    number % 1000 < VALIDATION_PER_MILLE
}
