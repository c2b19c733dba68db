//! One Parquet file of text: opened, checked, and read a row group at a time. Not a general Parquet reader.

use crate::DataError;
use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeStringArray};
use arrow_schema::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Text decoded at a time, in bytes: what reading costs in memory beside a page of the file.
const BATCH_BYTES: u64 = 4 << 20;
const LARGEST_BATCH_ROWS: u64 = 8192;

/// An open file whose column was found and holds text.
#[derive(Debug)]
pub(crate) struct TextFile {
    path: PathBuf,
    bytes: u64,
    file: File,
    metadata: ArrowReaderMetadata,
    /// Index of the column among the roots of the schema.
    column: usize,
}

impl TextFile {
    /// Reads the footer and looks for the column.
    pub(crate) fn open(path: &Path, column: &str) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("open", path))?;
        let bytes = file.metadata().map_err(DataError::io("read", path))?.len();
        let in_footer = |source| DataError::Parquet { path: path.to_path_buf(), place: "footer".into(), bytes, source };

        // The writer's Arrow schema is left aside: it would only tell Utf8, LargeUtf8, Utf8View or a dictionary of
        // these, which Parquet stores alike. What the column holds is read from Parquet's own schema.
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&file, plain).map_err(in_footer)?;
        let index = find_column(metadata.schema(), column, path)?;
        let schema = with_large_text(metadata.schema(), index);
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(in_footer)?;
        Ok(Self { path: path.to_path_buf(), bytes, file, metadata, column: index })
    }

    /// Rows, nulls counted.
    pub(crate) fn rows(&self) -> u64 {
        (0..self.row_groups()).map(|index| self.rows_in(index)).sum()
    }

    pub(crate) fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn rows_in(&self, row_group: usize) -> u64 {
        u64::try_from(self.metadata.metadata().row_group(row_group).num_rows()).unwrap_or(0)
    }

    /// Starts to read a row group.
    pub(crate) fn read(&self, row_group: usize) -> Result<RowGroup, DataError> {
        let place = || format!("row group {row_group}");
        let file = self.file.try_clone().map_err(DataError::io("open", &self.path))?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), [self.column]);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(mask)
            .with_row_groups(vec![row_group])
            .with_batch_size(self.batch_rows(row_group))
            .build()
            .map_err(|source| self.damaged(place(), source))?;
        Ok(RowGroup { reader, row_group, row: 0 })
    }

    /// Rows of about [`BATCH_BYTES`] of text, by what the footer says of the row group.
    fn batch_rows(&self, row_group: usize) -> usize {
        let group = self.metadata.metadata().row_group(row_group);
        let root = self.metadata.parquet_schema().root_schema().get_fields()[self.column].name();
        let bytes: u64 = group
            .columns()
            .iter()
            .filter(|column| column.column_path().parts().first().is_some_and(|part| part == root))
            .map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(0))
            .sum();
        let bytes_per_row = bytes.div_ceil(self.rows_in(row_group).max(1)).max(1);
        (BATCH_BYTES / bytes_per_row).clamp(1, LARGEST_BATCH_ROWS) as usize
    }

    fn damaged(&self, place: String, source: ParquetError) -> DataError {
        DataError::Parquet { path: self.path.clone(), place, bytes: self.bytes, source }
    }
}

/// A row group that is being read.
pub(crate) struct RowGroup {
    reader: ParquetRecordBatchReader,
    row_group: usize,
    row: usize,
}

impl RowGroup {
    /// The next batch of the column; none at the end. `file` is the one that this came from, for messages.
    pub(crate) fn next_batch(&mut self, file: &TextFile) -> Result<Option<LargeStringArray>, DataError> {
        let place = || format!("row group {}, after row {}", self.row_group, self.row);
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|error| file.damaged(place(), error.into()))?;
        let Some(texts) = batch.column(0).as_string_opt::<i64>() else {
            let found = batch.column(0).data_type().to_string();
            return Err(file.damaged(place(), ParquetError::General(format!("decoded to {found} instead of text"))));
        };
        self.row += texts.len();
        Ok(Some(texts.clone()))
    }
}

fn find_column(schema: &Schema, column: &str, path: &Path) -> Result<usize, DataError> {
    let Ok(index) = schema.index_of(column) else {
        let found: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let nearest = nearest(column, &found).map(str::to_owned);
        return Err(DataError::MissingColumn { path: path.to_path_buf(), column: column.to_owned(), found, nearest });
    };
    match schema.field(index).data_type() {
        DataType::Utf8 => Ok(index),
        other => {
            Err(DataError::ColumnType { path: path.to_path_buf(), column: column.to_owned(), found: other.to_string() })
        }
    }
}

/// The same schema with 64-bit offsets for one column, so that no batch of long texts can overflow them.
fn with_large_text(schema: &Schema, column: usize) -> Schema {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| match index == column {
            true => Arc::new(field.as_ref().clone().with_data_type(DataType::LargeUtf8)),
            false => field.clone(),
        })
        .collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
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
