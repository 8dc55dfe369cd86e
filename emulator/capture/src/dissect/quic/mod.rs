//! QUIC datagrams: packets and their keys.

use std::collections::{BTreeMap, BTreeSet};

use sluice_shared::handshake::Layer;
use sluice_shared::link::Direction;

use super::Both;
use super::assembly::Assembly;
use super::told::Told;
use crate::findings::{Findings, Rank, Weight};
use crate::http::Http3Stream;
use crate::quic::{
    Keys, Kind, Packet, Suite, VERSION_1, initial, long_version, packets, version_negotiation,
};
use crate::secrets::{SecretLabel, Secrets};
use crate::text::{List, hex};
use crate::tls::{Handshake, Messages};

mod frames;

/// One connection.
#[derive(Debug)]
pub(super) struct QuicConnection {
    secrets: Secrets,
    handshake: Handshake,
    sides: Both<Side>,
    /// Streams of WebTransport sessions, of which only one direction says so.
    webtransport_streams: BTreeSet<u64>,
    /// The keys of 0-RTT packets.
    early_keys: Option<Keys>,
    /// Whether 0-RTT packets were opened that the server has not refused yet.
    has_early_streams: bool,
    /// Packets are opened in place, so each is copied here.
    scratch: Vec<u8>,
}

/// What one end sends.
#[derive(Debug, Default)]
struct Side {
    /// Bytes of the connection ID that it has chosen.
    id_bytes: Option<usize>,
    /// By [`Space`].
    keys: [Option<Keys>; 3],
    crypto: [Crypto; 3],
    streams: BTreeMap<u64, Stream>,
}

/// TLS messages of one packet number space.
#[derive(Debug, Default)]
struct Crypto {
    assembly: Assembly,
    messages: Messages,
    told: Told,
}

#[derive(Debug)]
struct Stream {
    assembly: Assembly,
    http: Http3Stream,
    told: Told,
    is_finished: bool,
}

/// Spaces of packet numbers (RFC 9000 §12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    Initial,
    Handshake,
    Data,
}

impl QuicConnection {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            handshake: Handshake::default(),
            sides: Both { up: Side::default(), down: Side::default() },
            webtransport_streams: BTreeSet::new(),
            early_keys: None,
            has_early_streams: false,
            scratch: Vec::new(),
        }
    }

    pub(super) fn datagram(&mut self, direction: Direction, datagram: &[u8], findings: &mut Findings) {
        if let Some(versions) = version_negotiation(datagram) {
            let mut list = List::default();
            for version in versions {
                list.push(format!("version 0x{version:08x}"));
            }
            findings.weigh(Weight::Transport);
            findings.part(Layer::Packet, "Version Negotiation", list.text());
            findings.word(Rank::Headline, "Version Negotiation");
            return;
        }
        let receiver = match direction {
            Direction::Up => &self.sides.down,
            Direction::Down => &self.sides.up,
        };
        let mut end = 0;
        for packet in packets(datagram, receiver.id_bytes.unwrap_or(0)) {
            end = packet.range.end;
            if let Some(bytes) = datagram.get(packet.range.clone()) {
                self.packet(direction, &packet, bytes, datagram, findings);
            }
        }
        let rest = datagram.get(end..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        match long_version(rest) {
            Some(version) if version != VERSION_1 => {
                findings.part(
                    Layer::Packet,
                    format!("version 0x{version:08x}"),
                    format!("{} bytes", rest.len()),
                );
                findings.word(Rank::Usual, format!("version 0x{version:08x}"));
            }
            _ => findings.part(Layer::Packet, "no packet", format!("{} bytes", rest.len())),
        }
    }

    fn packet(
        &mut self,
        direction: Direction,
        packet: &Packet,
        bytes: &[u8],
        datagram: &[u8],
        findings: &mut Findings,
    ) {
        let mut list = List::default();
        if packet.kind == Kind::Retry {
            list.push(format!("{} bytes", bytes.len()));
            ids(packet, &mut list);
            // Behind the token stands a tag of 16 bytes (RFC 9000 §17.2.5).
            list.push(format!("token of {} bytes", packet.token.len().saturating_sub(16)));
            findings.weigh(Weight::Handshake);
            findings.part(Layer::Packet, name(packet.kind), list.text());
            findings.word(Rank::Headline, name(packet.kind));
            return;
        }
        let is_named = matches!(packet.kind, Kind::Initial | Kind::Handshake);
        findings.set_level(is_named.then(|| name(packet.kind)));
        let number_at = packet.number_at - packet.range.start;
        let Some(opened) = self.open(direction, packet, bytes, number_at) else {
            list.push(format!("{} bytes, which no secret opens", bytes.len()));
            ids(packet, &mut list);
            findings.part(Layer::Packet, name(packet.kind), list.text());
            return;
        };
        list.push(format!("number {}, {} bytes", opened.number, bytes.len()));
        ids(packet, &mut list);
        if packet.kind == Kind::OneRtt {
            let id = datagram.get(packet.range.start + 1..packet.number_at).unwrap_or_default();
            list.push(format!("to {}", hex(id)));
            if opened.is_phase_one {
                list.push("key phase 1");
            }
        }
        if !packet.token.is_empty() {
            list.push(format!("token of {} bytes", packet.token.len()));
        }
        findings.part(Layer::Packet, name(packet.kind), list.text());
        let is_early = packet.kind == Kind::ZeroRtt;
        if is_early {
            self.has_early_streams = true;
            findings.weigh(Weight::Early);
        } else if packet.kind == Kind::OneRtt
            && direction == Direction::Up
            && self.has_early_streams
            && self.handshake.is_early_accepted == Some(false)
        {
            // Refused early data never was: the client begins its streams anew (RFC 9001 §4.6.2).
            self.sides.up.streams.clear();
            self.webtransport_streams.clear();
            self.has_early_streams = false;
        }
        let space = match packet.kind {
            Kind::Initial => Space::Initial,
            Kind::Handshake => Space::Handshake,
            Kind::ZeroRtt | Kind::OneRtt | Kind::Retry => Space::Data,
        };
        findings.set_early(is_early);
        self.frames(direction, space, &opened.payload, findings);
        findings.set_early(false);
    }

    /// Opens a packet with the keys that are at hand, or with others that can be found.
    fn open(
        &mut self,
        direction: Direction,
        packet: &Packet,
        bytes: &[u8],
        number_at: usize,
    ) -> Option<OpenedPacket> {
        match packet.kind {
            Kind::Initial => {
                let (destination, source) = packet.ids.as_ref()?;
                let known = self.try_keys(direction, Space::Initial, bytes, number_at);
                let opened = match known {
                    Some(opened) => opened,
                    // The first, or one after a Retry: keys come of the ID that the client has sent it to.
                    None if direction == Direction::Up => {
                        let (mut client, server) = initial(destination)?;
                        let opened = open(&mut client, &mut self.scratch, bytes, number_at)?;
                        self.sides.up.keys[0] = Some(client);
                        self.sides.down.keys[0] = Some(server);
                        opened
                    }
                    None => return None,
                };
                self.sides.of(direction).id_bytes = Some(source.len());
                Some(opened)
            }
            Kind::ZeroRtt => self.open_early(bytes, number_at),
            Kind::Handshake => {
                let label = match direction {
                    Direction::Up => SecretLabel::ClientHandshake,
                    Direction::Down => SecretLabel::ServerHandshake,
                };
                self.find_keys(direction, Space::Handshake, label)?;
                self.try_keys(direction, Space::Handshake, bytes, number_at)
            }
            Kind::OneRtt => {
                let label = match direction {
                    Direction::Up => SecretLabel::ClientTraffic,
                    Direction::Down => SecretLabel::ServerTraffic,
                };
                self.find_keys(direction, Space::Data, label)?;
                self.try_keys(direction, Space::Data, bytes, number_at)
            }
            Kind::Retry => None,
        }
    }

    /// 0-RTT packets come before the server has chosen a suite, and are under that of the ticket.
    fn open_early(&mut self, bytes: &[u8], number_at: usize) -> Option<OpenedPacket> {
        if let Some(keys) = &mut self.early_keys {
            return open(keys, &mut self.scratch, bytes, number_at);
        }
        let secret = self.secrets.find(SecretLabel::ClientEarly, self.handshake.client_random.as_ref()?)?;
        for mut keys in Suite::ALL.into_iter().filter_map(|suite| Keys::new(suite, secret.clone())) {
            if let Some(opened) = open(&mut keys, &mut self.scratch, bytes, number_at) {
                self.early_keys = Some(keys);
                return Some(opened);
            }
        }
        None
    }

    fn find_keys(&mut self, direction: Direction, space: Space, label: SecretLabel) -> Option<()> {
        let slot = self.sides.of(direction).keys.get_mut(space as usize)?;
        if slot.is_none() {
            let secret = self.secrets.find(label, self.handshake.client_random.as_ref()?)?;
            *slot = Keys::new(self.handshake.suite?, secret);
        }
        Some(())
    }

    fn try_keys(
        &mut self,
        direction: Direction,
        space: Space,
        bytes: &[u8],
        number_at: usize,
    ) -> Option<OpenedPacket> {
        let keys = self.sides.of(direction).keys.get_mut(space as usize)?.as_mut()?;
        open(keys, &mut self.scratch, bytes, number_at)
    }
}

/// A packet that was opened, with its payload copied.
struct OpenedPacket {
    number: u64,
    is_phase_one: bool,
    payload: Vec<u8>,
}

fn open(keys: &mut Keys, scratch: &mut Vec<u8>, bytes: &[u8], number_at: usize) -> Option<OpenedPacket> {
    scratch.clear();
    scratch.extend_from_slice(bytes);
    let opened = keys.open(scratch, number_at)?;
    let (number, is_phase_one) = (opened.number, opened.is_phase_one);
    Some(OpenedPacket { number, is_phase_one, payload: opened.payload.to_vec() })
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Initial => "Initial",
        Kind::ZeroRtt => "0-RTT",
        Kind::Handshake => "Handshake",
        Kind::Retry => "Retry",
        Kind::OneRtt => "1-RTT",
    }
}

fn ids(packet: &Packet, list: &mut List) {
    if let Some((destination, source)) = &packet.ids {
        list.push(format!("to {}", hex(destination)));
        list.push(format!("from {}", hex(source)));
    }
}
