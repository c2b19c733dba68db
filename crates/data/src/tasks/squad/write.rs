//! Questions into Parquet, with the Hub's schema.

use super::super::table::{ANSWER_START, ANSWER_TEXT};
use super::Question;
use crate::DataError;
use crate::parquet_write::{BATCH_ROWS, write_batches};
use arrow_array::builder::{Int32Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use std::path::Path;
use std::sync::Arc;

/// Writes questions into the columns `id`, `context`, `question` and `answers` of the Parquet file at `path`, which is
/// replaced as a whole or not at all. Missing directories are made. Nothing is checked.
///
/// # Errors
/// A directory that cannot be made or written, a full disk, an answer that starts beyond 31 bits.
pub fn write_squad_parquet(path: &Path, questions: &[Question]) -> Result<(), DataError> {
    let list = |name: &str, item| Field::new(name, DataType::List(Arc::new(Field::new("item", item, true))), true);
    let answers = Fields::from(vec![list(ANSWER_TEXT, DataType::Utf8), list(ANSWER_START, DataType::Int32)]);
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let all = Field::new("answers", DataType::Struct(answers.clone()), true);
    let schema = Arc::new(Schema::new(vec![text("id"), text("context"), text("question"), all]));
    let batches = questions.chunks(BATCH_ROWS).map(|questions| {
        let texts = |of: fn(&Question) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(questions.iter().map(of)))
        };
        let columns = vec![
            texts(|question| &question.id),
            texts(|question| &question.context),
            texts(|question| &question.question),
            answers_of(questions, answers.clone())?,
        ];
        RecordBatch::try_new(schema.clone(), columns)
    });
    write_batches(path, schema.clone(), batches)
}

fn answers_of(questions: &[Question], fields: Fields) -> Result<ArrayRef, ArrowError> {
    let (mut texts, mut starts) = (ListBuilder::new(StringBuilder::new()), ListBuilder::new(Int32Builder::new()));
    for question in questions {
        for answer in &question.answers {
            texts.values().append_value(&answer.text);
            let start = i32::try_from(answer.start);
            starts.values().append_value(start.map_err(|error| ArrowError::ExternalError(error.into()))?);
        }
        texts.append(true);
        starts.append(true);
    }
    Ok(Arc::new(StructArray::try_new(fields, vec![Arc::new(texts.finish()), Arc::new(starts.finish())], None)?))
}
