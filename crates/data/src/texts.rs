//! The texts of a [`TextSource`](crate::TextSource), one after the other, with bounded memory.

use crate::DataError;
use crate::text_file::{RowGroup, TextFile};
use arrow_array::{Array, LargeStringArray};
use std::collections::VecDeque;

/// Iterates over texts. Ends after the first error.
pub struct Texts {
    rows: u64,
    files: VecDeque<TextFile>,
    next_row_group: usize,
    row_group: Option<RowGroup>,
    batch: Option<LargeStringArray>,
    row: usize,
}

impl Texts {
    pub(crate) fn new(files: Vec<TextFile>, rows: u64) -> Self {
        Self { rows, files: files.into(), next_row_group: 0, row_group: None, batch: None, row: 0 }
    }

    /// Rows of all files together, nulls counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The next text of the batch in hand, nulls left out.
    fn next_in_batch(&mut self) -> Option<String> {
        let batch = self.batch.as_ref()?;
        while self.row < batch.len() {
            let row = self.row;
            self.row += 1;
            if batch.is_valid(row) {
                return Some(batch.value(row).to_owned());
            }
        }
        self.batch = None;
        None
    }

    /// Fetches the next batch; `false` at the end of the last file.
    fn advance(&mut self) -> Result<bool, DataError> {
        let Some(file) = self.files.front() else { return Ok(false) };
        if let Some(row_group) = &mut self.row_group {
            self.batch = row_group.next_batch(file)?;
            self.row = 0;
            if self.batch.is_none() {
                self.row_group = None;
            }
        } else if self.next_row_group < file.row_groups() {
            self.row_group = Some(file.read(self.next_row_group)?);
            self.next_row_group += 1;
        } else {
            self.files.pop_front();
            self.next_row_group = 0;
        }
        Ok(true)
    }
}

impl Iterator for Texts {
    type Item = Result<String, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(text) = self.next_in_batch() {
                return Some(Ok(text));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.files.clear();
                    self.row_group = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
