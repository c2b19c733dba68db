//! What the Hub is asked: the licence of a data set, the commit of a revision, the files of a commit.
//!
//! | question | address |
//! |---|---|
//! | licence | `/api/datasets/<repository>`, of its card or else of its tags |
//! | commit | `/api/datasets/<repository>/revision/<revision>` |
//! | files | `/api/datasets/<repository>/tree/<commit>?recursive=true`, page after page by the header `Link` |
//! | a file | `/datasets/<repository>/resolve/<commit>/<path>`, from a byte on by the header `Range` |

use crate::failure::{Failure, of_status, refuse};
use crate::listing::{Listing, Remote};
use crate::{Hub, Set};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use ureq::Body;
use ureq::http::Response;

/// How long an answer to a question may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// No page of a listing is longer, bytes.
const LONGEST_PAGE: u64 = 64 << 20;
/// No listing has more pages.
const MOST_PAGES: usize = 10_000;
/// Enough of a repository; without it every file is named, of which some have a hundred thousand.
const OF_THE_CARD: &str = "expand[]=cardData&expand[]=tags";
const OF_A_REVISION: &str = "expand[]=sha";

type Answer<T> = std::result::Result<T, Failure>;

#[derive(Debug, Deserialize)]
struct About {
    #[serde(default, rename = "cardData")]
    card: Option<Card>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Card {
    #[serde(default)]
    license: Option<OneOrMany>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Revision {
    sha: String,
}

/// A line of a listing.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    /// Git's own name of the contents.
    oid: String,
    #[serde(default)]
    size: u64,
    /// Where the contents are not in Git itself, as no Parquet file's are.
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
struct Lfs {
    /// SHA-256 of the contents.
    oid: String,
    size: u64,
}

impl Hub {
    /// What a repository holds in the revision that is wanted.
    pub(crate) fn list(&self, set: &Set) -> Answer<Listing> {
        let api = format!("{}/api/datasets/{}", self.environment.endpoint, set.repository);
        let (about, _): (About, _) = self.question(set, &format!("{api}?{OF_THE_CARD}"))?;
        let revision = set.revision.replace('/', "%2F");
        let (Revision { sha }, _) = self.question(set, &format!("{api}/revision/{revision}?{OF_A_REVISION}"))?;
        if !is_hash(&sha) {
            return Err(self.strange(set, format!("the commit {sha:?}")));
        }
        let mut files = Vec::new();
        let mut next = Some(format!("{api}/tree/{sha}?recursive=true"));
        for _ in 0..MOST_PAGES {
            let Some(page) = next else { return Ok(Listing { commit: sha, licence: licence(about), files }) };
            let (lines, more): (Vec<Line>, _) = self.question(set, &page)?;
            for line in lines.into_iter().filter(|line| line.kind == "file") {
                files.push(self.remote(set, line)?);
            }
            next = more;
        }
        Err(self.strange(set, format!("a listing of more than {MOST_PAGES} pages")))
    }

    fn remote(&self, set: &Set, line: Line) -> Answer<Remote> {
        let (bytes, sha256) = line.lfs.map_or((line.size, None), |lfs| (lfs.size, Some(lfs.oid)));
        let wrong = sha256.as_ref().filter(|hash| hash.len() != 64 || !is_hash(hash));
        match wrong.or(Some(&line.oid).filter(|oid| !is_hash(oid))) {
            Some(hash) => Err(self.strange(set, format!("the hash {hash:?} of {}", line.path))),
            None => Ok(Remote { path: line.path, bytes, oid: line.oid, sha256 }),
        }
    }

    /// Asks one question; also returns where the next page of the answer is.
    fn question<T: DeserializeOwned>(&self, set: &Set, url: &str) -> Answer<(T, Option<String>)> {
        let mut response = self.get(set, None, url, 0, Some(PATIENCE))?;
        let link = response.headers().get("link").and_then(|link| link.to_str().ok()).and_then(next_page);
        let text = response.body_mut().with_config().limit(LONGEST_PAGE).read_to_string();
        let text = text.map_err(|error| Failure::Unreachable(error.to_string()))?;
        match serde_json::from_str(&text) {
            Ok(value) => Ok((value, link)),
            Err(error) => Err(self.strange(set, error.to_string())),
        }
    }

    /// Asks for the bytes of a file from one on.
    pub(crate) fn bytes(&self, set: &Set, commit: &str, path: &str, first: u64) -> Answer<Response<Body>> {
        let url =
            format!("{}/datasets/{}/resolve/{commit}/{}", self.environment.endpoint, set.repository, escaped(path));
        self.get(set, Some(path), &url, first, None)
    }

    /// Sends a request; the answer has status 200, or 206 or 416 if `first` is not 0.
    fn get(
        &self,
        set: &Set,
        file: Option<&str>,
        url: &str,
        first: u64,
        timeout: Option<Duration>,
    ) -> Answer<Response<Body>> {
        let mut request = self.agent.get(url);
        // The address of a next page is the server's to say: the token is for the endpoint only.
        if let Some(token) =
            self.environment.token.as_ref().filter(|_| url.starts_with(&format!("{}/", self.environment.endpoint)))
        {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if first > 0 {
            request = request.header("range", format!("bytes={first}-"));
        }
        let response = request.config().timeout_global(timeout).build().call();
        let response = response.map_err(|error| Failure::Unreachable(error.to_string()))?;
        match response.status().as_u16() {
            200 => Ok(response),
            206 | 416 if first > 0 => Ok(response),
            status => {
                let code = response.headers().get("x-error-code").and_then(|code| code.to_str().ok());
                Err(of_status(self, set, file, status, code.unwrap_or_default()))
            }
        }
    }

    fn strange(&self, set: &Set, found: String) -> Failure {
        Failure::Refused(refuse(
            set,
            format!("found {found} at {}, expected the answer of a Hub", self.environment.endpoint),
        ))
    }
}

/// The licences of a card, or else of the tags that the Hub makes of it.
fn licence(about: About) -> Vec<String> {
    match about.card.and_then(|card| card.license) {
        Some(OneOrMany::One(one)) => vec![one],
        Some(OneOrMany::Many(many)) => many,
        None => about.tags.iter().filter_map(|tag| Some(tag.strip_prefix("license:")?.to_owned())).collect(),
    }
}

/// The address with `rel="next"` of a header `Link`: `<address>; rel="next"`, several separated by commas.
fn next_page(link: &str) -> Option<String> {
    link.split('<').find_map(|part| {
        let (address, rest) = part.split_once('>')?;
        rest.contains("rel=\"next\"").then(|| address.to_owned())
    })
}

/// Whether it is the name of a commit or of contents.
fn is_hash(name: &str) -> bool {
    (40..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A path as an address has it.
fn escaped(path: &str) -> String {
    let mut escaped = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => escaped.push(byte.into()),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_where_the_header_says() {
        for (link, expected) in [
            ("<https://h/a?cursor=x>; rel=\"next\"", Some("https://h/a?cursor=x")),
            ("<https://h/a>; rel=\"prev\", <https://h/b>; rel=\"next\"", Some("https://h/b")),
            ("<https://h/a>; rel=\"prev\"", None),
            ("", None),
        ] {
            assert_eq!(next_page(link).as_deref(), expected, "{link}");
        }
    }

    #[test]
    fn a_licence_is_the_cards_or_the_tags() {
        for (json, expected) in [
            (r#"{"cardData": {"license": "mit"}, "tags": ["license:apache-2.0"]}"#, &["mit"][..]),
            (r#"{"cardData": {"license": ["cc-by-sa-3.0", "gfdl"]}}"#, &["cc-by-sa-3.0", "gfdl"]),
            (r#"{"cardData": {"pretty_name": "x"}, "tags": ["a", "license:odc-by"]}"#, &["odc-by"]),
            (r#"{"cardData": null}"#, &[]),
        ] {
            assert_eq!(licence(serde_json::from_str(json).unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn a_path_is_escaped_but_for_its_slashes() {
        assert_eq!(escaped("20231101.en/train 1+%.parquet"), "20231101.en/train%201%2B%25.parquet");
    }
}
