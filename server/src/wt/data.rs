//! How a WebTransport session carries its data.

use std::task::{Context, Poll};

use sluice_relay::{FlowProbe, ServerWrite};
use sluice_shared::ids::StreamId;
use sluice_shared::mode::Mode;
use sluice_shared::session::{Batch, Select};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{Hop, StreamInfo};

use super::connection::Connection;
use super::datagram::DatagramLane;
use super::uni::UniLane;
use crate::session::{Ended, Lane, Limits};

/// The connection, as lanes need it.
#[derive(Clone)]
pub(super) struct Path {
    connection: Connection,
    /// Where the lab is told what is handed over, if the connection is a lab's.
    probe: Option<FlowProbe>,
}

impl Path {
    pub(super) const fn new(connection: Connection, probe: Option<FlowProbe>) -> Self {
        Self { connection, probe }
    }

    /// Something is handed over to QUIC now.
    pub(super) fn tell(&self, write: ServerWrite) {
        if let Some(probe) = &self.probe {
            probe.on_write(write);
        }
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// The lanes of one mode.
pub(super) enum Data {
    /// One stream for all, or one for each message.
    One { lane: Box<UniLane>, most_messages: usize },
    /// One stream for each topic.
    Topics(Topics),
    /// Datagrams.
    Datagrams(Box<DatagramLane>),
}

/// Streams by topic, each blocked by itself.
pub(super) struct Topics {
    path: Path,
    lanes: Vec<(StreamId, UniLane)>,
    /// Streams of topics that are not followed any more, with what they still have to write.
    leaving: Vec<UniLane>,
}

impl Data {
    /// The lanes of `mode`, which is one of WebTransport's.
    pub(super) fn new(mode: Mode, path: Path, streams: &[StreamInfo]) -> Self {
        match mode {
            Mode::StreamPerTopic => {
                let mut topics = Topics { path, lanes: Vec::new(), leaving: Vec::new() };
                topics.replace(streams);
                Self::Topics(topics)
            }
            Mode::StreamPerMessage => {
                Self::One { lane: Box::new(UniLane::stream_per_message(path)), most_messages: 1 }
            }
            Mode::Datagrams => Self::Datagrams(Box::new(DatagramLane::new(path))),
            Mode::OneStream | Mode::WebSocket | Mode::WebSocketStream => {
                let lane = Box::new(UniLane::one_stream(path));
                Self::One { lane, most_messages: Limits::WRITE_MESSAGES }
            }
        }
    }

    pub(super) fn replace_streams(&mut self, streams: &[StreamInfo]) {
        match self {
            Self::Topics(topics) => topics.replace(streams),
            Self::One { .. } | Self::Datagrams(_) => {}
        }
    }

    /// Whether the client may ask for other streams: not while too many of the earlier ones have not ended.
    pub(super) fn takes_requests(&self) -> bool {
        match self {
            Self::Topics(topics) => topics.leaving.len() <= Topics::MOST_LEAVING,
            Self::One { .. } | Self::Datagrams(_) => true,
        }
    }

    pub(super) fn lanes(&self) -> usize {
        match self {
            Self::Topics(topics) => topics.lanes.len(),
            Self::One { .. } | Self::Datagrams(_) => 1,
        }
    }

    pub(super) fn lane(&mut self, index: usize) -> Option<Lane<'_>> {
        match self {
            Self::One { lane, most_messages } => {
                Some(Lane::stream(Select::Any, *most_messages, lane.room()?))
            }
            Self::Topics(topics) => {
                let (stream, lane) = topics.lanes.get_mut(index)?;
                Some(Lane::stream(Select::Stream(*stream), Limits::WRITE_MESSAGES, lane.room()?))
            }
            Self::Datagrams(lane) => Some(Lane::datagram(lane.room()?)),
        }
    }

    pub(super) fn seal(&mut self, index: usize, batch: Batch) {
        match self {
            Self::One { lane, .. } => lane.seal(batch),
            Self::Topics(topics) => {
                if let Some((_, lane)) = topics.lanes.get_mut(index) {
                    lane.seal(batch);
                }
            }
            Self::Datagrams(lane) => lane.seal(batch),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        match self {
            Self::One { lane, .. } => lane.poll_flush(cx),
            Self::Topics(topics) => topics.poll_flush(cx),
            Self::Datagrams(lane) => lane.poll_flush(cx),
        }
    }

    pub(super) fn hop(&mut self, now: Time) -> Hop {
        match self {
            Self::One { lane, .. } => lane.hop(now),
            Self::Topics(topics) => topics.hop(now),
            Self::Datagrams(lane) => lane.hop(now),
        }
    }
}

impl Topics {
    /// Streams that may be on their way out while the client is heard.
    const MOST_LEAVING: usize = 64;

    /// Keeps the streams of topics that go on.
    fn replace(&mut self, streams: &[StreamInfo]) {
        let mut earlier = std::mem::take(&mut self.lanes);
        for info in streams {
            let kept = earlier.iter().position(|(stream, _)| *stream == info.id);
            self.lanes.push(match kept {
                Some(index) => earlier.swap_remove(index),
                None => (info.id, UniLane::one_stream(self.path.clone())),
            });
        }
        self.leaving.extend(earlier.into_iter().map(|(_, lane)| lane));
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let mut all = Poll::Ready(Ok(()));
        for (_, lane) in &mut self.lanes {
            if lane.poll_flush(cx)?.is_pending() {
                all = Poll::Pending;
            }
        }
        let mut failed = None;
        self.leaving.retain_mut(|lane| match lane.poll_flush(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => {
                lane.finish();
                false
            }
            Poll::Ready(Err(ended)) => {
                failed = Some(ended);
                false
            }
        });
        match failed {
            Some(ended) => Poll::Ready(Err(ended)),
            None if self.leaving.is_empty() => all,
            None => Poll::Pending,
        }
    }

    fn hop(&mut self, now: Time) -> Hop {
        let leaving = self.leaving.iter_mut();
        self.lanes.iter_mut().map(|(_, lane)| lane).chain(leaving).map(|lane| lane.hop(now)).fold(
            Hop { bound: Amount::ZERO, ..Hop::default() },
            |all, one| Hop {
                held: all.held + one.held,
                bound: all.bound + one.bound,
                oldest_age_micros: all.oldest_age_micros.max(one.oldest_age_micros),
            },
        )
    }
}
