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
    passed: u64,
}

impl Texts {
    pub(crate) fn new(files: Vec<TextFile>, rows: u64) -> Self {
        Self { rows, files: files.into(), next_row_group: 0, row_group: None, batch: None, row: 0, passed: 0 }
    }

    /// Rows of all files together, nulls counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows that lie behind, nulls counted.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Goes to row `row`, counted over all files: past whole row groups without reading them. For texts of which none has
    /// been read yet.
    pub(crate) fn skip_to(&mut self, row: u64) -> Result<(), DataError> {
        while let Some(file) = self.files.front() {
            while self.next_row_group < file.row_groups() {
                let rows = file.rows_in(self.next_row_group);
                if self.passed + rows > row {
                    return self.skip_in_row_group(row);
                }
                self.passed += rows;
                self.next_row_group += 1;
            }
            self.files.pop_front();
            self.next_row_group = 0;
        }
        Ok(())
    }

    fn skip_in_row_group(&mut self, row: u64) -> Result<(), DataError> {
        while self.passed < row {
            let left = self.batch.as_ref().map_or(0, |batch| batch.len() - self.row) as u64;
            let skipped = left.min(row - self.passed);
            self.passed += skipped;
            self.row += skipped as usize;
            if skipped == left && !self.advance()? {
                break;
            }
        }
        Ok(())
    }

    /// The next text of the batch in hand, nulls left out.
    fn next_in_batch(&mut self) -> Option<String> {
        let batch = self.batch.as_ref()?;
        while self.row < batch.len() {
            let row = self.row;
            self.row += 1;
            self.passed += 1;
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
