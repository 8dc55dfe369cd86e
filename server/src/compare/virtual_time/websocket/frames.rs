//! WebSocket frames (RFC 6455 §5.2), as far as two well-behaved ends need them.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Items.
    Binary,
    /// Asks whether the other end is there.
    Ping,
    /// Answers a ping.
    Pong,
}

/// Who writes: what clients write is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Client,
    Server,
}

/// Appends a whole message in one frame, as tungstenite and browsers write them.
pub(super) fn write(out: &mut BytesMut, kind: Kind, payload: &[u8], writer: Writer) {
    let opcode = match kind {
        Kind::Binary => 0x2,
        Kind::Ping => 0x9,
        Kind::Pong => 0xa,
    };
    let mask_bit = match writer {
        Writer::Client => 0x80,
        Writer::Server => 0,
    };
    out.put_u8(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => out.put_u8(mask_bit | length),
        (_, Ok(length)) => {
            out.put_u8(mask_bit | 126);
            out.put_u16(length);
        }
        (_, Err(_)) => {
            out.put_u8(mask_bit | 127);
            out.put_u64(payload.len() as u64);
        }
    }
    if writer == Writer::Client {
        // A mask of zeros: as long as any other, and the payload stays what it is.
        out.put_u32(0);
    }
    out.extend_from_slice(payload);
}

/// Takes the next whole frame off the front of `input`.
pub(super) fn take(input: &mut BytesMut) -> Option<(Kind, Bytes)> {
    let mut head = &input[..];
    let first = head.try_get_u8().ok()?;
    let second = head.try_get_u8().ok()?;
    let length = match second & 0x7f {
        126 => u64::from(head.try_get_u16().ok()?),
        127 => head.try_get_u64().ok()?,
        short => u64::from(short),
    };
    if second & 0x80 != 0 {
        head.try_get_u32().ok()?;
    }
    let header = input.len() - head.len();
    let end = header.checked_add(usize::try_from(length).ok()?)?;
    if input.len() < end {
        return None;
    }
    let mut frame = input.split_to(end).freeze();
    frame.advance(header);
    let kind = match first & 0xf {
        0x9 => Kind::Ping,
        0xa => Kind::Pong,
        _ => Kind::Binary,
    };
    Some((kind, frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_long_as_the_standard_says() {
        for (payload, server, client) in
            [(0, 2, 6), (125, 127, 131), (126, 130, 134), (65_535, 65_539, 65_543), (65_536, 65_546, 65_550)]
        {
            for (writer, expected) in [(Writer::Server, server), (Writer::Client, client)] {
                let mut out = BytesMut::new();
                write(&mut out, Kind::Binary, &vec![7; payload], writer);
                assert_eq!(out.len(), expected, "{payload} {writer:?}");
                let (kind, read) = take(&mut out).expect("whole");
                assert_eq!((kind, read.len(), out.len()), (Kind::Binary, payload, 0));
            }
        }
    }

    #[test]
    fn a_frame_is_taken_when_it_is_whole() {
        let mut whole = BytesMut::new();
        write(&mut whole, Kind::Ping, &[], Writer::Server);
        write(&mut whole, Kind::Binary, &[1; 300], Writer::Server);
        let mut input = BytesMut::new();
        let mut taken = Vec::new();
        for byte in whole {
            input.put_u8(byte);
            taken.extend(take(&mut input).map(|(kind, payload)| (kind, payload.len())));
        }
        assert_eq!(taken, [(Kind::Ping, 0), (Kind::Binary, 300)]);
    }
}
