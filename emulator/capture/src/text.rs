//! Figures and foreign bytes as words.

use crate::secrets::push_hex;

/// Longest detail of one part, in bytes.
const MAX_DETAIL_BYTES: usize = 1_200;
/// Longest foreign text, in characters.
const MAX_FOREIGN_CHARS: usize = 120;
/// Longest foreign text in a label, in characters.
const MAX_LABEL_CHARS: usize = 20;

/// Words that are separated by commas, cut where they become too long.
#[derive(Debug, Default)]
pub(crate) struct List(String);

impl List {
    pub(crate) fn push(&mut self, words: impl AsRef<str>) {
        let words = words.as_ref();
        if self.0.len() + words.len() > MAX_DETAIL_BYTES {
            if !self.0.ends_with('…') {
                self.0.push('…');
            }
        } else {
            if !self.0.is_empty() {
                self.0.push_str(", ");
            }
            self.0.push_str(words);
        }
    }

    pub(crate) fn text(self) -> String {
        self.0
    }
}

/// Foreign bytes as text without control characters, cut to what can be shown.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let start = bytes.get(..bytes.len().min(4 * MAX_FOREIGN_CHARS)).unwrap_or_default();
    let text = String::from_utf8_lossy(start);
    let mut shown: String = text
        .chars()
        .take(MAX_FOREIGN_CHARS)
        .map(|character| if character.is_control() { '\u{FFFD}' } else { character })
        .collect();
    if text.chars().nth(MAX_FOREIGN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Text cut to what a label has room for.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_LABEL_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_cut_and_cleaned() {
        assert_eq!(printable(b"a\r\n\x1b[31mb"), "a\u{FFFD}\u{FFFD}\u{FFFD}[31mb");
        assert_eq!(printable(&[b'x'; 4_000]).chars().count(), MAX_FOREIGN_CHARS + 1);
        assert_eq!(shortened("/hellö"), "/hellö");
        assert_eq!(shortened(&"ö".repeat(50)), format!("{}…", "ö".repeat(MAX_LABEL_CHARS)));
        assert_eq!(hex(&[0, 0xAF]), "00af");
    }

    #[test]
    fn a_list_ends_where_it_becomes_too_long() {
        let mut list = List::default();
        for _ in 0..1_000 {
            list.push("word");
        }
        let text = list.text();
        assert!(text.starts_with("word, word, ") && text.ends_with("word…"), "{text}");
        assert!(text.len() <= MAX_DETAIL_BYTES + 1_000);
    }
}
