//! Which text: one or many Parquet files and the column that holds it. Opening checks all of them; reading is
//! [`Texts`](crate::Texts)' part.

use crate::text_file::TextFile;
use crate::{DataError, Texts};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Text in Parquet files with the schema of the Hub's data sets: a row is a text, one column holds it.
///
/// Nulls are left out. Any row-group size, uncompressed, snappy or zstd. Read row group by row group and there batch by
/// batch, so that a file may be larger than memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSource {
    /// Parquet files, or directories whose `*.parquet` files are meant, sorted by name. Read in this order.
    pub files: Vec<PathBuf>,
    /// The column.
    pub column: String,
}

impl TextSource {
    /// Text in the column `column` of `files`.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>, column: impl Into<String>) -> Self {
        Self { files: files.into_iter().map(Into::into).collect(), column: column.into() }
    }

    /// Opens all files, checks each, and returns their texts in order.
    ///
    /// # Errors
    /// A missing or unreadable file, a directory without Parquet, a file that is truncated or another format, one that
    /// lacks the column or holds something else than text in it, files without a row.
    pub fn open(&self) -> Result<Texts, DataError> {
        let files: Vec<TextFile> =
            self.resolve()?.iter().map(|path| TextFile::open(path, &self.column)).collect::<Result<_, _>>()?;
        match files.iter().map(TextFile::rows).sum() {
            0 => Err(self.no_text(0)),
            rows => Ok(Texts::new(files, rows)),
        }
    }

    /// The error for files in which all rows, if there are any, are null.
    pub(crate) fn no_text(&self, rows: u64) -> DataError {
        DataError::NoText { files: self.name(), column: self.column.clone(), rows }
    }

    /// The files, in reading order, with directories replaced by what is in them.
    ///
    /// # Errors
    /// As for [`open`](Self::open), as far as the files' names go.
    pub fn resolve(&self) -> Result<Vec<PathBuf>, DataError> {
        resolve(&self.files)
    }

    /// A hash of the files' bytes, their order, and the column: equal for equal text wherever the files lie.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub fn content_hash(&self) -> Result<blake3::Hash, DataError> {
        hash_files("ligo text source 1", &self.resolve()?, &[&self.column])
    }

    /// The files as they are named in messages.
    pub(crate) fn name(&self) -> String {
        name(&self.files)
    }
}

/// The files meant by `paths`, in reading order: directories are replaced by the Parquet files in them.
///
/// # Errors
/// No files, or one that is missing.
pub(crate) fn resolve(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => files.extend(parquet_files_in(path)?),
            Ok(_) => files.push(path.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let expected = "a Parquet file or a directory of Parquet files";
                return Err(DataError::Missing { path: path.clone(), expected });
            }
            Err(error) => return Err(DataError::io("read", path)(error)),
        }
    }
    if files.is_empty() {
        return Err(DataError::NoFiles { place: "the list of files".to_owned() });
    }
    Ok(files)
}

fn parquet_files_in(directory: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |error| DataError::io("list", directory)(error);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "parquet") && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(DataError::NoFiles { place: directory.display().to_string() });
    }
    files.sort();
    Ok(files)
}

/// Files as they are named in messages.
pub(crate) fn name(files: &[PathBuf]) -> String {
    match files {
        [] => "(no files)".to_owned(),
        [file] => file.display().to_string(),
        [first, rest @ ..] => format!("{} and {} more", first.display(), rest.len()),
    }
}

/// A hash of the bytes of `files`, their order, what they are read as and which columns.
///
/// # Errors
/// A file that is missing or cannot be read.
pub(crate) fn hash_files(kind: &str, files: &[PathBuf], columns: &[&str]) -> Result<blake3::Hash, DataError> {
    let mut all = blake3::Hasher::new();
    all.update(kind.as_bytes());
    for path in files {
        all.update(hash_file(path)?.as_bytes());
    }
    for column in columns {
        all.update(column.as_bytes());
    }
    Ok(all.finalize())
}

/// The hash of a file's bytes.
pub(crate) fn hash_file(path: &Path) -> Result<blake3::Hash, DataError> {
    let mut file = fs::File::open(path).map_err(DataError::io("open", path))?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher).map_err(DataError::io("read", path))?;
    Ok(hasher.finalize())
}
