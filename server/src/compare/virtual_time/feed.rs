//! The feed and the hub's logs, without a hub.

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::ids::{Seq, StreamId};
use sluice_shared::log::{Lookup, Produced, Source, StreamLog};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::encode_message;
use sluice_shared::wire::{Hop, MessageHeader, StreamInfo};

use crate::feeds::{SHORTEST_WAIT, Schedule, Tick, stream_names};
use crate::hub::Hub;

/// One feed, its logs, and when it has what to publish.
#[derive(Debug)]
pub(super) struct Feed {
    spec: TicksSpec,
    schedule: Schedule,
    names: Vec<String>,
    logs: Vec<StreamLog>,
    payload: Vec<u8>,
    /// When it looks next; `None` once it has ended.
    looks_at: Option<Time>,
    ends_at: Time,
}

impl Feed {
    /// A feed that publishes from `now` until `ends_at`.
    pub(super) fn new(spec: TicksSpec, now: Time, ends_at: Time) -> Self {
        let names = stream_names(&FeedSpec::Ticks(spec));
        let bound = Hub::log_bound(names.len() as u64);
        Self {
            spec,
            schedule: Schedule::new(spec.rate, now),
            logs: names.iter().map(|_| StreamLog::new(bound)).collect(),
            names,
            payload: vec![0; spec.size as usize],
            looks_at: Some(now),
            ends_at,
        }
    }

    /// When there is something to publish; `None` once it has ended.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.looks_at
    }

    /// Publishes what is due; whether it was anything. It looks when the server's feed does: at most every millisecond.
    pub(super) fn publish(&mut self, now: Time) -> bool {
        if self.looks_at.is_none_or(|at| at > now) {
            return false;
        }
        let due = self.schedule.take_due(now);
        let is_any = !due.is_empty();
        for index in due {
            let tick = Tick::new(&self.spec, index);
            tick.write_payload(&mut self.payload);
            self.append(&tick, now);
        }
        let looks_at = self.schedule.next_at().max(now + SHORTEST_WAIT);
        self.looks_at = (looks_at < self.ends_at).then_some(looks_at);
        is_any
    }

    fn append(&mut self, tick: &Tick, now: Time) {
        let Some(log) = self.logs.get_mut(tick.stream) else { return };
        let stream = StreamId(u32::try_from(tick.stream).unwrap_or(u32::MAX));
        let header = MessageHeader { stream, seq: log.next_seq(), key: tick.key, produced_at: now };
        // A tick's payload is far below the limit, which is the only thing that can be wrong with it.
        if let Ok(item) = encode_message(&header, &self.payload) {
            log.append(tick.key, now, item);
        }
    }

    /// The streams, each from the position that `next` names, or else from its head.
    pub(super) fn infos(&self, mut next: impl FnMut(StreamId) -> Option<Seq>) -> Vec<StreamInfo> {
        (0u32..)
            .zip(self.names.iter().zip(&self.logs))
            .map(|(id, (name, log))| StreamInfo {
                id: StreamId(id),
                feed: FeedSpec::Ticks(self.spec),
                name: name.clone(),
                next: next(StreamId(id)).unwrap_or_else(|| log.next_seq()),
            })
            .collect()
    }

    /// How many messages there have been in all streams.
    pub(super) fn published(&self) -> u64 {
        self.logs.iter().map(|log| log.next_seq().0).sum()
    }

    fn log(&self, stream: StreamId) -> Option<&StreamLog> {
        self.logs.get(usize::try_from(stream.0).ok()?)
    }
}

impl Source for Feed {
    fn lookup(&self, stream: StreamId, seq: Seq) -> Lookup {
        self.log(stream).map_or(Lookup::AtHead, |log| log.lookup(seq))
    }

    fn backlog(&self, stream: StreamId, cursor: Seq, now: Time) -> Hop {
        self.log(stream).map_or_else(Hop::default, |log| log.backlog(cursor, now))
    }

    fn produced(&self, stream: StreamId) -> Option<Produced> {
        self.log(stream).map(StreamLog::produced)
    }
}
