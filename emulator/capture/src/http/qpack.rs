//! QPACK (RFC 9204) without its dynamic table: the fields of HTTP/3.

use super::fields::Fields;
use super::integer::{integer, next_string, string};
use super::tables::QPACK;
use crate::cursor::Cursor;

/// The fields of a section; `None` when it refers to the dynamic table, or is not understood.
pub(super) fn decode(section: &[u8]) -> Option<Fields> {
    let mut cursor = Cursor::new(section);
    let first = cursor.u8()?;
    if integer(first, 8, &mut cursor)? != 0 {
        return None;
    }
    let base = cursor.u8()?;
    integer(base, 7, &mut cursor)?;
    let mut fields = Fields::default();
    while !cursor.is_empty() {
        let first = cursor.u8()?;
        match first >> 4 {
            // An entry of the static table.
            0x0c..=0x0f => {
                let (name, value) = QPACK.get(integer(first, 6, &mut cursor)?)?;
                fields.push(name.as_bytes(), value.as_bytes())?;
            }
            // A name of the static table.
            0x05 | 0x07 => {
                let (name, _) = QPACK.get(integer(first, 4, &mut cursor)?)?;
                fields.push(name.as_bytes(), &next_string(&mut cursor)?)?;
            }
            0x02 | 0x03 => {
                let name = string(first, 3, &mut cursor)?;
                fields.push(&name, &next_string(&mut cursor)?)?;
            }
            // The dynamic table.
            _ => return None,
        }
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex_bytes;

    #[test]
    fn a_section_of_the_standard_is_read() {
        // RFC 9204 appendix B.1: a literal value with a name of the static table.
        let fields = decode(&hex_bytes("0000510b2f696e6465782e68746d6c")).expect("well formed");
        assert_eq!(fields.texts(), [":path: /index.html"]);
        let fields = decode(&[0, 0, 0xd1, 0xff, 7, 0x23, b'a', b'b', b'c', 1, b'd']).expect("well formed");
        assert_eq!(fields.texts(), [":method: GET", ":status: 425", "abc: d"]);
    }

    #[test]
    fn what_needs_the_dynamic_table_is_not_made_up() {
        // RFC 9204 appendix B.2.
        assert_eq!(decode(&hex_bytes("03811011")), None);
        assert_eq!(decode(&[0, 0, 0x80]), None);
        assert_eq!(decode(&[0, 0, 0x10]), None);
    }
}
