//! Simulated server process: one feed with one stream, and sessions that are resumed, taken over, rejected or
//! forgotten.
//! Owned by the simulated network, which delivers its outputs.

use std::collections::{BTreeMap, HashSet};

use bytes::{Bytes, BytesMut};
use sluice_shared::feed::FeedSpec;
use sluice_shared::ids::{Epoch, Key, Seq, SessionId, StreamId};
use sluice_shared::log::{Lookup, Produced, Source, StreamLog};
use sluice_shared::mode::Transport;
use sluice_shared::session::{BatchLimits, Request, Select, ServerSession};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::{StreamItems, encode_message, write_server_control};
use sluice_shared::wire::{
    ClientItem, CloseCode, Continuity, Goodbye, Hello, Hop, MessageHeader, PROTOCOL_VERSION, PathSample,
    ServerControl, StreamInfo, TransportFacts, Welcome,
};

use crate::connection::ConnectionId;

/// Stream of the simulated feed.
const STREAM: StreamId = StreamId(7);

/// Server process, from one start to the next.
#[derive(Debug)]
pub(super) struct ServerProcess {
    pub(super) is_up: bool,
    /// Code with which every Hello is rejected.
    pub(super) rejects_with: Option<CloseCode>,
    /// Position of the first message of the lane's first session.
    pub(super) first_position: Option<Seq>,
    log: FeedLog,
    sessions: HashSet<SessionId>,
    sessions_opened: u64,
    connections: BTreeMap<ConnectionId, ServerConnection>,
    outputs: Vec<(ConnectionId, Output)>,
}

/// Output for a client.
#[derive(Debug)]
pub(super) enum Output {
    /// Control items, or a WebSocket message with everything.
    Control(Bytes),
    /// Batches on the data stream of WebTransport.
    Data(Bytes),
    /// Close, with its code and reason.
    Close(CloseCode, String),
}

#[derive(Debug)]
struct ServerConnection {
    transport: Transport,
    intake: StreamItems<ClientItem>,
    session: Option<(SessionId, ServerSession)>,
}

#[derive(Debug)]
struct FeedLog {
    epoch: Epoch,
    log: StreamLog,
}

impl FeedLog {
    fn new(epoch: Epoch) -> Self {
        Self { epoch, log: StreamLog::new(Amount::new(1_000_000, u64::MAX)) }
    }
}

impl Source for FeedLog {
    fn lookup(&self, _stream: StreamId, seq: Seq) -> Lookup {
        self.log.lookup(seq)
    }

    fn backlog(&self, _stream: StreamId, cursor: Seq, now: Time) -> Hop {
        self.log.backlog(cursor, now)
    }

    fn produced(&self, _stream: StreamId) -> Option<Produced> {
        Some(self.log.produced())
    }
}

impl ServerProcess {
    pub(super) fn new() -> Self {
        Self {
            is_up: true,
            rejects_with: None,
            first_position: None,
            log: FeedLog::new(Epoch(1)),
            sessions: HashSet::new(),
            sessions_opened: 0,
            connections: BTreeMap::new(),
            outputs: Vec::new(),
        }
    }

    /// Stops the server and returns the connections that this ends. A graceful stop sends a goodbye to each
    /// of them.
    pub(super) fn stop(&mut self, is_graceful: bool) -> Vec<ConnectionId> {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        if is_graceful {
            ids.iter().for_each(|id| self.dismiss(*id, CloseCode::GoingAway, "The server stops."));
        }
        self.connections.clear();
        self.is_up = false;
        ids
    }

    /// Starts the server again, with another epoch, empty logs and no sessions.
    pub(super) fn start(&mut self) {
        if !self.is_up {
            self.is_up = true;
            self.sessions.clear();
            self.log = FeedLog::new(Epoch(self.log.epoch.0 + 1));
        }
    }

    /// Discards all sessions, as if they had expired.
    pub(super) fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Closes every connection with this code.
    pub(super) fn close_all(&mut self, code: CloseCode) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.connections.remove(&id);
            self.outputs.push((id, Output::Close(code, "closed by the test".into())));
        }
    }

    /// Returns the position of the next message.
    pub(super) fn head(&self) -> Seq {
        self.log.log.next_seq()
    }

    pub(super) fn handle_accepted(&mut self, id: ConnectionId, transport: Transport) {
        let connection = ServerConnection { transport, intake: StreamItems::default(), session: None };
        self.connections.insert(id, connection);
    }

    pub(super) fn handle_closed(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
    }

    /// Appends one message to the log, and runs the sessions.
    pub(super) fn produce(&mut self, now: Time) {
        if !self.is_up {
            return;
        }
        let (seq, key) = (self.log.log.next_seq(), Key(0));
        let header = MessageHeader { stream: STREAM, seq, key, produced_at: now };
        let item = encode_message(&header, &seq.0.to_le_bytes()).expect("a small payload");
        self.log.log.append(key, now, item);
        self.run(now);
    }

    /// Runs the sessions, which send what they can, without a new message.
    pub(super) fn run(&mut self, now: Time) {
        for (_, session) in self.connections.values_mut().filter_map(|connection| connection.session.as_mut())
        {
            session.handle_timeout(now);
            session.handle_published(&self.log, now);
            if session.sample_is_due(now) {
                session.handle_sample(&self.log, Hop::default(), PathSample::default(), now);
            }
        }
        self.send(now);
    }

    pub(super) fn handle_bytes(&mut self, id: ConnectionId, bytes: &[u8], now: Time) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.intake.push(bytes);
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            let Some((item, _)) = connection.intake.take().expect("the lane's items are well-formed") else {
                break;
            };
            match (item, &mut connection.session) {
                (ClientItem::Hello(hello), None) => self.handle_hello(id, &hello, now),
                (item, None) => panic!("a connection opens with a Hello, not {item:?}"),
                (item, Some((_, session))) => {
                    match session.handle_item(item, now).expect("the lane keeps the protocol") {
                        None | Some(Request::SetFragments(_) | Request::Echo(_) | Request::Subscribe(_)) => {}
                        Some(Request::Certify(request)) => {
                            session
                                .handle_certify(&self.log, request)
                                .expect("the lane names what it has seen");
                        }
                    }
                }
            }
        }
        self.send(now);
    }

    fn handle_hello(&mut self, id: ConnectionId, hello: &Hello, now: Time) {
        if let Some(code) = self.rejects_with {
            return self.dismiss(id, code, "The server rejects this lane.");
        }
        let continuity = match &hello.resume {
            None => Continuity::New,
            Some(resume) if resume.epoch != self.log.epoch => Continuity::EpochChanged,
            Some(resume) if self.sessions.contains(&resume.session) => Continuity::Continued,
            Some(_) => Continuity::UnknownSession,
        };
        let resumed = hello.resume.as_ref().filter(|_| continuity == Continuity::Continued);
        let next = resumed
            .and_then(|resume| resume.next.iter().find(|(stream, _)| *stream == STREAM))
            .map_or_else(|| self.head(), |(_, seq)| *seq);
        let session = resumed.map_or_else(
            || {
                self.sessions_opened += 1;
                SessionId(u128::from(self.sessions_opened).to_le_bytes())
            },
            |resume| resume.session,
        );
        self.take_over(session, id);
        self.sessions.insert(session);
        // A Welcome that never arrived began nothing: the lane requests a new session again.
        if continuity == Continuity::New {
            self.first_position = Some(next);
        }
        let welcome = Welcome {
            version: PROTOCOL_VERSION,
            session,
            epoch: self.log.epoch,
            server_now: now,
            continuity,
            streams: vec![StreamInfo { id: STREAM, feed: FeedSpec::Publish, name: "simulated".into(), next }],
            policy: hello.policy,
            facts: TransportFacts::default(),
        };
        let mut server_session = ServerSession::new(hello, welcome, now);
        server_session.handle_published(&self.log, now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.session = Some((session, server_session));
        }
    }

    /// Ends the other connections of a session that `successor` resumes.
    fn take_over(&mut self, session: SessionId, successor: ConnectionId) {
        let earlier: Vec<_> = self
            .connections
            .iter()
            .filter(|(id, connection)| {
                **id != successor && connection.session.as_ref().is_some_and(|(id, _)| *id == session)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in earlier {
            self.dismiss(id, CloseCode::TakenOver, "Another connection has taken the session over.");
        }
    }

    fn dismiss(&mut self, id: ConnectionId, code: CloseCode, reason: &str) {
        let mut out = BytesMut::new();
        write_server_control(&mut out, &ServerControl::Goodbye(Goodbye { code, reason: reason.into() }));
        self.outputs.push((id, Output::Control(out.freeze())));
        self.outputs.push((id, Output::Close(code, reason.into())));
        self.connections.remove(&id);
    }

    fn send(&mut self, now: Time) {
        for (id, connection) in &mut self.connections {
            let Some((_, session)) = &mut connection.session else { continue };
            let mut control = BytesMut::new();
            while let Some(item) = session.poll_control() {
                write_server_control(&mut control, &item);
            }
            let shares_frame = connection.transport == Transport::WebSocket;
            let mut data = if shares_frame { core::mem::take(&mut control) } else { BytesMut::new() };
            let limits = BatchLimits { messages: 64, bytes: 16 * 1024, oversize_is_gap: false };
            while session.poll_batch(&self.log, Select::Any, limits, now, &mut data).is_some() {}
            let output = if shares_frame { Output::Control } else { Output::Data };
            if !control.is_empty() {
                self.outputs.push((*id, Output::Control(control.freeze())));
            }
            if !data.is_empty() {
                self.outputs.push((*id, output(data.freeze())));
            }
        }
    }

    /// Takes the outputs for clients, in order.
    pub(super) fn take_outputs(&mut self) -> Vec<(ConnectionId, Output)> {
        core::mem::take(&mut self.outputs)
    }
}
