//! What is due when.

use sluice_shared::time::Time;

use crate::config::KeepAlive;
use crate::segment::Flags;

use super::closing::EndReason;
use super::state::{Endpoint, State};

/// Whether the peer is still there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    heard_at: Time,
    /// Probes since.
    probes: u32,
}

impl Liveness {
    pub(super) const fn new(now: Time) -> Self {
        Self { heard_at: now, probes: 0 }
    }

    pub(super) const fn on_heard(&mut self, now: Time) {
        self.heard_at = now;
        self.probes = 0;
    }

    fn due(&self, keep_alive: KeepAlive) -> Time {
        self.heard_at + keep_alive.idle + keep_alive.interval * self.probes
    }
}

impl Endpoint {
    /// When [`Self::handle_timeout`] should be called, and what for; `None` when nothing is under way.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let handshake = self.handshake.due.map(|at| (at, "handshake"));
        let time_wait = self.time_wait_until.map(|at| (at, "time wait"));
        if !self.is_synchronized() || self.state == State::TimeWait {
            return handshake.or(time_wait);
        }
        let keep_alive = self.keep_alive_due().map(|at| (at, "keep-alive"));
        [self.sender.poll_timeout(), self.receiver.poll_timeout(), keep_alive]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.handshake.due) {
            self.on_handshake_timeout(now);
        }
        if is_due(self.time_wait_until) {
            self.end(EndReason::Finished);
        }
        if !self.is_synchronized() || self.state == State::TimeWait {
            return;
        }
        if is_due(self.keep_alive_due()) {
            self.on_silence(now);
        }
        if self.sender.handle_timeout(now).is_err() {
            self.end(EndReason::TimedOut);
            return;
        }
        self.sender.push(now);
        self.flush(now);
        let rto = self.sender.rtt().rto();
        if self.receiver.is_ack_due_at_timeout(rto, now) && self.can_acknowledge() {
            self.send_ack(now);
        }
    }

    /// A silent peer is probed only while nothing else would bring an answer.
    fn keep_alive_due(&self) -> Option<Time> {
        let is_quiet = self.sender.board().is_empty() && self.sender.poll_timeout().is_none();
        self.config.keep_alive.filter(|_| is_quiet).map(|keep_alive| self.liveness.due(keep_alive))
    }

    fn on_silence(&mut self, now: Time) {
        let Some(keep_alive) = self.config.keep_alive else { return };
        if self.liveness.probes >= keep_alive.probes {
            self.send_bare(self.sender.next(), Flags::RST | Flags::ACK, now);
            self.end(EndReason::TimedOut);
            return;
        }
        self.liveness.probes += 1;
        self.send_probe(now);
    }

    /// An old number makes the peer say where it stands.
    fn send_probe(&mut self, now: Time) {
        self.send_bare(self.sender.acked() - 1, Flags::ACK, now);
    }
}
