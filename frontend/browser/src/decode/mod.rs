//! Decoder of the server's JSON into the types from which it was made.
//!
//! serde's derived code for maps (an identifier, a duplicate check and a default for each field) is several
//! times larger than its code for sequences, and every visitor downloads this decoder. Text is therefore
//! parsed into a tree, and a struct is read from it as the sequence of its fields in declaration order.
//! Unknown fields are ignored; a missing one is an error that names it, unless its type has
//! `#[serde(default)]`.
//!
//! Types with `#[serde(alias)]`, `flatten`, `tag` or `untagged`, enums with content, and maps cannot be
//! decoded: the server's responses contain none. The tests compare every decoded type with serde_json.

mod node;
mod value;

use serde::de::DeserializeOwned;

use node::{Failure, Node};
use value::parse;

/// Parses `text` as the JSON of a `T`, or returns the reason for which it is not.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = parse(text).ok_or("it is not JSON")?;
    let failure = Failure::default();
    T::deserialize(Node { value: &value, failure: &failure }).map_err(|_| failure.text())
}

#[cfg(test)]
mod tests;
