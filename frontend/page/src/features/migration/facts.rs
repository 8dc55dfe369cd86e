//! A change of networks in numbers, in HTML: a column for each connection.

use core::cmp::Ordering;

use sluice_shared::lab::{
    IdChange, IdFrames, PathChange, PathFrameKind, PathState, QuicPathChange, SwitchReport, TcpFate,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::{Time, micros};

use crate::features::frames::model::push_text;
use crate::features::migration::lane_facts;
use crate::features::migration::lanes::PageLane;
use crate::features::migration::lanes::name_of;
use crate::features::migration::life::Story;
use crate::features::migration::scale::offset_micros;
use sluice_text::format;
use sluice_text::format::exact_span;

/// What stands where the server has not heard of the new path.
const WAITS_FOR_CLIENT: &str =
    "waiting for a packet of the client: the server learns the new path from nothing else";
/// How much a round trip may differ and count as the same.
const SAME_RTT: f64 = 0.25;

/// A fact's test id behind the transport's name, its title in HTML, what it means, and how it is told: its raw value and HTML.
type Row =
    (&'static str, &'static str, &'static str, fn(&SwitchReport, &PathChange) -> Option<(String, String)>);

const ROWS: [Row; 9] = [
    ("address", "Client's address", "As the server sees it", address),
    (
        "client-ids",
        "Client sends to",
        "The connection ID in the client's packets: the server has chosen it (RFC 9000 §5.1)",
        |_, path| {
            path.quic.as_ref().map(|quic| ids(&quic.client_sends_to, quic.ids_by_server, quic.ids_by_client))
        },
    ),
    (
        "server-ids",
        "Server sends to",
        "The connection ID in the server's packets: the client has chosen it",
        |_, path| {
            path.quic.as_ref().map(|quic| ids(&quic.server_sends_to, quic.ids_by_client, quic.ids_by_server))
        },
    ),
    (
        "cwnd",
        "Congestion window",
        "Another host begins anew, another port alone does not (RFC 9000 §9.4)",
        |_, path| {
            path.quic.as_ref().map(|quic| states(quic, |state| state.cwnd_bytes, cwnd_verdict, format::bytes))
        },
    ),
    (
        "rtt",
        "Round trip",
        "What the server knew just before, and with its first packet by the new path",
        |_, path| {
            path.quic.as_ref().map(|quic| states(quic, |state| state.rtt_micros, rtt_verdict, format::span))
        },
    ),
    (
        "challenges",
        "PATH_<wbr>CHALLENGE",
        "Eight bytes that nobody can guess (RFC 9000 §8.2), as opened on the way; below, what the server’s QUIC counts",
        |_, path| path.quic.as_ref().map(|quic| frames(quic, PathFrameKind::Challenge)),
    ),
    ("responses", "PATH_<wbr>RESPONSE", "The same eight bytes, back from the new address", |_, path| {
        path.quic.as_ref().map(|quic| frames(quic, PathFrameKind::Response))
    }),
    ("lost", "Lost to the old address", "Packets of the server that nobody gets any more", lost),
    (
        "gap",
        "Gap",
        "From the last packet by the old path to the first data by the new one, at the client",
        gap_cell,
    ),
];

/// The table, with the names that the page gives its lanes, and what they say of it.
pub(crate) fn html(switch: &SwitchReport, lanes: &[PageLane], stories: &[Story]) -> String {
    if switch.paths.is_empty() {
        return "<p class=hint>No connection was there when it happened.</p>".to_owned();
    }
    let mut html = "<table class=moved><thead><tr><th></th>".to_owned();
    for path in &switch.paths {
        html.extend(["<th data-of=", path.transport.name(), ">"]);
        push_text(&mut html, &title(path, lanes));
        html.push_str("</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for (id, title, meaning, told) in ROWS {
        push_row(&mut html, switch, (id, title, meaning), |_, path| told(switch, path));
    }
    for (id, title, meaning, told) in lane_facts::ROWS {
        let of_lane = |at: usize, path: &PathChange| told(stories.get(at)?, path.transport.name());
        push_row(&mut html, switch, (id, title, meaning), of_lane);
    }
    html + "</tbody></table>"
}

fn push_row(
    html: &mut String,
    switch: &SwitchReport,
    (id, title, meaning): (&str, &str, &str),
    told: impl Fn(usize, &PathChange) -> Option<(String, String)>,
) {
    html.extend(["<tr><th title=\"", meaning, "\">", title, "</th>"]);
    for (at, path) in switch.paths.iter().enumerate() {
        match told(at, path) {
            Some((value, text)) => {
                let name = path.transport.name();
                html.extend(["<td data-testid=switched-", name, "-", id, " data-value=\""]);
                push_text(html, &value);
                html.extend(["\">", &text, "</td>"]);
            }
            None => html.push_str("<td>–</td>"),
        }
    }
    html.push_str("</tr>");
}

/// A connection by its lane's name, or by its number.
pub(crate) fn title(path: &PathChange, lanes: &[PageLane]) -> String {
    let kind = match path.transport {
        Transport::WebTransport => "QUIC",
        Transport::WebSocket => "TCP",
    };
    let connection = path.flow.to_string();
    match path.lane.map(|lane| name_of(lanes, lane)) {
        Some(name) => [&*name, " · ", kind, " connection ", &connection].concat(),
        None => [kind, " connection ", &connection].concat(),
    }
}

/// How long the client got nothing, µs; `None` as long as that is not over.
pub(crate) fn gap_micros(path: &PathChange) -> Option<u64> {
    match (&path.quic, path.tcp) {
        (Some(quic), _) => quic.gap_micros,
        (None, Some(tcp)) => {
            let next = tcp.next?.first_byte_at?;
            Some(micros(next.since(path.old_down.arrived_at.unwrap_or(tcp.cut_at))))
        }
        (None, None) => None,
    }
}

/// When the gap was over.
pub(crate) fn gap_end(path: &PathChange) -> Option<Time> {
    let gap = i64::try_from(gap_micros(path)?).ok()?;
    let began = path.old_down.arrived_at.or_else(|| path.tcp.map(|tcp| tcp.cut_at))?;
    Some(began.shifted_by_micros(gap))
}

fn address(_: &SwitchReport, path: &PathChange) -> Option<(String, String)> {
    let mut html = String::new();
    push_text(&mut html, &path.old_address);
    let is_known = path.quic.as_ref().is_none_or(|quic| quic.new_up.arrived_at.is_some());
    match (&path.new_address, path.transport) {
        (Some(new), _) if is_known => {
            html.push_str(" → ");
            push_text(&mut html, new);
        }
        (_, Transport::WebTransport) => html.extend(["<small>", WAITS_FOR_CLIENT, "</small>"]),
        (_, Transport::WebSocket) => html.push_str("<small>waiting for the lane's next connection</small>"),
    }
    Some((path.new_address.clone().filter(|_| is_known).unwrap_or_default(), html))
}

/// The value says whether the ID is another one. Who has chosen an ID announces it, and who sends to it retires it.
fn ids(change: &IdChange, chooser: IdFrames, sender: IdFrames) -> (String, String) {
    let short = |id: &Option<String>| match id.as_deref() {
        None => "?".to_owned(),
        Some("") => "no bytes".to_owned(),
        Some(hex) if hex.len() > 12 => [hex.get(..8).unwrap_or(hex), "…"].concat(),
        Some(hex) => hex.to_owned(),
    };
    let (value, mut html) = match (&change.before, &change.after) {
        (_, None) => ("", short(&change.before)),
        (before, Some(after)) if before.as_ref() == Some(after) && after.is_empty() => {
            ("kept", short(before))
        }
        (before, after) if before == after => ("kept", short(after) + " kept"),
        (before, after) => ("changed", [&*short(before), " → ", &short(after)].concat()),
    };
    if chooser.announced + sender.retired > 0 {
        let (announced, retired) = (chooser.announced.to_string(), sender.retired.to_string());
        html.extend(["<small>", &announced, " announced, ", &retired, " retired since</small>"]);
    }
    (value.to_owned(), html)
}

/// What the server knew before and after; the value is what it knew after.
fn states(
    quic: &QuicPathChange,
    figure: fn(&PathState) -> u64,
    verdict: fn(u64, u64) -> &'static str,
    text: fn(u64) -> String,
) -> (String, String) {
    let told = |state: Option<PathState>| state.as_ref().map(figure);
    match (told(quic.before), told(quic.after)) {
        (Some(before), Some(after)) => {
            let html = [&*text(before), " → ", &text(after), " <small>", verdict(before, after), "</small>"];
            (after.to_string(), html.concat())
        }
        (Some(before), None) => (String::new(), text(before) + " → ?"),
        (None, Some(after)) => (after.to_string(), "? → ".to_owned() + &text(after)),
        (None, None) => (String::new(), "?".to_owned()),
    }
}

fn cwnd_verdict(before: u64, after: u64) -> &'static str {
    match after.cmp(&before) {
        Ordering::Less => "smaller: begun anew",
        Ordering::Equal => "the same",
        Ordering::Greater => "larger",
    }
}

fn rtt_verdict(before: u64, after: u64) -> &'static str {
    let (before, after) = (before as f64, after as f64);
    if (after - before).abs() <= before.max(2_000.0) * SAME_RTT { "kept" } else { "begun anew" }
}

/// How many frames of a kind were sent; of responses also how long the path took to be validated.
fn frames(quic: &QuicPathChange, kind: PathFrameKind) -> (String, String) {
    let of_kind = quic.frames.iter().filter(|frame| frame.kind == kind);
    let count = of_kind.clone().count();
    let to_old = of_kind.filter(|frame| frame.is_to_old_address).count();
    let mut html = count.to_string();
    if to_old > 0 {
        html.extend([", ", &to_old.to_string(), " to the old address"]);
    }
    if quic.more_frames > 0 {
        html.extend(["<small>and ", &quic.more_frames.to_string(), " of both kinds later</small>"]);
    }
    if let Some(counted) = quic.counted {
        let (sent, received) = match kind {
            PathFrameKind::Challenge => (counted.challenges_sent, counted.challenges_received),
            PathFrameKind::Response => (counted.responses_sent, counted.responses_received),
        };
        let (sent, received) = (sent.to_string(), received.to_string());
        html.extend(["<small>server’s QUIC: ", &sent, " sent, ", &received, " received</small>"]);
    }
    match kind {
        PathFrameKind::Response => {
            if let Some(micros) = validated_micros(quic) {
                html.extend(["<small>path validated in ", &exact_span(micros), "</small>"]);
            }
        }
        PathFrameKind::Challenge => {}
    }
    (count.to_string(), html)
}

/// From a challenge that the server has sent by the new path to its response.
fn validated_micros(quic: &QuicPathChange) -> Option<u64> {
    let mut challenges = quic.frames.iter().filter(|frame| {
        frame.kind == PathFrameKind::Challenge
            && frame.direction == Direction::Down
            && !frame.is_to_old_address
    });
    challenges.find_map(|challenge| {
        let mut responses = quic.frames.iter().filter(|frame| {
            frame.kind == PathFrameKind::Response
                && frame.direction == Direction::Up
                && frame.data == challenge.data
        });
        responses.find_map(|response| Some(micros(response.arrived_at?.since(challenge.sent_at))))
    })
}

fn lost(switch: &SwitchReport, path: &PathChange) -> Option<(String, String)> {
    let quic = path.quic.as_ref()?;
    let mut html = format::count(quic.lost_packets);
    if let Some(until) = quic.lost_until {
        html.extend(["<small>the last ", &after_text(switch.at, until), "</small>"]);
    }
    Some((quic.lost_packets.to_string(), html))
}

fn gap_cell(switch: &SwitchReport, path: &PathChange) -> Option<(String, String)> {
    let (value, mut html) = match gap_micros(path) {
        Some(gap) => (gap.to_string(), ["<b>", &exact_span(gap), "</b>"].concat()),
        None => (String::new(), "not over".to_owned()),
    };
    if let Some(tcp) = path.tcp {
        let next = tcp.next.unwrap_or_default();
        let steps =
            [("SYN", next.syn_at), ("established", next.established_at), ("first byte", next.first_byte_at)];
        let told = match switch.tcp {
            TcpFate::Told => "both ends told ",
            TcpFate::Silent => "silent from ",
        };
        html.extend(["<small>", told, &after_text(switch.at, tcp.cut_at)]);
        for (name, at) in steps {
            if let Some(at) = at {
                html.extend([", ", name, " ", &after_text(switch.at, at)]);
            }
        }
        html.push_str("</small>");
    }
    Some((value, html))
}

fn after_text(change: Time, moment: Time) -> String {
    let offset = offset_micros(change, moment);
    [if offset < 0.0 { "−" } else { "+" }, &exact_span(offset.abs() as u64)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::samples;

    fn value(html: &str, id: &str) -> String {
        let (_, rest) =
            html.split_once(&format!("data-testid={id} data-value=\"")).expect("the fact is there");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_was_seen_of_both_transports_is_told() {
        let html = html(&samples::switch(), &[], &[]);
        for (id, expected) in [
            ("switched-webtransport-gap", "142300"),
            ("switched-webtransport-challenges", "2"),
            ("switched-webtransport-responses", "1"),
            ("switched-webtransport-lost", "27"),
            ("switched-webtransport-client-ids", "kept"),
            ("switched-webtransport-cwnd", "14720"),
            ("switched-webtransport-address", "127.0.0.2:41000"),
            ("switched-websocket-gap", "444000"),
        ] {
            assert_eq!(value(&html, id), expected, "{id}");
        }
        assert!(html.contains("server’s QUIC: 2 sent, 0 received"), "{html}");
        assert!(html.contains("server’s QUIC: 0 sent, 1 received"), "{html}");
        assert!(html.contains("path validated in 100.0\u{a0}ms"), "{html}");
        assert!(html.contains("SYN +180.0\u{a0}ms, established +280.0\u{a0}ms"), "{html}");
        assert_eq!(html.matches("begun anew").count(), 2, "{html}");
    }

    #[test]
    fn what_was_not_seen_yet_is_said() {
        let mut switch = samples::switch();
        switch.paths[0].quic = Some(QuicPathChange::default());
        switch.paths[1].tcp = Some(Default::default());
        switch.paths[1].new_address = None;
        let html = html(&switch, &[], &[]);
        assert!(html.contains(WAITS_FOR_CLIENT), "{html}");
        assert_eq!(html.matches("not over").count(), 2, "{html}");
        assert_eq!(value(&html, "switched-webtransport-gap"), "");
        assert_eq!(value(&html, "switched-webtransport-address"), "");
    }

    #[test]
    fn a_path_that_was_kept_is_called_so() {
        assert_eq!((cwnd_verdict(14_720, 14_720), rtt_verdict(100_000, 110_000)), ("the same", "kept"));
        assert_eq!(rtt_verdict(1_000, 333_000), "begun anew");
    }
}
