//! What the bytes of a lane's WebSocket say, as it is shown.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_shared::lab::{FrameEvent, FrameRecord, FrameTotals, Opcode, UpgradeRecord, WEBSOCKET_GUID};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use sluice_text::format;

/// Frames that are shown.
const SHOWN: usize = 40;
/// Frames of each of the two sorts, data and control, that are kept to choose from.
const KEPT: usize = 80;
/// Bytes in a line of a dump.
const LINE_BYTES: usize = 8;
/// What a rule that a frame breaks stands behind.
const BROKEN: &str = "breaks a rule";

/// What was told of a lane's connection.
#[derive(Clone, Debug, Default)]
pub struct FrameLog {
    connection: Option<u64>,
    data: VecDeque<Arc<FrameRecord>>,
    /// They are rare, so a flood of data must not drive them out.
    control: VecDeque<Arc<FrameRecord>>,
    /// The opening handshake.
    pub upgrade: Option<UpgradeRecord>,
    /// What has passed.
    pub counts: FrameCounts,
}

/// What has passed on a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// From the client.
    pub up: FrameTotals,
    /// From the server.
    pub down: FrameTotals,
    /// Frames that were not told one by one since the log began.
    pub skipped: u64,
    /// Why there is no more to come, if that is so.
    pub ended: Option<String>,
}

impl FrameCounts {
    /// All frames.
    pub fn frames(&self) -> u64 {
        Opcode::ALL.iter().map(|opcode| self.of(*opcode)).sum()
    }

    /// The frames of one kind.
    pub fn of(&self, opcode: Opcode) -> u64 {
        Opcode::ALL
            .iter()
            .position(|kind| *kind == opcode)
            .map_or(0, |at| self.up.frames[at] + self.down.frames[at])
    }

    /// In a sentence.
    pub fn text(&self) -> String {
        let mut text = format::count(self.frames()) + " frames";
        for opcode in Opcode::ALL {
            let count = self.of(opcode);
            if count > 0 {
                text += &[", ", &format::count(count), " ", opcode.name()].concat();
            }
        }
        if self.skipped > 0 {
            text += &["; ", &format::count(self.skipped), " of them too many to be listed"].concat();
        }
        if let Some(why) = &self.ended {
            text += "; ";
            text += why;
        }
        text
    }
}

impl FrameLog {
    /// Whether anything was told.
    pub const fn has_begun(&self) -> bool {
        self.connection.is_some()
    }

    /// Takes in what was told.
    pub fn take(&mut self, event: FrameEvent) {
        if self.connection != Some(event.connection) {
            *self = Self { connection: Some(event.connection), ..Self::default() };
        }
        if let Some(upgrade) = event.upgrade {
            self.upgrade = Some(upgrade);
        }
        for frame in event.frames {
            let sort = if frame.opcode & 0x8 == 0 { &mut self.data } else { &mut self.control };
            if sort.len() >= KEPT {
                sort.pop_front();
            }
            sort.push_back(Arc::new(frame));
        }
        let ended = event.has_ended.then(|| "the connection is over".to_owned());
        self.counts = FrameCounts {
            up: event.up,
            down: event.down,
            skipped: self.counts.skipped + event.skipped,
            ended: event.lost.or(ended),
        };
    }

    /// The newest frames, newest first; of one kind, if one is asked for.
    pub fn newest(&self, kind: Option<Opcode>) -> Vec<Arc<FrameRecord>> {
        let mut shown: Vec<_> = self
            .data
            .iter()
            .chain(&self.control)
            .filter(|frame| kind.is_none_or(|kind| kind == Opcode::from_number(frame.opcode)))
            .map(Arc::clone)
            .collect();
        shown.sort_unstable_by_key(|frame| u64::MAX - frame.number);
        shown.truncate(SHOWN);
        shown
    }
}

/// Frames as items of a list, in HTML; `time_of_day` says when, and the frame with the number `selected` stands out.
pub fn rows_html(
    frames: &[Arc<FrameRecord>],
    selected: Option<u64>,
    time_of_day: fn(Time) -> String,
) -> String {
    let mut html = String::new();
    for frame in frames {
        let millis = (1_000 + frame.at.as_micros() / 1_000 % 1_000).to_string();
        html += "<li data-testid=frame data-number=";
        html += &frame.number.to_string();
        html += " data-value=";
        html += Opcode::from_number(frame.opcode).name();
        if Some(frame.number) == selected {
            html += " aria-current=true";
        }
        if !frame.faults.is_empty() {
            html += " class=harm";
        }
        html += "><time>";
        html += &time_of_day(frame.at);
        html += ".";
        html += &millis[1..];
        html += "</time>";
        for column in columns(frame) {
            html += "<span>";
            push_text(&mut html, &column);
            html += "</span>";
        }
        html += "</li>";
    }
    html
}

/// What stands in a frame's columns.
fn columns(frame: &FrameRecord) -> [String; 5] {
    let opcode = Opcode::from_number(frame.opcode).name();
    let place = match (frame.message, frame.fragment) {
        (Some(message), Some(fragment)) if !frame.fin || fragment > 0 => {
            ["message ", &format::count(message), ", part ", &(fragment + 1).to_string()].concat()
        }
        (Some(message), _) => "message ".to_owned() + &format::count(message),
        (None, _) if frame.is_between => "between fragments".to_owned(),
        (None, _) => frame.answers.map_or_else(String::new, |answer| {
            ["answers ", &format::count(answer.number), " in ", &format::span(answer.rtt_micros)].concat()
        }),
    };
    let is_up = frame.direction == Direction::Up;
    [
        (if is_up { "↑ client" } else { "↓ server" }).to_owned(),
        opcode.to_owned() + if frame.fin { " FIN" } else { "" },
        format::bytes(frame.length),
        (if frame.mask.is_some() { "masked" } else { "" }).to_owned(),
        place,
    ]
}

/// What the bytes of a frame mean, in HTML.
pub fn detail_html(frame: &FrameRecord) -> String {
    let mut html = ["<div data-testid=frame-detail data-value=", &frame.number.to_string(), "><dl>"].concat();
    for (name, text) in explained(frame) {
        html += "<dt>";
        html += name;
        html += if name == BROKEN { "</dt><dd class=bad>" } else { "</dt><dd>" };
        push_text(&mut html, &text);
        html += "</dd>";
    }
    html += "</dl><div class=dumps>";
    let dumps = [("payload on the wire", Some(&frame.wire)), ("payload unmasked", frame.plain.as_ref())];
    for (name, hex) in dumps {
        if let Some(hex) = hex.filter(|hex| !hex.is_empty()) {
            push_pre(&mut html, name, &dump(hex));
        }
    }
    html + "</div></div>"
}

/// The opening handshake and whether its answer is the right one, in HTML.
pub fn upgrade_html(upgrade: &UpgradeRecord) -> String {
    let mut html = "<p>Upgrade: the accept key <b data-testid=upgrade-accept data-value=".to_owned();
    html += if upgrade.matches { "matches>matches" } else { "differs class=bad>differs" };
    html += "</b></p>";
    let sum = [
        "base64(SHA-1(\"",
        &upgrade.key,
        "\" + \"",
        WEBSOCKET_GUID,
        "\")) = ",
        &upgrade.expected,
        "\nSec-WebSocket-Accept: ",
        &upgrade.accept,
    ]
    .concat();
    push_pre(&mut html, "recomputed (RFC 6455 §4.2.2)", &sum);
    push_pre(&mut html, "request", upgrade.request.trim());
    push_pre(&mut html, "answer", upgrade.response.trim());
    html
}

fn push_pre(html: &mut String, name: &str, text: &str) {
    html.push_str("<figure><figcaption>");
    html.push_str(name);
    html.push_str("</figcaption><pre tabindex=0>");
    push_text(html, text);
    html.push_str("</pre></figure>");
}

/// Appends text that may hold anything.
pub fn push_text(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
}

/// What each part of a frame says: its name, and the explanation.
fn explained(frame: &FrameRecord) -> Vec<(&'static str, String)> {
    let header = bytes_of(&frame.header);
    let [first, second] = [0, 1].map(|at| header.get(at).copied().unwrap_or(0));
    let opcode = Opcode::from_number(frame.opcode);
    let fin =
        if frame.fin { "FIN 1: the last frame of its message" } else { "FIN 0: more of its message follows" };
    let rsv = if frame.rsv == 0 {
        "RSV 000: no extension"
    } else {
        "RSV set: an extension, but none was agreed on"
    };
    let masked = if frame.mask.is_some() { "MASK 1: a key follows" } else { "MASK 0: no key" };
    let form = match second & 0x7f {
        126 => "126: the next 16 bits are the length",
        127 => "127: the next 64 bits are the length",
        _ => "the 7 bits are the length",
    };
    let mut parts = vec![
        ("header", spaced(&frame.header)),
        ("byte 0", [&bits(first), " · ", fin, " · ", rsv, " · opcode ", opcode.name()].concat()),
        ("byte 1", [&bits(second), " · ", masked, " · ", form].concat()),
        ("length", format::bytes(frame.length)),
        ("masking key", frame.mask.as_deref().map_or_else(|| "none".to_owned(), spaced)),
    ];
    if let (Some(message), Some(fragment)) = (frame.message, frame.fragment) {
        let text = ["message ", &format::count(message), ", fragment ", &(fragment + 1).to_string()].concat();
        parts.push(("belongs to", text));
    }
    if let Some(joined) = &frame.joined {
        let count = joined.fragments.to_string();
        let plain = dump(&joined.plain).lines().next().unwrap_or_default().to_owned();
        parts.push(("joined", [&count, " fragments, ", &format::bytes(joined.bytes), ": ", &plain].concat()));
    }
    if frame.is_between {
        parts.push((
            "between",
            "a control frame may stand between the fragments of a message (§5.4)".to_owned(),
        ));
    }
    if let Some(answer) = frame.answers {
        let number = format::count(answer.number);
        parts.push((
            "answers",
            ["frame ", &number, ", sent ", &format::span(answer.rtt_micros), " before"].concat(),
        ));
    }
    if let Some(close) = &frame.close {
        let code = close.code.map_or_else(String::new, |code| code.to_string() + ", ");
        parts.push(("closes with", [&code, close.meaning.as_str(), " · ", &close.reason].concat()));
    }
    parts.extend(frame.faults.iter().map(|fault| (BROKEN, fault.clone())));
    parts.push(("why masked?", why_masked(frame)));
    parts
}

/// Why client frames must be masked and server frames need not be, on this very frame.
fn why_masked(frame: &FrameRecord) -> String {
    let start = |hex: &str| spaced(hex.get(..hex.len().min(12)).unwrap_or_default());
    match (&frame.mask, &frame.plain) {
        (Some(mask), Some(plain)) if !plain.is_empty() => [
            "The page wrote ",
            &start(plain),
            "; on the wire stands ",
            &start(&frame.wire),
            ", because the browser drew the key ",
            &spaced(mask),
            " after the page had spoken. So a script cannot choose the bytes on the wire, and cannot make a proxy that \
             does not know WebSocket take them for a request of HTTP and keep its answer for others (§10.3).",
        ]
        .concat(),
        (Some(_), _) => "There is nothing to mask in an empty payload, but the bit and the key are the rule for every \
                         frame of a client (§5.1)."
            .to_owned(),
        (None, _) if frame.direction == Direction::Up => {
            "It should be: a server must close the connection of a client that does not mask (§5.1).".to_owned()
        }
        (None, _) => [
            "Not masked: ",
            &start(&frame.wire),
            " is what the server wrote. A server is no script that a stranger put into a browser; whoever runs it can \
             send what they like anyway, so a mask would protect nobody (§5.1, §10.3).",
        ]
        .concat(),
    }
}

/// Hex as lines of eight bytes, with the characters beside them.
fn dump(hex: &str) -> String {
    let mut text = String::new();
    for line in bytes_of(hex).chunks(LINE_BYTES) {
        if !text.is_empty() {
            text.push('\n');
        }
        for at in 0..LINE_BYTES {
            match line.get(at) {
                Some(byte) => push_hex(&mut text, *byte),
                None => text.push_str("  "),
            }
            text.push(' ');
        }
        text.push(' ');
        text.extend(line.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '·' }));
    }
    text
}

fn push_hex(text: &mut String, byte: u8) {
    text.extend([byte >> 4, byte & 0xf].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)));
}

/// Hex with a space between bytes.
fn spaced(hex: &str) -> String {
    let mut text = String::new();
    for byte in bytes_of(hex) {
        if !text.is_empty() {
            text.push(' ');
        }
        push_hex(&mut text, byte);
    }
    text
}

/// Two groups of four bits.
fn bits(byte: u8) -> String {
    let bit = |at: u8| if byte >> at & 1 == 1 { '1' } else { '0' };
    (0..8).rev().flat_map(|at| [Some(bit(at)), (at == 4).then_some(' ')]).flatten().collect()
}

/// The bytes that hex stands for; what is no hex reads like 0.
fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).map_or(0, |value| value as u8);
    hex.as_bytes().chunks_exact(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64, opcode: u8) -> FrameRecord {
        let text = format!(
            r#"{{"number":{number},"at":0,"direction":"down","fin":true,"rsv":0,"opcode":{opcode},
                "header":"8205","length":5,"wire":"48656c6c6f","is_between":false}}"#
        );
        serde_json::from_str(&text).expect("the server's words")
    }

    fn event(connection: u64, frames: Vec<FrameRecord>) -> FrameEvent {
        let (up, down) = (FrameTotals::default(), FrameTotals::default());
        FrameEvent { connection, upgrade: None, frames, skipped: 2, up, down, lost: None, has_ended: false }
    }

    #[test]
    fn a_flood_of_data_does_not_drive_pings_out() {
        let mut log = FrameLog::default();
        log.take(event(0, vec![frame(0, 9)]));
        log.take(event(0, (1..500).map(|number| frame(number, 2)).collect()));
        assert_eq!(log.newest(None).len(), SHOWN);
        assert_eq!(log.newest(None)[0].number, 499);
        let pings = log.newest(Some(Opcode::Ping));
        assert_eq!(pings.iter().map(|frame| frame.number).collect::<Vec<_>>(), [0]);
        assert_eq!((log.data.len(), log.counts.skipped), (KEPT, 4));
        log.take(event(1, vec![frame(0, 2)]));
        assert_eq!((log.newest(None).len(), log.counts.skipped), (1, 2), "another connection");
    }

    #[test]
    fn whatever_was_said_stays_text() {
        let mut close = frame(3, 8);
        let reason = "<img src=x>".to_owned();
        close.close =
            Some(sluice_shared::lab::CloseRecord { code: Some(1000), meaning: String::new(), reason });
        close.wire = "3c623e".to_owned();
        let html = detail_html(&close);
        assert!(html.contains("&lt;img src=x&gt;") && html.contains("&lt;b&gt;"), "{html}");
        assert!(!html.contains("<img") && !html.contains("<b>"), "{html}");
        let request = "GET /<script> HTTP/1.1".to_owned();
        let (key, accept, expected) = ("k\"".to_owned(), "a".to_owned(), "e".to_owned());
        let (at, response) = (Time::ZERO, String::new());
        let html =
            upgrade_html(&UpgradeRecord { at, request, response, key, accept, expected, matches: false });
        assert!(html.contains("/&lt;script&gt; HTTP") && html.contains("differs"), "{html}");
    }

    #[test]
    fn a_row_says_what_the_frame_is() {
        let frames = [Arc::new(frame(7, 9)), Arc::new(frame(6, 2))];
        let html = rows_html(&frames, Some(7), |_| "12:00:00".to_owned());
        let rows: Vec<&str> = html.split("<li").skip(1).collect();
        assert_eq!(rows.len(), 2);
        assert!(
            rows[0].contains("data-number=7 data-value=ping aria-current=true><time>12:00:00.000"),
            "{html}"
        );
        assert!(rows[1].contains("↓ server") && !rows[1].contains("aria-current"), "{html}");
    }

    #[test]
    fn bytes_are_written_as_people_read_them() {
        assert_eq!(bits(0x82), "1000 0010");
        assert_eq!(spaced("8205ff"), "82 05 ff");
        let shown = dump("48656c6c6f00");
        assert!(shown.starts_with("48 65 6c 6c 6f 00 "), "{shown}");
        assert!(shown.ends_with(" Hello·"), "{shown}");
        assert_eq!(dump(&"41".repeat(17)).lines().count(), 3);
    }

    #[test]
    fn why_frames_are_masked_is_answered_on_the_frame_at_hand() {
        let said = |frame: &FrameRecord| explained(frame).pop().map(|(_, text)| text).expect("the last part");
        let of_server = frame(0, 2);
        assert!(said(&of_server).contains("48 65 6c 6c 6f is what the server wrote"), "{}", said(&of_server));
        let mut of_client = frame(0, 1);
        of_client.direction = Direction::Up;
        of_client.mask = Some("37fa213d".to_owned());
        of_client.plain = Some("48656c6c6f".to_owned());
        of_client.wire = "7f9f4d5158".to_owned();
        let text = said(&of_client);
        assert!(text.contains("wrote 48 65 6c 6c 6f; on the wire stands 7f 9f 4d 51 58"), "{text}");
        assert!(text.contains("the key 37 fa 21 3d"), "{text}");
    }
}
