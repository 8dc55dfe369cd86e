//! What is on the way, and when it arrives.

use std::collections::BTreeMap;

use bytes::Bytes;
use sluice_shared::ids::StreamId;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;

use core::time::Duration;

use super::choices::Choices;
use super::setting::Network;

/// Something that happens at its time.
#[derive(Debug)]
pub(crate) enum Event {
    Produce,
    /// Bytes reach the client.
    ToClient {
        connection: u64,
        path: Path,
        bytes: Bytes,
    },
    /// Bytes reach the server.
    ToServer {
        connection: u64,
        bytes: Bytes,
    },
    /// A lane of the transport has room again for so many bytes.
    Drained {
        connection: u64,
        lane: Lane,
        bytes: u64,
    },
    /// The consumer is done with the message in its hand.
    Consumed,
    Cut,
    Connect,
    ChangePolicy,
    ChangeFeeds,
    ChangeWindow,
}

/// On what bytes travel to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Path {
    /// Whole WebSocket messages, in order.
    Frame,
    /// The control stream of a WebTransport connection.
    Control,
    /// A data stream of a WebTransport connection.
    Stream(u64),
    Datagram,
}

/// What has a bound of its own in the server's transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Shared,
    Topic(StreamId),
}

/// The links in both directions, with what is on them.
#[derive(Debug)]
pub(crate) struct Links {
    setting: Network,
    mode: Mode,
    pub(crate) connection: u64,
    events: BTreeMap<(Time, u64), Event>,
    scheduled: u64,
    /// When the last bytes of each ordered path arrive.
    last_arrival: BTreeMap<Path, Time>,
    last_upward: Time,
    link_free: Time,
    queued: BTreeMap<Lane, u64>,
    streams_opened: u64,
}

impl Links {
    pub(crate) fn new(setting: Network, mode: Mode) -> Self {
        Self {
            setting,
            mode,
            connection: 0,
            events: BTreeMap::new(),
            scheduled: 0,
            last_arrival: BTreeMap::new(),
            last_upward: Time::ZERO,
            link_free: Time::ZERO,
            queued: BTreeMap::new(),
            streams_opened: 0,
        }
    }

    /// Another connection: what was on the way on the last one never arrives.
    pub(crate) fn reconnect(&mut self) {
        self.connection += 1;
        self.last_arrival.clear();
        self.last_upward = Time::ZERO;
        self.link_free = Time::ZERO;
        self.queued.clear();
    }

    pub(crate) fn schedule(&mut self, at: Time, event: Event) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    pub(crate) fn next_at(&self) -> Option<Time> {
        self.events.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes the next thing that happens, if it does so by `now`.
    pub(crate) fn pop(&mut self, now: Time) -> Option<Event> {
        let first = self.events.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    /// Whether `lane` takes a batch.
    pub(crate) fn has_room(&self, lane: Lane) -> bool {
        self.queued.get(&lane).is_none_or(|&queued| queued < self.setting.capacity)
    }

    pub(crate) fn handle_drained(&mut self, lane: Lane, bytes: u64) {
        if let Some(queued) = self.queued.get_mut(&lane) {
            *queued = queued.saturating_sub(bytes);
        }
    }

    /// Sends items of the client.
    pub(crate) fn send_up(&mut self, bytes: Bytes, now: Time) {
        let at = (now + Duration::from_micros(self.setting.up_delay)).max(self.last_upward);
        self.last_upward = at;
        self.schedule(at, Event::ToServer { connection: self.connection, bytes });
    }

    /// Sends control items of the server.
    pub(crate) fn send_control(&mut self, bytes: Bytes, now: Time) {
        match self.mode.transport() {
            Transport::WebSocket => {
                self.arrive_in_order(
                    Path::Frame,
                    bytes,
                    now + Duration::from_micros(self.setting.down_delay),
                );
            }
            Transport::WebTransport => {
                let at = now + Duration::from_micros(self.setting.control_delay);
                self.arrive_in_order(Path::Control, bytes, at);
            }
        }
    }

    /// Sends a batch of the server, whose first message is of `stream`.
    pub(crate) fn send_batch(
        &mut self,
        lane: Lane,
        stream: StreamId,
        bytes: Bytes,
        now: Time,
        choices: &mut Choices,
    ) {
        let length = bytes.len() as u64;
        let spent = (length * 1_000_000).checked_div(self.setting.rate).unwrap_or(0);
        let departs = self.link_free.max(now) + Duration::from_micros(spent);
        self.link_free = departs;
        let lands = departs + Duration::from_micros(self.setting.down_delay);
        let mut jitter = || Duration::from_micros(choices.below(self.setting.jitter + 1));
        let drained = match self.mode {
            Mode::WebSocket | Mode::WebSocketStream => {
                self.arrive_in_order(Path::Frame, bytes, lands);
                departs
            }
            Mode::OneStream => {
                self.arrive_in_order(Path::Stream(0), bytes, lands);
                departs
            }
            Mode::StreamPerTopic => {
                let held = match self.setting.held_topic {
                    Some((topic, extra)) if topic == stream => extra,
                    Some(_) | None => 0,
                };
                let at = lands + jitter() + Duration::from_micros(held);
                // A stream's buffer is free only when its bytes have arrived.
                self.arrive_in_order(Path::Stream(stream.0.into()), bytes, at)
            }
            Mode::StreamPerMessage => {
                let at = lands + jitter();
                self.streams_opened += 1;
                let path = Path::Stream(self.streams_opened);
                self.schedule(at, Event::ToClient { connection: self.connection, path, bytes });
                departs
            }
            Mode::Datagrams => {
                let copies = [(); 2].map(|()| jitter());
                let is_lost = choices.chance(self.setting.loss);
                let is_doubled = choices.chance(self.setting.duplicate);
                let copies = if is_lost { &[][..] } else { &copies[..1 + usize::from(is_doubled)] };
                for &late in copies {
                    let (connection, path, bytes) = (self.connection, Path::Datagram, bytes.clone());
                    self.schedule(lands + late, Event::ToClient { connection, path, bytes });
                }
                departs
            }
        };
        *self.queued.entry(lane).or_default() += length;
        self.schedule(drained, Event::Drained { connection: self.connection, lane, bytes: length });
    }

    fn arrive_in_order(&mut self, path: Path, bytes: Bytes, at: Time) -> Time {
        let last = self.last_arrival.entry(path).or_default();
        *last = at.max(*last);
        let at = *last;
        self.schedule(at, Event::ToClient { connection: self.connection, path, bytes });
        at
    }
}
