//! A report as text: a line for each probe, each of TCP above its twin of QUIC.

use sluice_shared::handshake::{
    ClockKind, Fact, HandshakeReport, HandshakeRequest, Hostile, Probe, ProbeReport, Replay, RoundTrips,
    Spread, Stack,
};

/// Between two columns.
const GAP: &str = "  ";
/// What stands where nothing was measured.
const NOTHING: &str = "–";
/// Longest line of sentences, characters.
const LINE: usize = 100;

/// The report as text; ends with a line break.
pub fn table(report: &HandshakeReport) -> String {
    let mut text = head(&report.request);
    text.push_str(&grid(&rows(&report.probes), 1));
    let remarks: String = report.probes.iter().map(remarks).collect();
    if !remarks.is_empty() {
        text.push('\n');
        text.push_str(&remarks);
    }
    if !report.replays.is_empty() {
        text.push_str(
            "\nReplayed: first flights with a POST in early data, each captured and sent once more\n",
        );
        text.push_str(&grid(&replays(&report.replays), 2));
    }
    if let Some(hostile) = &report.hostile {
        text.push_str(&hostilities(hostile));
    }
    for fact in &report.facts {
        text.push_str(&told(fact));
    }
    text
}

fn head(request: &HandshakeRequest) -> String {
    let rate = request.rate_kbit.map_or_else(|| "no bottleneck".to_owned(), |rate| format!("{rate} kbit/s"));
    let blackout =
        request.blackout_ms.map_or_else(String::new, |after| format!(", nothing passes from {after} ms on"));
    let clock = match request.clock {
        ClockKind::Virtual => "virtual time",
        ClockKind::Real => "real time",
    };
    let seed = request.seed.map_or_else(String::new, |seed| format!("; seed {seed}"));
    let runs = if request.runs == 1 { "1 run".to_owned() } else { format!("{} runs", request.runs) };
    format!(
        "network     {} ms round trip, {} % lost, {rate}{blackout}\n\
         runs        {runs} of each{seed}; {clock}\n\
         early data  TLS tickets allow {} bytes; QUIC clients remember initial_max_data = {} bytes\n\
         secure      the client has the server's Finished\n\
         answer      its first byte is there; norm: what the standards lead to expect of both\n\
         figures     RTTs are counted from the packets, of all runs; times, bytes and packets are medians\n\n",
        request.rtt_ms, request.loss_percent, request.early_data_bytes, request.zero_rtt_bytes,
    )
}

/// A line of a table; nothing for a line between groups.
type Row = Vec<String>;

fn rows(probes: &[ProbeReport]) -> Vec<Row> {
    let names = ["", "secure", "", "answer", "", "norm", "bytes", "packets", "early", "", ""];
    let units = ["", "ms", "RTTs", "ms", "RTTs", "RTTs", "up/down", "up/down", "taken", "425s", "effects"];
    let mut rows = vec![names.map(str::to_owned).to_vec(), units.map(str::to_owned).to_vec()];
    let mut last: Option<Probe> = None;
    for report in probes {
        if last.is_none_or(|last| last.twin() != report.probe) {
            rows.push(Row::new());
        }
        last = Some(report.probe);
        rows.push(row(report));
    }
    rows
}

fn row(report: &ProbeReport) -> Row {
    let expected = report.probe.expected();
    let early = match report.early.offered {
        0 => NOTHING.to_owned(),
        offered => format!("{}/{offered}", report.early.accepted),
    };
    vec![
        report.probe.name().to_owned(),
        millis(report.secure),
        trips(&report.secure_round_trips),
        millis(report.first_byte),
        trips(&report.first_byte_round_trips),
        format!("{}, {}", expected.secure, expected.first_byte),
        format!("{}/{}", report.bytes_up, report.bytes_down),
        format!("{}/{}", report.packets_up, report.packets_down),
        early,
        count_or_nothing(report.too_early),
        count_or_nothing(report.effects),
    ]
}

/// What a line of figures cannot say: runs that stopped, and counts that are not the expected ones.
fn remarks(report: &ProbeReport) -> String {
    let mut text = String::new();
    for stop in &report.stops {
        let after = stop.after_micros as f64 / 1e6;
        let sentence = format!(
            "{}: {} of {} runs stopped after {after:.1} s: {}",
            report.probe, stop.runs, report.runs, stop.at
        );
        text.push_str(&wrapped(&sentence, "", "  "));
    }
    if let Some(sentence) = difference(report) {
        text.push_str(&wrapped(&sentence, "", "  "));
    }
    text
}

/// In one line, every probe whose round trips are not those that the standards lead to expect; `None` if all are.
pub fn unexpected(report: &HandshakeReport) -> Option<String> {
    let differences: Vec<String> = report.probes.iter().filter_map(difference).collect();
    (!differences.is_empty()).then(|| differences.join("; "))
}

fn difference(report: &ProbeReport) -> Option<String> {
    let expected = report.probe.expected();
    (report.is_as_expected == Some(false)).then(|| {
        format!(
            "{}: round trips until secure {}, expected {}; until the first byte {}, expected {}",
            report.probe,
            spelled(&report.secure_round_trips),
            expected.secure,
            spelled(&report.first_byte_round_trips),
            expected.first_byte
        )
    })
}

fn replays(replays: &[Replay]) -> Vec<Row> {
    let head = ["", "guard", "replays", "effects", "too many", "taken early", "425s"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(replays.iter().map(|replay| {
        vec![
            stack(replay.stack).to_owned(),
            replay.guard.title().to_owned(),
            replay.replays.to_string(),
            replay.effects.to_string(),
            replay.effects.saturating_sub(replay.replays).to_string(),
            replay.accepted.to_string(),
            replay.too_early.to_string(),
        ]
    }));
    rows
}

fn hostilities(hostile: &Hostile) -> String {
    let sentence = format!(
        "{} of random bytes, {} Initials that are truncated or too small, {} of an unknown version ({} Version \
         Negotiation packets came back), {} with a token that was never given; {} forged Retry packets to a client; \
         {} datagrams got no answer at all. Beside all that the honest client got {} answers to {} requests.",
        hostile.garbage,
        hostile.truncated,
        hostile.unknown_versions,
        hostile.version_negotiations,
        hostile.forged_tokens,
        hostile.forged_retries,
        hostile.dropped,
        hostile.honest_answers,
        hostile.honest_requests,
    );
    "\nHostile datagrams at the QUIC port\n".to_owned() + &wrapped(&sentence, "  ", "  ")
}

fn told(fact: &Fact) -> String {
    let lines =
        [("HTTP/2 over TCP", &fact.tcp), ("HTTP/3 over QUIC", &fact.quic), ("standards", &fact.standard)];
    let mut text = format!("\n{}\n", fact.title);
    for (label, told) in lines {
        text.push_str(&wrapped(told, &format!("  {label:16}  "), &" ".repeat(20)));
    }
    text
}

/// Rows with columns as wide as they need; the first `left` columns are flush left, figures are flush right.
fn grid(rows: &[Row], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, widest)) in row.iter().zip(&widths).enumerate() {
            if column > 0 {
                line.push_str(GAP);
            }
            let room = " ".repeat(widest - width(cell));
            let (before, after) = if column < left { ("", room.as_str()) } else { (room.as_str(), "") };
            line.extend([before, cell, after]);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A sentence in lines of at most [`LINE`] characters, as far as its words let it.
fn wrapped(sentence: &str, first: &str, others: &str) -> String {
    let mut text = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in sentence.split_whitespace() {
        if !is_empty && width(&line) + 1 + width(word) > LINE {
            text.push_str(line.trim_end());
            text.push('\n');
            others.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
    text
}

fn stack(stack: Stack) -> &'static str {
    match stack {
        Stack::Tcp => "TCP",
        Stack::Quic => "QUIC",
    }
}

fn millis(spread: Option<Spread>) -> String {
    spread.map_or_else(|| NOTHING.to_owned(), |spread| format!("{:.1}", spread.median_micros as f64 / 1e3))
}

/// A count, or from the least to the most.
fn trips(trips: &RoundTrips) -> String {
    match trips.0.as_slice() {
        [] => NOTHING.to_owned(),
        [(count, _)] => count.to_string(),
        [(least, _), .., (most, _)] => format!("{least}–{most}"),
    }
}

/// Every count with its runs.
fn spelled(trips: &RoundTrips) -> String {
    match trips.0.as_slice() {
        [] => "none".to_owned(),
        [(count, _)] => count.to_string(),
        several => {
            let counts: Vec<String> =
                several.iter().map(|(count, runs)| format!("{count} ({runs} of the runs)")).collect();
            counts.join(", ")
        }
    }
}

fn count_or_nothing(count: u32) -> String {
    if count == 0 { NOTHING.to_owned() } else { count.to_string() }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use sluice_shared::handshake::{EarlyData, ReplayGuard, Stop};

    use super::*;

    fn probe(probe: Probe) -> ProbeReport {
        let expected = probe.expected();
        let spread = |count: u32| Spread::of(vec![u64::from(count) * 100_000; 5]);
        ProbeReport {
            probe,
            runs: 5,
            completed: 5,
            secure: spread(expected.secure),
            first_byte: spread(expected.first_byte),
            secure_round_trips: RoundTrips(vec![(expected.secure, 5)]),
            first_byte_round_trips: RoundTrips(vec![(expected.first_byte, 5)]),
            is_as_expected: Some(true),
            bytes_up: 2_820,
            bytes_down: 13_020,
            packets_up: 18,
            packets_down: 17,
            early: EarlyData { offered: 5, accepted: 4, rejected: 1 },
            requests: 5,
            answered_early: 4,
            too_early: 5,
            effects: 5,
            stops: Vec::new(),
            ladder_packets: 15,
        }
    }

    fn report() -> HandshakeReport {
        let mut probes: Vec<ProbeReport> = Probe::ALL.into_iter().map(probe).collect();
        probes[1].secure_round_trips = RoundTrips(vec![(1, 4), (2, 1)]);
        probes[1].is_as_expected = Some(false);
        probes[0].secure = None;
        probes[0].is_as_expected = None;
        probes[0].stops =
            vec![Stop { at: "no answer to the SYN".to_owned(), runs: 5, after_micros: 63_000_000 }];
        HandshakeReport {
            id: "0123456789abcdef".to_owned(),
            request: HandshakeRequest { seed: Some(7), ..HandshakeRequest::default() },
            probes,
            replays: vec![Replay {
                stack: Stack::Quic,
                guard: ReplayGuard::Nothing,
                replays: 1_000,
                effects: 2_000,
                accepted: 1_000,
                too_early: 0,
            }],
            hostile: Some(Hostile {
                garbage: 100,
                honest_requests: 5,
                honest_answers: 5,
                ..Hostile::default()
            }),
            facts: vec![Fact {
                name: "loss".to_owned(),
                title: "Loss".to_owned(),
                tcp: "one lost packet holds up every stream ".repeat(4),
                quic: "only its own stream".to_owned(),
                standard: "RFC 9000 §2.2".to_owned(),
            }],
        }
    }

    #[test]
    fn each_probe_has_a_line_with_its_figures() {
        let text = table(&report());
        for probe in Probe::ALL {
            let lines = text.lines().filter(|line| line.split_whitespace().next() == Some(probe.name()));
            assert_eq!(lines.count(), 1, "{probe}: {text}");
        }
        let line = text.lines().find(|line| line.starts_with("http3-zero-rtt ")).expect("a line");
        let cells: Vec<&str> = line.split_whitespace().skip(1).collect();
        assert_eq!(
            cells.join(" "),
            "100.0 1 100.0 1 1, 1 2820/13020 18/17 4/5 5 5",
            "median and count of secure and first byte, expected, both ways, early data, 425s, effects"
        );
    }

    #[test]
    fn what_did_not_go_as_it_should_is_said_in_words() {
        let text = table(&report());
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in [
            "http2-cold: 5 of 5 runs stopped after 63.0 s: no answer to the SYN",
            "http3-cold: round trips until secure 1 (4 of the runs), 2 (1 of the runs), expected 1; until",
            "honest client got 5 answers to 5 requests",
        ] {
            assert!(words.contains(sentence), "{text}");
        }
        let replay = text.lines().find(|line| line.contains("no guard (exhibit)")).expect("a line");
        assert!(
            replay.starts_with("QUIC") && replay.contains("1000     2000      1000         1000     0"),
            "{replay}"
        );
    }

    #[test]
    fn differences_are_told_in_one_line() {
        let mut report = report();
        let line = unexpected(&report).expect("one differs");
        assert!(
            line.starts_with("http3-cold: round trips until secure 1 (4 of")
                && line.ends_with(" 2, expected 2"),
            "{line}"
        );
        report.probes[1].is_as_expected = Some(true);
        assert_eq!(unexpected(&report), None);
    }

    #[test]
    fn lines_fit_a_terminal() {
        let text = table(&report());
        let widest = text.lines().map(width).max().expect("lines");
        assert!(widest <= LINE, "{widest}: {text}");
        assert!(text.ends_with('\n') && !text.contains(" \n"));
        let fact = text.split("\nLoss\n").nth(1).expect("the fact");
        assert!(fact.lines().nth(1).expect("a second line").starts_with(&" ".repeat(20)), "{fact}");
    }
}
