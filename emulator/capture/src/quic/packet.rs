//! Packet headers (RFC 9000 §17), as far as they can be read without keys.

use std::iter;
use std::ops::Range;

use crate::cursor::Cursor;

/// The version that is understood: QUIC 1 (RFC 9000).
pub const VERSION_1: u32 = 1;
/// Longest connection ID of version 1.
const MAX_CID_BYTES: usize = 20;

/// A packet inside a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub kind: Kind,
    /// Where it lies in the datagram.
    pub range: Range<usize>,
    /// Where its packet number begins, in the datagram; meaningless for a Retry.
    pub number_at: usize,
    /// Its token: of an Initial what the client shows, of a Retry what it is to show, with the integrity tag behind it.
    pub token: Range<usize>,
    /// Its destination and source connection IDs, where the header has them.
    pub ids: Option<(Vec<u8>, Vec<u8>)>,
}

/// Kinds of packets (RFC 9000 §17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first of a handshake, under keys that anybody can make.
    Initial,
    /// Early data.
    ZeroRtt,
    /// The rest of a handshake.
    Handshake,
    /// Asks the client to begin anew with a token; it has no number.
    Retry,
    /// With a short header.
    OneRtt,
}

/// The packets of `datagram`, whose short headers have a connection ID of `short_cid_bytes`.
///
/// It ends with the first that is not understood: the rest of such a datagram is padding, or none of ours.
pub fn packets(datagram: &[u8], short_cid_bytes: usize) -> impl Iterator<Item = Packet> {
    let mut at = 0;
    iter::from_fn(move || {
        let rest = datagram.get(at..).filter(|rest| !rest.is_empty())?;
        let packet = packet(rest, at, short_cid_bytes);
        at = packet.as_ref().map_or(datagram.len(), |packet| packet.range.end);
        packet
    })
}

fn packet(bytes: &[u8], at: usize, short_cid_bytes: usize) -> Option<Packet> {
    let mut cursor = Cursor::new(bytes);
    let first = cursor.u8()?;
    // The fixed bit (0x40) says nothing: peers may agree to set it at random (RFC 9287).
    let end = at + bytes.len();
    if first & 0x80 == 0 {
        return Some(Packet {
            kind: Kind::OneRtt,
            range: at..end,
            number_at: at + 1 + short_cid_bytes,
            token: at..at,
            ids: None,
        });
    }
    if cursor.u32()? != VERSION_1 {
        return None;
    }
    let mut id = || -> Option<Vec<u8>> {
        let length = usize::from(cursor.u8()?);
        if length > MAX_CID_BYTES { None } else { Some(cursor.take(length)?.to_vec()) }
    };
    let ids = Some((id()?, id()?));
    let kind = match first >> 4 & 0x03 {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => {
            let token = end - cursor.len()..end;
            return Some(Packet { kind: Kind::Retry, range: at..end, number_at: end, token, ids });
        }
    };
    let mut token = at..at;
    if kind == Kind::Initial {
        let bytes = cursor.prefixed()?.len();
        token = end - cursor.len() - bytes..end - cursor.len();
    }
    let length = usize::try_from(cursor.varint()?).ok()?;
    let number_at = end - cursor.len();
    cursor.take(length)?;
    Some(Packet { kind, range: at..number_at + length, number_at, token, ids })
}

/// The version that a long header names (RFC 8999 §5.1); `None` when `bytes` do not begin with one.
pub fn long_version(bytes: &[u8]) -> Option<u32> {
    let mut cursor = Cursor::new(bytes);
    if cursor.u8()? & 0x80 == 0 { None } else { cursor.u32() }
}

/// The versions that a Version Negotiation packet offers (RFC 9000 §17.2.1); `None` when `datagram` is none.
pub fn version_negotiation(datagram: &[u8]) -> Option<Vec<u32>> {
    if long_version(datagram)? != 0 {
        return None;
    }
    let mut cursor = Cursor::new(datagram.get(5..)?);
    cursor.prefixed_u8()?;
    cursor.prefixed_u8()?;
    let versions = cursor.rest().chunks_exact(4);
    Some(versions.filter_map(|version| version.try_into().ok().map(u32::from_be_bytes)).collect())
}

/// The whole packet number of which only the last `bytes` bytes were sent (RFC 9000 appendix A.3).
pub(super) fn whole_number(largest: Option<u64>, truncated: u64, bytes: usize) -> u64 {
    let window = 1u64 << (8 * bytes);
    let expected = largest.map_or(0, |largest| largest + 1);
    let candidate = expected & !(window - 1) | truncated;
    if candidate + window / 2 <= expected && candidate < (1 << 62) - window {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coalesced_packets_are_told_apart() {
        let mut datagram = vec![0xc0, 0, 0, 0, 1, 2, 7, 7, 1, 9];
        // No token, five bytes: a number and its protected rest.
        datagram.extend([0, 5, 0, 1, 2, 3, 4]);
        let initial_end = datagram.len();
        datagram.extend([0x40, 1, 2, 3, 4, 5, 6]);
        let found: Vec<Packet> = packets(&datagram, 3).collect();
        assert_eq!(found.iter().map(|packet| packet.kind).collect::<Vec<_>>(), [Kind::Initial, Kind::OneRtt]);
        assert_eq!(found[0].ids, Some((vec![7, 7], vec![9])));
        assert_eq!(found[0].token, 11..11);
        assert_eq!((found[0].number_at, found[0].range.clone()), (12, 0..initial_end));
        assert_eq!(found[1].number_at, initial_end + 4);
        let without_fixed_bit = packets(&[0x03, 1, 2, 3, 4], 3).next().expect("one");
        assert_eq!(without_fixed_bit.kind, Kind::OneRtt);
    }

    #[test]
    fn what_is_no_packet_ends_the_search() {
        for datagram in [&[][..], &[0x80, 0, 0, 0, 1], &[0xc0, 0, 0, 0, 2, 0, 0], &[0xc0, 0, 0, 0, 1, 255]] {
            assert_eq!(packets(datagram, 0).next(), None, "{datagram:?}");
        }
        assert_eq!(version_negotiation(&[0x80, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 1, 9]), Some(vec![1]));
        assert_eq!(version_negotiation(&[0x80, 0, 0, 0, 1, 0, 0]), None);
        // Version negotiation has version 0, and a length beyond the datagram is none.
        assert_eq!(packets(&[0xc0, 0, 0, 0, 1, 0, 0, 0, 0x44, 0, 1], 0).next(), None);
    }

    #[test]
    fn packet_numbers_are_completed() {
        // The example of RFC 9000 appendix A.3.
        assert_eq!(whole_number(Some(0xa82f_30ea), 0x9b32, 2), 0xa82f_9b32);
        assert_eq!(whole_number(None, 0, 1), 0);
        assert_eq!(whole_number(Some(255), 0, 1), 256);
        assert_eq!(whole_number(Some(256), 255, 1), 255);
    }
}
