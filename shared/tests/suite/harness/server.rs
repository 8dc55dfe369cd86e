//! The server of a simulated run: registry and driver of one session.

use core::time::Duration;

use bytes::BytesMut;
use sluice_shared::feed::FeedSpec;
use sluice_shared::ids::{Seq, SessionId, StreamId};
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::{BatchLimits, Request, Select, ServerSession, validate};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{MAX_BATCH_HEADER, StreamItems, write_server_control};
use sluice_shared::wire::{
    ClientItem, Continuity, GapReason, Hello, Hop, PROTOCOL_VERSION, PathSample, StreamInfo, TransportFacts,
    Waiting, Welcome,
};

use super::choices::Choices;
use super::logs::Logs;
use super::network::{Lane, Links};
use super::setting::{Setting, streams_of};

/// How far the server's clock is ahead of the simulation's.
const CLOCK: Duration = Duration::from_secs(7 * 3_600);

/// The server's end.
#[derive(Debug)]
pub(crate) struct ServerEnd {
    pub(crate) session: Option<ServerSession>,
    pub(crate) logs: Logs,
    intake: StreamItems<ClientItem>,
    known: Option<SessionId>,
    sessions_opened: u64,
    streams: Vec<StreamInfo>,
    next_lane: usize,
    conservation: Conservation,
}

/// What the session must hold: all that was produced, less what was sent and what was dropped.
#[derive(Debug, Default)]
struct Conservation {
    sent: u64,
    dropped: u64,
    stalled_since: Option<Time>,
}

/// A time of the simulation on the server's clock.
pub(crate) fn server_time(now: Time) -> Time {
    now + CLOCK
}

impl ServerEnd {
    pub(crate) fn new(logs: Logs) -> Self {
        Self {
            session: None,
            logs,
            intake: StreamItems::default(),
            known: None,
            sessions_opened: 0,
            streams: Vec::new(),
            next_lane: 0,
            conservation: Conservation::default(),
        }
    }

    /// The connection is gone.
    pub(crate) fn handle_cut(&mut self) {
        self.session = None;
        self.intake = StreamItems::default();
    }

    /// The session is forgotten; so are positions when the hub restarts as well.
    pub(crate) fn forget(&mut self, is_restart: bool) {
        self.known = None;
        if is_restart {
            self.logs.restart();
        }
    }

    /// Takes in what the client sent.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8], now: Time) {
        self.intake.push(bytes);
        while let Some((item, _)) = self.intake.take().expect("the client's items are well-formed") {
            self.handle_item(item, server_time(now));
        }
    }

    fn handle_item(&mut self, item: ClientItem, now: Time) {
        let Some(session) = &mut self.session else {
            match item {
                ClientItem::Hello(hello) => self.handle_hello(&hello, now),
                ClientItem::Grant { .. }
                | ClientItem::Lost { .. }
                | ClientItem::Ping(_)
                | ClientItem::SetPolicy(_)
                | ClientItem::SetFragments { .. }
                | ClientItem::Echo(_)
                | ClientItem::Certify(_)
                | ClientItem::Subscribe(_) => panic!("a connection opens with a Hello, not {item:?}"),
            }
            return;
        };
        match session.handle_item(item, now).expect("the client keeps the protocol") {
            None | Some(Request::SetFragments(_) | Request::Echo(_)) => self.count_dropped(),
            Some(Request::Certify(request)) => {
                session.handle_certify(&self.logs, request).expect("the client has seen what it names");
            }
            Some(Request::Subscribe(feeds)) => {
                let streams = self.infos(&feeds, |_| None);
                self.count_dropped();
                self.conservation = Conservation::default();
                self.streams.clone_from(&streams);
                let session = self.session.as_mut().expect("it asked");
                session.handle_subscribed(streams);
                session.handle_published(&self.logs, now);
                self.count_dropped();
            }
        }
    }

    fn handle_hello(&mut self, hello: &Hello, now: Time) {
        validate(hello).expect("a valid Hello");
        let continuity = match &hello.resume {
            None => Continuity::New,
            Some(resume) if resume.epoch != self.logs.epoch => Continuity::EpochChanged,
            Some(resume) if self.known == Some(resume.session) => Continuity::Continued,
            Some(_) => Continuity::UnknownSession,
        };
        let resumed = hello.resume.as_ref().filter(|_| continuity == Continuity::Continued);
        let next = |stream| {
            let places = resumed.map_or(&[][..], |resume| &resume.next);
            places.iter().find(|(id, _)| *id == stream).map(|&(_, seq)| seq)
        };
        self.streams = self.infos(&hello.feeds, next);
        let session = match resumed {
            Some(resume) => resume.session,
            None => {
                self.sessions_opened += 1;
                SessionId(u128::from(self.sessions_opened).to_le_bytes())
            }
        };
        self.known = Some(session);
        self.conservation = Conservation::default();
        let welcome = Welcome {
            version: PROTOCOL_VERSION,
            session,
            epoch: self.logs.epoch,
            server_now: now,
            continuity,
            streams: self.streams.clone(),
            policy: hello.policy,
            facts: TransportFacts::default(),
        };
        let mut session = ServerSession::new(hello, welcome, now);
        session.handle_published(&self.logs, now);
        self.session = Some(session);
        self.count_dropped();
    }

    fn infos(&self, feeds: &[FeedSpec], next: impl Fn(StreamId) -> Option<Seq>) -> Vec<StreamInfo> {
        let info = |feed: FeedSpec, id: StreamId| {
            let head = self.logs.head(id);
            let next = next(id).map_or(head, |seq| seq.min(head));
            StreamInfo { id, feed, name: format!("stream {}", id.0), next }
        };
        feeds.iter().flat_map(|&feed| streams_of(feed).map(move |id| info(feed, id))).collect()
    }

    /// Something was produced.
    pub(crate) fn handle_published(&mut self, now: Time) {
        if let Some(session) = &mut self.session {
            session.handle_published(&self.logs, server_time(now));
            self.count_dropped();
        }
    }

    /// When the session wants to be called.
    pub(crate) fn next_timeout(&self) -> Option<Time> {
        let (at, _) = self.session.as_ref()?.poll_timeout()?;
        Some(at - CLOCK)
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let now = server_time(now);
        if let Some(session) = &mut self.session {
            session.handle_timeout(now);
            if session.sample_is_due(now) {
                session.handle_sample(&self.logs, Hop::default(), PathSample::default(), now);
            }
        }
    }

    /// Writes what there is: control items first, then batches while the transport takes them.
    pub(crate) fn send(&mut self, setting: &Setting, links: &mut Links, choices: &mut Choices, now: Time) {
        let Some(mut session) = self.session.take() else { return };
        let server_now = server_time(now);
        session.handle_transport_ready();
        let mut control = BytesMut::new();
        while let Some(item) = session.poll_control() {
            write_server_control(&mut control, &item);
        }
        let mut blocked = false;
        let sent_before = self.conservation.sent;
        let lanes = self.lanes(setting.mode);
        for turn in 0..lanes.len() {
            let (lane, select) = lanes[(self.next_lane + turn) % lanes.len()];
            loop {
                if !links.has_room(lane) {
                    blocked = true;
                    break;
                }
                // On WebSocket, control items and the batch that follows them share a frame.
                let shares_frame = setting.mode.transport() == Transport::WebSocket;
                let mut out = if shares_frame { core::mem::take(&mut control) } else { BytesMut::new() };
                let before = out.len();
                let limits = limits(setting);
                let Some(batch) = session.poll_batch(&self.logs, select, limits, server_now, &mut out) else {
                    assert_eq!(out.len(), before, "a poll that returns nothing appends nothing");
                    control = if shares_frame { out } else { control };
                    break;
                };
                let is_naive = session.policy().is_exhibit();
                let most = if is_naive { 1 } else { setting.network.batch_messages.max(1) };
                assert!((1..=most).contains(&batch.amount.messages));
                let length = (out.len() - before) as u64;
                assert!(length <= MAX_BATCH_HEADER as u64 + batch.amount.bytes);
                if setting.mode == Mode::Datagrams {
                    assert!(length <= setting.network.datagram_limit, "a datagram that does not fit");
                }
                self.conservation.sent += batch.amount.messages;
                links.send_batch(lane, batch.stream, out.freeze(), now, choices);
            }
        }
        self.next_lane = self.next_lane.wrapping_add(1);
        // Topics stall each for itself, so their stall as a whole may begin anew.
        if self.conservation.sent > sent_before || setting.mode == Mode::StreamPerTopic {
            self.conservation.stalled_since = None;
        }
        if !control.is_empty() {
            links.send_control(control.freeze(), now);
        }
        if blocked {
            session.handle_transport_blocked(server_now);
        }
        self.session = Some(session);
        self.count_dropped();
        self.check(setting, blocked, server_now);
    }

    fn lanes(&self, mode: Mode) -> Vec<(Lane, Select)> {
        match mode {
            Mode::StreamPerTopic => {
                self.streams.iter().map(|info| (Lane::Topic(info.id), Select::Stream(info.id))).collect()
            }
            Mode::WebSocket
            | Mode::WebSocketStream
            | Mode::OneStream
            | Mode::StreamPerMessage
            | Mode::Datagrams => vec![(Lane::Shared, Select::Any)],
        }
    }

    fn count_dropped(&mut self) {
        let Some(session) = &mut self.session else { return };
        for (reason, count) in session.take_dropped() {
            // What the network lost had been sent.
            if reason != GapReason::Network {
                self.conservation.dropped += count;
            }
        }
    }

    /// Checks the law, and that the session says the truth about what it waits for.
    fn check(&mut self, setting: &Setting, blocked: bool, now: Time) {
        let Some(session) = &self.session else { return };
        let (sent, limit) = (session.sent(), session.limit());
        assert!(sent.fits_within(limit), "the law is broken: {sent:?} of {limit:?}");
        let produced: u64 = self.streams.iter().map(|info| self.logs.head(info.id).0 - info.next.0).sum();
        let gone = self.conservation.sent + self.conservation.dropped + self.silently_dropped();
        assert!(gone <= produced, "{gone} sent or dropped of {produced} produced");
        let is_short = sent.messages == limit.messages || limit.bytes - sent.bytes < setting.largest_item();
        match session.waiting() {
            Waiting::Nothing => panic!("a poll to the end leaves a reason to wait"),
            Waiting::NoData => assert_eq!(gone, produced, "no data although some wait"),
            Waiting::NoCredit { .. } => {
                assert!(gone < produced && is_short, "no credit although {sent:?} of {limit:?}");
            }
            Waiting::Transport { .. } => {
                assert!(blocked && gone < produced, "the transport is not in the way")
            }
        }
        self.conservation.stalled_since = match (session.waiting(), self.conservation.stalled_since) {
            (Waiting::NoCredit { since }, Some(earlier)) => {
                assert_eq!(since, earlier, "a stall begins once");
                Some(earlier)
            }
            (Waiting::NoCredit { since }, None) => {
                assert!(since <= now);
                Some(since)
            }
            (Waiting::Nothing | Waiting::NoData | Waiting::Transport { .. }, _) => None,
        };
    }

    /// Messages that wait at the server.
    pub(crate) fn waiting(&self) -> u64 {
        let produced: u64 = self.streams.iter().map(|info| self.logs.head(info.id).0 - info.next.0).sum();
        produced - self.conservation.sent - self.conservation.dropped - self.silently_dropped()
    }

    /// Messages that an exhibit has dropped and told nobody of.
    pub(crate) fn silently_dropped(&self) -> u64 {
        let exhibit = self.session.as_ref().and_then(|session| session.exhibit(server_time(Time::ZERO)));
        exhibit.map_or(0, |used| used.silently_dropped)
    }
}

fn limits(setting: &Setting) -> BatchLimits {
    let size = |bytes: u64| usize::try_from(bytes).expect("a small number");
    let network = &setting.network;
    let (messages, bytes, oversize_is_gap) = match setting.mode {
        Mode::Datagrams => (network.batch_messages, network.datagram_limit, true),
        Mode::StreamPerMessage => (1, network.batch_bytes, false),
        Mode::WebSocket | Mode::WebSocketStream | Mode::OneStream | Mode::StreamPerTopic => {
            (network.batch_messages, network.batch_bytes, false)
        }
    };
    BatchLimits { messages: size(messages), bytes: size(bytes), oversize_is_gap }
}
