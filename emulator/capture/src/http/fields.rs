//! Field sections in words.

use super::MAX_HELD_BYTES;
use crate::text::{List, printable, shortened};

/// The fields of a request, an answer or trailers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Fields {
    /// Adds a field; `None` when there are more than are held, since a few bytes may stand for many fields.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        self.bytes += name.len() + value.len() + 32;
        if self.bytes > MAX_HELD_BYTES {
            return None;
        }
        self.fields.push((name.to_vec(), value.to_vec()));
        Some(())
    }

    fn find(&self, name: &str) -> Option<String> {
        self.fields.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| printable(value))
    }

    /// Method and path, or the status, or that it is neither.
    pub(super) fn word(&self) -> String {
        if let Some(method) = self.find(":method") {
            let protocol = self.find(":protocol").map(|name| format!(" ({name})")).unwrap_or_default();
            let path = self.find(":path").unwrap_or_default();
            return format!("{} {}{}", shortened(&method), shortened(&path), shortened(&protocol));
        }
        self.find(":status").map_or_else(|| "trailers".to_owned(), |status| shortened(&status))
    }

    /// All fields.
    pub(super) fn detail(&self, list: &mut List) {
        for (name, value) in &self.fields {
            list.push(format!("{}: {}", printable(name), printable(value)));
        }
    }
}

#[cfg(test)]
impl Fields {
    pub(super) fn texts(&self) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.fields.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
    }
}
