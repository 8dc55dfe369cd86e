//! A client whose server answers, falls silent, and comes back.

use core::time::Duration;

use bytes::BytesMut;
use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientConfig, ClientEvent, ClientSession, Heartbeat};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::write_server_control;
use sluice_shared::wire::{ClientItem, Ping, Pong, ServerControl};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::setting::feed;

const HALF_TRIP: Duration = Duration::from_millis(20);

/// A connected client, and a server that answers its pings unless it is silent.
struct Scene {
    session: ClientSession,
    now: Time,
    answers: Vec<(Time, Ping)>,
    is_silent: bool,
    told: Vec<(Time, ClientEvent)>,
}

impl Scene {
    fn new(interval_ms: u64, timeout_ms: u64) -> Self {
        let heartbeat = Heartbeat {
            interval: Duration::from_millis(interval_ms),
            timeout: Duration::from_millis(timeout_ms),
        };
        let config = ClientConfig {
            mode: Mode::WebSocket,
            feeds: vec![feed(0)],
            policy: Policy::Lossless,
            window: WindowMode::Fixed(Amount::new(16, 100_000)),
            sample_every: Duration::ZERO,
            heartbeat,
        };
        let mut session = ClientSession::new(config, Time::ZERO);
        session.handle_connected(Time::ZERO);
        Self { session, now: Time::ZERO, answers: Vec::new(), is_silent: false, told: Vec::new() }
    }

    /// Runs until `until`, or until the session gives the connection up.
    fn run(&mut self, until: Time) {
        loop {
            self.session.handle_timeout(self.now);
            while let Some(item) = self.session.poll_transmit() {
                if let ClientItem::Ping(ping) = item {
                    self.answers.push((self.now + HALF_TRIP * 2, ping));
                }
            }
            while let Some(event) = self.session.poll_event() {
                self.told.push((self.now, event));
            }
            if self.count(&ClientEvent::Silent) > 0 {
                return;
            }
            let (due, _) = self.session.poll_timeout().expect("a heartbeat is always due");
            let answer_at = self.answers.first().map(|(at, _)| *at);
            let next = answer_at.map_or(due, |at| at.min(due)).max(self.now);
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            if answer_at.is_some_and(|at| at <= self.now) {
                let (_, ping) = self.answers.remove(0);
                self.answer(ping);
            }
        }
    }

    fn answer(&mut self, ping: Ping) {
        if self.is_silent {
            return;
        }
        let pong =
            Pong { nonce: ping.nonce, ping_sent_at: ping.sent_at, server_now: self.now, sent: Amount::ZERO };
        let mut frame = BytesMut::new();
        write_server_control(&mut frame, &ServerControl::Pong(pong));
        self.session.handle_frame(frame.freeze(), self.now).expect("a pong is allowed");
    }

    fn given_up_at(&self) -> Time {
        let silent = self.told.iter().find(|(_, event)| *event == ClientEvent::Silent);
        silent.expect("the server is given up").0
    }

    fn count(&self, wanted: &ClientEvent) -> usize {
        self.told.iter().filter(|(_, event)| event == wanted).count()
    }
}

#[test]
fn a_server_that_answers_is_asked_once_an_interval_and_never_missed() {
    let mut scene = Scene::new(500, 1_500);
    scene.run(Time::from_millis(10_100));
    assert_eq!(scene.count(&ClientEvent::Ping), 21);
    assert_eq!(scene.count(&ClientEvent::Heartbeat { rtt: HALF_TRIP * 2 }), 21);
    assert_eq!(scene.count(&ClientEvent::Missed) + scene.count(&ClientEvent::Silent), 0);
}

#[test]
fn a_server_that_dies_is_given_up_within_interval_and_timeout() {
    for died_ms in [3_000, 3_041, 3_250, 3_499] {
        let mut scene = Scene::new(500, 1_500);
        scene.run(Time::from_millis(died_ms));
        scene.is_silent = true;
        scene.run(Time::from_millis(60_000));
        let noticed_after = scene.given_up_at().since(scene.session.heard_at());
        assert!(noticed_after <= Duration::from_millis(2_000), "noticed after {noticed_after:?}");
        assert!(noticed_after >= Duration::from_millis(1_500), "given up after {noticed_after:?}");
        // It is asked again and again in the meantime.
        assert!(scene.count(&ClientEvent::Missed) >= 3, "{:?}", scene.told);
    }
}

#[test]
fn a_silence_shorter_than_the_timeout_is_survived() {
    let mut scene = Scene::new(1_000, 10_000);
    scene.run(Time::from_millis(2_500));
    scene.is_silent = true;
    scene.run(Time::from_millis(10_000));
    assert!(scene.count(&ClientEvent::Missed) > 20, "four a second");
    scene.is_silent = false;
    scene.run(Time::from_millis(10_300));
    assert_eq!(scene.session.unanswered_since(), None);
    let missed = scene.count(&ClientEvent::Missed);
    scene.run(Time::from_millis(60_000));
    assert_eq!((scene.count(&ClientEvent::Missed), scene.count(&ClientEvent::Silent)), (missed, 0));
}

#[test]
fn another_heartbeat_holds_on_a_connection_that_is_open() {
    let mut scene = Scene::new(30_000, 60_000);
    scene.run(Time::from_millis(1_000));
    scene.is_silent = true;
    let heartbeat = Heartbeat { interval: Duration::from_millis(200), timeout: Duration::from_millis(800) };
    scene.session.set_heartbeat(heartbeat, scene.now);
    scene.run(Time::from_millis(30_000));
    assert_eq!(scene.given_up_at(), Time::from_millis(1_800));
}

#[test]
fn a_heartbeat_that_is_stuck_behind_a_flood_is_no_death_as_long_as_the_flood_moves() {
    let mut scene = Scene::new(1_000, 3_000);
    scene.is_silent = true;
    for second in 1..=26 {
        scene.run(Time::from_millis(1_000 * second));
        scene.session.handle_progress(scene.now);
    }
    assert_eq!(scene.count(&ClientEvent::Silent), 0, "{:?}", scene.told);
    scene.run(Time::from_millis(60_000));
    let noticed_after = scene.given_up_at().since(Time::from_millis(26_000));
    assert!(
        noticed_after <= Duration::from_millis(4_000),
        "a flood that stands hides no death: {noticed_after:?}"
    );
}
