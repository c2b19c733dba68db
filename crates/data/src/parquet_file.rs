//! One Parquet file: opened, its footer read, and read a row group at a time. What its columns hold is the affair of
//! [`TextFile`](crate::text_file::TextFile) and of the images' columns. Not a general Parquet reader.

use crate::DataError;
use crate::source::resolve;
use arrow_schema::Schema;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Decoded at a time, in bytes: what reading costs in memory beside a page of the file.
const BATCH_BYTES: u64 = 4 << 20;
const LARGEST_BATCH_ROWS: u64 = 8192;

/// Rows of Parquet files, or of directories of them, by their footers; nothing else is read.
///
/// # Errors
/// A file that is missing, unreadable or no Parquet.
pub fn parquet_rows(files: &[PathBuf]) -> Result<u64, DataError> {
    resolve(files)?.iter().map(|path| Ok(ParquetFile::open(path)?.rows())).sum()
}

/// An open file.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    pub(crate) path: PathBuf,
    bytes: u64,
    file: File,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads the footer.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("open", path))?;
        let bytes = file.metadata().map_err(DataError::io("read", path))?.len();
        // The writer's Arrow schema is left aside: it would only tell Utf8, LargeUtf8, Utf8View or a dictionary of
        // these, which Parquet stores alike. What a column holds is read from Parquet's own schema.
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let in_footer = |source| damaged(path, "footer".into(), bytes, source);
        let metadata = ArrowReaderMetadata::load(&file, plain).map_err(in_footer)?;
        Ok(Self { path: path.to_path_buf(), bytes, file, metadata })
    }

    /// Reads the columns as `schema` says from now on.
    pub(crate) fn read_as(&mut self, schema: Schema) -> Result<(), DataError> {
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::try_new(self.metadata.metadata().clone(), options);
        self.metadata = metadata.map_err(|source| self.damaged("footer".into(), source))?;
        Ok(())
    }

    pub(crate) fn schema(&self) -> &Schema {
        self.metadata.schema()
    }

    /// Rows, nulls counted.
    pub(crate) fn rows(&self) -> u64 {
        (0..self.row_groups()).map(|index| self.rows_in(index)).sum()
    }

    pub(crate) fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    pub(crate) fn rows_in(&self, row_group: usize) -> u64 {
        u64::try_from(self.metadata.metadata().row_group(row_group).num_rows()).unwrap_or(0)
    }

    /// Starts to read a row group: of the columns at `roots`, roots of the schema, the leaves that `wanted` holds of.
    pub(crate) fn read(
        &self,
        row_group: usize,
        roots: &[usize],
        wanted: impl Fn(&[String]) -> bool,
    ) -> Result<ParquetRecordBatchReader, DataError> {
        let file = self.file.try_clone().map_err(DataError::io("open", &self.path))?;
        let descriptor = self.metadata.parquet_schema();
        let leaves = (0..descriptor.num_columns()).filter(|&leaf| {
            roots.contains(&descriptor.get_column_root_idx(leaf)) && wanted(descriptor.column(leaf).path().parts())
        });
        let leaves: Vec<usize> = leaves.collect();
        let batch_rows = self.batch_rows(row_group, &leaves);
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(ProjectionMask::leaves(descriptor, leaves))
            .with_row_groups(vec![row_group])
            .with_batch_size(batch_rows)
            .build()
            .map_err(|source| self.damaged(format!("row group {row_group}"), source))
    }

    /// Rows of about [`BATCH_BYTES`], by what the footer says of the row group.
    fn batch_rows(&self, row_group: usize, leaves: &[usize]) -> usize {
        let group = self.metadata.metadata().row_group(row_group);
        let bytes = |leaf: &usize| u64::try_from(group.column(*leaf).uncompressed_size()).unwrap_or(0);
        let bytes = leaves.iter().map(bytes).fold(0, u64::saturating_add);
        let bytes_per_row = bytes.div_ceil(self.rows_in(row_group).max(1)).max(1);
        (BATCH_BYTES / bytes_per_row).clamp(1, LARGEST_BATCH_ROWS) as usize
    }

    /// The error for contents that cannot be decoded.
    pub(crate) fn damaged(&self, place: String, source: ParquetError) -> DataError {
        damaged(&self.path, place, self.bytes, source)
    }
}

fn damaged(path: &Path, place: String, bytes: u64, source: ParquetError) -> DataError {
    DataError::Parquet { path: path.to_path_buf(), place, bytes, source }
}

/// The index of the column `name` among the roots of the schema of `path`.
pub(crate) fn find_column(schema: &Schema, name: &str, path: &Path) -> Result<usize, DataError> {
    schema.index_of(name).map_err(|_| {
        let found = column_names(schema);
        let nearest = nearest(name, &found).map(str::to_owned);
        DataError::MissingColumn { path: path.to_path_buf(), column: name.to_owned(), found, nearest }
    })
}

/// The columns of a file.
pub(crate) fn column_names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// The name most like `wanted`, if one is like it at all.
fn nearest<'a>(wanted: &str, names: &'a [String]) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(&wanted.to_lowercase(), &name.to_lowercase());
    names
        .iter()
        .map(|name| (likeness(name), name.as_str()))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
