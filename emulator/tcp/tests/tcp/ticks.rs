//! The study's tick test: 200 messages of 200 bytes a second, and the delay of each beyond the way itself.

use std::time::Duration;

use sluice_shared::link::NetworkProfile;
use sluice_shared::time::Time;
use sluice_tcp::{Config, Pair, Side};

const MESSAGE_BYTES: usize = 200;
const INTERVAL: Duration = Duration::from_millis(5);

/// How late messages were, in milliseconds beyond the one-way delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Delays {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    pub(crate) delivered: usize,
}

/// A stream of ticks in one direction.
struct Ticks {
    from: Side,
    produced: Vec<Time>,
    /// Bytes produced that the send buffer has not taken.
    unwritten: usize,
    received_bytes: usize,
    delays: Vec<Duration>,
}

impl Ticks {
    fn new(from: Side) -> Self {
        Self { from, produced: Vec::new(), unwritten: 0, received_bytes: 0, delays: Vec::new() }
    }

    fn write(&mut self, pair: &mut Pair) {
        if self.unwritten > 0 {
            let data = vec![0x55; self.unwritten];
            self.unwritten -= pair.write(self.from, &data).expect("the stream is open");
        }
    }

    fn read(&mut self, pair: &mut Pair) {
        while let Some(data) = pair.read(self.from.other(), 65_536) {
            self.received_bytes += data.len();
        }
        while self.delays.len() < self.received_bytes / MESSAGE_BYTES {
            self.delays.push(pair.now().since(self.produced[self.delays.len()]));
        }
    }

    fn judge(mut self, one_way: Duration) -> Delays {
        self.delays.sort_unstable();
        let at = |share: f64| {
            let index = ((self.delays.len() - 1) as f64 * share).round() as usize;
            self.delays[index].saturating_sub(one_way).as_secs_f64() * 1e3
        };
        Delays { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0), delivered: self.delays.len() }
    }
}

/// Runs ticks from the server for `seconds`, in both directions if `is_two_way`, and judges those from the server.
pub(crate) fn run(network: &NetworkProfile, seed: u64, seconds: u64, is_two_way: bool) -> Delays {
    let mut pair = Pair::new(Config::default(), network, seed);
    let mut streams = vec![Ticks::new(Side::Server)];
    if is_two_way {
        streams.push(Ticks::new(Side::Client));
    }
    // The connection stands before the first tick, as in the study.
    let deadline = Time::from_millis(60_000);
    while !(pair.endpoint(Side::Server).is_established() && pair.endpoint(Side::Client).is_established()) {
        assert!(pair.advance(deadline), "the handshake is over within a minute");
    }
    let start = pair.now() + Duration::from_millis(100);
    for tick in 0..seconds * 200 {
        let at = start + INTERVAL * u32::try_from(tick).expect("few ticks");
        advance(&mut pair, &mut streams, at);
        for stream in &mut streams {
            stream.produced.push(at);
            stream.unwritten += MESSAGE_BYTES;
            stream.write(&mut pair);
        }
    }
    let end = pair.now() + Duration::from_secs(30);
    advance(&mut pair, &mut streams, end);
    let one_way = network.down.propagation.delay;
    streams.swap_remove(0).judge(one_way)
}

fn advance(pair: &mut Pair, streams: &mut [Ticks], until: Time) {
    while pair.advance(until) {
        for stream in &mut *streams {
            stream.read(pair);
            stream.write(pair);
        }
    }
}

/// Goodput from the server in Mbit/s when it has always something to send, over `seconds`.
pub(crate) fn bulk(network: &NetworkProfile, seed: u64, seconds: u64) -> f64 {
    let mut pair = Pair::new(Config::default(), network, seed);
    let data = vec![0x55; 65_536];
    let until = Time::from_millis(seconds * 1_000);
    let mut received_bytes = 0;
    loop {
        while pair.endpoint(Side::Server).send_buffer_free_bytes() > 0 {
            pair.write(Side::Server, &data).expect("the stream is open");
        }
        if !pair.advance(until) {
            return received_bytes as f64 * 8.0 / 1e6 / seconds as f64;
        }
        while let Some(data) = pair.read(Side::Client, 65_536) {
            received_bytes += data.len();
        }
    }
}

/// The median time in milliseconds, beyond the one-way delay, until a burst of 64 KiB from the server, one every 700 ms,
/// has arrived in full.
pub(crate) fn bursts(network: &NetworkProfile, seed: u64, count: usize) -> f64 {
    const BURST_BYTES: usize = 65_536;
    let data = vec![0x55; BURST_BYTES];
    let mut pair = Pair::new(Config::default(), network, seed);
    let mut delays = Vec::new();
    for burst in 1..=count {
        let at = Time::from_millis(700 * burst as u64);
        while pair.advance(at) {
            while pair.read(Side::Client, BURST_BYTES).is_some() {}
        }
        let (mut written, mut received) = (0, 0);
        while received < BURST_BYTES {
            written += pair.write(Side::Server, &data[written..]).expect("the stream is open");
            assert!(pair.advance(at + Duration::from_secs(10)), "a burst arrives");
            while let Some(data) = pair.read(Side::Client, BURST_BYTES) {
                received += data.len();
            }
        }
        delays.push(pair.now().since(at).saturating_sub(network.down.propagation.delay));
    }
    delays.sort_unstable();
    delays[count / 2].as_secs_f64() * 1e3
}
