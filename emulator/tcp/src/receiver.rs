//! The receiving half of an endpoint: the stream, the window, and when to acknowledge.

use core::time::Duration;

use bytes::Bytes;
use sluice_shared::time::Time;

use crate::ack_policy::{AckPolicy, AckSituation};
use crate::config::Config;
use crate::reassembly::{Arrival, Reassembly};
use crate::window::ReceiveWindow;

/// What the receiving half needs to know of the sending half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) smoothed_rtt: Option<Duration>,
    pub(crate) rto: Duration,
    /// Most bytes of data in a segment.
    pub(crate) segment_bytes: u64,
}

/// The receiving half of an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    stream: Reassembly,
    window: ReceiveWindow,
    policy: AckPolicy,
}

impl Receiver {
    pub(crate) fn new(config: &Config, segment_bytes: u64, now: Time) -> Self {
        let (initial, max) = (config.initial_receive_window_bytes, config.max_receive_window_bytes);
        Self {
            stream: Reassembly::new(),
            window: ReceiveWindow::new(initial, max, segment_bytes, now),
            policy: AckPolicy::new(),
        }
    }

    /// Whether a segment from `start` up to but without `end` touches the window (RFC 9293 §3.10.7.4).
    pub(crate) fn is_acceptable(&self, start: u64, end: u64) -> bool {
        let next = self.stream.next();
        let window_end = next + self.window.left(next);
        // An acknowledgment that was overtaken by data is still of use, down to what was acknowledged last.
        if start == end {
            start >= self.window.offered_from() && start <= window_end
        } else {
            end > next && start < window_end
        }
    }

    /// Takes data at `start`, cut to the window by the caller.
    pub(crate) fn handle_data(&mut self, start: u64, data: &Bytes, flags: Arriving, path: Path, now: Time) {
        match self.stream.insert(start, data, flags.has_fin) {
            Arrival::InOrder { has_filled_gap } => {
                let bytes = data.len() as u64;
                self.policy.on_data(
                    bytes,
                    flags.has_push,
                    path.segment_bytes,
                    self.window.offered(),
                    path.rto,
                    now,
                );
                let growth = 2 * if bytes >= path.segment_bytes / 2 {
                    path.segment_bytes
                } else {
                    self.policy.segment_bytes()
                };
                if self.window.on_data(bytes, growth, self.buffered()) {
                    self.policy.on_window_grown();
                }
                if has_filled_gap || flags.has_fin {
                    self.policy.hurry();
                }
            }
            Arrival::BehindGap => self.policy.schedule(),
            Arrival::Duplicate => {
                self.policy.enter_quick_mode(self.window.offered());
                self.policy.hurry();
            }
        }
        if self.stream.has_duplicate() {
            self.policy.schedule();
        }
    }

    /// Something came that cannot be taken: the peer is told at once where this side stands.
    pub(crate) fn refuse(&mut self) {
        self.policy.enter_quick_mode(self.window.offered());
        self.policy.hurry();
    }

    /// A gap between the peer's timestamp and now tells the round trip to the side that only receives.
    pub(crate) fn on_rtt_sample(&mut self, bytes: u64, sample: Duration) {
        if bytes >= self.policy.segment_bytes() {
            self.window.on_rtt_sample(sample);
        }
    }

    /// Whether an acknowledgment leaves now that something has arrived; else it is put off.
    pub(crate) fn is_ack_due_after_arrival(&mut self, path: Path, now: Time) -> bool {
        if self.window.is_half_full(self.buffered()) {
            self.policy.stop_quick();
        }
        let wanted = self.window.wanted(self.buffered(), self.policy.segment_bytes());
        let situation = AckSituation {
            unacknowledged: self.unacknowledged(),
            next: self.stream.next(),
            has_gap: self.stream.has_gap(),
            keeps_window: self.stream.ready_bytes() == 0 || wanted >= self.window.offered(),
            smoothed_rtt: path.smoothed_rtt,
            least_rtt: [path.smoothed_rtt, self.window.rtt()].into_iter().flatten().min(),
        };
        self.policy.is_due_after_arrival(situation, now)
    }

    /// Takes at most `max_bytes` of what is ready, and says whether an acknowledgment leaves now.
    pub(crate) fn read(&mut self, max_bytes: usize, path: Path, now: Time) -> Option<(Bytes, bool)> {
        let data = self.stream.read(max_bytes)?;
        self.window.on_read(data.len() as u64, path.segment_bytes, now);
        let is_all_read = self.stream.ready_bytes() == 0;
        let is_due = self.policy.is_due_after_read(self.unacknowledged(), is_all_read);
        Some((data, is_due || self.has_window_reopened()))
    }

    /// The window has at least doubled, which the peer should know although nothing is to be acknowledged.
    fn has_window_reopened(&self) -> bool {
        let left = self.window.left(self.stream.next());
        let wanted = self.window.wanted(self.buffered(), self.policy.segment_bytes());
        2 * left <= self.window.capacity() && wanted > 0 && wanted >= 2 * left
    }

    /// The window for a segment that leaves now, in bytes; everything received counts as acknowledged by it.
    pub(crate) fn on_ack_sent(&mut self) -> u64 {
        self.policy.on_ack_sent();
        self.window.offer(self.stream.next(), self.buffered(), self.policy.segment_bytes())
    }

    /// When [`Self::is_ack_due_at_timeout`] should be asked, and what for.
    pub(crate) fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        self.policy.poll_timeout()
    }

    /// Whether the time for an acknowledgment that was put off has come.
    pub(crate) fn is_ack_due_at_timeout(&mut self, rto: Duration, now: Time) -> bool {
        self.policy.is_due_at_timeout(rto, now)
    }

    /// Data left at `now`, which may be an answer to what was received.
    pub(crate) fn on_data_sent(&mut self, now: Time) {
        self.policy.on_data_sent(now);
    }

    pub(crate) const fn stream(&self) -> &Reassembly {
        &self.stream
    }

    pub(crate) const fn stream_mut(&mut self) -> &mut Reassembly {
        &mut self.stream
    }

    pub(crate) const fn window(&self) -> &ReceiveWindow {
        &self.window
    }

    pub(crate) const fn window_mut(&mut self) -> &mut ReceiveWindow {
        &mut self.window
    }

    fn buffered(&self) -> u64 {
        self.stream.ready_bytes() + self.stream.held_bytes()
    }

    const fn unacknowledged(&self) -> u64 {
        self.stream.next() - self.window.offered_from()
    }
}

/// The control bits of a segment that matter to its data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving {
    pub(crate) has_push: bool,
    pub(crate) has_fin: bool,
}
