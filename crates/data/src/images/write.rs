//! Images into Parquet, with the Hub's schema: a struct of bytes and path, and a label.

use crate::DataError;
use crate::parquet_write::{BATCH_ROWS, write_batches};
use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use std::path::Path;
use std::sync::Arc;

/// Writes encoded images and their labels into the columns `image` and `label` of the Parquet file at `path`, which is
/// replaced as a whole or not at all. Missing directories are made. Nothing is decoded: the bytes are not looked at.
///
/// # Errors
/// A directory that cannot be made or written, a full disk.
pub fn write_image_parquet<B: AsRef<[u8]>>(path: &Path, images: &[(B, i64)]) -> Result<(), DataError> {
    let fields =
        Fields::from(vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)]);
    let schema = Schema::new(vec![
        Field::new("image", DataType::Struct(fields.clone()), true),
        Field::new("label", DataType::Int64, true),
    ]);
    let batches = images.chunks(BATCH_ROWS).map(|images| {
        let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(images.iter().map(|(bytes, _)| bytes)));
        let paths: ArrayRef = Arc::new(StringArray::new_null(images.len()));
        let labels: ArrayRef = Arc::new(Int64Array::from_iter_values(images.iter().map(|(_, label)| *label)));
        let structs: ArrayRef = Arc::new(StructArray::try_new(fields.clone(), vec![bytes, paths], None)?);
        RecordBatch::try_new(Arc::new(schema.clone()), vec![structs, labels])
    });
    write_batches(path, Arc::new(schema.clone()), batches)
}
