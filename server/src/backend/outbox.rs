//! What waits for a pipe.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::frame::encode;

/// From this many waiting bytes on nobody should add bytes of streams: the pipe itself is full then.
const CROWD_BYTES: usize = 1024 * 1024;
/// What is written at once, bytes, but for the last frame.
const WRITE_BYTES: usize = 64 * 1024;

/// Frames on their way to another process. Each session has a queue, and they take turns frame by frame, so none waits for
/// more than a frame of each other one.
///
/// Bounded by what may wait: bytes of streams by their windows and by [`Outbox::is_crowded`], everything else by the
/// number of sessions.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<u64, VecDeque<Bytes>>,
    /// The queues that are not empty, in their order.
    turns: VecDeque<u64>,
    bytes: usize,
    is_writing: bool,
}

impl Outbox {
    /// The queue of what belongs to no session; sessions are numbered from 1.
    pub(super) const LINK: u64 = 0;

    /// Adds a message, and the bytes that follow it, behind what waits in this queue. One that is too large, which only
    /// a message with text or certificates of somebody else's can be, is left out: then it says false.
    pub(super) fn push(&self, queue: u64, message: &impl Serialize, bytes: &[u8]) -> bool {
        let frame = match encode(message, bytes) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::warn!(%error, "a message between processes was not sent");
                return false;
            }
        };
        let mut state = self.state.lock();
        state.bytes += frame.len();
        let frames = state.queues.entry(queue).or_default();
        frames.push_back(frame);
        if frames.len() == 1 {
            state.turns.push_back(queue);
        }
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// Whether so much waits that bytes of streams should wait elsewhere.
    pub(super) fn is_crowded(&self) -> bool {
        self.state.lock().bytes >= CROWD_BYTES
    }

    /// Whether nothing of this queue waits.
    pub(super) fn is_idle(&self, queue: u64) -> bool {
        !self.state.lock().queues.contains_key(&queue)
    }

    /// Completes when everything was written.
    pub(super) async fn drained(&self) {
        self.until(|state| (state.turns.is_empty() && !state.is_writing).then_some(())).await;
    }

    /// Writes what waits and what will wait, until the pipe is broken: says how. `on_room` is called whenever the outbox
    /// is crowded no more.
    pub(super) async fn write(&self, pipe: &mut (impl AsyncWrite + Unpin), on_room: impl Fn()) -> io::Error {
        let mut chunk = BytesMut::with_capacity(2 * WRITE_BYTES);
        loop {
            let has_room = self.until(|state| state.take(&mut chunk)).await;
            if has_room {
                on_room();
            }
            let written = async {
                pipe.write_all(&chunk).await?;
                pipe.flush().await
            };
            if let Err(error) = written.await {
                return error;
            }
            chunk.clear();
            self.state.lock().is_writing = false;
            self.changed.notify_waiters();
        }
    }

    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // Before the look, so that what changes meanwhile is noticed.
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.state.lock()) {
                return found;
            }
            changed.await;
        }
    }
}

impl State {
    /// Moves frames of all queues in turn to `chunk`, and says whether the outbox is crowded no more; `None` while it is
    /// empty.
    fn take(&mut self, chunk: &mut BytesMut) -> Option<bool> {
        let was_crowded = self.bytes >= CROWD_BYTES;
        while chunk.len() < WRITE_BYTES
            && let Some(queue) = self.turns.pop_front()
        {
            let Some(frames) = self.queues.get_mut(&queue) else { continue };
            if let Some(frame) = frames.pop_front() {
                self.bytes -= frame.len();
                chunk.extend_from_slice(&frame);
            }
            if frames.is_empty() {
                self.queues.remove(&queue);
            } else {
                self.turns.push_back(queue);
            }
        }
        self.is_writing = !chunk.is_empty();
        self.is_writing.then_some(was_crowded && self.bytes < CROWD_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frames;
    use super::super::message::{Order, ToBackend};
    use super::*;

    fn write(outbox: &Outbox, session: u64, stream: u64, bytes: usize) {
        assert!(outbox.push(session, &ToBackend::Session(session, Order::Write { stream }), &vec![0; bytes]));
    }

    #[tokio::test]
    async fn a_session_with_little_does_not_wait_behind_one_with_much() {
        let outbox = Outbox::default();
        for stream in 0..100 {
            write(&outbox, 1, stream, 16 * 1024);
        }
        assert!(outbox.is_crowded() && !outbox.is_idle(1) && outbox.is_idle(2));
        write(&outbox, 2, 0, 10);
        write(&outbox, 2, 1, 10);
        let (mut writer, mut reader) = tokio::io::duplex(1024);
        let rooms = std::cell::Cell::new(0);
        let read = async {
            let (mut frames, mut order) = (Frames::default(), Vec::new());
            for _ in 0..102 {
                let (message, _) = frames.next::<ToBackend>(&mut reader).await.expect("sound").expect("more");
                let ToBackend::Session(session, Order::Write { stream }) = message else {
                    panic!("{message:?}")
                };
                order.push((session, stream));
            }
            outbox.drained().await;
            order
        };
        let order = tokio::select! {
            _ = outbox.write(&mut writer, || rooms.set(rooms.get() + 1)) => panic!("the pipe is broken"),
            order = read => order,
        };
        assert_eq!(order.get(..4), Some(&[(1, 0), (2, 0), (1, 1), (2, 1)][..]));
        let of_the_first = order.iter().filter(|(session, _)| *session == 1).map(|(_, stream)| *stream);
        assert!(of_the_first.eq(0..100), "each in its own order");
        assert_eq!(rooms.get(), 1, "it was told once that there is room again");
        assert!(!outbox.is_crowded() && outbox.is_idle(1));
    }
}
