//! Every preset does what its documentation states.

use core::time::Duration;

use sluice_link::{Link, Weather};
use sluice_shared::link::{Direction, LinkProfile, LossModel, Preset};
use sluice_shared::time::Time;

use crate::harness::{TestLink, at_us, delivered, departures, run};

/// What the documentation states of one direction: rate in kbit/s, delay, jitter and full queue in microseconds, mean
/// loss, share of time out.
struct Stated {
    kbit: Option<u64>,
    delay_us: u64,
    jitter_us: u64,
    queue_us: u64,
    loss: f64,
    out: f64,
}

const fn stated(kbit: u64, delay_us: u64, jitter_us: u64, queue_us: u64, loss: f64) -> Stated {
    Stated { kbit: Some(kbit), delay_us, jitter_us, queue_us, loss, out: 0.0 }
}

const fn unlimited(delay_us: u64, loss: f64) -> Stated {
    Stated { kbit: None, delay_us, jitter_us: 0, queue_us: 0, loss, out: 0.0 }
}

/// Up, then down.
const fn documented(preset: Preset) -> [Stated; 2] {
    match preset {
        Preset::None | Preset::UdpBlocked => [unlimited(0, 0.0), unlimited(0, 0.0)],
        Preset::Fibre => {
            [stated(100_000, 4_000, 500, 20_000, 1e-5), stated(300_000, 4_000, 500, 20_000, 1e-5)]
        }
        Preset::Cable => {
            [stated(10_000, 12_000, 2_000, 250_000, 1e-4), stated(100_000, 12_000, 2_000, 100_000, 1e-4)]
        }
        Preset::WifiCrowded => {
            [stated(10_000, 8_000, 20_000, 100_000, 0.02), stated(20_000, 8_000, 20_000, 100_000, 0.02)]
        }
        Preset::Lte => {
            [stated(8_000, 25_000, 8_000, 500_000, 1e-3), stated(20_000, 25_000, 8_000, 300_000, 1e-3)]
        }
        Preset::Train => [
            Stated { out: 16.0 / 60.0, ..stated(8_000, 25_000, 8_000, 500_000, 1e-3) },
            Stated { out: 16.0 / 60.0, ..stated(20_000, 25_000, 8_000, 300_000, 1e-3) },
        ],
        Preset::ThreeG => {
            [stated(768, 150_000, 30_000, 1_000_000, 2e-3), stated(1_600, 150_000, 30_000, 1_000_000, 2e-3)]
        }
        Preset::Satellite => {
            [stated(3_000, 300_000, 10_000, 600_000, 5e-3), stated(25_000, 300_000, 10_000, 600_000, 5e-3)]
        }
        Preset::Lossy2 => [unlimited(50_000, 0.02), unlimited(50_000, 0.02)],
        // 25 packets of 1,500 bytes take 30 ms at 10 Mbit/s.
        Preset::LongRtt => [stated(10_000, 750_000, 0, 30_000, 0.0), stated(10_000, 750_000, 0, 30_000, 0.0)],
        Preset::BlackHole => [
            Stated { out: 2.0 / 7.0, ..stated(10_000, 15_000, 0, 30_000, 0.0) },
            Stated { out: 2.0 / 7.0, ..stated(10_000, 15_000, 0, 30_000, 0.0) },
        ],
        Preset::TransferLoss => {
            [stated(10_000, 15_000, 0, 30_000, 0.02), stated(10_000, 15_000, 0, 30_000, 0.02)]
        }
    }
}

fn each_direction(check: impl Fn(Preset, Direction, &LinkProfile, &Stated)) {
    for preset in Preset::ALL {
        let profile = preset.profile();
        for (direction, stated) in Direction::BOTH.into_iter().zip(documented(preset)) {
            check(preset, direction, profile.link(direction), &stated);
        }
    }
}

#[test]
fn every_preset_reaches_its_stated_delay() {
    each_direction(|preset, direction, profile, stated| {
        let mut link: TestLink = Link::new(profile.clone(), Weather::new(1), direction);
        // Alone on the link each time: 100 bytes, one a second, for ten minutes.
        let fates = run(&mut link, (0..600).map(|n| (at_us(n * 1_000_000), 100)));
        let serialising = stated.kbit.map_or(0, |kbit| 800_000u64.div_ceil(kbit));
        let least = stated.delay_us + serialising;
        let delays: Vec<u64> = delivered(&fates)
            .iter()
            .map(|packet| packet.delivered_at.as_micros() - packet.queued_at.as_micros())
            .collect();
        let (low, high) = (delays.iter().min(), delays.iter().max());
        let (low, high) = (*low.expect("some arrive"), *high.expect("some arrive"));
        assert!(low >= least && high <= least + stated.jitter_us, "{preset} {direction}: {low} to {high} µs");
        // Of 400 even draws the extremes come within 3 % of the ends, but for a chance of 10⁻⁵.
        let slack = stated.jitter_us * 3 / 100;
        assert!(low <= least + slack && high + slack >= least + stated.jitter_us, "{preset} {direction}");
    });
}

#[test]
fn every_preset_reaches_its_stated_rate_and_queue() {
    each_direction(|preset, direction, profile, stated| {
        let Some(kbit) = stated.kbit else {
            assert_eq!(profile.bottleneck, None, "{preset} {direction}");
            return;
        };
        // A quarter more than the rate in packets of 1,500 bytes, for whole rounds of every outage plan (7 s, 60 s).
        let seconds = profile.outages.repeats_every.map_or(10, |round| round.as_secs());
        let spacing_ns = 12_000_000_000 / (kbit * 5 / 4);
        let spacing_ns = spacing_ns.max(1);
        let count = seconds * 1_000_000_000_000 / (spacing_ns * 1_000);
        let mut link: TestLink = Link::new(profile.clone(), Weather::new(1), direction);
        let fates = run(&mut link, (0..count).map(|n| (at_us(n * spacing_ns / 1_000), 1_500)));
        let end = Time::ZERO + Duration::from_secs(seconds);
        let bits: u64 =
            departures(&fates).iter().filter(|(at, _)| *at < end).map(|(_, bytes)| bytes * 8).sum();
        let carried = bits as f64 / (kbit * seconds) as f64 / 1e3;
        // Behind an outage the queue is empty, and before it a full queue goes on for its length.
        let expected = 1.0 - stated.out;
        assert!((carried - expected).abs() < 0.02, "{preset} {direction}: {carried} of the rate");
        let waited = delivered(&fates)
            .iter()
            .map(|packet| packet.left_bottleneck_at.as_micros() - packet.queued_at.as_micros())
            .max()
            .expect("some arrive");
        // The full queue, the packet in service and the packet itself.
        let packet_us = 12_000_000 / kbit;
        let longest = stated.queue_us + 2 * packet_us;
        assert!(
            (stated.queue_us - packet_us..=longest).contains(&waited),
            "{preset} {direction}: waited {waited} µs"
        );
    });
}

#[test]
fn every_preset_has_its_stated_loss() {
    each_direction(|preset, direction, profile, stated| {
        assert!((profile.loss.mean() - stated.loss).abs() < 1e-9, "{preset} {direction}");
        // Three standard errors; where loss comes in spells, the spells are what is counted.
        let (count, tolerance) = match profile.loss {
            LossModel::None => (1_000u64, 0.0),
            LossModel::Random(_) => (40_000, 3.0 * (stated.loss / 40_000.0).sqrt()),
            LossModel::Burst(burst) => {
                let span_us = 200_000_000f64;
                let spells = span_us / ((burst.good + burst.bad).as_micros() as f64);
                (100_000, 3.0 * stated.loss * (2.0 / spells).sqrt())
            }
        };
        // Without the outages: they are counted apart. Small packets, so that the slowest of the rates carries them.
        let profile = LinkProfile { outages: Default::default(), ..profile.clone() };
        let mut link: TestLink = Link::new(profile, Weather::new(9), direction);
        run(&mut link, (0..count).map(|n| (at_us(n * 2_000), 100)));
        let loss = link.counters().realised_loss().expect("packets came");
        assert!((loss - stated.loss).abs() <= tolerance, "{preset} {direction}: {loss}");
    });
}

#[test]
fn only_udp_blocked_blocks_and_only_the_train_renews() {
    for preset in Preset::ALL {
        let profile = preset.profile();
        assert_eq!(profile.blocks_udp, preset == Preset::UdpBlocked);
        assert_eq!(profile.renews_address, preset == Preset::Train);
    }
}
