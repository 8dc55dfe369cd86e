//! Somebody who copies packets: its settings, its report from JSON, and what came of it in HTML.

use sluice_shared::lab::{
    OriginalFate, PathFrame, PathFrameKind, Spoof, SpoofPath, SpoofReport, SwitchReport, Volume,
};
use sluice_shared::time::micros;

use crate::features::frames::model::push_text;
use crate::features::migration::lanes::PageLane;
use crate::features::migration::lanes::name_of;
use crate::features::migration::read;
use sluice_browser::json::Json;
use sluice_text::format;
use sluice_text::format::exact_span;

/// The settings.
pub(crate) const SETTINGS: &str = "<button type=button data-testid=spoof data-act=spoof title=\"Somebody on the path copies the \
     next packets of each WebTransport session, and the copies arrive first, from another address\">Spoof address</button>\
     <select data-testid=spoof-packets data-field=copies aria-label=\"Packets that are copied\"><option value=1>1 packet\
     <option value=4>4 packets<option value=16>16 packets</select><label><input type=checkbox data-testid=spoof-drop \
     data-field=drop>and drop the originals</label><span class=note>The attacker is mute: the path to it is not validated, \
     and the client’s next packet brings the server back.</span></div><div class=settings>";

/// Where it is told what came of it.
pub(crate) const CARD: &str = "<section class=ladder-card aria-label=\"Spoofed address\" data-part=spoof-card data-state=empty><div class=card-head>\
     <h3>Spoofed address</h3></div><div class=table-scroll data-testid=spoofed data-part=spoofed></div></section>";

/// What is asked for.
pub(crate) fn wanted(packets: Option<String>, drops: bool) -> Spoof {
    let packets = packets.and_then(|packets| packets.parse().ok()).unwrap_or(1);
    Spoof { packets, original: if drops { OriginalFate::Dropped } else { OriginalFate::Follows } }
}

/// A report; `None` when it is none.
pub(crate) fn report(json: &Json) -> Option<SpoofReport> {
    Some(SpoofReport {
        number: json.whole("number")?,
        at: json.time("at")?,
        packets: json.count("packets").try_into().ok()?,
        original: if json.text("original")? == OriginalFate::Dropped.name() {
            OriginalFate::Dropped
        } else {
            OriginalFate::Follows
        },
        problem: json.text("problem"),
        paths: json.list("paths").filter_map(|told| path(&told)).collect(),
    })
}

fn path(json: &Json) -> Option<SpoofPath> {
    let volume = |name| {
        let json = json.get(name);
        Volume { packets: json.count("packets"), bytes: json.count("bytes") }
    };
    Some(SpoofPath {
        flow: json.whole("flow")?,
        lane: json.whole("lane").and_then(|lane| lane.try_into().ok()),
        client_address: json.text("client_address")?,
        attacker_address: json.text("attacker_address")?,
        copied: volume("copied"),
        reflected: volume("reflected"),
        copied_at: json.time("copied_at"),
        turned_at: json.time("turned_at"),
        returned_at: json.time("returned_at"),
        frames: json.list("frames").filter_map(|told| read::frame(&told)).collect(),
        more_frames: json.count("more_frames"),
        before: read::state(json, "before"),
        after: read::state(json, "after"),
        data_packets: json.count("data_packets"),
        last_data_at: json.time("last_data_at"),
        is_open: json.flag("is_open"),
        watched_until: json.time("watched_until"),
    })
}

/// [`SpoofReport::MOST_AMPLIFIED`], and what quinn adds: `docs/migration.md` says why.
const LIMIT: &str = "limit 3×, and up to 2.7\u{a0}KB for each turn";

/// A fact's test id, its title, what it means, and how it is told: its raw value and its text.
type Row = (&'static str, &'static str, &'static str, fn(&SpoofPath) -> (String, String));

const ROWS: [Row; 7] = [
    ("attacker", "Attacker", "The address that the copies came from, and the client's own", |path| {
        let text = [&*path.attacker_address, ", client ", &path.client_address].concat();
        (path.attacker_address.clone(), text)
    }),
    ("copied", "Copied", "Sent to the server from the attacker's address", |path| {
        (path.copied.bytes.to_string(), volume(path.copied))
    }),
    (
        "reflected",
        "Came back there",
        "RFC 9000 §8.1 allows three times what came from an address that is not validated. quinn lets one more datagram \
         and one probe of the path's MTU pass each time that it turns there",
        reflected,
    ),
    ("asked", "PATH_<wbr>CHALLENGE there", "Nobody answers: the path is not validated", |path| {
        let asked = challenges(path, true).count().to_string();
        let text = if path.turned_at.is_none() { "none" } else { "no answer, path not validated" };
        (asked.clone(), [&*asked, ": ", text].concat())
    }),
    ("answered", "PATH_<wbr>CHALLENGE to the client", "The client answers for its own address", answered),
    (
        "away",
        "Server away for",
        "From its first packet to the attacker's address until it sends data to the client's again",
        |path| match (path.turned_at, path.returned_at) {
            (Some(turned), Some(returned)) => {
                let away = micros(returned.since(turned));
                (away.to_string(), exact_span(away))
            }
            (Some(_), None) => (String::new(), "not back yet".to_owned()),
            (None, _) => (String::new(), "not at all".to_owned()),
        },
    ),
    (
        "session",
        "Session",
        "Data that reached the client by the same connection since the server is back",
        session,
    ),
];

/// The last time that somebody copied packets.
pub(crate) fn html(report: &SpoofReport, lanes: &[PageLane]) -> String {
    let mut html = String::new();
    if let Some(problem) = &report.problem {
        html.push_str("<p class=hint>");
        push_text(&mut html, problem);
        html.push_str("</p>");
    }
    if report.paths.is_empty() {
        return html + "<p class=hint>No QUIC connection was there when it happened.</p>";
    }
    html.push_str("<table class=moved><thead><tr><th></th>");
    for path in &report.paths {
        html.push_str("<th data-of=webtransport>");
        let connection = "connection ".to_owned() + &path.flow.to_string();
        push_text(&mut html, &path.lane.map_or(connection, |lane| name_of(lanes, lane)));
        html.push_str("</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for (id, title, meaning, told) in ROWS {
        html.extend(["<tr><th title=\"", meaning, "\">", title, "</th>"]);
        for (value, text) in report.paths.iter().map(told) {
            html.extend(["<td data-testid=spoofed-", id, " data-value=\""]);
            push_text(&mut html, &value);
            html.push_str("\">");
            push_text(&mut html, &text);
            html.push_str("</td>");
        }
        html.push_str("</tr>");
    }
    html + "</tbody></table>"
}

fn volume(volume: Volume) -> String {
    let packets = if volume.packets == 1 { " packet, " } else { " packets, " };
    [&*format::count(volume.packets), packets, &format::bytes(volume.bytes)].concat()
}

fn reflected(path: &SpoofPath) -> (String, String) {
    let mut text = volume(path.reflected);
    if path.copied.bytes > 0 {
        let ratio = path.reflected.bytes as f64 / path.copied.bytes as f64;
        text.extend([" = ", &*format::factor(ratio), " (", LIMIT, ")"]);
    }
    (path.reflected.bytes.to_string(), text)
}

fn challenges(path: &SpoofPath, is_to_attacker: bool) -> impl Iterator<Item = &PathFrame> {
    path.frames.iter().filter(move |frame| {
        frame.kind == PathFrameKind::Challenge && frame.is_to_old_address == is_to_attacker
    })
}

/// The value is how many challenges the client has answered.
fn answered(path: &SpoofPath) -> (String, String) {
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
    (answered, text)
}

/// The value says what became of it.
fn session(path: &SpoofPath) -> (String, String) {
    let (value, text) = match (path.is_open, path.data_packets) {
        (false, _) => ("gone", "the connection is not there any more".to_owned()),
        (true, 0) => ("waiting", "waiting for data".to_owned()),
        (true, packets) => {
            ("stayed", ["stayed: ", &format::count(packets), " packets with data since"].concat())
        }
    };
    (value.to_owned(), text)
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::PathState;
    use sluice_shared::link::Direction;

    use super::*;
    use crate::features::migration::samples::at;

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

    fn value(html: &str, id: &str) -> String {
        let (_, rest) =
            html.split_once(&format!("data-testid={id} data-value=\"")).expect("the fact is there");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_came_of_it_is_told_in_facts() {
        let html = html(&attacked(), &[]);
        for (id, expected) in [
            ("spoofed-attacker", "127.0.0.2:41000"),
            ("spoofed-copied", "49"),
            ("spoofed-reflected", "2526"),
            ("spoofed-asked", "1"),
            ("spoofed-answered", "1"),
            ("spoofed-away", "21000"),
            ("spoofed-session", "stayed"),
        ] {
            assert_eq!(value(&html, id), expected, "{id}");
        }
        assert!(html.contains("52×"), "{html}");
        assert!(LIMIT.contains(&format!("{}×", SpoofReport::MOST_AMPLIFIED)));
        assert!(html.contains("2, answered 1"), "{html}");
    }

    #[test]
    fn what_was_not_seen_is_not_claimed() {
        let mut report = attacked();
        report.paths[0] = SpoofPath { is_open: false, ..SpoofPath { flow: 3, ..SpoofPath::default() } };
        let told = html(&report, &[]);
        assert_eq!(value(&told, "spoofed-session"), "gone");
        assert_eq!(value(&told, "spoofed-away"), "");
        report.paths.clear();
        assert!(html(&report, &[]).contains("No QUIC connection was there"));
    }

    #[test]
    fn one_packet_is_copied_unless_more_are_asked_for() {
        assert_eq!(wanted(None, false), Spoof::default());
        let many = Spoof { packets: 16, original: OriginalFate::Dropped };
        assert_eq!(wanted(Some("16".to_owned()), true), many);
    }
}
