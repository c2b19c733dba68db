//! Questions of SQuAD 1.1 and 2.0 from Parquet, in the Hub's schema.

use super::super::table::{ANSWER_START, ANSWER_TEXT, Content, Rows, Table};
use crate::DataError;
use crate::integers::integers_of;
use crate::source::{hash_files, name, resolve};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ListArray, StructArray};
use std::path::PathBuf;
use std::sync::Arc;

const COLUMNS: [(&str, Content); 4] =
    [("id", Content::Text), ("question", Content::Text), ("context", Content::Text), ("answers", Content::Answers)];
// Places in `COLUMNS`.
const ID: usize = 0;
const QUESTION: usize = 1;
const CONTEXT: usize = 2;
const ANSWERS: usize = 3;

/// Questions in Parquet files with the columns `id`, `question`, `context` and `answers`, a struct of the lists `text` and
/// `answer_start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SquadSource {
    /// Parquet files, or directories whose `*.parquet` files are meant, sorted by name. Read in this order.
    pub files: Vec<PathBuf>,
}

/// A question and its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// By which answers are handed in.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// The text in which the answer is; questions about one text share it.
    pub context: Arc<str>,
    /// What people answered, the first of which is trained on; none if the context does not tell.
    pub answers: Vec<Answer>,
}

/// An answer: a part of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The part, not empty.
    pub text: String,
    /// Its first character, counted in the context's characters (not bytes) from 0.
    pub start: usize,
}

impl SquadSource {
    /// Questions of `files`.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Self {
        Self { files: files.into_iter().map(Into::into).collect() }
    }

    /// The files, in reading order, with directories replaced by what is in them.
    ///
    /// # Errors
    /// No files, or one that is missing.
    pub fn resolve(&self) -> Result<Vec<PathBuf>, DataError> {
        resolve(&self.files)
    }

    /// A hash of the files' bytes and their order, wherever the files lie.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub fn content_hash(&self) -> Result<blake3::Hash, DataError> {
        hash_files("ligo squad source 1", &self.resolve()?, &[])
    }

    /// Reads all questions into memory. An answer whose text differs from the context at its place is warned of and kept:
    /// it is the place that a model learns.
    ///
    /// # Errors
    /// A missing or unreadable file, a directory without Parquet, a file that is truncated or another format, one that
    /// lacks a column or holds something else in it, a null, an empty answer or one that goes beyond its context, as many
    /// texts as starts of answers, files without a row.
    pub fn read(&self) -> Result<Vec<Question>, DataError> {
        let tables: Vec<Table> =
            self.resolve()?.iter().map(|path| Table::open(path, &COLUMNS)).collect::<Result<_, _>>()?;
        let mut questions: Vec<Question> = Vec::new();
        for table in &tables {
            table.read(|rows| add(rows, &mut questions))?;
        }
        match questions.is_empty() {
            true => Err(DataError::NoRows { files: name(&self.files), expected: "question" }),
            false => Ok(questions),
        }
    }
}

fn add(rows: &Rows<'_>, questions: &mut Vec<Question>) -> Result<(), DataError> {
    for row in 0..rows.len() {
        let context = rows.text(CONTEXT, row)?;
        let shared = questions.last().map(|last| &last.context).filter(|last| ***last == *context);
        let context = shared.cloned().unwrap_or_else(|| context.into());
        let answers = answers_of(rows, row)?;
        for answer in &answers {
            check(answer, &context, rows, row)?;
        }
        questions.push(Question {
            id: rows.text(ID, row)?.to_owned(),
            question: rows.text(QUESTION, row)?.to_owned(),
            context,
            answers,
        });
    }
    Ok(())
}

fn answers_of(rows: &Rows<'_>, row: usize) -> Result<Vec<Answer>, DataError> {
    let null =
        || rows.refused(ANSWERS, row, "null", "lists of texts and of their starts, empty where there is no answer");
    let answers: &StructArray =
        rows.column(ANSWERS).as_struct_opt().filter(|all| all.is_valid(row)).ok_or_else(null)?;
    let list = |field: &str| {
        let lists: &ListArray = answers.column_by_name(field)?.as_list_opt()?;
        lists.is_valid(row).then(|| lists.value(row))
    };
    let texts = list(ANSWER_TEXT).ok_or_else(null)?;
    let texts = texts.as_string_opt::<i32>().ok_or_else(null)?;
    let starts = integers_of(list(ANSWER_START).ok_or_else(null)?.as_ref()).ok_or_else(null)?;
    if texts.len() != starts.len() {
        let found = format!("{} texts and {} starts", texts.len(), starts.len());
        return Err(rows.refused(ANSWERS, row, found, "a start for each text"));
    }
    let answer = |(text, start): (Option<&str>, Option<i64>)| {
        let text = text
            .filter(|text| !text.is_empty())
            .ok_or_else(|| rows.refused(ANSWERS, row, "an empty or null text", "texts with characters in them"))?;
        let start = start.and_then(|start| usize::try_from(start).ok()).ok_or_else(|| {
            let found = start.map_or("a null start".to_owned(), |start| format!("the start {start}"));
            rows.refused(ANSWERS, row, found, "starts from 0")
        })?;
        Ok(Answer { text: text.to_owned(), start })
    };
    texts.iter().zip(starts).map(answer).collect()
}

/// Refuses an answer that goes beyond its context.
fn check(answer: &Answer, context: &str, rows: &Rows<'_>, row: usize) -> Result<(), DataError> {
    let length = answer.text.chars().count();
    let there: String = context.chars().skip(answer.start).take(length).collect();
    if there == answer.text {
        return Ok(());
    }
    if there.chars().count() == length {
        let (path, row) = (rows.path(), rows.row(row));
        let (text, start) = (&answer.text, answer.start);
        tracing::warn!(
            "{}: row {row}: found the answer {text:?} where the context has {there:?} (character {start})",
            path.display()
        );
        return Ok(());
    }
    let found = format!(
        "the answer {:?} at character {} of a context of {}",
        answer.text,
        answer.start,
        context.chars().count()
    );
    Err(rows.refused(ANSWERS, row, found, "an answer within its context"))
}
