//! One end of a connection, and who uses it.

use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use sluice_shared::time::Time;
use sluice_tcp::{Endpoint, State};

/// How long an end that its application has left waits for the peer to close too (`tcp_fin_timeout`).
const FIN_TIMEOUT: Duration = Duration::from_secs(60);

/// The number of an end on its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndId(pub(super) u64);

/// Who has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The server's host, until its handshake is over.
    Handshake,
    /// A listener's queue.
    Backlog,
    /// A stream.
    Application,
    /// The host alone, until the protocol is through.
    Nobody,
}

/// A TCP endpoint with its addresses and those who wait for it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) endpoint: Endpoint,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) holder: Holder,
    /// Waits until it is established.
    pub(super) opener: Option<Waker>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// What the timetable has for it.
    pub(super) due: Option<Time>,
    fin_timeout_at: Option<Time>,
}

impl End {
    pub(super) const fn new(endpoint: Endpoint, local: SocketAddr, peer: SocketAddr, holder: Holder) -> Self {
        Self {
            endpoint,
            local,
            peer,
            holder,
            opener: None,
            reader: None,
            writer: None,
            due: None,
            fin_timeout_at: None,
        }
    }

    /// The application goes: as in Linux with a reset if it leaves something unread, and without a word where there is
    /// no connection yet.
    pub(super) fn leave(&mut self, now: Time) {
        let is_opening = self.endpoint.state() == State::SynSent;
        if is_opening || self.endpoint.info().unread_bytes > 0 {
            self.endpoint.abort(now);
        } else {
            self.endpoint.close(now);
        }
        self.holder = Holder::Nobody;
        (self.opener, self.reader, self.writer) = (None, None, None);
    }

    /// Does what is due.
    pub(super) fn handle_due(&mut self, now: Time) {
        if self.endpoint.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.endpoint.handle_timeout(now);
        }
    }

    /// Where the application has gone nobody reads what still comes, and nobody waits for ever until the peer closes.
    pub(super) fn watch_abandoned(&mut self, now: Time) {
        if self.holder != Holder::Nobody {
            return;
        }
        let is_waiting = self.endpoint.state() == State::FinWait2;
        self.fin_timeout_at = is_waiting.then(|| self.fin_timeout_at.unwrap_or(now + FIN_TIMEOUT));
        if self.fin_timeout_at.is_some_and(|at| at <= now) || self.endpoint.info().unread_bytes > 0 {
            self.endpoint.abort(now);
            self.fin_timeout_at = None;
        }
    }

    /// When [`Self::handle_due`] and [`Self::watch_abandoned`] are due.
    pub(super) fn next_due(&self) -> Option<Time> {
        let timeout = self.endpoint.poll_timeout().map(|(at, _)| at);
        timeout.into_iter().chain(self.fin_timeout_at).min()
    }

    /// Whether nothing more can come of it.
    pub(super) const fn is_over(&self) -> bool {
        self.endpoint.end_reason().is_some() && matches!(self.holder, Holder::Nobody)
    }

    /// Those who wait for what is here now.
    pub(super) fn take_wakers(&mut self) -> [Option<Waker>; 3] {
        let endpoint = &self.endpoint;
        let has_ended = endpoint.end_reason().is_some();
        let is_open = has_ended || endpoint.is_established();
        // As Linux: a writer that waits is told when a third of the buffer is free, so that it does not come for crumbs.
        let is_writable =
            has_ended || 2 * endpoint.send_buffer_free_bytes() >= endpoint.send_buffer_used_bytes().max(1);
        let is_readable =
            self.reader.is_some() && (endpoint.is_read_finished() || endpoint.info().unread_bytes > 0);
        [
            self.opener.take_if(|_| is_open),
            self.reader.take_if(|_| is_readable),
            self.writer.take_if(|_| is_writable),
        ]
    }
}
