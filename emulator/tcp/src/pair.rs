//! Two endpoints over two links, in virtual time.

use bytes::Bytes;
use sluice_link::{Delivered, Dropped, Fate, Link, Weather};
use sluice_shared::link::{ByteCount, Direction, NetworkProfile};
use sluice_shared::time::Time;

use crate::config::Config;
use crate::endpoint::{Endpoint, WriteError};
use crate::segment::Segment;

/// One end of a [`Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that opens the connection; its segments go up.
    Client,
    /// The end that waits for it; its segments go down.
    Server,
}

impl Side {
    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Something that happened to a segment.
#[derive(Clone, Debug)]
pub enum PairEvent<'a> {
    /// It left an endpoint.
    Sent {
        /// When.
        at: Time,
        /// Whose it is.
        from: Side,
        /// The segment.
        segment: &'a Segment,
    },
    /// It arrived at the other end.
    Delivered {
        /// Whose it is.
        from: Side,
        /// The segment and its times.
        delivered: &'a Delivered<Segment>,
    },
    /// It never will.
    Dropped {
        /// Whose it was.
        from: Side,
        /// The segment, the reason and the times.
        dropped: &'a Dropped<Segment>,
    },
}

/// A connection over an emulated network, with a time of its own that jumps from event to event.
#[derive(Clone, Debug)]
pub struct Pair {
    client: Endpoint,
    server: Endpoint,
    up: Link<Segment>,
    down: Link<Segment>,
    now: Time,
}

impl Pair {
    /// A client that is about to connect, and a server that waits, both set to `config`.
    pub fn new(config: Config, network: &NetworkProfile, seed: u64) -> Self {
        let now = Time::ZERO;
        let weather = Weather::new(seed);
        Self {
            client: Endpoint::connect(config, seed.wrapping_mul(2), now),
            server: Endpoint::listen(config, seed.wrapping_mul(2).wrapping_add(1), now),
            up: Link::new(network.up.clone(), weather, Direction::Up),
            down: Link::new(network.down.clone(), weather, Direction::Down),
            now,
        }
    }

    /// The pair's time.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The endpoint of `side`.
    pub const fn endpoint(&self, side: Side) -> &Endpoint {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// The link that carries what `from` sends.
    pub const fn link_mut(&mut self, from: Side) -> &mut Link<Segment> {
        match from {
            Side::Client => &mut self.up,
            Side::Server => &mut self.down,
        }
    }

    /// Writes as [`Endpoint::write`] does.
    ///
    /// # Errors
    /// As [`Endpoint::write`].
    pub fn write(&mut self, side: Side, data: &[u8]) -> Result<usize, WriteError> {
        let now = self.now;
        self.endpoint_mut(side).write(data, now)
    }

    /// Reads as [`Endpoint::read`] does.
    pub fn read(&mut self, side: Side, max_bytes: usize) -> Option<Bytes> {
        let now = self.now;
        self.endpoint_mut(side).read(max_bytes, now)
    }

    /// Closes as [`Endpoint::close`] does.
    pub fn close(&mut self, side: Side) {
        let now = self.now;
        self.endpoint_mut(side).close(now);
    }

    /// Resets as [`Endpoint::abort`] does.
    pub fn abort(&mut self, side: Side) {
        let now = self.now;
        self.endpoint_mut(side).abort(now);
    }

    /// Goes to the next event, but not beyond `until`; says whether there was one. Without one the time is `until`.
    pub fn advance(&mut self, until: Time) -> bool {
        self.advance_observed(until, |_| {})
    }

    /// As [`Self::advance`], showing `observe` everything that happens to a segment.
    pub fn advance_observed(&mut self, until: Time, mut observe: impl FnMut(PairEvent<'_>)) -> bool {
        self.send(&mut observe);
        let Some((at, _)) = self.poll_timeout().filter(|(at, _)| *at <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(at);
        let now = self.now;
        for from in [Side::Client, Side::Server] {
            while let Some(fate) = self.link_mut(from).poll_fate(now) {
                match fate {
                    Fate::Delivered(delivered) => {
                        observe(PairEvent::Delivered { from, delivered: &delivered });
                        self.endpoint_mut(from.other()).handle_segment(&delivered.packet, now);
                    }
                    Fate::Dropped(dropped) => observe(PairEvent::Dropped { from, dropped: &dropped }),
                }
            }
            let endpoint = self.endpoint_mut(from);
            if endpoint.poll_timeout().is_some_and(|(at, _)| at <= now) {
                endpoint.handle_timeout(now);
            }
        }
        self.send(&mut observe);
        true
    }

    /// When the next event is due, and what it is, once everything written has been sent.
    fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let ends = [self.client.poll_timeout(), self.server.poll_timeout()];
        let links = [self.up.poll_timeout(), self.down.poll_timeout()];
        ends.into_iter().chain(links).flatten().min_by_key(|(at, _)| *at)
    }

    fn send(&mut self, observe: &mut impl FnMut(PairEvent<'_>)) {
        let now = self.now;
        for from in [Side::Client, Side::Server] {
            while let Some(segment) = self.endpoint_mut(from).poll_segment() {
                observe(PairEvent::Sent { at: now, from, segment: &segment });
                let size = ByteCount::new(segment.wire_len() as u64);
                self.link_mut(from).handle_packet(segment, size, now);
            }
        }
    }

    const fn endpoint_mut(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}
