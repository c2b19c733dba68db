//! Columns into Parquet: zstd, the Hub's schemas; text as plain string columns. The same rows give the same bytes.

use crate::DataError;
use arrow_array::{ArrayRef, LargeStringArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use ligo_files::replace_file;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

const ROW_GROUP_ROWS: usize = 32_768;
pub(crate) const BATCH_ROWS: usize = 4096;

/// Writes `rows` as the only column of the Parquet file at `path`, which is replaced as a whole or not at all. Missing
/// directories are made.
///
/// # Errors
/// A directory that cannot be made or written, a full disk.
pub fn write_text_parquet<R: AsRef<str>>(path: &Path, column: &str, rows: &[R]) -> Result<(), DataError> {
    let rows: Vec<&str> = rows.iter().map(AsRef::as_ref).collect();
    write_columns(path, &[(column, &rows)])
}

/// Writes columns of one length side by side.
pub(crate) fn write_columns(path: &Path, columns: &[(&str, &[&str])]) -> Result<(), DataError> {
    let fields: Vec<Field> = columns.iter().map(|(name, _)| Field::new(*name, DataType::LargeUtf8, false)).collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = columns.first().map_or(0, |(_, rows)| rows.len());
    let batches = (0..rows).step_by(BATCH_ROWS).map(|start| {
        let end = (start + BATCH_ROWS).min(rows);
        let arrays =
            columns.iter().map(|(_, rows)| Arc::new(LargeStringArray::from_iter_values(&rows[start..end])) as ArrayRef);
        RecordBatch::try_new(schema.clone(), arrays.collect())
    });
    write_batches(path, schema.clone(), batches)
}

/// Writes batches of one schema one after the other.
pub(crate) fn write_batches(
    path: &Path,
    schema: Arc<Schema>,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
) -> Result<(), DataError> {
    let failed = |source| DataError::ParquetWrite { path: path.to_path_buf(), source };
    replace_file(path, |file: &mut File| {
        let mut writer = ArrowWriter::try_new_with_options(file, schema, options()).map_err(failed)?;
        for batch in batches {
            writer.write(&batch.map_err(|error| failed(error.into()))?).map_err(failed)?;
        }
        writer.close().map_err(failed)?;
        Ok(())
    })
}

/// Without the writer's Arrow schema in the footer: any reader sees a plain string column.
fn options() -> ArrowWriterOptions {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("ligo".to_owned())
        .build();
    ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true)
}
