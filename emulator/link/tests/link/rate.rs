//! The bottleneck's rate is never passed and is reached; its queue holds what it should.

use core::time::Duration;

use proptest::prelude::*;
use sluice_link::{DropReason, Link, Weather};
use sluice_shared::link::{Bitrate, ByteCount, Direction, LinkProfile, Propagation, QueueLimit};
use sluice_shared::time::Time;

use crate::harness::{
    TestLink, arrivals, at_us, bottlenecks, delivered, departures, drain, dropped, finish, limited, ms, run,
};

proptest! {
    #[test]
    fn no_interval_carries_more_than_the_rate(bottleneck in bottlenecks(), arrivals in arrivals(500, 150)) {
        let profile = LinkProfile { bottleneck: Some(bottleneck), ..LinkProfile::default() };
        let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Up);
        let left = departures(&run(&mut link, arrivals));
        for (first, (from, _)) in left.iter().enumerate() {
            let mut bits = 0;
            for (until, bytes) in &left[first + 1..] {
                bits += bytes * 8;
                // Times are whole microseconds.
                let span = until.since(*from) + Duration::from_micros(1);
                prop_assert!(bits <= bottleneck.rate.bits_in(span), "{bits} bits from {from:?} to {until:?}");
            }
        }
    }

    #[test]
    fn a_backlog_is_served_without_a_pause(
        bottleneck in bottlenecks(), sizes in prop::collection::vec(1..2_000u64, 1..150),
    ) {
        let profile = LinkProfile { bottleneck: Some(bottleneck), ..LinkProfile::default() };
        let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Up);
        let left = departures(&run(&mut link, sizes.into_iter().map(|bytes| (Time::ZERO, bytes))));
        let mut bits = 0;
        for (left_at, bytes) in left {
            bits += bytes * 8;
            prop_assert_eq!(left_at, Time::ZERO + bottleneck.rate.time_for_bits(bits));
        }
    }

    #[test]
    fn what_waits_never_passes_the_limit(bottleneck in bottlenecks(), arrivals in arrivals(500, 300)) {
        let profile = LinkProfile { bottleneck: Some(bottleneck), ..LinkProfile::default() };
        let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Up);
        let mut fates = Vec::new();
        for (number, (at, bytes)) in (0..).zip(arrivals) {
            link.handle_packet(number, ByteCount::new(bytes), at);
            prop_assert!(link.levels().queue.bytes <= bottleneck.queue_bytes());
            drain(&mut link, at, &mut fates);
        }
        finish(&mut link, &mut fates);
        prop_assert!(dropped(&fates).iter().all(|dropped| dropped.reason == DropReason::Queue));
        prop_assert_eq!(link.counters().dropped_by_queue.packets, dropped(&fates).len() as u64);
    }
}

#[test]
fn a_packet_pays_for_its_own_serialisation() {
    // 1,500 bytes at 12 Mbit/s take 1 ms, 150 bytes a tenth of it.
    let profile = LinkProfile {
        propagation: Propagation { delay: ms(10), ..Propagation::default() },
        ..limited(Bitrate::from_mbit_per_sec(12), QueueLimit::Time(ms(100)))
    };
    let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Up);
    let fates = run(&mut link, [(at_us(0), 1_500), (at_us(0), 150), (at_us(5_000), 150)]);
    let times: Vec<_> = delivered(&fates)
        .iter()
        .map(|packet| (packet.left_bottleneck_at.as_micros(), packet.delivered_at.as_micros()))
        .collect();
    assert_eq!(times, [(1_000, 11_000), (1_100, 11_100), (5_100, 15_100)]);
}

#[test]
fn propagating_packets_do_not_fill_the_queue() {
    // A way of 300 ms holds far more than the queue of 2 packets; a steady flow at the rate must not lose any.
    let profile = LinkProfile {
        propagation: Propagation { delay: ms(300), ..Propagation::default() },
        ..limited(Bitrate::from_mbit_per_sec(12), QueueLimit::Bytes(ByteCount::new(3_000)))
    };
    let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Up);
    let fates = run(&mut link, (0..5_000).map(|n| (at_us(n * 1_000), 1_500)));
    assert_eq!(delivered(&fates).len(), 5_000);
}

#[test]
fn a_full_queue_drops_the_newest_and_levels_tell_what_waits() {
    // One packet is being serialised, two wait, the fourth finds no room.
    let profile = limited(Bitrate::from_mbit_per_sec(12), QueueLimit::Bytes(ByteCount::new(3_000)));
    let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Up);
    for number in 0..4 {
        link.handle_packet(number, ByteCount::new(1_500), Time::ZERO);
    }
    let mut fates = Vec::new();
    drain(&mut link, Time::ZERO, &mut fates);
    assert_eq!(dropped(&fates).iter().map(|dropped| dropped.id.0).collect::<Vec<_>>(), [3]);
    link.handle_timeout(at_us(500));
    let levels = link.levels();
    assert_eq!((levels.queue.packets, levels.queue.bytes), (2, ByteCount::new(3_000)));
    assert_eq!(levels.queue.oldest_age, Some(Duration::from_micros(500)));
    assert_eq!((levels.wire.packets, levels.wire.bytes), (1, ByteCount::new(1_500)));
    assert_eq!(levels.wire.oldest_age, Some(Duration::from_micros(500)));
}

#[test]
fn a_queue_in_time_follows_the_rate() {
    let delay_when_full = |mbit| {
        let profile = limited(Bitrate::from_mbit_per_sec(mbit), QueueLimit::Time(ms(100)));
        let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Up);
        let fates = run(&mut link, (0..20_000).map(|n| (at_us(n / 100), 1_000)));
        let last = *delivered(&fates).last().expect("some got through");
        last.delivered_at.since(last.queued_at)
    };
    // The queue's 100 ms, and the packet in service and the packet itself: 1.6 ms at 10 Mbit/s.
    assert!((ms(99)..=ms(102)).contains(&delay_when_full(10)), "{:?}", delay_when_full(10));
    assert!((ms(99)..=ms(102)).contains(&delay_when_full(100)), "{:?}", delay_when_full(100));
}
