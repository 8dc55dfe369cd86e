//! Frames (RFC 9000 §19, RFC 9221 §4).

use super::cursor::Cursor;

/// A frame that somebody wants to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Part of the handshake.
    Crypto {
        /// Where it belongs.
        offset: u64,
        /// The bytes.
        data: &'a [u8],
    },
    /// Part of a stream.
    Stream {
        /// The stream.
        id: u64,
        /// The first byte's place in the stream.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// Whether the stream ends behind them.
        is_last: bool,
    },
    /// A datagram.
    Datagram {
        /// How many bytes.
        length: u64,
    },
    /// Everything else.
    Other,
}

/// Calls `see` for each frame of an opened packet, with its length; `None` when the payload is not understood to its
/// end.
pub(super) fn frames<'a>(payload: &'a [u8], mut see: impl FnMut(Frame<'a>, u64)) -> Option<()> {
    let mut cursor = Cursor::new(payload);
    while !cursor.is_empty() {
        let before = cursor.len();
        let frame = frame(&mut cursor)?;
        see(frame, (before - cursor.len()) as u64);
    }
    Some(())
}

fn frame<'a>(cursor: &mut Cursor<'a>) -> Option<Frame<'a>> {
    let kind = cursor.varint()?;
    let integers =
        |cursor: &mut Cursor<'a>, count: usize| (0..count).try_for_each(|_| cursor.varint().map(drop));
    match kind {
        // PADDING, PING, HANDSHAKE_DONE, IMMEDIATE_ACK
        0x00 | 0x01 | 0x1e | 0x1f => {}
        // ACK: largest, delay, ranges; with ECN counts three more.
        0x02 | 0x03 => {
            integers(cursor, 2)?;
            let ranges = cursor.varint()?;
            integers(cursor, 1)?;
            for _ in 0..ranges {
                integers(cursor, 2)?;
            }
            if kind == 0x03 {
                integers(cursor, 3)?;
            }
        }
        // RESET_STREAM; STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED; MAX_DATA, MAX_STREAMS, DATA_BLOCKED,
        // STREAMS_BLOCKED, RETIRE_CONNECTION_ID
        0x04 => integers(cursor, 3)?,
        0x05 | 0x11 | 0x15 => integers(cursor, 2)?,
        0x10 | 0x12 | 0x13 | 0x14 | 0x16 | 0x17 | 0x19 => integers(cursor, 1)?,
        0x06 => {
            let offset = cursor.varint()?;
            return Some(Frame::Crypto { offset, data: cursor.prefixed()? });
        }
        // NEW_TOKEN
        0x07 => drop(cursor.prefixed()?),
        0x08..=0x0f => return stream(kind, cursor),
        // NEW_CONNECTION_ID: number, retired, the ID, a reset token.
        0x18 => {
            integers(cursor, 2)?;
            let length = usize::from(cursor.u8()?);
            cursor.take(length)?;
            cursor.take(16)?;
        }
        // PATH_CHALLENGE, PATH_RESPONSE
        0x1a | 0x1b => drop(cursor.take(8)?),
        // CONNECTION_CLOSE, by QUIC (with a frame's type) and by the application.
        0x1c | 0x1d => {
            integers(cursor, if kind == 0x1c { 2 } else { 1 })?;
            cursor.prefixed()?;
        }
        // DATAGRAM, to the packet's end or with a length.
        0x30 => {
            let length = cursor.len() as u64;
            cursor.take(cursor.len())?;
            return Some(Frame::Datagram { length });
        }
        0x31 => return Some(Frame::Datagram { length: cursor.prefixed()?.len() as u64 }),
        // ACK_FREQUENCY (draft-ietf-quic-ack-frequency)
        0xaf => integers(cursor, 4)?,
        _ => return None,
    }
    Some(Frame::Other)
}

fn stream<'a>(kind: u64, cursor: &mut Cursor<'a>) -> Option<Frame<'a>> {
    let id = cursor.varint()?;
    let offset = if kind & 0x04 != 0 { cursor.varint()? } else { 0 };
    let data = if kind & 0x02 != 0 { cursor.prefixed()? } else { cursor.take(cursor.len())? };
    Some(Frame::Stream { id, offset, length: data.len() as u64, is_last: kind & 0x01 != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(payload: &[u8]) -> Option<Vec<Frame<'_>>> {
        let mut seen = Vec::new();
        frames(payload, |frame, _| seen.push(frame)).map(|()| seen)
    }

    #[test]
    fn streams_and_datagrams_are_found_among_the_rest() {
        let mut payload = vec![0x01, 0x02, 9, 0, 1, 0, 2, 3, 0x1a];
        payload.extend([1; 8]);
        payload.extend([0x0e, 3, 5, 2, b'h', b'i']);
        payload.extend([0x31, 1, b'x']);
        payload.extend([0x09, 7, b'y', b'z']);
        assert_eq!(
            all(&payload).expect("well formed"),
            [
                Frame::Other,
                Frame::Other,
                Frame::Other,
                Frame::Stream { id: 3, offset: 5, length: 2, is_last: false },
                Frame::Datagram { length: 1 },
                Frame::Stream { id: 7, offset: 0, length: 2, is_last: true },
            ]
        );
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_refused() {
        for payload in
            [&[0x02, 9][..], &[0x06, 0, 5, 1], &[0x0e, 3, 5, 9, 1], &[0x21], &[0x02, 0, 0, 0x3f, 0]]
        {
            assert_eq!(all(payload), None, "{payload:?}");
        }
    }
}
