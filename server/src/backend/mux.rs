//! One session at its backend: its streams and datagrams, as the server orders and hears of them.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::future::BoxFuture;
use sluice_shared::wire::PathSample;
use tokio::io::ReadBuf;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};
use wtransport::{VarInt, quinn};

use super::child::Teller;
use super::message::{News, Order};
use super::remote::READ_WINDOW_BYTES;
use crate::session::Ended;
use crate::wt::{self, Arrived, RecvStream, SendStream, Standing};

/// How often the server hears of the path.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// What is read of a stream at once, bytes.
const READ_BYTES: usize = 8 * 1024;
/// What every path carries in a datagram of UDP (RFC 9000 §14), bytes.
const LEAST_UDP_BYTES: usize = 1_200;

/// A session's connection at its backend.
pub(super) struct Mux {
    connection: wtransport::Connection,
    quic: quinn::Connection,
    teller: Teller,
    writers: BTreeMap<u64, Writer>,
    readers: BTreeMap<u64, Reader>,
    /// Unidirectional streams to be opened, and the one that is.
    wanted: u64,
    opening: Option<BoxFuture<'static, Result<quinn::SendStream, quinn::ConnectionError>>>,
    datagrams: VecDeque<Bytes>,
    sending: Option<(usize, BoxFuture<'static, Result<(), Ended>>)>,
    /// `None` once the client has sent what nobody takes.
    incoming: Option<BoxFuture<'static, Result<Arrived, Ended>>>,
    closed: BoxFuture<'static, quinn::ConnectionError>,
    ticks: Interval,
    told: Option<(Standing, usize)>,
}

/// A stream on its way to the client.
struct Writer {
    stream: SendStream,
    is_uni: bool,
    waiting: VecDeque<Bytes>,
    ends: bool,
    /// Completes when the client has all of a bidirectional stream.
    settling: Option<BoxFuture<'static, Result<(), Ended>>>,
}

/// A stream on its way from the client.
struct Reader {
    stream: RecvStream,
    /// Bytes that the server takes.
    window: usize,
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    GoesOn,
    Over,
}

/// What a wait ended with.
enum Event {
    Order(Order, Bytes),
    Over(String),
}

impl Mux {
    /// The session on `connection`, which has been accepted.
    pub(super) fn new(connection: wtransport::Connection, teller: Teller) -> Self {
        let quic = connection.quic_connection().clone();
        let closed = {
            let quic = quic.clone();
            Box::pin(async move { quic.closed().await })
        };
        let mut ticks = interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            incoming: Some(next_incoming(&connection)),
            connection,
            quic,
            teller,
            writers: BTreeMap::new(),
            readers: BTreeMap::new(),
            wanted: 0,
            opening: None,
            datagrams: VecDeque::new(),
            sending: None,
            closed,
            ticks,
            told: None,
        }
    }

    /// Does what the server orders, until the connection is over; says why it is.
    pub(super) async fn run(mut self, orders: &mut mpsc::Receiver<(Order, Bytes)>) -> String {
        let standing = wt::sample(&self.quic);
        self.teller.tell(News::Opened {
            session_id: self.connection.session_id().into_u64(),
            max_datagram_bytes: self.least_datagram_bytes(standing.path),
            standing,
        });
        loop {
            match poll_fn(|cx| self.poll(cx, orders)).await {
                Event::Order(order, bytes) => {
                    if let Some(why) = self.obey(order, bytes) {
                        return why;
                    }
                }
                Event::Over(why) => return why,
            }
        }
    }

    /// What a datagram carries even if the path should take no more than it must.
    fn least_datagram_bytes(&self, path: PathSample) -> usize {
        let carried = path.segment.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(LEAST_UDP_BYTES);
        let beyond = carried.saturating_sub(LEAST_UDP_BYTES);
        self.quic.max_datagram_size().unwrap_or(0).saturating_sub(beyond)
    }

    /// Does what is ordered; why the connection is over, if it is.
    fn obey(&mut self, order: Order, bytes: Bytes) -> Option<String> {
        match order {
            Order::OpenUni => self.wanted += 1,
            Order::Write { stream } => {
                if let Some(writer) = self.writers.get_mut(&stream) {
                    writer.waiting.push_back(bytes);
                }
            }
            Order::Finish { stream } => {
                if let Some(writer) = self.writers.get_mut(&stream) {
                    writer.ends = true;
                }
            }
            Order::Prioritise { stream, priority } => {
                if let Some(writer) = self.writers.get(&stream) {
                    writer.stream.set_priority(priority);
                }
            }
            Order::Datagram => self.datagrams.push_back(bytes),
            Order::Read { stream, bytes } => {
                if let Some(reader) = self.readers.get_mut(&stream) {
                    reader.window = (reader.window + bytes).min(READ_WINDOW_BYTES);
                }
            }
            Order::StopReading { stream } => drop(self.readers.remove(&stream)),
            Order::Close { code, reason } => {
                self.connection.close(VarInt::from_u32(code), reason.as_bytes());
                return Some(reason);
            }
            Order::Answer(_) => return Some("the server answers twice".to_owned()),
        }
        None
    }

    fn poll(&mut self, cx: &mut Context<'_>, orders: &mut mpsc::Receiver<(Order, Bytes)>) -> Poll<Event> {
        match orders.poll_recv(cx) {
            Poll::Ready(Some((order, bytes))) => return Poll::Ready(Event::Order(order, bytes)),
            Poll::Ready(None) => return Poll::Ready(Event::Over("the server has gone".to_owned())),
            Poll::Pending => {}
        }
        self.poll_opening(cx);
        let teller = &self.teller;
        self.writers.retain(|stream, writer| writer.poll(*stream, teller, cx) == Life::GoesOn);
        self.poll_incoming(cx);
        let teller = &self.teller;
        self.readers.retain(|stream, reader| reader.poll(*stream, teller, cx) == Life::GoesOn);
        self.poll_datagrams(cx);
        let has_moved = self.told.is_some_and(|(told, _)| told.client != self.quic.remote_address());
        let mut is_due = has_moved;
        while self.ticks.poll_tick(cx).is_ready() {
            is_due = true;
        }
        if is_due {
            self.tell_sample();
        }
        match self.closed.as_mut().poll(cx) {
            Poll::Ready(error) => Poll::Ready(Event::Over(error.to_string())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_opening(&mut self, cx: &mut Context<'_>) {
        while self.wanted > 0 {
            let opening = self.opening.get_or_insert_with(|| {
                let quic = self.quic.clone();
                Box::pin(async move { quic.open_uni().await })
            });
            let Poll::Ready(opened) = opening.as_mut().poll(cx) else { return };
            self.opening = None;
            self.wanted -= 1;
            // A connection that is lost says so itself.
            let Ok(stream) = opened else { return };
            let stream = SendStream::Uni(stream);
            self.teller.tell(News::OpenedUni { stream: stream.id() });
            self.writers.insert(stream.id(), Writer::new(stream, true));
        }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) {
        while let Some(incoming) = &mut self.incoming
            && let Poll::Ready(arrived) = incoming.as_mut().poll(cx)
        {
            self.incoming = None;
            match arrived {
                Ok(Arrived::Stream(send, receive)) => {
                    let send = SendStream::Bi(send);
                    let (stream, receive) = (send.id(), RecvStream::Here(receive));
                    self.teller.tell(News::Accepted { stream });
                    self.writers.insert(stream, Writer::new(send, false));
                    self.readers.insert(stream, Reader { stream: receive, window: READ_WINDOW_BYTES });
                    self.incoming = Some(next_incoming(&self.connection));
                }
                Ok(Arrived::Stray(what)) => {
                    self.teller.tell(News::Stray { is_datagram: what == wt::DATAGRAMS });
                }
                // A connection that is lost says so itself.
                Err(_) => {}
            }
        }
    }

    fn poll_datagrams(&mut self, cx: &mut Context<'_>) {
        loop {
            if let Some((bytes, sending)) = &mut self.sending {
                let bytes = *bytes;
                let Poll::Ready(sent) = sending.as_mut().poll(cx) else { return };
                self.sending = None;
                if sent.is_ok() {
                    self.teller.tell(News::TakenDatagram { bytes });
                }
            }
            let Some(datagram) = self.datagrams.pop_front() else { return };
            let (bytes, quic) = (datagram.len(), self.quic.clone());
            self.sending =
                Some((bytes, Box::pin(async move { wt::send_datagram_wait(&quic, datagram).await })));
        }
    }

    /// Tells how the path is, if that is news, and if the server has taken what was told before.
    fn tell_sample(&mut self) {
        let sample = (wt::sample(&self.quic), wt::datagrams_in_quinn(&self.quic));
        if self.told != Some(sample) && self.teller.is_idle() {
            let (standing, datagrams) = sample;
            self.teller.tell(News::Sample { standing, datagrams });
            self.told = Some(sample);
        }
    }
}

fn next_incoming(connection: &wtransport::Connection) -> BoxFuture<'static, Result<Arrived, Ended>> {
    let connection = connection.clone();
    Box::pin(async move { wt::incoming(&connection).await })
}

impl Writer {
    const fn new(stream: SendStream, is_uni: bool) -> Self {
        Self { stream, is_uni, waiting: VecDeque::new(), ends: false, settling: None }
    }

    /// Writes what can be written.
    fn poll(&mut self, stream: u64, teller: &Teller, cx: &mut Context<'_>) -> Life {
        if let Some(settling) = &mut self.settling {
            return match settling.as_mut().poll(cx) {
                Poll::Ready(_) => {
                    teller.tell(News::Settled { stream });
                    Life::Over
                }
                Poll::Pending => Life::GoesOn,
            };
        }
        let mut taken = 0;
        let written = self.poll_write(cx, &mut taken);
        if taken > 0 {
            teller.tell(News::Taken { stream, bytes: taken });
        }
        match written {
            Poll::Pending => Life::GoesOn,
            Poll::Ready(Err(ended)) => {
                let (Ended::Left(why) | Ended::Refused(_, why)) = ended;
                teller.tell(News::WriteFailed { stream, why });
                Life::Over
            }
            Poll::Ready(Ok(())) if !self.ends => Life::GoesOn,
            Poll::Ready(Ok(())) => {
                self.stream.finish();
                if self.is_uni {
                    return Life::Over;
                }
                self.settling = Some(self.stream.settled());
                self.poll(stream, teller, cx)
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, taken: &mut usize) -> Poll<Result<(), Ended>> {
        while let Some(bytes) = self.waiting.front_mut() {
            let written = ready!(self.stream.poll_write(cx, bytes))?;
            *taken += written;
            bytes.advance(written);
            if bytes.is_empty() {
                self.waiting.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Reader {
    /// Reads what the server takes.
    fn poll(&mut self, stream: u64, teller: &Teller, cx: &mut Context<'_>) -> Life {
        while self.window > 0 {
            let mut space = [0; READ_BYTES];
            let (room, _) = space.split_at_mut(self.window.min(READ_BYTES));
            let mut read = ReadBuf::new(room);
            let why = match self.stream.poll_read(cx, &mut read) {
                Poll::Pending => return Life::GoesOn,
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    teller.tell(News::ReadEnd { stream });
                    return Life::Over;
                }
                Poll::Ready(Ok(())) => {
                    self.window -= read.filled().len();
                    teller.tell_with(News::Read { stream }, read.filled());
                    continue;
                }
                Poll::Ready(Err(Ended::Left(why) | Ended::Refused(_, why))) => why,
            };
            teller.tell(News::ReadFailed { stream, why });
            return Life::Over;
        }
        Life::GoesOn
    }
}
