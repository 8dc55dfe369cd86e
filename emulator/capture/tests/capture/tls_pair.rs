//! Two ends of TLS, and the TCP segments between them.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};
use sluice_shared::link::Direction;
use sluice_tcp::{Flags, Options, Segment, Seq};

use crate::Packet;
use crate::keys::Configs;

const SEGMENT_BYTES: usize = 1_448;

/// A connection whose segments are kept.
pub(crate) struct TlsPair {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    pub(crate) packets: Vec<Packet>,
    /// The next numbers of both ends.
    next: [u32; 2],
    pub(crate) server_got: Vec<u8>,
    pub(crate) client_got: Vec<u8>,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Up => 0,
        Direction::Down => 1,
    }
}

impl TlsPair {
    /// Both ends behind TCP's handshake; the client's numbers wrap soon.
    pub(crate) fn new(configs: &Configs) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let mut pair = Self {
            client: ClientConnection::new(Arc::new(configs.client.clone()), name).expect("a client"),
            server: ServerConnection::new(Arc::new(configs.server.clone())).expect("a server"),
            packets: Vec::new(),
            next: [u32::MAX - 99, 7_000],
            server_got: Vec::new(),
            client_got: Vec::new(),
        };
        pair.segment(Direction::Up, Flags::SYN, b"");
        pair.segment(Direction::Down, Flags::SYN | Flags::ACK, b"");
        pair.segment(Direction::Up, Flags::ACK, b"");
        pair
    }

    /// Adds a segment.
    pub(crate) fn segment(&mut self, direction: Direction, flags: Flags, payload: &[u8]) {
        let is_syn = flags.contains(Flags::SYN);
        let (from, to) = (index(direction), 1 - index(direction));
        let segment = Segment {
            seq: Seq::new(self.next[from]),
            ack: Seq::new(if flags.contains(Flags::ACK) { self.next[to] } else { 0 }),
            flags,
            window: 502,
            options: Options {
                max_segment_bytes: is_syn.then_some(1_460),
                window_scale: is_syn.then_some(7),
                ..Options::default()
            },
            payload: Bytes::copy_from_slice(payload),
        };
        let taken = u32::try_from(segment.sequence_len()).expect("small");
        self.next[from] = self.next[from].wrapping_add(taken);
        self.packets.push(Packet::Tcp(direction, segment));
    }

    /// Carries what both ends have to say until neither has anything.
    pub(crate) fn run(&mut self) {
        while self.flush(Direction::Up) | self.flush(Direction::Down) {}
    }

    /// Carries what one end has to say.
    pub(crate) fn flush(&mut self, direction: Direction) -> bool {
        let mut bytes = Vec::new();
        match direction {
            Direction::Up => while self.client.write_tls(&mut bytes).expect("memory") > 0 {},
            Direction::Down => while self.server.write_tls(&mut bytes).expect("memory") > 0 {},
        }
        for chunk in bytes.chunks(SEGMENT_BYTES) {
            self.segment(direction, Flags::ACK | Flags::PSH, chunk);
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match direction {
                Direction::Up => {
                    self.server.read_tls(&mut rest).expect("memory");
                    self.server.process_new_packets().expect("the client speaks TLS");
                    if let Some(mut early) = self.server.early_data() {
                        early.read_to_end(&mut self.server_got).expect("memory");
                    }
                    drain(&mut self.server.reader(), &mut self.server_got);
                }
                Direction::Down => {
                    self.client.read_tls(&mut rest).expect("memory");
                    self.client.process_new_packets().expect("the server speaks TLS");
                    drain(&mut self.client.reader(), &mut self.client_got);
                }
            }
        }
        !bytes.is_empty()
    }

    /// Lets the client say something, early where that may be.
    pub(crate) fn client_says(&mut self, bytes: &[u8], is_early: bool) {
        if is_early {
            let mut early = self.client.early_data().expect("there is a ticket");
            early.write_all(bytes).expect("within the cap");
        } else {
            self.client.writer().write_all(bytes).expect("memory");
        }
    }

    pub(crate) fn server_says(&mut self, bytes: &[u8]) {
        self.server.writer().write_all(bytes).expect("memory");
    }
}

/// Takes what is there: a reader of TLS says `WouldBlock` behind it.
fn drain(reader: &mut rustls::Reader<'_>, got: &mut Vec<u8>) {
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        got.extend_from_slice(&buffer[..count]);
    }
}
