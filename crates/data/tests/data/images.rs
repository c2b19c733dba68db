//! Images from Parquet: every kind of file that is read, every kind that is refused, and the batches they end up in.

use arrow_array::{
    Array, ArrayRef, BinaryArray, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray, StructArray, UInt64Array,
};
use arrow_schema::{DataType, Field};
use ligo_data::images::{EncodedImages, ImageBatches, ImageSource, Preprocessing, write_image_parquet};
use ligo_data::{BatchPlan, DataError, write_text_parquet};
use proptest::prelude::*;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn fixture(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "images", name].iter().collect();
    fs::read(path).expect("the fixture is in the repository")
}

/// A file of all fixtures, over and over, with the labels 0, 1, 2, ….
fn write_fixtures(path: &Path, rows: usize) {
    let names = ["colour.png", "grey.jpg", "palette.png", "turned.jpg", "thrifty.jpg"].map(fixture);
    let images: Vec<(&Vec<u8>, i64)> = names.iter().cycle().zip(0..).take(rows).collect();
    write_image_parquet(path, &images).unwrap();
}

fn write_columns(path: &Path, columns: &[(&str, ArrayRef)], row_group: usize) {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let properties =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(row_group)).build();
    let file = File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn with_bytes(bytes: ArrayRef) -> ArrayRef {
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values((0..bytes.len()).map(|row| format!("{row}.png"))));
    let field = |name, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
    Arc::new(StructArray::from(vec![(field("path", &paths), paths.clone()), (field("bytes", &bytes), bytes.clone())]))
}

fn read(path: &Path) -> Result<EncodedImages, DataError> {
    ImageSource::new([path]).read()
}

fn batches(images: EncodedImages, side: usize, plan: BatchPlan) -> Result<ImageBatches, DataError> {
    ImageBatches::new(Arc::new(images), Preprocessing::new(3, side)?, 10, plan)
}

#[test]
fn every_type_of_column_and_every_row_group_size_gives_the_same_images() {
    let directory = tempfile::tempdir().unwrap();
    let encoded = ["colour.png", "grey.jpg", "thrifty.jpg", "turned.jpg", "palette.png"].map(fixture);
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(&encoded));
    let classes = [3, 1, 4, 1, 5];
    let labels: [ArrayRef; 4] = [
        Arc::new(Int64Array::from_iter_values(classes.map(i64::from))),
        Arc::new(Int32Array::from_iter_values(classes)),
        Arc::new(Int8Array::from_iter_values(classes.map(|class| class as i8))),
        Arc::new(UInt64Array::from_iter_values(classes.map(|class| class as u64))),
    ];
    let plan = BatchPlan { seed: 0, batch_size: 5, micro_batches: 1 };
    let mut all = Vec::new();
    for (image, label) in [("image", "label"), ("img", "fine_label"), ("image", "labels")] {
        for column in [bytes.clone(), with_bytes(bytes.clone())] {
            for labels in &labels {
                for row_group in [1, 2, 5] {
                    let path = directory.path().join("x.parquet");
                    write_columns(&path, &[(label, labels.clone()), (image, column.clone())], row_group);
                    let images = read(&path).unwrap();
                    assert_eq!(images.labels(), classes);
                    assert_eq!(images.bytes(), encoded.iter().map(|image| image.len() as u64).sum::<u64>());
                    all.push(batches(images, 8, plan).unwrap().batch(0, 0).unwrap());
                }
            }
        }
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn given_columns_and_many_files_are_read_in_order() {
    let directory = tempfile::tempdir().unwrap();
    for (name, classes) in [("b", [2, 3]), ("a", [0, 1])] {
        let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values([fixture("colour.png"), fixture("grey.png")]));
        let labels: ArrayRef = Arc::new(Int64Array::from_iter_values(classes));
        let none: ArrayRef = Arc::new(Int64Array::from_iter_values([9, 9]));
        let path = directory.path().join(format!("{name}.parquet"));
        write_columns(&path, &[("label", none), ("coarse", labels), ("picture", bytes)], 1);
    }
    let source = ImageSource::new([directory.path()]).with_columns(Some("picture".into()), Some("coarse".into()));
    assert_eq!(source.count().unwrap(), 4);
    assert_eq!(source.read().unwrap().labels(), [0, 1, 2, 3]);
    assert_ne!(source.content_hash().unwrap(), ImageSource::new([directory.path()]).content_hash().unwrap());
}

#[test]
fn an_epoch_meets_every_image_once_and_a_batch_follows_from_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    write_fixtures(&path, 9);
    let plan = BatchPlan { seed: 3, batch_size: 3, micro_batches: 1 };
    let at_once = batches(read(&path).unwrap(), 4, plan).unwrap();
    for epoch in 0..3 {
        let mut met: Vec<i32> = (0..3).flat_map(|step| at_once.batch(3 * epoch + step, 0).unwrap().classes).collect();
        met.sort_unstable();
        assert!(met.into_iter().eq(0..9), "epoch {epoch}");
        assert_eq!(at_once.epoch(3 * epoch + 2), epoch);
    }
    let in_parts = batches(read(&path).unwrap(), 4, BatchPlan { batch_size: 1, micro_batches: 3, ..plan }).unwrap();
    let parts: Vec<f32> = (0..3).flat_map(|micro| in_parts.batch(7, micro).unwrap().pixels).collect();
    assert_eq!(at_once.batch(7, 0).unwrap().pixels, parts);
    let validation = at_once.validation_batches(4, 2).unwrap();
    let classes: Vec<&[i32]> = validation.iter().map(|batch| batch.classes.as_slice()).collect();
    assert_eq!(classes, [[0, 1, 2, 3], [4, 5, 6, 7]]);
}

/// Pillow and its own decoder of JPEG round once more than torchvision and this one: a level or a few of 255.
#[test]
fn images_are_prepared_as_transformers_and_timm_prepare_them() {
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&fixture("processors.json")).unwrap();
    let values = fixture("processors.f32");
    let values: Vec<f32> = values.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
    assert_eq!(listed.len(), 12);
    for (case, expected) in listed.iter().zip(values.chunks_exact(values.len() / listed.len())) {
        let directory = tempfile::tempdir().unwrap();
        let text = |key: &str| case[key].as_str().unwrap();
        fs::write(directory.path().join(text("file")), case["settings"].to_string()).unwrap();
        let path = directory.path().join("x.parquet");
        write_image_parquet(&path, &[(fixture(text("image")), 0)]).unwrap();

        let side = case["side"].as_u64().unwrap() as usize;
        let preprocessing = Preprocessing::of_checkpoint(directory.path(), 3, side).unwrap();
        let plan = BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 };
        let batches = ImageBatches::new(Arc::new(read(&path).unwrap()), preprocessing, 1, plan).unwrap();
        let found = batches.batch(0, 0).unwrap().pixels;
        assert_eq!(found.len(), expected.len());
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // One level of 255 after dividing by the smallest deviation, 0.224, or without one by nothing.
        let level = if case["settings"]["do_normalize"] == false { 0.01 } else { 1.0 / 255.0 / 0.224 };
        let levels = match (text("image"), text("by")) {
            ("colour.jpg", _) => 3.0,
            (_, "ViTImageProcessor") => 1.0,
            _ => 0.0,
        };
        assert!(off <= levels * level + 2e-6, "{}, {}: {off} off", text("image"), case["settings"]);
    }
}

#[test]
fn bad_files_are_refused_with_file_place_found_and_expected() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let png = fixture("colour.png");
    let images = |present: [bool; 3]| -> ArrayRef {
        let images = present.map(|present| present.then_some(png.as_slice()));
        with_bytes(Arc::new(BinaryArray::from_iter(images)))
    };
    let labels = |labels: [Option<i64>; 3]| -> ArrayRef { Arc::new(Int64Array::from_iter(labels)) };
    let (whole, classes) = (images([true; 3]), labels([Some(0), Some(1), Some(2)]));
    let text: ArrayRef = Arc::new(StringArray::from_iter_values(["a", "b", "c"]));
    let write = |name: &str, image: (&str, &ArrayRef), label: (&str, &ArrayRef)| {
        write_columns(&path(name), &[(image.0, image.1.clone()), (label.0, label.1.clone())], 2);
    };
    write_text_parquet(&path("text"), "text", &["not an image"]).unwrap();
    write("named text", ("image", &text), ("label", &classes));
    write("no label", ("image", &whole), ("class", &classes));
    write("label of text", ("image", &whole), ("label", &text));
    write("null image", ("image", &images([true, true, false])), ("label", &classes));
    write("null label", ("image", &whole), ("label", &labels([Some(0), None, Some(0)])));
    write("huge label", ("image", &whole), ("label", &labels([Some(0), Some(1), Some(1 << 40)])));
    write("ten", ("image", &whole), ("label", &labels([Some(0), Some(9), Some(10)])));
    write("hidden", ("image", &whole), ("label", &labels([Some(-1), Some(9), Some(10)])));
    write_image_parquet::<Vec<u8>>(&path("no rows"), &[]).unwrap();
    write_image_parquet(&path("words"), &[(png.clone(), 0), (b"GIF, they say".to_vec(), 1)]).unwrap();
    write_image_parquet(&path("gif"), &[(b"GIF89a\x01\x00\x01\x00".to_vec(), 1)]).unwrap();
    write_image_parquet(&path("cut"), &[(&png[..png.len() / 2], 1)]).unwrap();
    write_image_parquet(&path("empty"), &[(b"", 1)]).unwrap();
    fs::write(path("csv"), "image,label\n").unwrap();

    let cases: [(&str, &[&str]); 16] = [
        ("missing", &["missing: no such file", "expected a Parquet file"]),
        ("csv", &["csv: footer: ", "expected a complete Parquet file"]),
        ("text", &["text: no column `image`, `img`, found the columns `text`", "this is text", "images and labels"]),
        ("named text", &["named text: column `image` has type Utf8, expected encoded images (Binary, or a struct"]),
        ("no label", &["no label: no column `label`, `labels`, `fine_label`, found the columns `image`, `class`"]),
        ("label of text", &["label of text: column `label` has type Utf8, expected classes (an integer type)"]),
        ("null image", &["null image: row 2, column `image`: found null, expected the bytes of a PNG or JPEG"]),
        ("null label", &["null label: row 1, column `label`: found null, expected a class"]),
        ("huge label", &["huge label: row 2, column `label`: found 1099511627776, expected a class"]),
        ("ten", &["ten: row 2, column `label`: found 10, expected a class from 0 to 9, as num_labels = 10"]),
        ("hidden", &["hidden: row 0, column `label`: found -1, expected a class from 0 to 9"]),
        ("no rows", &["no rows: no rows, expected at least one image"]),
        ("words", &["words: row 1, column `image`: found 13 bytes that make no image (neither PNG nor JPEG)"]),
        ("gif", &["gif: row 0, column `image`: found 10 bytes", "neither PNG nor JPEG but Gif", "a whole PNG or JPEG"]),
        ("cut", &["cut: row 0, column `image`: found ", "make no image", "expected a whole PNG or JPEG"]),
        ("empty", &["empty: row 0, column `image`: found 0 bytes"]),
    ];
    for (name, expected) in cases {
        let plan = BatchPlan { seed: 0, batch_size: 2, micro_batches: 1 };
        let found = read(&path(name)).and_then(|images| batches(images, 4, plan)?.batch(0, 0));
        let message = found.unwrap_err().to_string();
        for part in expected {
            assert!(message.contains(part), "{name}: {message:?} lacks {part:?}");
        }
    }
    let error = ImageSource::new([path("ten")]).with_columns(Some("imag".into()), None).read().unwrap_err();
    assert!(error.to_string().contains("did you mean `image`?"), "{error}");
}

#[test]
fn broken_images_are_left_out_if_asked_for_and_the_others_keep_their_rows_in_messages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    let (png, jpeg) = (fixture("colour.png"), fixture("grey.jpg"));
    let images: [(&[u8], i64); 7] =
        [(b"no", 0), (&png, 1), (&png[..png.len() / 2], 2), (b"", 3), (&jpeg, 4), (b"GIF89a", 5), (&jpeg, 60)];
    write_image_parquet(&path, &images).unwrap();
    let source = ImageSource::new([&path]);
    let plan = BatchPlan { seed: 0, batch_size: 7, micro_batches: 1 };
    let whole = ImageBatches::new(Arc::new(source.read().unwrap()), Preprocessing::new(3, 4).unwrap(), 61, plan);
    assert!(whole.unwrap().batch(0, 0).unwrap_err().to_string().contains("make no image"));

    let skipping = source.clone().skipping_broken(true);
    assert_ne!(skipping.content_hash().unwrap(), source.content_hash().unwrap());
    let images = skipping.read().unwrap();
    assert_eq!(images.labels(), [1, 4, 60]);
    assert_eq!(images.bytes(), (png.len() + 2 * jpeg.len()) as u64);
    let skipped = images.skipped().unwrap();
    assert_eq!(skipped.images, 4);
    assert!(
        skipped.first.contains("x.parquet: row 0, column `image`: found 2 bytes that make no image"),
        "{skipped:?}"
    );
    let error = batches(images, 4, plan).unwrap_err().to_string();
    assert!(error.contains("row 6, column `label`: found 60"), "{error}");

    write_image_parquet(&path, &[(&png, 1)]).unwrap();
    assert!(skipping.read().unwrap().skipped().is_none());
    write_image_parquet(&path, &[(b"no", 0), (b"ne", 1)]).unwrap();
    assert!(skipping.read().unwrap_err().to_string().contains("row 0, column `image`: found 2 bytes"));
}

#[test]
fn settings_that_cannot_be_followed_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let cases: [(&str, &str, &str); 10] = [
        ("preprocessor_config.json", "[1]", "the file = [1], expected a JSON object"),
        ("preprocessor_config.json", r#"{"resample": 0}"#, "resample = 0, expected 1 (Lanczos), 2 (bilinear) or 3"),
        ("preprocessor_config.json", r#"{"size": {"height": 9, "width": 8}}"#, "expected a size from 1 to 8192"),
        ("preprocessor_config.json", r#"{"size": {"shortest_edge": 9}}"#, "without do_center_crop"),
        (
            "preprocessor_config.json",
            r#"{"do_center_crop": true, "size": 200}"#,
            "size = 200, expected at least the crop_size 224",
        ),
        (
            "preprocessor_config.json",
            r#"{"image_mean": [0.5]}"#,
            "image_mean = [0.5], expected 3 numbers, one for each",
        ),
        ("preprocessor_config.json", r#"{"image_std": [1, 1, 0]}"#, "image_std = [1,1,0], expected 3 numbers above 0"),
        ("preprocessor_config.json", r#"{"do_rescale": 1}"#, "do_rescale = 1, expected true or false"),
        ("config.json", r#"{"pretrained_cfg": {"crop_pct": 1.1}}"#, "pretrained_cfg.crop_pct = 1.1, expected a share"),
        ("config.json", r#"{"pretrained_cfg": {"crop_mode": "border"}}"#, "pretrained_cfg.crop_mode = \"border\""),
    ];
    for (file, settings, expected) in cases {
        let path = directory.path().join(file);
        fs::write(&path, settings).unwrap();
        let message = Preprocessing::of_checkpoint(directory.path(), 3, 16).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(file), "{settings}: {message:?} lacks {expected:?}");
        fs::remove_file(path).unwrap();
    }
    let standard = Preprocessing::of_checkpoint(directory.path(), 3, 16).unwrap();
    assert_eq!(standard, Preprocessing::new(3, 16).unwrap());
    let error = Preprocessing::new(4, 16).unwrap_err().to_string();
    assert!(error.contains("num_channels = 4, expected 1 (grey) or 3"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_images_are_refused_or_read_and_never_panic(
        which in 0usize..8,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let names = ["colour.png", "transparent.png", "palette.png", "grey.png", "colour.jpg", "thrifty.jpg", "grey.jpg",
            "turned.jpg"];
        let mut bytes = fixture(names[which]);
        for (at, with) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        if flips.len() % 2 == 1 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.parquet");
        write_image_parquet(&path, &[(bytes, 0)]).unwrap();
        let plan = BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 };
        match batches(read(&path).unwrap(), 6, plan).unwrap().batch(0, 0) {
            Ok(batch) => prop_assert!(batch.pixels.iter().all(|x| (-1.0..=1.0).contains(x))),
            Err(error) => prop_assert!(error.to_string().contains("row 0, column `image`"), "{error}"),
        }
    }
}

/// The types that the writer gives are those that the Hub's data sets have.
#[test]
fn what_is_written_has_the_schema_of_the_hub() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    write_fixtures(&path, 2);
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema();
    let DataType::Struct(fields) = schema.field_with_name("image").unwrap().data_type() else { panic!("{schema}") };
    let found: Vec<_> = fields.iter().map(|field| (field.name().as_str(), field.data_type().clone())).collect();
    assert_eq!(found, [("bytes", DataType::Binary), ("path", DataType::Utf8)]);
    assert_eq!(schema.field_with_name("label").unwrap().data_type(), &DataType::Int64);
}
