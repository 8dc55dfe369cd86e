//! One session across its connections.

use std::collections::VecDeque;

use core::time::Duration;

use super::super::heartbeat::{Due, Heartbeat, Pulse};
use super::certify::Notary;
use super::{ClientConfig, ClientEvent, Delivered};
use crate::audit::Entry;
use crate::clock::ClockFilter;
use crate::delivery::Delivery;
use crate::feed::FeedSpec;
use crate::flow::{AutoWindow, Receiver, WindowMode};
use crate::ids::{Epoch, SessionId};
use crate::ledger::Ledger;
use crate::mode::{Mode, Transport};
use crate::policy::Policy;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::{BatchHeader, ClientItem, Hello, PROTOCOL_VERSION, Ping, Resume, SeqRange};

/// One session across its connections, as the client runs it: what has arrived waits in an inbox until it is consumed,
/// and credit follows consumption.
#[derive(Debug)]
pub struct ClientSession {
    pub(super) config: ClientConfig,
    pub(super) identity: Option<(SessionId, Epoch)>,
    pub(super) connected: bool,
    pub(super) credit: Receiver,
    pub(super) auto: AutoWindow,
    pub(super) inbox: VecDeque<Delivered>,
    pub(super) inbox_bytes: u64,
    /// What the consumer has taken and is not done with.
    pub(super) in_hand: Amount,
    pub(super) delivery: Delivery,
    pub(super) notary: Notary,
    pub(super) ledger: Ledger,
    /// Whether this connection's Welcome has come.
    pub(super) welcomed: bool,
    /// How many times other feeds were asked for on this connection without an answer yet.
    pub(super) unanswered: u32,
    /// Messages whose Welcome or announcement is still on the way; bounded by credit.
    pub(super) early: Vec<Delivered>,
    /// Since when nothing but a loss can explain a hole: the server has been connected, and free to send.
    pub(super) unhindered_since: Time,
    /// Whether the server may hold a message back while it sends later ones of its stream ([`Policy::Latest`]).
    pub(super) reorders: bool,
    pub(super) clock: ClockFilter,
    pub(super) outgoing: VecDeque<ClientItem>,
    pub(super) events: VecDeque<ClientEvent>,
    pub(super) pulse: Pulse,
    pub(super) nonce: u64,
    /// The life of the hub that the session belonged to which was given up, and the messages thrown away with it,
    /// until its successor is welcomed.
    pub(super) given_up: Option<(Epoch, u64)>,
    pub(super) server_sent: Amount,
    pub(super) duplicates: u64,
    /// The batch that the items of a frame belong to; frames of one WebSocket share it.
    pub(super) frame_batch: BatchHeader,
    /// Payload bytes of a WebSocket frame at most, where they are to be limited.
    pub(super) fragment_bytes: u32,
}

impl ClientSession {
    /// How long a hole among datagrams waits for stragglers: 250 ms or two round trips, whichever is longer.
    pub const STRAGGLERS: Duration = Duration::from_millis(250);
    /// How long a hole that nothing explains is given while the connection holds. Under [`Policy::Latest`] a message
    /// may wait at the server long after later ones of its stream, so there the time counts from when the server was
    /// last without credit.
    pub const UNEXPLAINED: Duration = Duration::from_secs(30);

    /// A session that has not connected yet.
    pub fn new(config: ClientConfig, now: Time) -> Self {
        let auto = AutoWindow::new(now);
        Self {
            credit: Receiver::new(starting_window(config.window, &auto), Amount::ZERO),
            auto,
            pulse: Pulse::new(config.heartbeat, now),
            config,
            identity: None,
            connected: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            in_hand: Amount::ZERO,
            delivery: Delivery::default(),
            notary: Notary::default(),
            ledger: Ledger::default(),
            welcomed: false,
            unanswered: 0,
            early: Vec::new(),
            unhindered_since: now,
            reorders: false,
            clock: ClockFilter::default(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            nonce: 0,
            given_up: None,
            server_sent: Amount::ZERO,
            duplicates: 0,
            frame_batch: BatchHeader::default(),
            fragment_bytes: 0,
        }
    }

    /// A connection is open: says Hello, asking to go on where the last one ended.
    pub fn handle_connected(&mut self, now: Time) {
        let held = self.held();
        self.auto.handle_reconnect(now);
        let window =
            if self.is_naive() { Amount::MAX } else { starting_window(self.config.window, &self.auto) };
        self.credit = Receiver::new(window, held);
        self.ledger = Ledger::default();
        self.frame_batch = BatchHeader::default();
        self.early.clear();
        self.welcomed = false;
        self.unanswered = 0;
        self.server_sent = Amount::ZERO;
        self.connected = true;
        self.unhindered_since = now;
        self.reorders = self.config.policy == Policy::Latest;
        self.pulse.handle_connected(now);
        let resume = self.identity.filter(|_| !self.is_naive()).map(|(session, epoch)| Resume {
            session,
            epoch,
            next: self.delivery.resume_positions(),
        });
        self.outgoing.clear();
        self.outgoing.push_back(ClientItem::Hello(Hello {
            version: PROTOCOL_VERSION,
            mode: self.config.mode,
            feeds: self.config.feeds.clone(),
            policy: self.config.policy,
            limit: self.credit.limit(),
            sample_every_millis: u16::try_from(self.config.sample_every.as_millis()).unwrap_or(u16::MAX),
            resume,
        }));
        if self.fragment_bytes > 0 {
            self.ask_for_fragments();
        }
    }

    /// The connection is gone. The inbox stays, and is consumed.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        self.outgoing.clear();
    }

    /// Takes the oldest message out of the inbox, for the consumer.
    pub fn poll_message(&mut self) -> Option<Delivered> {
        let message = self.inbox.pop_front()?;
        self.inbox_bytes -= message.bytes;
        self.in_hand += Amount::one(message.bytes);
        Some(message)
    }

    /// The consumer is done with a message: its credit returns.
    pub fn handle_consumed(&mut self, message: &Delivered, now: Time) {
        let bytes = message.bytes;
        // What is left of an earlier life of the hub is consumed, but its positions mean nothing in this one.
        if self.identity.is_none_or(|(_, epoch)| epoch == message.epoch) {
            self.audit().handle_consumed(message.header.stream, message.header.seq);
            self.settle_certificate(now);
        }
        self.in_hand = self.in_hand - Amount::one(bytes);
        self.credit.handle_consumed(Amount::one(bytes));
        if self.config.window == WindowMode::Auto && !self.is_naive() {
            let rtt = self.clock.path_rtt().unwrap_or_default();
            let window = self.auto.handle_consumed(self.credit.consumed(), rtt, now);
            self.credit.set_window(window);
        }
    }

    /// The next item to send. Grants are made as they are asked for, so only the newest is ever sent.
    pub fn poll_transmit(&mut self) -> Option<ClientItem> {
        if !self.connected {
            return None;
        }
        let grant = |session: &mut Self| {
            let report = session.credit.poll_grant()?;
            let (limit, received, consumed) = (report.limit, report.received, report.consumed);
            Some(ClientItem::Grant { limit, received, consumed })
        };
        self.outgoing.pop_front().or_else(|| grant(self))
    }

    /// The next thing the driver should know.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// When to call [`ClientSession::handle_timeout`] at the latest, and what for. Nothing is due while not connected.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        if !self.connected {
            return None;
        }
        let patience = self.patience();
        let unhindered = self.unhindered_since + patience;
        let unexplained = self.delivery.next_unexplained(patience).map(|at| at.max(unhindered));
        [
            Some(self.pulse.poll_timeout()),
            self.ledger.next_loss(self.stragglers()).map(|at| (at, "lost datagrams")),
            unexplained.map(|at| (at, "unexplained holes")),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if !self.connected {
            return;
        }
        while let Some(due) = self.pulse.poll_due(now) {
            self.handle_due(due, now);
        }
        for run in self.ledger.take_lost(self.stragglers(), now) {
            self.credit.handle_lost(run.amount);
            self.credit.handle_consumed(run.amount);
            // A server that tells nobody what it drops is not asked.
            if !self.is_told_nothing() {
                self.outgoing.push_back(ClientItem::Lost { first: run.first, count: run.amount.messages });
            }
        }
        self.note_hindered(now);
        if now.since(self.unhindered_since) >= self.patience() {
            self.give_up_unexplained(now);
        }
    }

    /// Counts the holes as lost that have had their time.
    pub(super) fn give_up_unexplained(&mut self, now: Time) {
        let unexplained = self.delivery.take_unexplained(self.patience(), now);
        let messages: u64 = unexplained.iter().map(|(_, range)| range.count).sum();
        if messages == 0 {
            return;
        }
        for (stream, range) in unexplained {
            self.audit().handle_run(stream, range, Entry::Lost);
        }
        self.settle_certificate(now);
        if let Some(ClientEvent::Lost { messages: earlier }) = self.events.back_mut() {
            *earlier += messages;
        } else {
            self.events.push_back(ClientEvent::Lost { messages });
        }
    }

    /// Whether the server knows no credit and no sessions ([`Policy::is_exhibit`]).
    pub(super) const fn is_naive(&self) -> bool {
        self.config.policy.is_exhibit()
    }

    /// Whether holes are found by the numbers of what arrives, and in no other way.
    pub(super) const fn is_told_nothing(&self) -> bool {
        matches!(self.config.policy, Policy::SilentDrop { .. })
    }

    /// How long a hole is given. Of a server that never explains one, only what the mode may still deliver late.
    pub(super) fn patience(&self) -> Duration {
        if !self.is_told_nothing() {
            Self::UNEXPLAINED
        } else if self.config.mode.keeps_streams_in_order() {
            Duration::ZERO
        } else {
            self.stragglers()
        }
    }

    fn handle_due(&mut self, due: Due, now: Time) {
        match due {
            Due::Dead => return self.events.push_back(ClientEvent::Silent),
            Due::PingAfterMiss => self.events.push_back(ClientEvent::Missed),
            Due::Ping => {}
        }
        self.nonce += 1;
        self.outgoing.push_back(ClientItem::Ping(Ping { nonce: self.nonce, sent_at: now }));
        self.events.push_back(ClientEvent::Ping);
    }

    fn stragglers(&self) -> Duration {
        self.clock.min_rtt().map_or(Self::STRAGGLERS, |rtt| Self::STRAGGLERS.max(rtt * 2))
    }

    /// Another way of carrying messages, from the next connection on; call it while there is none.
    pub fn set_mode(&mut self, mode: Mode) {
        self.config.mode = mode;
    }

    /// Another heartbeat from here on.
    pub fn set_heartbeat(&mut self, heartbeat: Heartbeat, now: Time) {
        self.config.heartbeat = heartbeat;
        self.pulse.set(heartbeat, now);
    }

    /// Gives the session up, as a page does that reloads: what waits in the inbox is thrown away, and the next
    /// connection begins another session at the newest messages. Call it while there is no connection; what that cost
    /// is told by [`ClientEvent::StartedOver`].
    pub fn start_over(&mut self) {
        let Some((_, epoch)) = self.identity.take() else { return };
        let thrown_away = self.inbox.len() as u64;
        for message in core::mem::take(&mut self.inbox) {
            let range = SeqRange { first: message.header.seq, count: 1 };
            self.audit().handle_run(message.header.stream, range, Entry::Lost);
        }
        self.inbox_bytes = 0;
        self.given_up = Some((epoch, thrown_away));
    }

    /// Another policy from here on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.config.policy = policy;
        self.reorders |= policy == Policy::Latest;
        self.outgoing.push_back(ClientItem::SetPolicy(policy));
    }

    /// Another window from here on.
    pub fn set_window(&mut self, window: WindowMode) {
        self.config.window = window;
        if !self.is_naive() {
            self.credit.set_window(starting_window(window, &self.auto));
        }
    }

    /// WebSocket messages in frames of at most so many payload bytes from here on, or whole with 0; on WebTransport,
    /// which has no such frames, from the next WebSocket on. Out of range it changes nothing.
    pub fn set_fragments(&mut self, bytes: u32) {
        if ClientItem::are_fragments_valid(bytes) {
            self.fragment_bytes = bytes;
            self.ask_for_fragments();
        }
    }

    fn ask_for_fragments(&mut self) {
        if self.config.mode.transport() == Transport::WebSocket {
            self.outgoing.push_back(ClientItem::SetFragments { bytes: self.fragment_bytes });
        }
    }

    /// Other feeds from here on.
    pub fn set_feeds(&mut self, feeds: Vec<FeedSpec>) {
        self.config.feeds.clone_from(&feeds);
        self.unanswered = self.unanswered.saturating_add(1);
        self.outgoing.push_back(ClientItem::Subscribe(feeds));
    }
}

fn starting_window(mode: WindowMode, auto: &AutoWindow) -> Amount {
    match mode {
        WindowMode::Fixed(window) => window,
        WindowMode::Auto => auto.window(),
    }
}
