//! Data sets of the Hugging Face Hub, downloaded into a directory: whole and checked, or not there.
//!
//! - A [`Set`] is described by a TOML file: which repository, which of its files, where they go. The same file holds the keys that
//!   an experiment takes over by `extends`. [`Sets`] are all of a directory, and [`Group`]s of them.
//! - [`Hub`] is the server, its token, and whether it may be asked at all, by the variables that its users know.
//! - [`Hub::fetch`] brings what is not there: it asks for sizes and hashes first, goes on where a download was cut, and gives a file
//!   its name once its hash is right. [`Record`] says what was brought, from which commit, under which licence.
//!
//! ```
//! use ligo_fetch::{Sets, State};
//!
//! # fn main() -> ligo_fetch::Result<()> {
//! # let scratch = tempfile::tempdir().expect("a temporary directory");
//! # let directory = scratch.path();
//! std::fs::write(directory.join("reviews.toml"), r#"
//!     [fetch]
//!     about = "Reviews of films, liked or not"
//!     repository = "owner/reviews"
//!     licence = ["mit"]
//!     splits.train = { files = ["data/train-*.parquet"] }
//!
//!     [data]
//!     train = ["data/reviews/train"]
//!     column = "text"
//! "#).expect("a file");
//! let sets = Sets::read(directory)?;
//! let reviews = sets.named(&["reviews"])?[0];
//! assert_eq!(State::of(reviews, directory)?, State::Absent);
//! assert!(sets.named(&["review"]).unwrap_err().to_string().contains("did you mean 'reviews'?"));
//! // Hub::from_environment()?.fetch(reviews, directory, &Watch::default())? brings it.
//! # Ok(())
//! # }
//! ```
//!
//! What is not here: reading Parquet, which is `ligo_data`; checkpoints, which `ligo_checkpoints` fetches into the Hub's own cache;
//! anything that prints.

mod ask;
mod download;
mod environment;
mod error;
mod failure;
mod fetch;
mod listing;
mod record;
mod set;
mod state;
#[cfg(test)]
mod tests;
mod watch;

pub use environment::Hub;
pub use error::FetchError;
pub use record::{Record, RecordedFile};
pub use set::{Group, Set, Sets, Split};
pub use state::State;
pub use watch::{Action, Event, Watch};

/// The result of looking for a set, or of fetching one.
pub type Result<T> = std::result::Result<T, FetchError>;
