//! Sample reports for tests.

use sluice_shared::handshake::{
    EarlyData, HandshakeReport, HandshakeRequest, Probe, ProbeReport, RoundTrips, Spread,
};

/// Returns five runs with the expected round trips.
pub fn probe(probe: Probe) -> ProbeReport {
    let trips = |count| RoundTrips(vec![(count, 5)]);
    ProbeReport {
        probe,
        runs: 5,
        completed: 5,
        secure: Spread::of(vec![100_250; 5]),
        first_byte: Spread::of(vec![200_500; 5]),
        secure_round_trips: trips(probe.expected().secure),
        first_byte_round_trips: trips(probe.expected().first_byte),
        is_as_expected: Some(true),
        bytes_up: 1_700,
        bytes_down: 3_100,
        packets_up: 6,
        packets_down: 7,
        early: EarlyData::default(),
        requests: 5,
        answered_early: 0,
        too_early: 0,
        effects: 0,
        stops: Vec::new(),
        ladder_packets: 13,
    }
}

/// Returns a report of these probes alone.
pub fn report(probes: Vec<ProbeReport>) -> HandshakeReport {
    HandshakeReport {
        id: "0123456789abcdef".into(),
        request: HandshakeRequest::default(),
        probes,
        replays: Vec::new(),
        hostile: None,
        facts: Vec::new(),
    }
}
