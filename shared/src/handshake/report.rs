//! What the handshake lab has measured.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::probe::{Probe, Stack};
use super::request::{ClockKind, HandshakeRequest};

/// Everything that one request led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandshakeReport {
    /// Its name in paths: 16 hexadecimal digits.
    pub id: String,
    /// What was asked, with the seed that was used.
    #[serde(deserialize_with = "RequestEcho::deserialize")]
    pub request: HandshakeRequest,
    /// A result for each probe.
    pub probes: Vec<ProbeReport>,
    /// What came of replayed first flights; empty unless it was asked for.
    pub replays: Vec<Replay>,
    /// What came of datagrams that no peer sends; `None` unless it was asked for.
    pub hostile: Option<Hostile>,
    /// Both stacks side by side; empty unless it was asked for.
    pub facts: Vec<Fact>,
}

/// How [`HandshakeReport::request`] is read: unlike a request that a client writes, its echo is complete, and a newer
/// server may name settings that the reader does not know.
#[derive(Deserialize)]
#[serde(remote = "HandshakeRequest")]
struct RequestEcho {
    rtt_ms: f64,
    loss_percent: f64,
    #[serde(default)]
    rate_kbit: Option<f64>,
    runs: u32,
    #[serde(default)]
    seed: Option<u64>,
    probes: Vec<Probe>,
    early_data_bytes: u32,
    zero_rtt_bytes: u32,
    #[serde(default)]
    blackout_ms: Option<f64>,
    clock: ClockKind,
    with_facts: bool,
}

/// What the runs of one probe had in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// Which.
    pub probe: Probe,
    /// How often it ran.
    pub runs: u32,
    /// Runs that got their answer.
    pub completed: u32,
    /// From the client's first packet to the server's Finished, of those that came so far.
    pub secure: Option<Spread>,
    /// From the client's first packet to the first byte of the final answer.
    pub first_byte: Option<Spread>,
    /// Round trips counted from the packets, until the server's Finished.
    pub secure_round_trips: RoundTrips,
    /// Round trips counted from the packets, until the first byte of the final answer.
    pub first_byte_round_trips: RoundTrips,
    /// Whether every run took the round trips of [`Probe::expected`]; `None` where packets were lost or a run stopped,
    /// since then nothing is expected.
    pub is_as_expected: Option<bool>,
    /// Bytes of IP packets that the client sent until the first byte of the answer: the median.
    pub bytes_up: u64,
    /// Bytes of IP packets that the server sent until then: the median.
    pub bytes_down: u64,
    /// Packets that the client sent until then: the median.
    pub packets_up: u64,
    /// Packets that the server sent until then: the median.
    pub packets_down: u64,
    /// What became of early data.
    pub early: EarlyData,
    /// Requests of all runs.
    pub requests: u32,
    /// Requests of all runs that were answered from early data alone.
    pub answered_early: u32,
    /// Answers 425 Too Early of all runs.
    pub too_early: u32,
    /// How often the effect of a POST happened, in all runs.
    pub effects: u32,
    /// Where runs stopped that got no answer.
    pub stops: Vec<Stop>,
    /// Packets of the run whose ladder is shown: the first.
    pub ladder_packets: u32,
}

/// How a figure spreads over the runs, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min_micros: u64,
    /// The median.
    pub median_micros: u64,
    /// 95 % are not above.
    pub p95_micros: u64,
    /// The largest.
    pub max_micros: u64,
}

/// How many runs took how many round trips.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrips(pub Vec<(u32, u32)>);

/// What became of early data in the runs of a probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyData {
    /// Runs that sent some.
    pub offered: u32,
    /// Runs in which the server took it.
    pub accepted: u32,
    /// Runs in which the server refused it: it was sent again after the handshake.
    pub rejected: u32,
}

/// Where runs stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// In words, such as "no answer to the SYN".
    pub at: String,
    /// How many runs.
    pub runs: u32,
    /// After how long they were given up: the median, µs.
    pub after_micros: u64,
}

/// What guards a server against replayed early data (RFC 8446 §8, RFC 8470).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayGuard {
    /// Nothing: an exhibit. Tickets may be used again and again, and early requests are carried out whatever they do.
    Nothing,
    /// Tickets may be used again, but what is not safe gets 425 Too Early.
    TooEarly,
    /// A ticket is good for one connection (RFC 8446 §8.1), and what is not safe gets 425 Too Early: this server.
    SingleUse,
}

/// A captured first flight with a POST in early data, sent again from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// What carried it.
    pub stack: Stack,
    /// What guarded the server.
    pub guard: ReplayGuard,
    /// First flights that were sent again, each once.
    pub replays: u32,
    /// How often the effect happened, which was wanted as often as there were replays: more is a double effect.
    pub effects: u32,
    /// Replays whose early data the server took.
    pub accepted: u32,
    /// Answers 425 Too Early, to originals and replays.
    pub too_early: u32,
}

/// Datagrams that no peer sends, at the QUIC port while a connection is served there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hostile {
    /// Random bytes sent.
    pub garbage: u32,
    /// Initials sent that end too early, or are smaller than 1,200 bytes (RFC 9000 §14.1).
    pub truncated: u32,
    /// Initials sent of a version that does not exist.
    pub unknown_versions: u32,
    /// Version Negotiation packets that answered them (RFC 9000 §6).
    pub version_negotiations: u32,
    /// Retry packets with a forged integrity tag (RFC 9001 §5.8) sent to a client in its handshake.
    pub forged_retries: u32,
    /// Initials sent with a token that the server never gave.
    pub forged_tokens: u32,
    /// Datagrams that were answered with nothing at all.
    pub dropped: u32,
    /// Requests of the honest client beside all that.
    pub honest_requests: u32,
    /// How many of them got their answer.
    pub honest_answers: u32,
}

/// One line of the table: both stacks, as measured, and what the standards say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// A name for tests and links.
    pub name: String,
    /// What is compared.
    pub title: String,
    /// HTTP/2 over TCP, as measured.
    pub tcp: String,
    /// HTTP/3 over QUIC, as measured.
    pub quic: String,
    /// What the standards say, with their numbers.
    pub standard: String,
}

impl RoundTrips {
    /// Counts one more run that took `count`.
    pub fn add(&mut self, count: u32) {
        match self.0.binary_search_by_key(&count, |(count, _)| *count) {
            Ok(index) => self.0[index].1 += 1,
            Err(index) => self.0.insert(index, (count, 1)),
        }
    }

    /// What most runs took; the least of several.
    pub fn most_common(&self) -> Option<u32> {
        let most = self.0.iter().map(|(_, runs)| *runs).max()?;
        self.0.iter().find(|(_, runs)| *runs == most).map(|(count, _)| *count)
    }

    /// Whether all of `runs` runs took `count`.
    pub fn are_all(&self, count: u32, runs: u32) -> bool {
        self.0 == [(count, runs)]
    }
}

impl Spread {
    /// Of these figures; `None` when there are none.
    pub fn of(micros: Vec<u64>) -> Option<Self> {
        // A heap sorts with a small part of the code that the slice's own sorting takes, and pages have to load it.
        let micros = BinaryHeap::from(micros).into_sorted_vec();
        let at = |share: usize| micros.get((micros.len().saturating_sub(1) * share).div_ceil(100)).copied();
        Some(Self { min_micros: at(0)?, median_micros: at(50)?, p95_micros: at(95)?, max_micros: at(100)? })
    }
}

impl ReplayGuard {
    /// All, from the weakest.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::TooEarly, Self::SingleUse];

    /// A few words for a table.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Nothing => "no guard (exhibit)",
            Self::TooEarly => "425 Too Early alone",
            Self::SingleUse => "single-use tickets and 425",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_figures_that_were_measured() {
        assert_eq!(Spread::of(Vec::new()), None);
        let spread = Spread::of((1..=100).rev().collect()).expect("figures");
        assert_eq!(
            (spread.min_micros, spread.median_micros, spread.p95_micros, spread.max_micros),
            (1, 51, 96, 100)
        );
        assert_eq!(Spread::of(vec![7]).expect("one").p95_micros, 7);
    }

    #[test]
    fn round_trips_are_counted_by_runs() {
        let mut trips = RoundTrips::default();
        for count in [3, 2, 3] {
            trips.add(count);
        }
        assert_eq!(trips.0, [(2, 1), (3, 2)]);
        assert_eq!(trips.most_common(), Some(3));
        assert!(!trips.are_all(3, 3));
    }
}
