//! What an endpoint is, and what an application does with it.

use std::collections::VecDeque;

use bytes::Bytes;
use sluice_shared::time::Time;

use crate::config::Config;
use crate::info::{Info, WaitsFor};
use crate::random::mix;
use crate::receiver::{Path, Receiver};
use crate::segment::Segment;
use crate::sender::Sender;
use crate::seq::{Seq, SeqSpace};
use crate::timestamp::TimestampClock;

use super::closing::EndReason;
use super::handshake::Handshake;
use super::timers::Liveness;

/// The states of a connection (RFC 9293 §3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for a SYN.
    Listen,
    /// Has sent a SYN.
    SynSent,
    /// Has received a SYN and answered it.
    SynReceived,
    /// Data flows.
    Established,
    /// Has closed its side; the FIN is not acknowledged.
    FinWait1,
    /// Has closed its side; the peer has not.
    FinWait2,
    /// The peer has closed its side.
    CloseWait,
    /// Both have closed at once.
    Closing,
    /// Has closed its side after the peer; the FIN is not acknowledged.
    LastAck,
    /// Over, but late segments may still come.
    TimeWait,
    /// Over.
    Closed,
}

/// Why nothing can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// This side has closed its stream.
    #[error("the stream is closed for writing")]
    Closed,
    /// The connection has ended.
    #[error("the connection has ended: {0}")]
    Ended(EndReason),
}

/// One end of a TCP connection.
///
/// It does no IO: segments go in through [`Self::handle_segment`] and come out of [`Self::poll_segment`]; the time is
/// an argument and must never go back.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) handshake: Handshake,
    /// This side's numbering and the peer's.
    pub(super) own_space: SeqSpace,
    pub(super) peer_space: SeqSpace,
    pub(super) clock: TimestampClock,
    /// Where the congestion controller's chances come from.
    pub(super) seed: u64,
    /// The peer's timestamp to echo (TS.Recent), once it is known that the peer sends them.
    pub(super) recent_timestamp: Option<u32>,
    /// By how many bits the peer shifts its window field.
    pub(super) peer_scale: u8,
    pub(super) has_sack: bool,
    pub(super) segment_bytes: u64,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    pub(super) outbox: VecDeque<Segment>,
    pub(super) sent_segments: u64,
    pub(super) liveness: Liveness,
    pub(super) time_wait_until: Option<Time>,
    pub(super) ended: Option<EndReason>,
}

impl Endpoint {
    /// The side that opens the connection: its SYN is ready to be polled. `seed` picks its initial numbers.
    pub fn connect(config: Config, seed: u64, now: Time) -> Self {
        let mut endpoint = Self::new(config, State::SynSent, seed, now);
        endpoint.send_syn(now);
        endpoint
    }

    /// The side that waits for one connection. `seed` picks its initial numbers.
    pub fn listen(config: Config, seed: u64, now: Time) -> Self {
        Self::new(config, State::Listen, seed, now)
    }

    fn new(config: Config, state: State, seed: u64, now: Time) -> Self {
        let clock = TimestampClock::new(mix(seed ^ 0x7473));
        let segment_bytes = u64::from(config.max_segment_bytes);
        Self {
            state,
            handshake: Handshake::default(),
            own_space: SeqSpace::new(Seq::new(mix(seed))),
            peer_space: SeqSpace::default(),
            clock,
            seed,
            recent_timestamp: None,
            peer_scale: 0,
            has_sack: false,
            segment_bytes,
            sender: Sender::new(&config, segment_bytes, clock, seed),
            receiver: Receiver::new(&config, segment_bytes, now),
            outbox: VecDeque::new(),
            sent_segments: 0,
            liveness: Liveness::new(now),
            time_wait_until: None,
            ended: None,
            config,
        }
    }

    /// Takes as much of `data` as the send buffer has room for, and says how much that was. Before the connection is
    /// established the data waits.
    ///
    /// # Errors
    /// When this side has closed its stream, or the connection has ended.
    pub fn write(&mut self, data: &[u8], now: Time) -> Result<usize, WriteError> {
        if let Some(reason) = self.ended {
            return Err(WriteError::Ended(reason));
        }
        if self.sender.buffer().is_closed() {
            return Err(WriteError::Closed);
        }
        if !self.is_synchronized() {
            return Ok(self.sender.buffer_mut().write(data));
        }
        let taken = self.sender.write(data, now);
        self.flush(now);
        Ok(taken)
    }

    /// Takes at most `max_bytes` that arrived in order, or `None` when there are none; see [`Self::is_read_finished`].
    pub fn read(&mut self, max_bytes: usize, now: Time) -> Option<Bytes> {
        let path = self.path();
        let (data, is_ack_due) = self.receiver.read(max_bytes, path, now)?;
        if is_ack_due && self.can_acknowledge() {
            self.send_ack(now);
        }
        Some(data)
    }

    /// Whether everything was read that the peer will ever send: it closed its stream, or the connection ended.
    pub fn is_read_finished(&self) -> bool {
        let stream = self.receiver.stream();
        stream.ready_bytes() == 0 && (stream.is_finished() || self.ended.is_some())
    }

    /// The next segment to send.
    pub fn poll_segment(&mut self) -> Option<Segment> {
        let segment = self.outbox.pop_front()?;
        self.sent_segments += 1;
        Some(segment)
    }

    /// Where the connection stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the handshake is over and data can flow in one direction at least.
    pub const fn is_established(&self) -> bool {
        matches!(self.state, State::Established | State::FinWait1 | State::FinWait2 | State::CloseWait)
    }

    /// Why the connection ended, once it has.
    pub const fn end_reason(&self) -> Option<EndReason> {
        self.ended
    }

    /// Bytes that a write would take.
    pub fn send_buffer_free_bytes(&self) -> u64 {
        self.sender.buffer().free()
    }

    /// Bytes that have been written and not been acknowledged.
    pub fn send_buffer_used_bytes(&self) -> u64 {
        self.sender.buffer().data_end().saturating_sub(self.sender.acked())
    }

    /// This moment of the connection, for display.
    pub fn info(&self) -> Info {
        let (sender, stream) = (&self.sender, self.receiver.stream());
        let waits_for = if self.is_synchronized() { sender.waits_for() } else { WaitsFor::Handshake };
        Info {
            state: self.state,
            phase: sender.recovery().phase,
            waits_for,
            cwnd_packets: sender.congestion().cwnd(),
            ssthresh_packets: sender.congestion().ssthresh(),
            in_flight_packets: sender.board().in_flight(),
            smoothed_rtt: sender.rtt().smoothed(),
            rtt_variance: sender.rtt().variance(),
            min_rtt: sender.rtt().min(),
            rto: sender.rtt().rto(),
            unacknowledged_bytes: sender.next() - sender.acked(),
            unsent_bytes: sender.buffer().data_end().saturating_sub(sender.next()),
            send_buffer_free_bytes: sender.buffer().free(),
            peer_window_bytes: sender.peer_window_bytes(),
            segment_bytes: u32::try_from(self.segment_bytes).unwrap_or(u32::MAX),
            sent_segments: self.sent_segments,
            retransmitted_packets: sender.retransmitted(),
            duplicate_packets: sender.duplicates(),
            counters: *sender.counters(),
            unread_bytes: stream.ready_bytes(),
            blocked_bytes: stream.held_bytes(),
            receive_window_bytes: self.receiver.window().left(stream.next()),
        }
    }

    /// Whether both sides know each other's numbers.
    pub(super) const fn is_synchronized(&self) -> bool {
        !matches!(self.state, State::Listen | State::SynSent | State::SynReceived | State::Closed)
    }

    /// Whether a bare acknowledgment makes sense.
    pub(super) const fn can_acknowledge(&self) -> bool {
        self.is_synchronized()
    }

    pub(super) fn path(&self) -> Path {
        let rtt = self.sender.rtt();
        Path { smoothed_rtt: rtt.smoothed(), rto: rtt.rto(), segment_bytes: self.segment_bytes }
    }
}
