//! What a balancer has counted.

use std::collections::BTreeMap;

use crate::balancer::{DropReason, Verdict, Why};
use crate::connection_id::ServerId;

/// Packets since the balancer was built. Whether a packet reached the backend that has its connection, only the backends
/// know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams and TCP connections by backend.
    pub forwarded: BTreeMap<ServerId, u64>,
    /// By the hash of the client's address.
    pub by_address: u64,
    /// By the hash of an ID that the client had chosen.
    pub by_client_id: u64,
    /// By the backend's number in the ID.
    pub by_server_id: u64,
    /// By the hash of the address, since the ID names a backend that is gone.
    pub unknown_server: u64,
    /// By the hash of the address, since no backend made the ID.
    pub unknown_layout: u64,
    /// Dropped: no QUIC.
    pub not_quic: u64,
    /// Dropped: no backend is up.
    pub no_backend: u64,
}

impl Counters {
    pub(crate) fn note(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Forward { to, why } => {
                *self.forwarded.entry(to).or_default() += 1;
                match why {
                    Why::Address => &mut self.by_address,
                    Why::ClientId => &mut self.by_client_id,
                    Why::ServerId => &mut self.by_server_id,
                    Why::UnknownServer => &mut self.unknown_server,
                    Why::UnknownLayout => &mut self.unknown_layout,
                }
            }
            Verdict::Dropped(DropReason::NotQuic) => &mut self.not_quic,
            Verdict::Dropped(DropReason::NoBackend) => &mut self.no_backend,
        };
        *count += 1;
    }

    /// All that was forwarded.
    pub fn forwarded_in_all(&self) -> u64 {
        self.forwarded.values().sum()
    }

    /// All that was dropped.
    pub const fn dropped(&self) -> u64 {
        self.not_quic + self.no_backend
    }
}
