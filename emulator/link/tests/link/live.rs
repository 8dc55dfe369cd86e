//! Changing the network under the packets.

use core::time::Duration;

use proptest::prelude::*;
use sluice_link::{Link, Weather};
use sluice_shared::link::{
    Bitrate, BottleneckLimits, ByteCount, Direction, LinkProfile, LossModel, OutageSchedule, Propagation,
    QueueLimit, Share,
};
use sluice_shared::time::Time;

use crate::harness::{TestLink, delivered, drain, drain_until, finish, limited, ms, profiles};

/// The profile without anything that loses or reorders on purpose.
fn gentle(profile: LinkProfile) -> LinkProfile {
    LinkProfile {
        outages: OutageSchedule::none(),
        bottleneck: profile.bottleneck.map(|limits| BottleneckLimits {
            queue: QueueLimit::Bytes(ByteCount::new(10_000_000)),
            ..limits
        }),
        loss: LossModel::None,
        propagation: Propagation {
            late: Share::ZERO,
            jitter_reorders: false,
            duplicate: Share::ZERO,
            ..profile.propagation
        },
    }
}

proptest! {
    #[test]
    fn a_live_change_loses_nothing_in_flight_and_keeps_order(
        changes in prop::collection::vec((profiles(), 0..40_000u64, 0..40u8), 1..30), seed in any::<u64>(),
    ) {
        let weather = Weather::new(seed);
        let mut link: TestLink = Link::new(LinkProfile::default(), weather, Direction::Down);
        let (mut now, mut number, mut fates) = (Time::ZERO, 0, Vec::new());
        for (profile, pause_us, packets) in changes {
            link.set_profile(gentle(profile), weather, now);
            for _ in 0..packets {
                link.handle_packet(number, ByteCount::new(1_200), now);
                number += 1;
            }
            drain(&mut link, now, &mut fates);
            now = now + Duration::from_micros(pause_us);
            drain_until(&mut link, now, &mut fates);
        }
        finish(&mut link, &mut fates);
        let ids: Vec<u64> = delivered(&fates).iter().map(|packet| packet.id.0).collect();
        prop_assert_eq!(ids, (0..number).collect::<Vec<_>>());
    }
}

fn bottleneck_of(kbit: u64) -> LinkProfile {
    limited(Bitrate::from_kbit_per_sec(kbit), QueueLimit::Bytes(ByteCount::new(1_000_000)))
}

fn leaves_at(fates: &[sluice_link::Fate<u64>]) -> Vec<u64> {
    delivered(fates).iter().map(|packet| packet.left_bottleneck_at.as_micros()).collect()
}

#[test]
fn the_rest_of_a_packet_takes_the_new_rate() {
    // 1,000 bytes take 80 ms at 100 kbit/s; half of it is left when the rate becomes ten times as high.
    let weather = Weather::new(1);
    let mut link: TestLink = Link::new(bottleneck_of(100), weather, Direction::Up);
    link.handle_packet(0, ByteCount::new(1_000), Time::ZERO);
    link.handle_packet(1, ByteCount::new(1_000), Time::ZERO);
    link.set_profile(bottleneck_of(1_000), weather, Time::from_millis(40));
    let mut fates = Vec::new();
    finish(&mut link, &mut fates);
    assert_eq!(leaves_at(&fates), [44_000, 52_000]);
}

#[test]
fn a_queue_leaves_at_once_when_the_rate_limit_goes() {
    let weather = Weather::new(1);
    let mut link: TestLink = Link::new(bottleneck_of(100), weather, Direction::Up);
    for number in 0..5 {
        link.handle_packet(number, ByteCount::new(1_000), Time::ZERO);
    }
    link.set_profile(LinkProfile::default(), weather, Time::from_millis(10));
    let mut fates = Vec::new();
    drain(&mut link, Time::from_millis(10), &mut fates);
    assert_eq!(leaves_at(&fates), [10_000; 5]);
}

#[test]
fn a_smaller_queue_keeps_what_it_holds_and_takes_nothing_more() {
    let weather = Weather::new(1);
    let mut link: TestLink = Link::new(bottleneck_of(100), weather, Direction::Up);
    for number in 0..5 {
        link.handle_packet(number, ByteCount::new(1_000), Time::ZERO);
    }
    let small = limited(Bitrate::from_kbit_per_sec(100), QueueLimit::Bytes(ByteCount::new(2_000)));
    link.set_profile(small, weather, Time::from_millis(1));
    link.handle_packet(5, ByteCount::new(1_000), Time::from_millis(1));
    assert_eq!((link.levels().queue.packets, link.counters().dropped_by_queue.packets), (4, 1));
    let mut fates = Vec::new();
    finish(&mut link, &mut fates);
    assert_eq!(delivered(&fates).len(), 5);
}

#[test]
fn a_shorter_way_does_not_let_new_packets_pass_old_ones() {
    let weather = Weather::new(1);
    let mut link: TestLink = Link::new(LinkProfile::delayed(ms(500)), weather, Direction::Up);
    link.handle_packet(0, ByteCount::new(100), Time::ZERO);
    link.set_profile(LinkProfile::delayed(ms(5)), weather, Time::from_millis(1));
    link.handle_packet(1, ByteCount::new(100), Time::from_millis(1));
    let mut fates = Vec::new();
    finish(&mut link, &mut fates);
    let arrivals: Vec<_> =
        delivered(&fates).iter().map(|packet| (packet.id.0, packet.delivered_at)).collect();
    assert_eq!(arrivals, [(0, Time::from_millis(500)), (1, Time::from_millis(500))]);
}
