//! How soon a loss is repaired, and what happens when it was none.

use std::time::Duration;

use sluice_link::Weather;
use sluice_shared::link::{LinkProfile, Share};
use sluice_shared::time::Time;
use sluice_tcp::{Phase, Side};

use crate::network::clean;
use crate::scene::{Scene, Sent, noise};

const SEGMENT: usize = 1_448;

/// A quiet connection with a round trip of 100 ms.
fn quiet() -> (Scene, Time) {
    let mut scene = Scene::established(&clean(100), 1);
    scene.run(Duration::from_secs(1));
    let now = scene.pair.now();
    (scene, now)
}

/// Milliseconds after `since` and first sequence number, in segments, of the client's data.
fn log(data: &[Sent], since: Time) -> Vec<(u128, u32)> {
    data.iter().map(|sent| (sent.at.since(since).as_millis(), (sent.seq - 1) / SEGMENT as u32)).collect()
}

/// Makes everything that the client sends from here on take `late_by` longer, or as long as ever.
fn delay_client(scene: &mut Scene, late_by: Duration) {
    let mut profile = LinkProfile::delayed(Duration::from_millis(50));
    if !late_by.is_zero() {
        profile.propagation.late = Share::ALL;
        profile.propagation.late_by = late_by;
    }
    let now = scene.pair.now();
    scene.pair.link_mut(Side::Client).set_profile(profile, Weather::new(1), now);
}

#[test]
fn a_loss_with_three_packets_behind_it_is_repaired_after_one_round_trip() {
    let (mut scene, start) = quiet();
    scene.write(&noise(SEGMENT));
    scene.write_into_the_void(&noise(SEGMENT));
    scene.write(&noise(3 * SEGMENT));
    scene.until(|scene| scene.read[1].len() == 5 * SEGMENT);
    assert_eq!(log(&scene.client_data(start), start)[5..], [(100, 1)]);
    assert_eq!(scene.pair.now().since(start), Duration::from_millis(150));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.counters.fast_recoveries, info.counters.timeouts), (1, 0));
    scene.run(Duration::from_millis(60));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.phase, info.ssthresh_packets, info.cwnd_packets), (Phase::Open, Some(7), 7));
}

#[test]
fn a_loss_with_one_packet_behind_it_waits_a_quarter_round_trip_for_it_to_be_reordering() {
    let (mut scene, start) = quiet();
    scene.write_into_the_void(&noise(SEGMENT));
    scene.write(&noise(SEGMENT));
    scene.until(|scene| scene.read[1].len() == 2 * SEGMENT);
    // RACK's window is min_rtt / 4, and Linux's timers wait 2 ms at least.
    assert_eq!(log(&scene.client_data(start), start), [(0, 0), (0, 1), (127, 0)]);
}

#[test]
fn a_lost_tail_is_probed_after_two_round_trips_and_repaired_without_a_timeout() {
    let (mut scene, start) = quiet();
    scene.write_into_the_void(&noise(3 * SEGMENT));
    scene.until(|scene| scene.read[1].len() == 3 * SEGMENT);
    let data = log(&scene.client_data(start), start);
    assert_eq!(
        data,
        [(0, 0), (0, 1), (0, 2), (202, 2), (302, 0), (402, 1)],
        "one packet arrived, so one may leave"
    );
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.counters.tail_probes, info.counters.timeouts), (1, 0));
}

#[test]
fn a_lone_lost_packet_is_probed_when_the_timeout_would_have_come() {
    let (mut scene, start) = quiet();
    scene.write_into_the_void(&noise(SEGMENT));
    scene.until(|scene| scene.read[1].len() == SEGMENT);
    assert_eq!(log(&scene.client_data(start), start), [(0, 0), (300, 0)]);
    scene.run(Duration::from_millis(100));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.counters.tail_probes, info.counters.timeouts), (1, 0));
    assert_eq!(info.retransmitted_packets, 1);
}

#[test]
fn timeouts_double_up_to_two_minutes_and_give_up_after_fifteen() {
    let (mut scene, start) = quiet();
    scene.pair.link_mut(Side::Client).block(true);
    scene.write(&noise(SEGMENT));
    scene.until(|scene| scene.pair.endpoint(Side::Client).end_reason().is_some());
    let at: Vec<u128> =
        scene.client_data(start).iter().map(|sent| sent.at.since(start).as_millis()).collect();
    let waits: Vec<u128> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(
        waits,
        [
            300, 300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800, 120_000, 120_000, 120_000,
            120_000, 120_000, 120_000
        ]
    );
}

#[test]
fn a_repaired_timeout_ends_the_backoff_and_begins_slow_start() {
    let (mut scene, start) = quiet();
    scene.pair.link_mut(Side::Client).block(true);
    scene.write(&noise(4 * SEGMENT));
    scene.run(Duration::from_millis(800));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.phase, info.cwnd_packets, info.ssthresh_packets), (Phase::Loss, 1, Some(7)));
    assert_eq!(info.rto, Duration::from_millis(600));
    scene.pair.link_mut(Side::Client).block(false);
    scene.until(|scene| scene.read[1].len() == 4 * SEGMENT);
    scene.run(Duration::from_millis(100));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!(info.phase, Phase::Open);
    assert!(info.rto < Duration::from_millis(600), "{info:?}");
    assert!((2..=7).contains(&info.cwnd_packets), "{info:?}");
    assert!(scene.pair.now().since(start) < Duration::from_secs(3));
}

#[test]
fn packets_that_overtake_each_other_within_the_window_are_not_sent_again() {
    let mut network = clean(100);
    network.up.propagation.late = Share::from_percent(10);
    network.up.propagation.late_by = Duration::from_millis(12);
    let mut scene = Scene::established(&network, 3);
    for _ in 0..2_000 {
        scene.write(&noise(200));
        scene.run(Duration::from_millis(5));
    }
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!(info.retransmitted_packets, 0, "{info:?}");
    assert_eq!(info.counters.fast_recoveries, 0);
}

#[test]
fn a_lost_acknowledgment_does_not_make_a_path_look_like_one_that_reorders() {
    let (mut scene, _) = quiet();
    scene.write_into_the_void(&noise(SEGMENT));
    scene.write(&noise(SEGMENT));
    scene.run(Duration::from_millis(5));
    scene.write_into_the_void(&noise(SEGMENT));
    scene.write(&noise(SEGMENT));
    // The acknowledgment of the second packet is lost, so that of the fourth is the first to report either.
    scene.run(Duration::from_millis(44));
    scene.pair.link_mut(Side::Server).block(true);
    scene.run(Duration::from_millis(2));
    scene.pair.link_mut(Side::Server).block(false);
    scene.until(|scene| scene.read[1].len() == 4 * SEGMENT);
    assert_eq!(scene.dropped.iter().filter(|(_, from, _)| *from == Side::Server).count(), 1);
    scene.run(Duration::from_secs(1));
    // Three packets behind a loss still prove it at once.
    let start = scene.pair.now();
    scene.write_into_the_void(&noise(SEGMENT));
    scene.write(&noise(3 * SEGMENT));
    scene.until(|scene| scene.read[1].len() == 8 * SEGMENT);
    assert_eq!(log(&scene.client_data(start), start)[4..], [(100, 4)]);
}

#[test]
fn a_late_packet_that_arrives_before_its_copy_undoes_the_reduction_by_its_timestamp() {
    let (mut scene, start) = quiet();
    delay_client(&mut scene, Duration::from_millis(60));
    scene.write(&noise(SEGMENT));
    delay_client(&mut scene, Duration::ZERO);
    scene.write(&noise(4 * SEGMENT));
    scene.until(|scene| scene.pair.endpoint(Side::Client).info().phase == Phase::Recovery);
    assert_eq!(scene.pair.now().since(start), Duration::from_millis(100));
    scene.until(|scene| scene.pair.endpoint(Side::Client).info().phase == Phase::Open);
    assert_eq!(scene.pair.now().since(start), Duration::from_millis(160));
    let info = scene.pair.endpoint(Side::Client).info();
    // Back to ten, and one more since slow start goes on.
    assert_eq!((info.cwnd_packets, info.ssthresh_packets, info.counters.undos), (11, None, 1));
}

#[test]
fn a_late_packet_that_arrives_after_its_copy_undoes_the_reduction_as_a_duplicate() {
    let (mut scene, start) = quiet();
    delay_client(&mut scene, Duration::from_millis(160));
    scene.write(&noise(SEGMENT));
    delay_client(&mut scene, Duration::ZERO);
    scene.write(&noise(4 * SEGMENT));
    scene.run(Duration::from_millis(220));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.phase, info.cwnd_packets, info.counters.undos), (Phase::Open, 7, 0), "{info:?}");
    scene.until(|scene| scene.pair.endpoint(Side::Client).info().counters.undos > 0);
    assert_eq!(scene.pair.now().since(start), Duration::from_millis(260));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.cwnd_packets, info.ssthresh_packets, info.duplicate_packets), (10, None, 1));
}

#[test]
fn a_timeout_for_which_everything_was_only_late_is_undone() {
    let (mut scene, start) = quiet();
    delay_client(&mut scene, Duration::from_millis(600));
    scene.write(&noise(3 * SEGMENT));
    scene.run(Duration::from_millis(690));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.phase, info.cwnd_packets, info.counters.timeouts), (Phase::Loss, 1, 1), "{info:?}");
    delay_client(&mut scene, Duration::ZERO);
    scene.run(Duration::from_millis(60));
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.phase, info.counters.undos), (Phase::Open, 1), "{info:?}");
    assert!(info.cwnd_packets >= 10, "{info:?}");
    scene.run(Duration::from_secs(2));
    let copies = scene.client_data(start).len() - 3;
    assert_eq!(copies, 2, "the probe and the timeout's own copy, nothing more");
}

#[test]
fn several_losses_in_one_window_cost_one_reduction() {
    let (mut scene, start) = quiet();
    for i in 0..10 {
        if i % 3 == 1 {
            scene.write_into_the_void(&noise(SEGMENT));
        } else {
            scene.write(&noise(SEGMENT));
        }
    }
    scene.until(|scene| scene.read[1].len() == 10 * SEGMENT);
    assert!(scene.pair.now().since(start) <= Duration::from_millis(250), "{:?}", scene.pair.now());
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((info.counters.fast_recoveries, info.retransmitted_packets), (1, 3));
    assert_eq!(info.ssthresh_packets, Some(7));
}

#[test]
fn a_lost_retransmission_is_found_out_without_a_timeout_while_data_flows() {
    let (mut scene, start) = quiet();
    scene.write_into_the_void(&noise(SEGMENT));
    scene.write(&noise(4 * SEGMENT));
    scene.run(Duration::from_millis(99));
    scene.pair.link_mut(Side::Client).block(true);
    scene.run(Duration::from_millis(1));
    scene.pair.link_mut(Side::Client).block(false);
    for _ in 0..40 {
        scene.run(Duration::from_millis(5));
        scene.write(&noise(200));
    }
    scene.until(|scene| scene.read[1].len() == 5 * SEGMENT + 8_000);
    let copies: Vec<(u128, u32)> =
        log(&scene.client_data(start), start).into_iter().filter(|(at, seq)| *at > 0 && *seq == 0).collect();
    assert_eq!(copies[0], (100, 0));
    assert!((200..=240).contains(&copies[1].0), "{copies:?}");
    assert_eq!(scene.pair.endpoint(Side::Client).info().counters.timeouts, 0);
}
