//! One connection, both directions.

use std::collections::VecDeque;

use sluice_shared::lab::{Answer, FrameRecord, FrameTotals, Opcode, UpgradeRecord};
use sluice_shared::link::Direction;
use sluice_shared::time::{Time, micros};

use super::record::record;
use super::upgrade::{self, Head, Progress};
use super::way::{Frame, Way};

/// Pings without an answer that are remembered, in each direction.
const MAX_PINGS: usize = 16;

/// Reads a connection's bytes from the first on.
#[derive(Debug)]
pub(super) struct Inspector {
    stage: Stage,
    up: Way,
    down: Way,
    upgrade: Option<UpgradeRecord>,
    /// The client's, and the server's.
    pings: [VecDeque<Ping>; 2],
    next_number: u64,
}

/// How far the connection is.
#[derive(Debug)]
enum Stage {
    /// The heads are coming.
    Handshake { request: Head, response: Head, is_request_whole: bool },
    /// Frames.
    Open,
    /// No more is understood.
    Lost(&'static str),
}

/// A ping without an answer.
#[derive(Debug)]
struct Ping {
    number: u64,
    payload: Vec<u8>,
    at: Time,
}

/// What has passed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// The opening handshake is over.
    Upgrade(UpgradeRecord),
    /// A frame.
    Frame(FrameRecord),
}

impl Inspector {
    /// A connection without a byte.
    pub(super) fn new() -> Self {
        let stage =
            Stage::Handshake { request: Head::default(), response: Head::default(), is_request_whole: false };
        Self {
            stage,
            up: Way::new(Direction::Up),
            down: Way::new(Direction::Down),
            upgrade: None,
            pings: [VecDeque::new(), VecDeque::new()],
            next_number: 0,
        }
    }

    /// The opening handshake, once it is over.
    pub(super) const fn upgrade(&self) -> Option<&UpgradeRecord> {
        self.upgrade.as_ref()
    }

    /// What has passed, up and down.
    pub(super) const fn totals(&self) -> [&FrameTotals; 2] {
        [self.up.totals(), self.down.totals()]
    }

    /// Why no more is understood, if that is so.
    pub(super) const fn lost(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Lost(why) => Some(why),
            Stage::Handshake { .. } | Stage::Open => None,
        }
    }

    /// Takes in bytes of one direction that passed at `at`, and tells `watcher`, if there is one, what they were.
    pub(super) fn handle_bytes(
        &mut self,
        direction: Direction,
        mut bytes: &[u8],
        at: Time,
        mut watcher: Option<&mut dyn FnMut(Seen)>,
    ) {
        if let Some(upgrade) = self.take_heads(direction, &mut bytes, at)
            && let Some(watcher) = &mut watcher
        {
            watcher(Seen::Upgrade(upgrade));
        }
        if matches!(self.stage, Stage::Lost(_)) {
            return;
        }
        loop {
            let way = match direction {
                Direction::Up => &mut self.up,
                Direction::Down => &mut self.down,
            };
            let Some(frame) = way.take(&mut bytes, watcher.is_some()) else { return };
            if way.is_lost() {
                self.stage = Stage::Lost("a frame has a length that nothing has (RFC 6455 §5.2)");
            }
            let number = self.next_number;
            self.next_number += 1;
            let answers = self.match_ping(direction, &frame, number, at);
            if let Some(watcher) = &mut watcher {
                watcher(Seen::Frame(record(&frame, number, direction, answers, at)));
            }
        }
    }

    /// Takes what belongs to the heads off the front of `bytes`; returns the handshake when it is over.
    fn take_heads(&mut self, direction: Direction, bytes: &mut &[u8], at: Time) -> Option<UpgradeRecord> {
        let Stage::Handshake { request, response, is_request_whole } = &mut self.stage else { return None };
        let progress = match direction {
            // Whoever speaks before the answer has come speaks in frames already.
            Direction::Up if *is_request_whole => return None,
            Direction::Up => request.take(bytes),
            Direction::Down => response.take(bytes),
        };
        match (progress, direction) {
            (Progress::Partial, _) => None,
            (Progress::TooLong, _) => {
                self.stage = Stage::Lost("a head of HTTP is too long to be read");
                None
            }
            (Progress::Whole, Direction::Up) => {
                *is_request_whole = true;
                None
            }
            (Progress::Whole, Direction::Down) if response.switches() => {
                let upgrade = upgrade::record(request, response, at);
                self.upgrade = Some(upgrade.clone());
                self.stage = Stage::Open;
                Some(upgrade)
            }
            (Progress::Whole, Direction::Down) => {
                self.stage = Stage::Lost("the server has not answered with an upgrade (RFC 6455 §4.2.2)");
                None
            }
        }
    }

    /// Remembers pings, and finds the one that a pong answers; a pong answers all before it, too (RFC 6455 §5.5.3).
    fn match_ping(&mut self, direction: Direction, frame: &Frame, number: u64, at: Time) -> Option<Answer> {
        let [of_client, of_server] = &mut self.pings;
        let (own, others) = match direction {
            Direction::Up => (of_client, of_server),
            Direction::Down => (of_server, of_client),
        };
        match frame.opcode() {
            Opcode::Ping => {
                if own.len() >= MAX_PINGS {
                    own.pop_front();
                }
                own.push_back(Ping { number, payload: frame.plain(), at });
                None
            }
            Opcode::Pong => {
                let payload = frame.plain();
                let found = others.iter().rposition(|ping| ping.payload == payload)?;
                let ping = others.drain(..=found).next_back()?;
                Some(Answer { number: ping.number, rtt_micros: micros(at.since(ping.at)) })
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation | Opcode::Close | Opcode::Reserved => None,
        }
    }
}
