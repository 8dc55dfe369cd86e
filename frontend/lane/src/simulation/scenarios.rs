//! Scripted faults that users meet.
//! Each test plays a list of described steps; a failure names its step.

use core::time::Duration;

use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::Heartbeat;
use sluice_shared::wire::CloseCode;

use super::network::PathState::{Blackhole, Refusing, Up};
use super::script::Condition::{
    AllConsumed, Began, GaveUp, HeartbeatEndedOne, NotOpen, Noted, NothingLive, OpenOver, Reconnected,
    ServerQueuesKnown, WaitsFor,
};
use super::script::Fault::{
    CloseAll, ForgetSessions, FreezeServer, Network, NoWebTransport, Path, RejectWith, Sleep, StartServer,
    StopProducing, StopServer, ThawServer,
};
use super::script::Step::{Check, Inject, Run, Stays, Tell, Within};
use super::script::{Step, play};
use super::world::{endpoints, setup};
use sluice_bridge::{Command, Recovery, SessionStart, Upkeep};

const WS: Transport = Transport::WebSocket;
const WT: Transport = Transport::WebTransport;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn open(mode: Mode, falls_back: bool, recovery: Recovery) -> (Mode, Upkeep) {
    let heartbeat = Heartbeat { interval: secs(1), timeout: secs(10) };
    (mode, Upkeep { heartbeat, recovery, falls_back })
}

fn tell((mode, upkeep): (Mode, Upkeep)) -> Step {
    Tell(Command::Open(setup(mode, upkeep)))
}

fn websocket() -> Step {
    tell(open(Mode::WebSocket, false, Recovery::Resume))
}

fn webtransport() -> Step {
    tell(open(Mode::OneStream, false, Recovery::Resume))
}

fn racing() -> Step {
    tell(open(Mode::OneStream, true, Recovery::Resume))
}

/// Plays a script, then checks that each published message was consumed once and that a closed lane leaves
/// nothing behind.
fn play_to_the_end(seed: u64, steps: Vec<(&'static str, Step)>) {
    let mut steps = steps;
    steps.extend([
        ("publishing ends", Inject(StopProducing)),
        ("every message is consumed once", Within(secs(2), AllConsumed)),
        ("the page closes the lane", Tell(Command::Close)),
        ("no connection is left", Check(NothingLive)),
        ("nothing is tried any more", Stays(secs(120), NothingLive)),
    ]);
    play(seed, &steps);
}

#[test]
fn each_transport_opens_and_delivers() {
    for (tell, transport) in [(websocket(), WS), (webtransport(), WT), (racing(), WT)] {
        play_to_the_end(
            1,
            vec![
                ("the page opens the lane", tell),
                ("it opens within three round trips", Within(millis(140), OpenOver(transport))),
                ("it stays", Stays(secs(120), OpenOver(transport))),
                ("it never reconnected", Check(Reconnected(0))),
            ],
        );
    }
}

#[test]
fn udp_that_is_blocked_from_the_start_leaves_a_racing_lane_on_websocket() {
    for state in [Blackhole, Refusing] {
        play_to_the_end(
            2,
            vec![
                ("a firewall blocks UDP", Inject(Path(WT, state))),
                ("the page opens the lane", racing()),
                ("WebSocket follows after the head start", Within(millis(500), OpenOver(WS))),
                ("it stays while WebTransport is tried again and again", Stays(secs(180), OpenOver(WS))),
                ("the firewall opens", Inject(Path(WT, Up))),
                ("the lane returns to WebTransport", Within(secs(110), OpenOver(WT))),
                ("it had to reconnect for that", Check(Reconnected(1))),
            ],
        );
    }
}

#[test]
fn udp_that_is_blocked_from_the_start_is_reported_by_a_lane_of_webtransport_alone() {
    play_to_the_end(
        3,
        vec![
            ("a firewall swallows UDP", Inject(Path(WT, Blackhole))),
            ("the page opens the lane", webtransport()),
            ("it says which port does not answer", Within(secs(11), WaitsFor("UDP port 4433"))),
            ("it never opens", Stays(secs(90), NotOpen)),
            ("the firewall opens", Inject(Path(WT, Up))),
            ("the browser's hold-back passes and it opens", Within(secs(120), OpenOver(WT))),
        ],
    );
}

#[test]
fn udp_that_is_blocked_mid_run_moves_a_racing_lane_to_websocket_and_back() {
    play_to_the_end(
        4,
        vec![
            ("the page opens the lane", racing()),
            ("it opens", Within(millis(140), OpenOver(WT))),
            ("it runs", Run(secs(20))),
            ("UDP is blocked", Inject(Path(WT, Blackhole))),
            ("others are tried before the heartbeat gives up", Within(secs(4), OpenOver(WS))),
            ("the log says so", Check(Noted("silent"))),
            ("the session resumed", Within(millis(300), Began(SessionStart::Resumed))),
            ("UDP is free again", Inject(Path(WT, Up))),
            ("the lane returns", Within(secs(110), OpenOver(WT))),
        ],
    );
}

#[test]
fn queues_of_a_server_that_is_not_heard_are_unknown() {
    play_to_the_end(
        6,
        vec![
            ("the page opens the lane", webtransport()),
            ("it opens", Within(millis(140), OpenOver(WT))),
            ("the server reports its queues", Within(secs(1), ServerQueuesKnown(true))),
            ("an outage begins", Inject(Path(WT, Blackhole))),
            ("the last report counts for a while", Stays(millis(1_300), ServerQueuesKnown(true))),
            ("then nothing is known", Within(millis(400), ServerQueuesKnown(false))),
            ("it ends", Inject(Path(WT, Up))),
            ("the queues are known again", Within(secs(20), ServerQueuesKnown(true))),
        ],
    );
}

#[test]
fn udp_that_is_blocked_mid_run_ends_a_lane_of_webtransport_by_its_heartbeat() {
    play_to_the_end(
        5,
        vec![
            ("the page opens the lane", webtransport()),
            ("it opens", Within(millis(140), OpenOver(WT))),
            ("UDP is blocked", Inject(Path(WT, Blackhole))),
            ("the heartbeat ends the connection", Within(millis(11_100), HeartbeatEndedOne)),
            ("nothing opens", Stays(secs(60), NotOpen)),
            ("UDP is free again", Inject(Path(WT, Up))),
            ("the lane resumes", Within(secs(180), OpenOver(WT))),
            ("it is the same session", Within(millis(300), Began(SessionStart::Resumed))),
        ],
    );
}

#[test]
fn a_short_outage_of_the_network_costs_no_connection() {
    for tell in [websocket(), webtransport()] {
        play_to_the_end(
            6,
            vec![
                ("the page opens the lane", tell),
                ("it runs", Run(secs(5))),
                ("the network is gone", Inject(Network(Blackhole))),
                ("for six seconds", Run(secs(6))),
                ("it is back", Inject(Network(Up))),
                ("nothing had to reconnect", Run(secs(20))),
                ("nothing did", Check(Reconnected(0))),
            ],
        );
    }
}

#[test]
fn a_long_outage_of_the_network_ends_and_the_session_resumes() {
    for (tell, bound) in [(websocket(), 21), (racing(), 21), (webtransport(), 180)] {
        play_to_the_end(
            7,
            vec![
                ("the page opens the lane", tell),
                ("it runs", Run(secs(10))),
                ("the network is gone", Inject(Network(Blackhole))),
                ("the heartbeat notices", Within(secs(12), NotOpen)),
                ("for a minute", Run(secs(50))),
                ("it is back", Inject(Network(Up))),
                ("the browser says so", Tell(Command::Online)),
                ("the session resumes", Within(secs(bound), Began(SessionStart::Resumed))),
            ],
        );
    }
}

#[test]
fn a_server_that_restarts_begins_another_session() {
    for tell in [websocket(), racing()] {
        for is_graceful in [true, false] {
            let world = play(
                8,
                &[
                    ("the page opens the lane", tell.clone()),
                    ("it runs", Run(secs(10))),
                    ("the server stops", Inject(StopServer { is_graceful })),
                    ("the lane notices", Within(secs(13), NotOpen)),
                    ("for five seconds", Run(secs(5))),
                    ("it starts again", Inject(StartServer)),
                    ("the lane gets another session", Within(secs(35), Began(SessionStart::Renewed))),
                    ("messages flow", Run(secs(5))),
                ],
            );
            assert!(world.summary().consumed.messages >= 140, "{:?}", world.summary().consumed);
        }
    }
}

#[test]
fn a_session_that_the_server_has_forgotten_is_replaced() {
    play(
        9,
        &[
            ("the page opens the lane", websocket()),
            ("it runs", Run(secs(10))),
            ("sessions expire", Inject(ForgetSessions)),
            ("connections break", Inject(CloseAll(CloseCode::Internal))),
            ("the lane gets another session", Within(secs(2), Began(SessionStart::Renewed))),
        ],
    );
}

#[test]
fn a_lane_that_starts_over_does_not_resume() {
    play(
        10,
        &[
            ("the page opens the lane", tell(open(Mode::WebSocket, false, Recovery::StartOver))),
            ("it runs", Run(secs(10))),
            ("the network is gone", Inject(Network(Blackhole))),
            ("for fifteen seconds", Run(secs(15))),
            ("it is back", Inject(Network(Up))),
            ("the session begins anew", Within(secs(21), Began(SessionStart::StartedOver))),
        ],
    );
}

#[test]
fn close_codes_decide_whether_a_lane_comes_back() {
    for code in CloseCode::ALL {
        for tell in [websocket(), webtransport(), racing()] {
            let is_final =
                matches!(code, CloseCode::Unsupported | CloseCode::TakenOver | CloseCode::ExhibitOver);
            let outcome = if is_final {
                Within(millis(100), GaveUp("Closed by the test."))
            } else {
                Within(secs(2), Began(SessionStart::Resumed))
            };
            play(
                11,
                &[
                    ("the page opens the lane", tell),
                    ("it runs", Run(secs(10))),
                    ("the server closes it", Inject(CloseAll(code))),
                    (code.name(), outcome),
                    ("the page closes the lane", Tell(Command::Close)),
                    ("nothing is left", Check(NothingLive)),
                ],
            );
        }
    }
}

#[test]
fn a_server_that_rejects_is_asked_again_unless_it_says_that_this_is_final() {
    play_to_the_end(
        12,
        vec![
            ("the server is full", Inject(RejectWith(Some(CloseCode::Overloaded)))),
            ("the page opens the lane", websocket()),
            ("its words are shown", Within(secs(1), WaitsFor("The server rejects this lane."))),
            ("it does not open", Stays(secs(30), NotOpen)),
            ("there is room again", Inject(RejectWith(None))),
            ("it opens", Within(secs(11), OpenOver(WS))),
        ],
    );
    play(
        12,
        &[
            ("the server does not offer this", Inject(RejectWith(Some(CloseCode::Unsupported)))),
            ("the page opens the lane", racing()),
            ("it gives up", Within(secs(1), GaveUp("The server rejects this lane."))),
            ("for good", Stays(secs(120), GaveUp("The server rejects this lane."))),
        ],
    );
}

#[test]
fn a_race_survives_the_failure_of_either_side() {
    for (failing, winner) in [(WS, WT), (WT, WS)] {
        for state in [Blackhole, Refusing] {
            play_to_the_end(
                13,
                vec![
                    ("one transport fails", Inject(Path(failing, state))),
                    ("the page opens the lane", racing()),
                    ("the other one wins", Within(millis(500), OpenOver(winner))),
                ],
            );
        }
    }
    play_to_the_end(
        13,
        vec![
            ("nothing answers", Inject(Network(Blackhole))),
            ("the page opens the lane", racing()),
            ("both hang", Run(secs(7))),
            ("the network comes while they race", Inject(Network(Up))),
            ("one of them opens", Within(secs(9), Began(SessionStart::First))),
        ],
    );
}

#[test]
fn the_loser_of_a_race_that_opens_late_is_not_used() {
    play_to_the_end(
        14,
        vec![
            ("UDP answers after WebSocket", Inject(Path(WT, Blackhole))),
            ("the page opens the lane", racing()),
            ("both are under way", Run(millis(320))),
            ("UDP is free", Inject(Path(WT, Up))),
            ("WebSocket wins", Within(millis(200), OpenOver(WS))),
            ("the late handshake changes nothing", Stays(secs(20), OpenOver(WS))),
            ("it never reconnected", Check(Reconnected(0))),
        ],
    );
}

#[test]
fn a_silent_connection_that_lives_is_kept() {
    play_to_the_end(
        15,
        vec![
            ("the page opens the lane", racing()),
            ("it runs", Run(secs(10))),
            ("nothing passes any more", Inject(Network(Blackhole))),
            ("others are tried", Within(secs(4), Noted("silent"))),
            ("the network is back at once", Inject(Network(Up))),
            ("the connection stays", Stays(secs(60), OpenOver(WT))),
            ("it never reconnected", Check(Reconnected(0))),
        ],
    );
}

#[test]
fn a_server_that_hangs_is_left_and_found_again() {
    for (tell, bound) in [(websocket(), 21), (racing(), 21)] {
        play_to_the_end(
            16,
            vec![
                ("the page opens the lane", tell),
                ("it runs", Run(secs(10))),
                ("the server hangs", Inject(FreezeServer)),
                ("the lane notices", Within(secs(12), NotOpen)),
                ("transports open and no Welcome comes", Stays(secs(60), NotOpen)),
                ("the server goes on", Inject(ThawServer)),
                ("the session resumes", Within(secs(bound), Began(SessionStart::Resumed))),
            ],
        );
    }
}

#[test]
fn a_tab_that_sleeps_for_a_minute_catches_up() {
    for tell in [websocket(), webtransport(), racing()] {
        for timers_first in [true, false] {
            play_to_the_end(
                17,
                vec![
                    ("the page opens the lane", tell.clone()),
                    ("it runs", Run(secs(10))),
                    ("the tab sleeps", Inject(Sleep { secs: 60, timers_first })),
                    ("it is open soon after", Run(secs(35))),
                    ("with the first session", Check(Reconnected(0))),
                ],
            );
        }
    }
}

#[test]
fn a_tab_that_sleeps_while_it_connects_opens_after_it() {
    for timers_first in [true, false] {
        play_to_the_end(
            18,
            vec![
                ("the page opens the lane", racing()),
                ("and sleeps at once", Inject(Sleep { secs: 60, timers_first })),
                ("it opens when it wakes", Within(secs(12), Began(SessionStart::First))),
            ],
        );
    }
}

#[test]
fn a_browser_without_webtransport_falls_back_or_says_so() {
    play_to_the_end(
        19,
        vec![
            ("there is no WebTransport", Inject(NoWebTransport)),
            ("the page opens the lane", racing()),
            ("WebSocket is tried at once", Within(millis(150), OpenOver(WS))),
            ("it stays", Stays(secs(120), OpenOver(WS))),
        ],
    );
    play(
        19,
        &[
            ("there is no WebTransport", Inject(NoWebTransport)),
            ("the page opens the lane", webtransport()),
            ("it gives up", Check(GaveUp("This browser has no WebTransport."))),
            ("for good", Stays(secs(60), GaveUp("WebTransport"))),
        ],
    );
}

#[test]
fn commands_in_the_middle_of_an_attempt_begin_it_anew() {
    play_to_the_end(
        20,
        vec![
            ("nothing answers", Inject(Network(Blackhole))),
            ("the page opens the lane", racing()),
            ("both hang", Run(secs(2))),
            ("other endpoints are given", Tell(Command::SetEndpoints(endpoints(4500)))),
            ("they hang too", Run(secs(2))),
            ("fallback is switched off", Tell(Command::SetUpkeep(Upkeep::default()))),
            ("and on", Tell(Command::SetUpkeep(Upkeep { falls_back: true, ..Upkeep::default() }))),
            ("the network is back", Inject(Network(Up))),
            ("the lane opens", Within(secs(11), Began(SessionStart::First))),
            ("other endpoints move an open lane", Tell(Command::SetEndpoints(endpoints(4600)))),
            ("it resumes there", Within(secs(1), Began(SessionStart::Resumed))),
        ],
    );
}

#[test]
fn an_online_event_between_the_fallbacks_opening_and_its_welcome_does_not_spin() {
    play_to_the_end(
        21,
        vec![
            ("UDP is blocked", Inject(Path(WT, Blackhole))),
            ("the server hangs", Inject(FreezeServer)),
            ("the page opens the lane", racing()),
            ("WebSocket opens without a Welcome", Run(secs(1))),
            ("the browser says that it is online", Tell(Command::Online)),
            ("time passes", Run(secs(3))),
            ("the server goes on", Inject(ThawServer)),
            ("the Welcome comes", Within(millis(100), OpenOver(WS))),
        ],
    );
}
