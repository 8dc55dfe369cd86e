//! What a balancer reads of a QUIC packet: no more than RFC 8999 promises of every version, and whether it can be one.
//!
//! The bit that versions 1 and 2 call fixed says nothing: two ends that agree on it set it at random (RFC 9287), and
//! quinn does. A balancer that asked for it would drop half of their packets.

use crate::connection_id::Cid;

/// The form of a packet's header, with where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header<'a> {
    /// A long header with its whole destination ID.
    Long { destination: &'a [u8] },
    /// A short header; `rest` begins with the destination ID, whose length the packet does not tell.
    Short { rest: &'a [u8] },
}

/// The header's form (RFC 8999 §5).
const LONG: u8 = 0x80;
/// Versions 1 and 2 (RFC 9369), whose connection IDs have 20 octets at most.
const KNOWN_VERSIONS: [u32; 2] = [0x0000_0001, 0x6b33_43cf];
const LONGEST_KNOWN_ID: usize = 20;
/// What a short header is followed by at least: four octets of packet number and payload, and the sample that protects
/// the header (RFC 9001 §5.4.2).
const LEAST_BEHIND_ID: usize = 4 + 16;

impl<'a> Header<'a> {
    /// Reads the first packet of a datagram from a client; `None` when it cannot be one.
    pub(crate) fn read(datagram: &'a [u8]) -> Option<Self> {
        let (&first, rest) = datagram.split_first()?;
        if first & LONG == 0 {
            let is_possible = rest.len() >= Cid::BYTES + LEAST_BEHIND_ID;
            return is_possible.then_some(Self::Short { rest });
        }
        let (version, rest) = rest.split_first_chunk()?;
        let (destination, rest) = take_id(rest)?;
        let (source, _) = take_id(rest)?;
        let version = u32::from_be_bytes(*version);
        let is_possible = if KNOWN_VERSIONS.contains(&version) {
            destination.len().max(source.len()) <= LONGEST_KNOWN_ID
        } else {
            // Version 0 is a version negotiation, which only servers send.
            version != 0
        };
        is_possible.then_some(Self::Long { destination })
    }
}

fn take_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(first: u8, version: u32, destination: &[u8], source: &[u8]) -> Vec<u8> {
        let mut packet = vec![first];
        packet.extend_from_slice(&version.to_be_bytes());
        for id in [destination, source] {
            packet.push(u8::try_from(id.len()).expect("short"));
            packet.extend_from_slice(id);
        }
        packet
    }

    #[test]
    fn a_long_header_tells_its_destination() {
        let packet = long(0xc0, 1, &[5; 8], &[]);
        assert_eq!(Header::read(&packet), Some(Header::Long { destination: &[5; 8] }));
        for length in 0..packet.len() {
            assert_eq!(Header::read(&packet[..length]), None, "cut to {length}");
        }
    }

    #[test]
    fn a_short_header_needs_room_for_an_id_and_a_packet() {
        let packet = [0x40; 1 + 8 + 20];
        assert_eq!(Header::read(&packet), Some(Header::Short { rest: &packet[1..] }));
        assert_eq!(Header::read(&packet[1..]), None);
    }

    #[test]
    fn the_bit_called_fixed_says_nothing() {
        let packet = long(0x80, 1, &[1; 8], &[2; 8]);
        assert_eq!(Header::read(&packet), Some(Header::Long { destination: &[1; 8] }));
        let packet = [0x00; 60];
        assert_eq!(Header::read(&packet), Some(Header::Short { rest: &packet[1..] }));
    }

    #[test]
    fn an_unknown_version_is_left_to_a_backend_to_refuse() {
        let packet = long(0x80, 0x1a2a_3a4a, &[7; 255], &[1; 40]);
        assert_eq!(Header::read(&packet), Some(Header::Long { destination: &[7; 255] }));
    }

    #[test]
    fn what_no_client_sends_is_no_quic() {
        for (packet, what) in [
            (long(0xc0, 0, &[1; 8], &[2; 8]), "a version negotiation"),
            (long(0xc0, 1, &[1; 21], &[]), "version 1 with an ID of 21 octets"),
            (vec![0x40; 1 + 8 + 19], "a short header with too little behind it"),
            (Vec::new(), "nothing"),
        ] {
            assert_eq!(Header::read(&packet), None, "{what}");
        }
    }
}
