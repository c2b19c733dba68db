//! Small changes that leave most of a file as it was, so that readers get far before they notice.

use crate::tokens;
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    /// Sets a byte.
    Byte(Index, u8),
    /// Leaves out so many bytes.
    Remove(Index, usize),
    /// Puts in what JSON is made of.
    Insert(Index, &'static str),
    /// Puts something else in the place of the next number.
    Number(Index, &'static str),
    /// Repeats so many bytes elsewhere.
    Repeat(Index, usize, Index),
    /// Cuts off the end.
    Cut(Index),
}

pub(crate) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let place = any::<Index>;
    let one = prop_oneof![
        2 => (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => (place(), 1_usize..40).prop_map(|(at, n)| Mutation::Remove(at, n)),
        2 => (place(), tokens()).prop_map(|(at, token)| Mutation::Insert(at, token)),
        6 => (place(), tokens()).prop_map(|(at, token)| Mutation::Number(at, token)),
        1 => (place(), 1_usize..80, place()).prop_map(|(from, n, to)| Mutation::Repeat(from, n, to)),
        1 => place().prop_map(Mutation::Cut),
    ];
    prop::collection::vec(one, 1..4)
}

/// The original with mutations in its first `mutable` bytes.
pub(crate) fn mutated(original: &[u8], mutable: usize, mutations: &[Mutation]) -> Vec<u8> {
    let (start, rest) = original.split_at(mutable);
    let mut bytes = start.to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let within = |index: &Index| index.index(bytes.len());
        match mutation {
            Mutation::Byte(at, byte) => {
                let at = within(at);
                bytes[at] = *byte;
            }
            Mutation::Remove(at, n) => {
                let at = within(at);
                bytes.drain(at..(at + n).min(bytes.len()));
            }
            Mutation::Insert(at, token) => {
                let at = within(at);
                bytes.splice(at..at, token.bytes());
            }
            Mutation::Number(at, token) => {
                let at = within(at);
                let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|skip| at + skip) else {
                    continue;
                };
                let end = bytes[start..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |n| start + n);
                bytes.splice(start..end, token.bytes());
            }
            Mutation::Repeat(from, n, to) => {
                let (from, to) = (within(from), within(to));
                let copy = bytes[from..(from + n).min(bytes.len())].to_vec();
                bytes.splice(to..to, copy);
            }
            Mutation::Cut(at) => {
                let at = within(at);
                bytes.truncate(at);
            }
        }
    }
    let cut = mutations.iter().any(|mutation| matches!(mutation, Mutation::Cut(_)));
    // A file of tensors whose header has another length still says so, half of the time: else nothing behind it is reached.
    if !rest.is_empty() && bytes.len() >= 8 && !mutations.len().is_multiple_of(2) {
        let length = (bytes.len() as u64 - 8).to_le_bytes();
        bytes[..8].copy_from_slice(&length);
    }
    if !cut {
        bytes.extend(rest);
    }
    bytes
}
