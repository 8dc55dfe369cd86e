//! The server's end of a session, from its Hello on: what the drive loop of a real session does, in virtual time.

use sluice_shared::ids::{Epoch, Seq, SessionId, StreamId};
use sluice_shared::session::{Request, ServerSession, validate};
use sluice_shared::time::Time;
use sluice_shared::wire::{ClientItem, Continuity, Hello, PROTOCOL_VERSION, Welcome};

use super::feed::Feed;
use super::transport::Transport;
use crate::session::fill;

/// One connection's session at the server.
#[derive(Debug, Default)]
pub(super) struct ServerEnd {
    session: Option<ServerSession>,
    first_lane: usize,
}

impl ServerEnd {
    /// Hears the client, does what is due, and sends what there is; `published` says whether the feed has more.
    ///
    /// # Errors
    /// The client broke the protocol, in words.
    pub(super) fn run(
        &mut self,
        transport: &mut impl Transport,
        feed: &Feed,
        published: bool,
        now: Time,
    ) -> Result<(), String> {
        if published && let Some(session) = &mut self.session {
            session.handle_published(feed, now);
        }
        // Each item may ask for an answer, so the client is heard only while there is room for answers.
        while transport.control().is_some()
            && let Some(item) = transport.poll_item(now)
        {
            self.handle_item(item.map_err(|error| error.to_string())?, transport, feed, now)?;
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        if session.poll_timeout().is_some_and(|(due, _)| due <= now) && transport.control().is_some() {
            session.handle_timeout(now);
            if session.sample_is_due(now) {
                let (hop, path) = transport.sample(now);
                session.handle_sample(feed, hop, path, now);
            }
        }
        loop {
            let awaited_lanes = fill(transport, session, feed, self.first_lane, now, |_| {});
            self.first_lane = self.first_lane.wrapping_add(1);
            transport.flush(now);
            let lanes = transport.lanes();
            let full_lanes = (0..lanes).filter(|index| transport.lane(*index).is_none()).count();
            if full_lanes < awaited_lanes {
                session.handle_transport_ready();
                continue;
            }
            if full_lanes > 0 && full_lanes == lanes {
                session.handle_transport_blocked(now);
            }
            return Ok(());
        }
    }

    /// When something is due; what is due while nothing can be reported waits for room, not for time.
    pub(super) fn poll_timeout(&self, transport: &mut impl Transport) -> Option<Time> {
        let (due, _) = self.session.as_ref()?.poll_timeout()?;
        transport.control().is_some().then_some(due)
    }

    fn handle_item(
        &mut self,
        item: ClientItem,
        transport: &mut impl Transport,
        feed: &Feed,
        now: Time,
    ) -> Result<(), String> {
        match (&mut self.session, item) {
            (Some(session), item) => match session.handle_item(item, now) {
                Ok(None) => Ok(()),
                Ok(Some(Request::Subscribe(_))) => Err("a lane keeps its feed".to_owned()),
                Ok(Some(Request::SetFragments(_))) => Err("a lane keeps its messages whole".to_owned()),
                Ok(Some(Request::Echo(_))) => Err("a lane floods nobody".to_owned()),
                Ok(Some(Request::Certify(request))) => {
                    session.handle_certify(feed, request).map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            },
            (None, ClientItem::Hello(hello)) => {
                validate(&hello).map_err(|error| error.to_string())?;
                self.session = Some(open(&hello, transport, feed, now));
                Ok(())
            }
            (None, _) => Err("the first item of a connection must be a Hello".to_owned()),
        }
    }
}

fn open(hello: &Hello, transport: &mut impl Transport, feed: &Feed, now: Time) -> ServerSession {
    let position = |stream: StreamId| -> Option<Seq> {
        let resume = hello.resume.as_ref()?;
        resume.next.iter().find(|(id, _)| *id == stream).map(|(_, next)| *next)
    };
    let streams = feed.infos(position);
    transport.open_lanes(hello.mode, &streams);
    let welcome = Welcome {
        version: PROTOCOL_VERSION,
        session: SESSION,
        epoch: EPOCH,
        server_now: now,
        continuity: if hello.resume.is_some() { Continuity::Continued } else { Continuity::New },
        streams,
        policy: hello.policy,
        facts: transport.facts(),
    };
    ServerSession::new(hello, welcome, now)
}

/// The one session of a lane; a real one's name is as long.
const SESSION: SessionId = SessionId([0x5a; 16]);
/// The life of the hub; a real one is a random number, which takes as many bytes.
const EPOCH: Epoch = Epoch(u64::MAX);
