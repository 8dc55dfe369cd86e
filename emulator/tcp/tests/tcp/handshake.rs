//! From nothing to established.

use std::time::Duration;

use sluice_shared::link::NetworkProfile;
use sluice_shared::time::Time;
use sluice_tcp::{Config, EndReason, Flags, Side, State};

use crate::network::clean;
use crate::scene::Scene;

fn is_syn(flags: Flags) -> bool {
    flags.contains(Flags::SYN) && !flags.contains(Flags::ACK)
}

#[test]
fn a_connection_takes_one_round_trip_to_write_and_the_peer_half_one_more() {
    let scene = Scene::established(&clean(100), 1);
    assert_eq!(scene.pair.now(), Time::from_millis(150));
    let at: Vec<(u64, Flags)> =
        scene.sent.iter().map(|sent| (sent.at.as_micros() / 1_000, sent.flags)).collect();
    assert_eq!(at, [(0, Flags::SYN), (50, Flags::SYN | Flags::ACK), (100, Flags::ACK)]);
    for side in [Side::Client, Side::Server] {
        let info = scene.pair.endpoint(side).info();
        assert_eq!(info.smoothed_rtt, Some(Duration::from_millis(100)), "the handshake is a sample");
        assert_eq!((info.cwnd_packets, info.ssthresh_packets), (10, None));
        assert_eq!(info.rto, Duration::from_millis(300));
    }
}

#[test]
fn what_was_written_before_leaves_with_the_last_step_of_the_handshake() {
    let mut scene = Scene::new(&clean(100), 1);
    assert_eq!(scene.pair.write(Side::Client, b"hello"), Ok(5));
    scene.until(|scene| scene.read[1] == b"hello");
    assert_eq!(scene.pair.now(), Time::from_millis(150));
}

#[test]
fn a_lost_syn_is_sent_again_each_second_and_then_ever_later() {
    let mut scene = Scene::new(&clean(20), 1);
    scene.pair.link_mut(Side::Client).block(true);
    scene.until(|scene| scene.pair.endpoint(Side::Client).state() == State::Closed);
    let seconds: Vec<u64> = scene.sent.iter().map(|sent| sent.at.as_micros() / 1_000_000).collect();
    // Linux: tcp_syn_linear_timeouts = 4, tcp_syn_retries = 6.
    assert_eq!(seconds, [0, 1, 2, 3, 4, 5, 7]);
    assert!(scene.sent.iter().all(|sent| is_syn(sent.flags)));
    assert_eq!(scene.pair.now(), Time::from_millis(11_000));
    assert_eq!(scene.pair.endpoint(Side::Client).end_reason(), Some(EndReason::TimedOut));
}

#[test]
fn a_lost_syn_ack_doubles_its_wait_each_time() {
    let config = Config { linear_syn_timeouts: 0, ..Config::default() };
    let mut scene = Scene::with(config, &clean(20), 1);
    scene.pair.link_mut(Side::Server).block(true);
    scene.run(Duration::from_millis(10));
    scene.pair.link_mut(Side::Client).block(true);
    scene.until(|scene| scene.pair.endpoint(Side::Server).state() == State::Closed);
    let seconds: Vec<u64> = scene
        .sent
        .iter()
        .filter(|sent| sent.from == Side::Server)
        .map(|sent| sent.at.as_micros() / 1_000_000)
        .collect();
    assert_eq!(seconds, [0, 1, 3, 7, 15, 31]);
}

#[test]
fn a_lost_acknowledgment_of_the_handshake_is_made_up_for_by_data() {
    let mut scene = Scene::new(&clean(20), 1);
    scene.run(Duration::from_millis(15));
    scene.pair.link_mut(Side::Client).block(true);
    scene.run(Duration::from_millis(10));
    scene.pair.link_mut(Side::Client).block(false);
    assert_eq!(scene.pair.endpoint(Side::Server).state(), State::SynReceived);
    scene.write(b"data");
    scene.until(|scene| scene.read[1] == b"data");
    assert!(scene.pair.now() < Time::from_millis(40));
}

#[test]
fn a_lost_acknowledgment_of_the_handshake_is_repeated_when_the_server_asks_again() {
    let mut scene = Scene::new(&clean(20), 1);
    scene.run(Duration::from_millis(15));
    scene.pair.link_mut(Side::Client).block(true);
    scene.run(Duration::from_millis(10));
    scene.pair.link_mut(Side::Client).block(false);
    scene.until(|scene| scene.pair.endpoint(Side::Server).is_established());
    assert_eq!(scene.pair.now(), Time::from_millis(1_030));
}

#[test]
fn two_lost_syns_leave_a_window_of_one_packet() {
    let mut scene = Scene::new(&clean(20), 1);
    scene.pair.link_mut(Side::Client).block(true);
    scene.run(Duration::from_millis(1_500));
    scene.pair.link_mut(Side::Client).block(false);
    scene.until(|scene| scene.pair.endpoint(Side::Client).is_established());
    assert_eq!(scene.pair.endpoint(Side::Client).info().cwnd_packets, 1);
    assert_eq!(
        scene.pair.endpoint(Side::Client).info().smoothed_rtt,
        Some(Duration::from_millis(20)),
        "the timestamp tells which SYN was answered"
    );
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_others() {
    let syn = |seed| {
        let mut pair = sluice_tcp::Pair::new(Config::default(), &NetworkProfile::default(), seed);
        let mut first = None;
        pair.advance_observed(Time::ZERO, |event| {
            if let sluice_tcp::PairEvent::Sent { segment, .. } = event {
                first.get_or_insert_with(|| segment.clone());
            }
        });
        first.expect("a SYN leaves at once")
    };
    assert_eq!(syn(1), syn(1));
    assert_ne!(syn(1).seq, syn(2).seq);
}
