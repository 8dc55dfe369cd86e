//! A pair with somebody at each end, and everything that crossed the links written down.

use std::time::Duration;

use sluice_link::DropReason;
use sluice_shared::link::NetworkProfile;
use sluice_shared::time::Time;
use sluice_tcp::{Config, Flags, Pair, PairEvent, Side};

/// A segment that left an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Time,
    pub(crate) from: Side,
    pub(crate) flags: Flags,
    /// The sequence number, from the initial one.
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) bytes: usize,
    pub(crate) window: u16,
    pub(crate) sacks: usize,
}

/// A pair, its applications, and its log.
pub(crate) struct Scene {
    pub(crate) pair: Pair,
    pub(crate) sent: Vec<Sent>,
    pub(crate) dropped: Vec<(Time, Side, DropReason)>,
    /// What each side has read, client first.
    pub(crate) read: [Vec<u8>; 2],
    /// Whether the applications read what arrives.
    pub(crate) is_reading: bool,
    /// Each side's initial sequence number.
    initial: [Option<u32>; 2],
}

pub(crate) fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

impl Scene {
    pub(crate) fn new(network: &NetworkProfile, seed: u64) -> Self {
        Self::with(Config::default(), network, seed)
    }

    pub(crate) fn with(config: Config, network: &NetworkProfile, seed: u64) -> Self {
        Self {
            pair: Pair::new(config, network, seed),
            sent: Vec::new(),
            dropped: Vec::new(),
            read: [Vec::new(), Vec::new()],
            is_reading: true,
            initial: [None, None],
        }
    }

    /// A scene whose connection is established and quiet.
    pub(crate) fn established(network: &NetworkProfile, seed: u64) -> Self {
        let mut scene = Self::new(network, seed);
        scene.until(|scene| {
            [Side::Client, Side::Server].iter().all(|side| scene.pair.endpoint(*side).is_established())
        });
        scene
    }

    /// One event; says whether there was one by `until`.
    pub(crate) fn step(&mut self, until: Time) -> bool {
        let (sent, dropped, initial) = (&mut self.sent, &mut self.dropped, &mut self.initial);
        let has_event = self.pair.advance_observed(until, |event| match event {
            PairEvent::Sent { at, from, segment } => {
                let own = *initial[index(from)].get_or_insert_with(|| segment.seq.value());
                let peer = initial[index(from.other())].unwrap_or(0);
                sent.push(Sent {
                    at,
                    from,
                    flags: segment.flags,
                    seq: segment.seq.value().wrapping_sub(own),
                    ack: segment.ack.value().wrapping_sub(peer),
                    bytes: segment.payload.len(),
                    window: segment.window,
                    sacks: segment.options.sack.len(),
                });
            }
            PairEvent::Dropped { from, dropped: packet } => {
                dropped.push((packet.dropped_at, from, packet.reason));
            }
            PairEvent::Delivered { .. } => {}
        });
        if self.is_reading {
            self.read_all();
        }
        has_event
    }

    pub(crate) fn read_all(&mut self) {
        for side in [Side::Client, Side::Server] {
            while let Some(data) = self.pair.read(side, 65_536) {
                self.read[index(side)].extend_from_slice(&data);
            }
        }
    }

    /// Runs until `condition`, for an hour of virtual time at most.
    pub(crate) fn until(&mut self, condition: impl Fn(&Self) -> bool) {
        let deadline = self.pair.now() + Duration::from_secs(3_600);
        while !condition(self) {
            assert!(
                self.step(deadline),
                "it never happened; state: {:?}",
                self.pair.endpoint(Side::Client).info()
            );
        }
    }

    /// Runs for `span`.
    pub(crate) fn run(&mut self, span: Duration) {
        let until = self.pair.now() + span;
        while self.step(until) {}
    }

    /// Writes all of `data` at the client, as fast as its buffer takes it, and runs until the server has read it.
    pub(crate) fn transfer(&mut self, data: &[u8]) {
        let before = self.read[index(Side::Server)].len();
        let deadline = self.pair.now() + Duration::from_secs(3_600);
        let mut written = 0;
        while self.read[index(Side::Server)].len() < before + data.len() {
            if written < data.len() {
                written += self.pair.write(Side::Client, &data[written..]).expect("the stream is open");
            }
            assert!(self.step(deadline), "stuck: {:?}", self.pair.endpoint(Side::Client).info());
        }
    }

    /// Writes at the client and lets everything that leaves at this moment leave.
    pub(crate) fn write(&mut self, data: &[u8]) {
        let taken = self.pair.write(Side::Client, data).expect("the stream is open");
        assert_eq!(taken, data.len(), "the send buffer has room");
        let now = self.pair.now();
        while self.step(now) {}
    }

    /// Writes at the client while its link is blocked, so that what leaves at this moment is lost.
    pub(crate) fn write_into_the_void(&mut self, data: &[u8]) {
        self.pair.link_mut(Side::Client).block(true);
        self.write(data);
        self.pair.link_mut(Side::Client).block(false);
    }

    /// The client's segments with data, since `since`.
    pub(crate) fn client_data(&self, since: Time) -> Vec<Sent> {
        let is_data = |sent: &&Sent| sent.from == Side::Client && sent.bytes > 0 && sent.at >= since;
        self.sent.iter().filter(is_data).cloned().collect()
    }
}

/// `count` bytes in which no two stretches are alike.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
