//! Labelled texts in Parquet: what is read, what is refused.

use super::tokenizer;
use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
    UInt8Array,
};
use ligo_data::tasks::{Encoder, LabelKind, Labels, TaskBatches, TaskSource};
use ligo_data::{BatchPlan, DataError};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// In row groups of two rows.
fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

fn strings(texts: [Option<&str>; 3]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn whole() -> ArrayRef {
    strings([Some("a"), Some(""), Some("é")])
}

fn file(directory: &tempfile::TempDir, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let path = directory.path().join("x.parquet");
    write(&path, columns);
    path
}

/// Of a Parquet file, by name.
type Columns = Vec<(&'static str, ArrayRef)>;

#[test]
fn one_or_two_columns_of_text_and_labels_of_any_number_type_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let classes: [ArrayRef; 3] = [
        Arc::new(Int64Array::from(vec![1, 0, 2])),
        Arc::new(Int32Array::from(vec![1, 0, 2])),
        Arc::new(UInt8Array::from(vec![1, 0, 2])),
    ];
    for label in classes {
        let pair: ArrayRef = Arc::new(LargeStringArray::from(vec!["x", "y", "z"]));
        let path = file(&directory, vec![("label", label), ("sentence2", pair), ("sentence1", whole())]);
        let source = TaskSource::new([path], "sentence1", LabelKind::Classes(3));
        let texts = source.clone().with_pair("sentence2").read().unwrap();
        assert_eq!(texts.labels(), &Labels::Classes(vec![1, 0, 2]));
        assert_eq!((texts.len(), texts.get(0), texts.get(2)), (3, ("a", Some("x")), ("é", Some("z"))));
        assert_eq!(source.read().unwrap().get(1), ("", None));
    }
    let numbers: [ArrayRef; 3] = [
        Arc::new(Float32Array::from(vec![0.5, 5.0, 2.0])),
        Arc::new(Float64Array::from(vec![0.5, 5.0, 2.0])),
        Arc::new(Int64Array::from(vec![0, 5, 2])),
    ];
    for (label, first) in numbers.into_iter().zip([0.5, 0.5, 0.0]) {
        let path = file(&directory, vec![("text", whole()), ("score", label)]);
        let source = TaskSource { label_column: "score".into(), ..TaskSource::new([path], "text", LabelKind::Numbers) };
        assert_eq!(source.read().unwrap().labels(), &Labels::Numbers(vec![first, 5.0, 2.0]));
    }
}

#[test]
fn what_cannot_be_used_is_named_by_file_row_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let labels = |labels: [Option<i64>; 3]| -> ArrayRef { Arc::new(Int64Array::from(labels.to_vec())) };
    let good = || labels([Some(0), Some(1), Some(0)]);
    let float = |last: f32| -> ArrayRef { Arc::new(Float32Array::from(vec![0.0, 1.0, last])) };
    let classes = LabelKind::Classes(2);
    let cases: [(Columns, LabelKind, &str); 9] = [
        (
            vec![("text", whole()), ("label", labels([Some(0), Some(1), Some(2)]))],
            classes,
            "row 2, column `label`: found 2, expected a class from 0 to 1",
        ),
        (
            vec![("text", whole()), ("label", labels([Some(0), Some(1), Some(-1)]))],
            classes,
            "row 2, column `label`: found -1, expected a class from 0 to 1; GLUE's test splits hold -1 for labels that are \
             not given out",
        ),
        (
            vec![("text", whole()), ("label", labels([Some(0), None, Some(1)]))],
            classes,
            "row 1, column `label`: found null, expected a class from 0 to 1",
        ),
        (
            vec![("text", strings([Some("a"), Some("b"), None])), ("label", good())],
            classes,
            "row 2, column `text`: found null, expected a text",
        ),
        (
            vec![("texts", whole()), ("label", good())],
            classes,
            "no column `text`, found the columns `texts`, `label`; did you mean `texts`?",
        ),
        (vec![("text", whole())], classes, "no column `label`, found the columns `text`"),
        (
            vec![("text", good()), ("label", good())],
            classes,
            "column `text` has type Int64, expected text (Utf8, LargeUtf8 or Utf8View)",
        ),
        (
            vec![("text", whole()), ("label", float(1.0))],
            classes,
            "column `label` has type Float32, expected classes (an integer type)",
        ),
        (
            vec![("text", whole()), ("label", float(f32::NAN))],
            LabelKind::Numbers,
            "row 2, column `label`: found NaN, expected a finite number",
        ),
    ];
    for (columns, kind, expected) in cases {
        let path = file(&directory, columns);
        let message = TaskSource::new([&path], "text", kind).read().unwrap_err().to_string();
        assert_eq!(message, format!("{}: {expected}", path.display()));
    }

    let path = file(&directory, vec![("text", whole().slice(0, 0)), ("label", good().slice(0, 0))]);
    let message = TaskSource::new([&path], "text", classes).read().unwrap_err().to_string();
    assert_eq!(message, format!("{}: no rows, expected at least one text with its label", path.display()));
}

#[test]
fn options_that_leave_no_room_are_refused() {
    for (name, smallest) in [("wordpiece.json", 5), ("bytes.json", 6)] {
        let tokenizer = tokenizer(name);
        let message = Encoder::new(&tokenizer, smallest - 1).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("max_length = {}, expected {smallest} or more", smallest - 1)),
            "{message}"
        );
        Encoder::new(&tokenizer, smallest).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, vec![("text", whole()), ("label", Arc::new(Int64Array::from(vec![0, 1, 0])))]);
    let texts = TaskSource::new([path], "text", LabelKind::Classes(2)).read().unwrap();
    let encoder = Encoder::new(&tokenizer("bytes.json"), 10).unwrap();
    let plan = BatchPlan { seed: 0, batch_size: 0, micro_batches: 1 };
    let refused = TaskBatches::of_texts(&texts, &encoder, plan);
    assert!(matches!(refused, Err(DataError::Option { option: "batch_size", .. })));
}
