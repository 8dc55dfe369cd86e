//! What an endpoint is set to; the defaults are Linux's.

use core::time::Duration;

use sluice_shared::lab::Congestion;

/// The settings of one endpoint. Each field names the Linux setting that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Largest segment that this side takes, in bytes of data without options: MTU 1500 − 40.
    pub max_segment_bytes: u16,
    /// The congestion controller (`TCP_CONGESTION`).
    pub congestion: Congestion,
    /// Initial congestion window in packets (`TCP_INIT_CWND`, RFC 6928).
    pub initial_cwnd_packets: u64,
    /// Most bytes that wait or fly in the send buffer (half of `tcp_wmem[2]`: Linux counts its bookkeeping too).
    pub max_send_buffer_bytes: u64,
    /// The receive window offered at first, in bytes, at most 65,535 (`tcp_rmem[1]` / 2).
    pub initial_receive_window_bytes: u64,
    /// What the receive window may grow to, in bytes (`tcp_rmem[2]` / 2).
    pub max_receive_window_bytes: u64,
    /// Least allowance for variance in the retransmission timeout (`TCP_RTO_MIN`).
    pub min_rto: Duration,
    /// Longest retransmission timeout (`TCP_RTO_MAX`).
    pub max_rto: Duration,
    /// Retransmissions of a SYN before giving up (`tcp_syn_retries`).
    pub max_syn_retransmissions: u32,
    /// The first timeouts of a SYN that stay at 1 s before they double (`tcp_syn_linear_timeouts`).
    pub linear_syn_timeouts: u32,
    /// Retransmissions of a SYN-ACK before giving up (`tcp_synack_retries`).
    pub max_syn_ack_retransmissions: u32,
    /// Timeouts in a row before the connection is given up (`tcp_retries2`).
    pub max_timeouts: u32,
    /// Whether the congestion window decays while nothing is sent (`tcp_slow_start_after_idle`, RFC 5681 §4.1).
    pub slow_start_after_idle: bool,
    /// Probes of a silent peer, or `None` for none, which is how a socket starts.
    pub keep_alive: Option<KeepAlive>,
}

/// Bytes of a segment that the timestamps' option takes (RFC 7323 §3.2, padded).
const TIMESTAMP_BYTES: u64 = 12;

impl Config {
    /// The defaults with `congestion`, and the initial window that it asks for.
    pub fn with_congestion(congestion: Congestion) -> Self {
        let defaults = Self::default();
        let segment_bytes = u64::from(defaults.max_segment_bytes) - TIMESTAMP_BYTES;
        let initial_cwnd_packets = congestion
            .initial_window_bytes()
            .map_or(defaults.initial_cwnd_packets, |bytes| bytes.div_ceil(segment_bytes));
        Self { congestion, initial_cwnd_packets, ..defaults }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_segment_bytes: 1_460,
            congestion: Congestion::Cubic,
            initial_cwnd_packets: 10,
            max_send_buffer_bytes: 2 << 20,
            initial_receive_window_bytes: 65_535,
            max_receive_window_bytes: 3 << 20,
            min_rto: Duration::from_millis(200),
            max_rto: Duration::from_secs(120),
            max_syn_retransmissions: 6,
            linear_syn_timeouts: 4,
            max_syn_ack_retransmissions: 5,
            max_timeouts: 15,
            slow_start_after_idle: true,
            keep_alive: None,
        }
    }
}

/// When a silent peer is probed (RFC 9293 §3.8.4; `SO_KEEPALIVE` and its options).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Silence before the first probe (`TCP_KEEPIDLE`).
    pub idle: Duration,
    /// Time between probes (`TCP_KEEPINTVL`).
    pub interval: Duration,
    /// Unanswered probes before the connection is given up (`TCP_KEEPCNT`).
    pub probes: u32,
}

impl KeepAlive {
    /// Linux's defaults: after 2 h, every 75 s, 9 times.
    pub const LINUX: Self =
        Self { idle: Duration::from_secs(7_200), interval: Duration::from_secs(75), probes: 9 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_window_is_256_kib_in_whole_packets_and_the_others_are_ten() {
        let packets = |congestion| Config::with_congestion(congestion).initial_cwnd_packets;
        let wide = packets(Congestion::CubicWide);
        assert!(
            (wide - 1) * 1_448 < Congestion::WIDE_WINDOW_BYTES
                && wide * 1_448 >= Congestion::WIDE_WINDOW_BYTES
        );
        assert_eq!((packets(Congestion::Cubic), packets(Congestion::Bbr)), (10, 10));
    }
}
