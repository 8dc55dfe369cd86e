//! The loop that every input runs: take it in, then carry out all that follows from it.

use core::time::Duration;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

use bytes::BytesMut;
use sluice_shared::mode::Mode;
use sluice_shared::session::ClientError;
use sluice_shared::time::Time;
use sluice_shared::wire::codec::write_client_item;
use web_sys::MessageChannel;

use super::active::Active;
use super::clock;
use super::connecting::Rival;
use super::contest::Contest;
use super::flood::Tide;
use super::link::Link;
use super::model::Tally;
use super::report::report;
use super::transport::{Carrier, Event, Room};
use super::wake::{Timer, Turn};
use sluice_bridge::{Command, LifeKind, Report};

/// A lane with everything it owns.
pub(super) struct Lane {
    /// For callbacks, which so do not keep the lane alive.
    pub(super) me: Weak<RefCell<Self>>,
    pub(super) active: Option<Active>,
    pub(super) carrier: Option<Carrier>,
    /// Whether the carrier has opened.
    pub(super) is_carrier_open: bool,
    /// The carrier's number among all connections of the lane, so that an old one's events don't touch a newer one;
    /// 0 while there is none.
    pub(super) generation: u64,
    pub(super) newest_generation: u64,
    /// What is tried.
    pub(super) rivals: Vec<Rival>,
    pub(super) contest: Contest,
    pub(super) link: Link,
    pub(super) tally: Tally,
    /// The reason of the last try that failed, which is noted once.
    pub(super) noted_reason: Option<String>,
    pub(super) timer: Timer,
    pub(super) turn: Turn,
    /// Where read loops wait that are not to read on.
    pub(super) room: Rc<Room>,
    pub(super) outgoing: BytesMut,
}

impl Lane {
    /// While the connection takes no more, how long until the next look: WebSocket does not tell.
    const LOOK_AGAIN: Duration = Duration::from_millis(50);
    /// One write takes items until it is this long, bytes; an item more than that goes alone.
    const MOST_AT_ONCE: usize = 4 * 1024;

    /// A lane that was not asked to connect. The waits between its tries follow from `seed`; `channel` is for its
    /// own use.
    pub(super) fn new(seed: u64, channel: MessageChannel) -> Rc<RefCell<Self>> {
        Rc::new_cyclic(|me: &Weak<RefCell<Self>>| {
            let call = |handler: fn(&mut Self)| {
                let me = me.clone();
                move || {
                    if let Some(lane) = me.upgrade() {
                        handler(&mut lane.borrow_mut());
                    }
                }
            };
            RefCell::new(Self {
                me: me.clone(),
                active: None,
                carrier: None,
                is_carrier_open: false,
                generation: 0,
                newest_generation: 0,
                rivals: Vec::new(),
                contest: Contest::new(Mode::WebSocket, false),
                link: Link::new(seed),
                tally: Tally::new(),
                noted_reason: None,
                timer: Timer::new(call(Self::handle_timer)),
                turn: Turn::new(channel, call(Self::handle_turn)),
                room: Rc::default(),
                outgoing: BytesMut::new(),
            })
        })
    }

    /// Carries out what the page asks, and answers it when it asks for a report.
    pub(super) fn handle_command(&mut self, command: Command) -> Option<Report> {
        if command == Command::Report {
            let now = clock::now();
            self.flood_on(now);
            return Some(report(self.active.as_mut(), &self.link, &self.contest, &mut self.tally, now));
        }
        self.handle(|lane, now| lane.apply(command, now));
        None
    }

    fn apply(&mut self, command: Command, now: Time) {
        match (command, &mut self.active) {
            (Command::Open(setup), _) => self.open(setup, now),
            (Command::Close, _) => self.close(now),
            (Command::Online, _) => {
                self.tally.lifeline.push(LifeKind::Online, now);
                self.link.handle_online(now);
                self.contest.handle_online(now);
                self.handle_due(now);
            }
            (Command::SetUpkeep(upkeep), _) => self.set_upkeep(upkeep, now),
            (Command::Reset, active) => {
                self.tally.clear();
                if let Some(active) = active {
                    active.duplicates_before = active.session.duplicates();
                    active.duplicates_before_epoch = active.session.duplicates();
                }
            }
            (Command::BeginEpoch { number, since }, active) => {
                self.tally.begin_epoch(number, since);
                if let Some(active) = active {
                    active.duplicates_before_epoch = active.session.duplicates();
                }
            }
            (Command::Certify, Some(active)) => {
                active.session.certify();
            }
            (Command::SetConsumer(consumer), Some(active)) => active.station.set(consumer),
            (Command::SetPolicy(policy), Some(active)) => active.session.set_policy(policy),
            (Command::SetWindow(window), Some(active)) => active.session.set_window(window.into()),
            (Command::SetFeeds(feeds), Some(active)) => active.session.set_feeds(feeds),
            (Command::SetFragments(bytes), Some(active)) => active.session.set_fragments(bytes),
            (Command::Flood { style, bytes }, Some(active)) => active.tide.begin(style, bytes),
            (Command::StopFlood, Some(active)) => active.tide.stop(),
            (Command::SetEndpoints(endpoints), _) => self.set_endpoints(endpoints, now),
            (
                Command::SetConsumer(_)
                | Command::SetPolicy(_)
                | Command::SetWindow(_)
                | Command::SetFeeds(_)
                | Command::SetFragments(_)
                | Command::Certify
                | Command::Flood { .. }
                | Command::StopFlood
                | Command::Report,
                _,
            ) => {}
        }
    }

    /// Takes in what happened on carrier number `generation`; returns whether it is still in use.
    pub(super) fn handle_carrier(&mut self, generation: u64, event: Event<'_>) -> bool {
        let is_rival = |lane: &Self| lane.rivals.iter().any(|rival| rival.generation == generation);
        if generation == self.generation {
            self.handle(|lane, now| {
                if let Err(error) = lane.take_in(event, now) {
                    lane.handle_violation(&error, now);
                }
                lane.handle_heard(now);
            });
        } else if is_rival(self) {
            self.handle(|lane, now| lane.handle_rival(generation, event, now));
        }
        generation == self.generation || is_rival(self)
    }

    fn take_in(&mut self, event: Event<'_>, now: Time) -> Result<(), ClientError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        match event {
            Event::Frame(frame) => active.session.handle_frame(frame, now),
            Event::Stream { intake, chunk } => active.session.handle_stream_bytes(intake, chunk, now),
            Event::Datagram(datagram) => active.session.handle_datagram(datagram, now),
            Event::Echo(bytes) => {
                active.session.handle_progress(now);
                active.tide.handle_echo(bytes, now);
                Ok(())
            }
            Event::Probed { .. } | Event::Opened | Event::Writable => Ok(()),
            Event::Closed { code, reason } => {
                self.handle_closed(code, reason, now);
                Ok(())
            }
        }
    }

    fn handle_timer(&mut self) {
        self.timer.handle_fired();
        self.handle(|lane, now| {
            lane.handle_due(now);
            if let Some(active) = &mut lane.active
                && active.session.poll_timeout().is_some_and(|(due, _)| due <= now)
            {
                active.session.handle_timeout(now);
            }
        });
    }

    fn handle_turn(&mut self) {
        self.turn.handle_called();
        self.handle(|lane, now| {
            if let Some(active) = &mut lane.active {
                active.compute(&mut lane.tally, now);
            }
        });
    }

    /// Runs an input and all that follows from it, and counts the time it takes.
    fn handle(&mut self, input: impl FnOnce(&mut Self, Time)) {
        let began = clock::now();
        input(self, began);
        self.handle_events(began);
        if let Some(active) = &mut self.active {
            active.run_consumer(&mut self.tally, began);
            self.transmit();
            self.flood_on(began);
        }
        self.handle_naively();
        let ended = clock::now();
        self.tally.record_busy(ended.since(began), ended);
        self.arm(ended);
    }

    /// Sends what is due, unless the connection takes no more; then it waits in the session, where only the newest
    /// grant counts.
    fn transmit(&mut self) {
        let (Some(active), Some(carrier)) = (&mut self.active, &self.carrier) else { return };
        while carrier.is_writable() {
            self.outgoing.clear();
            while self.outgoing.len() < Self::MOST_AT_ONCE
                && let Some(item) = active.session.poll_transmit()
            {
                write_client_item(&mut self.outgoing, &item);
            }
            if self.outgoing.is_empty() {
                break;
            }
            carrier.send(&self.outgoing);
        }
    }

    /// Hands over what a flood has. What the browser passes on is a sign of life, since an answer may be stuck behind
    /// what was sent before it.
    fn flood_on(&mut self, now: Time) {
        let (Some(active), Some(carrier)) = (&mut self.active, &self.carrier) else { return };
        if !active.tide.is_flooding() || !self.is_carrier_open {
            return;
        }
        if active.tide.has_blocks() && carrier.can_flood() {
            while let Some(block) = active.tide.next_block(carrier.has_flood_room(), now) {
                carrier.flood(block);
            }
        }
        if !active.tide.has_blocks() {
            carrier.end_flood();
        }
        if active.tide.look(carrier.flood_level()) {
            active.session.handle_progress(now);
        }
    }

    fn arm(&mut self, now: Time) {
        let active = self.active.as_ref();
        let is_stuck =
            self.is_carrier_open && self.carrier.as_ref().is_some_and(|carrier| !carrier.is_writable());
        let deadlines = [
            self.next_due(),
            active.and_then(|active| active.session.poll_timeout()).map(|(at, _)| at),
            active.and_then(|active| active.station.poll_timeout()),
            is_stuck.then(|| now + Self::LOOK_AGAIN),
            active.is_some_and(|active| active.tide.is_waiting()).then(|| now + Tide::LOOK_AGAIN),
        ];
        self.timer.arm(deadlines.into_iter().flatten().min(), now);
        if active.is_some_and(|active| active.station.wants_to_compute()) {
            self.turn.ask();
        }
    }
}
