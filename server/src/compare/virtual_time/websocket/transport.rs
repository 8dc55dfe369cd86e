//! A WebSocket connection over the TCP model.

use std::collections::VecDeque;

use bytes::BytesMut;
use sluice_balancer::ServerId;
use sluice_shared::lab::Congestion;
use sluice_shared::link::Direction;
use sluice_shared::mode::Mode;
use sluice_shared::session::{Batch, ClientError, ClientSession};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{DecodeError, FrameItems};
use sluice_shared::wire::{ClientItem, Hop, PathSample, StreamInfo, TransportFacts};
use sluice_tcp::{Config, Endpoint, Segment};

use super::end::End;
use super::frames::{Kind, Writer};
use crate::compare::virtual_time::addresses::Change;
use crate::compare::virtual_time::transport::{Outgoing, PathFigures, Resent, Transport};
use crate::config::Pings;
use crate::session::{Lane, Limits, Outlet, Transit};
use crate::tcp_info::TcpReading;

/// The upgrade request of a browser: its request line, Host, Origin, User-Agent, language and encoding headers, and
/// those of RFC 6455 §4.1.
const REQUEST_BYTES: usize = 480;
/// The server's answer (RFC 6455 §4.2.2), as axum writes it.
const ANSWER_BYTES: usize = 166;

/// Both ends. The server fills one frame while none is being written, as its carrier does.
#[derive(Debug)]
pub(in crate::compare::virtual_time) struct WebSocket {
    client: End,
    server: End,
    congestion: Congestion,
    segment_bytes: u16,
    out: BytesMut,
    items: VecDeque<FrameItems<ClientItem>>,
    transit: Transit,
    is_upgraded: bool,
    has_requested: bool,
    /// When a ping, or the end, is due; waiting for an answer or not.
    ping_at: Time,
    awaits_pong: bool,
    is_over: bool,
    /// Whether nothing passes any more, and nobody was told.
    is_cut: bool,
    backend: Option<ServerId>,
}

impl WebSocket {
    /// A client that is about to connect to `backend`.
    pub(in crate::compare::virtual_time) fn connect(
        congestion: Congestion,
        backend: Option<ServerId>,
        seed: u64,
        now: Time,
    ) -> Self {
        let config = Config::with_congestion(congestion);
        let client = Endpoint::connect(config, seed.wrapping_mul(2), now);
        let server = Endpoint::listen(config, seed.wrapping_mul(2).wrapping_add(1), now);
        Self {
            client: End::new(client, Writer::Client, ANSWER_BYTES),
            server: End::new(server, Writer::Server, REQUEST_BYTES),
            congestion,
            segment_bytes: config.max_segment_bytes,
            out: BytesMut::new(),
            items: VecDeque::new(),
            transit: Transit::default(),
            is_upgraded: false,
            has_requested: false,
            ping_at: now + Pings::DEFAULT.interval,
            awaits_pong: false,
            is_over: false,
            is_cut: false,
            backend,
        }
    }

    fn read_at_server(&mut self, now: Time) {
        if self.server.read(now) {
            self.server.write_http(ANSWER_BYTES, now);
            self.is_upgraded = true;
        }
        while let Some((kind, payload)) = self.server.take_frame() {
            self.handle_heard(now);
            match kind {
                Kind::Binary => self.items.push_back(FrameItems::new(payload)),
                Kind::Ping => self.server.write_frame(Kind::Pong, &payload, now),
                Kind::Pong => {}
            }
        }
    }

    /// Anything proves life, not only a pong.
    fn handle_heard(&mut self, now: Time) {
        if self.awaits_pong {
            self.awaits_pong = false;
            self.ping_at = now + (Pings::DEFAULT.interval - Pings::DEFAULT.timeout);
        }
    }
}

impl Outlet for WebSocket {
    fn control(&mut self) -> Option<&mut BytesMut> {
        (self.out.len() < Limits::CONTROL_BYTES).then_some(&mut self.out)
    }

    fn lanes(&self) -> usize {
        1
    }

    fn lane(&mut self, _index: usize) -> Option<Lane<'_>> {
        Lane::frame(self.server.waiting_bytes() > 0, &mut self.out)
    }

    fn seal(&mut self, _index: usize, batch: Batch) {
        self.transit.push(batch);
    }
}

impl Transport for WebSocket {
    type Packet = Segment;

    fn poll_packet(&mut self, _now: Time) -> Option<Outgoing<Segment>> {
        let up = self.client.tcp.poll_segment().map(|segment| (Direction::Up, segment));
        let (direction, packet) = match up {
            Some(up) => up,
            None => (Direction::Down, self.server.tcp.poll_segment()?),
        };
        Some(Outgoing { direction, bytes: packet.wire_len(), packet })
    }

    fn handle_packet(&mut self, direction: Direction, packet: Segment, now: Time) {
        if self.is_cut {
            return;
        }
        match direction {
            Direction::Up => {
                self.server.tcp.handle_segment(&packet, now);
                self.read_at_server(now);
                self.server.flush(now);
            }
            Direction::Down => {
                self.client.tcp.handle_segment(&packet, now);
                self.client.flush(now);
                if !self.client.speaks_frames() {
                    self.client.read(now);
                }
            }
        }
        if !self.has_requested && self.client.tcp.is_established() {
            self.has_requested = true;
            self.client.write_http(REQUEST_BYTES, now);
        }
    }

    fn poll_timeout(&mut self) -> Option<Time> {
        let ends = [self.client.tcp.poll_timeout(), self.server.tcp.poll_timeout()];
        let due = ends.into_iter().flatten().map(|(at, _)| at).min();
        if !self.is_upgraded {
            return due;
        }
        Some(due.map_or(self.ping_at, |due| due.min(self.ping_at)))
    }

    fn handle_timeout(&mut self, now: Time) {
        for end in [&mut self.client, &mut self.server] {
            if end.tcp.poll_timeout().is_some_and(|(due, _)| due <= now) {
                end.tcp.handle_timeout(now);
                end.flush(now);
            }
        }
        if self.is_upgraded && self.ping_at <= now {
            self.is_over |= self.awaits_pong;
            self.awaits_pong = true;
            self.ping_at = now + Pings::DEFAULT.timeout;
            self.server.write_frame(Kind::Ping, &[], now);
        }
    }

    /// A TCP connection is bound to its addresses: it is over, which its client knows if its interface is gone.
    fn handle_new_address(&mut self, change: Change) {
        self.is_over |= change.tells_client;
        self.is_cut = true;
    }

    fn poll_item(&mut self, _now: Time) -> Option<Result<ClientItem, DecodeError>> {
        while let Some(frame) = self.items.front_mut() {
            if let Some(item) = frame.next() {
                return Some(item.map(|(item, _)| item));
            }
            self.items.pop_front();
        }
        None
    }

    fn open_lanes(&mut self, _mode: Mode, _streams: &[StreamInfo]) {}

    fn flush(&mut self, now: Time) {
        self.server.flush(now);
        while self.server.waiting_bytes() == 0 && !self.out.is_empty() {
            let frame = self.out.split();
            self.server.write_frame(Kind::Binary, &frame, now);
        }
    }

    fn sample(&mut self, now: Time) -> (Hop, PathSample) {
        let reading = TcpReading::emulated(&self.server.tcp.info());
        let waiting = (self.out.len() + self.server.waiting_bytes()) as u64;
        let bound = reading.send_buffer.unwrap_or(0) + 2 * Limits::WRITE_BYTES as u64;
        let hop = self.transit.held(waiting + reading.unsent.unwrap_or(0), bound, now);
        (hop, reading.path())
    }

    fn facts(&self) -> TransportFacts {
        let reading = TcpReading::emulated(&self.server.tcp.info());
        TransportFacts {
            congestion_control: Some(self.congestion.controller().to_owned()),
            initial_window: reading.congestion_window,
            segment: Some(self.segment_bytes.into()),
            encrypted: false,
        }
    }

    fn is_open(&self) -> bool {
        self.client.speaks_frames()
    }

    fn send(&mut self, items: &[u8], now: Time) {
        self.client.write_frame(Kind::Binary, items, now);
    }

    fn deliver(&mut self, session: &mut ClientSession, now: Time) -> Result<(), ClientError> {
        self.client.read(now);
        while let Some((kind, payload)) = self.client.take_frame() {
            match kind {
                Kind::Binary => session.handle_frame(payload, now)?,
                Kind::Ping => self.client.write_frame(Kind::Pong, &payload, now),
                Kind::Pong => {}
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.is_over || self.client.tcp.end_reason().is_some() || self.server.tcp.end_reason().is_some()
    }

    fn resent(&self) -> Resent {
        Resent {
            up: self.client.tcp.info().retransmitted_packets,
            down: self.server.tcp.info().retransmitted_packets,
        }
    }

    fn backend(&self) -> Option<ServerId> {
        self.backend
    }

    fn figures(&self) -> PathFigures {
        PathFigures::default()
    }
}
