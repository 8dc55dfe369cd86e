//! The client's end of a WebTransport session.

use std::collections::BTreeMap;

use bytes::{Buf, BytesMut};
use quinn_proto::{Dir, Side, StreamId};
use sluice_shared::session::{ClientError, ClientSession, Intake};
use sluice_shared::time::Time;

use super::lanes::{Broken, write_all};
use super::peer::{Peer, read_stream};
use super::server_end::{is_http3, open_http3, zeros};
use super::session::{
    ANSWER_BYTES, BIDI_STREAM_TYPE, DATAGRAM_HEADER_BYTES, REQUEST_BYTES, SESSION, SETTINGS_BYTES,
    STREAM_HEADER_BYTES, control_stream, request_stream, settings_stream,
};
use crate::wt::put_varint;

#[derive(Debug)]
pub(super) struct ClientEnd {
    pub(super) peer: Peer,
    has_settings: bool,
    settings_bytes: usize,
    has_requested: bool,
    answer_bytes: usize,
    is_open: bool,
    out: BytesMut,
    /// The streams that the server has opened for the session, and the control stream.
    intakes: BTreeMap<StreamId, Reading>,
    /// Streams of the session that may have something to read.
    readable: Vec<StreamId>,
    pub(super) is_broken: bool,
}

#[derive(Debug, Default)]
struct Reading {
    /// Bytes of the stream's header that have come.
    header_bytes: usize,
    intake: Intake,
}

impl ClientEnd {
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            peer,
            has_settings: false,
            settings_bytes: 0,
            has_requested: false,
            answer_bytes: 0,
            is_open: false,
            out: BytesMut::new(),
            intakes: BTreeMap::new(),
            readable: Vec::new(),
            is_broken: false,
        }
    }

    /// Whether the session is open.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Plays the client's part in opening the session.
    pub(super) fn advance(&mut self) {
        if self.try_advance().is_err() {
            self.is_broken = true;
        }
    }

    fn try_advance(&mut self) -> Result<(), Broken> {
        if self.peer.is_connected() && !self.has_settings {
            self.has_settings = true;
            open_http3(&mut self.peer)?;
        }
        while let Some(id) = self.peer.take_readable() {
            let counted = if id == settings_stream(Side::Server) {
                &mut self.settings_bytes
            } else if id == request_stream() {
                &mut self.answer_bytes
            } else if is_http3(id, Side::Server) {
                &mut 0
            } else {
                self.readable.push(id);
                continue;
            };
            let Some(connection) = self.peer.connection() else { return Ok(()) };
            read_stream(connection, id, |chunk| {
                *counted += chunk.len();
                Ok::<(), Broken>(())
            })?;
        }
        let Some(connection) = self.peer.connection() else { return Ok(()) };
        if !self.has_requested && self.settings_bytes >= SETTINGS_BYTES {
            self.has_requested = true;
            let stream = connection.streams().open(Dir::Bi).ok_or(Broken)?;
            write_all(connection, stream, &mut zeros(REQUEST_BYTES))?;
        }
        if !self.is_open && self.answer_bytes >= ANSWER_BYTES {
            self.is_open = true;
            connection.streams().open(Dir::Bi).ok_or(Broken)?;
            put_varint(&mut self.out, BIDI_STREAM_TYPE);
            put_varint(&mut self.out, SESSION);
        }
        self.flush()
    }

    /// Sends whole items on the control stream.
    pub(super) fn send(&mut self, items: &[u8]) {
        self.out.extend_from_slice(items);
        if self.flush().is_err() {
            self.is_broken = true;
        }
    }

    fn flush(&mut self) -> Result<(), Broken> {
        match self.peer.connection() {
            Some(connection) if self.is_open => {
                write_all(connection, control_stream(), &mut self.out).map(|_| ())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Reads all that has arrived for the session.
    pub(super) fn deliver(&mut self, session: &mut ClientSession, now: Time) -> Result<(), ClientError> {
        let Some(connection) = self.peer.connection() else { return Ok(()) };
        for id in std::mem::take(&mut self.readable) {
            let Reading { header_bytes, intake } = self.intakes.entry(id).or_default();
            if id == control_stream() {
                // The header is the opener's to write.
                *header_bytes = STREAM_HEADER_BYTES;
            }
            let has_ended = read_stream(connection, id, |mut chunk| {
                let skipped = chunk.len().min(STREAM_HEADER_BYTES - *header_bytes);
                *header_bytes += skipped;
                chunk.advance(skipped);
                session.handle_stream_bytes(intake, chunk, now)
            })?;
            if has_ended {
                self.intakes.remove(&id);
            }
        }
        while let Some(mut datagram) = connection.datagrams().recv() {
            datagram.advance(datagram.len().min(DATAGRAM_HEADER_BYTES));
            session.handle_datagram(datagram, now)?;
        }
        Ok(())
    }
}
