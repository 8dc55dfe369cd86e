//! Explains a frame's bytes and the opening handshake (RFC 6455) for the frames view. Plain functions from
//! records to text: they never fail, and a frame that violates the RFC gets a part named [`BROKEN`].

use sluice_shared::lab::{FrameRecord, Opcode, UpgradeRecord, WEBSOCKET_GUID};
use sluice_shared::link::Direction;
use sluice_text::format;

/// Bytes per line of a dump.
const LINE_BYTES: usize = 8;
/// Name of the part that says which rule a frame violates.
pub const BROKEN: &str = "breaks a rule";

/// Returns the list cells of a frame, after its time.
pub fn columns(frame: &FrameRecord) -> [String; 5] {
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

/// Returns the dumps of a frame's payload as title and text; none for an empty payload.
pub fn dumps(frame: &FrameRecord) -> Vec<(&'static str, String)> {
    let dumps = [("payload on the wire", Some(&frame.wire)), ("payload unmasked", frame.plain.as_ref())];
    let dumps =
        dumps.into_iter().filter_map(|(title, hex)| Some((title, hex.filter(|hex| !hex.is_empty())?)));
    dumps.map(|(title, hex)| (title, dump(hex))).collect()
}

/// Returns the computation of a handshake's accept key.
pub fn accept_key(upgrade: &UpgradeRecord) -> String {
    [
        "base64(SHA-1(\"",
        &upgrade.key,
        "\" + \"",
        WEBSOCKET_GUID,
        "\")) = ",
        &upgrade.expected,
        "\nSec-WebSocket-Accept: ",
        &upgrade.accept,
    ]
    .concat()
}

/// Returns the parts of a frame: name and explanation.
pub fn explained(frame: &FrameRecord) -> Vec<(&'static str, String)> {
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

/// Explains masking with this frame: why client frames must be masked and server frames need not be.
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

/// Formats hex as lines of eight bytes, with their characters beside them.
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

/// Formats hex with a space between bytes.
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

/// Formats a byte as two groups of four bits.
fn bits(byte: u8) -> String {
    let bit = |at: u8| if byte >> at & 1 == 1 { '1' } else { '0' };
    (0..8).rev().flat_map(|at| [Some(bit(at)), (at == 4).then_some(' ')]).flatten().collect()
}

/// Parses hex into bytes; invalid digits count as 0.
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

    #[test]
    fn a_row_says_what_the_frame_is() {
        let [ping, data] = [frame(7, 9), frame(6, 2)].map(|frame| columns(&frame));
        assert_eq!(ping[..2], ["↓ server", "ping FIN"]);
        assert_eq!(
            data[1..4].iter().map(|cell| cell.replace('\u{a0}', " ")).collect::<Vec<_>>(),
            ["binary FIN", "5 B", ""]
        );
    }

    #[test]
    fn only_payloads_are_dumped() {
        let mut shown = frame(0, 2);
        assert_eq!(dumps(&shown).len(), 1);
        shown.wire.clear();
        assert_eq!(dumps(&shown), []);
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
