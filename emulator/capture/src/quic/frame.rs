//! Frames (RFC 9000 §19, RFC 9221 §4).

use crate::cursor::Cursor;

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
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
        /// The bytes.
        data: &'a [u8],
        /// Whether the stream ends behind them.
        is_last: bool,
    },
    /// A datagram.
    Datagram {
        /// The bytes.
        data: &'a [u8],
    },
    /// What carries nothing for TLS or the application.
    Other(Control<'a>),
}

/// A frame by which the two ends of QUIC talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// PADDING: so many bytes of it in a row.
    Padding(u64),
    /// PING
    Ping,
    /// ACK
    Ack {
        /// The largest number acknowledged.
        largest: u64,
        /// For how long that was held back, in units of 2^`ack_delay_exponent` µs.
        delay: u64,
        /// How many numbers below the largest belong to the first range.
        first: u64,
        /// Further ranges: pairs of a gap and a length, as they are written.
        ranges: &'a [u8],
    },
    /// RESET_STREAM
    ResetStream {
        /// The stream.
        id: u64,
        /// The application's reason.
        code: u64,
        /// How many bytes it had.
        size: u64,
    },
    /// STOP_SENDING
    StopSending {
        /// The stream.
        id: u64,
        /// The application's reason.
        code: u64,
    },
    /// NEW_TOKEN
    NewToken(&'a [u8]),
    /// MAX_DATA
    MaxData(u64),
    /// MAX_STREAM_DATA
    MaxStreamData {
        /// The stream.
        id: u64,
        /// Bytes that may be sent.
        most: u64,
    },
    /// MAX_STREAMS
    MaxStreams {
        /// Of streams that go both ways.
        is_bidirectional: bool,
        /// How many may be opened.
        most: u64,
    },
    /// DATA_BLOCKED
    DataBlocked(u64),
    /// STREAM_DATA_BLOCKED
    StreamDataBlocked {
        /// The stream.
        id: u64,
        /// At that offset.
        at: u64,
    },
    /// STREAMS_BLOCKED
    StreamsBlocked {
        /// Of streams that go both ways.
        is_bidirectional: bool,
        /// At that many.
        at: u64,
    },
    /// NEW_CONNECTION_ID
    NewConnectionId {
        /// Its sequence number.
        sequence: u64,
        /// Those before are to be retired.
        retire_before: u64,
        /// The ID.
        id: &'a [u8],
    },
    /// RETIRE_CONNECTION_ID
    RetireConnectionId(u64),
    /// PATH_CHALLENGE
    PathChallenge([u8; 8]),
    /// PATH_RESPONSE
    PathResponse([u8; 8]),
    /// CONNECTION_CLOSE
    Close {
        /// By the application, not by QUIC.
        is_application: bool,
        /// Why.
        code: u64,
        /// Why, in words.
        reason: &'a [u8],
    },
    /// HANDSHAKE_DONE
    HandshakeDone,
    /// ACK_FREQUENCY (draft-ietf-quic-ack-frequency)
    AckFrequency,
    /// IMMEDIATE_ACK (draft-ietf-quic-ack-frequency)
    ImmediateAck,
}

/// The ranges of an ACK frame, each from its first number to its last, from the highest on; what makes no sense ends it.
pub fn ack_ranges(largest: u64, first: u64, ranges: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    let mut cursor = Cursor::new(ranges);
    let mut next = largest.checked_sub(first).map(|low| (low, largest));
    std::iter::from_fn(move || {
        let current = next?;
        next = (|| {
            let (gap, length) = (cursor.varint()?, cursor.varint()?);
            let high = current.0.checked_sub(gap)?.checked_sub(2)?;
            Some((high.checked_sub(length)?, high))
        })();
        Some(current)
    })
}

/// Calls `see` for each frame of an opened packet, with its length; `None` when the payload is not understood to its
/// end.
pub fn frames<'a>(payload: &'a [u8], mut see: impl FnMut(Frame<'a>, u64)) -> Option<()> {
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
    match kind {
        0x06 => {
            let offset = cursor.varint()?;
            Some(Frame::Crypto { offset, data: cursor.prefixed()? })
        }
        0x08..=0x0f => {
            let id = cursor.varint()?;
            let offset = if kind & 0x04 != 0 { cursor.varint()? } else { 0 };
            let data = if kind & 0x02 != 0 { cursor.prefixed()? } else { cursor.rest() };
            Some(Frame::Stream { id, offset, data, is_last: kind & 0x01 != 0 })
        }
        // DATAGRAM, to the packet's end or with a length.
        0x30 => Some(Frame::Datagram { data: cursor.rest() }),
        0x31 => Some(Frame::Datagram { data: cursor.prefixed()? }),
        _ => control(kind, cursor).map(Frame::Other),
    }
}

fn control<'a>(kind: u64, cursor: &mut Cursor<'a>) -> Option<Control<'a>> {
    Some(match kind {
        0x00 => {
            let before = cursor.len();
            cursor.skip_zeros();
            Control::Padding((1 + before - cursor.len()) as u64)
        }
        0x01 => Control::Ping,
        0x02 | 0x03 => ack(kind == 0x03, cursor)?,
        0x04 => Control::ResetStream { id: cursor.varint()?, code: cursor.varint()?, size: cursor.varint()? },
        0x05 => Control::StopSending { id: cursor.varint()?, code: cursor.varint()? },
        0x07 => Control::NewToken(cursor.prefixed()?),
        0x10 => Control::MaxData(cursor.varint()?),
        0x11 => Control::MaxStreamData { id: cursor.varint()?, most: cursor.varint()? },
        0x12 | 0x13 => Control::MaxStreams { is_bidirectional: kind == 0x12, most: cursor.varint()? },
        0x14 => Control::DataBlocked(cursor.varint()?),
        0x15 => Control::StreamDataBlocked { id: cursor.varint()?, at: cursor.varint()? },
        0x16 | 0x17 => Control::StreamsBlocked { is_bidirectional: kind == 0x16, at: cursor.varint()? },
        0x18 => {
            let (sequence, retire_before) = (cursor.varint()?, cursor.varint()?);
            let id = cursor.prefixed_u8()?;
            // A token for a stateless reset.
            cursor.take(16)?;
            Control::NewConnectionId { sequence, retire_before, id }
        }
        0x19 => Control::RetireConnectionId(cursor.varint()?),
        0x1a => Control::PathChallenge(cursor.array()?),
        0x1b => Control::PathResponse(cursor.array()?),
        0x1c | 0x1d => {
            let is_application = kind == 0x1d;
            let code = cursor.varint()?;
            if !is_application {
                // The type of the frame that was at fault.
                cursor.varint()?;
            }
            Control::Close { is_application, code, reason: cursor.prefixed()? }
        }
        0x1e => Control::HandshakeDone,
        0x1f => Control::ImmediateAck,
        0xaf => {
            (0..4).try_for_each(|_| cursor.varint().map(drop))?;
            Control::AckFrequency
        }
        _ => return None,
    })
}

fn ack<'a>(has_ecn_counts: bool, cursor: &mut Cursor<'a>) -> Option<Control<'a>> {
    let (largest, delay) = (cursor.varint()?, cursor.varint()?);
    let count = cursor.varint()?;
    let first = cursor.varint()?;
    let mut behind = *cursor;
    for _ in 0..count {
        behind.varint()?;
        behind.varint()?;
    }
    let ranges = cursor.take(cursor.len() - behind.len())?;
    if has_ecn_counts {
        (0..3).try_for_each(|_| cursor.varint().map(drop))?;
    }
    Some(Control::Ack { largest, delay, first, ranges })
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
        payload.extend([0x0e, 3, 5, 2, b'h', b'i', 0, 0, 0]);
        payload.extend([0x31, 1, b'x']);
        payload.extend([0x09, 7, b'y', b'z']);
        assert_eq!(
            all(&payload).expect("well formed"),
            [
                Frame::Other(Control::Ping),
                Frame::Other(Control::Ack { largest: 9, delay: 0, first: 0, ranges: &[2, 3] }),
                Frame::Other(Control::PathChallenge([1; 8])),
                Frame::Stream { id: 3, offset: 5, data: b"hi", is_last: false },
                Frame::Other(Control::Padding(3)),
                Frame::Datagram { data: b"x" },
                Frame::Stream { id: 7, offset: 0, data: b"yz", is_last: true },
            ]
        );
        assert_eq!(ack_ranges(9, 0, &[2, 3]).collect::<Vec<_>>(), [(9, 9), (2, 5)]);
        assert_eq!(ack_ranges(9, 0, &[20, 3]).collect::<Vec<_>>(), [(9, 9)]);
        assert_eq!(ack_ranges(1, 2, &[]).count(), 0);
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
