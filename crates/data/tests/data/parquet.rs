//! Text from Parquet: every kind of file that is read, every kind that is refused.

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, Int64Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray,
};
use ligo_data::{DataError, TextSource, write_text_parquet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

type Texts = Vec<Option<String>>;

fn texts(rows: usize) -> Texts {
    (0..rows).map(|row| (row % 7 != 3).then(|| format!("Row {row}: {}", "né ".repeat(row % 5)))).collect()
}

fn present(texts: &Texts) -> Vec<String> {
    texts.iter().flatten().cloned().collect()
}

/// A file with the columns `id` (numbers), `text` (as given), `bytes` (binary), written in batches of three rows.
fn write(path: &Path, text: &ArrayRef, compression: Compression, row_group: usize) {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..text.len() as i64));
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values((0..text.len()).map(|_| b"\xff")));
    let batch = RecordBatch::try_from_iter([("id", ids), ("text", text.clone()), ("bytes", bytes)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(row_group))
        .set_data_page_row_count_limit(2)
        .set_write_batch_size(1)
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    for start in (0..text.len()).step_by(3) {
        writer.write(&batch.slice(start, 3.min(text.len() - start))).unwrap();
    }
    writer.close().unwrap();
}

fn utf8(texts: &Texts) -> ArrayRef {
    Arc::new(StringArray::from(texts.clone()))
}

fn read(source: &TextSource) -> Result<Vec<String>, DataError> {
    source.open()?.collect()
}

#[test]
fn every_text_type_compression_and_row_group_size_gives_the_same_texts() {
    let directory = tempfile::tempdir().unwrap();
    let texts = texts(50);
    let kinds: [(&str, ArrayRef); 4] = [
        ("Utf8", utf8(&texts)),
        ("LargeUtf8", Arc::new(LargeStringArray::from(texts.clone()))),
        ("Utf8View", Arc::new(StringViewArray::from_iter(texts.clone()))),
        ("dictionary", Arc::new(texts.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())),
    ];
    let compressions = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())];
    for (kind, array) in &kinds {
        for compression in compressions {
            for row_group in [1, 3, 7, 49, 50, 1000] {
                let path = directory.path().join("x.parquet");
                write(&path, array, compression, row_group);
                let found = read(&TextSource::new([&path], "text")).unwrap();
                assert_eq!(found, present(&texts), "{kind}, {compression}, row groups of {row_group}");
            }
        }
    }
}

#[test]
fn what_is_written_is_read_back_and_the_same_rows_give_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..40_000).map(|row| format!("text {row}")).collect();
    let paths = ["a/b/one.parquet", "two.parquet"].map(|name| directory.path().join(name));
    for path in &paths {
        write_text_parquet(path, "text", &rows).unwrap();
    }
    assert_eq!(fs::read(&paths[0]).unwrap(), fs::read(&paths[1]).unwrap());
    assert_eq!(read(&TextSource::new([&paths[0]], "text")).unwrap(), rows);
}

#[test]
fn many_files_and_directories_are_read_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for (name, text) in [("data/b", "b"), ("data/a", "a"), ("data/c", "c"), ("alone", "0")] {
        write_text_parquet(&directory.path().join(format!("{name}.parquet")), "text", &[text]).unwrap();
    }
    fs::write(data.join("README.md"), "not Parquet").unwrap();
    fs::write(data.join(".hidden.parquet"), "not Parquet").unwrap();
    let source = TextSource::new([directory.path().join("alone.parquet"), data], "text");
    assert_eq!(read(&source).unwrap(), ["0", "a", "b", "c"]);
}

#[test]
fn the_content_hash_follows_bytes_order_and_column_and_not_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (name, text) in [("a", "one"), ("b", "two"), ("copy", "one")] {
        write_text_parquet(&path(name), "text", &[text]).unwrap();
    }
    let hash = |names: &[&str], column: &str| {
        TextSource::new(names.iter().map(|name| path(name)), column).content_hash().unwrap()
    };
    assert_eq!(hash(&["a", "b"], "text"), hash(&["copy", "b"], "text"));
    for other in [hash(&["b", "a"], "text"), hash(&["a"], "text"), hash(&["a", "b"], "body")] {
        assert_ne!(hash(&["a", "b"], "text"), other);
    }
}

#[test]
fn bad_files_are_refused_with_file_place_found_and_expected() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    write(&path("good"), &utf8(&texts(20)), Compression::SNAPPY, 5);
    write(&path("no rows"), &utf8(&Vec::new()), Compression::SNAPPY, 5);
    write(&path("nulls"), &utf8(&vec![None; 4]), Compression::SNAPPY, 5);
    let good = fs::read(path("good")).unwrap();
    fs::write(path("truncated"), &good[..good.len() / 2]).unwrap();
    fs::write(path("csv"), "id,text\n1,hello\n").unwrap();
    fs::write(path("zero"), "").unwrap();
    fs::create_dir(path("empty directory")).unwrap();

    let cases: [(&[&str], &str, &[&str]); 11] = [
        (&["missing"], "text", &["missing: no such file", "expected a Parquet file"]),
        (&["good", "missing"], "text", &["missing: no such file"]),
        (&["truncated"], "text", &["truncated: footer: ", "expected a complete Parquet file, found", "bytes"]),
        (&["csv"], "text", &["csv: footer: ", "found 16 bytes"]),
        (&["zero"], "text", &["zero: footer: ", "found 0 bytes"]),
        (&["no rows"], "text", &["no rows: column `text` holds no text in 0 rows, expected at least one"]),
        (&["good"], "txt", &["good: no column `txt`", "`id`, `text`, `bytes`", "did you mean `text`?"]),
        (&["good"], "id", &["good: column `id` has type Int64, expected text"]),
        (&["good"], "bytes", &["good: column `bytes` has type Binary, expected text"]),
        (&["empty directory"], "text", &["empty directory: no Parquet files found"]),
        (&[], "text", &["the list of files: no Parquet files found"]),
    ];
    for (files, column, expected) in cases {
        let source = TextSource::new(files.iter().map(|name| path(name)), column);
        let message = read(&source).unwrap_err().to_string();
        for part in expected {
            assert!(message.contains(part), "{files:?}, {column}: {message:?} lacks {part:?}");
        }
    }
    assert_eq!(read(&TextSource::new([path("nulls")], "text")).unwrap(), [""; 0]);
}

#[test]
fn no_cut_and_no_flipped_bit_makes_reading_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())] {
        write(&path, &utf8(&texts(6)), compression, 3);
        let good = fs::read(&path).unwrap();
        // A new file each time: some file systems write a truncated one out to the disk at once.
        let read_bytes = |name: String, bytes: &[u8]| {
            let path = directory.path().join(name);
            fs::write(&path, bytes).unwrap();
            let texts = read(&TextSource::new([&path], "text"));
            fs::remove_file(path).unwrap();
            texts
        };
        let mut refused = 0;
        for at in 0..good.len() {
            assert!(read_bytes(format!("cut {at}"), &good[..at]).is_err(), "cut to {at} bytes");
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            refused += usize::from(read_bytes(format!("flipped {at}"), &bad).is_err());
        }
        assert!(refused > 100, "{refused} of {} flipped bits were noticed", good.len());
    }
}
