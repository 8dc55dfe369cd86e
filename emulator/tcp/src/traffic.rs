//! Traffic to measure a connection with, the same over this model and over any other TCP.
//!
//! A [`Flow`] knows no connection and no clock: it says when a message is due and how many bytes are to be written, and
//! is told what was written and what arrived. [`measure`] runs flows over a [`Pair`] in virtual time.

use core::time::Duration;
use std::collections::VecDeque;

use sluice_link::Counters;
use sluice_shared::link::NetworkProfile;
use sluice_shared::time::{Time, micros};

use crate::config::Config;
use crate::pair::{Pair, Side};

/// What is sent over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// 200 messages of 200 bytes a second from the server, each up to 2 ms late as applications are: at an exact pace,
    /// acknowledgments of round trips that are multiples of it would always come at the moment of the next message.
    OneWayTicks,
    /// The same from both ends at once.
    TwoWayTicks,
    /// 64 KiB from the server every 700 ms.
    Bursts,
    /// As much as goes, from the server.
    Bulk,
}

impl Traffic {
    /// Each kind.
    pub const ALL: [Self; 4] = [Self::OneWayTicks, Self::TwoWayTicks, Self::Bursts, Self::Bulk];
    /// Time from the end of the handshake to the first message.
    pub const LEAD: Duration = Duration::from_millis(100);
    /// How long after the last message late ones are waited for.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// The name used in data files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneWayTicks => "one-way ticks",
            Self::TwoWayTicks => "two-way ticks",
            Self::Bursts => "bursts",
            Self::Bulk => "bulk",
        }
    }

    /// The flows of this traffic from `start` on for `span`, each with the side that sends it.
    pub fn flows(self, start: Time, span: Duration) -> Vec<(Side, Flow)> {
        const TICK: Pace = Pace {
            message_bytes: 200,
            interval: Duration::from_millis(5),
            irregularity: Duration::from_millis(2),
        };
        const BURST: Pace = Pace {
            message_bytes: 65_536,
            interval: Duration::from_millis(700),
            irregularity: Duration::ZERO,
        };
        let paced = |pace, side| (side, Flow::paced(pace, side as u64, start, span));
        match self {
            Self::OneWayTicks => vec![paced(TICK, Side::Server)],
            Self::TwoWayTicks => vec![paced(TICK, Side::Server), paced(TICK, Side::Client)],
            Self::Bursts => vec![paced(BURST, Side::Server)],
            Self::Bulk => vec![(Side::Server, Flow::endless(start, span))],
        }
    }
}

/// When messages of what size are produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes of each message, at least 1.
    pub message_bytes: usize,
    /// Time between messages, more than zero.
    pub interval: Duration,
    /// Each message is up to this much late, evenly distributed.
    pub irregularity: Duration,
}

impl Pace {
    /// How late message `index` is in flow `flow`: a whole number of microseconds, the same every time.
    fn lateness(&self, flow: u64, index: u64) -> Duration {
        // Splitmix64's output function.
        let word = (index << 8 | flow).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let most = micros(self.irregularity).saturating_add(1);
        Duration::from_micros((word ^ (word >> 31)) % most)
    }
}

/// One direction of traffic, and the time that each of its messages took.
#[derive(Clone, Debug)]
pub struct Flow {
    start: Time,
    end: Time,
    kind: Kind,
    unwritten_bytes: usize,
    /// When each message that has not arrived in full was produced.
    under_way: VecDeque<Time>,
    /// Bytes that arrived of the oldest of those.
    partial_bytes: usize,
    received_bytes: u64,
    times: Vec<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Paced { pace: Pace, number: u64, next_index: u64 },
    Endless,
}

impl Flow {
    /// What an endless flow offers at a time, in bytes.
    const CHUNK: usize = 65_536;

    /// Messages at `pace` from `start` on and before `start + span`; `number` tells the flows of a connection apart.
    pub fn paced(pace: Pace, number: u64, start: Time, span: Duration) -> Self {
        Self::new(start, span, Kind::Paced { pace, number, next_index: 0 })
    }

    /// Always something to write between `start` and `start + span`; only what arrives by then counts.
    pub fn endless(start: Time, span: Duration) -> Self {
        Self::new(start, span, Kind::Endless)
    }

    fn new(start: Time, span: Duration, kind: Kind) -> Self {
        Self {
            start,
            end: start + span,
            kind,
            unwritten_bytes: 0,
            under_way: VecDeque::new(),
            partial_bytes: 0,
            received_bytes: 0,
            times: Vec::new(),
        }
    }

    /// When [`Self::produce`] should be called next; `None` when nothing more will be produced.
    pub fn next_due(&self) -> Option<Time> {
        let Kind::Paced { pace, number, next_index } = self.kind else { return None };
        let due = self.start + Duration::from_micros(micros(pace.interval).max(1).saturating_mul(next_index));
        (due < self.end).then(|| due + pace.lateness(number, next_index))
    }

    /// Produces every message that is due by `now`; its time counts from `now`.
    pub fn produce(&mut self, now: Time) {
        while self.next_due().is_some_and(|due| due <= now) {
            if let Kind::Paced { pace, next_index, .. } = &mut self.kind {
                *next_index += 1;
                self.unwritten_bytes += pace.message_bytes;
                self.under_way.push_back(now);
            }
        }
    }

    /// How many bytes, of any content, should be written at `now`.
    pub fn unwritten_bytes(&self, now: Time) -> usize {
        match self.kind {
            Kind::Paced { .. } => self.unwritten_bytes,
            Kind::Endless if self.start <= now && now < self.end => Self::CHUNK,
            Kind::Endless => 0,
        }
    }

    /// The connection took `bytes` of what should be written.
    pub fn on_written(&mut self, bytes: usize) {
        self.unwritten_bytes = self.unwritten_bytes.saturating_sub(bytes);
    }

    /// `bytes` arrived, and the receiver had them at `now`.
    pub fn on_received(&mut self, bytes: usize, now: Time) {
        if matches!(self.kind, Kind::Paced { .. }) || now <= self.end {
            self.received_bytes += bytes as u64;
        }
        let Kind::Paced { pace, .. } = self.kind else { return };
        self.partial_bytes += bytes;
        while self.partial_bytes >= pace.message_bytes {
            let Some(produced_at) = self.under_way.pop_front() else { return };
            self.partial_bytes -= pace.message_bytes;
            self.times.push(now.since(produced_at));
        }
    }

    /// Whether there is nothing left to produce or to wait for.
    pub fn is_finished(&self, now: Time) -> bool {
        now >= self.end && self.next_due().is_none() && self.under_way.is_empty()
    }

    /// The time from producing to receiving of each message that arrived in full.
    pub fn times(&self) -> &[Duration] {
        &self.times
    }

    /// How many messages have not arrived in full.
    pub fn missing(&self) -> usize {
        self.under_way.len()
    }

    /// Bytes that arrived, of an endless flow by its end.
    pub const fn received_bytes(&self) -> u64 {
        self.received_bytes
    }
}

/// What came of traffic over a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// What each message took beyond the one-way delay, sorted; of all flows together.
    pub delays: Vec<Duration>,
    /// Messages that did not arrive in time.
    pub missing: usize,
    /// Bytes a second that arrived, of all flows together, in Mbit/s.
    pub goodput_mbit_per_sec: f64,
    /// Packets that reached the loss stage of either link, acknowledgments included.
    pub packets: u64,
    /// Those that were lost there.
    pub lost: u64,
}

impl Measured {
    /// Judges flows after `span` on a network, whose links are at `links`.
    pub fn of<'a>(
        flows: impl IntoIterator<Item = &'a Flow>,
        network: &NetworkProfile,
        span: Duration,
        links: impl IntoIterator<Item = &'a Counters>,
    ) -> Self {
        let one_way = network.down.propagation.delay;
        let mut measured = Self::default();
        let mut bytes = 0;
        for flow in flows {
            measured.delays.extend(flow.times().iter().map(|time| time.saturating_sub(one_way)));
            measured.missing += flow.missing();
            bytes += flow.received_bytes();
        }
        measured.delays.sort_unstable();
        measured.goodput_mbit_per_sec = bytes as f64 * 8.0 / micros(span).max(1) as f64;
        for link in links {
            let lost = link.lost_at_random.packets + link.lost_in_bursts.packets;
            measured.lost += lost;
            measured.packets += lost + link.passed.packets;
        }
        measured
    }
}

/// The value at `probability` (0 to 1) of sorted delays in milliseconds, by the nearest rank; 0 without any.
pub fn quantile_millis(sorted: &[Duration], probability: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let rank = (last as f64 * probability.clamp(0.0, 1.0)).round();
    // Exact for every length that fits into memory's 2⁵³ elements.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `last`")]
    let index = rank as usize;
    sorted.get(index).map_or(0.0, |delay| delay.as_secs_f64() * 1e3)
}

/// The network as a machine's own sockets would meet it: without jitter of its own, each way takes up to 0.1 ms longer.
///
/// In virtual time a round trip would repeat itself to the microsecond, which no path does, and on which the least round
/// trip of BBR depends: it grows old only where the same is not met again.
pub fn as_by_a_machine(mut network: NetworkProfile) -> NetworkProfile {
    for link in [&mut network.up, &mut network.down] {
        link.propagation.jitter = link.propagation.jitter.max(Duration::from_micros(100));
    }
    network
}

/// Sends `traffic` for `span` over a new connection, in virtual time; `None` when its handshake never ends.
pub fn measure(
    config: Config,
    network: &NetworkProfile,
    seed: u64,
    traffic: Traffic,
    span: Duration,
) -> Option<Measured> {
    let mut pair = Pair::new(config, network, seed);
    let deadline = pair.now() + config.max_rto * 2;
    while !(pair.endpoint(Side::Server).is_established() && pair.endpoint(Side::Client).is_established()) {
        if !pair.advance(deadline) {
            return None;
        }
    }
    let start = pair.now() + Traffic::LEAD;
    let end = start + span;
    let give_up_at = end + Traffic::PATIENCE;
    let mut flows = traffic.flows(start, span);
    loop {
        let now = pair.now();
        for (from, flow) in &mut flows {
            flow.produce(now);
            exchange(&mut pair, *from, flow);
        }
        if now >= give_up_at || flows.iter().all(|(_, flow)| flow.is_finished(now)) {
            break;
        }
        let due = flows.iter().filter_map(|(_, flow)| flow.next_due()).min();
        let next_edge = [start, end, give_up_at].into_iter().find(|edge| *edge > now);
        let until = due.into_iter().chain(next_edge).min().unwrap_or(give_up_at);
        pair.advance(until);
    }
    let counters = [*pair.link_mut(Side::Client).counters(), *pair.link_mut(Side::Server).counters()];
    Some(Measured::of(flows.iter().map(|(_, flow)| flow), network, span, &counters))
}

/// Reads what arrived of `flow`, and writes what the connection takes.
fn exchange(pair: &mut Pair, from: Side, flow: &mut Flow) {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    let now = pair.now();
    while let Some(data) = pair.read(from.other(), 65_536) {
        flow.on_received(data.len(), now);
    }
    loop {
        let wanted = flow.unwritten_bytes(now).min(ZEROS.len());
        let taken = pair.write(from, &ZEROS[..wanted]).unwrap_or(0);
        if taken == 0 {
            return;
        }
        flow.on_written(taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_message_takes_until_its_last_byte() {
        let pace = Pace { message_bytes: 10, interval: MILLISECOND, irregularity: Duration::ZERO };
        let mut flow = Flow::paced(pace, 0, Time::ZERO, MILLISECOND * 2);
        flow.produce(Time::ZERO);
        flow.produce(Time::from_millis(1));
        flow.produce(Time::from_millis(2));
        assert_eq!((flow.next_due(), flow.unwritten_bytes(Time::ZERO)), (None, 20));
        flow.on_written(20);
        flow.on_received(9, Time::from_millis(3));
        assert_eq!((flow.times(), flow.missing()), (&[][..], 2));
        flow.on_received(11, Time::from_millis(7));
        assert_eq!(flow.times(), [MILLISECOND * 7, MILLISECOND * 6]);
        assert!(flow.is_finished(Time::from_millis(7)));
    }

    #[test]
    fn messages_are_irregular_within_bounds_and_the_same_every_time() {
        let pace = Pace { message_bytes: 1, interval: MILLISECOND * 5, irregularity: MILLISECOND * 2 };
        let lateness = |flow| (0..1_000).map(|index| pace.lateness(flow, index)).collect::<Vec<_>>();
        let (first, second) = (lateness(0), lateness(1));
        assert_eq!(first, lateness(0));
        assert_ne!(first, second);
        assert!(first.iter().all(|late| *late <= MILLISECOND * 2));
        let mean_micros = first.iter().map(|late| micros(*late)).sum::<u64>() / 1_000;
        // 3 standard errors: 577 µs ÷ √1000.
        assert!((945..=1_055).contains(&mean_micros), "{mean_micros}");
    }

    #[test]
    fn an_endless_flow_counts_what_arrives_in_its_time() {
        let mut flow = Flow::endless(Time::from_millis(1), MILLISECOND);
        assert_eq!(
            (flow.unwritten_bytes(Time::ZERO), flow.unwritten_bytes(Time::from_millis(1))),
            (0, 65_536)
        );
        flow.on_received(7, Time::from_millis(2));
        flow.on_received(7, Time::from_millis(3));
        assert_eq!(flow.received_bytes(), 7);
        assert!(!flow.is_finished(Time::from_millis(1)) && flow.is_finished(Time::from_millis(2)));
    }

    #[test]
    fn a_clean_network_adds_nothing_to_ticks() {
        let link = sluice_shared::link::LinkProfile::delayed(MILLISECOND * 10);
        let network = NetworkProfile::symmetric(link);
        let span = Duration::from_secs(2);
        let measured =
            measure(Config::default(), &network, 1, Traffic::TwoWayTicks, span).expect("nothing is lost");
        assert_eq!((measured.delays.len(), measured.missing, measured.lost), (800, 0, 0));
        assert_eq!(quantile_millis(&measured.delays, 1.0), 0.0);
    }
}
