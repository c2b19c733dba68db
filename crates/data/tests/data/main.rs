//! The crate from outside, in one binary: from files to batches.

mod augment;
mod batches;
mod corpus;
mod crate_docs;
mod images;
mod parquet;
mod tasks;
