//! What is asked of the handshake lab.

use serde::{Deserialize, Serialize};

use super::probe::Probe;
use crate::link::limits::Limit;

/// Ranges of a request.
pub mod limits {
    use crate::link::limits::Limit;

    /// `rtt_ms`: round trip time of the network; round trips of nothing could not be counted.
    pub const RTT: Limit = Limit { name: "rtt_ms", unit: "ms", low: 1.0, high: 2_000.0 };
    /// `loss_percent`: random loss in both directions.
    pub const LOSS: Limit = Limit { name: "loss_percent", unit: "%", low: 0.0, high: 100.0 };
    /// `rate_kbit`: the bottleneck's rate in both directions.
    pub const RATE: Limit = Limit { name: "rate_kbit", unit: "kbit/s", low: 16.0, high: 10_000_000.0 };
    /// `runs`: of each probe.
    pub const RUNS: Limit = Limit { name: "runs", unit: "runs", low: 1.0, high: 1_000.0 };
    /// `early_data_bytes`: what tickets allow to ride in early data.
    pub const EARLY_DATA: Limit =
        Limit { name: "early_data_bytes", unit: "bytes", low: 0.0, high: 1_048_576.0 };
    /// `zero_rtt_bytes`: the `initial_max_data` that a QUIC client remembers with its ticket.
    pub const ZERO_RTT: Limit =
        Limit { name: "zero_rtt_bytes", unit: "bytes", low: 1_024.0, high: 16_777_216.0 };
    /// `blackout_ms`: from when on nothing passes any more, after a probe's first packet.
    pub const BLACKOUT: Limit = Limit { name: "blackout_ms", unit: "ms", low: 0.0, high: 60_000.0 };
}

/// What is to be probed, and over which network. Everything may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HandshakeRequest {
    /// Round trip time, ms ([`limits::RTT`]).
    pub rtt_ms: f64,
    /// Random loss in both directions, % ([`limits::LOSS`]).
    pub loss_percent: f64,
    /// The bottleneck's rate in both directions, kbit/s ([`limits::RATE`]); `None` without a bottleneck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_kbit: Option<f64>,
    /// Runs of each probe ([`limits::RUNS`]).
    pub runs: u32,
    /// Where every chance of the network comes from; the server draws one if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What is probed; nothing means everything.
    pub probes: Vec<Probe>,
    /// The `max_early_data_size` of the server's tickets over TCP, bytes ([`limits::EARLY_DATA`]); 0 for none.
    pub early_data_bytes: u32,
    /// The `initial_max_data` of the server's QUIC, bytes ([`limits::ZERO_RTT`]): what may ride in 0-RTT packets, since
    /// QUIC's tickets say 0xffffffff (RFC 9001 §4.6.1).
    pub zero_rtt_bytes: u32,
    /// From when on nothing passes any more, after the probe's first packet, ms ([`limits::BLACKOUT`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blackout_ms: Option<f64>,
    /// Whose time passes.
    pub clock: ClockKind,
    /// Whether replays, hostile datagrams and the table of facts are measured too.
    pub with_facts: bool,
}

/// Whose time passes in the lab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKind {
    /// The network's alone: the stacks run, but their computing takes no time.
    #[default]
    Virtual,
    /// The wall's: what computing takes is in every figure.
    Real,
}

/// A request that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}: it must be {expected}")]
pub struct HandshakeError {
    /// The setting.
    pub field: &'static str,
    /// What it was.
    pub value: String,
    /// What it may be, with its unit.
    pub expected: String,
}

impl Default for HandshakeRequest {
    fn default() -> Self {
        Self {
            rtt_ms: 100.0,
            loss_percent: 0.0,
            rate_kbit: None,
            runs: 5,
            seed: None,
            probes: Vec::new(),
            early_data_bytes: 16_384,
            zero_rtt_bytes: 65_536,
            blackout_ms: None,
            clock: ClockKind::Virtual,
            with_facts: false,
        }
    }
}

impl HandshakeRequest {
    /// What is probed, in the order in which it is shown.
    pub fn probes(&self) -> Vec<Probe> {
        Probe::ALL.into_iter().filter(|probe| self.probes.is_empty() || self.probes.contains(probe)).collect()
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), HandshakeError> {
        check(self.rtt_ms, limits::RTT)?;
        check(self.loss_percent, limits::LOSS)?;
        self.rate_kbit.map_or(Ok(()), |rate| check(rate, limits::RATE))?;
        check(self.runs.into(), limits::RUNS)?;
        check(self.early_data_bytes.into(), limits::EARLY_DATA)?;
        check(self.zero_rtt_bytes.into(), limits::ZERO_RTT)?;
        self.blackout_ms.map_or(Ok(()), |blackout| check(blackout, limits::BLACKOUT))
    }
}

fn check(value: f64, limit: Limit) -> Result<(), HandshakeError> {
    // Also what is no number is out of range.
    if value >= limit.low && value <= limit.high {
        return Ok(());
    }
    let expected = format!("{} to {} {}", limit.low, limit.high, limit.unit);
    Err(HandshakeError { field: limit.name, value: value.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let request: HandshakeRequest = serde_json::from_str("{}").expect("an empty request");
        assert_eq!(request, HandshakeRequest::default());
        assert_eq!(request.validate(), Ok(()));
        assert_eq!(request.probes(), Probe::ALL);
    }

    #[test]
    fn the_setting_that_is_out_of_range_is_named_with_its_range() {
        let error = |json: &str| {
            let request: HandshakeRequest = serde_json::from_str(json).expect("well formed");
            request.validate().expect_err("out of range").to_string()
        };
        assert_eq!(error(r#"{"rtt_ms": 2001}"#), "rtt_ms is 2001: it must be 1 to 2000 ms");
        assert_eq!(error(r#"{"loss_percent": -1}"#), "loss_percent is -1: it must be 0 to 100 %");
        assert_eq!(error(r#"{"runs": 0}"#), "runs is 0: it must be 1 to 1000 runs");
        assert!(error(r#"{"rate_kbit": 1}"#).starts_with("rate_kbit is 1"));
        assert!(error(r#"{"zero_rtt_bytes": 5}"#).starts_with("zero_rtt_bytes is 5"));
    }

    #[test]
    fn probes_keep_their_order() {
        let request = HandshakeRequest {
            probes: vec![Probe::WebTransport, Probe::Http2Cold, Probe::Http2Cold],
            ..HandshakeRequest::default()
        };
        assert_eq!(request.probes(), [Probe::Http2Cold, Probe::WebTransport]);
    }
}
