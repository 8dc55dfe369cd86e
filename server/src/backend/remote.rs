//! What the server knows of a connection whose QUIC endpoint is in a backend's process.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use parking_lot::Mutex;

use super::message::{News, Order, ToBackend};
use super::outbox::Outbox;
use crate::session::Ended;
use crate::wt::{self, Standing};

/// Streams that are opened ahead at most, once as many have been used.
const MOST_AHEAD: u64 = 16;
/// Bytes of a stream that may wait here before they are read; the backend knows.
pub(super) const READ_WINDOW_BYTES: usize = 16 * 1024;

/// What the server knows of a connection at a backend.
///
/// One task at a time waits for it, whatever it waits for: that of its session.
#[derive(Debug)]
pub(super) struct Remote {
    /// Its number at the backend.
    number: u64,
    outbox: Arc<Outbox>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    waker: Option<Waker>,
    pub(super) opened: Option<OpenedAs>,
    /// How the connection stands, as the backend said last.
    pub(super) standing: Option<Standing>,
    /// Streams that the client has opened, and the session has not seen.
    pub(super) accepted: VecDeque<u64>,
    pub(super) stray: Option<&'static str>,
    /// Streams that are open and not used; how many more were asked for; how many were used.
    ahead: VecDeque<u64>,
    asked_ahead: u64,
    used: u64,
    pub(super) written: BTreeMap<u64, Written>,
    pub(super) read: BTreeMap<u64, Read>,
    /// Bytes of unidirectional streams that were handed over, and that QUIC has not taken.
    pub(super) untaken: usize,
    pub(super) untaken_datagrams: usize,
    /// Bytes of datagrams that QUIC has not sent, as far as is known.
    pub(super) datagrams: usize,
    pub(super) gone: Option<String>,
    is_closing: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct OpenedAs {
    pub(super) session_id: u64,
    pub(super) max_datagram_bytes: usize,
}

/// A stream on its way to the client.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) is_uni: bool,
    /// Bytes that were handed over, and that QUIC has not taken.
    pub(super) untaken: usize,
    pub(super) failed: Option<String>,
    pub(super) is_settled: bool,
    /// Whether nobody has the stream any more.
    pub(super) is_left: bool,
}

/// A stream on its way from the client.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) waiting: BytesMut,
    pub(super) has_ended: bool,
    pub(super) failed: Option<String>,
    /// Bytes that were read, and that the backend does not know of.
    pub(super) untold: usize,
}

impl Remote {
    pub(super) fn new(number: u64, outbox: Arc<Outbox>) -> Self {
        Self { number, outbox, state: Mutex::default() }
    }

    /// Tells the backend, and hands it the bytes that follow.
    pub(super) fn order(&self, order: Order, bytes: &[u8]) {
        self.outbox.push(self.number, &ToBackend::Session(self.number, order), bytes);
    }

    /// Wakes the session.
    pub(super) fn wake(&self) {
        let waker = self.state.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The connection is over.
    pub(super) fn end(&self, why: &str) {
        self.state.lock().gone.get_or_insert_with(|| why.to_owned());
        self.wake();
    }

    /// Takes what the backend says, and the bytes that follow it.
    ///
    /// # Errors
    /// The backend has sent more of a stream than may wait here.
    pub(super) fn take(&self, news: News, bytes: &[u8]) -> Result<(), TooMuch> {
        self.state.lock().take(news, bytes)?;
        self.wake();
        Ok(())
    }

    /// Looks until there is something; the task is woken when there is news.
    pub(super) fn poll<T>(&self, cx: &mut Context<'_>, look: impl FnOnce(&mut State) -> Poll<T>) -> Poll<T> {
        let mut state = self.state.lock();
        let looked = look(&mut state);
        if looked.is_pending() && !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        looked
    }

    /// Looks at the state, or changes it.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock())
    }

    /// Whether bytes of streams should wait elsewhere.
    pub(super) fn is_crowded(&self) -> bool {
        self.outbox.is_crowded()
    }

    /// Completes when the session is open.
    ///
    /// # Errors
    /// It was not opened.
    pub(super) async fn opened(&self) -> Result<(), Ended> {
        poll_fn(|cx| {
            self.poll(cx, |state| match (&state.opened, state.gone()) {
                (Some(_), _) => Poll::Ready(Ok(())),
                (None, Err(gone)) => Poll::Ready(Err(gone)),
                (None, Ok(())) => Poll::Pending,
            })
        })
        .await
    }

    /// Has the backend end the connection, once.
    pub(super) fn close(&self, code: u32, reason: &str) {
        let is_open =
            self.with(|state| !std::mem::replace(&mut state.is_closing, true) && state.gone.is_none());
        if is_open {
            self.order(Order::Close { code, reason: reason.to_owned() }, b"");
        }
    }
}

/// A backend has sent more of a stream than may wait.
#[derive(Debug, thiserror::Error)]
#[error("more of a stream has come than may wait here")]
pub(super) struct TooMuch;

impl State {
    /// Whether the connection goes on.
    pub(super) fn gone(&self) -> Result<(), Ended> {
        self.gone.as_ref().map_or(Ok(()), |why| Err(Ended::Left(why.clone())))
    }

    /// Bytes of a unidirectional stream were handed over.
    pub(super) const fn add_untaken(&mut self, bytes: usize) {
        self.untaken += bytes;
    }

    fn take(&mut self, news: News, bytes: &[u8]) -> Result<(), TooMuch> {
        match news {
            News::Opened { session_id, max_datagram_bytes, standing } => {
                self.opened = Some(OpenedAs { session_id, max_datagram_bytes });
                self.standing = Some(standing);
            }
            News::Accepted { stream } => {
                self.written.insert(stream, Written::default());
                self.read.insert(stream, Read::default());
                self.accepted.push_back(stream);
            }
            News::Stray { is_datagram } => {
                self.stray = Some(if is_datagram { wt::DATAGRAMS } else { wt::UNI_STREAMS });
            }
            News::OpenedUni { stream } => {
                self.asked_ahead = self.asked_ahead.saturating_sub(1);
                self.ahead.push_back(stream);
            }
            News::Read { stream } => {
                if let Some(read) = self.read.get_mut(&stream) {
                    if read.waiting.len() + bytes.len() > READ_WINDOW_BYTES {
                        return Err(TooMuch);
                    }
                    read.waiting.extend_from_slice(bytes);
                }
            }
            News::ReadEnd { stream } => {
                if let Some(read) = self.read.get_mut(&stream) {
                    read.has_ended = true;
                }
            }
            News::ReadFailed { stream, why } => {
                if let Some(read) = self.read.get_mut(&stream) {
                    read.failed = Some(why);
                }
            }
            News::Taken { stream, bytes } => self.settle(stream, bytes),
            News::WriteFailed { stream, why } => {
                if let Some(written) = self.written.get_mut(&stream) {
                    written.failed = Some(why);
                    let untaken = written.untaken;
                    self.settle(stream, untaken);
                }
            }
            News::Settled { stream } => {
                if let Some(written) = self.written.get_mut(&stream) {
                    written.is_settled = true;
                }
            }
            News::TakenDatagram { bytes } => {
                self.untaken_datagrams = self.untaken_datagrams.saturating_sub(bytes);
            }
            News::Sample { standing, datagrams } => {
                (self.standing, self.datagrams) = (Some(standing), datagrams);
            }
            News::Gone { why } => {
                self.gone.get_or_insert(why);
            }
            // The server's process has answered these already.
            News::Arrived | News::Asked { .. } => {}
        }
        Ok(())
    }

    /// So many bytes of `stream` need not be waited for any more.
    fn settle(&mut self, stream: u64, bytes: usize) {
        let Some(written) = self.written.get_mut(&stream) else { return };
        written.untaken = written.untaken.saturating_sub(bytes);
        let is_over = written.is_left && written.untaken == 0;
        if written.is_uni {
            self.untaken = self.untaken.saturating_sub(bytes);
        }
        if is_over {
            self.written.remove(&stream);
        }
    }

    /// A stream that is open already, and how many more to ask for.
    pub(super) fn open_uni(&mut self) -> (Option<u64>, u64) {
        let stream = self.ahead.pop_front();
        if let Some(stream) = stream {
            self.used += 1;
            self.written.insert(stream, Written { is_uni: true, ..Written::default() });
        }
        let wanted = if stream.is_some() { self.used.min(MOST_AHEAD) } else { 1 };
        let there = self.ahead.len() as u64 + self.asked_ahead;
        let missing = wanted.saturating_sub(there);
        self.asked_ahead += missing;
        (stream, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Arc<Remote> {
        Arc::new(Remote::new(1, Arc::new(Outbox::default())))
    }

    #[test]
    fn streams_are_opened_ahead_as_far_as_they_are_used() {
        let mut state = State::default();
        assert_eq!(state.open_uni(), (None, 1), "the first has to be waited for");
        assert_eq!(state.open_uni(), (None, 0), "it was asked for");
        let mut asked = 1;
        for stream in 0..100 {
            state.take(News::OpenedUni { stream }, b"").expect("sound");
            let (opened, missing) = state.open_uni();
            assert_eq!(opened, Some(stream));
            asked += missing;
            assert!(state.asked_ahead <= MOST_AHEAD);
        }
        assert_eq!(asked, 100 + MOST_AHEAD);
    }

    #[test]
    fn what_a_stream_has_taken_counts_for_all() {
        let mut state = State::default();
        for stream in [3, 7] {
            let written = Written { is_uni: true, untaken: 100, ..Written::default() };
            state.written.insert(stream, written);
            state.add_untaken(100);
        }
        state.take(News::Taken { stream: 3, bytes: 60 }, b"").expect("sound");
        assert_eq!(state.untaken, 140);
        state.take(News::WriteFailed { stream: 3, why: "stopped".to_owned() }, b"").expect("sound");
        assert_eq!(state.untaken, 100, "nobody waits for what was not taken");
        state.written.get_mut(&7).expect("there").is_left = true;
        state.take(News::Taken { stream: 7, bytes: 100 }, b"").expect("sound");
        assert!(state.untaken == 0 && !state.written.contains_key(&7));
    }

    #[test]
    fn no_more_of_a_stream_waits_than_its_window() {
        let remote = remote();
        remote.take(News::Accepted { stream: 0 }, b"").expect("sound");
        remote.take(News::Read { stream: 0 }, &[0; READ_WINDOW_BYTES]).expect("as much as may wait");
        assert!(remote.take(News::Read { stream: 0 }, b"1").is_err());
        remote.take(News::Read { stream: 4 }, b"a stream that nobody has").expect("is forgotten");
    }
}
