//! Where the time of a server's writes went, stream by stream and datagram by datagram.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use sluice_capture::quic::Frame;
use sluice_link::PacketId;
use sluice_shared::lab::{Lateness, QuicBytes};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use super::glimpse::Glimpse;
use super::observer::Observer;
use super::secrets::SecretStore;
use crate::attribution::{Attribution, Passage, add};

/// Packets that are followed on their way.
const MAX_PACKETS: usize = 16_384;
/// Streams that are followed at a time.
const MAX_STREAMS: usize = 1_024;
/// Datagrams that were handed over and not sent.
const MAX_DATAGRAMS: usize = 4_096;

/// What a server hands over to a QUIC connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerWrite {
    /// Bytes of a stream.
    Stream {
        /// The stream's id (RFC 9000 §2.1).
        id: u64,
        /// The offset behind the last of them.
        end: u64,
    },
    /// A datagram; they are sent in the order in which they are handed over.
    Datagram,
}

/// Follows one connection.
#[derive(Debug)]
pub(crate) struct QuicLateness {
    observer: Observer,
    streams: BTreeMap<u64, Stream>,
    /// When datagrams were handed over that have not been sent: QUIC sends them in this order.
    datagrams: VecDeque<Time>,
    /// What packets on the way carry.
    packets: BTreeMap<PacketId, Vec<Piece>>,
    sums: Lateness,
}

#[derive(Debug, Default)]
struct Stream {
    attribution: Attribution,
    /// What has arrived beyond `readable`, by the first byte.
    arrived: BTreeMap<u64, u64>,
    readable: u64,
    end: Option<u64>,
}

/// What a datagram carries, between its being seen and its becoming a packet of the link.
#[derive(Debug, Default)]
pub(crate) struct Load(Vec<Piece>);

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Stream { id: u64, range: Range<u64>, is_last: bool },
    Datagram { accepted_at: Time, sent_at: Time },
}

impl QuicLateness {
    pub(crate) fn new(secrets: SecretStore) -> Self {
        Self {
            observer: Observer::new(secrets),
            streams: BTreeMap::new(),
            datagrams: VecDeque::new(),
            packets: BTreeMap::new(),
            sums: Lateness::default(),
        }
    }

    /// The server handed something over at `at`.
    pub(crate) fn on_write(&mut self, write: ServerWrite, at: Time) {
        match write {
            ServerWrite::Stream { id, end } => {
                if self.streams.len() < MAX_STREAMS || self.streams.contains_key(&id) {
                    self.streams.entry(id).or_default().attribution.on_write(end, at);
                }
            }
            ServerWrite::Datagram => {
                if self.datagrams.len() < MAX_DATAGRAMS {
                    self.datagrams.push_back(at);
                }
            }
        }
    }

    /// A datagram was sent, and enters the link if it leads anywhere ([`Self::follow`]).
    pub(crate) fn on_sent(&mut self, direction: Direction, datagram: &[u8], now: Time) -> (Load, Glimpse) {
        let mut pieces = Vec::new();
        let mut glimpse = Glimpse::default();
        let (streams, datagrams) = (&mut self.streams, &mut self.datagrams);
        let number = self.observer.observe(direction, datagram, |frame| {
            glimpse.see(&frame);
            if direction == Direction::Up {
                return;
            }
            match frame {
                Frame::Stream { id, offset, data, is_last } => {
                    let Some(stream) = streams.get_mut(&id) else { return };
                    let range = offset..offset + data.len() as u64;
                    stream.attribution.on_sent(&range, now);
                    pieces.push(Piece::Stream { id, range, is_last });
                }
                Frame::Datagram { .. } => {
                    if let Some(accepted_at) = datagrams.pop_front() {
                        pieces.push(Piece::Datagram { accepted_at, sent_at: now });
                    }
                }
                Frame::Crypto { .. } | Frame::Other(_) => {}
            }
        });
        glimpse.number = number;
        glimpse.destination = self.observer.destination(direction, datagram);
        (Load(pieces), glimpse)
    }

    /// What was sent is packet `id` of the link now.
    pub(crate) fn follow(&mut self, id: PacketId, Load(pieces): Load) {
        if !pieces.is_empty() && self.packets.len() < MAX_PACKETS {
            self.packets.insert(id, pieces);
        }
    }

    /// Packet `id` from the server was dropped.
    pub(crate) fn on_dropped(&mut self, id: PacketId) {
        for piece in self.packets.remove(&id).unwrap_or_default() {
            if let Piece::Stream { id: stream, range, .. } = piece
                && let Some(stream) = self.streams.get_mut(&stream)
            {
                stream.attribution.on_dropped(&range, id);
            }
        }
    }

    /// Packet `id` from the server arrived.
    pub(crate) fn on_delivered(&mut self, id: PacketId, passage: Passage) {
        for piece in self.packets.remove(&id).unwrap_or_default() {
            match piece {
                Piece::Stream { id, range, is_last } => self.on_stream_arrived(id, &range, is_last, passage),
                Piece::Datagram { accepted_at, sent_at } => {
                    let mut alone = Attribution::default();
                    alone.on_write(1, accepted_at);
                    alone.on_sent(&(0..1), sent_at);
                    alone.on_delivered(&(0..1), passage, 1);
                    add(&mut self.sums, alone.drain_lateness());
                }
            }
        }
    }

    /// What the server's packets are made of; `None` before the first could be opened.
    pub(crate) fn bytes(&self) -> Option<QuicBytes> {
        let bytes = self.observer.bytes();
        (bytes.packets > 0).then_some(bytes)
    }

    fn on_stream_arrived(&mut self, id: u64, range: &Range<u64>, is_last: bool, passage: Passage) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if is_last {
            stream.end = Some(range.end);
        }
        stream.receive(range);
        stream.attribution.on_delivered(range, passage, stream.readable);
        add(&mut self.sums, stream.attribution.drain_lateness());
        if stream.end.is_some_and(|end| stream.readable >= end) {
            self.streams.remove(&id);
        }
    }

    /// Sums since the beginning, and the latest write since the last time this was asked; `None` before the first
    /// write could be followed to its end.
    pub(crate) fn take_lateness(&mut self) -> Option<Lateness> {
        let worst = self.sums.worst.take();
        (self.sums.writes > 0).then_some(Lateness { worst, ..self.sums })
    }
}

impl Stream {
    /// Most pieces behind a hole that are remembered.
    const MAX_PIECES: usize = 4_096;

    fn receive(&mut self, range: &Range<u64>) {
        if range.end > self.readable && self.arrived.len() < Self::MAX_PIECES {
            let end = self.arrived.entry(range.start).or_insert(range.end);
            *end = range.end.max(*end);
        }
        while let Some(first) = self.arrived.first_entry().filter(|first| *first.key() <= self.readable) {
            self.readable = self.readable.max(first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// A packet that left at `sent` and flew for 50 ms.
    fn passage(sent: u64) -> Passage {
        Passage { queued_at: at(sent), left_bottleneck_at: at(sent), delivered_at: at(sent + 50) }
    }

    /// A connection whose packets are known by hand: each of `pieces` is one, numbered from 0 and sent at its number.
    fn connection(pieces: Vec<Piece>) -> QuicLateness {
        let mut connection = QuicLateness::new(SecretStore::default());
        for (n, piece) in (0..).zip(pieces) {
            if let Piece::Stream { id, range, .. } = &piece {
                connection.on_write(ServerWrite::Stream { id: *id, end: range.end }, at(n));
                let stream = connection.streams.get_mut(id).expect("written to");
                stream.attribution.on_sent(range, at(n));
            }
            connection.packets.insert(PacketId(n), vec![piece]);
        }
        connection
    }

    fn stream(id: u64, range: Range<u64>, is_last: bool) -> Piece {
        Piece::Stream { id, range, is_last }
    }

    #[test]
    fn a_lost_packet_blocks_its_own_stream_alone() {
        let mut connection =
            connection(vec![stream(3, 0..10, false), stream(7, 0..10, false), stream(3, 10..20, false)]);
        connection.on_dropped(PacketId(0));
        connection.on_delivered(PacketId(1), passage(1));
        let other = connection.take_lateness().expect("stream 7 has arrived");
        assert_eq!((other.writes, other.blocked_micros), (1, 0));
        connection.on_delivered(PacketId(2), passage(2));
        assert_eq!(connection.take_lateness().expect("as before").writes, 1, "the rest of stream 3 waits");
        connection.packets.insert(PacketId(9), vec![stream(3, 0..10, false)]);
        connection.on_delivered(PacketId(9), passage(100));
        let both = connection.take_lateness().expect("all have arrived");
        // The lost one needed 100 ms more than its way, the one behind it 98.
        assert_eq!((both.writes, both.blocked_micros), (3, 198_000));
        assert_eq!(both.worst.expect("late").lost_packet, Some(0));
    }

    #[test]
    fn a_stream_is_forgotten_with_its_last_byte() {
        let mut connection = connection(vec![stream(3, 0..10, false), stream(3, 10..20, true)]);
        connection.on_delivered(PacketId(1), passage(1));
        assert_eq!(connection.streams.len(), 1, "it has a hole");
        connection.on_delivered(PacketId(0), passage(5));
        assert!(connection.streams.is_empty() && connection.packets.is_empty());
        // What comes twice belongs to nothing any more.
        connection.packets.insert(PacketId(2), vec![stream(3, 0..10, false)]);
        connection.on_delivered(PacketId(2), passage(6));
        assert_eq!(connection.take_lateness().expect("counted").writes, 2);
    }

    #[test]
    fn a_lost_datagram_is_not_counted_and_blocks_nothing() {
        let datagram = |accepted, sent| Piece::Datagram { accepted_at: at(accepted), sent_at: at(sent) };
        let mut connection = connection(vec![datagram(0, 0), datagram(1, 4)]);
        connection.on_dropped(PacketId(0));
        connection.on_delivered(PacketId(1), passage(4));
        let lateness = connection.take_lateness().expect("one has arrived");
        assert_eq!((lateness.writes, lateness.send_queue_micros, lateness.blocked_micros), (1, 3_000, 0));
        assert_eq!(lateness.propagation_micros, 50_000);
    }
}
