//! The server's end of a WebTransport session.

use bytes::BytesMut;
use quinn_proto::{Dir, Endpoint, Side};
use sluice_shared::mode::Mode;
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{DecodeError, StreamItems};
use sluice_shared::wire::{ClientItem, Hop, PathSample, StreamInfo};

use super::lanes::{Broken, Lanes, write_all};
use super::peer::{Peer, read_stream};
use super::session::{
    ANSWER_BYTES, HTTP3_STREAMS, QPACK_BYTES, REQUEST_BYTES, SETTINGS_BYTES, STREAM_HEADER_BYTES,
    control_stream, request_stream,
};
use crate::session::Limits;
use crate::wt::{CONTROL_PRIORITY, path_sample, send_window};

#[derive(Debug)]
pub(super) struct ServerEnd {
    pub(super) peer: Peer,
    has_settings: bool,
    request_bytes: usize,
    has_answered: bool,
    /// Bytes of the control stream's header that have not come.
    header_bytes_left: usize,
    has_control: bool,
    items: StreamItems<ClientItem>,
    control: BytesMut,
    pub(super) lanes: Option<Lanes>,
    pub(super) is_broken: bool,
}

impl ServerEnd {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            peer: Peer::listening(endpoint),
            has_settings: false,
            request_bytes: 0,
            has_answered: false,
            header_bytes_left: STREAM_HEADER_BYTES,
            has_control: false,
            items: StreamItems::default(),
            control: BytesMut::new(),
            lanes: None,
            is_broken: false,
        }
    }

    /// Plays the server's part in opening the session, and reads.
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
            let Some(connection) = self.peer.connection() else { return Ok(()) };
            if id == request_stream() {
                let bytes = &mut self.request_bytes;
                read_stream(connection, id, |chunk| {
                    *bytes += chunk.len();
                    Ok::<(), Broken>(())
                })?;
            } else if id == control_stream() {
                self.has_control = true;
                let (header, items) = (&mut self.header_bytes_left, &mut self.items);
                read_stream(connection, id, |chunk| {
                    let skipped = chunk.len().min(*header);
                    *header -= skipped;
                    items.push(chunk.get(skipped..).unwrap_or_default());
                    Ok::<(), Broken>(())
                })?;
                connection.send_stream(id).set_priority(CONTROL_PRIORITY).map_err(|_| Broken)?;
            } else if id.dir() == Dir::Uni {
                read_stream(connection, id, |_| Ok::<(), Broken>(()))?;
            }
        }
        if !self.has_answered && self.request_bytes >= REQUEST_BYTES {
            self.has_answered = true;
            if let Some(connection) = self.peer.connection() {
                write_all(connection, request_stream(), &mut zeros(ANSWER_BYTES))?;
            }
        }
        Ok(())
    }

    /// Where control items go; `None` while too much waits.
    pub(super) fn control(&mut self) -> Option<&mut BytesMut> {
        (self.control.len() < Limits::CONTROL_BYTES).then_some(&mut self.control)
    }

    /// The client's next item.
    pub(super) fn poll_item(&mut self) -> Option<Result<ClientItem, DecodeError>> {
        self.items.take().map(|item| item.map(|(item, _)| item)).transpose()
    }

    pub(super) fn open_lanes(&mut self, mode: Mode, streams: &[StreamInfo]) {
        self.lanes = Some(Lanes::new(mode, streams));
        // A datagram lane must know the path's limit before it is asked for room.
        self.flush();
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn flush(&mut self) {
        if self.try_flush().is_err() {
            self.is_broken = true;
        }
    }

    fn try_flush(&mut self) -> Result<(), Broken> {
        let Some(connection) = self.peer.connection() else { return Ok(()) };
        if self.has_control {
            write_all(connection, control_stream(), &mut self.control)?;
        }
        match &mut self.lanes {
            Some(lanes) => lanes.flush(connection),
            None => Ok(()),
        }
    }

    pub(super) fn sample(&mut self, now: Time) -> (Hop, PathSample) {
        let Some(connection) = self.peer.connection() else { return Default::default() };
        let path = connection.stats().path;
        connection.set_send_window(send_window(path.cwnd));
        let hop = self.lanes.as_mut().map_or_else(Hop::default, |lanes| lanes.hop(connection, now));
        (hop, path_sample(path))
    }
}

/// Opens the streams of HTTP/3 that each side has.
///
/// # Errors
/// The connection is gone.
pub(super) fn open_http3(peer: &mut Peer) -> Result<(), Broken> {
    let Some(connection) = peer.connection() else { return Ok(()) };
    for index in 0..HTTP3_STREAMS {
        let stream = connection.streams().open(Dir::Uni).ok_or(Broken)?;
        let bytes = if index == 0 { SETTINGS_BYTES } else { QPACK_BYTES };
        write_all(connection, stream, &mut zeros(bytes))?;
    }
    Ok(())
}

/// Whether `id` is one of the streams that [`open_http3`] of `side` opens.
pub(super) fn is_http3(id: quinn_proto::StreamId, side: Side) -> bool {
    id.dir() == Dir::Uni && id.initiator() == side && id.index() < HTTP3_STREAMS
}

/// So many bytes of what nobody reads.
pub(super) fn zeros(bytes: usize) -> BytesMut {
    BytesMut::zeroed(bytes)
}
