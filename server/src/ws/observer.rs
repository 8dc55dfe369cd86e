//! WebSockets that send reports and take nothing.
//!
//! One report at a time is being written; the next is made when the one before has left, so an observer that reads
//! slowly skips reports and costs no memory. One that answers no ping, because it has gone or does not read, is closed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::Uri;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Sink as _;
use futures_util::stream::StreamExt as _;
use sluice_shared::wire::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;

use super::closing::{close, read_error};
use super::handshake::Handshake;
use super::liveness::{Due, Liveness};
use super::upgrade::limits;
use crate::config::Pings;
use crate::http::{Peer, ProblemResponse, ReportStream};
use crate::session::Ended;

/// Largest message that is received, bytes: none but control frames are expected.
const MAX_RECEIVED_BYTES: usize = 1_024;
/// What the library may hold, bytes: one report, whose lists are bounded, and control frames.
const MAX_WRITE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Turns the request into a WebSocket that sends the reports that `open` returns.
///
/// # Errors
/// The request is no upgrade in good order. A problem of `open` becomes the reason of the WebSocket's close frame.
pub(crate) fn upgrade(
    mut request: Request,
    pings: Pings,
    open: impl FnOnce(&Uri) -> Result<ReportStream, ProblemResponse>,
) -> Result<Response, ProblemResponse> {
    let handshake = Handshake::read(&mut request)
        .map_err(|error| error.problem(format!("no WebSocket can be opened here: {error}")))?;
    let stop = request.extensions().get::<Peer>().map(|peer| peer.stop.clone());
    let reports = open(request.uri());
    let config = limits(MAX_RECEIVED_BYTES, MAX_WRITE_BUFFER_BYTES);
    Ok(handshake
        .answer(config, async move |socket| observe(socket, reports, Liveness::new(pings), stop).await))
}

async fn observe<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
    reports: Result<ReportStream, ProblemResponse>,
    liveness: Liveness,
    stop: Option<watch::Receiver<bool>>,
) {
    let ended = match reports {
        Ok(reports) => {
            let mut observer = Observer::new(&mut socket, reports, liveness);
            tokio::select! {
                ended = std::future::poll_fn(|cx| observer.poll(cx)) => ended,
                () = stopped(stop) => Ended::Refused(CloseCode::GoingAway, "the server stops".to_owned()),
            }
        }
        Err(problem) => {
            let (code, reason) = problem.as_close();
            Ended::Refused(code, reason.to_owned())
        }
    };
    match ended {
        Ended::Left(reason) => tracing::debug!(reason, "an observer has left"),
        Ended::Refused(code, reason) => {
            if !close(&mut socket, code, &reason).await {
                tracing::debug!(reason, "an observer did not take its close");
            }
        }
    }
}

/// Completes when the server stops.
async fn stopped(stop: Option<watch::Receiver<bool>>) {
    match stop {
        // A sender that is gone has stopped, too.
        Some(mut stop) => drop(stop.wait_for(|stop| *stop).await),
        None => std::future::pending().await,
    }
}

/// The exchange with one observer.
struct Observer<'a, S> {
    socket: &'a mut WebSocketStream<S>,
    reports: ReportStream,
    liveness: Liveness,
    /// Whether a message is on its way into the connection.
    is_writing: bool,
    /// Whether that message waits for room in the connection.
    is_stalled: bool,
    ping_due: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Observer<'a, S> {
    const fn new(socket: &'a mut WebSocketStream<S>, reports: ReportStream, liveness: Liveness) -> Self {
        Self { socket, reports, liveness, is_writing: false, is_stalled: false, ping_due: false }
    }

    /// Drives both directions; ready when the WebSocket is to end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Poll::Ready(ended) = self.poll_read(cx) {
            return Poll::Ready(ended);
        }
        while let Poll::Ready(due) = self.liveness.poll_due(cx) {
            match due {
                Due::Ping => self.ping_due = true,
                Due::Dead => {
                    let reason = format!("nothing was heard for {:?} after a ping", self.liveness.timeout());
                    return Poll::Ready(Ended::Refused(CloseCode::Unresponsive, reason));
                }
            }
        }
        self.poll_write(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let Some(message) = ready!(self.socket.poll_next_unpin(cx)) else {
                return Poll::Ready(Ended::Left("the connection is gone".to_owned()));
            };
            self.liveness.handle_heard();
            match message {
                // The library answers pings and close frames itself.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
                Ok(Message::Text(_) | Message::Binary(_)) => {
                    let reason = "messages are not taken here: this WebSocket only sends".to_owned();
                    return Poll::Ready(Ended::Refused(CloseCode::Protocol, reason));
                }
                Err(error) => return Poll::Ready(read_error(error)),
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            if self.is_writing {
                let flushed = Pin::new(&mut *self.socket).poll_flush(cx);
                self.is_stalled |= flushed.is_pending();
                if let Err(error) = ready!(flushed) {
                    return Poll::Ready(Ended::Left(error.to_string()));
                }
                self.is_writing = false;
                // An observer that makes room is alive, even if its pongs are late behind what it has yet to read.
                if std::mem::take(&mut self.is_stalled) {
                    self.liveness.handle_heard();
                }
            }
            let message = if std::mem::take(&mut self.ping_due) {
                Message::Ping(Bytes::new())
            } else {
                match ready!(self.reports.poll_next_unpin(cx)) {
                    Some(Ok(report)) => Message::text(report),
                    Some(Err(end)) => return Poll::Ready(Ended::Refused(end.close_code(), end.to_string())),
                    None => return Poll::Ready(Ended::Left("there are no more reports".to_owned())),
                }
            };
            if let Err(error) = Pin::new(&mut *self.socket).start_send(message) {
                return Poll::Ready(Ended::Left(error.to_string()));
            }
            self.is_writing = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use futures_util::SinkExt as _;
    use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, interval, sleep};
    use tungstenite::protocol::{Role, WebSocketConfig};

    use super::*;
    use crate::http::ReportsEnd;

    const PINGS: Pings = Pings { interval: Duration::from_secs(2), timeout: Duration::from_secs(1) };
    /// What the connection holds, bytes: some reports.
    const CONNECTION_BYTES: usize = 1_000;
    const REPORT_EVERY: Duration = Duration::from_millis(100);

    /// An observer's end of the connection, and the server's task.
    async fn connect(
        reports: Result<ReportStream, ProblemResponse>,
    ) -> (WebSocketStream<DuplexStream>, JoinHandle<()>) {
        let (near, far) = duplex(CONNECTION_BYTES);
        let config = limits(MAX_RECEIVED_BYTES, MAX_WRITE_BUFFER_BYTES);
        let server = WebSocketStream::from_raw_socket(near, Role::Server, Some(config)).await;
        let task = tokio::spawn(observe(server, reports, Liveness::new(PINGS), None));
        // Reads no further ahead than a report.
        let config = WebSocketConfig::default().read_buffer_size(100);
        (WebSocketStream::from_raw_socket(far, Role::Client, Some(config)).await, task)
    }

    /// Reports of 100 bytes that begin with their number, the last of which is number `count` - 1.
    fn numbered(count: u64) -> ReportStream {
        let state = (interval(REPORT_EVERY), 0);
        futures_util::stream::unfold(state, move |(mut ticks, number)| async move {
            ticks.tick().await;
            let report =
                if number < count { Ok(format!("{number:<100}")) } else { Err(ReportsEnd::LabEnded) };
            Some((report, (ticks, number + 1)))
        })
        .boxed()
    }

    /// Reads to the end: the numbers of the reports, and the close frame's code and reason.
    async fn read_all(client: &mut WebSocketStream<DuplexStream>) -> (Vec<u64>, Option<(u16, String)>) {
        let (mut numbers, mut closed) = (Vec::new(), None);
        while let Some(Ok(message)) = client.next().await {
            match message {
                Message::Text(text) => numbers.push(text.trim().parse().expect("a number")),
                Message::Close(frame) => {
                    closed = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {}
            }
        }
        (numbers, closed)
    }

    #[tokio::test(start_paused = true)]
    async fn all_reports_arrive_in_order_and_the_close_frame_names_the_end() {
        let (mut client, task) = connect(Ok(numbered(50))).await;
        let (numbers, closed) = read_all(&mut client).await;
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
        assert_eq!(closed, Some((1000, "the lab has ended".to_owned())));
        task.await.expect("the observer's task ends");
    }

    #[tokio::test(start_paused = true)]
    async fn an_observer_that_does_not_read_is_asked_for_no_more_reports_and_closed() {
        let made = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = std::sync::Arc::clone(&made);
        let counted = numbered(u64::MAX).inspect(move |_| {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let started = Instant::now();
        let (client, task) = connect(Ok(counted.boxed())).await;
        task.await.expect("the observer's task ends");
        let made = made.load(std::sync::atomic::Ordering::Relaxed);
        // What the connection holds, and the one that is being written.
        assert!((5..=11).contains(&made), "{made} reports were made");
        let patience = PINGS.interval + PINGS.timeout + crate::session::Limits::FAREWELL;
        assert!(started.elapsed() <= patience, "closed after {:?}", started.elapsed());
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn an_observer_that_answers_no_ping_is_closed() {
        let (near, mut far) = duplex(64 * CONNECTION_BYTES);
        let server = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
        let task = tokio::spawn(observe(server, Ok(numbered(u64::MAX)), Liveness::new(PINGS), None));
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.expect("read to the end");
        task.await.expect("the observer's task ends");
        let close = [&4001_u16.to_be_bytes()[..], b"nothing was heard for 1s after a ping"].concat();
        assert!(received.ends_with(&close), "{}", String::from_utf8_lossy(&received));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_observer_stays_and_gets_recent_reports() {
        let ticks = {
            let mut ticks = interval(REPORT_EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            ticks
        };
        let started = Instant::now();
        let snapshots = futures_util::stream::unfold(ticks, move |mut ticks| async move {
            ticks.tick().await;
            Some((Ok(format!("{:<100}", started.elapsed().as_millis())), ticks))
        });
        let (mut client, _task) = connect(Ok(snapshots.boxed())).await;
        let mut last_age = Duration::MAX;
        for _ in 0..60 {
            sleep(Duration::from_millis(500)).await;
            let Some(Ok(message)) = client.next().await else { panic!("the observer was closed") };
            if let Message::Text(text) = message {
                last_age = started.elapsed() - Duration::from_millis(text.trim().parse().expect("a number"));
            }
        }
        // Ten reports in the connection, read at two a second: without skipping, half a minute would be waiting.
        assert!(last_age <= Duration::from_secs(7), "the report is {last_age:?} old");
    }

    #[tokio::test(start_paused = true)]
    async fn a_problem_is_told_by_the_close_frame() {
        for (status, code) in [
            (StatusCode::NOT_FOUND, 4000),
            (StatusCode::BAD_REQUEST, 4000),
            (StatusCode::TOO_MANY_REQUESTS, 1013),
        ] {
            let (mut client, _task) = connect(Err(ProblemResponse::new(status, "why"))).await;
            assert_eq!(read_all(&mut client).await, (vec![], Some((code, "why".to_owned()))), "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn messages_are_refused() {
        let (mut client, _task) = connect(Ok(numbered(u64::MAX))).await;
        client.send(Message::text("hello")).await.expect("sent");
        let (_, closed) = read_all(&mut client).await;
        assert_eq!(closed.map(|(code, _)| code), Some(1002));
    }
}
