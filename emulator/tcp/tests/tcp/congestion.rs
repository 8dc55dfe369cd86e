//! The window's growth and its limits.

use std::time::Duration;

use sluice_link::DropReason;
use sluice_shared::link::Share;
use sluice_shared::time::Time;
use sluice_tcp::{Config, Side, WaitsFor};

use crate::network::{clean, limited};
use crate::scene::{Scene, noise};

#[test]
fn slow_start_doubles_the_window_each_round_trip_from_ten() {
    // At a gigabit a second packets come one by one, and the reader takes each before the next.
    let mut scene = Scene::established(&limited(100, 1_000, Share::ZERO), 1);
    let start = scene.pair.now();
    scene.transfer(&noise(300_000));
    let mut rounds = [0; 4];
    for sent in scene.client_data(start) {
        let round = (sent.at.since(start).as_millis() / 100) as usize;
        if let Some(count) = rounds.get_mut(round) {
            *count += 1;
        }
    }
    assert_eq!(rounds, [10, 20, 40, 80]);
}

#[test]
fn hystart_leaves_slow_start_before_the_queue_overflows() {
    let mut scene = Scene::established(&limited(50, 50, Share::ZERO), 1);
    scene.transfer(&noise(3_000_000));
    let overflows = scene.dropped.iter().filter(|(_, _, reason)| *reason == DropReason::Queue).count();
    let info = scene.pair.endpoint(Side::Client).info();
    assert_eq!((overflows, info.retransmitted_packets), (0, 0));
    let ssthresh = info.ssthresh_packets.expect("slow start has ended");
    // One way and back at 50 Mbit/s hold 216 packets, and the queue as many again.
    assert!((100..=400).contains(&ssthresh), "{ssthresh}");
}

#[test]
fn an_idle_connection_starts_slowly_again_unless_told_not_to() {
    for (slow_start_after_idle, is_small) in [(true, true), (false, false)] {
        let config = Config { slow_start_after_idle, ..Config::default() };
        let mut scene = Scene::with(config, &clean(50), 1);
        scene.transfer(&noise(2_000_000));
        assert!(scene.pair.endpoint(Side::Client).info().cwnd_packets > 100);
        scene.run(Duration::from_secs(10));
        scene.write(b"x");
        let cwnd = scene.pair.endpoint(Side::Client).info().cwnd_packets;
        assert_eq!(cwnd == 10, is_small, "{cwnd}");
    }
}

#[test]
fn a_slow_writer_does_not_grow_the_window() {
    let mut scene = Scene::established(&clean(100), 1);
    for _ in 0..1_000 {
        scene.write(&noise(100));
        scene.run(Duration::from_millis(50));
    }
    assert_eq!(scene.pair.endpoint(Side::Client).info().cwnd_packets, 10);
}

#[test]
fn small_messages_that_wait_for_the_window_leave_together() {
    let mut scene = Scene::established(&clean(100), 1);
    let start = scene.pair.now();
    for _ in 0..30 {
        scene.write(&noise(100));
    }
    assert_eq!(scene.pair.endpoint(Side::Client).info().waits_for, WaitsFor::CongestionWindow);
    scene.until(|scene| scene.read[1].len() == 3_000);
    let bytes: Vec<usize> = scene.client_data(start).iter().map(|sent| sent.bytes).collect();
    assert_eq!(bytes[..10], [100; 10]);
    assert_eq!(bytes[10..], [1_448, 552], "what waited is cut into full packets");
}

#[test]
fn a_window_grows_after_a_loss_and_never_beyond_what_the_path_holds() {
    let network = limited(50, 10, Share::ZERO);
    let mut scene = Scene::established(&network, 1);
    let data = noise(200_000);
    let mut most = 0;
    let mut written = 0;
    let mut wants = 12_000_000_usize;
    while scene.pair.now() < Time::from_millis(10_000) && wants > 0 {
        written %= data.len();
        let taken = scene.pair.write(Side::Client, &data[written..]).expect("the stream is open");
        written += taken;
        wants -= taken;
        scene.step(Time::from_millis(10_000));
        most = most.max(scene.pair.endpoint(Side::Client).info().in_flight_packets);
    }
    // 10 Mbit/s × (50 ms + 50 ms of queue) are 83 packets; loss is found a round trip after it happens.
    assert!((60..=130).contains(&most), "{most}");
    let goodput = scene.read[1].len() as f64 * 8.0 / 10.0 / 1e6;
    assert!(goodput > 9.0, "{goodput} Mbit/s");
}
