//! Loss comes as often, and in spells as long, as the profile says.

use core::time::Duration;

use sluice_link::{DropReason, Fate};
use sluice_link::{Link, LossKind, Weather};
use sluice_shared::link::{BurstLoss, Direction, LinkProfile, LossModel, Share};

use crate::harness::{TestLink, at_us, delivered, dropped, id_of, run};

const MILLION: u64 = 1_000_000;

fn with_loss(loss: LossModel) -> LinkProfile {
    LinkProfile { loss, ..LinkProfile::default() }
}

/// The fates of packets that come one each `spacing_us`.
fn fates_of(loss: LossModel, seed: u64, count: u64, spacing_us: u64) -> (TestLink, Vec<Fate<u64>>) {
    let mut link = Link::new(with_loss(loss), Weather::new(seed), Direction::Down);
    let fates = run(&mut link, (0..count).map(|n| (at_us(n * spacing_us), 1_200)));
    (link, fates)
}

#[test]
fn random_loss_stays_within_three_sigma_over_a_million_packets() {
    for (billionths, seed) in
        [(100_000u32, 1), (1_000_000, 2), (20_000_000, 3), (100_000_000, 4), (500_000_000, 5)]
    {
        let share = Share::from_billionths(billionths);
        let (link, fates) = fates_of(LossModel::Random(share), seed, MILLION, 10);
        let (p, n) = (share.as_fraction(), MILLION as f64);
        let lost = dropped(&fates).len() as f64;
        let sigma = (n * p * (1.0 - p)).sqrt();
        assert!((lost - n * p).abs() <= 3.0 * sigma, "{lost} of {n} at {p}");
        assert_eq!(link.counters().realised_loss(), Some(lost / n));
        assert!(dropped(&fates).iter().all(|lost| lost.reason == DropReason::Loss(LossKind::Random)));
    }
}

#[test]
fn random_loss_has_no_memory() {
    // Runs of lost packets at 20 %: their mean length is 1 ÷ (1 − p).
    let (_, fates) = fates_of(LossModel::Random(Share::from_percent(20)), 8, MILLION, 10);
    let (runs, lost) = runs_of_loss(&fates);
    let mean = lost as f64 / runs as f64;
    // A geometric length deviates by √p ÷ (1 − p) = 0.56.
    assert!((mean - 1.25).abs() < 3.0 * 0.56 / (runs as f64).sqrt(), "mean {mean}");
}

#[test]
fn bursts_have_their_mean_loss_and_their_mean_length() {
    let bad = Duration::from_millis(40);
    let burst = BurstLoss::of_mean(Share::from_percent(2), bad).expect("2 % is neither nothing nor all");
    // A packet each millisecond, for 4,000 s: about 2,000 bad spells.
    let (link, fates) = fates_of(LossModel::Burst(burst), 6, 4 * MILLION, 1_000);
    let (runs, lost) = runs_of_loss(&fates);
    let loss = link.counters().realised_loss().expect("packets came");
    // One standard error of the share: share · √(2 ÷ spells).
    assert!((loss - 0.02).abs() < 3.0 * 0.02 * (2.0 / runs as f64).sqrt(), "loss {loss}");
    // Packets in an exponential spell that meets any: geometric, mean 1 ÷ (1 − e^(−1 ms ÷ 40 ms)) = 40.5.
    let mean = lost as f64 / runs as f64;
    assert!((mean - 40.5).abs() < 3.0 * 40.0 / (runs as f64).sqrt(), "mean {mean} packets in {runs} spells");
    assert!(dropped(&fates).iter().all(|lost| lost.reason == DropReason::Loss(LossKind::Burst)));
}

#[test]
fn loss_in_each_state_is_what_its_share_says() {
    let burst = BurstLoss {
        good: Duration::from_millis(100),
        bad: Duration::from_millis(100),
        loss_in_good: Share::from_percent(1),
        loss_in_bad: Share::from_percent(50),
    };
    let (link, _) = fates_of(LossModel::Burst(burst), 2, 2 * MILLION, 1_000);
    let (random, bursts) = (link.counters().lost_at_random.packets, link.counters().lost_in_bursts.packets);
    let n = 2.0 * MILLION as f64;
    // 10,000 rounds of two equal exponential spells: the share of bad time deviates by 0.5 · √(1 ÷ (2 · rounds)).
    let share_error = 3.0 * 0.5 * (1.0f64 / 20_000.0).sqrt() + 0.001;
    assert!((bursts as f64 / n - 0.25).abs() < 0.5 * share_error + 0.001, "{bursts} in bad spells");
    assert!((random as f64 / n - 0.005).abs() < 0.01 * share_error + 0.0002, "{random} in good spells");
}

#[test]
fn all_lost_and_none_lost_are_exact() {
    let (_, all) = fates_of(LossModel::Random(Share::ALL), 1, 10_000, 10);
    assert_eq!(dropped(&all).len(), 10_000);
    let (_, none) = fates_of(LossModel::Random(Share::ZERO), 1, 10_000, 10);
    assert_eq!(delivered(&none).len(), 10_000);
}

/// How many runs of lost packets there are, and how many lost packets.
fn runs_of_loss(fates: &[Fate<u64>]) -> (u64, u64) {
    let (mut runs, mut lost, mut previous) = (0, 0, None);
    for fate in fates.iter().filter(|fate| matches!(fate, Fate::Dropped(_))) {
        let id = id_of(fate).0;
        lost += 1;
        runs += u64::from(previous.is_none_or(|previous| previous + 1 != id));
        previous = Some(id);
    }
    (runs, lost)
}
