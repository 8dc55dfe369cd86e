//! What all networks of a relay share: the clock, the agenda, the runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::agenda::Agenda;
use crate::clock::Clock;
use crate::load::LoadMeter;
use crate::pace::Pace;
use crate::udp::ReceiveBuffers;

/// The shared parts of a relay.
pub(crate) struct Engine {
    pub(crate) clock: Clock,
    pub(crate) agenda: Agenda,
    /// The runtime of the relay's own thread: all its sockets are read there.
    pub(crate) runtime: Handle,
    pub(crate) pace: Arc<Pace>,
    pub(crate) load: LoadMeter,
    /// Where datagrams are received; only the relay's thread does that, so nobody waits.
    pub(crate) receive_buffers: Mutex<ReceiveBuffers>,
    next_key: AtomicU64,
}

impl Engine {
    pub(crate) fn new(clock: Clock, pace: Arc<Pace>, runtime: Handle) -> Self {
        Self {
            clock,
            agenda: Agenda::new(clock),
            runtime,
            pace,
            load: LoadMeter::default(),
            receive_buffers: Mutex::new(ReceiveBuffers::new()),
            next_key: AtomicU64::new(0),
        }
    }

    /// A number that nothing else in this relay has.
    pub(crate) fn next_key(&self) -> u64 {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }
}
