//! Connection IDs that say which backend made them.

use core::fmt;

/// A backend's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u8);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A connection ID as backends make it.
///
/// The plaintext layout of draft-ietf-quic-load-balancers §3 and §5.2: the first octet has the configuration's number in
/// its upper three bits and the count of octets behind it in the other five; then comes the server's number, then a
/// nonce. Whoever sees the ID can read the server's number; a balancer that must hide it encrypts both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid([u8; Self::BYTES]);

impl Cid {
    /// Octets of an ID.
    pub const BYTES: usize = Self::LENGTH as usize;
    const LENGTH: u8 = 8;
    /// The configuration's number, 0 to 6; 7 means that an ID cannot be routed.
    const CONFIGURATION: u8 = 0;
    const FIRST_OCTET: u8 = (Self::CONFIGURATION << 5) | (Self::LENGTH - 1);

    /// The ID at the beginning of `bytes`, if it has the layout.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let id: &[u8; Self::BYTES] = bytes.first_chunk()?;
        (id.first() == Some(&Self::FIRST_OCTET)).then_some(Self(*id))
    }

    /// The backend that made it.
    pub const fn server(self) -> ServerId {
        let Self([_, server, ..]) = self;
        ServerId(server)
    }

    /// The ID as it is on the wire.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// Makes the connection IDs of one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionIds {
    server: ServerId,
}

impl ConnectionIds {
    /// For the backend of this number.
    pub const fn new(server: ServerId) -> Self {
        Self { server }
    }

    /// The backend.
    pub const fn server(self) -> ServerId {
        self.server
    }

    /// An ID whose nonce is the lower 48 bits of `random`. They must not repeat, and nobody outside must be able to
    /// foretell them, or else connections can be told to belong together (RFC 9000 §5.1).
    pub fn make(self, random: u64) -> Cid {
        let ServerId(server) = self.server;
        let [_, _, nonce @ ..] = random.to_be_bytes();
        let [a, b, c, d, e, f] = nonce;
        Cid([Cid::FIRST_OCTET, server, a, b, c, d, e, f])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_server_and_keeps_its_nonce() {
        let id = ConnectionIds::new(ServerId(0xb7)).make(0xffff_0102_0304_0506);
        assert_eq!(id.as_bytes(), &[0x07, 0xb7, 1, 2, 3, 4, 5, 6]);
        assert_eq!(Cid::parse(id.as_bytes()), Some(id));
        assert_eq!(id.server(), ServerId(0xb7));
    }

    #[test]
    fn what_lies_behind_an_id_does_not_matter_and_what_is_missing_does() {
        let id = ConnectionIds::new(ServerId(1)).make(7);
        let longer = [&id.as_bytes()[..], &[9; 40]].concat();
        assert_eq!(Cid::parse(&longer), Some(id));
        for length in 0..Cid::BYTES {
            assert_eq!(Cid::parse(&longer[..length]), None);
        }
    }

    #[test]
    fn other_configurations_and_lengths_are_not_read() {
        let mut bytes = *ConnectionIds::new(ServerId(1)).make(7).as_bytes();
        for first in (0..=u8::MAX).filter(|first| *first != 0x07) {
            bytes[0] = first;
            assert_eq!(Cid::parse(&bytes), None, "{first:#04x}");
        }
    }
}
