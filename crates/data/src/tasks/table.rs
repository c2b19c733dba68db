//! Some columns of a Parquet file: found, their types checked, and read batch by batch, with the row in every error.

use crate::DataError;
use crate::parquet_file::{ParquetFile, find_column};
use crate::text_file::with_large_text;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use parquet::errors::ParquetError;
use std::path::{Path, PathBuf};

/// What a column is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    Classes,
    Numbers,
    Answers,
}

/// The fields of SQuAD's answers.
pub(super) const ANSWER_TEXT: &str = "text";
pub(super) const ANSWER_START: &str = "answer_start";

impl Content {
    fn is_held_by(self, found: &DataType) -> bool {
        match self {
            Self::Text => found == &DataType::Utf8,
            Self::Classes => found.is_integer(),
            Self::Numbers => found.is_integer() || matches!(found, DataType::Float32 | DataType::Float64),
            Self::Answers => {
                let DataType::Struct(fields) = found else { return false };
                let lists = |name: &str, holds: fn(&DataType) -> bool| {
                    fields.iter().any(|field| {
                        let DataType::List(item) = field.data_type() else { return false };
                        field.name() == name && holds(item.data_type())
                    })
                };
                lists(ANSWER_TEXT, |item| item == &DataType::Utf8) && lists(ANSWER_START, DataType::is_integer)
            }
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Text => "text (Utf8, LargeUtf8 or Utf8View)",
            Self::Classes => "classes (an integer type)",
            Self::Numbers => "numbers (Float32, Float64 or an integer type)",
            Self::Answers => "a struct of two lists, `text` (text) and `answer_start` (an integer type)",
        }
    }
}

/// An open file whose columns were found and hold what they should.
#[derive(Debug)]
pub(super) struct Table {
    file: ParquetFile,
    /// Names of the columns, in the order in which they were asked for.
    names: Vec<String>,
    /// Their places in the schema.
    indices: Vec<usize>,
}

impl Table {
    pub(super) fn open(path: &Path, columns: &[(&str, Content)]) -> Result<Self, DataError> {
        let mut file = ParquetFile::open(path)?;
        let (mut indices, mut texts) = (Vec::new(), Vec::new());
        for &(name, content) in columns {
            let index = find_column(file.schema(), name, path)?;
            let found = file.schema().field(index).data_type();
            if !content.is_held_by(found) {
                return Err(DataError::ColumnType {
                    path: path.to_path_buf(),
                    column: name.to_owned(),
                    found: found.to_string(),
                    expected: content.expected(),
                });
            }
            indices.push(index);
            if content == Content::Text {
                texts.push(index);
            }
        }
        file.read_as(with_large_text(file.schema(), &texts))?;
        Ok(Self { file, names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(), indices })
    }

    /// Hands over all rows in order, some at a time.
    pub(super) fn read(&self, mut each: impl FnMut(&Rows<'_>) -> Result<(), DataError>) -> Result<(), DataError> {
        let mut first = 0;
        for row_group in 0..self.file.row_groups() {
            let place = |first: u64| format!("row group {row_group}, after row {first} of the file");
            for batch in self.file.read(row_group, &self.indices, |_| true)? {
                let batch = batch.map_err(|error| self.file.damaged(place(first), error.into()))?;
                let column = |name: &String| {
                    batch.column_by_name(name).cloned().ok_or_else(|| {
                        let found = format!("decoded without the column `{name}`");
                        self.file.damaged(place(first), ParquetError::General(found))
                    })
                };
                let columns: Vec<ArrayRef> = self.names.iter().map(column).collect::<Result<_, _>>()?;
                each(&Rows { table: self, first, rows: batch.num_rows(), columns })?;
                first += batch.num_rows() as u64;
            }
        }
        Ok(())
    }
}

/// Some rows of a file. Rows are counted within them, columns in the order in which they were asked for.
pub(super) struct Rows<'a> {
    table: &'a Table,
    first: u64,
    rows: usize,
    columns: Vec<ArrayRef>,
}

impl Rows<'_> {
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn column(&self, column: usize) -> &ArrayRef {
        &self.columns[column]
    }

    /// The text of one row.
    pub(super) fn text(&self, column: usize, row: usize) -> Result<&str, DataError> {
        match self.columns[column].as_string_opt::<i64>().filter(|texts| texts.is_valid(row)) {
            Some(texts) => Ok(texts.value(row)),
            None => Err(self.refused(column, row, "null", "a text")),
        }
    }

    /// The error for a row that cannot be used.
    pub(super) fn refused(
        &self,
        column: usize,
        row: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DataError {
        DataError::Row {
            path: self.path(),
            row: self.row(row),
            column: self.table.names[column].clone(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.table.file.path.clone()
    }

    /// The number of a row in the file.
    pub(super) fn row(&self, row: usize) -> u64 {
        self.first + row as u64
    }
}
