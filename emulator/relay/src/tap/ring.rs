//! The last packets of a network.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_link::DropReason;
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_tcp::Segment;

/// Most memory that the packets of one network take, together with what is noted of them.
const MAX_BYTES: usize = 16 << 20;
/// What an entry takes beside its payload.
const ENTRY_BYTES: usize = size_of::<Entry>();

/// Which packet a later word is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Mark {
    /// What an IP header has room for as the packet's identification.
    pub(crate) fn low_16_bits(self) -> u16 {
        u16::try_from(self.0 & 0xFFFF).unwrap_or(u16::MAX)
    }
}

/// The ports of a flow at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) client: u16,
    pub(crate) server: u16,
}

/// What a packet carries.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Tcp(Segment),
    Udp(Bytes),
}

/// Where a packet was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where it was sent from.
    Sender,
    /// Where it arrived.
    Receiver,
}

/// One sight of a packet.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Time,
    pub(crate) direction: Direction,
    pub(crate) place: Place,
    pub(crate) ports: Ports,
    pub(crate) content: Content,
    /// The packet's number, equal at both places.
    pub(crate) packet: Mark,
    /// Why it never arrived, at the place where it was sent.
    pub(crate) drop: Option<DropReason>,
}

/// The tap of a network.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    /// The number of the first entry that is held.
    first: u64,
    bytes: usize,
    /// The entry that a recorder wants next, while there is one.
    recorded: Option<u64>,
    /// Entries that went before the recorder had come to them.
    unrecorded: u64,
    is_closed: bool,
}

impl Tap {
    /// A packet leaves for the link; tells how to speak of it.
    pub(crate) fn on_sent(&self, direction: Direction, ports: Ports, content: Content, at: Time) -> Mark {
        let mut ring = self.ring.lock();
        let packet = Mark(ring.next());
        ring.push(Entry { at, direction, place: Place::Sender, ports, content, packet, drop: None });
        packet
    }

    /// A packet arrived.
    pub(crate) fn on_delivered(
        &self,
        packet: Mark,
        direction: Direction,
        ports: Ports,
        content: Content,
        at: Time,
    ) {
        let place = Place::Receiver;
        self.ring.lock().push(Entry { at, direction, place, ports, content, packet, drop: None });
    }

    /// A packet was dropped.
    pub(crate) fn on_dropped(&self, packet: Mark, reason: DropReason) {
        let mut ring = self.ring.lock();
        let first = ring.first;
        let index = packet.0.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| ring.entries.get_mut(index)) {
            entry.drop = Some(reason);
        }
    }

    /// The numbers of the first entry that is held and of the next to come.
    pub(crate) fn bounds(&self) -> (u64, u64) {
        let ring = self.ring.lock();
        (ring.first, ring.next())
    }

    /// At most `most` entries from number `from` on, and the number behind them.
    pub(crate) fn entries(&self, from: u64, most: usize) -> (Vec<Entry>, u64) {
        let ring = self.ring.lock();
        let from = from.clamp(ring.first, ring.next());
        let skipped = usize::try_from(from - ring.first).unwrap_or(usize::MAX);
        let entries: Vec<Entry> = ring.entries.iter().skip(skipped).take(most).cloned().collect();
        let behind = from + entries.len() as u64;
        (entries, behind)
    }

    /// Begins a recording with what is held; says whether none was under way.
    pub(crate) fn begin_recording(&self) -> bool {
        let mut ring = self.ring.lock();
        if ring.recorded.is_some() {
            return false;
        }
        ring.recorded = Some(ring.first);
        ring.unrecorded = 0;
        true
    }

    /// At most `most` entries for the recorder: those from before `until`, and however new they are when the ring is
    /// half full.
    pub(crate) fn take_for_recorder(&self, until: Time, most: usize) -> Vec<Entry> {
        let mut ring = self.ring.lock();
        let Some(from) = ring.recorded else { return Vec::new() };
        let skipped = usize::try_from(from.saturating_sub(ring.first)).unwrap_or(usize::MAX);
        let is_urgent = ring.bytes > MAX_BYTES / 2;
        let ready = ring.entries.iter().skip(skipped).take_while(|entry| is_urgent || entry.at < until);
        let entries: Vec<Entry> = ready.take(most).cloned().collect();
        ring.recorded = Some(from + entries.len() as u64);
        entries
    }

    /// Ends a recording and tells how many entries it missed.
    pub(crate) fn end_recording(&self) -> u64 {
        let mut ring = self.ring.lock();
        ring.recorded = None;
        ring.unrecorded
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        self.ring.lock().is_closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ring.lock().is_closed
    }
}

impl Ring {
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.bytes();
            self.first += 1;
            if let Some(recorded) = &mut self.recorded
                && *recorded < self.first
            {
                *recorded = self.first;
                self.unrecorded += 1;
            }
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        let payload = match &self.content {
            Content::Tcp(segment) => segment.payload.len(),
            Content::Udp(payload) => payload.len(),
        };
        ENTRY_BYTES + payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { client: 1, server: 2 };

    fn send(tap: &Tap, bytes: usize, at: u64) -> Mark {
        let content = Content::Udp(Bytes::from(vec![0; bytes]));
        tap.on_sent(Direction::Up, PORTS, content, Time::from_micros(at))
    }

    #[test]
    fn a_drop_is_noted_at_the_packet_that_was_sent() {
        let tap = Tap::default();
        let (first, second) = (send(&tap, 10, 1), send(&tap, 10, 2));
        tap.on_delivered(first, Direction::Up, PORTS, Content::Udp(Bytes::new()), Time::from_micros(3));
        tap.on_dropped(second, DropReason::Queue);
        let (entries, behind) = tap.entries(0, 10);
        assert_eq!(behind, 3);
        let seen: Vec<_> = entries.iter().map(|entry| (entry.packet.0, entry.place, entry.drop)).collect();
        let drop = Some(DropReason::Queue);
        assert_eq!(seen, [(0, Place::Sender, None), (1, Place::Sender, drop), (0, Place::Receiver, None)]);
    }

    #[test]
    fn the_ring_keeps_the_last_packets_within_its_memory() {
        let tap = Tap::default();
        assert!(tap.begin_recording() && !tap.begin_recording());
        for at in 0..30_000 {
            let mark = send(&tap, 1_200, at);
            tap.on_dropped(Mark(mark.0.saturating_sub(20_000)), DropReason::Outage);
        }
        let (first, next) = tap.bounds();
        assert_eq!(next, 30_000);
        let held = usize::try_from(next - first).expect("a count") * (1_200 + ENTRY_BYTES);
        assert!(held <= MAX_BYTES && held > MAX_BYTES - 2 * (1_200 + ENTRY_BYTES), "{held}");
        let recorded = tap.take_for_recorder(Time::ZERO, 100);
        assert_eq!(
            recorded.first().map(|entry| entry.at),
            Some(Time::from_micros(first)),
            "the ring is full"
        );
        assert_eq!(tap.end_recording(), first);
    }
}
