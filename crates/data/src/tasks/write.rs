//! Labelled texts into Parquet, with the Hub's schema.

use super::Labels;
use crate::DataError;
use crate::parquet_write::write_batches;
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use std::path::Path;
use std::sync::Arc;

/// Writes columns of texts, each with its name, and the column `label` into the Parquet file at `path`, which is replaced
/// as a whole or not at all. Missing directories are made.
///
/// # Errors
/// Columns of different lengths, spans as labels, a directory that cannot be made or written, a full disk.
pub fn write_task_parquet(path: &Path, texts: &[(&str, &[&str])], labels: &Labels) -> Result<(), DataError> {
    let failed = |error: ArrowError| DataError::ParquetWrite { path: path.to_path_buf(), source: error.into() };
    let label: ArrayRef = match labels {
        Labels::Classes(classes) => Arc::new(Int64Array::from_iter_values(classes.iter().map(|&class| class.into()))),
        Labels::Numbers(numbers) => Arc::new(Float32Array::from_iter_values(numbers.iter().copied())),
        Labels::Spans(_) => {
            let expected = "classes or numbers".to_owned();
            return Err(DataError::Option { option: "labels", found: "spans".to_owned(), expected });
        }
    };
    let column = |texts: &[&str]| -> ArrayRef { Arc::new(StringArray::from_iter_values(texts)) };
    let columns = texts.iter().map(|(name, texts)| (*name, column(texts))).chain([("label", label)]);
    let rows = RecordBatch::try_from_iter(columns).map_err(failed)?;
    write_batches(path, rows.schema(), [Ok(rows.clone())].into_iter())
}
