//! Integers and strings of HPACK and QPACK (RFC 7541 §5, RFC 9204 §4.1).

use httlib_huffman::DecoderSpeed;

use super::MAX_HELD_BYTES;
use crate::cursor::Cursor;

/// An integer whose first bits are the lowest `bits` of `first`.
pub(super) fn integer(first: u8, bits: u32, cursor: &mut Cursor<'_>) -> Option<usize> {
    let most = (1usize << bits) - 1;
    let mut value = usize::from(first) & most;
    if value < most {
        return Some(value);
    }
    // No table and no string that is held needs more than three further bytes.
    for shift in [0, 7, 14] {
        let byte = cursor.u8()?;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A string whose length begins in the lowest `bits` of `first`, and whose Huffman flag is the bit above.
pub(super) fn string(first: u8, bits: u32, cursor: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let length = integer(first, bits, cursor)?;
    let bytes = cursor.take(length)?;
    if first >> bits & 1 == 0 {
        return Some(bytes.to_vec());
    }
    // The shortest code has five bits.
    if length > MAX_HELD_BYTES {
        return None;
    }
    let mut text = Vec::new();
    httlib_huffman::decode(bytes, &mut text, DecoderSpeed::FourBits).ok()?;
    Some(text)
}

/// A string with its length in the next byte.
pub(super) fn next_string(cursor: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let first = cursor.u8()?;
    string(first, 7, cursor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_those_of_the_standard() {
        // RFC 7541 appendix C.1.
        assert_eq!(integer(0x0a, 5, &mut Cursor::new(&[])), Some(10));
        assert_eq!(integer(0x1f, 5, &mut Cursor::new(&[0x9a, 0x0a])), Some(1_337));
        assert_eq!(integer(0x1f, 5, &mut Cursor::new(&[0x9a])), None, "cut off");
        assert_eq!(integer(0xff, 7, &mut Cursor::new(&[0xff; 9])), None, "without an end");
    }

    proptest! {
        #[test]
        fn no_bytes_harm_the_huffman_decoder(mut bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            bytes.insert(0, 0x80 | u8::try_from(bytes.len()).expect("small"));
            if let Some(text) = next_string(&mut Cursor::new(&bytes)) {
                prop_assert!(text.len() <= 2 * bytes.len());
            }
        }
    }
}
