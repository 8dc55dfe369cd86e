//! The receiver's window: closing, probing, opening, growing.

use std::time::Duration;

use sluice_shared::link::Share;
use sluice_shared::time::Time;
use sluice_tcp::{Flags, Side, WaitsFor};

use crate::network::{clean, lossy};
use crate::scene::{Scene, noise};

/// A scene in which the server does not read and the client has filled every buffer.
fn stalled() -> (Scene, Vec<u8>, usize) {
    let data = noise(400_000);
    let mut scene = Scene::established(&clean(20), 1);
    scene.is_reading = false;
    let mut written = 0;
    for _ in 0..100 {
        written += scene.pair.write(Side::Client, &data[written..]).expect("the stream is open");
        scene.run(Duration::from_millis(20));
    }
    (scene, data, written)
}

#[test]
fn a_reader_that_stops_closes_the_window_and_the_sender_says_so() {
    let (scene, _, written) = stalled();
    let client = scene.pair.endpoint(Side::Client).info();
    let server = scene.pair.endpoint(Side::Server).info();
    assert_eq!(client.waits_for, WaitsFor::PeerWindow);
    assert!(client.peer_window_bytes < 1_448, "{client:?}");
    assert!((60_000..=67_000).contains(&server.unread_bytes), "one window is buffered: {server:?}");
    assert_eq!(client.send_buffer_free_bytes, 0);
    assert!(written < 400_000, "the writer is held back");
}

#[test]
fn a_closed_window_is_probed_ever_more_seldom_and_for_ever() {
    let (mut scene, ..) = stalled();
    let from = scene.sent.len();
    scene.run(Duration::from_secs(600));
    let probes: Vec<Time> =
        scene.sent[from..].iter().filter(|sent| sent.from == Side::Client).map(|sent| sent.at).collect();
    let gaps: Vec<u64> = probes.windows(2).map(|pair| pair[1].since(pair[0]).as_millis() as u64).collect();
    assert!((6..=12).contains(&probes.len()), "{gaps:?}");
    // The wait begins when the answer to the last probe comes, a round trip after it left.
    let waits: Vec<u64> = gaps.iter().map(|gap| gap - 20).collect();
    let doubles = |pair: &[u64]| pair[1].abs_diff(2 * pair[0]) <= 1 || pair[1] == 120_000;
    assert!(waits.windows(2).all(doubles), "{waits:?}");
    assert!(scene.pair.endpoint(Side::Client).is_established(), "probes are answered, so it goes on");
}

#[test]
fn a_reader_that_starts_again_opens_the_window_at_once() {
    let (mut scene, data, written) = stalled();
    scene.is_reading = true;
    let since = scene.pair.now();
    scene.read_all();
    scene.until(|scene| scene.read[1].len() == written);
    assert_eq!(scene.read[1], data[..written]);
    let took = scene.pair.now().since(since);
    assert!(took < Duration::from_millis(200), "no probe was needed: {took:?}");
}

#[test]
fn a_lost_window_update_is_made_up_for_by_a_probe() {
    let (mut scene, data, written) = stalled();
    scene.pair.link_mut(Side::Server).block(true);
    scene.is_reading = true;
    scene.read_all();
    let now = scene.pair.now();
    scene.step(now);
    scene.pair.link_mut(Side::Server).block(false);
    scene.until(|scene| scene.read[1].len() == written);
    assert_eq!(scene.read[1], data[..written]);
    assert!(scene.pair.endpoint(Side::Client).info().counters.window_probes > 0);
}

#[test]
fn the_window_grows_with_a_reader_that_keeps_up() {
    let mut scene = Scene::established(&clean(100), 1);
    scene.transfer(&noise(8_000_000));
    let server = scene.pair.endpoint(Side::Server).info();
    assert!(server.receive_window_bytes > 1_000_000, "{server:?}");
    let client = scene.pair.endpoint(Side::Client).info();
    assert_eq!(client.retransmitted_packets, 0, "{client:?}");
}

#[test]
fn the_send_buffer_holds_about_two_windows() {
    let mut scene = Scene::established(&clean(100), 1);
    let data = noise(4_000_000);
    let mut most = 0;
    let mut written = 0;
    while scene.read[1].len() < data.len() {
        written += scene.pair.write(Side::Client, &data[written..]).expect("the stream is open");
        let endpoint = scene.pair.endpoint(Side::Client);
        let window = endpoint.info().cwnd_packets.max(10) * 1_448;
        most = most.max(endpoint.send_buffer_used_bytes() * 100 / window);
        assert!(scene.step(Time::from_millis(100_000)));
    }
    assert!((100..=220).contains(&most), "{most} % of the window");
}

#[test]
fn nothing_is_sent_beyond_the_window_that_was_offered() {
    const SCALE: u32 = 7;
    let mut scene = Scene::new(&lossy(40, Share::from_percent(3)), 5);
    let data = noise(600_000);
    let mut written = 0;
    for round in 0..400 {
        scene.is_reading = round % 5 == 0;
        written += scene.pair.write(Side::Client, &data[written..]).expect("the stream is open");
        scene.run(Duration::from_millis(37));
    }
    let mut offered = 0;
    for sent in &scene.sent {
        let scale = if sent.flags.contains(Flags::SYN) { 0 } else { SCALE };
        match sent.from {
            Side::Server => offered = offered.max(sent.ack + (u32::from(sent.window) << scale)),
            Side::Client if sent.bytes > 0 => {
                let end = sent.seq + u32::try_from(sent.bytes).expect("a segment is small");
                assert!(end <= offered, "{end} is beyond {offered}: {sent:?}");
            }
            Side::Client => {}
        }
    }
    assert_eq!(scene.read[1], data[..scene.read[1].len()]);
    assert!(scene.read[1].len() > 300_000, "{}", scene.read[1].len());
}
