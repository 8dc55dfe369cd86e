//! What the runs of a probe had in common.

use std::collections::BTreeMap;

use sluice_shared::handshake::{
    Case, EarlyData, HandshakeRequest, Probe, ProbeReport, RoundTrips, Spread, Stack, Stop,
};
use sluice_shared::link::Direction;
use sluice_shared::time::{Time, micros};
use sluice_wire::SightFate;

use super::attempt::Attempt;
use super::count::RoundTripCount;
use super::run::SMALL_CAP;
use super::tls_stream::Early;

/// Above this round trip timers fire before answers come (QUIC's first probe timeout is 1 s, TCP's as well), ms.
const TIMERS_FIRE_ABOVE_MS: f64 = 900.0;

/// The runs of one probe, as they come in.
#[derive(Debug, Default)]
pub(super) struct Summary {
    runs: u32,
    completed: u32,
    secure: Vec<u64>,
    first_byte: Vec<u64>,
    secure_round_trips: RoundTrips,
    first_byte_round_trips: RoundTrips,
    /// Bytes and packets of each run, up and down.
    bytes: [Vec<u64>; 2],
    packets: [Vec<u64>; 2],
    early: EarlyData,
    requests: u32,
    answered_early: u32,
    too_early: u32,
    effects: u32,
    stops: BTreeMap<String, Vec<u64>>,
    has_dropped: bool,
    ladder_packets: Option<u32>,
}

impl Summary {
    /// Takes one more run in.
    pub(super) fn add(&mut self, attempt: &Attempt) {
        let since = |at: Time| micros(at.since(attempt.began));
        let count = RoundTripCount::of(&attempt.sights);
        self.runs += 1;
        if let Some(at) = attempt.secure_at {
            self.secure.push(since(at));
            self.secure_round_trips.add(count.until(at));
        }
        let until = match attempt.first_byte_at {
            Some(at) => {
                self.completed += 1;
                self.first_byte.push(since(at));
                self.first_byte_round_trips.add(count.until(at));
                at
            }
            None => attempt.stop.as_ref().map_or(Time::ZERO, |(_, at)| *at),
        };
        for (way, direction) in Direction::BOTH.into_iter().enumerate() {
            let sent = attempt
                .sights
                .iter()
                .filter(|sight| sight.direction == direction && sight.sent_at < until)
                .map(|sight| u64::from(sight.bytes));
            let (packets, bytes) = sent.fold((0, 0), |(packets, sum), bytes| (packets + 1, sum + bytes));
            if let (Some(all_bytes), Some(all_packets)) = (self.bytes.get_mut(way), self.packets.get_mut(way))
            {
                all_bytes.push(bytes);
                all_packets.push(packets);
            }
        }
        match attempt.early {
            Early::None => {}
            Early::Offered => self.early.offered += 1,
            Early::Accepted => {
                self.early.offered += 1;
                self.early.accepted += 1;
            }
            Early::Rejected => {
                self.early.offered += 1;
                self.early.rejected += 1;
            }
        }
        self.requests += attempt.requests;
        self.answered_early += attempt.answered_early;
        self.too_early += attempt.too_early;
        self.effects += attempt.effects;
        if let Some((words, at)) = &attempt.stop {
            self.stops.entry(words.clone()).or_default().push(since(*at));
        }
        self.has_dropped |=
            attempt.sights.iter().any(|sight| matches!(sight.fate, Some(SightFate::Dropped(..))));
        let packets = u32::try_from(attempt.sights.len()).unwrap_or(u32::MAX);
        self.ladder_packets.get_or_insert(packets);
    }

    /// The report of `probe` under `request`.
    pub(super) fn report(self, probe: Probe, request: &HandshakeRequest) -> ProbeReport {
        let expected = probe.expected();
        let is_settled = self.completed == self.runs
            && !self.has_dropped
            && request.rtt_ms <= TIMERS_FIRE_ABOVE_MS
            && has_usual_caps(probe, request);
        let is_as_expected = is_settled.then(|| {
            self.secure_round_trips.are_all(expected.secure, self.runs)
                && self.first_byte_round_trips.are_all(expected.first_byte, self.runs)
        });
        let [bytes_up, bytes_down] = self.bytes.map(median);
        let [packets_up, packets_down] = self.packets.map(median);
        ProbeReport {
            probe,
            runs: self.runs,
            completed: self.completed,
            secure: Spread::of(self.secure),
            first_byte: Spread::of(self.first_byte),
            secure_round_trips: self.secure_round_trips,
            first_byte_round_trips: self.first_byte_round_trips,
            is_as_expected,
            bytes_up,
            bytes_down,
            packets_up,
            packets_down,
            early: self.early,
            requests: self.requests,
            answered_early: self.answered_early,
            too_early: self.too_early,
            effects: self.effects,
            stops: self
                .stops
                .into_iter()
                .map(|(at, after)| Stop {
                    at,
                    runs: u32::try_from(after.len()).unwrap_or(u32::MAX),
                    after_micros: median(after),
                })
                .collect(),
            ladder_packets: self.ladder_packets.unwrap_or(0),
        }
    }
}

/// Whether the caps of early data are those that a probe's expected counts are about.
fn has_usual_caps(probe: Probe, request: &HandshakeRequest) -> bool {
    /// What the first flight of one small request takes at most, bytes.
    const SMALL_FLIGHT: u32 = 1_024;
    let cap = match probe.stack() {
        Stack::Tcp => request.early_data_bytes,
        Stack::Quic => request.zero_rtt_bytes,
    };
    match probe.case() {
        Case::Early | Case::EarlyPost => cap >= SMALL_FLIGHT,
        Case::BeyondCap => cap >= SMALL_CAP,
        Case::Cold
        | Case::Resumed
        | Case::Session
        | Case::LargeCertificate
        | Case::ExpiredTicket
        | Case::ForeignTicket => true,
    }
}

fn median(mut figures: Vec<u64>) -> u64 {
    figures.sort_unstable();
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}
