//! The client's end of a session.

use std::collections::VecDeque;

use core::time::Duration;

use bytes::Bytes;

use crate::clock::ClockFilter;
use crate::delivery::{Arrival, Delivery};
use crate::feed::FeedSpec;
use crate::flow::{AutoWindow, Receiver, WindowMode};
use crate::ids::{Epoch, SessionId};
use crate::ledger::Ledger;
use crate::mode::Mode;
use crate::policy::Policy;
use crate::time::{Time, micros};
use crate::units::Amount;
use crate::wire::codec::{DecodeError, FrameItems, StreamItems};
use crate::wire::{
    BatchHeader, ClientItem, Continuity, GapReport, Goodbye, Hello, Hop, MessageHeader, PROTOCOL_VERSION,
    Ping, Pong, Resume, ServerControl, ServerItem, ServerSample, StreamInfo, Welcome,
};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// How messages are carried.
    pub mode: Mode,
    /// What is subscribed, 1 to [`Hello::MAX_FEEDS`].
    pub feeds: Vec<FeedSpec>,
    /// What the server does with messages there is no credit for.
    pub policy: Policy,
    /// How far the server may send ahead of consumption.
    pub window: WindowMode,
    /// How often the server reports its side; [`Duration::ZERO`] for never.
    pub sample_every: Duration,
    /// How often a heartbeat is sent.
    pub heartbeat: Duration,
}

/// One session across its connections, as the client runs it: what has arrived waits in an inbox until it is consumed,
/// and credit follows consumption.
#[derive(Debug)]
pub struct ClientSession {
    config: ClientConfig,
    identity: Option<(SessionId, Epoch)>,
    connected: bool,
    credit: Receiver,
    auto: AutoWindow,
    inbox: VecDeque<Delivered>,
    inbox_bytes: u64,
    /// What the consumer has taken and is not done with.
    in_hand: Amount,
    delivery: Delivery,
    ledger: Ledger,
    /// Whether this connection's Welcome has come.
    welcomed: bool,
    /// How many times other feeds were asked for on this connection without an answer yet.
    unanswered: u32,
    /// Messages whose Welcome or announcement is still on the way; bounded by credit.
    early: Vec<Delivered>,
    /// Since when nothing but a loss can explain a hole: the server has been connected, and free to send.
    unhindered_since: Time,
    /// Whether the server may hold a message back while it sends later ones of its stream ([`Policy::Latest`]).
    reorders: bool,
    clock: ClockFilter,
    outgoing: VecDeque<ClientItem>,
    events: VecDeque<ClientEvent>,
    ping_due: Option<Time>,
    nonce: u64,
    heard_at: Time,
    server_sent: Amount,
    duplicates: u64,
    /// The batch that the items of a frame belong to; frames of one WebSocket share it.
    frame_batch: BatchHeader,
}

/// A message in the inbox or in the consumer's hands.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Where it belongs; times are on the server's clock.
    pub header: MessageHeader,
    /// What it says.
    pub payload: Bytes,
    /// What it counts for in credit.
    pub bytes: u64,
    /// When the server's session sent it, on the server's clock.
    pub sent_at: Time,
    /// When it arrived, on this clock.
    pub received_at: Time,
}

/// One byte stream of a WebTransport connection, as it is read.
#[derive(Debug, Default)]
pub struct Intake {
    items: StreamItems<ServerItem>,
    batch: BatchHeader,
}

/// What the driver should know.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// The server has answered; data may flow.
    Welcome(Welcome),
    /// Other streams are followed from here on.
    Subscribed(Vec<StreamInfo>),
    /// Messages that will not come; `new` of them were not accounted for before.
    Gap {
        /// Which, and why.
        report: GapReport,
        /// How many count.
        new: u64,
    },
    /// Messages that nothing accounts for.
    Lost {
        /// How many.
        messages: u64,
    },
    /// The server's side.
    Sample(ServerSample),
    /// A heartbeat came back.
    Heartbeat {
        /// How long it took.
        rtt: Duration,
    },
    /// Nothing was heard from the server for [`ClientSession::SILENCE`]: the connection should be given up.
    Silent,
    /// The server closes.
    Goodbye(Goodbye),
}

/// What a server must not do. The connection should be closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Bytes that are no items.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// More was sent than was allowed.
    #[error("the server sent {received:?} where {limit:?} was allowed")]
    Overrun {
        /// What has arrived.
        received: Amount,
        /// What was allowed.
        limit: Amount,
    },
    /// The server speaks another version.
    #[error("the server speaks protocol version {0}, this page {PROTOCOL_VERSION}: reload the page")]
    Version(u16),
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

    /// Takes in a WebSocket message.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub fn handle_frame(&mut self, frame: Bytes, now: Time) -> Result<(), ClientError> {
        self.heard_at = now;
        for item in FrameItems::<ServerItem>::new(frame) {
            let (item, bytes) = item?;
            let mut batch = self.frame_batch;
            self.handle_item(item, bytes, &mut batch, now)?;
            self.frame_batch = batch;
        }
        Ok(())
    }

    /// Takes in bytes of a WebTransport stream; each stream has an [`Intake`] of its own.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub fn handle_stream_bytes(
        &mut self,
        intake: &mut Intake,
        chunk: &[u8],
        now: Time,
    ) -> Result<(), ClientError> {
        self.heard_at = now;
        intake.items.push(chunk);
        while let Some((item, bytes)) = intake.items.take()? {
            self.handle_item(item, bytes, &mut intake.batch, now)?;
        }
        Ok(())
    }

    /// Takes in a datagram. One that comes twice, or after it was written off, is passed over.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub fn handle_datagram(&mut self, datagram: Bytes, now: Time) -> Result<(), ClientError> {
        self.heard_at = now;
        let mut batch = BatchHeader::default();
        let mut messages = Vec::new();
        let mut amount = Amount::ZERO;
        for item in FrameItems::<ServerItem>::new(datagram) {
            match item? {
                (ServerItem::Message { header, payload }, bytes) => {
                    amount += Amount::one(bytes);
                    messages.push((header, payload, bytes));
                }
                (ServerItem::Batch(header), _) => batch = header,
                (ServerItem::Control(control), _) => self.handle_control(control, now)?,
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        if !self.ledger.handle_datagram(batch.sent_before, amount, now) {
            self.duplicates += messages.len() as u64;
            return Ok(());
        }
        for (header, payload, bytes) in messages {
            self.handle_message(header, payload, bytes, &mut batch, now)?;
        }
        Ok(())
    }

    fn handle_item(
        &mut self,
        item: ServerItem,
        bytes: u64,
        batch: &mut BatchHeader,
        now: Time,
    ) -> Result<(), ClientError> {
        match item {
            ServerItem::Batch(header) => {
                *batch = header;
                Ok(())
            }
            ServerItem::Message { header, payload } => {
                self.handle_message(header, payload, bytes, batch, now)
            }
            ServerItem::Control(control) => self.handle_control(control, now),
        }
    }

    fn handle_message(
        &mut self,
        header: MessageHeader,
        payload: Bytes,
        bytes: u64,
        batch: &mut BatchHeader,
        now: Time,
    ) -> Result<(), ClientError> {
        if !self.credit.handle_received(bytes) {
            return Err(ClientError::Overrun {
                received: self.credit.received(),
                limit: self.credit.limit(),
            });
        }
        batch.sent_before += Amount::one(bytes);
        self.server_sent = self.server_sent.max_each(batch.sent_before);
        self.note_hindered(now);
        self.admit(Delivered { header, payload, bytes, sent_at: batch.sent_at, received_at: now });
        Ok(())
    }

    /// A server that reorders and has no credit to go on with explains every hole.
    fn note_hindered(&mut self, now: Time) {
        if self.reorders && !self.credit.has_room_after(self.server_sent) {
            self.unhindered_since = now;
        }
    }

    fn admit(&mut self, message: Delivered) {
        // Positions mean what the Welcome says: those of another life of the hub begin anew.
        if !self.welcomed {
            self.early.push(message);
            return;
        }
        let MessageHeader { stream, seq, .. } = message.header;
        match self.delivery.handle_message(stream, seq, message.received_at) {
            Arrival::New => {
                self.inbox_bytes += message.bytes;
                self.inbox.push_back(message);
            }
            Arrival::Settled => {
                self.duplicates += 1;
                self.credit.handle_consumed(Amount::one(message.bytes));
            }
            // The answer on its way may follow this stream again, from this message on.
            Arrival::Retired if self.unanswered > 0 => self.early.push(message),
            Arrival::Retired => self.credit.handle_consumed(Amount::one(message.bytes)),
            Arrival::Unannounced => self.early.push(message),
        }
    }

    fn handle_control(&mut self, control: ServerControl, now: Time) -> Result<(), ClientError> {
        match control {
            ServerControl::Welcome(welcome) if welcome.version != PROTOCOL_VERSION => {
                return Err(ClientError::Version(welcome.version));
            }
            ServerControl::Welcome(welcome) => self.handle_welcome(welcome),
            ServerControl::Subscribed(streams) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                self.follow(&streams);
                self.events.push_back(ClientEvent::Subscribed(streams));
            }
            ServerControl::Gap(report) => self.note_gap(report),
            ServerControl::Pong(pong) => self.handle_pong(pong, now),
            ServerControl::Sample(sample) => {
                self.handle_total(sample.sent, now);
                self.events.push_back(ClientEvent::Sample(sample));
            }
            ServerControl::Goodbye(goodbye) => self.events.push_back(ClientEvent::Goodbye(goodbye)),
        }
        Ok(())
    }

    fn handle_welcome(&mut self, welcome: Welcome) {
        if welcome.continuity == Continuity::EpochChanged {
            self.delivery.handle_new_epoch();
            // A server that has restarted may count time from another origin.
            self.clock = ClockFilter::default();
        }
        self.identity = Some((welcome.session, welcome.epoch));
        self.welcomed = true;
        self.follow(&welcome.streams);
        self.events.push_back(ClientEvent::Welcome(welcome));
    }

    fn follow(&mut self, streams: &[StreamInfo]) {
        for report in self.delivery.handle_streams(streams) {
            let new = report.messages();
            self.events.push_back(ClientEvent::Gap { report, new });
        }
        for message in core::mem::take(&mut self.early) {
            self.admit(message);
        }
    }

    fn note_gap(&mut self, report: GapReport) {
        let new = self.delivery.handle_gap(&report);
        self.events.push_back(ClientEvent::Gap { report, new });
    }

    fn handle_pong(&mut self, pong: Pong, now: Time) {
        self.clock.handle_round_trip(pong.ping_sent_at, pong.server_now, now);
        self.handle_total(pong.sent, now);
        self.events.push_back(ClientEvent::Heartbeat { rtt: now.since(pong.ping_sent_at) });
    }

    fn handle_total(&mut self, sent: Amount, now: Time) {
        self.server_sent = self.server_sent.max_each(sent);
        if self.config.mode == Mode::Datagrams {
            self.ledger.handle_total(sent, now);
        }
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
            let rtt = self.clock.min_rtt().unwrap_or_default();
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

    /// What waits in the inbox, bounded by the window.
    pub fn inbox_hop(&self, now: Time) -> Hop {
        let oldest = self.inbox.front().map(|first| self.local(first.header.produced_at));
        Hop {
            held: Amount::new(self.inbox.len() as u64, self.inbox_bytes),
            bound: self.credit.window(),
            oldest_age_micros: oldest.map_or(0, |at| micros(now.since(at))),
        }
    }

    /// What the server has sent, as last heard, and has not arrived: in its transport, on the wire, or in the browser.
    pub fn transit_hop(&self) -> Hop {
        Hop {
            held: self.server_sent - self.credit.received(),
            bound: self.credit.window(),
            oldest_age_micros: 0,
        }
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

    /// A time of the server's clock on this one.
    pub fn local(&self, server_time: Time) -> Time {
        self.clock.local_from_peer(server_time)
    }

    /// What has arrived, on whatever connection, and is not consumed.
    fn held(&self) -> Amount {
        self.in_hand + Amount::new(self.inbox.len() as u64, self.inbox_bytes)
    }
}

fn starting_window(mode: WindowMode, auto: &AutoWindow) -> Amount {
    match mode {
        WindowMode::Fixed(window) => window,
        WindowMode::Auto => auto.window(),
    }
}
