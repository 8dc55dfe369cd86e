//! Facts of a change of networks, with a column for each connection. Called by the change card; the drawing
//! and the effects use its gap functions. Unknown values stay empty, never zero.

use core::cmp::Ordering;

use sluice_shared::lab::{
    IdChange, IdFrames, PathChange, PathFrameKind, PathState, QuicPathChange, SwitchReport, TcpFate,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::{Time, micros};
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::migration::model::effect::ChangeEffect;
use crate::features::migration::model::fact::{Fact, FactColumn, FactRow, FactTable};
use crate::features::migration::model::lane::{PageLane, name_of};
use crate::features::migration::model::lane_facts;

/// Text shown until the server knows the new path.
const WAITS_FOR_CLIENT: &str =
    "waiting for a packet of the client: the server learns the new path from nothing else";
/// Relative difference below which two round-trip times count as equal.
const SAME_RTT: f64 = 0.25;

/// Quantity: suffix of the test id after the transport's name, title, definition, and the function that
/// returns a connection's fact.
type Row = (&'static str, &'static str, &'static str, fn(&SwitchReport, &PathChange) -> Option<Fact>);

const ROWS: [Row; 9] = [
    ("address", "Client's address", "As the server sees it.", address),
    (
        "client-ids",
        "Client sends to",
        "The connection ID in the client's packets, chosen by the server (RFC 9000 §5.1).",
        |_, path| {
            path.quic.as_ref().map(|quic| ids(&quic.client_sends_to, quic.ids_by_server, quic.ids_by_client))
        },
    ),
    (
        "server-ids",
        "Server sends to",
        "The connection ID in the server's packets, chosen by the client.",
        |_, path| {
            path.quic.as_ref().map(|quic| ids(&quic.server_sends_to, quic.ids_by_client, quic.ids_by_server))
        },
    ),
    (
        "cwnd",
        "Congestion window",
        "Starts anew with another host, but not with another port alone (RFC 9000 §9.4).",
        |_, path| {
            path.quic.as_ref().map(|quic| states(quic, |state| state.cwnd_bytes, cwnd_verdict, format::bytes))
        },
    ),
    (
        "rtt",
        "Round trip",
        "The server's estimate just before the change, and at its first packet by the new path.",
        |_, path| {
            path.quic.as_ref().map(|quic| states(quic, |state| state.rtt_micros, rtt_verdict, format::span))
        },
    ),
    (
        "challenges",
        "PATH_CHALLENGE",
        "Frames with eight unguessable bytes (RFC 9000 §8.2), as decrypted on the way; below, the count of the server’s QUIC.",
        |_, path| path.quic.as_ref().map(|quic| frames(quic, PathFrameKind::Challenge)),
    ),
    ("responses", "PATH_RESPONSE", "The same eight bytes, returned from the new address.", |_, path| {
        path.quic.as_ref().map(|quic| frames(quic, PathFrameKind::Response))
    }),
    ("lost", "Lost to the old address", "Packets of the server that no one receives any more.", lost),
    (
        "gap",
        "Gap",
        "From the last packet by the old path to the first data by the new one, at the client.",
        gap_fact,
    ),
];

/// Returns the facts of a change, with the effects on the lanes in the order of its paths.
pub(crate) fn table(switch: &SwitchReport, lanes: &[PageLane], effects: &[ChangeEffect]) -> FactTable {
    let columns =
        switch.paths.iter().map(|path| FactColumn { transport: path.transport, title: title(path, lanes) });
    let named = |id: &str, path: &PathChange, fact: Option<Fact>| {
        fact.map(|fact| Fact { id: ["switched-", path.transport.name(), "-", id].concat(), ..fact })
    };
    let network = ROWS.into_iter().map(|(id, title, meaning, fact)| FactRow {
        title,
        meaning,
        cells: switch.paths.iter().map(|path| named(id, path, fact(switch, path))).collect(),
    });
    let of_lanes = lane_facts::ROWS.into_iter().map(|(id, title, meaning, fact)| FactRow {
        title,
        meaning,
        cells: switch
            .paths
            .iter()
            .zip(effects)
            .map(|(path, effect)| named(id, path, fact(effect, path.transport.name())))
            .collect(),
    });
    FactTable { columns: columns.collect(), rows: network.chain(of_lanes).collect() }
}

/// Returns a connection's title: its lane's name, or its number.
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

/// Returns the length of the client's gap, µs; `None` until it is over.
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

/// Returns the end of the client's gap.
pub(crate) fn gap_end(path: &PathChange) -> Option<Time> {
    let gap = i64::try_from(gap_micros(path)?).ok()?;
    let began = path.old_down.arrived_at.or_else(|| path.tcp.map(|tcp| tcp.cut_at))?;
    Some(began.shifted_by_micros(gap))
}

fn address(_: &SwitchReport, path: &PathChange) -> Option<Fact> {
    let is_known = path.quic.as_ref().is_none_or(|quic| quic.new_up.arrived_at.is_some());
    let new_address = path.new_address.as_ref().filter(|_| is_known);
    let old = path.old_address.as_str();
    Some(match (new_address, path.transport) {
        (Some(new), _) => Fact::new(new, [old, " → ", new].concat()),
        (None, Transport::WebTransport) => Fact::new("", old).note(WAITS_FOR_CLIENT.to_owned()),
        (None, Transport::WebSocket) => {
            Fact::new("", old).note("waiting for the lane's next connection".to_owned())
        }
    })
}

/// Returns how a connection ID changed; the value says whether it did. The peer that chose an ID announces it
/// (`NEW_CONNECTION_ID`), and the peer that sends to it retires it (`RETIRE_CONNECTION_ID`).
fn ids(change: &IdChange, chooser: IdFrames, sender: IdFrames) -> Fact {
    let short = |id: &Option<String>| match id.as_deref() {
        None => "–".to_owned(),
        Some("") => "no bytes".to_owned(),
        Some(hex) if hex.len() > 12 => [hex.get(..8).unwrap_or(hex), "…"].concat(),
        Some(hex) => hex.to_owned(),
    };
    let (value, text) = match (&change.before, &change.after) {
        (_, None) => ("", short(&change.before)),
        (before, Some(after)) if before.as_ref() == Some(after) && after.is_empty() => {
            ("kept", short(before))
        }
        (before, after) if before == after => ("kept", short(after) + " kept"),
        (before, after) => ("changed", [&*short(before), " → ", &short(after)].concat()),
    };
    let (announced, retired) = (chooser.announced, sender.retired);
    let is_any = announced + retired > 0;
    Fact::new(value, text).note_if(is_any.then(|| format!("{announced} announced, {retired} retired since")))
}

/// Returns the server's state before and after; the value is the one after.
fn states(
    quic: &QuicPathChange,
    figure: fn(&PathState) -> u64,
    verdict: fn(u64, u64) -> &'static str,
    text: fn(u64) -> String,
) -> Fact {
    let known = |state: Option<PathState>| state.as_ref().map(figure);
    let (before, after) = (known(quic.before), known(quic.after));
    let shown = |figure: Option<u64>| figure.map_or_else(|| "–".to_owned(), text);
    let value = after.map_or_else(String::new, |after| after.to_string());
    let text = if before.is_none() && after.is_none() {
        "–".to_owned()
    } else {
        [&*shown(before), " → ", &shown(after)].concat()
    };
    Fact::new(value, text).note_if(before.zip(after).map(|(before, after)| verdict(before, after).to_owned()))
}

fn cwnd_verdict(before: u64, after: u64) -> &'static str {
    match after.cmp(&before) {
        Ordering::Less => "smaller: started anew",
        Ordering::Equal => "the same",
        Ordering::Greater => "larger",
    }
}

fn rtt_verdict(before: u64, after: u64) -> &'static str {
    let (before, after) = (before as f64, after as f64);
    if (after - before).abs() <= before.max(2_000.0) * SAME_RTT { "kept" } else { "started anew" }
}

/// Returns the number of frames of a kind; for responses also the duration of the path validation.
fn frames(quic: &QuicPathChange, kind: PathFrameKind) -> Fact {
    let of_kind = quic.frames.iter().filter(|frame| frame.kind == kind);
    let count = of_kind.clone().count().to_string();
    let to_old = of_kind.filter(|frame| frame.is_to_old_address).count();
    let mut text = count.clone();
    if to_old > 0 {
        text.extend([", ", &*to_old.to_string(), " to the old address"]);
    }
    let later = quic.more_frames;
    let counted = quic.counted.map(|counted| {
        let (sent, received) = match kind {
            PathFrameKind::Challenge => (counted.challenges_sent, counted.challenges_received),
            PathFrameKind::Response => (counted.responses_sent, counted.responses_received),
        };
        format!("server’s QUIC: {sent} sent, {received} received")
    });
    let validated = match kind {
        PathFrameKind::Response => validated_micros(quic),
        PathFrameKind::Challenge => None,
    };
    Fact::new(count, text)
        .note_if((later > 0).then(|| format!("and {later} of both kinds later")))
        .note_if(counted)
        .note_if(validated.map(|micros| "path validated in ".to_owned() + &exact_span(micros)))
}

/// Returns the time from a challenge sent by the server on the new path to its response.
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

fn lost(switch: &SwitchReport, path: &PathChange) -> Option<Fact> {
    let quic = path.quic.as_ref()?;
    let last = quic.lost_until.map(|until| "the last ".to_owned() + &offset_text(switch.at, until));
    Some(Fact::new(quic.lost_packets.to_string(), format::count(quic.lost_packets)).note_if(last))
}

fn gap_fact(switch: &SwitchReport, path: &PathChange) -> Option<Fact> {
    let fact = match gap_micros(path) {
        Some(gap) => Fact { is_main: true, ..Fact::new(gap.to_string(), exact_span(gap)) },
        None => Fact::new("", "not over"),
    };
    let Some(tcp) = path.tcp else { return Some(fact) };
    let next = tcp.next.unwrap_or_default();
    let first = match switch.tcp {
        TcpFate::Told => "both ends notified",
        TcpFate::Silent => "silent from",
    };
    let steps = [
        (first, Some(tcp.cut_at)),
        ("SYN", next.syn_at),
        ("established", next.established_at),
        ("first byte", next.first_byte_at),
    ];
    let step = |(name, at): (&str, Option<Time>)| Some([name, " ", &offset_text(switch.at, at?)].concat());
    let steps: Vec<String> = steps.into_iter().filter_map(step).collect();
    Some(fact.note(steps.join(", ")))
}

/// Formats a moment as its signed distance from the change.
pub(crate) fn offset_text(change: Time, moment: Time) -> String {
    let (sign, span) =
        if moment < change { ("−", change.since(moment)) } else { ("+", moment.since(change)) };
    sign.to_owned() + &exact_span(micros(span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::model::samples;

    #[test]
    fn both_transports_have_their_facts() {
        let table = table(&samples::switch(), &[], &[]);
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
            assert_eq!(table.values(id), [expected], "{id}");
        }
        let text = table.text();
        assert!(text.contains("server’s QUIC: 2 sent, 0 received"), "{text}");
        assert!(text.contains("server’s QUIC: 0 sent, 1 received"), "{text}");
        assert!(text.contains("path validated in 100.0\u{a0}ms"), "{text}");
        assert!(text.contains("SYN +180.0\u{a0}ms, established +280.0\u{a0}ms"), "{text}");
        assert_eq!(text.matches("started anew").count(), 2, "{text}");
    }

    #[test]
    fn unknown_facts_have_no_value() {
        let mut switch = samples::switch();
        switch.paths[0].quic = Some(QuicPathChange::default());
        switch.paths[1].tcp = Some(Default::default());
        switch.paths[1].new_address = None;
        let table = table(&switch, &[], &[]);
        let text = table.text();
        assert!(text.contains(WAITS_FOR_CLIENT), "{text}");
        assert_eq!(text.matches("not over").count(), 2, "{text}");
        for id in ["switched-webtransport-gap", "switched-webtransport-address", "switched-webtransport-cwnd"]
        {
            assert_eq!(table.values(id), [""], "{id}");
        }
    }

    #[test]
    fn a_path_that_was_kept_is_called_so() {
        assert_eq!((cwnd_verdict(14_720, 14_720), rtt_verdict(100_000, 110_000)), ("the same", "kept"));
        assert_eq!(rtt_verdict(1_000, 333_000), "started anew");
    }
}
