//! The ring written out: once, or as a stream.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sluice_capture::headers::{INTERFACES, remark};
use sluice_capture::pcapng::Writer;
use sluice_shared::time::Time;

use super::headers::{interface, write_packet};
use super::ring::{Entry, Tap};
use crate::clock::Clock;

/// Entries that are taken from the ring at once, while everybody who sends waits.
const CHUNK: usize = 512;
/// How often the ring is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// For how long a packet is held back, so that what became of it on the way can be remarked.
const HOLD_BACK: Duration = Duration::from_secs(2);

/// Everything that `tap` holds, as a pcapng file.
pub(crate) fn capture(tap: &Tap) -> Vec<u8> {
    let (mut from, end) = tap.bounds();
    let mut entries = Vec::new();
    while from < end {
        let (chunk, behind) = tap.entries(from, CHUNK);
        if chunk.is_empty() {
            break;
        }
        entries.extend(chunk);
        from = behind;
    }
    let mut capture = Vec::new();
    match Writer::new(&mut capture, &INTERFACES).and_then(|mut writer| write(&mut writer, entries)) {
        Ok(()) => {}
        Err(error) => tracing::error!(%error, "writing a capture to memory failed"),
    }
    capture
}

/// A capture that is being written while packets pass.
///
/// It ends when its network closes, or by [`Self::finish`].
#[derive(Debug)]
pub struct Recording {
    thread: JoinHandle<io::Result<u64>>,
    is_over: Arc<Over>,
}

#[derive(Debug, Default)]
struct Over {
    is_over: Mutex<bool>,
    has_changed: Condvar,
}

impl Recording {
    /// Writes what is left, and tells how many sights of packets came too fast to be written; a packet that arrives is
    /// seen twice.
    ///
    /// # Errors
    /// Those of the output, at whatever time they came: the recording ended there.
    pub fn finish(self) -> io::Result<u64> {
        *self.is_over.is_over.lock() = true;
        self.is_over.has_changed.notify_all();
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the recorder panicked")))
    }
}

/// Begins to record `tap` with a thread of its own.
pub(crate) fn record(tap: &Arc<Tap>, out: Box<dyn Write + Send>, clock: Clock) -> io::Result<Recording> {
    let mut writer = Writer::new(BufWriter::new(out), &INTERFACES)?;
    if !tap.begin_recording() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the network is being recorded already"));
    }
    let is_over = Arc::new(Over::default());
    let thread = thread::Builder::new().name("sluice-capture".into()).spawn({
        let (tap, is_over) = (Arc::clone(tap), Arc::clone(&is_over));
        move || {
            let result = follow(&tap, &is_over, &mut writer, clock);
            let missed = tap.end_recording();
            if let Err(error) = &result {
                tracing::error!(%error, "the capture cannot be written any more");
            }
            result.map(|()| missed)
        }
    });
    match thread {
        Ok(thread) => Ok(Recording { thread, is_over }),
        Err(error) => {
            tap.end_recording();
            Err(error)
        }
    }
}

fn follow(tap: &Tap, over: &Over, writer: &mut Writer<impl Write>, clock: Clock) -> io::Result<()> {
    let mut is_over = false;
    loop {
        let until = if is_over { Time::from_micros(u64::MAX) } else { clock.now() - HOLD_BACK };
        loop {
            let entries = tap.take_for_recorder(until, CHUNK);
            if entries.is_empty() {
                break;
            }
            write(writer, entries)?;
        }
        writer.flush()?;
        if is_over {
            return Ok(());
        }
        let mut told = over.is_over.lock();
        if !*told {
            over.has_changed.wait_for(&mut told, LOOK_EVERY);
        }
        is_over = *told || tap.is_closed();
    }
}

/// Writes entries in the order of time: threads that hand in at once may have come to the ring in another.
fn write(writer: &mut Writer<impl Write>, mut entries: Vec<Entry>) -> io::Result<()> {
    entries.sort_by_key(|entry| entry.at);
    let mut packet = Vec::new();
    for entry in &entries {
        packet.clear();
        write_packet(entry, entry.packet.low_16_bits(), &mut packet);
        let (interface, way) = interface(entry);
        writer.packet(interface, entry.at, way, entry.drop.map(remark), &packet)?;
    }
    Ok(())
}
