//! Property test of the connection state machine alone.
//! Inputs are random and include sequences that no browser produces.

use core::time::Duration;
use std::collections::BTreeSet;

use proptest::prelude::*;
use sluice_shared::mode::Mode;
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, Goodbye};

use super::{Action, ConnectionId, ConnectionMachine, ConnectionSettings};
use sluice_bridge::{Endpoints, Recovery, Upkeep};

/// Random input; a number refers to one of the newest connections.
#[derive(Clone, Debug)]
enum Input {
    Open(Mode, bool),
    Close,
    Online,
    Endpoints(u16),
    Upkeep(bool),
    Probed(u64, bool),
    Opened(u64),
    Unavailable(u64),
    Closed(u64, Option<u32>, bool),
    Activity { is_overdue: bool },
    Rtt(Option<u16>),
    Welcome,
    Goodbye(CloseCode),
    Unresponsive,
    ProtocolError,
    Hopeless,
    Timeout,
}

fn endpoints(port: u16) -> Endpoints {
    Endpoints {
        websocket: "ws://localhost/ws".into(),
        webtransport: format!("https://localhost:{port}/wt"),
        certificate_hashes: Vec::new(),
    }
}

const fn upkeep(falls_back: bool) -> Upkeep {
    let heartbeat = sluice_shared::session::Heartbeat {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(10),
    };
    Upkeep { heartbeat, recovery: Recovery::Resume, falls_back }
}

fn input() -> impl Strategy<Value = Input> {
    let number = 0_u64..5;
    let mode = proptest::sample::select(vec![Mode::WebSocket, Mode::OneStream, Mode::Datagrams]);
    let code = proptest::option::of(proptest::sample::select(vec![1000_u32, 1001, 1006, 4000, 4002, 77]));
    prop_oneof![
        2 => (mode, any::<bool>()).prop_map(|(mode, falls_back)| Input::Open(mode, falls_back)),
        1 => Just(Input::Close),
        2 => Just(Input::Online),
        1 => (1_u16..3).prop_map(Input::Endpoints),
        1 => any::<bool>().prop_map(Input::Upkeep),
        4 => (number.clone(), any::<bool>()).prop_map(|(number, answers)| Input::Probed(number, answers)),
        6 => number.clone().prop_map(Input::Opened),
        1 => number.clone().prop_map(Input::Unavailable),
        4 => (number, code, any::<bool>()).prop_map(|(number, code, has_reason)| Input::Closed(number, code, has_reason)),
        4 => any::<bool>().prop_map(|is_overdue| Input::Activity { is_overdue }),
        1 => proptest::option::of(any::<u16>()).prop_map(Input::Rtt),
        4 => Just(Input::Welcome),
        1 => proptest::sample::select(CloseCode::ALL.to_vec()).prop_map(Input::Goodbye),
        1 => Just(Input::Unresponsive),
        1 => Just(Input::ProtocolError),
        1 => Just(Input::Hopeless),
        6 => Just(Input::Timeout),
    ]
}

/// Accumulated effect of the actions so far.
#[derive(Debug, Default)]
struct Driver {
    newest: u64,
    live: BTreeSet<ConnectionId>,
    attached: Option<ConnectionId>,
}

impl Driver {
    fn run_actions(&mut self, machine: &mut ConnectionMachine) {
        while machine.poll_event().is_some() {}
        while let Some(action) = machine.poll_action() {
            match action {
                Action::Probe { id } => self.newest = self.newest.max(id.0),
                Action::Open { id, .. } => {
                    self.newest = self.newest.max(id.0);
                    assert!(self.live.insert(id), "{id:?} is opened once");
                }
                Action::Close { id, .. } => {
                    assert!(self.live.remove(&id), "{id:?} was open or being opened");
                }
                Action::Attach { id, .. } => {
                    assert!(self.live.contains(&id), "{id:?} is open");
                    assert_eq!(self.attached.replace(id), None, "the session has one connection");
                }
                Action::Detach => self.attached = None,
            }
        }
        for id in &self.live {
            assert!(machine.follows(*id), "{id:?} is leaked");
        }
        assert_eq!(self.attached, machine.current_id());
    }

    const fn id(&self, number: u64) -> ConnectionId {
        ConnectionId(self.newest.saturating_sub(number))
    }
}

fn apply(machine: &mut ConnectionMachine, driver: &mut Driver, input: Input, now: Time) {
    match input {
        Input::Open(mode, falls_back) => {
            let (endpoints, upkeep) = (endpoints(1), upkeep(falls_back));
            machine.handle_open(ConnectionSettings { mode, endpoints, upkeep, is_exhibit: false }, now);
        }
        Input::Close => machine.handle_close(now),
        Input::Online => machine.handle_online(now),
        Input::Endpoints(port) => machine.handle_endpoints(endpoints(port), now),
        Input::Upkeep(falls_back) => machine.handle_upkeep(upkeep(falls_back), now),
        Input::Probed(number, answers) => {
            // A probe is answered once, before the transport is opened.
            let id = driver.id(number);
            if !driver.live.contains(&id) {
                machine.handle_probed(id, answers, now);
            }
        }
        Input::Opened(number) => {
            let id = driver.id(number);
            if driver.live.contains(&id) || !machine.follows(id) {
                machine.handle_transport_opened(id, now);
            }
        }
        Input::Unavailable(number) => {
            let id = driver.id(number);
            if driver.attached != Some(id) {
                driver.live.remove(&id);
                machine.handle_transport_unavailable(id, "no such thing".into(), now);
            }
        }
        Input::Closed(number, code, has_reason) => {
            let id = driver.id(number);
            driver.live.remove(&id);
            let reason = if has_reason { "Connection lost.".into() } else { String::new() };
            machine.handle_transport_closed(id, code, reason, now);
        }
        Input::Activity { is_overdue } => {
            let since = is_overdue.then(|| now - Duration::from_millis(1_900));
            machine.handle_activity(now - Duration::from_secs(2), since, now);
        }
        Input::Rtt(millis) => machine.handle_rtt(millis.map(|millis| Duration::from_millis(millis.into()))),
        Input::Welcome => {
            machine.handle_welcome(now);
        }
        Input::Goodbye(code) => machine.handle_goodbye(Goodbye { code, reason: String::new() }, now),
        Input::Unresponsive => machine.handle_unresponsive(now),
        Input::ProtocolError => machine.handle_protocol_error("nonsense", now),
        Input::Hopeless => machine.handle_hopeless(CloseCode::Unsupported, "too old", now),
        Input::Timeout => machine.handle_timeout(now),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each connection is opened once and closed once, the session has at most one of them, nothing stays due
    /// after a timeout, and a closed machine requests nothing.
    #[test]
    fn any_inputs_in_any_order_keep_the_invariants(
        seed in any::<u64>(),
        inputs in proptest::collection::vec((0_u64..20_000, input()), 1..80),
    ) {
        let (mut machine, mut driver) = (ConnectionMachine::new(seed), Driver::default());
        let mut now = Time::from_millis(1_000_000);
        for (millis, input) in inputs {
            now = now + Duration::from_millis(millis);
            apply(&mut machine, &mut driver, input, now);
            driver.run_actions(&mut machine);
            machine.handle_timeout(now);
            driver.run_actions(&mut machine);
            let next = machine.poll_timeout();
            prop_assert!(next.is_none_or(|(at, _)| at > now), "{next:?} at {now:?}: {machine:?}");
        }
        machine.handle_close(now);
        driver.run_actions(&mut machine);
        prop_assert!(driver.live.is_empty());
        prop_assert_eq!(machine.poll_timeout(), None);
    }
}
