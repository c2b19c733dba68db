//! `metrics.parquet`: a row per evaluation of every run, the small model's too; written by `parquet`, read back into polars.
//!
//! polars' own Parquet reader would bring a network stack with it, so the columns are handed over one by one.

use crate::record::{Results, RunRecord};
use anyhow::{Context, Result, bail};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use ligo_files::replace_file;
use ligo_train::MetricRow;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use polars::prelude::{Column, DataFrame, NamedFrom, Series};
use std::path::Path;
use std::sync::Arc;

/// Writes every evaluation of every run.
pub(super) fn write_metrics(results: &Results, path: &Path) -> Result<()> {
    let batch = batch(results)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    replace_file(path, |file| -> Result<()> {
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(())
    })
}

fn batch(results: &Results) -> Result<RecordBatch> {
    let rows: Vec<(&RunRecord, &MetricRow)> = results
        .small
        .iter()
        .chain(&results.methods)
        .flat_map(|run| run.rows.iter().map(move |row| (run, row)))
        .collect();
    let text = |get: fn(&RunRecord, &MetricRow) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(run, row)| get(run, row))))
    };
    let whole = |get: fn(&RunRecord, &MetricRow) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|(run, row)| get(run, row))))
    };
    let real = |get: fn(&MetricRow) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|(_, row)| get(row))))
    };
    let maybe = |get: fn(&MetricRow) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, row)| get(row)).collect::<Float64Array>())
    };
    let columns = [
        ("label", text(|run, _| run.label.clone())),
        ("method", text(|run, _| run.method.clone())),
        ("seed", whole(|run, _| run.seed)),
        ("stage", text(|_, row| row.stage.clone())),
        ("step", whole(|_, row| row.step)),
        ("total_steps", whole(|_, row| row.total_steps)),
        ("tokens", whole(|_, row| row.tokens)),
        ("flops", real(|row| row.flops)),
        ("wall_seconds", real(|row| row.wall_seconds)),
        ("learning_rate", real(|row| row.learning_rate)),
        ("train_loss", maybe(|row| row.train_loss)),
        ("validation_loss", real(|row| row.validation_loss)),
        ("perplexity", real(|row| row.validation_loss.exp())),
        ("validation_accuracy", maybe(|row| row.validation_accuracy)),
    ];
    let nullable = ["train_loss", "validation_accuracy"];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), nullable.contains(name)))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Reads `metrics.parquet`, or any Parquet file whose columns are text, whole numbers and reals.
///
/// # Errors
/// If the file cannot be read, or a column is of another type; the message names the file and the column.
pub fn read_metrics(path: &Path) -> Result<DataFrame> {
    read(path).with_context(|| format!("{}: cannot be read as metrics", path.display()))
}

fn read(path: &Path) -> Result<DataFrame> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path)?)?;
    let schema = builder.schema().clone();
    let batches = builder.build()?.collect::<Result<Vec<_>, _>>()?;
    to_polars(&schema, &batches)
}

/// The same rows without a file.
pub(super) fn frame(results: &Results) -> Result<DataFrame> {
    let batch = batch(results)?;
    to_polars(&batch.schema(), &[batch])
}

fn to_polars(schema: &Schema, batches: &[RecordBatch]) -> Result<DataFrame> {
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let parts = batches.iter().map(|batch| batch.column(index));
        column(field, parts)
    });
    Ok(DataFrame::new_infer_height(columns.collect::<Result<Vec<_>>>()?)?)
}

/// One column of all batches.
fn column<'a>(field: &Field, parts: impl Iterator<Item = &'a ArrayRef>) -> Result<Column> {
    let name = field.name().as_str();
    let series = match field.data_type() {
        DataType::Utf8 => {
            Series::new(name.into(), parts.flat_map(|part| part.as_string::<i32>()).collect::<Vec<Option<&str>>>())
        }
        DataType::UInt64 => {
            Series::new(name.into(), parts.flat_map(|part| part.as_primitive::<UInt64Type>()).collect::<Vec<_>>())
        }
        DataType::Float64 => {
            Series::new(name.into(), parts.flat_map(|part| part.as_primitive::<Float64Type>()).collect::<Vec<_>>())
        }
        other => bail!("column '{name}' is {other}, expected Utf8, UInt64 or Float64"),
    };
    Ok(series.into())
}
