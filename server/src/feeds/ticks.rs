//! Messages made to measure.

use std::sync::Arc;
use std::time::Duration;

use sluice_shared::feed::TicksSpec;
use sluice_shared::ids::Key;
use sluice_shared::time::Time;
use tokio::time::sleep_until;

use crate::clock::Clock;
use crate::hub::FeedInstance;

/// How often the feed looks whether ticks are due, at most: those of one look are published together.
pub(crate) const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// How far behind its schedule the feed catches up; what is further behind moves the schedule instead.
const MOST_CATCH_UP: Duration = Duration::from_millis(250);

/// Publishes ticks for as long as it is polled.
pub(super) async fn run(instance: Arc<FeedInstance>, spec: TicksSpec, clock: Clock) {
    let mut schedule = Schedule::new(spec.rate, clock.now());
    let mut payload = vec![0; spec.size as usize];
    loop {
        let now = clock.now();
        let due = schedule.take_due(now);
        if due.is_empty() {
            sleep_until(clock.instant(schedule.next_at().max(now + SHORTEST_WAIT))).await;
            continue;
        }
        for index in due {
            let tick = Tick::new(&spec, index);
            tick.write_payload(&mut payload);
            if let Err(error) = instance.append(tick.stream, tick.key, clock.now(), &payload) {
                tracing::error!(%error, "the ticks feed made a message that none may be");
                return;
            }
        }
        instance.wake();
        tokio::task::yield_now().await;
    }
}

/// When which tick is due: tick n at `start + n / rate`, counted from the tick that the schedule last moved for.
#[derive(Debug)]
pub(crate) struct Schedule {
    rate: u64,
    start: Time,
    /// The tick that is due at `start`.
    base: u64,
    next: u64,
}

impl Schedule {
    /// Ticks at `rate` a second, the first of them due at `now`.
    pub(crate) fn new(rate: u32, now: Time) -> Self {
        Self { rate: u64::from(rate).max(1), start: now, base: 0, next: 0 }
    }

    /// When the next tick is due.
    pub(crate) fn next_at(&self) -> Time {
        // Rounded up, so that a tick is due when its time has come.
        self.start + Duration::from_micros(((self.next - self.base) * 1_000_000).div_ceil(self.rate))
    }

    /// The ticks that are due, each once.
    pub(crate) fn take_due(&mut self, now: Time) -> std::ops::Range<u64> {
        let late = now.since(self.next_at());
        if late > MOST_CATCH_UP {
            self.start = now;
            self.base = self.next;
        }
        if now < self.next_at() {
            return self.next..self.next;
        }
        let elapsed = u64::try_from(now.since(self.start).as_micros()).unwrap_or(u64::MAX);
        let end = self.base + elapsed.saturating_mul(self.rate) / 1_000_000 + 1;
        let due = self.next..end.max(self.next);
        self.next = due.end;
        due
    }
}

/// The `index`-th message of a feed: everything in it but its time follows from the settings and `index`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tick {
    index: u64,
    /// Which of the feed's streams it goes to.
    pub(crate) stream: usize,
    /// Its key in that stream.
    pub(crate) key: Key,
    value: f64,
    noise: u64,
}

impl Tick {
    /// The message at `index`.
    pub(crate) fn new(spec: &TicksSpec, index: u64) -> Self {
        let streams = u64::from(spec.streams.max(1));
        let noise = mix(spec.seed ^ mix(index));
        let stream = index % streams;
        let key = noise % u64::from(spec.keys.max(1));
        Self {
            index,
            stream: usize::try_from(stream).unwrap_or(0),
            key: Key(u32::try_from(key).unwrap_or(0)),
            value: walk(mix(spec.seed ^ (stream << 32 | key)), index),
            noise,
        }
    }

    /// Fills `payload`: the index and the value, 8 bytes each, little-endian, then noise.
    ///
    /// # Panics
    /// `payload` is shorter than [`TicksSpec::MIN_SIZE`].
    pub(crate) fn write_payload(&self, payload: &mut [u8]) {
        let (index, rest) = payload.split_at_mut(8);
        let (value, noise) = rest.split_at_mut(8);
        index.copy_from_slice(&self.index.to_le_bytes());
        value.copy_from_slice(&self.value.to_le_bytes());
        let mut state = self.noise;
        for chunk in noise.chunks_mut(8) {
            state = mix(state);
            chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A path around 0 that wanders like a random walk, but whose every point can be computed by itself: noise on lattices
/// of 16 to 4,096 ticks, each lattice twice as strong as the one four times as fine, joined by straight lines.
fn walk(seed: u64, index: u64) -> f64 {
    (0..5u32)
        .map(|octave| {
            let period = 16u64 << (2 * octave);
            let (cell, within) = (index / period, index % period);
            let at = |cell: u64| signed_unit(mix(seed ^ mix(cell ^ u64::from(octave) << 56)));
            let share = within as f64 / period as f64;
            let (from, to) = (at(cell), at(cell.wrapping_add(1)));
            f64::from(1u32 << octave) * (from + (to - from) * share)
        })
        .sum()
}

/// A number of −1 to 1 from a random word.
fn signed_unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// The finaliser of splitmix64: a bijection whose outputs look random.
fn mix(word: u64) -> u64 {
    let mut word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_follows_from_the_seed_and_its_index() {
        let spec = TicksSpec { size: 29, ..TicksSpec::default() };
        let tick = Tick::new(&spec, 12_345);
        assert_eq!(tick, Tick::new(&spec, 12_345));
        assert_ne!(tick.value, Tick::new(&TicksSpec { seed: 8, ..spec }, 12_345).value);
        let (mut a, mut b) = (vec![0; 29], vec![0xff; 29]);
        tick.write_payload(&mut a);
        tick.write_payload(&mut b);
        assert_eq!(a, b);
        assert_eq!(a[..8], 12_345u64.to_le_bytes());
        assert_eq!(a[8..16], tick.value.to_le_bytes());
    }

    #[test]
    fn streams_take_turns_and_keys_stay_in_range() {
        let spec = TicksSpec { streams: 3, keys: 4, ..TicksSpec::default() };
        for index in 0..1_000 {
            let tick = Tick::new(&spec, index);
            assert_eq!(tick.stream as u64, index % 3);
            assert!(tick.key.0 < 4);
        }
    }

    #[test]
    fn a_walk_has_no_jumps() {
        let values: Vec<f64> = (0..20_000).map(|index| walk(7, index)).collect();
        // The steepest line of each lattice: strength · 2 / period, over all lattices.
        let steepest: f64 =
            (0..5).map(|octave| 2.0 * f64::from(1 << octave) / f64::from(16 << (2 * octave))).sum();
        assert!(values.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= steepest));
        assert!(values.iter().any(|value| value.abs() > 2.0));
    }

    #[test]
    fn every_tick_is_due_once_at_its_time() {
        let mut schedule = Schedule::new(400, Time::from_millis(5));
        assert_eq!(schedule.take_due(Time::from_millis(5)), 0..1);
        assert!(schedule.take_due(Time::from_micros(7_499)).is_empty());
        assert_eq!(schedule.take_due(Time::from_micros(7_500)), 1..2);
        assert_eq!(schedule.take_due(Time::from_millis(105)), 2..41);
        assert_eq!(schedule.next_at(), Time::from_micros(107_500));
    }

    #[test]
    fn a_schedule_that_is_far_behind_moves_and_skips_no_tick() {
        let mut schedule = Schedule::new(1_000, Time::ZERO);
        assert_eq!(schedule.take_due(Time::from_millis(10)), 0..11);
        assert_eq!(schedule.take_due(Time::from_millis(10_000)), 11..12);
        assert_eq!(schedule.take_due(Time::from_millis(10_001)), 12..13);
    }
}
