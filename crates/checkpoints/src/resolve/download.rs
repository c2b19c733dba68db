//! Fetches a checkpoint into the cache, through `hf-hub`.
//!
//! One question tells the commit and its files; every file is then that commit's, whatever is pushed meanwhile. `hf-hub` looks
//! after requests, redirects and blobs; here is what it does not know: which files, blobs that an older commit brought already,
//! sizes, and trying again.

use super::Event;
use super::cache::{CONFIG, INDEX, WEIGHTS, is_commit, shards};
use super::environment::Hub;
use super::failure::{self, Failure};
use super::reference::Name;
use crate::read::{LONGEST_SETTINGS, read};
use crate::{CheckpointError, Result};
use hf_hub::api::sync::{Api, ApiBuilder, ApiRepo, Metadata};
use hf_hub::api::{Progress, RepoInfo};
use hf_hub::{Cache, Repo, RepoType};
use ligo_models::hub::travels_along;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the Hub may take for its first answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a file is tried that breaks off.
const TRIES: u32 = 4;

/// A commit of a model whose files are being fetched.
struct Fetch<'a> {
    hub: &'a Hub,
    name: &'a Name,
    api: Api,
    repo: ApiRepo,
    cache: Cache,
    /// As the Hub and its cache call that commit.
    at: Repo,
    snapshot: PathBuf,
    report: &'a dyn Fn(Event<'_>),
}

impl Hub {
    /// Fetches what is not in the cache; without a network, takes what is there.
    pub(super) fn fetch(&self, name: &Name, report: &dyn Fn(Event<'_>)) -> Result<PathBuf> {
        let cache = Cache::new(self.cache.clone());
        let builder = ApiBuilder::from_cache(cache.clone()).with_endpoint(self.environment.endpoint.clone());
        let api = builder.with_token(self.environment.token.clone()).with_progress(false).build();
        let api = api.map_err(|error| name.refuse(error.to_string()))?;
        let repo = |revision: &str| Repo::with_revision(name.id.clone(), RepoType::Model, revision.to_owned());
        let info = match self.info(&api.repo(repo(&name.revision)), name) {
            Ok(info) => info,
            Err(Failure::Unreachable(why)) => return self.without_network(name, &why, report),
            Err(Failure::Refused(error)) => return Err(error),
        };
        let at = repo(&info.sha);
        let fetch = Fetch {
            snapshot: cache.repo(at.clone()).pointer_path(&info.sha),
            repo: api.repo(at.clone()),
            hub: self,
            name,
            api,
            cache,
            at,
            report,
        };
        let files: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        fetch.all(&files, &info.sha)?;
        Ok(fetch.snapshot)
    }

    /// The commit that a revision is now, and the names of its files.
    fn info(&self, repo: &ApiRepo, name: &Name) -> std::result::Result<RepoInfo, Failure> {
        let request = repo.info_request().config().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let mut response = request.call().map_err(|error| failure::of_request(self, name, None, &error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let header = response.headers().get("x-error-code");
            let code = header.and_then(|code| code.to_str().ok()).unwrap_or_default().to_owned();
            return Err(Failure::Refused(failure::of_status(self, name, None, status, &code)));
        }
        let refuse = |reason: String| Failure::Refused(name.refuse(reason));
        let strange = |found: String| {
            refuse(format!("found {found} at {}, expected the answer of a Hub", self.environment.endpoint))
        };
        let text = response.body_mut().read_to_string();
        let text = text.map_err(|error| failure::of_request(self, name, None, &error))?;
        let info: RepoInfo = serde_json::from_str(&text).map_err(|error| strange(error.to_string()))?;
        if !is_commit(&info.sha) {
            return Err(strange(format!("the commit {:?}", info.sha)));
        }
        Ok(info)
    }

    fn without_network(&self, name: &Name, why: &str, report: &dyn Fn(Event<'_>)) -> Result<PathBuf> {
        // Nobody who names the Hub means a directory.
        let here = if name.is_explicit() { "" } else { "no such directory here, " };
        match self.cached(name) {
            Ok(snapshot) => {
                report(Event::FromCache { reason: why });
                Ok(snapshot)
            }
            Err(found) => Err(name.refuse(format!(
                "{here}the Hub cannot be reached ({why}), and {found} in the cache {}; {}",
                self.cache.display(),
                self.instead(name)
            ))),
        }
    }

    /// What does without a network.
    pub(super) fn instead(&self, name: &Name) -> String {
        let Name { id, revision, .. } = name;
        let directory = id.rsplit('/').next().unwrap_or(id);
        let revision = if revision == "main" { String::new() } else { format!(" --revision {revision}") };
        format!(
            "a directory with config.json and model.safetensors does as well: where there is a network, \
             `hf download {id}{revision} --local-dir {directory}` makes one"
        )
    }
}

/// What says the licence: a model grown from this one names it.
fn is_card(file: &str) -> bool {
    ["README.md", "LICENSE", "LICENSE.txt", "LICENSE.md"].contains(&file)
}

impl Fetch<'_> {
    fn all(&self, files: &[String], commit: &str) -> Result<()> {
        let has = |name: &str| files.iter().any(|file| file == name);
        if !has(CONFIG) {
            let expected = format!("{CONFIG}, {WEIGHTS} and what belongs to the tokenizer");
            return Err(self.name.refuse(format!("found a repository without {CONFIG}, expected {expected}")));
        }
        let weights = match (has(WEIGHTS), has(INDEX)) {
            (true, _) => vec![WEIGHTS.to_owned()],
            (false, true) => vec![INDEX.to_owned()],
            (false, false) => return Err(self.without_safetensors(files)),
        };
        let along = files.iter().filter(|file| (travels_along(file) || is_card(file)) && !holds_code(file));
        let mut wanted = vec![CONFIG.to_owned()];
        wanted.extend(along.cloned());
        wanted.extend(weights);
        let mut number = 0;
        // The shards join in once the index, which is last, is there.
        while let Some(file) = wanted.get(number).cloned() {
            number += 1;
            self.one(&file, (number, wanted.len()), commit)?;
            if file == INDEX {
                let path = self.snapshot.join(INDEX);
                let broken = |reason: &str| CheckpointError::File { path: path.clone(), reason: reason.to_owned() };
                let text = read(&path, LONGEST_SETTINGS).map_err(|error| broken(&error))?.unwrap_or_default();
                let expected = "expected an index that names safetensors files beside it";
                wanted.extend(shards(&text).ok_or_else(|| broken(expected))?);
            }
        }
        self.remember(commit)
    }

    /// What a repository without safetensors is told.
    fn without_safetensors(&self, files: &[String]) -> CheckpointError {
        let Name { id, revision, .. } = self.name;
        let foreign = files.iter().find(|file| holds_code(file) || file.ends_with(".h5") || file.ends_with(".msgpack"));
        let Some(foreign) = foreign else {
            return self.name.refuse(format!("found a repository without weights, expected {WEIGHTS}"));
        };
        let directory = id.rsplit('/').next().unwrap_or(id);
        let at = if revision == "main" { String::new() } else { format!(", revision='{revision}'") };
        self.name.refuse(format!(
            "found weights in {foreign} alone, which is not opened here: reading it can run whatever code it holds; expected \
             {WEIGHTS}. Where the file is trusted, this makes one:\n  python -c \"import transformers as t; n = '{id}'; d = \
             '{directory}'; c = t.AutoConfig.from_pretrained(n{at}); getattr(t, c.architectures[0]).from_pretrained(n{at})\
             .save_pretrained(d); t.AutoTokenizer.from_pretrained(n{at}).save_pretrained(d)\""
        ))
    }

    /// Fetches one file, unless the cache has it.
    fn one(&self, file: &str, (number, of): (usize, usize), commit: &str) -> Result<()> {
        let path = self.snapshot.join(file);
        if path.exists() {
            return Ok(());
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let progress = Reporting { report: self.report, name: file, number, of, begun: false };
            match self.attempt(file, &path, progress, commit) {
                Ok(()) => return Ok(()),
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::Unreachable(why)) if tries == TRIES => {
                    return Err(self.name.refuse(format!(
                        "{file} broke off: {why}; the same command goes on from there, in the cache {}",
                        self.hub.cache.display()
                    )));
                }
                Err(Failure::Unreachable(_)) => std::thread::sleep(self.hub.pause * (1 << tries)),
            }
        }
    }

    fn attempt(
        &self,
        file: &str,
        path: &Path,
        progress: Reporting<'_>,
        commit: &str,
    ) -> std::result::Result<(), Failure> {
        let failed = |error| failure::of_api(self.hub, self.name, file, error);
        let refuse = |reason: String| Failure::Refused(self.name.refuse(format!("{file}: {reason}")));
        let io = |error: std::io::Error| {
            refuse(format!("the cache {} cannot be written: {error}", self.hub.cache.display()))
        };
        // A link whose blob is gone is in the way.
        if path.is_symlink() {
            fs::remove_file(path).map_err(io)?;
        }
        let metadata: Metadata = self.api.metadata(&self.repo.url(file)).map_err(failed)?;
        let (etag, size) = (metadata.etag(), metadata.size() as u64);
        let plain = |etag: &str| etag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if etag.is_empty() || !plain(etag) || metadata.commit_hash() != commit {
            let found = format!("the file {etag:?} of the commit {:?}", metadata.commit_hash());
            return Err(refuse(format!("found {found}, expected a plain name and the commit {commit}")));
        }
        let blob = self.cache.repo(self.at.clone()).blob_path(etag);
        let part = blob.with_extension("part");
        let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
        match length(&part) {
            // Complete, but for its name.
            Some(found) if found == size && !blob.exists() => fs::rename(&part, &blob).map_err(io)?,
            Some(found) if found >= size => fs::remove_file(&part).map_err(io)?,
            _ => {}
        }
        if length(&blob) == Some(size) && link(&blob, path).is_ok() {
            return Ok(());
        }
        let fetched = self.repo.download_with_progress(file, progress).map_err(failed)?;
        match length(&fetched) {
            Some(found) if found == size => Ok(()),
            found => {
                _ = fs::remove_file(&fetched);
                _ = fs::remove_file(&blob);
                let found = found.map_or("nothing".into(), |found| format!("{found} bytes"));
                Err(Failure::Unreachable(format!("found {found}, expected {size}")))
            }
        }
    }

    /// Notes which commit the revision is.
    fn remember(&self, commit: &str) -> Result<()> {
        let refs = self.hub.place(self.name).join("refs");
        // `hf-hub` has noted the commit as a revision of its own.
        _ = fs::remove_file(refs.join(commit));
        if self.name.revision == commit {
            return Ok(());
        }
        let named = Repo::with_revision(self.name.id.clone(), RepoType::Model, self.name.revision.clone());
        self.cache.repo(named).create_ref(commit).map_err(|error| CheckpointError::File {
            path: refs.join(&self.name.revision),
            reason: format!("cannot be written: {error}"),
        })
    }
}

/// Makes a snapshot's file of a blob that is there already.
fn link(blob: &Path, file: &Path) -> std::io::Result<()> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    // blobs/<etag> as seen from snapshots/<commit>/<file>.
    let depth = file.components().count() - blob.components().count() + 1;
    let mut target: PathBuf = std::iter::repeat_n("..", depth).collect();
    target.extend(blob.parent().and_then(Path::file_name));
    target.extend(blob.file_name());
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, file);
    #[cfg(not(unix))]
    return std::os::windows::fs::symlink_file(target, file);
}

/// Whether reading a file of that name means running what it holds.
fn holds_code(file: &str) -> bool {
    [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".py"].iter().any(|end| file.ends_with(end))
}

/// Hands on what `hf-hub` says of a file.
struct Reporting<'a> {
    report: &'a dyn Fn(Event<'_>),
    name: &'a str,
    number: usize,
    of: usize,
    begun: bool,
}

impl Progress for Reporting<'_> {
    /// Called twice for each file.
    fn init(&mut self, size: usize, _: &str) {
        if !std::mem::replace(&mut self.begun, true) {
            let Self { name, number, of, .. } = *self;
            (self.report)(Event::File { name, number, of, bytes: size as u64 });
        }
    }

    fn update(&mut self, size: usize) {
        (self.report)(Event::Bytes(size as u64));
    }

    fn finish(&mut self) {
        (self.report)(Event::Done);
    }
}
