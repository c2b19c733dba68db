//! A Parquet file of text: its column found, checked, and read a row group at a time.

use crate::DataError;
use crate::parquet_file::{ParquetFile, find_column};
use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeStringArray};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::errors::ParquetError;
use std::path::Path;
use std::sync::Arc;

/// An open file whose column was found and holds text.
#[derive(Debug)]
pub(crate) struct TextFile {
    file: ParquetFile,
    /// Index of the column among the roots of the schema.
    column: usize,
}

impl TextFile {
    /// Reads the footer and looks for the column.
    pub(crate) fn open(path: &Path, column: &str) -> Result<Self, DataError> {
        let mut file = ParquetFile::open(path)?;
        let index = find_column(file.schema(), column, path)?;
        match file.schema().field(index).data_type() {
            DataType::Utf8 => {}
            other => {
                return Err(DataError::ColumnType {
                    path: path.to_path_buf(),
                    column: column.to_owned(),
                    found: other.to_string(),
                    expected: "text (Utf8, LargeUtf8 or Utf8View)",
                });
            }
        }
        file.read_as(with_large_text(file.schema(), &[index]))?;
        Ok(Self { file, column: index })
    }

    /// Rows, nulls counted.
    pub(crate) fn rows(&self) -> u64 {
        self.file.rows()
    }

    pub(crate) fn row_groups(&self) -> usize {
        self.file.row_groups()
    }

    /// Rows of a row group, nulls counted.
    pub(crate) fn rows_in(&self, row_group: usize) -> u64 {
        self.file.rows_in(row_group)
    }

    /// Starts to read a row group.
    pub(crate) fn read(&self, row_group: usize) -> Result<RowGroup, DataError> {
        Ok(RowGroup { reader: self.file.read(row_group, &[self.column], |_| true)?, row_group, row: 0 })
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
        let batch = batch.map_err(|error| file.file.damaged(place(), error.into()))?;
        let Some(texts) = batch.column(0).as_string_opt::<i64>() else {
            let found = batch.column(0).data_type().to_string();
            return Err(file
                .file
                .damaged(place(), ParquetError::General(format!("decoded to {found} instead of text"))));
        };
        self.row += texts.len();
        Ok(Some(texts.clone()))
    }
}

/// The same schema with 64-bit offsets for some columns, so that no batch of long texts can overflow them.
pub(crate) fn with_large_text(schema: &Schema, columns: &[usize]) -> Schema {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| match columns.contains(&index) {
            true => Arc::new(field.as_ref().clone().with_data_type(DataType::LargeUtf8)),
            false => field.clone(),
        })
        .collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}
