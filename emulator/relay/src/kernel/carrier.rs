//! The thread that turns a pump.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::poller::Poller;
use super::priority;
use super::pump::Pump;
use crate::clock::Clock;

const DEVICE: u64 = 0;
const BELL: u64 = 1;

/// Turns a [`Pump`] in a thread of its own, with as high a priority as it may have, until it is dropped.
#[derive(Debug)]
pub(super) struct Carrier {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    pump: Mutex<Pump>,
    /// A byte written here wakes the thread.
    bell: UnixStream,
    is_stopping: AtomicBool,
}

impl Carrier {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the process has too many files open or cannot have another thread.
    pub(super) fn start(pump: Pump, clock: Clock) -> io::Result<Self> {
        let (bell, hearing) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        hearing.set_nonblocking(true)?;
        let poller = Poller::new()?;
        for device in pump.devices() {
            poller.add(device.as_fd(), DEVICE)?;
        }
        poller.add(hearing.as_fd(), BELL)?;
        let is_stopping = AtomicBool::new(false);
        let shared = Arc::new(Shared { clock, pump: Mutex::new(pump), bell, is_stopping });
        let thread = thread::Builder::new().name("sluice-kernel".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                priority::raise_priority();
                if let Err(error) = shared.run(poller, &hearing) {
                    tracing::error!("the kernel's packets are no longer carried: {error}");
                }
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Looks at the pump, or changes it; what became due by that is seen to at once.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Pump, Clock) -> T) -> T {
        let seen = look(&mut self.shared.pump.lock(), self.shared.clock);
        self.shared.ring();
        seen
    }
}

impl Shared {
    fn run(&self, mut poller: Poller, mut hearing: &UnixStream) -> io::Result<()> {
        let mut rings = [0; 64];
        while !self.is_stopping.load(Ordering::Acquire) {
            let due = {
                let mut pump = self.pump.lock();
                while pump.turn(self.clock.now())? {}
                pump.poll_timeout().map(|(at, _)| at)
            };
            let timeout = due.map(|due| due.since(self.clock.now()));
            let is_rung = poller.wait(timeout)?.any(|wake| wake.0 == BELL);
            while is_rung && hearing.read(&mut rings).is_ok_and(|read| read == rings.len()) {}
        }
        Ok(())
    }

    fn ring(&self) {
        // A full pipe rings as well as one byte more would.
        let _written = (&self.bell).write(&[0]);
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        self.shared.ring();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that carried the kernel's packets panicked");
        }
    }
}
