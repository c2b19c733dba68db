//! Which images: one or many Parquet files, the column of images and the column of labels.

use super::columns::ImageColumns;
use super::encoded::Part;
use super::{EncodedImages, Skipped};
use crate::DataError;
use crate::integers::integers_of;
use crate::parquet_file::ParquetFile;
use crate::source::{hash_files, name, resolve};
use arrow_array::BinaryArray;
use arrow_array::cast::AsArray;
use std::path::{Path, PathBuf};

/// Images in Parquet files with the schema of the Hub's data sets: a row is an encoded image (PNG or JPEG) and its class.
///
/// The column of images is binary, or a struct with a binary field `bytes`; other fields, like `path`, are not read. The
/// column of labels is of any integer type. Any row-group size, uncompressed, snappy or zstd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// Parquet files, or directories whose `*.parquet` files are meant, sorted by name. Read in this order.
    pub files: Vec<PathBuf>,
    /// The column of images; none: the one that is called `image` or `img`.
    pub image_column: Option<String>,
    /// The column of labels; none: the one that is called `label`, `labels` or `fine_label`.
    pub label_column: Option<String>,
    /// Whether an image that does not decode is left out. If not, it is an error of the batch that it is in.
    pub skip_broken: bool,
}

impl ImageSource {
    /// Images of `files` in the columns with the usual names.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Self {
        let files = files.into_iter().map(Into::into).collect();
        Self { files, image_column: None, label_column: None, skip_broken: false }
    }

    /// The same with columns of these names, where one is given.
    #[must_use]
    pub fn with_columns(self, image: Option<String>, label: Option<String>) -> Self {
        Self { image_column: image, label_column: label, ..self }
    }

    /// The same with images that do not decode left out, or not.
    #[must_use]
    pub fn skipping_broken(self, skip_broken: bool) -> Self {
        Self { skip_broken, ..self }
    }

    /// The files, in reading order, with directories replaced by what is in them.
    ///
    /// # Errors
    /// No files, or one that is missing.
    pub fn resolve(&self) -> Result<Vec<PathBuf>, DataError> {
        resolve(&self.files)
    }

    /// A hash of the files' bytes, their order, the columns that were asked for and whether broken images are left out,
    /// wherever the files lie.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub fn content_hash(&self) -> Result<blake3::Hash, DataError> {
        let [image, label] = [&self.image_column, &self.label_column].map(|column| column.as_deref().unwrap_or(""));
        let skip_broken = if self.skip_broken { "\0skip broken" } else { "" };
        hash_files("ligo image source 1", &self.resolve()?, &[image, "\0", label, skip_broken])
    }

    /// Checks all files without reading the images, and returns the number of images,
    /// broken ones counted.
    ///
    /// # Errors
    /// As for [`read`](Self::read), as far as footers tell.
    pub fn count(&self) -> Result<u64, DataError> {
        self.open()?.iter().map(|(file, _)| Ok(file.rows())).sum()
    }

    /// Reads the images as they are encoded. Nothing is decoded, but where broken images are to be left out: then each is
    /// tried once, on all threads.
    ///
    /// # Errors
    /// A missing or unreadable file, a directory without Parquet, a file that is truncated or another format, one that
    /// lacks a column or holds something else in it (text, above all), a null, a label beyond 31 bits, files without a
    /// row; where broken images are left out, files without a whole one.
    pub fn read(&self) -> Result<EncodedImages, DataError> {
        let mut parts: Vec<Part> =
            self.open()?.iter().map(|(file, columns)| read_file(file, columns)).collect::<Result<_, _>>()?;
        let mut broken =
            if self.skip_broken { parts.iter_mut().flat_map(Part::skip_broken).collect() } else { Vec::new() };
        let skipped =
            broken.first().map(|first: &DataError| Skipped { images: broken.len() as u64, first: first.to_string() });
        if let Some(Skipped { images, first }) = &skipped {
            tracing::warn!("left out {images} images that do not decode, the first is {first}");
        }
        let images = EncodedImages::new(parts, skipped);
        match (images.is_empty(), broken.is_empty()) {
            (false, _) => Ok(images),
            (true, true) => Err(DataError::NoImages { files: name(&self.files) }),
            (true, false) => Err(broken.swap_remove(0)),
        }
    }

    fn open(&self) -> Result<Vec<(ParquetFile, ImageColumns)>, DataError> {
        let open = |path: &PathBuf| {
            let file = ParquetFile::open(path)?;
            let columns = ImageColumns::find(
                file.schema(),
                self.image_column.as_deref(),
                self.label_column.as_deref(),
                &file.path,
            )?;
            Ok((file, columns))
        };
        self.resolve()?.iter().map(open).collect()
    }
}

fn read_file(file: &ParquetFile, columns: &ImageColumns) -> Result<Part, DataError> {
    let mut part = Part::new(file.path.clone(), columns.image.clone(), columns.label.clone());
    for row_group in 0..file.row_groups() {
        let mut rows = 0;
        let reader = file.read(row_group, &[columns.image_index, columns.label_index], |path| columns.wants(path))?;
        for batch in reader {
            let place = || format!("row group {row_group}, after row {rows}");
            let batch = batch.map_err(|error| file.damaged(place(), error.into()))?;
            let lost = |what: &str| {
                let found = format!("decoded without the column of {what}");
                file.damaged(place(), parquet::errors::ParquetError::General(found))
            };
            let images = batch.column_by_name(&columns.image).and_then(bytes_of).ok_or_else(|| lost("images"))?;
            let labels = batch.column_by_name(&columns.label).ok_or_else(|| lost("labels"))?;
            let labels = integers_of(labels.as_ref()).ok_or_else(|| lost("labels"))?;
            rows += batch.num_rows();
            part.push(images, &labels)?;
        }
    }
    Ok(part)
}

/// The encoded images of a column: itself, or the field `bytes` of a struct. A null of the struct is one of its fields.
fn bytes_of(column: &arrow_array::ArrayRef) -> Option<&BinaryArray> {
    match column.as_struct_opt() {
        Some(structs) => structs.column_by_name(super::columns::BYTES)?.as_binary_opt(),
        None => column.as_binary_opt(),
    }
}

/// Where row `row` of a file is, in words.
pub(super) fn row_error(path: &Path, row: u64, column: &str, found: String, expected: String) -> DataError {
    DataError::Row { path: path.to_path_buf(), row, column: column.to_owned(), found, expected }
}
