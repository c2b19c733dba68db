//! The header of a safetensors file: which tensor lies where. The tensors themselves are `file`'s affair.
//!
//! ```text
//! 8 bytes: n, little-endian │ n bytes of JSON │ the tensors' bytes, one after the other, nothing between or behind them
//! ```
//!
//! Whatever the JSON claims, reading it takes no more memory than a small multiple of its own length.

use safetensors::Dtype;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Bytes of the number that begins a file and says how long its header is.
pub(super) const LENGTH: usize = 8;
/// No header is longer; the format's own limit.
const LONGEST: usize = 100_000_000;
/// What the shortest entry of a header takes: `"":{"dtype":"U8","shape":[],"data_offsets":[0,0]}`.
const SHORTEST_ENTRY: usize = 49;
/// No tensor has more axes.
const MOST_AXES: usize = 64;

/// One tensor of a file.
#[derive(Debug)]
pub(crate) struct StoredTensor {
    pub(crate) name: Box<str>,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Box<[usize]>,
    /// Its first byte, counted from the end of the header.
    pub(crate) start: usize,
    /// One past its last byte.
    pub(crate) end: usize,
}

/// A header that has been checked against the size of its file.
#[derive(Debug)]
pub(crate) struct Header {
    /// In the order in which they lie in the file.
    pub(crate) tensors: Vec<StoredTensor>,
    /// Where the tensors' bytes begin in the file.
    pub(crate) start: usize,
}

/// What is wrong with a file of which only the pointer was fetched: Git LFS keeps large files elsewhere, and a clone without it
/// has a few lines of text in their places.
pub(crate) fn pointer(file: &[u8]) -> Option<&'static str> {
    file.starts_with(b"version https://git-lfs")
        .then_some("found a Git LFS pointer, not the file: fetch it by `git lfs pull`")
}

impl Header {
    /// Reads the header of a file's bytes, of which it looks at no others.
    ///
    /// # Errors
    /// What was found and what was expected.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, String> {
        if let Some(found) = pointer(file) {
            return Err(found.into());
        }
        let Some((length, rest)) = file.split_first_chunk::<LENGTH>() else {
            return Err(format!("found {} bytes, expected a safetensors file", file.len()));
        };
        let length = u64::from_le_bytes(*length);
        let whole = usize::try_from(length).ok().filter(|&length| length <= rest.len());
        let Some(length) = whole else {
            let expected = "a safetensors file, whole and uncompressed";
            return Err(format!("found a header of {length} bytes in {}, expected {expected}", file.len()));
        };
        if length > LONGEST {
            return Err(format!("found a header of {length} bytes, expected at most {LONGEST}"));
        }
        let (json, data) = rest.split_at(length);
        let unreadable = |error| format!("found a header that cannot be read ({error}), expected safetensors");
        let mut reader = serde_json::Deserializer::from_slice(json);
        let mut header = Entries { most: length / SHORTEST_ENTRY + 1 }.deserialize(&mut reader).map_err(unreadable)?;
        reader.end().map_err(unreadable)?;
        header.start = LENGTH + length;
        header.check(data.len())?;
        Ok(header)
    }

    /// What stands beside the tensors in a file that has been parsed.
    ///
    /// Apart from the tensors, since who loads weights has no use for it, and a map of small texts takes many times the memory
    /// of its JSON.
    ///
    /// # Errors
    /// None that [`Header::parse`] would not have had.
    pub(crate) fn metadata(&self, file: &[u8]) -> Result<BTreeMap<String, String>, String> {
        #[derive(Deserialize)]
        struct Only {
            #[serde(default, rename = "__metadata__")]
            metadata: BTreeMap<String, String>,
        }
        let only: Result<Only, _> = serde_json::from_slice(&file[LENGTH..self.start]);
        only.map(|only| only.metadata).map_err(|error| format!("found metadata that cannot be read ({error})"))
    }

    /// The tensors have to fill `data` bytes, each with as many as its type and shape say.
    fn check(&mut self, data: usize) -> Result<(), String> {
        self.tensors.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = self.tensors.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(format!("found two tensors {}, expected one of each name", pair[0].name));
        }
        self.tensors.sort_unstable_by_key(|tensor| (tensor.start, tensor.end));
        let mut next = 0;
        for StoredTensor { name, dtype, shape, start, end } in &self.tensors {
            if name.contains(char::is_control) {
                return Err(format!("found a tensor named {name:?}, expected a name without control characters"));
            }
            if *start != next || end < start {
                return Err(format!("tensor {name}: found bytes {start} to {end}, expected them to begin at {next}"));
            }
            let bits = shape.iter().try_fold(dtype.bitsize(), |bits, &size| bits.checked_mul(size));
            let bytes = bits.filter(|bits| bits.is_multiple_of(8)).map(|bits| bits / 8);
            if bytes != Some(end - start) {
                let found = end - start;
                return Err(format!("tensor {name}: found {found} bytes, expected what {dtype:?} {shape:?} takes"));
            }
            next = *end;
        }
        if next != data {
            return Err(format!("found {data} bytes of data, expected {next} by its header: cut off or added to"));
        }
        Ok(())
    }
}

/// Reads the map of names to entries, which are at `most` so many.
struct Entries {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Header;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Header, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of tensors")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
        // Room for all that can come, since a vector that grows takes up to three times what it holds.
        let mut tensors = Vec::with_capacity(self.most);
        while let Some(Text(name)) = map.next_key()? {
            if name == "__metadata__" {
                let Texts = map.next_value()?;
                continue;
            }
            let entry: Entry = map.next_value().map_err(|error| M::Error::custom(format!("{name:?}: {error}")))?;
            let (start, end) = entry.data_offsets;
            tensors.push(StoredTensor { name: name.into(), dtype: entry.dtype, shape: entry.shape.0, start, end });
        }
        Ok(Header { tensors, start: 0 })
    }
}

/// Text that is borrowed where the file has it as it is.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A map of text to text that is not kept.
struct Texts;

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of text")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Texts, M::Error> {
                while map.next_entry::<Text<'_>, Text<'_>>()?.is_some() {}
                Ok(Texts)
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[derive(Deserialize)]
struct Entry {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

struct Shape(Box<[usize]>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;
        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MOST_AXES} sizes")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Shape, S::Error> {
                let (mut sizes, mut axes) = ([0; MOST_AXES], 0);
                while let Some(size) = seq.next_element()? {
                    *sizes.get_mut(axes).ok_or_else(|| S::Error::invalid_length(axes + 1, &self))? = size;
                    axes += 1;
                }
                Ok(Shape(sizes[..axes].into()))
            }
        }
        deserializer.deserialize_seq(Sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str, data: usize) -> Vec<u8> {
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &vec![0; data]].concat()
    }

    #[test]
    fn tensors_come_in_the_order_of_their_bytes() {
        let json = r#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[2,10]},"__metadata__":{"format":"pt"},
            "a\"":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]},"none":{"dtype":"F16","shape":[0],"data_offsets":[10,10]}}  "#;
        let file_of = file(json, 10);
        let header = Header::parse(&file_of).unwrap();
        let names: Vec<&str> = header.tensors.iter().map(|tensor| &*tensor.name).collect();
        assert_eq!(names, ["a\"", "b", "none"]);
        assert_eq!(header.metadata(&file_of).unwrap()["format"], "pt");
        assert_eq!(header.start, 8 + json.len());
        assert!(Header::parse(&file("{}", 0)).unwrap().tensors.is_empty());
    }

    #[test]
    fn headers_that_contradict_themselves_or_the_file_are_refused_with_found_and_expected() {
        let one = |shape: &str, offsets: &str| {
            format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        let two = |name: &str, start: usize, end: usize| {
            format!(
                r#"{{"a":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{start},{end}]}}}}"#
            )
        };
        let deep = "[".repeat(100_000);
        let cases: &[(String, usize, &str)] = &[
            ("".into(), 0, "a header that cannot be read (EOF"),
            ("[]".into(), 0, "expected a map of tensors"),
            ("{\"__metadata__\":{\"a\":1}}".into(), 0, "invalid type: integer `1`"),
            ("{} {}".into(), 0, "trailing characters"),
            (deep, 0, "expected a map of tensors"),
            (format!("{{\"a\":{}", "[".repeat(100_000)), 0, "a header that cannot be read"),
            (one("[2]", "[0,4]"), 4, "tensor a: found 4 bytes, expected what F32 [2] takes"),
            (one("[18446744073709551615,18446744073709551615]", "[0,4]"), 4, "expected what F32"),
            (one("[1]", "[4,0]"), 4, "tensor a: found bytes 4 to 0, expected them to begin at 0"),
            (one("[1]", "[4,8]"), 8, "tensor a: found bytes 4 to 8, expected them to begin at 0"),
            (one("[1]", "[0,4]"), 3, "found 3 bytes of data, expected 4 by its header"),
            (one("[1]", "[0,4]"), 5, "found 5 bytes of data, expected 4 by its header"),
            (one("[-1]", "[0,4]"), 4, "\"a\": invalid value: integer `-1`"),
            (one("[1]", "[0]"), 4, "\"a\": invalid length 1"),
            (one(&format!("[{}1]", "1,".repeat(64)), "[0,4]"), 4, "expected at most 64 sizes"),
            (one("[1]", "[0,4]").replace("F32", "F33"), 4, "unknown variant `F33`"),
            (one("[1]", "[0,4]").replace("\"a\"", "\"a\\n\""), 4, "without control characters"),
            (two("a", 4, 8), 8, "found two tensors a, expected one of each name"),
            (two("b", 0, 4), 4, "tensor b: found bytes 0 to 4, expected them to begin at 4"),
            (two("b", 8, 12), 12, "tensor b: found bytes 8 to 12, expected them to begin at 4"),
        ];
        for (json, data, expected) in cases {
            let message = Header::parse(&file(json, *data)).unwrap_err();
            assert!(message.contains(expected), "{json:.80}: {message}");
        }
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 548105171\n";
        assert!(Header::parse(pointer).unwrap_err().starts_with("found a Git LFS pointer, not the file: "));
        for bytes in [&[][..], &[1; 7], &[255; 8], &[255; 100]] {
            assert!(Header::parse(bytes).unwrap_err().starts_with("found "));
        }
    }
}
