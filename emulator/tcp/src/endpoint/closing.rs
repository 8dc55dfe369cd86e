//! FIN, RST and TIME-WAIT (RFC 9293 §3.6).

use core::fmt;
use core::time::Duration;

use sluice_shared::time::Time;

use crate::segment::Flags;

use super::state::{Endpoint, State};

/// How long a connection that is over stays for late segments (`TCP_TIMEWAIT_LEN`).
const TIME_WAIT: Duration = Duration::from_secs(60);

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Both sides closed their streams.
    Finished,
    /// This side reset the connection.
    Aborted,
    /// The peer reset the connection.
    Reset,
    /// The peer did not want the connection.
    Refused,
    /// The peer did not answer.
    TimedOut,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "both sides closed it",
            Self::Aborted => "this side reset it",
            Self::Reset => "the peer reset it",
            Self::Refused => "the peer refused it",
            Self::TimedOut => "the peer did not answer",
        })
    }
}

impl Endpoint {
    /// Closes this side's stream: a FIN follows the last byte written, once there is a connection. Reading goes on.
    pub fn close(&mut self, now: Time) {
        if self.sender.buffer().is_closed() {
            return;
        }
        match self.state {
            State::Listen | State::SynSent | State::SynReceived => self.sender.buffer_mut().close(),
            State::Established => self.close_in(State::FinWait1, now),
            State::CloseWait => self.close_in(State::LastAck, now),
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => {}
        }
    }

    /// Ends the connection at once and tells the peer.
    pub fn abort(&mut self, now: Time) {
        if self.is_synchronized() && self.state != State::TimeWait {
            self.send_bare(self.sender.next(), Flags::RST | Flags::ACK, now);
        }
        self.end(EndReason::Aborted);
    }

    fn close_in(&mut self, state: State, now: Time) {
        self.state = state;
        self.sender.close(now);
        self.flush(now);
    }

    /// Moves on when our FIN was acknowledged, or the peer's has arrived.
    pub(super) fn advance_closing(&mut self, now: Time) {
        let buffer = self.sender.buffer();
        let is_ours_acked = buffer.is_closed() && self.sender.acked() >= buffer.end();
        let is_theirs_here = self.receiver.stream().is_finished();
        let next = match (self.state, is_ours_acked, is_theirs_here) {
            (State::Established, _, true) => State::CloseWait,
            (State::FinWait1, true, false) => State::FinWait2,
            (State::FinWait1, false, true) => State::Closing,
            (State::FinWait1 | State::FinWait2 | State::Closing, true, true) => State::TimeWait,
            (State::LastAck, true, _) => {
                self.end(EndReason::Finished);
                return;
            }
            (same, ..) => same,
        };
        if next == State::TimeWait && self.state != State::TimeWait {
            self.time_wait_until = Some(now + TIME_WAIT);
        }
        self.state = next;
    }

    pub(super) fn end(&mut self, reason: EndReason) {
        self.state = State::Closed;
        self.ended.get_or_insert(reason);
        self.handshake.due = None;
        self.time_wait_until = None;
    }
}
