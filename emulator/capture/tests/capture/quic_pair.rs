//! Two ends of QUIC, and the datagrams between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event,
    Incoming, ServerConfig, StreamId, TransportConfig,
};
use sluice_shared::link::Direction;

use crate::Packet;
use crate::keys::Configs;

/// One way.
const DELAY: Duration = Duration::from_millis(10);
/// More than any of these connections needs.
const MAX_TURNS: usize = 200;

struct End {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    responses: Vec<Vec<u8>>,
    demands_retry: bool,
}

/// A connection whose datagrams are kept.
pub(crate) struct QuicPair {
    client: End,
    server: End,
    now: Instant,
    pub(crate) packets: Vec<Packet>,
}

fn address(direction: Direction) -> SocketAddr {
    // Whom it reaches.
    let text = if direction == Direction::Up { "10.0.0.1:443" } else { "10.0.0.2:49152" };
    text.parse().expect("an address")
}

impl QuicPair {
    /// A client that begins, and a server that may ask it to prove its address first.
    pub(crate) fn new(configs: &Configs, demands_retry: bool) -> Self {
        let mut transport = TransportConfig::default();
        // Datagrams that look for the path's MTU would be in the way.
        transport.mtu_discovery_config(None);
        let transport = Arc::new(transport);
        let mut server = configs.server.clone();
        // QUIC knows only all or nothing (RFC 9001 §4.6.1).
        server.max_early_data_size = if server.max_early_data_size > 0 { u32::MAX } else { 0 };
        let server = QuicServerConfig::try_from(server).expect("TLS 1.3");
        let mut server = ServerConfig::with_crypto(Arc::new(server));
        server.transport_config(Arc::clone(&transport));
        let client = QuicClientConfig::try_from(configs.client.clone()).expect("TLS 1.3");
        let mut client = ClientConfig::new(Arc::new(client));
        client.transport_config(transport);
        let config = Arc::new(EndpointConfig::default());
        let now = Instant::now();
        let mut endpoint = Endpoint::new(Arc::clone(&config), None, true, None);
        let to = address(Direction::Up);
        let connection = endpoint.connect(now, client, to, "localhost").expect("a configuration");
        let server = Endpoint::new(config, Some(Arc::new(server)), true, None);
        let end = |endpoint, connection| End { endpoint, connection, responses: Vec::new(), demands_retry };
        Self { client: end(endpoint, Some(connection)), server: end(server, None), now, packets: Vec::new() }
    }

    /// What the client says on a new stream that goes `dir`; it ends there if `is_last`.
    pub(crate) fn client_says(&mut self, dir: Dir, bytes: &[u8], is_last: bool) -> StreamId {
        self.client.says(dir, bytes, is_last)
    }

    /// What the server says on a new stream of its own.
    pub(crate) fn server_says(&mut self, bytes: &[u8]) {
        self.server.says(Dir::Uni, bytes, false);
    }

    /// What the server says on a stream of the client's.
    pub(crate) fn server_answers(&mut self, id: StreamId, bytes: &[u8]) {
        let connection = self.server.connection();
        let taken = connection.send_stream(id).write(bytes).expect("the stream is open");
        assert_eq!(taken, bytes.len());
        connection.send_stream(id).finish().expect("the stream is open");
    }

    pub(crate) fn client(&mut self) -> &mut Connection {
        self.client.connection()
    }

    /// Carries one flight in this direction; says whether there was any.
    pub(crate) fn flight(&mut self, direction: Direction) -> bool {
        let (from, to) = match direction {
            Direction::Up => (&mut self.client, &mut self.server),
            Direction::Down => (&mut self.server, &mut self.client),
        };
        let datagrams = from.flight(self.now);
        self.now += DELAY;
        for datagram in &datagrams {
            // It comes from whomever datagrams of the other direction reach.
            let remote = address(if direction == Direction::Up { Direction::Down } else { Direction::Up });
            to.take(datagram, remote, self.now);
            self.packets.push(Packet::Udp(direction, datagram.clone()));
        }
        !datagrams.is_empty()
    }

    /// Carries what both ends have to say, timers included, until neither has anything soon.
    pub(crate) fn run(&mut self) {
        for _ in 0..MAX_TURNS {
            if !(self.flight(Direction::Up) | self.flight(Direction::Down)) {
                let soon = self.now + Duration::from_millis(100);
                let due = [&mut self.client, &mut self.server].into_iter().filter_map(End::due).min();
                let Some(due) = due.filter(|due| *due < soon) else { return };
                self.now = self.now.max(due);
            }
        }
        panic!("the connection does not come to rest");
    }
}

impl End {
    fn connection(&mut self) -> &mut Connection {
        &mut self.connection.as_mut().expect("there is a connection").1
    }

    fn says(&mut self, dir: Dir, bytes: &[u8], is_last: bool) -> StreamId {
        let connection = self.connection();
        let id = connection.streams().open(dir).expect("the peer allows streams");
        let taken = connection.send_stream(id).write(bytes).expect("the stream is open");
        assert_eq!(taken, bytes.len());
        if is_last {
            connection.send_stream(id).finish().expect("the stream is open");
        }
        id
    }

    fn due(&mut self) -> Option<Instant> {
        self.connection.as_mut()?.1.poll_timeout()
    }

    fn flight(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut datagrams = std::mem::take(&mut self.responses);
        let Some((_, connection)) = &mut self.connection else { return datagrams };
        if connection.poll_timeout().is_some_and(|due| due <= now) {
            connection.handle_timeout(now);
        }
        let mut buffer = Vec::new();
        while let Some(transmit) = connection.poll_transmit(now, 1, &mut buffer) {
            datagrams.push(buffer[..transmit.size].to_vec());
            buffer.clear();
        }
        self.digest();
        datagrams
    }

    fn take(&mut self, datagram: &[u8], remote: SocketAddr, now: Instant) {
        let mut buffer = Vec::new();
        match self.endpoint.handle(now, remote, None, None, BytesMut::from(datagram), &mut buffer) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => self.connection().handle_event(event),
            Some(DatagramEvent::NewConnection(incoming)) => self.accept(incoming, now),
            Some(DatagramEvent::Response(transmit)) => self.responses.push(buffer[..transmit.size].to_vec()),
            None => {}
        }
        self.digest();
    }

    fn accept(&mut self, incoming: Incoming, now: Instant) {
        let mut buffer = Vec::new();
        if self.demands_retry && !incoming.remote_address_validated() {
            let transmit = self.endpoint.retry(incoming, &mut buffer).expect("it may be retried");
            self.responses.push(buffer[..transmit.size].to_vec());
        } else {
            let accepted =
                self.endpoint.accept(incoming, now, &mut buffer, None).map_err(|error| error.cause);
            self.connection = Some(accepted.expect("the client speaks QUIC"));
        }
    }

    fn digest(&mut self) {
        let Some((handle, connection)) = &mut self.connection else { return };
        loop {
            while let Some(event) = connection.poll_endpoint_events() {
                if let Some(event) = self.endpoint.handle_event(*handle, event) {
                    connection.handle_event(event);
                }
            }
            match connection.poll() {
                Some(Event::ConnectionLost { reason }) => panic!("{reason}"),
                Some(Event::Stream(_)) => while connection.streams().accept(Dir::Bi).is_some() {},
                Some(_) => {}
                None => return,
            }
        }
    }
}
