//! Facts of an on-path attacker that copies packets, with a column for each QUIC connection. Used by the card
//! of the last attack. The limit is that of RFC 9000 section 8.1 for unvalidated addresses.

use sluice_shared::lab::{PathFrame, PathFrameKind, SpoofPath, SpoofReport, SwitchReport, Volume};
use sluice_shared::mode::Transport;
use sluice_shared::time::micros;
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::migration::model::fact::{Fact, FactColumn, FactRow, FactTable};
use crate::features::migration::model::lane::{PageLane, name_of};

/// [`SpoofReport::MOST_AMPLIFIED`], and the addition by quinn; `docs/migration.md` explains why.
const LIMIT: &str = "limit 3×, and up to 2.7\u{a0}KB for each turn";

/// Quantity: test id, title, definition, and the function that returns a connection's fact.
type Row = (&'static str, &'static str, &'static str, fn(&SpoofPath) -> Fact);

const ROWS: [Row; 7] = [
    ("attacker", "Attacker", "The source address of the copies, and the client's own.", |path| {
        let text = [&*path.attacker_address, ", client ", &path.client_address].concat();
        Fact::new(&*path.attacker_address, text)
    }),
    ("copied", "Copied", "Sent to the server from the attacker's address.", |path| {
        Fact::new(path.copied.bytes.to_string(), volume(path.copied))
    }),
    (
        "reflected",
        "Came back there",
        "RFC 9000 §8.1 allows three times what came from an address that is not validated. quinn lets one more datagram \
         and one probe of the path's MTU pass each time that it turns there.",
        reflected,
    ),
    ("asked", "PATH_CHALLENGE there", "No one answers: the path is not validated.", |path| {
        let asked = challenges(path, true).count().to_string();
        let text = if path.turned_at.is_none() { "none" } else { "no answer, path not validated" };
        Fact::new(asked.as_str(), [&*asked, ": ", text].concat())
    }),
    ("answered", "PATH_CHALLENGE to the client", "The client answers for its own address.", answered),
    (
        "away",
        "Server away for",
        "From its first packet to the attacker's address until it sends data to the client's again.",
        |path| match (path.turned_at, path.returned_at) {
            (Some(turned), Some(returned)) => {
                let away = micros(returned.since(turned));
                Fact::new(away.to_string(), exact_span(away))
            }
            (Some(_), None) => Fact::new("", "not back yet"),
            (None, _) => Fact::new("", "not at all"),
        },
    ),
    (
        "session",
        "Session",
        "Data that reached the client by the same connection since the server is back.",
        session,
    ),
];

/// Returns the facts of an attack.
pub(crate) fn table(report: &SpoofReport, lanes: &[PageLane]) -> FactTable {
    let column = |path: &SpoofPath| FactColumn {
        transport: Transport::WebTransport,
        title: match path.lane {
            Some(lane) => name_of(lanes, lane),
            None => "connection ".to_owned() + &path.flow.to_string(),
        },
    };
    let row = |(id, title, meaning, fact): Row| {
        let cell = |path: &SpoofPath| Some(Fact { id: ["spoofed-", id].concat(), ..fact(path) });
        FactRow { title, meaning, cells: report.paths.iter().map(cell).collect() }
    };
    FactTable {
        columns: report.paths.iter().map(column).collect(),
        rows: ROWS.into_iter().map(row).collect(),
    }
}

fn volume(volume: Volume) -> String {
    let packets = if volume.packets == 1 { " packet, " } else { " packets, " };
    [&*format::count(volume.packets), packets, &format::bytes(volume.bytes)].concat()
}

fn reflected(path: &SpoofPath) -> Fact {
    let mut text = volume(path.reflected);
    if path.copied.bytes > 0 {
        let ratio = path.reflected.bytes as f64 / path.copied.bytes as f64;
        text.extend([" = ", &*format::factor(ratio), " (", LIMIT, ")"]);
    }
    Fact::new(path.reflected.bytes.to_string(), text)
}

fn challenges(path: &SpoofPath, is_to_attacker: bool) -> impl Iterator<Item = &PathFrame> {
    path.frames.iter().filter(move |frame| {
        frame.kind == PathFrameKind::Challenge && frame.is_to_old_address == is_to_attacker
    })
}

/// Returns the outcome of the challenges; the value is the number answered by the client.
fn answered(path: &SpoofPath) -> Fact {
    let response = |challenge: &&PathFrame| {
        path.frames.iter().any(|frame| {
            frame.kind == PathFrameKind::Response
                && frame.data == challenge.data
                && frame.arrived_at.is_some()
        })
    };
    let answered = challenges(path, false).filter(response).count().to_string();
    let all = challenges(path, false).count().to_string();
    let mut text = [&*all, ", answered ", &answered].concat();
    if path.more_frames > 0 {
        text.extend([" (the first ", &*SwitchReport::MAX_FRAMES.to_string(), " frames)"]);
    }
    Fact::new(answered, text)
}

/// Returns the state of the session; the value is the name of the outcome.
fn session(path: &SpoofPath) -> Fact {
    let (value, text) = match (path.is_open, path.data_packets) {
        (false, _) => ("gone", "the connection has ended".to_owned()),
        (true, 0) => ("waiting", "waiting for data".to_owned()),
        (true, packets) => {
            ("stayed", ["stayed: ", &format::count(packets), " packets with data since"].concat())
        }
    };
    Fact::new(value, text)
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{OriginalFate, PathState};
    use sluice_shared::link::Direction;

    use super::*;
    use crate::features::migration::model::samples::at;

    fn attacked() -> SpoofReport {
        let frame = |kind, direction, is_to_old_address, data: &str| PathFrame {
            kind,
            direction,
            is_to_old_address,
            sent_at: at(1),
            arrived_at: (!is_to_old_address).then(|| at(11)),
            data: data.to_owned(),
        };
        let state = PathState { cwnd_bytes: 12_000, rtt_micros: 333_000 };
        let path = SpoofPath {
            flow: 3,
            client_address: "127.0.0.1:40000".to_owned(),
            attacker_address: "127.0.0.2:41000".to_owned(),
            copied: Volume { packets: 1, bytes: 49 },
            reflected: Volume { packets: 2, bytes: 2_526 },
            copied_at: Some(at(0)),
            turned_at: Some(at(1)),
            returned_at: Some(at(22)),
            frames: vec![
                frame(PathFrameKind::Challenge, Direction::Down, true, "aa"),
                frame(PathFrameKind::Challenge, Direction::Down, false, "bb"),
                frame(PathFrameKind::Response, Direction::Up, false, "bb"),
                frame(PathFrameKind::Challenge, Direction::Down, false, "cc"),
            ],
            before: Some(state),
            after: Some(state),
            data_packets: 57,
            is_open: true,
            ..SpoofPath::default()
        };
        SpoofReport {
            number: 0,
            at: at(0),
            packets: 1,
            original: OriginalFate::Follows,
            problem: None,
            paths: vec![path],
        }
    }

    #[test]
    fn an_attack_has_its_facts() {
        let table = table(&attacked(), &[]);
        for (id, expected) in [
            ("spoofed-attacker", "127.0.0.2:41000"),
            ("spoofed-copied", "49"),
            ("spoofed-reflected", "2526"),
            ("spoofed-asked", "1"),
            ("spoofed-answered", "1"),
            ("spoofed-away", "21000"),
            ("spoofed-session", "stayed"),
        ] {
            assert_eq!(table.values(id), [expected], "{id}");
        }
        let text = table.text();
        assert!(text.contains("52×"), "{text}");
        assert!(LIMIT.contains(&format!("{}×", SpoofReport::MOST_AMPLIFIED)));
        assert!(text.contains("2, answered 1"), "{text}");
    }

    #[test]
    fn unknown_outcomes_are_not_claimed() {
        let mut report = attacked();
        report.paths[0] = SpoofPath { is_open: false, ..SpoofPath { flow: 3, ..SpoofPath::default() } };
        let table = table(&report, &[]);
        assert_eq!(table.values("spoofed-session"), ["gone"]);
        assert_eq!(table.values("spoofed-away"), [""]);
    }
}
