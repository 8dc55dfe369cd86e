//! How the server's data is carried: what `crate::wt`'s lanes do, on quinn's state machine itself.

use bytes::{Buf, Bytes, BytesMut};
use quinn_proto::{Connection, Dir, SendDatagramError, StreamId, WriteError};
use sluice_shared::ids;
use sluice_shared::mode::Mode;
use sluice_shared::session::{Batch, Select};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{Hop, StreamInfo};

use super::session::{SESSION, UNI_STREAM_TYPE};
use crate::session::{Lane, Limits, Transit};
use crate::wt::{DATAGRAM_BUFFER_BYTES, datagrams_held, put_varint};

/// The connection cannot carry the session any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The lanes of one mode.
#[derive(Debug)]
pub(super) enum Lanes {
    /// One stream for all, or one for each message.
    One { lane: UniLane, most_messages: usize },
    /// One stream for each topic.
    Topics(Vec<(ids::StreamId, UniLane)>),
    /// Datagrams.
    Datagrams(DatagramLane),
}

impl Lanes {
    /// The lanes of `mode`, which is one of WebTransport's.
    pub(super) fn new(mode: Mode, streams: &[StreamInfo]) -> Self {
        match mode {
            Mode::StreamPerTopic => {
                Self::Topics(streams.iter().map(|info| (info.id, UniLane::new(false))).collect())
            }
            Mode::StreamPerMessage => Self::One { lane: UniLane::new(true), most_messages: 1 },
            Mode::Datagrams => Self::Datagrams(DatagramLane::default()),
            Mode::OneStream | Mode::WebSocket | Mode::WebSocketStream => {
                Self::One { lane: UniLane::new(false), most_messages: Limits::WRITE_MESSAGES }
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Topics(lanes) => lanes.len(),
            Self::One { .. } | Self::Datagrams(_) => 1,
        }
    }

    /// The lane at `index`, if it takes a batch now.
    pub(super) fn lane(&mut self, index: usize) -> Option<Lane<'_>> {
        match self {
            Self::One { lane, most_messages } => {
                Some(Lane::stream(Select::Any, *most_messages, lane.room()?))
            }
            Self::Topics(lanes) => {
                let (stream, lane) = lanes.get_mut(index)?;
                Some(Lane::stream(Select::Stream(*stream), Limits::WRITE_MESSAGES, lane.room()?))
            }
            Self::Datagrams(lane) => Some(Lane::datagram(lane.room()?)),
        }
    }

    pub(super) fn seal(&mut self, index: usize, batch: Batch) {
        match self {
            Self::One { lane, .. } => lane.transit.push(batch),
            Self::Topics(lanes) => {
                if let Some((_, lane)) = lanes.get_mut(index) {
                    lane.transit.push(batch);
                }
            }
            Self::Datagrams(lane) => lane.transit.push(batch),
        }
    }

    /// Writes what waits, as far as there is room.
    pub(super) fn flush(&mut self, connection: &mut Connection) -> Result<(), Broken> {
        match self {
            Self::One { lane, .. } => lane.flush(connection),
            Self::Topics(lanes) => lanes.iter_mut().try_for_each(|(_, lane)| lane.flush(connection)),
            Self::Datagrams(lane) => lane.flush(connection),
        }
    }

    /// What waits.
    pub(super) fn hop(&mut self, connection: &mut Connection, now: Time) -> Hop {
        match self {
            Self::One { lane, .. } => lane.hop(now),
            Self::Topics(lanes) => lanes.iter_mut().map(|(_, lane)| lane.hop(now)).fold(
                Hop { bound: Amount::ZERO, ..Hop::default() },
                |all, one| Hop {
                    held: all.held + one.held,
                    bound: all.bound + one.bound,
                    oldest_age_micros: all.oldest_age_micros.max(one.oldest_age_micros),
                },
            ),
            Self::Datagrams(lane) => lane.hop(connection, now),
        }
    }
}

/// A stream (or a stream for each message) and what waits for it.
#[derive(Debug)]
pub(super) struct UniLane {
    stream: Option<StreamId>,
    per_message: bool,
    /// What waits: behind the stream's header if the stream has not begun.
    out: BytesMut,
    /// Bytes at the front of `out` that are no items.
    header_bytes: usize,
    /// Whether the stream has refused some of `out`.
    blocked: bool,
    transit: Transit,
}

impl UniLane {
    fn new(per_message: bool) -> Self {
        Self {
            stream: None,
            per_message,
            out: BytesMut::new(),
            header_bytes: 0,
            blocked: false,
            transit: Transit::default(),
        }
    }

    fn room(&mut self) -> Option<(usize, &mut BytesMut)> {
        let waits = self.waiting_bytes();
        if self.blocked || waits >= Limits::WRITE_BYTES / 2 || (self.per_message && waits > 0) {
            return None;
        }
        if self.out.is_empty() && self.stream.is_none() {
            put_varint(&mut self.out, UNI_STREAM_TYPE);
            put_varint(&mut self.out, SESSION);
            self.header_bytes = self.out.len();
        }
        Some((Limits::WRITE_BYTES - waits, &mut self.out))
    }

    fn waiting_bytes(&self) -> usize {
        self.out.len() - self.header_bytes
    }

    fn hop(&mut self, now: Time) -> Hop {
        let waiting = self.waiting_bytes() as u64;
        self.transit.held(waiting, Limits::WRITE_BYTES as u64, now)
    }

    fn flush(&mut self, connection: &mut Connection) -> Result<(), Broken> {
        if self.waiting_bytes() == 0 {
            return Ok(());
        }
        self.blocked = true;
        if self.stream.is_none() {
            self.stream = connection.streams().open(Dir::Uni);
        }
        let Some(stream) = self.stream else { return Ok(()) };
        let written = write_all(connection, stream, &mut self.out)?;
        self.header_bytes = self.header_bytes.saturating_sub(written);
        if !self.out.is_empty() {
            return Ok(());
        }
        self.blocked = false;
        if self.per_message {
            self.stream = None;
            connection.send_stream(stream).finish().map_err(|_| Broken)?;
        }
        Ok(())
    }
}

/// Writes as much of `out` as the stream takes, and says how much that was.
///
/// # Errors
/// The stream is gone.
pub(super) fn write_all(
    connection: &mut Connection,
    stream: StreamId,
    out: &mut BytesMut,
) -> Result<usize, Broken> {
    let mut total = 0;
    while !out.is_empty() {
        match connection.send_stream(stream).write(out) {
            Ok(written) => {
                out.advance(written);
                total += written;
            }
            Err(WriteError::Blocked) => break,
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return Err(Broken),
        }
    }
    Ok(total)
}

/// The datagram that is filled, and the one that waits for room.
#[derive(Debug, Default)]
pub(super) struct DatagramLane {
    out: BytesMut,
    header_bytes: usize,
    waiting: Option<Bytes>,
    /// How many bytes the path takes in one datagram, as of the last flush.
    most_bytes: usize,
    transit: Transit,
}

impl DatagramLane {
    fn room(&mut self) -> Option<(usize, &mut BytesMut)> {
        if self.waiting.is_some() || self.out.len() > self.header_bytes {
            return None;
        }
        if self.out.is_empty() {
            put_varint(&mut self.out, SESSION / 4);
            self.header_bytes = self.out.len();
        }
        Some((self.most_bytes.saturating_sub(self.header_bytes), &mut self.out))
    }

    fn flush(&mut self, connection: &mut Connection) -> Result<(), Broken> {
        self.most_bytes = connection.datagrams().max_size().unwrap_or(0);
        if self.waiting.is_none() && self.out.len() > self.header_bytes {
            self.waiting = Some(self.out.split().freeze());
            self.header_bytes = 0;
        }
        let Some(datagram) = self.waiting.take() else { return Ok(()) };
        match connection.datagrams().send(datagram, false) {
            // One that has become too large for the path is lost, as its receiver finds out.
            Ok(()) | Err(SendDatagramError::TooLarge) => Ok(()),
            Err(SendDatagramError::Blocked(datagram)) => {
                self.waiting = Some(datagram);
                Ok(())
            }
            Err(SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled) => Err(Broken),
        }
    }

    fn hop(&mut self, connection: &mut Connection, now: Time) -> Hop {
        let in_quinn = datagrams_held(connection.datagrams().send_buffer_space());
        let waiting = self.waiting.as_ref().map_or(0, Bytes::len);
        let bytes = in_quinn + waiting + (self.out.len() - self.header_bytes);
        self.transit.held(bytes as u64, DATAGRAM_BUFFER_BYTES as u64, now)
    }
}
