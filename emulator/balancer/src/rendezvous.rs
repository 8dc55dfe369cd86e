//! Rendezvous hashing: each key has its own order of all backends, and goes to the first that is up.

use std::net::SocketAddr;

use crate::connection_id::ServerId;

/// The hash of what a packet is routed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// Of a client's address and port; an IPv4 address is the same written as IPv6.
    pub(crate) fn of_address(address: SocketAddr) -> Self {
        let port = address.port().to_be_bytes();
        match address.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => Self::of_parts(&[&ip.octets(), &port]),
            std::net::IpAddr::V6(ip) => Self::of_parts(&[&ip.octets(), &port]),
        }
    }

    /// Of a connection ID.
    pub(crate) fn of_id(id: &[u8]) -> Self {
        Self::of_parts(&[id])
    }

    /// FNV-1a, mixed once more since its last octets change few bits.
    fn of_parts(parts: &[&[u8]]) -> Self {
        let octets = parts.iter().flat_map(|part| part.iter());
        let hash = octets.fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
            (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(hash))
    }

    /// The one of `servers` that comes first in the order of this key.
    pub(crate) fn first_of(self, servers: impl Iterator<Item = ServerId>) -> Option<ServerId> {
        let Self(key) = self;
        servers.max_by_key(|ServerId(server)| mix(key ^ mix(u64::from(*server) + 1)))
    }
}

/// Splitmix64's output function: a bijection whose outputs look random.
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_server_only_its_own_keys_move() {
        let all = || (0..5).map(ServerId);
        let mut moved = 0u32;
        for id in 0..10_000u32 {
            let key = Key::of_id(&id.to_be_bytes());
            let (before, after) =
                (key.first_of(all()), key.first_of(all().filter(|server| *server != ServerId(3))));
            if before == Some(ServerId(3)) {
                moved += 1;
            } else {
                assert_eq!(before, after);
            }
        }
        // Three standard errors of 10,000 × 1/5.
        assert!(moved.abs_diff(2_000) < 120, "{moved}");
    }

    #[test]
    fn an_address_is_the_same_in_both_families() {
        let plain: SocketAddr = "10.1.2.3:4000".parse().expect("an address");
        let mapped: SocketAddr = "[::ffff:10.1.2.3]:4000".parse().expect("an address");
        assert_eq!(Key::of_address(plain), Key::of_address(mapped));
        let other: SocketAddr = "10.1.2.3:4001".parse().expect("an address");
        assert_ne!(Key::of_address(plain), Key::of_address(other));
    }

    #[test]
    fn without_servers_there_is_nobody_to_go_to() {
        assert_eq!(Key::of_id(&[1]).first_of(std::iter::empty()), None);
    }
}
