//! Driving a link in virtual time.

use core::time::Duration;

use proptest::prelude::*;
use sluice_link::{Delivered, Dropped, Fate, Link, PacketId};
use sluice_shared::link::{
    Bitrate, BottleneckLimits, BurstLoss, ByteCount, LinkProfile, LossModel, Outage, OutageSchedule,
    Propagation, QueueLimit, Share,
};
use sluice_shared::time::Time;

/// Packets are told apart by a number of the test's own.
pub(crate) type TestLink = Link<u64>;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn at_us(micros: u64) -> Time {
    Time::from_micros(micros)
}

/// A link that only has a rate and a queue.
pub(crate) fn limited(rate: Bitrate, queue: QueueLimit) -> LinkProfile {
    LinkProfile { bottleneck: Some(BottleneckLimits { rate, queue }), ..LinkProfile::default() }
}

/// Hands in one packet at each of `arrivals` (time, bytes) and polls as the crate's documentation says: after each
/// packet, and at each timeout, until the link is empty.
pub(crate) fn run(link: &mut TestLink, arrivals: impl IntoIterator<Item = (Time, u64)>) -> Vec<Fate<u64>> {
    let mut fates = Vec::new();
    for (number, (at, bytes)) in (0..).zip(arrivals) {
        drain_until(link, at, &mut fates);
        link.handle_packet(number, ByteCount::new(bytes), at);
        drain(link, at, &mut fates);
    }
    finish(link, &mut fates);
    fates
}

/// Polls at every timeout until nothing is left inside.
pub(crate) fn finish(link: &mut TestLink, fates: &mut Vec<Fate<u64>>) {
    while let Some((wake_at, _)) = link.poll_timeout() {
        link.handle_timeout(wake_at);
        drain(link, wake_at, fates);
    }
}

/// Polls at every timeout before `end`.
pub(crate) fn drain_until(link: &mut TestLink, end: Time, fates: &mut Vec<Fate<u64>>) {
    while let Some((wake_at, _)) = link.poll_timeout().filter(|(wake_at, _)| *wake_at < end) {
        let before = fates.len();
        drain(link, wake_at, fates);
        let still = link.poll_timeout().is_some_and(|(next, _)| next <= wake_at);
        assert!(!still || fates.len() > before, "a timeout at {wake_at:?} that nothing came of");
    }
}

pub(crate) fn drain(link: &mut TestLink, now: Time, fates: &mut Vec<Fate<u64>>) {
    fates.extend(core::iter::from_fn(|| link.poll_fate(now)));
}

pub(crate) fn delivered(fates: &[Fate<u64>]) -> Vec<&Delivered<u64>> {
    fates
        .iter()
        .filter_map(|fate| match fate {
            Fate::Delivered(delivered) => Some(delivered),
            Fate::Dropped(_) => None,
        })
        .collect()
}

pub(crate) fn dropped(fates: &[Fate<u64>]) -> Vec<&Dropped<u64>> {
    fates
        .iter()
        .filter_map(|fate| match fate {
            Fate::Dropped(dropped) => Some(dropped),
            Fate::Delivered(_) => None,
        })
        .collect()
}

/// When a packet's way ended.
pub(crate) const fn ended_at(fate: &Fate<u64>) -> Time {
    match fate {
        Fate::Delivered(delivered) => delivered.delivered_at,
        Fate::Dropped(dropped) => dropped.dropped_at,
    }
}

pub(crate) const fn id_of(fate: &Fate<u64>) -> PacketId {
    match fate {
        Fate::Delivered(delivered) => delivered.id,
        Fate::Dropped(dropped) => dropped.id,
    }
}

/// Departures from the bottleneck (time, bytes), in order.
pub(crate) fn departures(fates: &[Fate<u64>]) -> Vec<(Time, u64)> {
    let mut left: Vec<(Time, PacketId, u64)> = fates
        .iter()
        .filter_map(|fate| match fate {
            Fate::Delivered(delivered) if delivered.is_duplicate => None,
            Fate::Delivered(delivered) => {
                Some((delivered.left_bottleneck_at, delivered.id, delivered.size.as_u64()))
            }
            Fate::Dropped(dropped) => {
                dropped.left_bottleneck_at.map(|left_at| (left_at, dropped.id, dropped.size.as_u64()))
            }
        })
        .collect();
    left.sort_unstable();
    left.into_iter().map(|(left_at, _, bytes)| (left_at, bytes)).collect()
}

/// Packets (time, bytes) of all sizes with pauses of up to `pause_us`.
pub(crate) fn arrivals(pause_us: u64, most: usize) -> impl Strategy<Value = Vec<(Time, u64)>> {
    prop::collection::vec((0..=pause_us, 0..2_000u64), 1..most).prop_map(|steps| {
        let mut now = Time::ZERO;
        steps
            .into_iter()
            .map(|(pause, bytes)| {
                now = now + Duration::from_micros(pause);
                (now, bytes)
            })
            .collect()
    })
}

pub(crate) fn bottlenecks() -> impl Strategy<Value = BottleneckLimits> {
    let queues = prop_oneof![
        (1..200u64).prop_map(|millis| QueueLimit::Time(ms(millis))),
        (1..100_000u64).prop_map(|bytes| QueueLimit::Bytes(ByteCount::new(bytes))),
    ];
    (100_000..2_000_000_000u64, queues)
        .prop_map(|(bits, queue)| BottleneckLimits { rate: Bitrate::from_bits_per_sec(bits), queue })
}

/// Profiles with everything that can happen to a packet.
pub(crate) fn profiles() -> impl Strategy<Value = LinkProfile> {
    let share = || (0..=Share::ALL.as_billionths()).prop_map(Share::from_billionths);
    let losses = prop_oneof![
        Just(LossModel::None),
        share().prop_map(LossModel::Random),
        (1..50u64, 1..50u64, share(), share()).prop_map(|(good, bad, loss_in_good, loss_in_bad)| {
            LossModel::Burst(BurstLoss { good: ms(good), bad: ms(bad), loss_in_good, loss_in_bad })
        }),
    ];
    let propagations = (0..100_000u64, 0..20_000u64, any::<bool>(), share(), 0..30_000u64, share()).prop_map(
        |(delay, jitter, jitter_reorders, late, late_by, duplicate)| Propagation {
            delay: Duration::from_micros(delay),
            jitter: Duration::from_micros(jitter),
            jitter_reorders,
            late,
            late_by: Duration::from_micros(late_by),
            duplicate,
        },
    );
    let outages = prop_oneof![
        Just(OutageSchedule::none()),
        (0..50u64, 1..50u64).prop_map(|(at, lasts)| OutageSchedule {
            outages: vec![Outage::new(ms(at), ms(lasts))],
            repeats_every: Some(ms(100)),
        }),
    ];
    (outages, prop::option::of(bottlenecks()), losses, propagations).prop_map(
        |(outages, bottleneck, loss, propagation)| LinkProfile { outages, bottleneck, loss, propagation },
    )
}
