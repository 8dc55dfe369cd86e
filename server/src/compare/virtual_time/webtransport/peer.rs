//! One end of a QUIC connection.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use quinn_proto::{
    Connection, ConnectionError, ConnectionHandle, DatagramEvent, Dir, EcnCodepoint, Endpoint, Event,
    StreamEvent, StreamId, Transmit,
};

/// The form of a packet's header (RFC 8999 §5).
const LONG_HEADER: u8 = 0x80;

/// A UDP datagram on its way.
#[derive(Clone, Debug)]
pub(in crate::compare::virtual_time) struct Datagram {
    pub(super) bytes: Bytes,
    pub(super) ecn: Option<EcnCodepoint>,
    /// The client's address: where it comes from, or where it is going.
    pub(super) client: SocketAddr,
}

impl Datagram {
    /// Whether it begins with a short header (RFC 9000 §17.3).
    pub(super) fn has_short_header(&self) -> bool {
        self.bytes.first().is_some_and(|first| first & LONG_HEADER == 0)
    }
}

/// An endpoint with its one connection.
#[derive(Debug)]
pub(super) struct Peer {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    /// What the endpoint itself has to say.
    responses: VecDeque<Datagram>,
    buffer: Vec<u8>,
    /// Streams that may have something to read.
    readable: BTreeSet<StreamId>,
    is_connected: bool,
    is_over: bool,
    /// Whether it is over because of a stateless reset.
    is_reset: bool,
    stateless_resets: u64,
}

impl Peer {
    /// A server that waits.
    pub(super) fn listening(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            connection: None,
            responses: VecDeque::new(),
            buffer: Vec::new(),
            readable: BTreeSet::new(),
            is_connected: false,
            is_over: false,
            is_reset: false,
            stateless_resets: 0,
        }
    }

    /// A client that connects.
    pub(super) fn connecting(endpoint: Endpoint, handle: ConnectionHandle, connection: Connection) -> Self {
        Self { connection: Some((handle, connection)), ..Self::listening(endpoint) }
    }

    /// The connection, once there is one.
    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut().map(|(_, connection)| connection)
    }

    /// The connection, to look at.
    pub(super) fn view(&self) -> Option<&Connection> {
        self.connection.as_ref().map(|(_, connection)| connection)
    }

    /// Whether the handshake is over.
    pub(super) const fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether the connection has failed.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether a stateless reset has ended the connection.
    pub(super) const fn is_reset(&self) -> bool {
        self.is_reset
    }

    /// Stateless resets that the endpoint has sent (RFC 9000 §10.3).
    pub(super) const fn stateless_resets(&self) -> u64 {
        self.stateless_resets
    }

    /// Takes a datagram in that came from `remote`.
    pub(super) fn handle_datagram(&mut self, datagram: &Datagram, remote: SocketAddr, now: Instant) {
        let data = BytesMut::from(datagram.bytes.as_ref());
        self.buffer.clear();
        match self.endpoint.handle(now, remote, None, datagram.ecn, data, &mut self.buffer) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, connection)) = &mut self.connection {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) if self.connection.is_none() => {
                match self.endpoint.accept(incoming, now, &mut self.buffer, None) {
                    Ok(accepted) => self.connection = Some(accepted),
                    Err(_) => self.is_over = true,
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.endpoint.ignore(incoming),
            Some(DatagramEvent::Response(transmit)) => {
                let response = self.datagram(&transmit);
                // What else an endpoint says of itself has a long header.
                self.stateless_resets += u64::from(response.has_short_header());
                self.responses.push_back(response);
            }
            None => {}
        }
        self.digest();
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(connection) = self.connection()
            && connection.poll_timeout().is_some_and(|due| due <= now)
        {
            connection.handle_timeout(now);
            self.digest();
        }
    }

    /// When something is due.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        self.connection()?.poll_timeout()
    }

    /// The next datagram to send.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Datagram> {
        if let Some(response) = self.responses.pop_front() {
            return Some(response);
        }
        let (_, connection) = self.connection.as_mut()?;
        self.buffer.clear();
        let transmit = connection.poll_transmit(now, 1, &mut self.buffer)?;
        Some(self.datagram(&transmit))
    }

    /// Takes the next of the streams that may have something to read.
    pub(super) fn take_readable(&mut self) -> Option<StreamId> {
        self.readable.pop_first()
    }

    fn datagram(&self, transmit: &Transmit) -> Datagram {
        let bytes = self.buffer.get(..transmit.size).unwrap_or_default();
        Datagram { bytes: Bytes::copy_from_slice(bytes), ecn: transmit.ecn, client: transmit.destination }
    }

    /// Carries news between the connection and its endpoint, and notes what concerns the session.
    fn digest(&mut self) {
        let Some((handle, connection)) = &mut self.connection else { return };
        loop {
            while let Some(event) = connection.poll_endpoint_events() {
                if let Some(event) = self.endpoint.handle_event(*handle, event) {
                    connection.handle_event(event);
                }
            }
            let Some(event) = connection.poll() else { return };
            match event {
                Event::Connected => self.is_connected = true,
                Event::ConnectionLost { reason } => {
                    self.is_over = true;
                    self.is_reset = reason == ConnectionError::Reset;
                }
                Event::Stream(StreamEvent::Opened { dir }) => accept(connection, dir, &mut self.readable),
                Event::Stream(StreamEvent::Readable { id }) => {
                    self.readable.insert(id);
                }
                // What waits for room is tried at every turn.
                Event::Stream(
                    StreamEvent::Writable { .. }
                    | StreamEvent::Finished { .. }
                    | StreamEvent::Stopped { .. }
                    | StreamEvent::Available { .. },
                )
                | Event::HandshakeDataReady
                | Event::DatagramReceived
                | Event::DatagramsUnblocked => {}
            }
        }
    }
}

fn accept(connection: &mut Connection, dir: Dir, readable: &mut BTreeSet<StreamId>) {
    while let Some(id) = connection.streams().accept(dir) {
        readable.insert(id);
    }
}

/// Reads all that a stream has in order, and hands it to `take` piece by piece; whether the stream has ended.
///
/// # Errors
/// What `take` returns.
pub(super) fn read_stream<E>(
    connection: &mut Connection,
    id: StreamId,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<bool, E> {
    let mut stream = connection.recv_stream(id);
    let Ok(mut chunks) = stream.read(true) else { return Ok(true) };
    let mut result = Ok(false);
    loop {
        match chunks.next(usize::MAX) {
            Ok(Some(chunk)) => {
                if let Err(error) = take(&chunk.bytes) {
                    result = Err(error);
                    break;
                }
            }
            Ok(None) => {
                result = Ok(true);
                break;
            }
            Err(quinn_proto::ReadError::Blocked) => break,
            Err(quinn_proto::ReadError::Reset(_)) => {
                result = Ok(true);
                break;
            }
        }
    }
    // Credit for what was read goes out with the next packets, which are asked for after every turn.
    let _sends = chunks.finalize();
    result
}
