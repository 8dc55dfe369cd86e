//! A session's view of the hub.

use std::sync::Arc;

use sluice_shared::ids::{Seq, StreamId};
use sluice_shared::log::{Lookup, Produced, Source};
use sluice_shared::time::Time;
use sluice_shared::wire::{Hop, StreamInfo};

use super::instance::{FeedInstance, HubStream};
use super::signal::Signal;
use crate::clock::Clock;

/// Keeps a feed instance alive: for a subscriber, or for a session that may be resumed.
#[derive(Debug)]
pub(crate) struct Hold {
    instance: Arc<FeedInstance>,
    clock: Clock,
}

impl Hold {
    pub(super) fn new(instance: Arc<FeedInstance>, clock: Clock) -> Self {
        instance.hold();
        Self { instance, clock }
    }

    /// What is kept alive.
    pub(crate) fn instance(&self) -> &Arc<FeedInstance> {
        &self.instance
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.instance.release(self.clock.now());
    }
}

/// The feeds that one session follows; it is woken by them until dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    listening: Vec<u64>,
    holds: Vec<Hold>,
    view: View,
}

impl Subscription {
    pub(super) fn new(holds: Vec<Hold>, signal: &Arc<Signal>) -> Self {
        let listening = holds.iter().map(|hold| hold.instance.listen(Arc::clone(signal))).collect();
        let mut streams: Vec<_> =
            holds.iter().flat_map(|hold| hold.instance.streams()).map(Arc::clone).collect();
        streams.sort_unstable_by_key(|stream| stream.id);
        Self { listening, holds, view: View { streams } }
    }

    /// Where the session reads.
    pub(crate) const fn view(&self) -> &View {
        &self.view
    }

    /// The streams, each from the position that `next` names, or else from its head.
    pub(crate) fn infos(&self, mut next: impl FnMut(StreamId) -> Option<Seq>) -> Vec<StreamInfo> {
        let of_feed = |hold: &Hold| hold.instance.spec();
        let mut infos = Vec::new();
        for hold in &self.holds {
            for stream in hold.instance.streams() {
                infos.push(StreamInfo {
                    id: stream.id,
                    feed: of_feed(hold),
                    name: stream.name.clone(),
                    next: next(stream.id).unwrap_or_else(|| stream.log.read().next_seq()),
                });
            }
        }
        infos
    }

    /// Stops listening, but keeps the feeds alive for as long as the result lives.
    pub(crate) fn into_holds(mut self) -> Vec<Hold> {
        self.unlisten();
        std::mem::take(&mut self.holds)
    }

    fn unlisten(&mut self) {
        for (hold, listener) in self.holds.iter().zip(self.listening.drain(..)) {
            hold.instance.forget(listener);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.unlisten();
    }
}

/// The logs of the streams that one session follows, in the order of their ids.
#[derive(Debug, Default)]
pub(crate) struct View {
    streams: Vec<Arc<HubStream>>,
}

impl View {
    /// The position that the next message of `stream` will have; `None` when it is not followed.
    pub(crate) fn head(&self, stream: StreamId) -> Option<Seq> {
        self.find(stream).map(|stream| stream.log.read().next_seq())
    }

    fn find(&self, stream: StreamId) -> Option<&HubStream> {
        let index = self.streams.binary_search_by_key(&stream, |stream| stream.id).ok()?;
        self.streams.get(index).map(Arc::as_ref)
    }
}

impl Source for View {
    fn lookup(&self, stream: StreamId, seq: Seq) -> Lookup {
        self.find(stream).map_or(Lookup::AtHead, |stream| stream.log.read().lookup(seq))
    }

    fn backlog(&self, stream: StreamId, cursor: Seq, now: Time) -> Hop {
        self.find(stream).map_or_else(Hop::default, |stream| stream.log.read().backlog(cursor, now))
    }

    fn produced(&self, stream: StreamId) -> Option<Produced> {
        self.find(stream).map(|stream| stream.log.read().produced())
    }
}
