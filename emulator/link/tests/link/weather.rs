//! Lanes of one lab meet the same luck; outages and blocks.

use core::time::Duration;

use sluice_link::{DropReason, Fate, Link, Weather};
use sluice_shared::link::{
    BurstLoss, ByteCount, Direction, LinkProfile, LossModel, Outage, OutageSchedule, Preset, Share,
};
use sluice_shared::time::Time;

use crate::harness::{TestLink, at_us, delivered, drain, dropped, finish, ms, run};

fn lost_ids(fates: &[Fate<u64>]) -> Vec<u64> {
    dropped(fates).iter().map(|lost| lost.id.0).collect()
}

#[test]
fn lanes_of_different_pace_lose_the_same_packet_numbers() {
    let profile = Preset::Lossy2.profile().down;
    let lose = |spacing_us: u64, bytes| {
        let mut link: TestLink = Link::new(profile.clone(), Weather::new(7), Direction::Down);
        lost_ids(&run(&mut link, (0..5_000).map(|n| (at_us(n * spacing_us), bytes))))
    };
    assert!(!lose(1_000, 100).is_empty());
    assert_eq!(lose(1_000, 100), lose(37, 1_400));
}

#[test]
fn lanes_of_different_pace_meet_the_same_bad_moments() {
    let burst = BurstLoss::of_mean(Share::from_percent(10), ms(50)).expect("10 % is neither nothing nor all");
    let profile = LinkProfile { loss: LossModel::Burst(burst), ..LinkProfile::default() };
    let lost_at = |spacing_us: u64, from_us: u64| {
        let mut link: TestLink = Link::new(profile.clone(), Weather::new(7), Direction::Down);
        let fates =
            run(&mut link, (0..2_000_000 / spacing_us).map(|n| (at_us(from_us + n * spacing_us), 100)));
        dropped(&fates).iter().map(|lost| lost.dropped_at).collect::<Vec<_>>()
    };
    let (dense, sparse) = (lost_at(1_000, 60_000_000), lost_at(10_000, 60_000_000));
    assert!(!sparse.is_empty());
    let of_both: Vec<_> = dense.into_iter().filter(|at| at.as_micros() % 10_000 == 0).collect();
    assert_eq!(of_both, sparse);
}

#[test]
fn the_two_directions_have_luck_of_their_own() {
    let profile = Preset::Lossy2.profile().down;
    let lose = |direction| {
        let mut link: TestLink = Link::new(profile.clone(), Weather::new(7), direction);
        lost_ids(&run(&mut link, (0..5_000).map(|n| (at_us(n), 100))))
    };
    assert_ne!(lose(Direction::Up), lose(Direction::Down));
}

#[test]
fn an_outage_takes_what_comes_and_not_what_is_inside() {
    let plan = OutageSchedule { outages: vec![Outage::new(ms(10), ms(5))], repeats_every: Some(ms(40)) };
    let profile = LinkProfile { outages: plan, ..LinkProfile::delayed(ms(20)) };
    let weather = Weather { seed: 1, since: Time::from_millis(100) };
    let mut link: TestLink = Link::new(profile, weather, Direction::Up);
    // Before the weather begins nothing is planned: 12 ms would else be in the outage.
    let fates = run(&mut link, (0..200).map(|n| (Time::from_millis(n), 100)));
    let out: Vec<u64> = lost_ids(&fates);
    assert_eq!(out, (110..115).chain(150..155).chain(190..195).collect::<Vec<_>>());
    assert!(dropped(&fates).iter().all(|lost| lost.reason == DropReason::Outage));
    assert_eq!(delivered(&fates).len() + out.len(), 200);
    assert_eq!(link.counters().realised_loss(), Some(0.0));
}

#[test]
fn an_outage_by_hand_ends_by_itself_and_is_never_shortened() {
    let mut link: TestLink = Link::new(LinkProfile::default(), Weather::new(1), Direction::Up);
    link.start_outage(ms(10), Time::from_millis(5));
    link.start_outage(ms(1), Time::from_millis(6));
    link.set_profile(LinkProfile::delayed(ms(1)), Weather::new(1), Time::from_millis(7));
    assert!(link.is_out(Time::from_millis(14)) && !link.is_out(Time::from_millis(15)));
    let fates = run(&mut link, (7..20).map(|n| (Time::from_millis(n), 100)));
    assert_eq!(lost_ids(&fates), (0..8).collect::<Vec<_>>());
}

#[test]
fn a_block_lasts_until_it_is_lifted() {
    let mut link: TestLink = Link::new(LinkProfile::delayed(ms(10)), Weather::new(1), Direction::Up);
    let size = ByteCount::new(100);
    link.handle_packet(0, size, Time::ZERO);
    link.block(true);
    link.handle_packet(1, size, Time::from_millis(1));
    link.block(false);
    link.handle_packet(2, size, Time::from_millis(2));
    let mut fates = Vec::new();
    drain(&mut link, Time::from_millis(2), &mut fates);
    finish(&mut link, &mut fates);
    let reasons: Vec<_> = dropped(&fates).iter().map(|lost| (lost.id.0, lost.reason)).collect();
    assert_eq!(reasons, [(1, DropReason::Blocked)]);
    assert_eq!(delivered(&fates).iter().map(|packet| packet.id.0).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn the_train_is_out_in_its_tunnels_alone() {
    let profile = Preset::Train.profile();
    let link: TestLink = Link::new(profile.down, Weather::new(1), Direction::Down);
    let out: Vec<u64> =
        (0..120).filter(|second| link.is_out(Time::ZERO + Duration::from_secs(*second))).collect();
    assert_eq!(out, (15..19).chain(35..47).chain(75..79).chain(95..107).collect::<Vec<_>>());
    assert!(profile.renews_address);
}
