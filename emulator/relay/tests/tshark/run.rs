//! A connection in virtual time whose packets are captured, and what really happened to them.

use std::fs::File;
use std::io::BufWriter;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use sluice_capture::pcapng::{Interface, Way, Writer};
use sluice_shared::link::NetworkProfile;
use sluice_shared::time::Time;
use sluice_tcp::{Config, Flags, Pair, PairEvent, Segment, Side, write_ipv4_packet};

use crate::SIDES;

const SEGMENT_BYTES: usize = 1_448;

/// What is sent over the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// So many full-size packets from the server.
    Bulk { packets: usize },
    /// So many small messages from both ends at once.
    TwoWay { messages: usize },
}

/// What really happened to what one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) sent_data: u64,
    pub(crate) dropped_data: u64,
    pub(crate) sent_again: u64,
    /// Arrived behind a new hole.
    pub(crate) gaps: u64,
    /// Arrived below the highest number.
    pub(crate) filled: u64,
    /// Arrived with nothing new in it.
    pub(crate) needless: u64,
    /// Acknowledgments alone that reached this side and repeat the one before.
    pub(crate) duplicate_acks: u64,
}

/// The numbers that one side saw of the other's packets.
#[derive(Clone, Debug, Default)]
struct Seen {
    initial: Option<u32>,
    /// Behind the highest number seen.
    next: u32,
    ranges: Vec<(u32, u32)>,
    last_ack: Option<(u32, u16)>,
}

/// A run whose packets were captured.
pub(crate) struct Run {
    pub(crate) pair: Pair,
    pub(crate) writer: Writer<BufWriter<File>>,
    pub(crate) packets: u64,
    pub(crate) truth: [Truth; 2],
    /// What arrived from each side.
    seen: [Seen; 2],
    /// The next number that each side will send.
    sent_next: [u32; 2],
}

pub(crate) const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

impl Run {
    pub(crate) fn new(config: Config, network: &NetworkProfile, seed: u64, file: &Path) -> Self {
        let file = BufWriter::new(File::create(file).expect("the folder for temporary files can be written"));
        let interfaces = [
            Interface { name: "client", description: "the client's side" },
            Interface { name: "server", description: "the server's side" },
        ];
        Self {
            pair: Pair::new(config, network, seed),
            writer: Writer::new(file, &interfaces).expect("the file can be written"),
            packets: 0,
            truth: Default::default(),
            seen: Default::default(),
            sent_next: [0; 2],
        }
    }

    /// One event, by `until`; says whether there was one.
    fn step(&mut self, until: Time) -> bool {
        let Self { pair, writer, packets, truth, seen, sent_next } = self;
        let has_event = pair.advance_observed(until, |event| match event {
            PairEvent::Sent { at, from, segment } => {
                *packets += 1;
                write(writer, from, from, at, Way::Out, *packets, segment);
                let truth = &mut truth[index(from)];
                if occupies(segment) {
                    truth.sent_data += u64::from(!segment.payload.is_empty());
                    let next = &mut sent_next[index(from)];
                    let start = segment.seq.value();
                    let is_first = segment.flags.contains(Flags::SYN) && truth.sent_data == 0 && *next == 0;
                    if !is_first && start.wrapping_sub(*next).cast_signed() < 0 {
                        truth.sent_again += 1;
                    } else {
                        *next = end(segment);
                    }
                }
            }
            PairEvent::Delivered { from, delivered } => {
                *packets += 1;
                let segment = &delivered.packet;
                write(writer, from.other(), from, delivered.delivered_at, Way::In, *packets, segment);
                seen[index(from)].take(segment, from, sent_next[index(from.other())], truth);
            }
            PairEvent::Dropped { from, dropped } => {
                truth[index(from)].dropped_data += u64::from(!dropped.packet.payload.is_empty());
            }
        });
        for side in SIDES {
            while self.pair.read(side, 65_536).is_some() {}
        }
        has_event
    }

    fn until(&mut self, condition: impl Fn(&Pair) -> bool) {
        let deadline = self.pair.now() + Duration::from_secs(600);
        while !condition(&self.pair) {
            assert!(self.step(deadline), "it never happened: {:?}", self.pair.endpoint(Side::Server).info());
        }
    }

    fn is_all_acknowledged(pair: &Pair) -> bool {
        SIDES.iter().all(|side| {
            let info = pair.endpoint(*side).info();
            info.unsent_bytes + info.unacknowledged_bytes == 0
        })
    }

    pub(crate) fn send(&mut self, load: Load) {
        self.until(|pair| SIDES.iter().all(|side| pair.endpoint(*side).is_established()));
        match load {
            Load::Bulk { packets } => {
                let data = vec![0x42; packets * SEGMENT_BYTES];
                let mut written = 0;
                while written < data.len() {
                    let room = self.pair.endpoint(Side::Server).send_buffer_free_bytes();
                    // Whole packets only, so that each is full.
                    let room = usize::try_from(room).expect("a buffer") / SEGMENT_BYTES * SEGMENT_BYTES;
                    let end = data.len().min(written + room);
                    if end > written {
                        written += self.pair.write(Side::Server, &data[written..end]).expect("open");
                    }
                    let deadline = self.pair.now() + Duration::from_secs(600);
                    assert!(self.step(deadline), "data is under way");
                }
            }
            Load::TwoWay { messages } => {
                for _ in 0..messages {
                    for side in SIDES {
                        self.pair.write(side, &[0x42; 200]).expect("open");
                    }
                    let until = self.pair.now() + Duration::from_millis(5);
                    while self.step(until) {}
                }
            }
        }
        self.until(Self::is_all_acknowledged);
        // What is still on the way arrives.
        let until = self.pair.now() + Duration::from_secs(2);
        while self.step(until) {}
    }
}

impl Seen {
    /// Takes a packet that arrived from `from`; `own_next` is the next number of the side that it arrived at.
    fn take(&mut self, segment: &Segment, from: Side, own_next: u32, truth: &mut [Truth; 2]) {
        let (start, end) = (segment.seq.value(), end(segment));
        let ack = (segment.ack.value(), segment.window);
        let is_bare = segment.payload.is_empty() && segment.flags == Flags::ACK;
        let initial = *self.initial.get_or_insert_with(|| {
            self.next = end;
            start
        });
        if is_bare && start == self.next && self.last_ack == Some(ack) && ack.0 != own_next {
            truth[index(from.other())].duplicate_acks += 1;
        }
        self.last_ack = Some(ack);
        if !occupies(segment) || start == initial {
            return;
        }
        let truth = &mut truth[index(from)];
        let ahead = start.wrapping_sub(self.next).cast_signed();
        truth.gaps += u64::from(ahead > 0);
        truth.filled += u64::from(ahead < 0);
        if end.wrapping_sub(self.next).cast_signed() > 0 {
            self.next = end;
        }
        let offsets = (start.wrapping_sub(initial), end.wrapping_sub(initial));
        if self.ranges.iter().any(|range| range.0 <= offsets.0 && offsets.1 <= range.1) {
            truth.needless += 1;
        }
        self.add(offsets);
    }

    /// Joins a range to those that it touches.
    fn add(&mut self, (mut start, mut end): (u32, u32)) {
        self.ranges.retain(|range| {
            let touches = range.0 <= end && start <= range.1;
            if touches {
                start = start.min(range.0);
                end = end.max(range.1);
            }
            !touches
        });
        self.ranges.push((start, end));
    }
}

/// Whether a segment takes numbers, so that it can be sent again.
fn occupies(segment: &Segment) -> bool {
    segment.sequence_len() > 0
}

fn end(segment: &Segment) -> u32 {
    segment.seq.value().wrapping_add(u32::try_from(segment.sequence_len()).expect("a segment is small"))
}

/// Writes a packet of `from` as it passes `place`, which has a network of its own.
fn write(
    writer: &mut Writer<BufWriter<File>>,
    place: Side,
    from: Side,
    at: Time,
    way: Way,
    id: u64,
    segment: &Segment,
) {
    let network = u8::try_from(index(place)).expect("0 or 1");
    let client = SocketAddrV4::new(Ipv4Addr::new(10, 0, network, 2), 50_000);
    let server = SocketAddrV4::new(Ipv4Addr::new(10, 0, network, 1), 8_080);
    let (source, target) = match from {
        Side::Client => (client, server),
        Side::Server => (server, client),
    };
    let mut packet = Vec::new();
    write_ipv4_packet(segment, source, target, (id & 0xFFFF) as u16, &mut packet);
    writer.packet(u32::from(network), at, way, None, &packet).expect("the file can be written");
}
