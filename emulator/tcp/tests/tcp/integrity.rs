//! Whatever the network does, the bytes arrive, once, in order, with either congestion controller.

use std::time::Duration;

use sluice_link::Weather;
use sluice_shared::lab::Congestion;
use sluice_shared::link::{NetworkProfile, Preset, Share};
use sluice_tcp::{Config, Side, State};

use crate::network::lossy;
use crate::scene::{Scene, index, noise};

/// Loses, delays, reorders and duplicates in both directions.
fn awful(loss_percent: u32) -> NetworkProfile {
    let mut network = lossy(40, Share::from_percent(loss_percent));
    for link in [&mut network.up, &mut network.down] {
        link.propagation.jitter = Duration::from_millis(15);
        link.propagation.jitter_reorders = true;
        link.propagation.duplicate = Share::from_percent(3);
        link.propagation.late = Share::from_percent(2);
        link.propagation.late_by = Duration::from_millis(60);
    }
    network
}

fn scene(congestion: Congestion, network: &NetworkProfile, seed: u64) -> Scene {
    Scene::with(Config::with_congestion(congestion), network, seed)
}

/// Sends `count` bytes each way at once, closes both streams, and compares; with each congestion controller.
fn exchange_with_each(network: &NetworkProfile, seed: u64, count: usize) {
    for congestion in Congestion::ALL {
        exchange(congestion, network, seed, count);
    }
}

fn exchange(congestion: Congestion, network: &NetworkProfile, seed: u64, count: usize) -> Scene {
    let data = noise(count);
    let mut scene = scene(congestion, network, seed);
    let mut written = [0, 0];
    let deadline = scene.pair.now() + Duration::from_secs(3_600);
    loop {
        for (side, written) in [Side::Client, Side::Server].into_iter().zip(&mut written) {
            if *written < count {
                *written += scene.pair.write(side, &data[*written..]).expect("the stream is open");
                if *written == count {
                    scene.pair.close(side);
                }
            }
        }
        let is_over = [Side::Client, Side::Server]
            .iter()
            .all(|side| matches!(scene.pair.endpoint(*side).state(), State::Closed | State::TimeWait));
        if is_over {
            break;
        }
        assert!(
            scene.step(deadline),
            "{congestion}, seed {seed} is stuck: {:?} {:?}",
            scene.pair.endpoint(Side::Client).info(),
            scene.pair.endpoint(Side::Server).info()
        );
    }
    for side in [Side::Client, Side::Server] {
        let read = &scene.read[index(side)];
        assert!(
            *read == data,
            "{congestion}, seed {seed}: {side:?} read {} bytes, not those that were sent; {:?}",
            read.len(),
            scene.pair.endpoint(side).end_reason()
        );
    }
    scene
}

#[test]
fn bytes_survive_loss_reordering_and_duplication() {
    for seed in 0..60 {
        exchange_with_each(&awful(u32::try_from(seed % 6).expect("small") * 2), seed, 120_000);
    }
}

#[test]
fn bytes_survive_thirty_percent_loss() {
    for seed in 0..10 {
        exchange_with_each(&lossy(20, Share::from_percent(30)), seed, 20_000);
    }
}

#[test]
fn bytes_survive_every_preset() {
    for preset in Preset::ALL {
        exchange_with_each(&preset.profile(), 7, 60_000);
    }
}

/// What a careless application and a bad day do to a connection, each step drawn from a seed.
#[test]
fn bytes_survive_pauses_outages_and_changes_of_the_network() {
    for (seed, congestion) in (1..=40_u64).flat_map(|seed| Congestion::ALL.map(|kind| (seed, kind))) {
        let data = noise(400_000);
        let mut scene = scene(congestion, &awful(2), seed);
        let mut dice = noise(4_096 + usize::try_from(seed).expect("small"))
            .split_off(usize::try_from(seed).expect("small"));
        let mut written = [0, 0];
        while let Some(die) = dice.pop() {
            let now = scene.pair.now();
            let side = if die & 1 == 0 { Side::Client } else { Side::Server };
            match die >> 5 {
                0..=3 => {
                    let from = written[index(side)];
                    let to = data.len().min(from + usize::from(die) * 37);
                    written[index(side)] +=
                        scene.pair.write(side, &data[from..to]).expect("the stream is open");
                }
                4 => scene.is_reading = die & 2 == 0,
                5 if die & 0b1_1100 == 0 => {
                    scene.pair.link_mut(side).start_outage(Duration::from_millis(300), now);
                }
                6 if die & 0b1_1100 == 0 => {
                    let profile = awful(u32::from(die & 2)).up;
                    scene.pair.link_mut(side).set_profile(profile, Weather::new(seed), now);
                }
                _ => scene.run(Duration::from_millis(u64::from(die & 31))),
            }
        }
        scene.is_reading = true;
        scene.until(|scene| scene.read[0].len() == written[1] && scene.read[1].len() == written[0]);
        assert!(scene.read[0] == data[..written[1]] && scene.read[1] == data[..written[0]], "seed {seed}");
        assert!(written.iter().all(|written| *written > 10_000), "seed {seed}: {written:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_segments_and_another_does_not() {
    for congestion in Congestion::ALL {
        let [first, second, other] = [11, 11, 12].map(|seed| exchange(congestion, &awful(4), seed, 100_000));
        assert_eq!(first.sent, second.sent);
        assert_eq!(first.dropped, second.dropped);
        assert_ne!(first.sent, other.sent);
    }
}
