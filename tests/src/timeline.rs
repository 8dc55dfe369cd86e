//! When a client saw what, on the clock of the servers of this machine.

use sluice_shared::time::Time;

use crate::clock::Clock;

/// Something that a client saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A connection has opened.
    Connected,
    /// The server has welcomed the session.
    Welcome,
    /// A message has arrived.
    Arrival {
        /// When it was produced.
        produced_at: Time,
    },
    /// The connection has ended.
    Lost,
}

/// What a client saw, oldest first.
#[derive(Clone, Debug)]
pub struct Timeline {
    clock: Clock,
    moments: Vec<(Time, Moment)>,
}

impl Timeline {
    /// Most moments; what comes later is not kept.
    pub const MOST: usize = 1 << 18;

    /// An empty one of a client with this clock.
    pub const fn new(clock: Clock) -> Self {
        Self { clock, moments: Vec::new() }
    }

    /// The client saw something at `at`, on its own clock.
    pub(crate) fn push(&mut self, at: Time, moment: Moment) {
        if self.moments.len() < Self::MOST {
            self.moments.push((self.clock.of_servers(at), moment));
        }
    }

    /// All of it, on the clock of servers.
    pub fn moments(&self) -> &[(Time, Moment)] {
        &self.moments
    }

    /// Whether something was not kept.
    pub const fn is_full(&self) -> bool {
        self.moments.len() == Self::MOST
    }
}
