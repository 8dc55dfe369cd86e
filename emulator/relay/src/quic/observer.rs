//! One connection, as its packets pass.

use sluice_capture::quic::{Frame, Hello, Keys, Kind, Opened, Suite, frames, initial, packets};
use sluice_shared::lab::QuicBytes;
use sluice_shared::link::Direction;

use super::glimpse::Id;
use super::secrets::SecretStore;

/// Opens what both ends send after the handshake, once the keys can be found.
#[derive(Debug)]
pub(super) struct Observer {
    secrets: SecretStore,
    initial: Option<(Keys, Keys)>,
    client: Hello,
    server: Hello,
    client_random: Option<[u8; 32]>,
    suite: Option<Suite>,
    /// Bytes of the connection ID in short headers that the server sends: the client chose it.
    client_id_bytes: usize,
    /// The same for short headers that the client sends, once the server has chosen.
    server_id_bytes: Option<usize>,
    /// The keys of what the client sends.
    up: Option<Keys>,
    /// The keys of what the server sends.
    down: Option<Keys>,
    /// Packets are opened in place, so each is copied here.
    scratch: Vec<u8>,
    bytes: QuicBytes,
}

impl Observer {
    pub(super) fn new(secrets: SecretStore) -> Self {
        Self {
            secrets,
            initial: None,
            client: Hello::default(),
            server: Hello::default(),
            client_random: None,
            suite: None,
            client_id_bytes: 0,
            server_id_bytes: None,
            up: None,
            down: None,
            scratch: Vec::new(),
            bytes: QuicBytes::default(),
        }
    }

    /// What the server's packets that were opened are made of.
    pub(super) const fn bytes(&self) -> QuicBytes {
        self.bytes
    }

    /// Where a datagram with a short header leads, if that can be told.
    pub(super) fn destination(&self, direction: Direction, datagram: &[u8]) -> Option<Id> {
        let (first, rest) = datagram.split_first()?;
        if first & 0x80 != 0 {
            return None;
        }
        Id::new(rest.get(..self.id_bytes(direction)?)?)
    }

    /// Bytes of the connection ID in short headers of `direction`.
    fn id_bytes(&self, direction: Direction) -> Option<usize> {
        match direction {
            Direction::Up => self.server_id_bytes,
            Direction::Down => self.server_id_bytes.map(|_| self.client_id_bytes),
        }
    }

    /// Looks into `datagram`, and calls `see` for the frames of packets that are sent after the handshake; tells the
    /// number of such a packet.
    pub(super) fn observe(
        &mut self,
        direction: Direction,
        datagram: &[u8],
        mut see: impl FnMut(Frame<'_>),
    ) -> Option<u64> {
        let is_handshaking = self.suite.is_none() || self.client_random.is_none();
        let is_short = datagram.first().is_some_and(|first| first & 0x80 == 0);
        // The client's long ones need no look once the keys are known.
        if direction == Direction::Up && !is_short && !is_handshaking {
            return None;
        }
        let mut number = None;
        for packet in packets(datagram, self.id_bytes(direction).unwrap_or(0)) {
            let Some(bytes) = datagram.get(packet.range.clone()) else { break };
            let number_at = packet.number_at - packet.range.start;
            match packet.kind {
                Kind::Initial => {
                    if let Some((destination, source)) = packet.ids {
                        self.see_initial(direction, &destination, &source, bytes, number_at);
                    }
                }
                // The client begins anew with the connection ID that the server has named.
                Kind::Retry => *self = Self::new(self.secrets.clone()),
                Kind::OneRtt => {
                    // A packet behind the server's first hello has an ID whose length was not known before.
                    let at = self.id_bytes(direction).map_or(number_at, |id_bytes| 1 + id_bytes);
                    number = self.see_traffic(direction, bytes, at, &mut see).or(number);
                }
                Kind::Handshake | Kind::ZeroRtt => {}
            }
        }
        number
    }

    fn see_initial(
        &mut self,
        direction: Direction,
        destination: &[u8],
        source: &[u8],
        packet: &[u8],
        number_at: usize,
    ) {
        if self.initial.is_none() && direction == Direction::Up {
            self.initial = initial(destination);
            self.client_id_bytes = source.len();
        }
        if direction == Direction::Down {
            self.server_id_bytes = Some(source.len());
        }
        let Some((client_keys, server_keys)) = &mut self.initial else { return };
        let (keys, hello) = match direction {
            Direction::Up => (client_keys, &mut self.client),
            Direction::Down => (server_keys, &mut self.server),
        };
        self.scratch.clear();
        self.scratch.extend_from_slice(packet);
        let Some(payload) = keys.open(&mut self.scratch, number_at).map(|opened| opened.payload) else {
            return;
        };
        let _understood = frames(payload, |frame, _| {
            if let Frame::Crypto { offset, data } = frame {
                hello.insert(offset, data);
            }
        });
        if self.client_random.is_none() {
            self.client_random = self.client.client_random();
        }
        if self.suite.is_none() {
            self.suite = self.server.suite();
        }
    }

    fn see_traffic(
        &mut self,
        direction: Direction,
        packet: &[u8],
        number_at: usize,
        see: &mut impl FnMut(Frame<'_>),
    ) -> Option<u64> {
        let keys = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        if keys.is_none()
            && let (Some(random), Some(suite)) = (&self.client_random, self.suite)
        {
            *keys = self.secrets.traffic(direction, random).and_then(|secret| Keys::new(suite, secret));
        }
        let keys = keys.as_mut()?;
        self.scratch.clear();
        self.scratch.extend_from_slice(packet);
        let Opened { number, payload, .. } = keys.open(&mut self.scratch, number_at)?;
        if direction == Direction::Up {
            let _understood = frames(payload, |frame, _| see(frame));
            return Some(number);
        }
        let bytes = &mut self.bytes;
        bytes.packets += 1;
        bytes.packet_bytes += (packet.len() - payload.len()) as u64;
        let _understood = frames(payload, |frame, wire_bytes| {
            match frame {
                Frame::Stream { data, .. } | Frame::Datagram { data } => {
                    let length = data.len() as u64;
                    bytes.data_frames += 1;
                    bytes.payload_bytes += length;
                    bytes.frame_header_bytes += wire_bytes - length;
                }
                Frame::Crypto { .. } | Frame::Other(_) => bytes.other_frame_bytes += wire_bytes,
            }
            see(frame);
        });
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_is_looked_at_without_harm() {
        let mut observer = Observer::new(SecretStore::default());
        let mut word = 0x9E37_79B9_7F4A_7C15u64;
        let mut random = || {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            word
        };
        let mut seen = 0;
        for _ in 0..20_000 {
            let length = usize::try_from(random() % 80).expect("small");
            let mut datagram: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[0]).collect();
            // Half of them begin as an Initial of version 1 does.
            if random() % 2 == 0 {
                datagram.splice(..0, [0xc0 | random().to_le_bytes()[0] & 0x0f, 0, 0, 0, 1, 8]);
            }
            let direction = if random() % 2 == 0 { Direction::Up } else { Direction::Down };
            let number = observer.observe(direction, &datagram, |_| seen += 1);
            assert_eq!(number, None);
        }
        assert_eq!(seen, 0, "nothing could be opened");
    }
}
