//! The lab as a whole, in virtual time.

use std::collections::BTreeMap;

use sluice_shared::handshake::{
    ClockKind, Counts, HandshakeRequest, Probe, ProbeReport, ReplayGuard, RungKind, Stack,
};
use sluice_shared::link::Direction;

use super::outcome::Outcome;
use super::replay;
use super::run::{Identities, run};

fn outcome(request: &HandshakeRequest) -> Outcome {
    run(request).expect("the lab runs")
}

fn reports(request: &HandshakeRequest) -> BTreeMap<Probe, ProbeReport> {
    outcome(request).report.probes.into_iter().map(|report| (report.probe, report)).collect()
}

fn request(probes: &[Probe]) -> HandshakeRequest {
    HandshakeRequest { probes: probes.to_vec(), runs: 2, seed: Some(1), ..HandshakeRequest::default() }
}

#[test]
fn every_probe_takes_the_round_trips_of_the_standards() {
    for (probe, report) in reports(&request(&[])) {
        let counted = (
            report.secure_round_trips.most_common(),
            report.first_byte_round_trips.most_common(),
            report.is_as_expected,
        );
        let Counts { secure, first_byte } = probe.expected();
        assert_eq!(counted, (Some(secure), Some(first_byte), Some(true)), "{probe}: {report:?}");
        // The stacks compute in no time here, so time is round trips to the millisecond.
        for (spread, count) in [(report.secure, secure), (report.first_byte, first_byte)] {
            let micros = spread.expect("it came so far").max_micros;
            assert!(micros.abs_diff(u64::from(count) * 100_000) < 2_000, "{probe}: {micros} µs for {count}");
        }
    }
}

#[test]
fn early_data_is_taken_or_refused_as_the_ticket_deserves() {
    let reports = reports(&request(&[]));
    let early = |probe: Probe| {
        let early = reports[&probe].early;
        (early.offered, early.accepted, early.rejected)
    };
    for probe in [Probe::Http2Early, Probe::Http3ZeroRtt, Probe::Http2EarlyPost, Probe::Http3ZeroRttPost] {
        assert_eq!(early(probe), (2, 2, 0), "{probe}");
    }
    for probe in [
        Probe::Http2ExpiredTicket,
        Probe::Http3ExpiredTicket,
        Probe::Http2ForeignTicket,
        Probe::Http3ForeignTicket,
    ] {
        assert_eq!(early(probe), (2, 0, 2), "{probe}");
        assert_eq!(reports[&probe].answered_early, 0, "{probe}");
    }
    for probe in [Probe::Http2Cold, Probe::Http3Cold, Probe::Http2Resumed, Probe::Http3Resumed] {
        assert_eq!(early(probe), (0, 0, 0), "{probe}");
    }
    assert_eq!(reports[&Probe::Http3ZeroRtt].answered_early, 2);
}

#[test]
fn a_post_in_early_data_is_told_to_wait_and_happens_once() {
    for (probe, report) in reports(&request(&[Probe::Http2EarlyPost, Probe::Http3ZeroRttPost])) {
        assert_eq!((report.too_early, report.effects, report.requests), (2, 2, 4), "{probe}");
    }
}

#[test]
fn of_a_flight_beyond_the_cap_a_part_is_answered_early() {
    for (probe, report) in reports(&request(&[Probe::Http2BeyondCap, Probe::Http3BeyondCap])) {
        let early_of_a_run = report.answered_early / report.runs;
        assert!((1..7).contains(&early_of_a_run), "{probe}: {early_of_a_run} of 7");
    }
    let all = HandshakeRequest { early_data_bytes: 0, ..request(&[Probe::Http2BeyondCap]) };
    assert_eq!(reports(&all)[&Probe::Http2BeyondCap].early.offered, 0, "the tickets allow none");
}

#[test]
fn resumption_saves_the_certificate() {
    let reports =
        reports(&request(&[Probe::Http2Cold, Probe::Http2Resumed, Probe::Http3Cold, Probe::Http3Resumed]));
    assert!(reports[&Probe::Http2Resumed].bytes_down + 300 < reports[&Probe::Http2Cold].bytes_down);
}

#[test]
fn a_network_that_carries_nothing_stops_every_probe_at_its_first_packet() {
    let lost = HandshakeRequest { loss_percent: 100.0, ..request(&[]) };
    for (probe, report) in reports(&lost) {
        assert_eq!((report.completed, report.is_as_expected), (0, None), "{probe}");
        let [stop] = &report.stops[..] else { panic!("{probe}: {:?}", report.stops) };
        let first = if probe.stack() == Stack::Tcp {
            "no answer to the SYN"
        } else {
            "no answer to the first Initial"
        };
        assert!(stop.at.starts_with(first), "{probe}: {}", stop.at);
        assert!(stop.after_micros <= 30_000_000, "{probe}");
    }
}

#[test]
fn a_blackout_in_the_handshake_is_told_as_such() {
    let stops = |probe: Probe, blackout: f64| {
        let request = HandshakeRequest { blackout_ms: Some(blackout), ..request(&[probe]) };
        reports(&request)[&probe].stops[0].at.clone()
    };
    assert_eq!(stops(Probe::Http2Cold, 60.0), "no answer to the ClientHello");
    assert_eq!(stops(Probe::Http2Cold, 210.0), "no answer to the request");
    assert_eq!(stops(Probe::Http3Cold, 110.0), "no answer to the request");
    assert_eq!(stops(Probe::Wss, 210.0), "no answer to the upgrade");
}

#[test]
fn loss_takes_time_and_expects_no_count() {
    let lossy =
        HandshakeRequest { loss_percent: 20.0, runs: 20, ..request(&[Probe::Http2Cold, Probe::Http3Cold]) };
    for (probe, report) in reports(&lossy) {
        assert_eq!(report.is_as_expected, None, "{probe}");
        let spread = report.first_byte.expect("some came through");
        assert!(spread.max_micros > spread.min_micros + 100_000, "{probe}: {spread:?}");
    }
}

#[test]
fn the_same_seed_takes_the_same_time() {
    let lossy = HandshakeRequest { loss_percent: 10.0, runs: 5, ..request(&[Probe::Http2Cold]) };
    assert_eq!(reports(&lossy)[&Probe::Http2Cold].first_byte, reports(&lossy)[&Probe::Http2Cold].first_byte);
}

#[test]
fn a_ladder_has_every_packet_with_its_words() {
    let outcome = outcome(&request(&[Probe::Http2Cold, Probe::Http3Cold]));
    let tcp = &outcome.traces[&Probe::Http2Cold].ladder;
    assert_eq!((tcp.rungs[0].label.as_str(), tcp.rungs[1].label.as_str()), ("SYN", "SYN, ACK"));
    let words: Vec<&str> =
        tcp.rungs.iter().flat_map(|rung| &rung.parts).map(|part| part.name.as_str()).collect();
    for word in ["ClientHello", "ServerHello", "Certificate", "Finished", "SETTINGS", "HEADERS"] {
        assert!(words.contains(&word), "{word} is missing in {words:?}");
    }
    let quic = &outcome.traces[&Probe::Http3Cold].ladder;
    let words: Vec<&str> =
        quic.rungs.iter().flat_map(|rung| &rung.parts).map(|part| part.name.as_str()).collect();
    for word in ["Initial", "Handshake", "1-RTT", "CRYPTO", "ClientHello", "Finished", "STREAM", "HEADERS"] {
        assert!(words.contains(&word), "{word} is missing in {words:?}");
    }
    for ladder in [tcp, quic] {
        assert!(ladder.rungs.iter().all(|rung| rung.kind != RungKind::Opaque), "everything opens");
        assert_eq!(ladder.rungs[0].sent_micros, 0);
        assert!(ladder.rungs.iter().any(|rung| rung.direction == Direction::Down));
    }
    let qlog = outcome.traces[&Probe::Http3Cold].qlog.as_ref().expect("QUIC's");
    assert!(String::from_utf8_lossy(qlog).contains("packet_sent"));
}

#[test]
fn a_large_certificate_meets_the_anti_amplification_limit() {
    let outcome = outcome(&request(&[Probe::Http3LargeCertificate, Probe::Http3Cold]));
    let is_held_back = |probe: Probe| {
        outcome.traces[&probe].ladder.marks.iter().any(|mark| mark.text.starts_with("anti-amplification"))
    };
    assert!(is_held_back(Probe::Http3LargeCertificate));
    assert!(!is_held_back(Probe::Http3Cold));
}

#[test]
fn a_replay_has_its_effect_where_nothing_guards_against_it_and_nowhere_else() {
    let identities = Identities::new().expect("certificates");
    for stack in [Stack::Tcp, Stack::Quic] {
        let measure =
            |guard| replay::measure(&request(&[]), stack, guard, 3, &identities).expect("the lab runs");
        let unguarded = measure(ReplayGuard::Nothing);
        assert_eq!((unguarded.effects, unguarded.accepted), (6, 3), "{stack:?}");
        let too_early = measure(ReplayGuard::TooEarly);
        assert_eq!((too_early.effects, too_early.accepted, too_early.too_early), (3, 3, 6), "{stack:?}");
        let guarded = measure(ReplayGuard::SingleUse);
        assert_eq!((guarded.effects, guarded.accepted, guarded.too_early), (3, 0, 3), "{stack:?}");
    }
}

#[test]
fn hostile_datagrams_are_dropped_and_disturb_nobody() {
    let request = HandshakeRequest { with_facts: true, runs: 1, ..request(&[Probe::Http3Cold]) };
    let report = outcome(&request).report;
    let hostile = report.hostile.expect("it was asked for");
    assert_eq!(hostile.honest_answers, hostile.honest_requests);
    assert_eq!(hostile.version_negotiations, hostile.unknown_versions);
    assert_eq!(hostile.dropped, hostile.garbage + hostile.truncated + hostile.forged_tokens);
    let names: Vec<&str> = report.facts.iter().map(|fact| fact.name.as_str()).collect();
    assert_eq!(
        names,
        ["new-connection", "warm-connection", "loss", "address-change", "congestion-control", "middleboxes"]
    );
    for fact in &report.facts {
        assert!(!fact.tcp.contains("never") && !fact.quic.contains("never"), "{fact:?}");
    }
}

#[test]
fn the_walls_clock_changes_times_and_no_counts() {
    let probes = [Probe::Http2Cold, Probe::Http3Cold, Probe::Http2Early, Probe::Http3ZeroRtt];
    let real = HandshakeRequest { rtt_ms: 20.0, clock: ClockKind::Real, ..request(&probes) };
    for (probe, report) in reports(&real) {
        assert_eq!(report.is_as_expected, Some(true), "{probe}: {report:?}");
        let least = u64::from(probe.expected().first_byte) * 20_000;
        assert!(report.first_byte.expect("an answer").min_micros >= least, "{probe}");
    }
}
