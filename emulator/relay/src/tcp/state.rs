//! What a TCP connection's lock guards: the conversation, and those who read from and write to its ends.

use std::task::Waker;
use std::time::Duration;

use sluice_shared::time::Time;
use sluice_tcp::State;
use tokio::sync::mpsc;

use super::conversation::Conversation;
use super::stream::RampStream;
use crate::agenda::Timer;

/// How long the server's end waits for the client to close after the server's application has gone
/// (`tcp_fin_timeout`).
const FIN_TIMEOUT: Duration = Duration::from_secs(60);

/// What the lock of a [`super::flow::TcpFlow`] guards.
pub(super) struct FlowState {
    pub(super) conversation: Conversation,
    pub(super) timer: Timer,
    /// Where the server gets the connection, until it has it.
    pub(super) ramp: Option<mpsc::Sender<RampStream>>,
    pub(super) client: Application,
    pub(super) server: Application,
    pub(super) fin_timeout_at: Option<Time>,
    /// Whether nothing passes any more, without a word to either end.
    pub(super) is_silent: bool,
    pub(super) has_ended: bool,
}

/// Who reads from and writes to an end.
#[derive(Default)]
pub(super) struct Application {
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    pub(super) is_gone: bool,
}

/// What has to be done without the lock.
#[derive(Default)]
pub(super) struct Aftermath {
    pub(super) wakers: [Option<Waker>; 4],
    pub(super) established: Option<mpsc::Sender<RampStream>>,
    pub(super) is_over: bool,
}

impl FlowState {
    /// Nobody reads what still comes, and nobody waits for ever until the client closes too.
    pub(super) fn watch_abandoned_server(&mut self, now: Time) {
        let server = &mut self.conversation.server;
        let is_waiting = server.state() == State::FinWait2;
        self.fin_timeout_at = is_waiting.then(|| self.fin_timeout_at.unwrap_or(now + FIN_TIMEOUT));
        if self.fin_timeout_at.is_some_and(|at| at <= now) || server.info().unread_bytes > 0 {
            server.abort(now);
            self.fin_timeout_at = None;
            self.conversation.settle(now);
        }
    }

    pub(super) fn take_wakers(&mut self) -> [Option<Waker>; 4] {
        let (client, server) = (&self.conversation.client, &self.conversation.server);
        let is_readable = |end: &sluice_tcp::Endpoint| end.is_read_finished() || end.info().unread_bytes > 0;
        // As Linux: a writer that waits is told when a third of the buffer is free, so that it does not come for crumbs.
        let is_writable = |end: &sluice_tcp::Endpoint| {
            end.end_reason().is_some()
                || 2 * end.send_buffer_free_bytes() >= end.send_buffer_used_bytes().max(1)
        };
        [
            self.client.reader.take_if(|_| is_readable(client)),
            self.client.writer.take_if(|_| is_writable(client)),
            self.server.reader.take_if(|_| is_readable(server)),
            self.server.writer.take_if(|_| is_writable(server)),
        ]
    }
}
