//! What came of copies of the client's packets that somebody sent from elsewhere.

use std::time::Duration;

use serde::Serialize;
use sluice_shared::lab::Volume;

use super::tally::span_millis;

/// What came of the attacks on a lane; all of it is QUIC's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spoofed {
    /// Attacks on an open connection.
    pub attacks: u64,
    /// Copies that were sent from the attacker's address.
    pub copied_packets: u64,
    /// Their UDP payload, bytes.
    pub copied_bytes: u64,
    /// Datagrams that the server sent to the attacker's address.
    pub reflected_packets: u64,
    /// Their UDP payload, bytes.
    pub reflected_bytes: u64,
    /// How often the server turned to the attacker's address.
    pub turned: u64,
    /// How often it was back at the client's address on the same connection.
    pub returned: u64,
    /// For how long it was away at most, milliseconds; `None` when it never was.
    pub longest_away_ms: Option<f64>,
}

/// The same, as it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SpoofFigures {
    pub(super) attacks: u64,
    pub(super) copied: Volume,
    pub(super) reflected: Volume,
    pub(super) turned: u64,
    pub(super) returned: u64,
    pub(super) longest_away: Duration,
}

impl SpoofFigures {
    /// Both together, connection by connection.
    pub(super) fn plus(self, other: Self) -> Self {
        let sum = |one: Volume, other: Volume| Volume {
            packets: one.packets + other.packets,
            bytes: one.bytes + other.bytes,
        };
        Self {
            attacks: self.attacks + other.attacks,
            copied: sum(self.copied, other.copied),
            reflected: sum(self.reflected, other.reflected),
            turned: self.turned + other.turned,
            returned: self.returned + other.returned,
            longest_away: self.longest_away.max(other.longest_away),
        }
    }

    /// As reports have it.
    pub(super) fn report(self) -> Spoofed {
        Spoofed {
            attacks: self.attacks,
            copied_packets: self.copied.packets,
            copied_bytes: self.copied.bytes,
            reflected_packets: self.reflected.packets,
            reflected_bytes: self.reflected.bytes,
            turned: self.turned,
            returned: self.returned,
            longest_away_ms: (self.returned > 0).then(|| span_millis(self.longest_away)),
        }
    }
}
