//! What a session shows of itself.

use super::ClientSession;
use crate::clock::ClockFilter;
use crate::flow::Receiver;
use crate::ids::{Epoch, SessionId};
use crate::mode::Mode;
use crate::time::{Time, micros};
use crate::units::Amount;
use crate::wire::Hop;

impl ClientSession {
    /// What waits in the inbox, bounded by the window if there is one.
    pub fn inbox_hop(&self, now: Time) -> Hop {
        let oldest = self.inbox.front().map(|first| self.local(first.header.produced_at));
        Hop {
            held: Amount::new(self.inbox.len() as u64, self.inbox_bytes),
            bound: self.window(),
            oldest_age_micros: oldest.map_or(0, |at| micros(now.since(at))),
        }
    }

    /// What the server has sent, as last heard, and has not arrived: in its transport, on the wire, or in the browser.
    pub fn transit_hop(&self) -> Hop {
        Hop { held: self.server_sent - self.credit.received(), bound: self.window(), oldest_age_micros: 0 }
    }

    /// How much may be on the way; zero without a bound, when the server knows no credit.
    pub fn window(&self) -> Amount {
        if self.is_naive() { Amount::ZERO } else { self.credit.window() }
    }

    /// How messages are carried on this connection, or on the next one.
    pub const fn mode(&self) -> Mode {
        self.config.mode
    }

    /// The receiver's half of credit.
    pub const fn credit(&self) -> &Receiver {
        &self.credit
    }

    /// What the server has sent in total on this connection, as last heard.
    pub const fn server_sent(&self) -> Amount {
        self.server_sent
    }

    /// The offset between the clocks.
    pub const fn clock(&self) -> &ClockFilter {
        &self.clock
    }

    /// Messages that came twice, or after they were given up, and were not consumed.
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The session and the life of the hub it belongs to, once welcomed.
    pub const fn identity(&self) -> Option<(SessionId, Epoch)> {
        self.identity
    }

    /// When anything was last heard on this connection, or when it began.
    pub const fn heard_at(&self) -> Time {
        self.pulse.heard_at()
    }

    /// When the first heartbeat left after which nothing has been heard.
    pub const fn unanswered_since(&self) -> Option<Time> {
        self.pulse.unanswered_since()
    }

    /// A time of the server's clock on this one.
    pub fn local(&self, server_time: Time) -> Time {
        self.clock.local_from_peer(server_time)
    }

    /// What has arrived, on whatever connection, and is not consumed.
    pub(super) fn held(&self) -> Amount {
        self.in_hand + Amount::new(self.inbox.len() as u64, self.inbox_bytes)
    }
}
