//! A session's connection whose QUIC endpoint is in a backend's process, as the session sees it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use sluice_shared::wire::PathSample;

use super::message::Order;
use super::remote::{Remote, State};
use super::stream::{RecvStream, SendStream};
use crate::session::{Ended, Limits};
use crate::wt::{self, Incoming, Standing};

/// A handle of a connection; when the last is dropped, the connection is closed.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Remote>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close(0, "");
    }
}

impl Connection {
    /// A handle of `remote`, for its session.
    pub(super) fn new(remote: Arc<Remote>) -> Self {
        Self(Arc::new(Handle(remote)))
    }

    fn remote(&self) -> &Arc<Remote> {
        let Handle(remote) = &*self.0;
        remote
    }

    /// The stream that names the session.
    pub(crate) fn session_id(&self) -> u64 {
        self.remote().with(|state| state.opened.map_or(0, |opened| opened.session_id))
    }

    /// Bytes that one datagram carries at most, on every path: how many more the path carries just now may have changed
    /// when the datagram gets there.
    pub(crate) fn max_datagram_bytes(&self) -> usize {
        self.remote().with(|state| state.opened.map_or(0, |opened| opened.max_datagram_bytes))
    }

    /// What the backend said last of the path.
    pub(crate) fn path(&self) -> PathSample {
        self.standing().map_or_else(PathSample::default, |standing| standing.path)
    }

    /// How the connection stands, as the backend said last.
    pub(crate) fn standing(&self) -> Option<Standing> {
        self.remote().with(|state| state.standing)
    }

    /// Has the session's task woken when there is news.
    pub(crate) fn wake_on_news(&self, cx: &mut Context<'_>) {
        let looked = self.remote().poll(cx, |_| Poll::<()>::Pending);
        debug_assert!(looked.is_pending(), "nothing was looked at");
    }

    /// The next bidirectional stream that the client opens.
    pub(crate) async fn accept_bi(&self) -> Result<(wt::SendStream, wt::RecvStream), Ended> {
        poll_fn(|cx| self.remote().poll(cx, |state| self.poll_accepted(state))).await
    }

    /// The next thing that the client sends of its own accord.
    pub(crate) async fn incoming(&self) -> Result<Incoming, Ended> {
        poll_fn(|cx| {
            self.remote().poll(cx, |state| match (self.poll_accepted(state), state.stray) {
                (Poll::Ready(Ok((send, receive))), _) => Poll::Ready(Ok(Incoming::Stream(send, receive))),
                (_, Some(what)) => Poll::Ready(Ok(Incoming::Stray(what))),
                (Poll::Ready(Err(gone)), None) => Poll::Ready(Err(gone)),
                (Poll::Pending, None) => Poll::Pending,
            })
        })
        .await
    }

    fn poll_accepted(&self, state: &mut State) -> Poll<Result<(wt::SendStream, wt::RecvStream), Ended>> {
        if let Some(stream) = state.accepted.pop_front() {
            let send = wt::SendStream::Apart(SendStream::new(self.clone(), stream));
            return Poll::Ready(Ok((send, wt::RecvStream::Apart(RecvStream::new(self.clone(), stream)))));
        }
        state.gone().map_or_else(|gone| Poll::Ready(Err(gone)), |()| Poll::Pending)
    }

    /// A stream that is open: most are opened ahead.
    pub(crate) async fn open_uni(&self) -> Result<SendStream, Ended> {
        poll_fn(|cx| {
            self.remote().poll(cx, |state| {
                if let Err(gone) = state.gone() {
                    return Poll::Ready(Err(gone));
                }
                let (stream, missing) = state.open_uni();
                for _ in 0..missing {
                    self.remote().order(Order::OpenUni, b"");
                }
                match stream {
                    Some(stream) => Poll::Ready(Ok(SendStream::new(self.clone(), stream))),
                    None => Poll::Pending,
                }
            })
        })
        .await
    }

    /// Bytes of unidirectional streams that were handed over, and that QUIC has not taken.
    pub(crate) fn untaken_bytes(&self) -> usize {
        self.remote().with(|state| state.untaken)
    }

    /// Bytes of datagrams that QUIC has not sent, as far as is known, and those on their way to it.
    pub(crate) fn datagrams_held(&self) -> usize {
        self.remote().with(|state| state.untaken_datagrams + state.datagrams)
    }

    /// Hands a datagram over, if there is room for it; else it comes back.
    pub(crate) fn send_datagram(&self, datagram: Bytes) -> Result<Option<Bytes>, Ended> {
        let remote = self.remote();
        let has_room = remote.with(|state| {
            state.gone()?;
            let held = state.untaken_datagrams;
            let has_room =
                !remote.is_crowded() && (held == 0 || held + datagram.len() <= Limits::WRITE_BYTES);
            if has_room {
                state.untaken_datagrams += datagram.len();
            }
            Ok(has_room)
        })?;
        if !has_room {
            return Ok(Some(datagram));
        }
        remote.order(Order::Datagram, &datagram);
        Ok(None)
    }

    /// Hands a datagram over as soon as there is room for it.
    pub(crate) async fn send_datagram_wait(&self, datagram: Bytes) -> Result<(), Ended> {
        let mut waiting = Some(datagram);
        poll_fn(|cx| {
            // Before the look, so that what changes meanwhile is noticed.
            self.wake_on_news(cx);
            match waiting.take().map_or(Ok(None), |datagram| self.send_datagram(datagram)) {
                Ok(None) => Poll::Ready(Ok(())),
                Ok(returned) => {
                    waiting = returned;
                    Poll::Pending
                }
                Err(gone) => Poll::Ready(Err(gone)),
            }
        })
        .await
    }

    /// Ends the connection.
    pub(crate) fn close(&self, code: u32, reason: &str) {
        self.remote().close(code, reason);
    }

    /// Completes when the connection has ended.
    pub(crate) async fn closed(&self) {
        poll_fn(|cx| {
            self.remote().poll(cx, |state| if state.gone.is_some() { Poll::Ready(()) } else { Poll::Pending })
        })
        .await;
    }

    /// The connection itself, for its streams.
    pub(super) fn of_stream(&self) -> &Remote {
        self.remote()
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::News;
    use super::super::outbox::Outbox;
    use super::*;

    #[test]
    fn datagrams_wait_where_they_are_while_too_many_are_under_way() {
        let connection = Connection::new(Arc::new(Remote::new(1, Arc::new(Outbox::default()))));
        let datagram = Bytes::from_static(&[0; 1_200]);
        let mut sent = 0;
        while connection.send_datagram(datagram.clone()).expect("open").is_none() {
            sent += 1;
        }
        assert_eq!(sent, Limits::WRITE_BYTES / datagram.len());
        assert_eq!(connection.datagrams_held(), sent * datagram.len());
        connection.remote().take(News::TakenDatagram { bytes: 1_200 }, b"").expect("sound");
        assert!(connection.send_datagram(datagram.clone()).expect("open").is_none());
        connection.remote().end("the process has ended");
        assert_eq!(connection.send_datagram(datagram), Err(Ended::Left("the process has ended".to_owned())));
    }
}
