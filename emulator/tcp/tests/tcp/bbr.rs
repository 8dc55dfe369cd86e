//! What sets BBR apart from CUBIC. How close it is to the kernel's is judged in `fidelity.rs`.

use std::time::Duration;

use sluice_shared::lab::Congestion;
use sluice_shared::link::{NetworkProfile, Share};
use sluice_shared::time::Time;
use sluice_tcp::traffic::{self, Traffic};
use sluice_tcp::{Config, Phase, Side, WaitsFor};

use crate::network::{clean, limited};
use crate::scene::{Scene, Sent, noise};

const SEGMENT: usize = 1_448;

fn config(congestion: Congestion) -> Config {
    Config::with_congestion(congestion)
}

fn scene(network: &NetworkProfile, congestion: Congestion, seed: u64) -> Scene {
    let mut scene = Scene::with(config(congestion), network, seed);
    scene.until(|scene| scene.pair.endpoint(Side::Client).is_established());
    scene
}

/// Keeps the client's send buffer full for `span`, calling `watch` after each event.
fn fill(scene: &mut Scene, span: Duration, mut watch: impl FnMut(&Scene)) {
    let until = scene.pair.now() + span;
    let data = noise(65_536);
    loop {
        while scene.pair.endpoint(Side::Client).send_buffer_free_bytes() > 0 {
            scene.pair.write(Side::Client, &data).expect("the stream is open");
        }
        if !scene.step(until) {
            return;
        }
        scene.read[1].clear();
        watch(scene);
    }
}

/// The packets that left together, by time.
fn bursts(data: &[Sent]) -> Vec<(Time, usize)> {
    let mut bursts: Vec<(Time, usize)> = Vec::new();
    for sent in data {
        match bursts.last_mut() {
            Some((at, count)) if *at == sent.at => *count += 1,
            _ => bursts.push((sent.at, 1)),
        }
    }
    bursts
}

#[test]
fn random_loss_does_not_slow_bbr_down() {
    let network = limited(50, 10, Share::from_percent(2));
    let goodput = |congestion| {
        let span = Duration::from_secs(15);
        let run = traffic::measure(config(congestion), &network, 1, Traffic::Bulk, span);
        run.expect("the handshake ends").goodput_mbit_per_sec
    };
    let (cubic, bbr) = (goodput(Congestion::Cubic), goodput(Congestion::Bbr));
    assert!(cubic < 3.0 && bbr > 9.0, "{cubic} against {bbr}");
}

#[test]
fn packets_leave_in_pairs_spread_over_the_round_trip() {
    let mut scene = scene(&limited(50, 10, Share::ZERO), Congestion::Bbr, 1);
    fill(&mut scene, Duration::from_secs(4), |_| {});
    let since = scene.pair.now();
    fill(&mut scene, Duration::from_secs(2), |_| {});
    let bursts = bursts(&scene.client_data(since));
    assert!(bursts.iter().all(|(_, packets)| *packets <= 2), "{bursts:?}");
    // A pair takes 2.4 ms at 10 Mbit/s; the gains of the cycle are 5/4, 3/4 and 1, less one percent.
    for pair in bursts.windows(2) {
        let gap = pair[1].0.since(pair[0].0).as_micros();
        let packets = pair[0].1 as u128;
        assert!((900 * packets..=1_700 * packets).contains(&gap), "{pair:?}");
    }
}

#[test]
fn a_paced_sender_says_that_congestion_control_keeps_it_waiting() {
    let mut scene = scene(&limited(50, 10, Share::ZERO), Congestion::Bbr, 1);
    fill(&mut scene, Duration::from_secs(4), |_| {});
    let info = scene.pair.endpoint(Side::Client).info();
    assert!(info.in_flight_packets < info.cwnd_packets, "the window is not what limits: {info:?}");
    assert_eq!(info.waits_for, WaitsFor::CongestionWindow);
    let (at, reason) = scene.pair.endpoint(Side::Client).poll_timeout().expect("the pacing timer");
    assert_eq!(reason, "pacing");
    assert!(at > scene.pair.now() && at.since(scene.pair.now()) < Duration::from_millis(4));
}

#[test]
fn the_bottlenecks_queue_stays_short_where_cubic_fills_it() {
    let mut network = limited(50, 10, Share::ZERO);
    for link in [&mut network.up, &mut network.down] {
        let limits = link.bottleneck.as_mut().expect("there is one");
        limits.queue = sluice_shared::link::QueueLimit::Time(Duration::from_millis(200));
    }
    let rtt = |congestion| {
        let mut scene = scene(&network, congestion, 1);
        fill(&mut scene, Duration::from_secs(8), |_| {});
        let info = scene.pair.endpoint(Side::Client).info();
        info.smoothed_rtt.expect("there are samples").as_millis()
    };
    let (cubic, bbr) = (rtt(Congestion::Cubic), rtt(Congestion::Bbr));
    assert!(bbr <= 70, "{bbr} ms");
    assert!(cubic >= 2 * bbr, "{cubic} ms against {bbr} ms");
}

#[test]
fn every_ten_seconds_next_to_nothing_is_in_flight_for_a_moment() {
    let mut scene = scene(&limited(50, 10, Share::ZERO), Congestion::Bbr, 1);
    let mut paused: Vec<Time> = Vec::new();
    fill(&mut scene, Duration::from_secs(32), |scene| {
        if scene.pair.endpoint(Side::Client).info().cwnd_packets == 4 {
            paused.push(scene.pair.now());
        }
    });
    let mut pauses: Vec<(Time, Time)> = Vec::new();
    for at in paused {
        match pauses.last_mut() {
            Some((_, end)) if at.since(*end) < Duration::from_secs(1) => *end = at,
            _ => pauses.push((at, at)),
        }
    }
    assert_eq!(pauses.len(), 3, "{pauses:?}");
    for (start, end) in &pauses {
        let millis = end.since(*start).as_millis();
        assert!((200..=330).contains(&millis), "{pauses:?}");
    }
    for pair in pauses.windows(2) {
        let apart = pair[1].0.since(pair[0].0).as_millis();
        assert!((10_000..=10_700).contains(&apart), "{pauses:?}");
    }
}

#[test]
fn silence_does_not_make_bbr_start_over() {
    for (congestion, keeps_window) in [(Congestion::Cubic, false), (Congestion::Bbr, true)] {
        let mut scene = scene(&limited(50, 10, Share::ZERO), congestion, 1);
        fill(&mut scene, Duration::from_secs(3), |_| {});
        scene.run(Duration::from_secs(5));
        let before = scene.pair.endpoint(Side::Client).info().cwnd_packets;
        scene.write(b"x");
        let after = scene.pair.endpoint(Side::Client).info().cwnd_packets;
        assert!(before > 40, "{before}");
        assert_eq!(after == before, keeps_window, "{congestion}: {before} to {after}");
    }
}

#[test]
fn a_timeout_cuts_the_window_to_one_and_recovery_gives_it_back() {
    let mut scene = scene(&limited(50, 10, Share::ZERO), Congestion::Bbr, 1);
    fill(&mut scene, Duration::from_secs(3), |_| {});
    let before = scene.pair.endpoint(Side::Client).info().cwnd_packets;
    scene.pair.link_mut(Side::Client).block(true);
    scene.until(|scene| scene.pair.endpoint(Side::Client).info().phase == Phase::Loss);
    assert_eq!(scene.pair.endpoint(Side::Client).info().cwnd_packets, 1);
    scene.run(Duration::from_millis(300));
    scene.pair.link_mut(Side::Client).block(false);
    scene.until(|scene| scene.pair.endpoint(Side::Client).info().phase == Phase::Open);
    let since = scene.pair.now();
    fill(&mut scene, Duration::from_secs(1), |_| {});
    let info = scene.pair.endpoint(Side::Client).info();
    assert!(info.cwnd_packets * 10 >= before * 9, "{before} before, {} after", info.cwnd_packets);
    let sent: usize = scene.client_data(since).iter().map(|sent| sent.bytes).sum();
    assert!(sent * 8 > 8_500_000, "{sent} bytes in a second");
}

#[test]
fn fast_recovery_sends_a_packet_for_each_that_arrives_and_then_restores_the_window() {
    let mut scene = scene(&clean(100), Congestion::Bbr, 1);
    scene.run(Duration::from_secs(1));
    scene.write_into_the_void(&noise(SEGMENT));
    scene.write(&noise(9 * SEGMENT));
    scene.until(|scene| scene.pair.endpoint(Side::Client).info().phase == Phase::Recovery);
    let info = scene.pair.endpoint(Side::Client).info();
    // CUBIC would go from ten to seven; here what has arrived is what may leave.
    assert_eq!(
        (info.cwnd_packets, info.in_flight_packets),
        (7, 7),
        "ten less three and the lost one, which is repeated"
    );
    scene.until(|scene| scene.read[1].len() == 10 * SEGMENT);
    scene.run(Duration::from_millis(100));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.phase, info.counters.fast_recoveries, info.counters.timeouts), (Phase::Open, 1, 0));
    assert!(info.cwnd_packets >= 10, "{info:?}");
}

#[test]
fn the_same_seed_sends_the_same_and_another_one_begins_elsewhere_in_the_cycle() {
    let log = |seed| {
        let mut scene = scene(&limited(50, 10, Share::ZERO), Congestion::Bbr, seed);
        let start = scene.pair.now();
        fill(&mut scene, Duration::from_secs(2), |_| {});
        let data = scene.client_data(start);
        data.iter().map(|sent| (sent.at, sent.seq)).collect::<Vec<_>>()
    };
    assert_eq!(log(1), log(1));
    let phases: std::collections::BTreeSet<_> = (1..=8).map(log).collect();
    assert!(phases.len() > 2, "eight seeds begin in {} phases", phases.len());
}
