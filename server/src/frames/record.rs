//! Frames in the words of the API.

use sluice_shared::lab::{Answer, CloseRecord, FrameRecord, JoinedMessage, Opcode};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use super::fault::close_meaning;
use super::way::Frame;

/// A frame as the API tells it.
pub(super) fn record(
    frame: &Frame,
    number: u64,
    direction: Direction,
    answers: Option<Answer>,
    at: Time,
) -> FrameRecord {
    let header = &frame.header;
    let plain = frame.plain();
    FrameRecord {
        number,
        at,
        direction,
        fin: header.fin(),
        rsv: header.rsv(),
        opcode: header.opcode(),
        header: hex(header.wire()),
        mask: header.mask.map(|mask| hex(&mask)),
        length: header.length,
        wire: hex(&frame.wire),
        close: (frame.opcode() == Opcode::Close).then(|| close(&plain)),
        plain: header.mask.map(|_| hex(&plain)),
        message: frame.place.map(|(message, _)| message),
        fragment: frame.place.map(|(_, fragment)| fragment),
        joined: frame.joined.as_ref().map(|(fragments, bytes, plain)| JoinedMessage {
            fragments: *fragments,
            bytes: *bytes,
            plain: hex(plain),
        }),
        is_between: frame.is_between,
        answers,
        faults: frame.faults.iter().map(ToString::to_string).collect(),
    }
}

fn close(plain: &[u8]) -> CloseRecord {
    let code = plain.first_chunk().map(|code| u16::from_be_bytes(*code));
    let meaning = match code {
        None => "no code",
        Some(code) => close_meaning(code).unwrap_or("a code that must not be sent"),
    };
    let reason = String::from_utf8_lossy(plain.get(2..).unwrap_or_default()).into_owned();
    CloseRecord { code, meaning: meaning.to_owned(), reason }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
