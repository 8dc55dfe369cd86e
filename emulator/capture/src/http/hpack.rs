//! HPACK (RFC 7541): the fields of HTTP/2.

use std::collections::VecDeque;

use super::fields::Fields;
use super::integer::{integer, next_string};
use super::tables::HPACK;
use crate::cursor::Cursor;

/// The table's size unless the encoder says otherwise (RFC 9113 §6.5.2).
const DEFAULT_TABLE_BYTES: usize = 4_096;
/// Largest table that is kept.
const MAX_TABLE_BYTES: usize = 64 << 10;
/// What an entry counts beside its name and value (RFC 7541 §4.1).
const ENTRY_BYTES: usize = 32;

/// One direction's decoder.
#[derive(Debug)]
pub(super) struct Hpack {
    /// The newest first.
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    table_bytes: usize,
    most_bytes: usize,
    /// A section was not understood, so the table is not the encoder's.
    is_broken: bool,
}

impl Hpack {
    pub(super) const fn new() -> Self {
        Self { table: VecDeque::new(), table_bytes: 0, most_bytes: DEFAULT_TABLE_BYTES, is_broken: false }
    }

    /// The fields of a section; `None` when it, or one before it, is not understood.
    pub(super) fn decode(&mut self, section: &[u8]) -> Option<Fields> {
        if self.is_broken {
            return None;
        }
        let fields = self.try_decode(section);
        self.is_broken = fields.is_none();
        fields
    }

    /// From here on nothing is understood.
    pub(super) const fn give_up(&mut self) {
        self.is_broken = true;
    }

    fn try_decode(&mut self, section: &[u8]) -> Option<Fields> {
        let mut cursor = Cursor::new(section);
        let mut fields = Fields::default();
        while !cursor.is_empty() {
            let first = cursor.u8()?;
            if first & 0x80 != 0 {
                let (name, value) = self.entry(integer(first, 7, &mut cursor)?)?;
                fields.push(&name, &value)?;
            } else if first & 0xe0 == 0x20 {
                self.most_bytes = integer(first, 5, &mut cursor)?;
                if self.most_bytes > MAX_TABLE_BYTES {
                    return None;
                }
                self.shrink();
            } else {
                let is_indexed = first & 0x40 != 0;
                let index = integer(first, if is_indexed { 6 } else { 4 }, &mut cursor)?;
                let name = if index == 0 { next_string(&mut cursor)? } else { self.entry(index)?.0 };
                let value = next_string(&mut cursor)?;
                fields.push(&name, &value)?;
                if is_indexed {
                    self.table_bytes += name.len() + value.len() + ENTRY_BYTES;
                    self.table.push_front((name, value));
                    self.shrink();
                }
            }
        }
        Some(fields)
    }

    fn entry(&self, index: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let index = index.checked_sub(1)?;
        if let Some((name, value)) = HPACK.get(index) {
            return Some((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        self.table.get(index - HPACK.len()).cloned()
    }

    fn shrink(&mut self) {
        while self.table_bytes > self.most_bytes {
            let Some((name, value)) = self.table.pop_back() else { return };
            self.table_bytes -= name.len() + value.len() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex_bytes;

    #[test]
    fn requests_of_the_standard_are_read() {
        // RFC 7541 appendix C.4: with Huffman coding, the third needs what the first two left in the table.
        let mut hpack = Hpack::new();
        let first = hpack.decode(&hex_bytes("828684418cf1e3c2e5f23a6ba0ab90f4ff")).expect("well formed");
        let expected = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
        assert_eq!(first.texts(), expected);
        assert_eq!(first.word(), "GET /");
        let second = hpack.decode(&hex_bytes("828684be5886a8eb10649cbf")).expect("well formed");
        assert_eq!(second.texts().last().map(String::as_str), Some("cache-control: no-cache"));
        let third = hpack.decode(&hex_bytes("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"));
        let expected = [
            ":method: GET",
            ":scheme: https",
            ":path: /index.html",
            ":authority: www.example.com",
            "custom-key: custom-value",
        ];
        assert_eq!(third.expect("well formed").texts(), expected);
        assert_eq!(hpack.table_bytes, 164);
    }

    #[test]
    fn nothing_is_made_up_behind_a_section_that_is_not_understood() {
        let mut hpack = Hpack::new();
        assert_eq!(hpack.decode(&[0xff, 0x00]), None);
        assert_eq!(hpack.decode(&[0x82]), None);
    }
}
