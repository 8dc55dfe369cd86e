//! All statistics of a lane.
//! Filled by the driver and its session events, read by `report`. Memory is bounded, whatever the rate of the
//! feed.

use core::time::Duration;

use sluice_shared::feed::{FeedSpec, HostSample};
use sluice_shared::ids::StreamId;
use sluice_shared::session::Delivered;
use sluice_shared::time::{Time, micros};
use sluice_shared::units::Amount;
use sluice_shared::wire::{GapReason, GapReport, StreamInfo};

use super::ages::Parts;
use super::columns::Columns;
use super::connection_timeline::ConnectionTimeline;
use super::delivery_gaps::DeliveryGaps;
use super::dots::DotSampler;
use super::epoch::EpochRecorder;
use super::gaps::Gaps;
use super::notes::Notes;
use super::rates::LastSecond;
use super::ring::Ring;
use super::stalls::Stalls;
use sluice_bridge::{AgeColumn, DeliveryGap, Dot, EpochStats, HostReading, Level, Report, SkippedRun};

/// Statistics of consumed messages, their latency, and losses.
#[derive(Debug)]
pub(crate) struct LaneStats {
    pub(crate) notes: Notes,
    pub(crate) timeline: ConnectionTimeline,
    epoch: EpochRecorder,
    columns: Columns,
    dots: DotSampler,
    stalls: Stalls,
    delivery_gaps: DeliveryGaps,
    gaps: Gaps,
    host: Ring<HostReading>,
    host_streams: Vec<StreamId>,
    consumed: Amount,
    messages: LastSecond,
    bytes: LastSecond,
    busy_micros: LastSecond,
    occupied_micros: LastSecond,
    /// Time since which rates are measured.
    rates_since: Option<Time>,
    lost: u64,
    reconnects: u64,
    stall_noted_at: Option<Time>,
}

/// Times at which a message passed through the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConsumptionTimes {
    /// Time at which the consumer took it.
    pub(crate) taken_at: Time,
    /// Time at which the consumer completed it.
    pub(crate) consumed_at: Time,
}

/// Totals of a [`LaneStats`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Totals {
    pub(crate) consumed: Amount,
    pub(crate) consumed_per_second: Option<Amount>,
    pub(crate) gaps: [u64; GapReason::ALL.len()],
    pub(crate) newest_gap: Option<SkippedRun>,
    pub(crate) lost: u64,
    pub(crate) reconnects: u64,
    pub(crate) stalls: u64,
    pub(crate) busy: f32,
    pub(crate) occupancy: Option<f32>,
}

impl LaneStats {
    const STALL_NOTE_EVERY: Duration = Duration::from_secs(1);
    /// Time before the first rate: one second, and the slot by which [`LastSecond`] lags.
    const FIRST_RATE_AFTER: Duration = Duration::from_millis(1_100);

    /// Creates empty statistics.
    pub(crate) fn new() -> Self {
        Self {
            notes: Notes::new(),
            timeline: ConnectionTimeline::new(),
            epoch: EpochRecorder::new(),
            columns: Columns::new(),
            dots: DotSampler::new(),
            stalls: Stalls::default(),
            delivery_gaps: DeliveryGaps::new(),
            gaps: Gaps::default(),
            host: Ring::new(Report::MAX_HOST),
            host_streams: Vec::new(),
            consumed: Amount::ZERO,
            messages: LastSecond::default(),
            bytes: LastSecond::default(),
            busy_micros: LastSecond::default(),
            occupied_micros: LastSecond::default(),
            rates_since: None,
            lost: 0,
            reconnects: 0,
            stall_noted_at: None,
        }
    }

    /// Discards all measurements; subscriptions and pending log messages stay.
    pub(crate) fn clear(&mut self) {
        self.epoch.clear();
        self.columns.clear();
        self.dots.clear();
        self.host.clear();
        self.timeline.clear();
        self.stalls = Stalls::default();
        self.delivery_gaps = DeliveryGaps::new();
        self.gaps = Gaps::default();
        self.messages = LastSecond::default();
        self.bytes = LastSecond::default();
        self.occupied_micros = LastSecond::default();
        self.rates_since = None;
        self.consumed = Amount::ZERO;
        (self.lost, self.reconnects) = (0, 0);
    }

    /// Begins an epoch, whose counts start at zero.
    pub(crate) fn begin_epoch(&mut self, number: u32, since: Time) {
        self.epoch.begin(number, since);
    }

    /// Records which streams carry host readings.
    pub(crate) fn handle_streams(&mut self, streams: &[StreamInfo]) {
        self.host_streams.clear();
        self.host_streams
            .extend(streams.iter().filter(|info| info.feed == FeedSpec::Host).map(|info| info.id));
    }

    /// Counts a consumed message. `offset_micros` is the server's clock minus the local one; while it is
    /// unknown, the message has no latency and counts only in the totals.
    pub(crate) fn record(
        &mut self,
        message: &Delivered,
        passage: ConsumptionTimes,
        offset_micros: Option<i64>,
    ) {
        let ConsumptionTimes { taken_at, consumed_at } = passage;
        self.consumed += Amount::one(message.bytes);
        self.messages.add(1, consumed_at);
        self.bytes.add(message.bytes, consumed_at);
        self.occupied_micros.add_span(taken_at, consumed_at);
        self.epoch.record_consumed(message.bytes);
        self.timeline.handle_consumed(message.header.produced_at, consumed_at);
        let local = |server: Time, offset: i64| server.shifted_by_micros(offset.saturating_neg());
        let published_at = offset_micros.map(|offset| local(message.header.produced_at, offset));
        self.delivery_gaps.handle_arrival(published_at, message.received_at);
        let Some(offset) = offset_micros else { return };
        let (produced_at, sent_at) =
            (local(message.header.produced_at, offset), local(message.sent_at, offset));
        let parts = Parts {
            total: consumed_at.since(produced_at),
            at_server: sent_at.since(produced_at),
            in_transit: message.received_at.since(sent_at),
            in_inbox: consumed_at.since(message.received_at),
        };
        self.epoch.record_latency(parts, produced_at, consumed_at);
        self.columns.record(parts.total_micros(), consumed_at);
        self.record_stall(parts.total, consumed_at);
        let dot = Dot {
            stream: message.header.stream.0,
            seq: message.header.seq.0,
            produced_at,
            sent_at,
            received_at: message.received_at,
            taken_at,
            consumed_at,
        };
        let per_second = self.messages.sum(consumed_at);
        self.dots.offer(dot, per_second);
        if self.host_streams.contains(&message.header.stream)
            && let Ok(sample) = postcard::from_bytes::<HostSample>(&message.payload)
        {
            self.host.push(HostReading { produced_at, consumed_at, sample });
        }
    }

    fn record_stall(&mut self, age: Duration, now: Time) {
        let Some(silence) = self.stalls.handle_consumed(age, now) else { return };
        self.columns.record_stall(now);
        self.epoch.record_stall();
        if self.stall_noted_at.is_none_or(|at| now.since(at) >= Self::STALL_NOTE_EVERY) {
            self.stall_noted_at = Some(now);
            let text =
                format!("Nothing was consumed for {} ms although messages waited.", silence.as_millis());
            self.notes.push(Level::Warning, text, now);
        }
    }

    /// Counts skipped messages with their reason; `messages` of them were not known before.
    pub(crate) fn record_gap(&mut self, report: &GapReport, messages: u64, now: Time) {
        self.gaps.record(report, messages);
        self.epoch.record_gap(report.reason, messages);
        self.delivery_gaps.handle_left_out(messages);
        self.columns.record_gap(messages, now);
    }

    /// Counts messages that were lost without a report.
    pub(crate) fn record_lost(&mut self, messages: u64, now: Time) {
        self.lost += messages;
        self.epoch.record_lost(messages);
        self.delivery_gaps.handle_lost(messages);
        self.notes.push(Level::Error, format!("{messages} messages never came, and nothing tells why."), now);
    }

    /// Counts messages that were lost because the session started over.
    pub(crate) fn record_missed(&mut self, messages: u64, now: Time) {
        self.lost += messages;
        self.epoch.record_lost(messages);
        self.delivery_gaps.handle_lost(messages);
        self.timeline.handle_missed_messages(messages);
        self.columns.record_gap(messages, now);
        self.notes.push(Level::Error, format!("Starting over has cost {messages} messages."), now);
    }

    /// Counts a reconnection. The epoch counts it only if it was caused by a loss, not by a setting.
    pub(crate) fn record_reconnect(&mut self) {
        self.reconnects += 1;
        if self.timeline.is_lost() {
            self.epoch.record_reconnect();
        }
    }

    /// Records time for which the thread was busy, up to `now`.
    pub(crate) fn record_busy(&mut self, span: Duration, now: Time) {
        self.busy_micros.add(micros(span), now);
    }

    /// Returns totals and rates; the consumer has held a message since `in_hand_since`.
    pub(crate) fn totals(&mut self, in_hand_since: Option<Time>, now: Time) -> Totals {
        let since = *self.rates_since.get_or_insert(now);
        let has_rates = now.since(since) >= Self::FIRST_RATE_AFTER;
        let consumed_per_second = Amount::new(self.messages.sum(now), self.bytes.sum(now));
        Totals {
            consumed: self.consumed,
            consumed_per_second: has_rates.then_some(consumed_per_second),
            occupancy: has_rates.then(|| self.occupancy(in_hand_since, now)),
            gaps: self.gaps.counts(),
            newest_gap: self.gaps.newest(),
            lost: self.lost,
            reconnects: self.reconnects,
            stalls: self.stalls.count(),
            busy: (self.busy_micros.sum(now) as f32 / 1e6).min(1.0),
        }
    }

    fn occupancy(&self, in_hand_since: Option<Time>, now: Time) -> f32 {
        let mut occupied = self.occupied_micros.clone();
        if let Some(since) = in_hand_since {
            occupied.add_span(since, now);
        }
        let share = occupied.sum(now) as f32 / 1e6;
        debug_assert!(share < 1.001, "a consumer holds one message at a time: {share}");
        share.min(1.0)
    }

    /// Returns the time of the last arrival.
    pub(crate) const fn last_arrival(&self) -> Option<Time> {
        self.delivery_gaps.last_arrival()
    }

    /// Returns the newest delivery gaps, and the time since which they are complete.
    pub(crate) fn delivery_gaps(&self) -> (Vec<DeliveryGap>, Option<Time>) {
        (self.delivery_gaps.kept(), self.delivery_gaps.since())
    }

    /// Returns the statistics of the epoch, without the session's duplicates.
    pub(crate) fn epoch(&mut self, now: Time) -> EpochStats {
        self.epoch.stats(now)
    }

    /// Takes the columns that changed since the last call.
    pub(crate) fn take_columns(&mut self) -> Vec<AgeColumn> {
        self.columns.take_changed()
    }

    /// Takes the sample of messages since the last call.
    pub(crate) fn take_dots(&mut self) -> Vec<Dot> {
        self.dots.take()
    }

    /// Takes the host readings since the last call.
    pub(crate) fn take_host(&mut self) -> Vec<HostReading> {
        self.host.take_all()
    }

    /// Takes the notes since the last call.
    pub(crate) fn take_notes(&mut self, now: Time) -> Vec<sluice_bridge::Note> {
        self.gaps.note(&mut self.notes, now);
        self.notes.take()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sluice_shared::ids::{Epoch, Key, Seq};
    use sluice_shared::wire::MessageHeader;

    use super::*;

    /// Server's clock minus the local one: 5 s, in microseconds.
    const OFFSET: i64 = 5_000_000;

    fn message(stream: u32, seq: u64, produced_ms: u64, payload: Vec<u8>) -> Delivered {
        Delivered {
            header: MessageHeader {
                stream: StreamId(stream),
                seq: Seq(seq),
                key: Key(0),
                produced_at: Time::from_millis(produced_ms + 5_000),
            },
            payload: Bytes::from(payload),
            bytes: 100,
            sent_at: Time::from_millis(produced_ms + 5_003),
            received_at: Time::from_millis(produced_ms + 10),
            epoch: Epoch(1),
        }
    }

    fn passage(taken_ms: u64, consumed_ms: u64) -> ConsumptionTimes {
        ConsumptionTimes {
            taken_at: Time::from_millis(taken_ms),
            consumed_at: Time::from_millis(consumed_ms),
        }
    }

    #[test]
    fn an_age_is_split_at_the_hops() {
        let mut stats = LaneStats::new();
        stats.record(&message(1, 0, 10_000, vec![]), passage(10_012, 10_030), Some(OFFSET));
        let reported = stats.epoch(Time::from_millis(10_030));
        let parts = [
            reported.latency,
            reported.latency_at_server,
            reported.latency_in_transit,
            reported.latency_in_inbox,
        ];
        assert_eq!(parts.map(|ages| ages.max), [30_000, 3_000, 7_000, 20_000]);
        let dots = stats.take_dots();
        assert_eq!(dots.len(), 1);
        assert_eq!(dots[0].produced_at, Time::from_millis(10_000));
        assert_eq!(dots[0].sent_at, Time::from_millis(10_003));
    }

    #[test]
    fn a_message_before_the_first_heartbeat_has_no_age() {
        let mut stats = LaneStats::new();
        stats.record(&message(1, 0, 10_000, vec![]), passage(10_012, 10_030), None);
        assert_eq!(stats.totals(None, Time::from_millis(10_031)).consumed, Amount::one(100));
        assert_eq!(stats.epoch(Time::from_millis(10_030)).latency.count, 0);
        assert!(stats.take_columns().is_empty());
    }

    #[test]
    fn a_clock_that_is_a_little_off_makes_no_negative_age() {
        let mut stats = LaneStats::new();
        stats.record(&message(1, 0, 10_000, vec![]), passage(10_012, 10_030), Some(OFFSET - 900_000));
        let reported = stats.epoch(Time::from_millis(10_030));
        assert_eq!((reported.latency.max, reported.latency_in_transit.max), (0, 0));
    }

    #[test]
    fn host_readings_are_distinguished_from_other_messages() {
        let mut stats = LaneStats::new();
        let info = StreamInfo { id: StreamId(7), feed: FeedSpec::Host, name: "host".into(), next: Seq(0) };
        stats.handle_streams(&[info]);
        let sample = HostSample { cpu: 0.5, ..HostSample::default() };
        let payload = postcard::to_allocvec(&sample).expect("a sample has a postcard form");
        stats.record(&message(1, 0, 10_000, payload.clone()), passage(10_012, 10_030), Some(OFFSET));
        stats.record(&message(7, 0, 10_000, payload), passage(10_012, 10_031), Some(OFFSET));
        stats.record(&message(7, 1, 10_000, vec![1]), passage(10_012, 10_032), Some(OFFSET));
        let host = stats.take_host();
        assert_eq!(host.len(), 1);
        assert_eq!((host[0].sample, host[0].consumed_at), (sample, Time::from_millis(10_031)));
    }

    #[test]
    fn clearing_forgets_measurements_and_keeps_the_subscription() {
        let mut stats = LaneStats::new();
        let info = StreamInfo { id: StreamId(7), feed: FeedSpec::Host, name: "host".into(), next: Seq(0) };
        stats.handle_streams(&[info]);
        stats.record(&message(1, 0, 10_000, vec![]), passage(10_012, 10_030), Some(OFFSET));
        let gap = GapReport { stream: StreamId(1), reason: GapReason::Network, ranges: Vec::new() };
        stats.record_gap(&gap, 3, Time::from_millis(10_030));
        stats.record_reconnect();
        stats.clear();
        let totals = stats.totals(None, Time::from_millis(10_040));
        assert_eq!((totals.consumed, totals.reconnects, totals.gaps), (Amount::ZERO, 0, [0; 7]));
        assert!(stats.take_columns().is_empty() && stats.take_dots().is_empty());
        assert_eq!(stats.host_streams, [StreamId(7)]);
    }

    #[test]
    fn a_consumer_that_sleeps_for_each_message_is_occupied_without_keeping_the_thread() {
        let mut stats = LaneStats::new();
        stats.totals(None, Time::from_millis(10_000));
        for step in 0..60 {
            let taken = 10_000 + step * 50;
            stats.record(&message(1, step, taken, vec![]), passage(taken, taken + 50), Some(OFFSET));
        }
        let saturated = stats.totals(Some(Time::from_millis(13_000)), Time::from_millis(13_030));
        assert_eq!((saturated.occupancy, saturated.busy), (Some(1.0), 0.0));
        let half = stats.totals(None, Time::from_millis(13_500));
        assert_eq!(half.occupancy, Some(0.5));
    }

    #[test]
    fn a_rate_is_unknown_before_a_whole_second() {
        let mut stats = LaneStats::new();
        stats.record(&message(1, 0, 10_000, vec![]), passage(10_012, 10_030), Some(OFFSET));
        let early = stats.totals(None, Time::from_millis(10_040));
        assert_eq!((early.consumed_per_second, early.occupancy), (None, None));
        let later = stats.totals(None, Time::from_millis(12_000));
        assert_eq!(later.consumed_per_second, Some(Amount::ZERO));
    }

    #[test]
    fn a_connection_that_a_setting_asked_for_is_no_reconnect_of_the_epoch() {
        let mut stats = LaneStats::new();
        stats.begin_epoch(1, Time::from_millis(10_000));
        stats.record_reconnect();
        assert_eq!(stats.epoch(Time::from_millis(10_001)).reconnects, 0);
        stats.timeline.handle_lost(
            sluice_bridge::ConnectionEventKind::Lost,
            Time::from_millis(10_100),
            Time::from_millis(10_200),
        );
        stats.record_reconnect();
        assert_eq!(stats.epoch(Time::from_millis(10_300)).reconnects, 1);
        assert_eq!(stats.totals(None, Time::from_millis(10_300)).reconnects, 2);
    }
}
