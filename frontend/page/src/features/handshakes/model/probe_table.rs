//! Table of probes: one row per pair, with TCP's probe beside QUIC's. Computed from a report by the probe
//! table component; every cell has its text and its raw value for tests.

use sluice_shared::handshake::{HandshakeReport, Probe, ProbeReport, RoundTrips, Spread};
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::handshakes::model::labels::{pair_title, trips_text};

/// Pair of probes that do the same over both stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairRow {
    /// Probe over TCP, which identifies the pair.
    pub pair: Probe,
    /// Title of the pair.
    pub title: &'static str,
    /// Cells of TCP's and QUIC's probe; `None` for one that was not run.
    pub sides: [Option<ProbeCells>; 2],
    /// Points at which failed runs stopped.
    pub stops: Vec<StopRow>,
}

/// Cells of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeCells {
    /// Name in test ids.
    pub name: &'static str,
    /// Time until the server's Finished; `None` if no run got that far.
    pub secure: Option<TimeCell>,
    /// Time until the first byte of the response; `None` if no run got that far.
    pub first_byte: Option<TimeCell>,
    /// Packets in both directions.
    pub packets: u64,
    /// Packets in each direction, as text.
    pub packets_text: String,
    /// Bytes in each direction, as text.
    pub bytes_text: String,
    /// Outcome of early data.
    pub early: EarlyCell,
}

/// Time with the round trips counted from packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeCell {
    /// Median, µs.
    pub micros: u64,
    /// Median as text.
    pub text: String,
    /// Range of the runs, if they differ.
    pub range: Option<String>,
    /// Most common number of round trips.
    pub round_trips: Option<u32>,
    /// Numbers of round trips as text.
    pub trips_text: String,
    /// Number expected from the standards, for runs without packet loss.
    pub expected: Option<ExpectedTrips>,
}

/// Expected number of round trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedTrips {
    /// Expected number.
    pub count: u32,
    /// True if every run needed exactly this number.
    pub is_met: bool,
}

/// Outcome of early data and of the requests in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyCell {
    /// Number of runs in which the server accepted it.
    pub accepted: u32,
    /// Outcome as text.
    pub outcome: String,
    /// Number of requests answered from it, and number rejected with 425 Too Early.
    pub details: Vec<String>,
    /// Number of times a POST's effect occurred.
    pub effects: Option<EffectCount>,
}

/// Number of times an effect occurred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectCount {
    /// Number of effects.
    pub count: u32,
    /// The number as text.
    pub text: String,
    /// True if it occurred more often than requested.
    pub is_double: bool,
}

/// Point at which runs of a probe stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRow {
    /// Probe's name in test ids.
    pub name: &'static str,
    /// Number of runs.
    pub runs: u32,
    /// Description in a sentence.
    pub text: String,
}

/// Returns a row for each pair with at least one measured probe.
pub fn pair_rows(report: &HandshakeReport) -> Vec<PairRow> {
    let find = |probe| report.probes.iter().find(|measured| measured.probe == probe);
    Probe::ALL
        .chunks_exact(2)
        .map(|pair| [find(pair[0]), find(pair[1])])
        .zip(Probe::ALL.into_iter().step_by(2))
        .filter(|(sides, _)| sides.iter().any(Option::is_some))
        .map(|(sides, pair)| PairRow {
            pair,
            title: pair_title(pair),
            sides: sides.map(|side| side.map(cells)),
            stops: sides.into_iter().flatten().flat_map(stop_rows).collect(),
        })
        .collect()
}

fn cells(measured: &ProbeReport) -> ProbeCells {
    let expected = measured.probe.expected();
    let both = |up: String, down: String| [up, down].join(" + ");
    ProbeCells {
        name: measured.probe.name(),
        secure: time_cell(measured, measured.secure, &measured.secure_round_trips, expected.secure),
        first_byte: time_cell(
            measured,
            measured.first_byte,
            &measured.first_byte_round_trips,
            expected.first_byte,
        ),
        packets: measured.packets_up + measured.packets_down,
        packets_text: both(format::count(measured.packets_up), format::count(measured.packets_down)),
        bytes_text: both(format::bytes(measured.bytes_up), format::bytes(measured.bytes_down)),
        early: early_cell(measured),
    }
}

fn time_cell(
    measured: &ProbeReport,
    spread: Option<Spread>,
    trips: &RoundTrips,
    expected: u32,
) -> Option<TimeCell> {
    let spread = spread?;
    let [min, max, p95] = [spread.min_micros, spread.max_micros, spread.p95_micros].map(exact_span);
    let is_met = measured.is_as_expected != Some(false) || trips.are_all(expected, measured.completed);
    Some(TimeCell {
        micros: spread.median_micros,
        text: exact_span(spread.median_micros),
        range: (min != max).then(|| [&*min, " to ", &max, ", 95 % within ", &p95].concat()),
        round_trips: trips.most_common(),
        trips_text: trips_text(trips),
        expected: measured.is_as_expected.map(|_| ExpectedTrips { count: expected, is_met }),
    })
}

fn early_cell(measured: &ProbeReport) -> EarlyCell {
    let early = measured.early;
    let counted = |count: u32, what: &str| {
        let of_runs = [what, " ", &count.to_string(), " of ", &measured.runs.to_string()].concat();
        (count > 0).then(|| if count == measured.runs { what.to_owned() } else { of_runs })
    };
    let outcomes = [counted(early.accepted, "accepted"), counted(early.rejected, "rejected")];
    let outcomes: Vec<String> = outcomes.into_iter().flatten().collect();
    let is_post = matches!(measured.probe, Probe::Http2EarlyPost | Probe::Http3ZeroRttPost);
    let mut details = Vec::new();
    if measured.requests > measured.runs && !is_post {
        let [answered, requests] =
            [measured.answered_early, measured.requests].map(|count| count.to_string());
        details.push([&*answered, " of ", &requests, " GETs early"].concat());
    }
    if measured.too_early > 0 {
        details.push("425 × ".to_owned() + &measured.too_early.to_string());
    }
    EarlyCell {
        accepted: early.accepted,
        outcome: if outcomes.is_empty() { "none".to_owned() } else { outcomes.join(", ") },
        details,
        effects: is_post.then(|| effect_count(measured.effects, measured.runs, "")),
    }
}

/// Returns the effects of `wanted` requests; `of` names the requests after their number.
pub fn effect_count(effects: u32, wanted: u32, of: &str) -> EffectCount {
    let effect = if effects == 1 { " effect of " } else { " effects of " };
    EffectCount {
        count: effects,
        text: [&*effects.to_string(), effect, &wanted.to_string(), of].concat(),
        is_double: effects > wanted,
    }
}

fn stop_rows(measured: &ProbeReport) -> impl Iterator<Item = StopRow> {
    measured.stops.iter().map(|stop| {
        let runs = if measured.runs == 1 { " run" } else { " runs" };
        let [stopped, all] = [stop.runs, measured.runs].map(|count| count.to_string());
        let after = format::span(stop.after_micros);
        let title = measured.probe.title();
        StopRow {
            name: measured.probe.name(),
            runs: stop.runs,
            text: [title, " stopped: ", &stop.at, ", after ", &after, ", ", &stopped, " of ", &all, runs]
                .concat(),
        }
    })
}

#[cfg(test)]
mod tests {
    use sluice_shared::handshake::{EarlyData, Stop};

    use super::*;
    use crate::features::handshakes::model::samples::{probe, report};

    fn rows(probes: Vec<ProbeReport>) -> Vec<PairRow> {
        pair_rows(&report(probes))
    }

    /// Returns the cells of the only measured probe.
    fn only(measured: ProbeReport) -> ProbeCells {
        let [row] = <[PairRow; 1]>::try_from(rows(vec![measured])).expect("one row");
        row.sides.into_iter().flatten().next().expect("a side")
    }

    #[test]
    fn both_probes_of_a_pair_stand_in_one_row_with_their_counts() {
        let rows = rows(vec![probe(Probe::Http3Cold), probe(Probe::Http2Cold)]);
        let [row] = <[PairRow; 1]>::try_from(rows).expect("one row");
        assert_eq!((row.pair, row.title), (Probe::Http2Cold, "cold"));
        let [tcp, quic] = row.sides.map(|side| side.expect("it was probed"));
        assert_eq!((tcp.name, quic.name), ("http2-cold", "http3-cold"));
        let trips = |cell: Option<TimeCell>| cell.and_then(|cell| cell.round_trips);
        assert_eq!((trips(tcp.secure), trips(quic.secure)), (Some(2), Some(1)));
        let first_byte = tcp.first_byte.expect("a time");
        assert_eq!((first_byte.micros, first_byte.text.as_str()), (200_500, "200.5\u{a0}ms"));
        assert_eq!(first_byte.expected, Some(ExpectedTrips { count: 3, is_met: true }));
        assert_eq!(first_byte.range, None, "all runs took the same");
    }

    #[test]
    fn all_pairs_come_in_the_order_of_the_probes() {
        let rows = rows(Probe::ALL.into_iter().rev().map(probe).collect());
        let pairs: Vec<Probe> = rows.iter().map(|row| row.pair).collect();
        assert_eq!(pairs, Probe::ALL.into_iter().step_by(2).collect::<Vec<_>>());
        assert!(rows.iter().all(|row| row.sides.iter().all(Option::is_some)));
    }

    #[test]
    fn a_count_that_is_not_the_expected_one_is_marked_and_the_other_is_not() {
        let measured = ProbeReport {
            is_as_expected: Some(false),
            first_byte_round_trips: RoundTrips(vec![(3, 4), (4, 1)]),
            ..probe(Probe::Http2Cold)
        };
        let rows = rows(vec![measured]);
        assert_eq!(rows[0].sides[1], None, "its twin was not probed");
        let cells = rows[0].sides[0].clone().expect("it was probed");
        let is_met = |cell: Option<TimeCell>| cell.and_then(|cell| cell.expected).map(|trips| trips.is_met);
        assert_eq!(is_met(cells.secure), Some(true));
        assert_eq!(cells.first_byte.as_ref().map(|cell| cell.trips_text.as_str()), Some("3\u{a0}RTT (3–4)"));
        assert_eq!(is_met(cells.first_byte), Some(false));
    }

    #[test]
    fn where_packets_were_lost_nothing_is_expected() {
        let cells = only(ProbeReport { is_as_expected: None, ..probe(Probe::Wss) });
        assert_eq!(cells.secure.expect("a time").expected, None);
    }

    #[test]
    fn runs_that_differ_show_their_range() {
        let cells = only(ProbeReport { secure: Spread::of(vec![100_000, 300_000]), ..probe(Probe::Wss) });
        let range = cells.secure.and_then(|cell| cell.range).expect("a range").replace('\u{a0}', " ");
        assert_eq!(range, "100.0 ms to 300.0 ms, 95 % within 300.0 ms");
    }

    #[test]
    fn a_run_without_an_answer_says_where_it_stopped_and_has_no_times() {
        let stop = Stop { at: "no answer to the SYN".into(), runs: 5, after_micros: 7_100_000 };
        let measured = ProbeReport {
            completed: 0,
            secure: None,
            first_byte: None,
            is_as_expected: None,
            stops: vec![stop],
            ..probe(Probe::Http2Cold)
        };
        let rows = rows(vec![measured]);
        let sentence = "HTTP/2 cold stopped: no answer to the SYN, after 7.10\u{a0}s, 5 of 5 runs";
        assert_eq!(rows[0].stops, [StopRow { name: "http2-cold", runs: 5, text: sentence.to_owned() }]);
        assert!(rows[0].sides[0].as_ref().is_some_and(|cells| cells.secure.is_none()));
    }

    #[test]
    fn an_effect_whose_answer_got_lost_is_no_double_one() {
        let cells = only(ProbeReport { completed: 0, effects: 5, ..probe(Probe::Http3ZeroRttPost) });
        let effects = cells.early.effects.expect("a POST has effects");
        assert_eq!((effects.text.as_str(), effects.is_double), ("5 effects of 5", false));
    }

    #[test]
    fn early_data_and_its_effects_are_counted() {
        let cells = only(ProbeReport {
            early: EarlyData { offered: 5, accepted: 4, rejected: 1 },
            too_early: 4,
            effects: 6,
            ..probe(Probe::Http3ZeroRttPost)
        });
        assert_eq!(cells.early.outcome, "accepted 4 of 5, rejected 1 of 5");
        assert_eq!(cells.early.details, ["425 × 4"]);
        assert!(cells.early.effects.is_some_and(|effects| effects.is_double && effects.count == 6));
        let cells = only(ProbeReport { requests: 30, answered_early: 20, ..probe(Probe::Http2BeyondCap) });
        assert_eq!((cells.early.outcome.as_str(), cells.early.effects), ("none", None));
        assert_eq!(cells.early.details, ["20 of 30 GETs early"]);
    }
}
