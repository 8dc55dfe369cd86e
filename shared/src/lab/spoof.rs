//! Somebody who copies a client's packets and sends them from elsewhere, and what came of it.

use serde::{Deserialize, Serialize};

use super::migration::{PathFrame, PathState};
use crate::time::Time;

/// How an attacker on the path copies packets of a lab's QUIC clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spoof {
    /// Packets of each connection that are copied, 1 to [`Spoof::MAX_PACKETS`]: the next with short headers.
    pub packets: u8,
    /// What becomes of the packets that were copied.
    pub original: OriginalFate,
}

impl Default for Spoof {
    /// One packet, whose original follows.
    fn default() -> Self {
        Self { packets: 1, original: OriginalFate::Follows }
    }
}

impl Spoof {
    /// The most packets of a connection.
    pub const MAX_PACKETS: u8 = 16;
}

/// What becomes of a packet whose copy has gone ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginalFate {
    /// It reaches the server behind its copy: the attacker listens only.
    #[default]
    Follows,
    /// The attacker keeps it, so that the client is mute until its next packet that is not copied.
    Dropped,
}

impl OriginalFate {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Follows, Self::Dropped];

    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Follows => "follows",
            Self::Dropped => "dropped",
        }
    }
}

/// One attack, and what was seen of it. All times are those of the server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoofReport {
    /// Its number in the lab, from 0.
    pub number: u64,
    /// When it was asked for.
    pub at: Time,
    /// Packets of each connection that were to be copied.
    pub packets: u8,
    /// What became of the originals.
    pub original: OriginalFate,
    /// Why it was not done as asked, if it was not: another host cannot be had everywhere, and then the attacker has
    /// the client's host and another port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The QUIC connections that were there, [`SpoofReport::MAX_PATHS`] at most.
    pub paths: Vec<SpoofPath>,
}

impl SpoofReport {
    /// Attacks that a lab remembers.
    pub const KEPT: usize = 8;
    /// Connections of one attack that are followed.
    pub const MAX_PATHS: usize = 16;
    /// What may be sent to an address that is not validated, times what came from there (RFC 9000 §8.1).
    pub const MOST_AMPLIFIED: u64 = 3;
}

/// What one connection did when its client's packets came from an attacker's address as well.
///
/// Frames and [`Self::returned_at`] are known where packets can be opened: in labs of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoofPath {
    /// The connection's number in the lab.
    pub flow: u64,
    /// Its lane, once its URL has named it.
    pub lane: Option<u16>,
    /// The client's address, as the server sees it.
    pub client_address: String,
    /// The attacker's.
    pub attacker_address: String,
    /// What was sent to the server from the attacker's address.
    pub copied: Volume,
    /// What the server sent to the attacker's address; nobody answers there.
    pub reflected: Volume,
    /// When the first copy was sent.
    pub copied_at: Option<Time>,
    /// When the server first sent something to the attacker's address; `None` as long as it has not.
    pub turned_at: Option<Time>,
    /// When it sent something else than path probes (RFC 9000 §9.1) to the client's address again, and no more of that
    /// to the attacker's.
    pub returned_at: Option<Time>,
    /// PATH_CHALLENGE and PATH_RESPONSE frames since the first copy; [`PathFrame::is_to_old_address`] says which ones
    /// were sent to the attacker's address. [`super::SwitchReport::MAX_FRAMES`] at most.
    pub frames: Vec<PathFrame>,
    /// Frames beyond those that are remembered.
    #[serde(default)]
    pub more_frames: u64,
    /// What the server knew of the path just before.
    pub before: Option<PathState>,
    /// What it knew when it was back at the client's address.
    pub after: Option<PathState>,
    /// Packets with data of a stream or a datagram that the server sent to the client's address since it went back, or
    /// since the first copy if it never left, and that have arrived there.
    pub data_packets: u64,
    /// When the last of them arrived.
    pub last_data_at: Option<Time>,
    /// Whether the connection's packets still pass here: a client that had to connect anew has another number.
    pub is_open: bool,
    /// Until when it was watched what is sent to the attacker's address; `None` as long as it is.
    pub watched_until: Option<Time>,
}

/// A number of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Datagrams.
    pub packets: u64,
    /// Their UDP payload, bytes.
    pub bytes: u64,
}

impl Volume {
    /// Another datagram of `bytes` bytes.
    pub const fn add(&mut self, bytes: u64) {
        self.packets += 1;
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::super::LabEvent;
    use super::*;

    #[test]
    fn an_attack_has_settings_that_may_be_left_out_and_no_others() {
        let read = |text: &str| serde_json::from_str::<LabEvent>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"event":"spoof"}"#), Ok(LabEvent::Spoof(Spoof::default())));
        let all = read(r#"{"event":"spoof","packets":16,"original":"dropped"}"#);
        assert_eq!(all, Ok(LabEvent::Spoof(Spoof { packets: 16, original: OriginalFate::Dropped })));
        assert!(read(r#"{"event":"spoof","bytes":3}"#).is_err());
        assert!(read(r#"{"event":"spoof","original":"eaten"}"#).is_err());
    }
}
