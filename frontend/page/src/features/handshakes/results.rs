//! The table of probes, in HTML: a row for each pair of twins.

use sluice_shared::handshake::{HandshakeReport, Probe, ProbeReport, RoundTrips, Spread};

use crate::features::frames::model::push_text;
use crate::features::handshakes::words::exact_span;
use crate::features::handshakes::words::pair_meaning;
use crate::features::handshakes::words::pair_title;
use crate::features::handshakes::words::trips_text;
use sluice_text::format;

const HEAD: &str = "<table class=probes><thead><tr><td></td><th colspan=4>HTTP/2 over TCP and TLS 1.3</th>\
    <th colspan=4>HTTP/3 over QUIC</th></tr><tr><th></th>";
const COLUMNS: &str = "<th title=\"From the client's first packet to the server's Finished\">secure</th>\
    <th title=\"From the client's first packet to the first byte of the final answer\">first byte</th>\
    <th title=\"IP packets and their bytes each way until the first byte\">sent + received</th><th>early data</th>";

/// All pairs that were probed; `chosen` is one of the pair whose ladder is shown.
pub(crate) fn table_html(report: &HandshakeReport, chosen: Probe) -> String {
    let mut html = [HEAD, COLUMNS, COLUMNS, "</tr></thead><tbody>"].concat();
    for [left, right] in pairs() {
        let sides = [left, right].map(|probe| report.probes.iter().find(|told| told.probe == probe));
        if sides == [None, None] {
            continue;
        }
        let is_chosen = chosen == left || chosen == right;
        html.extend([
            "<tr data-testid=pair-",
            left.name(),
            " data-pair=",
            left.name(),
            if is_chosen { " aria-current=true" } else { "" },
            "><th><button type=button title=\"",
        ]);
        push_text(&mut html, pair_meaning(left));
        html.extend(["\">", pair_title(left), "</button></th>"]);
        for side in sides {
            match side {
                Some(told) => push_side(&mut html, told),
                None => html.push_str("<td colspan=4>–</td>"),
            }
        }
        html.push_str("</tr>");
        for told in sides.into_iter().flatten() {
            push_stops(&mut html, told);
        }
    }
    html + "</tbody></table>"
}

/// TCP's probes beside their twins of QUIC, in the order in which they are shown.
pub(crate) fn pairs() -> impl Iterator<Item = [Probe; 2]> {
    Probe::ALL.chunks_exact(2).map(|pair| [pair[0], pair[1]])
}

fn push_side(html: &mut String, told: &ProbeReport) {
    let expected = told.probe.expected();
    push_time(html, told, "secure", told.secure, &told.secure_round_trips, expected.secure);
    push_time(html, told, "first-byte", told.first_byte, &told.first_byte_round_trips, expected.first_byte);
    push_cell(html, told.probe, "packets", told.packets_up + told.packets_down);
    html.extend([
        &*format::count(told.packets_up),
        " + ",
        &format::count(told.packets_down),
        "<small>",
        &format::bytes(told.bytes_up),
        " + ",
        &format::bytes(told.bytes_down),
        "</small></td>",
    ]);
    push_early(html, told);
}

/// A time, the round trips counted from the packets, and the expected ones where there are any.
fn push_time(
    html: &mut String,
    told: &ProbeReport,
    what: &str,
    spread: Option<Spread>,
    trips: &RoundTrips,
    expected: u32,
) {
    let name = told.probe.name();
    let Some(spread) = spread else {
        html.push_str("<td>–</td>");
        return;
    };
    html.extend([
        "<td data-testid=handshake-",
        name,
        "-",
        what,
        " data-value=",
        &spread.median_micros.to_string(),
        " title=\"",
        &exact_span(spread.min_micros),
        " to ",
        &exact_span(spread.max_micros),
        ", 95 % within ",
        &exact_span(spread.p95_micros),
        "\">",
        &exact_span(spread.median_micros),
    ]);
    let is_off = told.is_as_expected == Some(false) && !trips.are_all(expected, told.completed);
    html.extend([
        "<small><span data-testid=handshake-",
        name,
        "-",
        what,
        "-rtt data-value=",
        &trips.most_common().unwrap_or(0).to_string(),
        if is_off { " class=bad>" } else { ">" },
        &trips_text(trips),
        "</span>",
    ]);
    if told.is_as_expected.is_some() {
        html.extend([
            if is_off { " ≠ " } else { " = " },
            "<span class=expected>",
            &expected.to_string(),
            " expected</span>",
        ]);
    }
    html.push_str("</small></td>");
}

/// What became of early data and of what rode in it.
fn push_early(html: &mut String, told: &ProbeReport) {
    push_cell(html, told.probe, "early", u64::from(told.early.accepted));
    let of_runs = |count: u32, what: &str| {
        if count == told.runs {
            what.to_owned()
        } else {
            [what, " ", &count.to_string(), " of ", &told.runs.to_string()].concat()
        }
    };
    let mut parts = Vec::new();
    if told.early.accepted > 0 {
        parts.push(of_runs(told.early.accepted, "accepted"));
    }
    if told.early.rejected > 0 {
        parts.push(of_runs(told.early.rejected, "rejected"));
    }
    html.push_str(if parts.is_empty() { "none" } else { "" });
    html.push_str(&parts.join(", "));
    let is_post = matches!(told.probe, Probe::Http2EarlyPost | Probe::Http3ZeroRttPost);
    if told.requests > told.runs && !is_post {
        let texts = [told.answered_early, told.requests].map(|count| count.to_string());
        html.extend(["<small>", &texts[0], " of ", &texts[1], " GETs early</small>"]);
    }
    if told.too_early > 0 {
        html.extend(["<small>425 × ", &told.too_early.to_string(), "</small>"]);
    }
    if is_post {
        let texts = [told.effects, told.runs].map(|count| count.to_string());
        html.extend([
            "<small data-testid=handshake-",
            told.probe.name(),
            "-effects data-value=",
            &texts[0],
            if told.effects > told.runs { " class=bad>" } else { ">" },
            &texts[0],
            if told.effects == 1 { " effect of " } else { " effects of " },
            &texts[1],
            "</small>",
        ]);
    }
    html.push_str("</td>");
}

/// Opens a cell with its test id and its raw value.
fn push_cell(html: &mut String, probe: Probe, what: &str, value: u64) {
    html.extend([
        "<td data-testid=handshake-",
        probe.name(),
        "-",
        what,
        " data-value=",
        &value.to_string(),
        ">",
    ]);
}

/// Where runs stopped that got no answer.
fn push_stops(html: &mut String, told: &ProbeReport) {
    for stop in &told.stops {
        html.extend([
            "<tr class=stop><td colspan=9 data-testid=handshake-",
            told.probe.name(),
            "-stop data-value=",
        ]);
        html.extend([&*stop.runs.to_string(), ">", told.probe.title(), " stopped: "]);
        push_text(html, &stop.at);
        html.extend([
            ", after ",
            &format::span(stop.after_micros),
            ", ",
            &stop.runs.to_string(),
            " of ",
            &told.runs.to_string(),
            if told.runs == 1 { " run</td></tr>" } else { " runs</td></tr>" },
        ]);
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::handshake::{EarlyData, Stop};

    use super::*;
    use crate::features::handshakes::samples::probe;
    use crate::features::handshakes::samples::report;

    fn html(probes: Vec<ProbeReport>) -> String {
        table_html(&report(probes), Probe::Http3Cold)
    }

    #[test]
    fn twins_stand_in_one_row_with_their_counts() {
        let html = html(vec![probe(Probe::Http2Cold), probe(Probe::Http3Cold)]);
        assert_eq!(html.matches("data-testid=pair-").count(), 1);
        for fact in [
            "data-testid=handshake-http2-cold-first-byte data-value=200500",
            "data-testid=handshake-http2-cold-secure-rtt data-value=2>",
            "data-testid=handshake-http3-cold-secure-rtt data-value=1>",
            "data-pair=http2-cold aria-current=true",
        ] {
            assert!(html.contains(fact), "{fact} in {html}");
        }
        assert!(!html.contains("class=bad"), "{html}");
    }

    #[test]
    fn a_count_that_is_not_the_expected_one_is_marked_and_the_other_is_not() {
        let mut told = probe(Probe::Http2Cold);
        told.is_as_expected = Some(false);
        told.first_byte_round_trips = RoundTrips(vec![(3, 4), (4, 1)]);
        let html = html(vec![told]);
        assert_eq!(html.matches("class=bad").count(), 1, "{html}");
        assert!(html.contains("first-byte-rtt data-value=3 class=bad>3\u{a0}RTT (3–4)</span> ≠ "), "{html}");
        assert!(html.contains("<td colspan=4>–</td>"), "its twin was not probed: {html}");
    }

    #[test]
    fn where_packets_were_lost_nothing_is_expected() {
        let told = ProbeReport { is_as_expected: None, ..probe(Probe::Wss) };
        assert!(!html(vec![told]).contains("expected</span>"));
    }

    #[test]
    fn a_run_without_an_answer_says_where_it_stopped() {
        let stop = Stop { at: "no answer to the <SYN>".into(), runs: 5, after_micros: 7_100_000 };
        let told = ProbeReport {
            completed: 0,
            secure: None,
            first_byte: None,
            is_as_expected: None,
            stops: vec![stop],
            ..probe(Probe::Http2Cold)
        };
        let html = html(vec![told]);
        let sentence = "HTTP/2 cold stopped: no answer to the &lt;SYN&gt;, after 7.10\u{a0}s, 5 of 5 runs";
        assert!(html.contains(sentence), "{html}");
    }

    #[test]
    fn an_effect_whose_answer_got_lost_is_no_double_one() {
        let told = ProbeReport { completed: 0, effects: 5, ..probe(Probe::Http3ZeroRttPost) };
        let html = html(vec![told]);
        assert!(html.contains("data-value=5>5 effects of 5"), "{html}");
    }

    #[test]
    fn early_data_and_effects_are_told() {
        let mut told = probe(Probe::Http3ZeroRttPost);
        told.early = EarlyData { offered: 5, accepted: 4, rejected: 1 };
        told.too_early = 4;
        told.effects = 6;
        let html = html(vec![told]);
        assert!(html.contains("accepted 4 of 5, rejected 1 of 5"), "{html}");
        assert!(html.contains("425 × 4") && html.contains("class=bad>6 effects of 5"), "{html}");
    }
}
