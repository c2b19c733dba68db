//! Which columns of a file hold images and labels, by name and type.

use crate::DataError;
use crate::parquet_file::{column_names, find_column};
use arrow_schema::{DataType, Schema};
use std::path::Path;

/// The field of the Hub's images that holds the encoded image.
pub(super) const BYTES: &str = "bytes";
const IMAGE_NAMES: &[&str] = &["image", "img"];
const LABEL_NAMES: &[&str] = &["label", "labels", "fine_label"];

/// The two columns of one file.
#[derive(Debug)]
pub(super) struct ImageColumns {
    pub(super) image: String,
    pub(super) label: String,
    pub(super) image_index: usize,
    pub(super) label_index: usize,
}

impl ImageColumns {
    /// The columns of the given names, or of the usual ones.
    pub(super) fn find(
        schema: &Schema,
        image: Option<&str>,
        label: Option<&str>,
        path: &Path,
    ) -> Result<Self, DataError> {
        let image_index = index_of(schema, image, IMAGE_NAMES, path)?;
        let label_index = index_of(schema, label, LABEL_NAMES, path)?;
        let check = |index: usize, holds: fn(&DataType) -> bool, expected| {
            let field = schema.field(index);
            match holds(field.data_type()) {
                true => Ok(field.name().clone()),
                false => Err(DataError::ColumnType {
                    path: path.to_path_buf(),
                    column: field.name().clone(),
                    found: field.data_type().to_string(),
                    expected,
                }),
            }
        };
        let images = "encoded images (Binary, or a struct with a Binary field `bytes`)";
        Ok(Self {
            image: check(image_index, holds_images, images)?,
            label: check(label_index, DataType::is_integer, "classes (an integer type)")?,
            image_index,
            label_index,
        })
    }

    /// Whether the leaf with this path is to be read: the label, the image, or the `bytes` in it.
    pub(super) fn wants(&self, path: &[String]) -> bool {
        match path {
            [_] => true,
            [_, field] => field == BYTES,
            _ => false,
        }
    }
}

fn index_of(schema: &Schema, given: Option<&str>, usual: &[&str], path: &Path) -> Result<usize, DataError> {
    if let Some(name) = given {
        return find_column(schema, name, path);
    }
    usual.iter().find_map(|name| schema.index_of(name).ok()).ok_or_else(|| {
        let text = schema.fields().iter().any(|field| field.data_type() == &DataType::Utf8)
            && !schema.fields().iter().any(|field| holds_images(field.data_type()));
        let tried = usual.iter().map(|&name| name.to_owned()).collect();
        DataError::NoneOfColumns { path: path.to_path_buf(), tried, found: column_names(schema), text }
    })
}

fn holds_images(data_type: &DataType) -> bool {
    match data_type {
        DataType::Binary => true,
        DataType::Struct(fields) => {
            fields.iter().any(|field| field.name() == BYTES && field.data_type() == &DataType::Binary)
        }
        _ => false,
    }
}
