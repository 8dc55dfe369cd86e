//! One session across its connections.

use std::collections::VecDeque;

use core::time::Duration;

use super::{ClientConfig, ClientEvent, Delivered};
use crate::clock::ClockFilter;
use crate::delivery::Delivery;
use crate::feed::FeedSpec;
use crate::flow::{AutoWindow, Receiver, WindowMode};
use crate::ids::{Epoch, SessionId};
use crate::ledger::Ledger;
use crate::mode::Mode;
use crate::policy::Policy;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::{BatchHeader, ClientItem, Hello, PROTOCOL_VERSION, Ping, Resume};

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
    pub(super) ping_due: Option<Time>,
    pub(super) nonce: u64,
    pub(super) heard_at: Time,
    pub(super) server_sent: Amount,
    pub(super) duplicates: u64,
    /// The batch that the items of a frame belong to; frames of one WebSocket share it.
    pub(super) frame_batch: BatchHeader,
}

impl ClientSession {
    /// How long a hole among datagrams waits for stragglers: 250 ms or two round trips, whichever is longer.
    pub const STRAGGLERS: Duration = Duration::from_millis(250);
    /// How long a hole that nothing explains is given while the connection holds. Under [`Policy::Latest`] a message
    /// may wait at the server long after later ones of its stream, so there the time counts from when the server was
    /// last without credit.
    pub const UNEXPLAINED: Duration = Duration::from_secs(30);
    /// How long a server may be silent, although heartbeats ask.
    pub const SILENCE: Duration = Duration::from_secs(10);

    /// A session that has not connected yet.
    pub fn new(config: ClientConfig, now: Time) -> Self {
        let auto = AutoWindow::new(now);
        Self {
            credit: Receiver::new(starting_window(config.window, &auto), Amount::ZERO),
            auto,
            config,
            identity: None,
            connected: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            in_hand: Amount::ZERO,
            delivery: Delivery::default(),
            ledger: Ledger::default(),
            welcomed: false,
            unanswered: 0,
            early: Vec::new(),
            unhindered_since: now,
            reorders: false,
            clock: ClockFilter::default(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            ping_due: None,
            nonce: 0,
            heard_at: now,
            server_sent: Amount::ZERO,
            duplicates: 0,
            frame_batch: BatchHeader::default(),
        }
    }

    /// A connection is open: says Hello, asking to go on where the last one ended.
    pub fn handle_connected(&mut self, now: Time) {
        let held = self.held();
        self.auto.handle_reconnect(now);
        self.credit = Receiver::new(starting_window(self.config.window, &self.auto), held);
        self.ledger = Ledger::default();
        self.frame_batch = BatchHeader::default();
        self.early.clear();
        self.welcomed = false;
        self.unanswered = 0;
        self.server_sent = Amount::ZERO;
        self.connected = true;
        self.unhindered_since = now;
        self.reorders = self.config.policy == Policy::Latest;
        self.heard_at = now;
        self.ping_due = Some(now);
        let resume = self.identity.map(|(session, epoch)| Resume {
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
    }

    /// The connection is gone. The inbox stays, and is consumed.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        self.ping_due = None;
        self.outgoing.clear();
    }

    /// Takes the oldest message out of the inbox, for the consumer.
    pub fn poll_message(&mut self) -> Option<Delivered> {
        let message = self.inbox.pop_front()?;
        self.inbox_bytes -= message.bytes;
        self.in_hand += Amount::one(message.bytes);
        Some(message)
    }

    /// The consumer is done with a message of `bytes` bytes: its credit returns.
    pub fn handle_consumed(&mut self, bytes: u64, now: Time) {
        self.in_hand = self.in_hand - Amount::one(bytes);
        self.credit.handle_consumed(Amount::one(bytes));
        if self.config.window == WindowMode::Auto {
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
        let unhindered = self.unhindered_since + Self::UNEXPLAINED;
        let unexplained = self.delivery.next_unexplained(Self::UNEXPLAINED).map(|at| at.max(unhindered));
        [
            self.ping_due.map(|at| (at, "heartbeat")),
            Some((self.heard_at + Self::SILENCE, "silence")),
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
        if self.ping_due.is_some_and(|due| due <= now) {
            self.ping_due = Some(now + self.config.heartbeat);
            self.nonce += 1;
            self.outgoing.push_back(ClientItem::Ping(Ping { nonce: self.nonce, sent_at: now }));
        }
        if now.since(self.heard_at) >= Self::SILENCE {
            self.heard_at = now;
            self.events.push_back(ClientEvent::Silent);
        }
        for run in self.ledger.take_lost(self.stragglers(), now) {
            self.credit.handle_lost(run.amount);
            self.credit.handle_consumed(run.amount);
            self.outgoing.push_back(ClientItem::Lost { first: run.first, count: run.amount.messages });
        }
        self.note_hindered(now);
        if now.since(self.unhindered_since) < Self::UNEXPLAINED {
            return;
        }
        let unexplained = self.delivery.take_unexplained(Self::UNEXPLAINED, now);
        let messages = unexplained.iter().map(|(_, range)| range.count).sum();
        if messages > 0 {
            self.events.push_back(ClientEvent::Lost { messages });
        }
    }

    fn stragglers(&self) -> Duration {
        self.clock.min_rtt().map_or(Self::STRAGGLERS, |rtt| Self::STRAGGLERS.max(rtt * 2))
    }

    /// Another way of carrying messages, from the next connection on; call it while there is none.
    pub fn set_mode(&mut self, mode: Mode) {
        self.config.mode = mode;
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
        self.credit.set_window(starting_window(window, &self.auto));
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
