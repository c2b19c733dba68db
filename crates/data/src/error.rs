//! What can go wrong with data: every message names the file, the place in it, what was found and what was expected.

use parquet::errors::ParquetError;
use std::io;
use std::path::{Path, PathBuf};

/// Why data could not be read, prepared or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused: a missing directory, no permission, a full disk.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// What was tried, as in "cannot …".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's own message.
        source: io::Error,
    },

    /// A file that was named is not there.
    #[error("{}: no such file or directory, expected {expected}", path.display())]
    Missing {
        /// The path as it was given.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },

    /// A list of files, or a directory, holds nothing to read.
    #[error("{place}: no Parquet files found, expected at least one file that ends in .parquet")]
    NoFiles {
        /// The directory, or "the list of files".
        place: String,
    },

    /// Parquet that cannot be decoded: truncated, damaged, or another format.
    #[error(
        "{}: {place}: {source}; expected a complete Parquet file, found {bytes} bytes that are truncated, damaged or of another format",
        path.display()
    )]
    Parquet {
        /// The file.
        path: PathBuf,
        /// "footer", or the row group and row.
        place: String,
        /// Size of the file in bytes.
        bytes: u64,
        /// The decoder's own message.
        source: ParquetError,
    },

    /// Parquet that could not be written.
    #[error("{}: cannot write Parquet: {source}", path.display())]
    ParquetWrite {
        /// The file that should have been written.
        path: PathBuf,
        /// The encoder's own message; a full disk shows here.
        source: ParquetError,
    },

    /// The text column is not in the file.
    #[error("{}: no column `{column}`, found the columns {}{}", path.display(), quoted(found), did_you_mean(nearest.as_deref()))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns that are there.
        found: Vec<String>,
        /// The one most like the one asked for.
        nearest: Option<String>,
    },

    /// A column holds something else than it should.
    #[error("{}: column `{column}` has type {found}, expected {expected}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its Arrow type.
        found: String,
        /// The types that would do.
        expected: &'static str,
    },

    /// No column has one of the names by which images or their labels are looked for.
    #[error("{}: no column {}, found the columns {}{}", path.display(), quoted(tried), quoted(found), if *text { TEXT } else { "" })]
    NoneOfColumns {
        /// The file.
        path: PathBuf,
        /// The names that were looked for.
        tried: Vec<String>,
        /// The columns that are there.
        found: Vec<String>,
        /// Whether images were looked for and all there is is text.
        text: bool,
    },

    /// One row holds what cannot be used.
    #[error("{}: row {row}, column `{column}`: found {found}, expected {expected}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The row in the file, counted from 0.
        row: u64,
        /// The column.
        column: String,
        /// What is there, or what the decoder says of it.
        found: String,
        /// What would do.
        expected: String,
    },

    /// Files of images without a row.
    #[error("{files}: no rows, expected at least one image")]
    NoImages {
        /// The files.
        files: String,
    },

    /// Files of a task without a row.
    #[error("{files}: no rows, expected at least one {expected}")]
    NoRows {
        /// The files.
        files: String,
        /// What a row is.
        expected: &'static str,
    },

    /// A checkpoint's file that says how images are prepared says something that cannot be followed.
    #[error("{}: {key} = {found}, expected {expected}", path.display())]
    Preprocessing {
        /// `preprocessor_config.json` or `config.json`.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// What would do.
        expected: String,
    },

    /// Files without a single text: no rows, or nulls only.
    #[error("{files}: column `{column}` holds no text in {rows} rows, expected at least one row with text")]
    NoText {
        /// The files.
        files: String,
        /// The column.
        column: String,
        /// Rows found, nulls counted.
        rows: u64,
    },

    /// Less text than one block needs.
    #[error(
        "{files}: the text is shorter than one block: found {found} tokens, expected at least {needed} for sequence_length = {sequence_length}"
    )]
    TooShort {
        /// Where the text comes from.
        files: String,
        /// Tokens found.
        found: u64,
        /// Tokens that one block needs.
        needed: u64,
        /// The sequence length asked for.
        sequence_length: usize,
    },

    /// A tokeniser that cannot be read, trained or used.
    #[error("{place}: {reason}")]
    Tokenizer {
        /// The file, or what was being done.
        place: String,
        /// What was found and what was expected.
        reason: String,
    },

    /// An option out of its range.
    #[error("{option} = {found}, expected {expected}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },

    /// `cargo` could not list the packages of the workspace.
    #[error("{}: {reason}", manifest.display())]
    Cargo {
        /// The workspace manifest.
        manifest: PathBuf,
        /// What cargo said, and what to do about it.
        reason: String,
    },
}

impl DataError {
    /// For `map_err`: an input/output error with what was tried and where.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
        move |source| DataError::Io { action, path: path.to_path_buf(), source }
    }
}

impl From<ligo_files::FileError> for DataError {
    fn from(error: ligo_files::FileError) -> Self {
        Self::Io { action: error.action, path: error.path, source: error.source }
    }
}

/// Said where a model of images is given text.
const TEXT: &str = "; this is text, which a model of images does not read: give Parquet with images and labels";

fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 20;
    if names.is_empty() {
        return "(none)".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
