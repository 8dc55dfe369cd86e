//! What an endpoint shows of itself.

use core::time::Duration;

pub use crate::recovery::Phase;
pub use crate::sender::SendCounters;

use crate::endpoint::State;

/// What keeps new data from leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Everything that was written has been sent.
    NothingToSend,
    /// The congestion window is full, or the pace keeps the next packet back.
    CongestionWindow,
    /// The peer's receive window is full.
    PeerWindow,
    /// The connection is not established.
    Handshake,
}

/// A moment in the life of a connection, as one end sees it.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Where the connection stands.
    pub state: State,
    /// Where loss recovery stands.
    pub phase: Phase,
    /// What keeps new data from leaving.
    pub waits_for: WaitsFor,
    /// The congestion window, in packets.
    pub cwnd_packets: u64,
    /// The slow-start threshold in packets, or `None` before anything set one.
    pub ssthresh_packets: Option<u64>,
    /// Packets that the network holds, as far as is known.
    pub in_flight_packets: u64,
    /// The smoothed round trip, or `None` before the first sample.
    pub smoothed_rtt: Option<Duration>,
    /// The allowance for variance in the timeout; at least 200 ms once there is a sample.
    pub rtt_variance: Duration,
    /// The least round trip of five minutes, or `None` before the first sample.
    pub min_rtt: Option<Duration>,
    /// The retransmission timeout, with its backoff.
    pub rto: Duration,
    /// Bytes sent and not acknowledged.
    pub unacknowledged_bytes: u64,
    /// Bytes written and not sent once.
    pub unsent_bytes: u64,
    /// Bytes that the send buffer would take besides.
    pub send_buffer_free_bytes: u64,
    /// Bytes that the peer lets in beyond what it has acknowledged.
    pub peer_window_bytes: u64,
    /// The most data that one segment carries, bytes.
    pub segment_bytes: u32,
    /// Segments given out to be sent since the beginning, acknowledgments included.
    pub sent_segments: u64,
    /// Packets sent again since the beginning, tail probes included.
    pub retransmitted_packets: u64,
    /// Packets that the peer reported to have received twice.
    pub duplicate_packets: u64,
    /// Events of loss recovery.
    pub counters: SendCounters,
    /// Bytes received in order and not read.
    pub unread_bytes: u64,
    /// Bytes received behind a gap: they are blocked by a packet that is missing.
    pub blocked_bytes: u64,
    /// The window offered to the peer, in bytes.
    pub receive_window_bytes: u64,
}
