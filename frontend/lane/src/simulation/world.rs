//! A lane and its surroundings, run event by event in virtual time.
//! Used by `scenarios` and `properties`; `World::check` holds after every call into the lane.

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use sluice_shared::feed::FeedSpec;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::Intake;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;

use super::network::{LaneEvent, Network, WireState};
use super::platform::SimulatedPlatform;
use crate::connection::ConnectionId;
use crate::driver::Lane;
use crate::transport::Event;
use sluice_bridge::{
    Command, Connection, ConnectionEvent, Consumer, Endpoints, Report, Setup, Summary, Upkeep, Window, Work,
};

/// Simulated run of one lane.
pub(super) struct World {
    pub(super) network: Rc<RefCell<Network>>,
    pub(super) lacks_webtransport: Rc<Cell<bool>>,
    /// Events of the connection's timeline so far.
    pub(super) timeline: Vec<ConnectionEvent>,
    /// Log messages so far.
    pub(super) notes: Vec<String>,
    lane: Lane<SimulatedPlatform>,
    intakes: BTreeMap<(ConnectionId, bool), Intake>,
    /// End of the tab's sleep, and whether its timers fire before the events received meanwhile; `None` while
    /// awake.
    asleep: Option<(Time, bool)>,
    /// Consecutive timer calls without an advance of time.
    timers_in_a_row: u32,
    report_at: Time,
    summary: Summary,
}

impl World {
    const REPORT_EVERY: Duration = Duration::from_secs(2);
    /// Maximum number of timer calls at one moment.
    const MOST_TIMERS_IN_A_ROW: u32 = 3;

    pub(super) fn new(seed: u64) -> Self {
        let start = Time::from_millis(1_000_000);
        let network = Rc::new(RefCell::new(Network::new(start)));
        let lacks_webtransport = Rc::new(Cell::new(false));
        let platform = SimulatedPlatform {
            network: Rc::clone(&network),
            lacks_webtransport: Rc::clone(&lacks_webtransport),
        };
        Self {
            network,
            lacks_webtransport,
            timeline: Vec::new(),
            notes: Vec::new(),
            lane: Lane::new(seed, platform),
            intakes: BTreeMap::new(),
            asleep: None,
            timers_in_a_row: 0,
            report_at: start,
            summary: Summary::default(),
        }
    }

    pub(super) fn now(&self) -> Time {
        self.network.borrow().now
    }

    pub(super) fn connection(&self) -> Connection {
        self.lane.machine.connection().clone()
    }

    /// Returns the newest summary.
    pub(super) const fn summary(&self) -> &Summary {
        &self.summary
    }

    pub(super) fn command(&mut self, command: Command) {
        assert_eq!(self.lane.handle_command(command), None);
        self.check();
    }

    /// Suspends the tab for `span`; the network continues, the lane does not.
    pub(super) fn sleep(&mut self, span: Duration, timers_first: bool) {
        self.asleep = Some((self.now() + span, timers_first));
        self.run_for(span);
    }

    pub(super) fn run_for(&mut self, span: Duration) {
        let end = self.now() + span;
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            self.advance(at);
            self.run_next();
        }
        self.advance(end);
    }

    fn advance(&mut self, at: Time) {
        let mut network = self.network.borrow_mut();
        if at > network.now {
            network.now = at;
            self.timers_in_a_row = 0;
        }
    }

    fn next_at(&self) -> Option<Time> {
        let network = self.network.borrow();
        let lane = match self.asleep {
            Some((until, _)) => Some(until),
            None if !network.inbox.is_empty() || network.wants_macrotask => Some(network.now),
            None => network.timer,
        };
        [network.next_event_at(), lane].into_iter().flatten().min()
    }

    fn run_next(&mut self) {
        let now = self.now();
        if let Some((until, timers_first)) = self.asleep {
            if until > now {
                self.network.borrow_mut().run_next();
                return;
            }
            self.asleep = None;
            if timers_first {
                self.fire_timer();
            }
        }
        let event = self.network.borrow_mut().inbox.pop_front();
        if let Some((id, event)) = event {
            self.deliver(id, event);
        } else if core::mem::take(&mut self.network.borrow_mut().wants_macrotask) {
            self.lane.handle_macrotask();
            self.check();
        } else if self.network.borrow().next_event_at().is_some_and(|at| at <= now) {
            self.network.borrow_mut().run_next();
        } else {
            self.fire_timer();
        }
        if now >= self.report_at {
            self.report_at = now + Self::REPORT_EVERY;
            self.report();
        }
    }

    fn fire_timer(&mut self) {
        let now = self.now();
        if self.network.borrow_mut().timer.take_if(|at| *at <= now).is_none() {
            return;
        }
        self.timers_in_a_row += 1;
        assert!(
            self.timers_in_a_row <= Self::MOST_TIMERS_IN_A_ROW,
            "the timer spins: {:?}",
            self.lane.machine
        );
        self.lane.handle_timer();
        let next = self.lane.machine.poll_timeout();
        assert!(next.is_none_or(|(at, _)| at > now), "due again at once: {next:?}, {:?}", self.lane.machine);
        self.check();
    }

    fn deliver(&mut self, id: ConnectionId, event: LaneEvent) {
        let was_closed =
            self.network.borrow().wires.get(&id).is_some_and(|wire| wire.state == WireState::Closed);
        let is_wanted = match event {
            LaneEvent::Probed(answers) => self.lane.handle_transport_event(id, Event::Probed { answers }),
            LaneEvent::Opened => self.lane.handle_transport_event(id, Event::Opened),
            LaneEvent::Frame(bytes) => self.lane.handle_transport_event(id, Event::Frame(bytes)),
            LaneEvent::Stream { is_control, bytes } => {
                let intake = self.intakes.entry((id, is_control)).or_default();
                self.lane.handle_transport_event(id, Event::Stream { intake, chunk: &bytes })
            }
            LaneEvent::Closed { code, reason } => {
                let is_wanted = self.lane.handle_transport_event(id, Event::Closed { code, reason });
                assert!(!is_wanted, "a connection that is over brings no more");
                is_wanted
            }
        };
        assert!(!(was_closed && is_wanted), "{id:?} was closed by the lane");
        self.check();
    }

    /// Checks the invariants that hold between any two calls into the lane.
    fn check(&self) {
        let network = self.network.borrow();
        let is_live = |state| matches!(state, WireState::Opening | WireState::Open);
        let live: Vec<_> = network.wires.iter().filter(|(_, wire)| is_live(wire.state)).collect();
        let used = live.iter().filter(|(_, wire)| wire.has_sent).count();
        assert!(used <= 1, "two connections are used at once: {live:?}");
        assert!(live.len() <= 3, "more than a race beside a connection: {live:?}");
        for (id, wire) in live {
            // The browser knows of an opened or lost connection before the lane does.
            let is_on_the_way = network.inbox.iter().any(|(other, _)| other == id);
            assert!(self.lane.machine.follows(*id) || is_on_the_way, "{id:?} is leaked: {wire:?}");
        }
    }

    /// Returns the number of connections that neither end has closed.
    pub(super) fn live_connections(&self) -> usize {
        let is_live = |state| matches!(state, WireState::Opening | WireState::Open);
        self.network.borrow().wires.values().filter(|wire| is_live(wire.state)).count()
    }

    /// Requests a report from the lane, as the page does once per frame.
    pub(super) fn report(&mut self) {
        if self.asleep.is_some() {
            return;
        }
        let report: Report = self.lane.handle_command(Command::Report).expect("an answer");
        self.timeline.extend(report.connection_events);
        self.notes.extend(report.notes.into_iter().map(|note| note.text));
        self.summary = report.summary;
    }
}

/// Returns the set-up of a lane of `mode` with this upkeep.
pub(super) fn setup(mode: Mode, upkeep: Upkeep) -> Setup {
    Setup {
        mode,
        feeds: vec![FeedSpec::Publish],
        policy: Policy::Lossless,
        window: Window::Fixed(Amount::new(4_096, 1 << 20)),
        consumer: Consumer { delay_micros: 0, work: Work::Sleep },
        upkeep,
        fragment_bytes: 0,
        endpoints: endpoints(4433),
    }
}

/// Returns the server's addresses, with this port for UDP.
pub(super) fn endpoints(udp_port: u16) -> Endpoints {
    Endpoints {
        websocket: format!("ws://localhost:{udp_port}/ws"),
        webtransport: format!("https://127.0.0.1:{udp_port}/wt"),
        certificate_hashes: Vec::new(),
    }
}
