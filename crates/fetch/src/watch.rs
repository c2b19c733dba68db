//! Whoever watches a download: told what happens, asked whether to stop.

use crate::Set;

/// What happens while a set is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The Hub said what there is.
    Listed {
        /// What was asked for.
        set: &'a Set,
        /// The commit that its revision is now.
        commit: &'a str,
        /// The licences that its card names, as the Hub abbreviates them; empty if it names none.
        licence: &'a [String],
        /// Files of the set.
        files: usize,
        /// Bytes of all of them.
        bytes: u64,
    },
    /// A file is looked at, or fetched.
    File {
        /// Its path below the directory of all sets.
        name: &'a str,
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// Its size.
        bytes: u64,
        /// What is done.
        action: Action,
    },
    /// So many bytes of the set are here and were looked at.
    Position(u64),
    /// A file broke off and is tried again.
    Again {
        /// Its path below the directory of all sets.
        name: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// The server knows no ranges, or others: a file that was here in part is fetched from its start.
    FromTheStart {
        /// Its path below the directory of all sets.
        name: &'a str,
    },
    /// A file that an earlier revision had and this one has not was removed.
    Removed {
        /// Its path below the directory of all sets.
        name: &'a str,
    },
    /// The Hub was not asked or could not be; the set is here from an earlier time.
    Here {
        /// Why it was not asked.
        reason: &'a str,
        /// The commit that is here.
        commit: &'a str,
    },
}

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is there, and its hash is computed.
    Check,
    /// It is fetched from its first byte.
    Fetch,
    /// It is fetched from where it was cut.
    Resume,
}

/// Whoever watches. By default no one does, and nothing stops.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Is told what happens.
    pub report: &'a dyn Fn(Event<'_>),
    /// Says whether to stop.
    pub stopped: &'a dyn Fn() -> bool,
}

impl Default for Watch<'_> {
    fn default() -> Self {
        Self { report: &|_| {}, stopped: &|| false }
    }
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}
