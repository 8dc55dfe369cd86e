//! One feed that runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use prometheus_client::metrics::counter::Counter;
use sluice_shared::feed::FeedSpec;
use sluice_shared::ids::{Key, Seq, StreamId};
use sluice_shared::log::StreamLog;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::MessageHeader;
use sluice_shared::wire::codec::{PayloadTooLarge, encode_message};
use tokio::task::AbortHandle;

use super::signal::Signal;

/// A feed with its settings, its streams and who listens.
#[derive(Debug)]
pub(crate) struct FeedInstance {
    spec: FeedSpec,
    streams: Vec<Arc<HubStream>>,
    listeners: Mutex<BTreeMap<u64, Arc<Signal>>>,
    next_listener: AtomicU64,
    published: Counter,
    malformed: Counter,
    producer: OnceLock<AbortHandle>,
    demand: Mutex<Demand>,
}

/// One stream of a feed.
#[derive(Debug)]
pub(crate) struct HubStream {
    /// Its id, unique in this life of the hub.
    pub(crate) id: StreamId,
    /// Its name, unique in its feed.
    pub(crate) name: String,
    /// What was published lately.
    pub(crate) log: RwLock<StreamLog>,
}

/// What a feed counts.
#[derive(Clone, Debug)]
pub(super) struct FeedCounters {
    /// Messages that were published.
    pub(super) published: Counter,
    /// Input that was no message.
    pub(super) malformed: Counter,
}

/// Who needs the instance.
#[derive(Debug)]
struct Demand {
    /// Subscribers, and sessions that may be resumed.
    holders: usize,
    /// Since when there is none.
    idle_since: Time,
}

impl FeedInstance {
    /// An instance without a producer.
    ///
    /// `first_id` and those after it must be unused; each log is bounded by `bound`.
    pub(super) fn new(
        spec: FeedSpec,
        names: Vec<String>,
        first_id: StreamId,
        bound: Amount,
        counters: FeedCounters,
        now: Time,
    ) -> Self {
        let FeedCounters { published, malformed } = counters;
        let streams = (first_id.0..)
            .zip(names)
            .map(|(id, name)| {
                Arc::new(HubStream { id: StreamId(id), name, log: RwLock::new(StreamLog::new(bound)) })
            })
            .collect();
        Self {
            spec,
            streams,
            listeners: Mutex::default(),
            next_listener: AtomicU64::new(0),
            published,
            malformed,
            producer: OnceLock::new(),
            demand: Mutex::new(Demand { holders: 0, idle_since: now }),
        }
    }

    /// The settings that make it.
    pub(crate) const fn spec(&self) -> FeedSpec {
        self.spec
    }

    /// Its streams, in order.
    pub(crate) fn streams(&self) -> &[Arc<HubStream>] {
        &self.streams
    }

    /// Appends a message to the stream at `index`, without waking anybody: [`FeedInstance::wake`] does, once a batch.
    ///
    /// # Errors
    /// The payload is larger than any message may be.
    ///
    /// # Panics
    /// There is no stream at `index`.
    pub(crate) fn append(
        &self,
        index: usize,
        key: Key,
        produced_at: Time,
        payload: &[u8],
    ) -> Result<Seq, PayloadTooLarge> {
        let stream = &self.streams[index];
        let mut log = stream.log.write();
        let header = MessageHeader { stream: stream.id, seq: log.next_seq(), key, produced_at };
        let item = encode_message(&header, payload)?;
        let seq = log.append(key, produced_at, item);
        drop(log);
        self.published.inc();
        Ok(seq)
    }

    /// Counts input that was no message.
    pub(crate) fn count_malformed(&self) {
        self.malformed.inc();
    }

    /// Tells every subscriber that there is more.
    pub(crate) fn wake(&self) {
        for signal in self.listeners.lock().values() {
            signal.wake();
        }
    }

    /// Wakes `signal` at each publication until [`FeedInstance::forget`] with the number returned.
    pub(crate) fn listen(&self, signal: Arc<Signal>) -> u64 {
        let number = self.next_listener.fetch_add(1, Ordering::Relaxed);
        self.listeners.lock().insert(number, signal);
        number
    }

    /// Ends what [`FeedInstance::listen`] began.
    pub(crate) fn forget(&self, listener: u64) {
        self.listeners.lock().remove(&listener);
    }

    /// Names the task that publishes; it ends with [`FeedInstance::stop`].
    pub(crate) fn set_producer(&self, producer: AbortHandle) {
        if let Err(second) = self.producer.set(producer) {
            second.abort();
        }
    }

    /// Ends the task that publishes.
    pub(crate) fn stop(&self) {
        if let Some(producer) = self.producer.get() {
            producer.abort();
        }
    }

    /// One more needs it.
    pub(super) fn hold(&self) {
        self.demand.lock().holders += 1;
    }

    /// One less needs it.
    pub(super) fn release(&self, now: Time) {
        let mut demand = self.demand.lock();
        demand.holders -= 1;
        demand.idle_since = now;
    }

    /// Since when nobody needs it; `None` while somebody does.
    pub(super) fn idle_since(&self) -> Option<Time> {
        let demand = self.demand.lock();
        (demand.holders == 0).then_some(demand.idle_since)
    }
}
