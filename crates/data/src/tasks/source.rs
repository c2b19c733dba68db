//! Which labelled texts: Parquet files, one or two columns of text and one of labels.

use super::table::{Content, Rows, Table};
use super::{LabelKind, Labels};
use crate::DataError;
use crate::source::{hash_files, name, resolve};
use std::path::PathBuf;

/// Labelled text in Parquet files with the schema of the Hub's data sets, GLUE's above all: a row is a text, or two, and a
/// label. Any row-group size, uncompressed, snappy or zstd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSource {
    /// Parquet files, or directories whose `*.parquet` files are meant, sorted by name. Read in this order.
    pub files: Vec<PathBuf>,
    /// The column of the text, or of the first of two.
    pub text_column: String,
    /// The column of the second text, if there are two.
    pub pair_column: Option<String>,
    /// The column of labels.
    pub label_column: String,
    /// What it holds.
    pub labels: LabelKind,
}

impl TaskSource {
    /// Texts of the column `text_column` of `files`, with labels in the column `label`.
    pub fn new<P: Into<PathBuf>>(
        files: impl IntoIterator<Item = P>,
        text_column: impl Into<String>,
        labels: LabelKind,
    ) -> Self {
        Self {
            files: files.into_iter().map(Into::into).collect(),
            text_column: text_column.into(),
            pair_column: None,
            label_column: "label".to_owned(),
            labels,
        }
    }

    /// The same with the second texts in this column.
    #[must_use]
    pub fn with_pair(self, column: impl Into<String>) -> Self {
        Self { pair_column: Some(column.into()), ..self }
    }

    /// The files, in reading order, with directories replaced by what is in them.
    ///
    /// # Errors
    /// No files, or one that is missing.
    pub fn resolve(&self) -> Result<Vec<PathBuf>, DataError> {
        resolve(&self.files)
    }

    /// A hash of the files' bytes, their order, and the columns, wherever the files lie.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub fn content_hash(&self) -> Result<blake3::Hash, DataError> {
        let pair = self.pair_column.as_deref().unwrap_or("");
        let columns = [&self.text_column, "\0", pair, "\0", &self.label_column];
        hash_files("ligo task source 1", &self.resolve()?, &columns)
    }

    /// Reads all rows into memory.
    ///
    /// # Errors
    /// A missing or unreadable file, a directory without Parquet, a file that is truncated or another format, one that
    /// lacks a column or holds something else in it, a null, a label outside the classes, files without a row.
    pub fn read(&self) -> Result<LabelledTexts, DataError> {
        let label = (self.label_column.as_str(), self.labels.content());
        let mut columns = vec![label, (self.text_column.as_str(), Content::Text)];
        columns.extend(self.pair_column.as_deref().map(|pair| (pair, Content::Text)));
        let tables: Vec<Table> =
            self.resolve()?.iter().map(|path| Table::open(path, &columns)).collect::<Result<_, _>>()?;

        let pairs = self.pair_column.as_ref().map(|_| Vec::new());
        let mut all = LabelledTexts { texts: Vec::new(), pairs, labels: self.labels.none_yet() };
        for table in &tables {
            table.read(|rows| all.add(self.labels, rows))?;
        }
        match all.is_empty() {
            true => Err(DataError::NoRows { files: name(&self.files), expected: "text with its label" }),
            false => Ok(all),
        }
    }
}

/// Texts, or pairs of texts, and their labels, in the order of the files.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledTexts {
    texts: Vec<String>,
    pairs: Option<Vec<String>>,
    labels: Labels,
}

impl LabelledTexts {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of row `row` and, where there are pairs, the second one.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn get(&self, row: usize) -> (&str, Option<&str>) {
        (&self.texts[row], self.pairs.as_ref().map(|pairs| pairs[row].as_str()))
    }

    /// All labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Adds rows with the columns of label, text and second text.
    fn add(&mut self, labels: LabelKind, rows: &Rows<'_>) -> Result<(), DataError> {
        for row in 0..rows.len() {
            self.texts.push(rows.text(1, row)?.to_owned());
            if let Some(pairs) = &mut self.pairs {
                pairs.push(rows.text(2, row)?.to_owned());
            }
        }
        self.labels.append(labels.read(rows, 0)?);
        Ok(())
    }
}
