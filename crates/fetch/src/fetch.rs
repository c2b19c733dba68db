//! A whole set: asked for, compared with what is there, fetched file by file, written down.

use crate::download::{Download, hashed, hexadecimal};
use crate::failure::{Failure, refuse};
use crate::listing::Wanted;
use crate::record::length;
use crate::watch::{Action, Event, Watch};
use crate::{FetchError, Hub, Record, RecordedFile, Result, Set};
use ligo_files::FileError;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

/// A set that is being fetched.
struct Fetch<'a> {
    hub: &'a Hub,
    set: &'a Set,
    directory: &'a Path,
    watch: Watch<'a>,
    /// What an earlier fetch wrote down.
    earlier: Option<Record>,
}

/// A file of a set, and what is there of it.
struct Place {
    wanted: Wanted,
    /// Its hash, if it is there already.
    sha256: Option<String>,
}

impl Hub {
    /// Brings a set into `directory/<name of the set>` and says what is there then.
    ///
    /// A file that is there with the right hash is kept. One that is there and is neither that nor what an earlier fetch brought is
    /// refused before anything is fetched: it may be somebody's own. Whatever is interrupted goes on where it was.
    ///
    /// # Errors
    /// No network (unless all is there from an earlier time), a repository that is absent, private or gated, a pattern that
    /// nothing matches, a wrong size or hash, a full disk; [`FetchError::Stopped`] if whoever watches asks for it.
    pub fn fetch(&self, set: &Set, directory: &Path, watch: Watch<'_>) -> Result<Record> {
        let fetch = Fetch { hub: self, set, directory, watch, earlier: Record::read(set, directory)? };
        if self.environment.offline {
            return fetch.without_network("HF_HUB_OFFLINE is set", "");
        }
        let listing = match self.list(set) {
            Ok(listing) => listing,
            Err(Failure::Refused(error)) => return Err(error),
            Err(Failure::Unreachable(why)) => {
                let reason = format!("{} cannot be reached ({why})", self.environment.endpoint);
                return fetch.without_network(&reason, "; the same command goes on when there is a network");
            }
        };
        let wanted = listing.choose(set)?;
        (watch.report)(Event::Listed {
            set,
            commit: &listing.commit,
            licence: &listing.licence,
            files: wanted.len(),
            bytes: wanted.iter().map(|file| file.remote.bytes).sum(),
        });
        let places = fetch.compare(wanted)?;
        let record = Record {
            repository: set.repository.clone(),
            revision: set.revision.clone(),
            commit: listing.commit,
            licence: listing.licence,
            complete: false,
            files: Vec::new(),
        };
        fetch.all(&places, record)
    }
}

impl Fetch<'_> {
    /// What is here from an earlier time will do, if it is whole.
    fn without_network(&self, reason: &str, then: &str) -> Result<Record> {
        match &self.earlier {
            Some(record) if record.is_whole(self.set, self.directory) => {
                (self.watch.report)(Event::Here { reason, commit: &record.commit });
                Ok(record.clone())
            }
            _ => {
                let place = self.directory.join(&self.set.name);
                let found = if self.earlier.is_some() { "only a part of the set" } else { "nothing that was fetched" };
                Err(refuse(self.set, format!("{reason}, and found {found} in {}{then}", place.display())))
            }
        }
    }

    /// Looks at every file that is there already.
    fn compare(&self, wanted: Vec<Wanted>) -> Result<Vec<Place>> {
        let of = wanted.len();
        let mut before = 0;
        let mut places = Vec::with_capacity(of);
        for (wanted, number) in wanted.into_iter().zip(1..) {
            let sha256 = self.kept(&wanted, (number, of), before)?;
            if sha256.is_some() {
                before += wanted.remote.bytes;
            }
            places.push(Place { wanted, sha256 });
        }
        Ok(places)
    }

    /// The hash of a file that is there and right; none if it is to be fetched.
    fn kept(&self, wanted: &Wanted, (number, of): (usize, usize), before: u64) -> Result<Option<String>> {
        let path = self.path(wanted);
        if !path.exists() {
            return Ok(None);
        }
        let earlier = self.recorded(wanted);
        let found = length(&path);
        let expected = wanted.remote.bytes;
        // Contents of no size that anybody knows of need not be hashed.
        if found.is_none() || (found != Some(expected) && found != earlier.map(|file| file.bytes)) {
            let found = found.map_or("something else than a file".into(), |bytes| format!("a file of {bytes} bytes"));
            return Err(self.in_the_way(wanted, format!("found {found}, expected {expected} bytes")));
        }
        let name = self.name(wanted);
        (self.watch.report)(Event::File { name: &name, number, of, bytes: expected, action: Action::Check });
        let mut file = File::open(&path).map_err(FileError::at("read", &path))?;
        let tell = |bytes| (self.watch.report)(Event::Position(before + bytes));
        let hash = hashed(&mut file, &path, self.watch, &tell)?;
        let hash = hexadecimal(hash);
        let right = match &wanted.remote.sha256 {
            Some(expected) => *expected == hash,
            None => found == Some(expected),
        };
        if right {
            return Ok(Some(hash));
        }
        (self.watch.report)(Event::Position(before));
        if earlier.is_some_and(|file| file.sha256 == hash) {
            // Ours, of another commit.
            return Ok(None);
        }
        let expected = wanted.remote.sha256.as_deref().unwrap_or("another file");
        Err(self.in_the_way(wanted, format!("found a file with the SHA-256 {hash}, expected {expected}")))
    }

    fn in_the_way(&self, wanted: &Wanted, found: String) -> FetchError {
        let reason =
            format!("{found}; it is not what was fetched here, and is left alone: move it away to fetch this set");
        FetchError::InTheWay { path: self.path(wanted), reason }
    }

    /// Fetches what is not there, and writes down what is after each file.
    fn all(&self, places: &[Place], mut record: Record) -> Result<Record> {
        let mut before =
            places.iter().filter(|place| place.sha256.is_some()).map(|place| place.wanted.remote.bytes).sum();
        record.files = places.iter().filter_map(|place| Some(entry(&place.wanted, place.sha256.clone()?))).collect();
        for (place, number) in places.iter().zip(1..).filter(|(place, _)| place.sha256.is_none()) {
            let download = Download {
                hub: self.hub,
                set: self.set,
                commit: &record.commit,
                wanted: &place.wanted,
                path: &self.path(&place.wanted),
                name: &self.name(&place.wanted),
                number: (number, places.len()),
                before,
                watch: self.watch,
            };
            let hash = download.run()?;
            before += place.wanted.remote.bytes;
            record.files.push(entry(&place.wanted, hash));
            self.with_earlier(&record).write(self.set, self.directory)?;
        }
        record.files.sort_by(|a, b| a.path.cmp(&b.path));
        record.complete = true;
        self.remove_outdated(&record)?;
        record.write(self.set, self.directory)?;
        Ok(record)
    }

    /// A record of what is there and of what an earlier fetch brought, so that it can still be told from somebody's own.
    fn with_earlier(&self, record: &Record) -> Record {
        let mut both = record.clone();
        let earlier = self.earlier.iter().flat_map(|earlier| &earlier.files);
        both.files.extend(earlier.filter(|file| !record.files.iter().any(|new| new.path == file.path)).cloned());
        both
    }

    /// Removes what an earlier revision had and this one has not: a directory is read as a whole.
    fn remove_outdated(&self, record: &Record) -> Result<()> {
        for file in self.earlier.iter().flat_map(|earlier| &earlier.files) {
            let path = self.directory.join(&self.set.name).join(&file.path);
            let is_below = file.path.components().all(|part| matches!(part, Component::Normal(_)));
            let is_wanted = record.files.iter().any(|new| new.path == file.path);
            if !is_below || is_wanted || length(&path) != Some(file.bytes) {
                continue;
            }
            std::fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
            (self.watch.report)(Event::Removed { name: &format!("{}/{}", self.set.name, file.path.display()) });
        }
        Ok(())
    }

    /// What an earlier fetch put in the place of a file.
    fn recorded(&self, wanted: &Wanted) -> Option<&RecordedFile> {
        self.earlier.as_ref()?.files.iter().find(|file| file.path == wanted.place)
    }

    fn path(&self, wanted: &Wanted) -> PathBuf {
        self.directory.join(&self.set.name).join(&wanted.place)
    }

    fn name(&self, wanted: &Wanted) -> String {
        format!("{}/{}", self.set.name, wanted.place.display())
    }
}

fn entry(wanted: &Wanted, sha256: String) -> RecordedFile {
    let Wanted { remote, place } = wanted;
    RecordedFile { path: place.clone(), source: remote.path.clone(), bytes: remote.bytes, sha256 }
}
