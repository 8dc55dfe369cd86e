//! A backend's process: it ends QUIC, HTTP/3 and WebTransport, and hands what streams and datagrams carry to the server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_balancer::ServerId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{interval, timeout};
use wtransport::{VarInt, quinn};

use super::frame::{FrameError, Frames};
use super::message::{News, Order, Setup, ToBackend, ToServer};
use super::mux::Mux;
use super::outbox::Outbox;
use crate::config::QuicTuning;
use crate::server::StartError;
use crate::wt::{self, Verdict};

/// Orders of a session that wait until its task takes them; the pipe is not read meanwhile.
const MOST_ORDERS: usize = 256;
/// How long sessions may take to end when the server stops.
const END_TIME: Duration = Duration::from_millis(200);

/// How often the server hears that the process does not hang.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(1);

/// Why a backend's process ends.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The pipe from or to the server is broken.
    #[error("the pipe to the server is broken: {0}")]
    Pipe(#[from] io::Error),
    /// What has come is from no server of this version.
    #[error("this is for sluice serve --backends process, which says what to do on standard input: {0}")]
    Misused(String),
    /// A QUIC endpoint cannot be had.
    #[error("a QUIC endpoint cannot be bound: {0}")]
    Bind(io::Error),
    /// The certificate cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Says its secrets to the server, whose emulator opens packets with them.
#[derive(Debug)]
struct Secrets(Arc<Outbox>);

impl rustls::KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let told = ToServer::Secret { label: label.to_owned(), client_random: client_random.to_vec() };
        self.0.push(Outbox::LINK, &told, secret);
    }
}

/// The sessions of a backend, and the way to the server.
#[derive(Debug)]
struct Sessions {
    outbox: Arc<Outbox>,
    next: AtomicU64,
    orders: Mutex<BTreeMap<u64, mpsc::Sender<(Order, Bytes)>>>,
    is_empty: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
}

/// Runs a backend that is told what to do on `input`, and answers on `output`, until one of them ends or the server has
/// it stop.
///
/// # Errors
/// It cannot begin, or the server is gone.
pub async fn run_backend(
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), BackendError> {
    let mut frames = Frames::default();
    let setup = match frames.next(&mut input).await {
        Ok(Some((ToBackend::Setup(setup), _))) => setup,
        Ok(Some((other, _))) => return Err(BackendError::Misused(format!("it begins with {other:?}"))),
        Ok(None) => return Err(BackendError::Misused("it has ended".to_owned())),
        Err(error) => return Err(misused(error)),
    };
    let outbox = Arc::new(Outbox::default());
    let endpoints = bind(setup, &outbox);
    let told = match &endpoints {
        Ok(endpoints) => ToServer::Ready(endpoints.iter().map(wt::Endpoint::address).collect()),
        Err(error) => ToServer::Failed(error.to_string()),
    };
    outbox.push(Outbox::LINK, &told, b"");
    let ended = async {
        // Whoever could not begin says so before it ends.
        let endpoints = match endpoints {
            Ok(endpoints) => endpoints,
            Err(error) => {
                outbox.drained().await;
                return Err(error);
            }
        };
        serve(&mut frames, &mut input, endpoints, &outbox).await
    };
    tokio::select! {
        error = outbox.write(&mut output, || {}) => {
            // Then the server's process is gone, and nobody is left to be told.
            let is_gone = error.kind() == io::ErrorKind::BrokenPipe;
            if is_gone { Ok(()) } else { Err(error.into()) }
        }
        ended = ended => ended,
        never = say_alive(&outbox) => match never {},
    }
}

/// Lets the server hear of the process for as long as it is at work.
async fn say_alive(outbox: &Outbox) -> Infallible {
    let mut ticks = interval(ALIVE_EVERY);
    loop {
        ticks.tick().await;
        // What waits says as much.
        if outbox.is_idle(Outbox::LINK) {
            outbox.push(Outbox::LINK, &ToServer::Alive, b"");
        }
    }
}

fn bind(setup: Setup, outbox: &Arc<Outbox>) -> Result<Vec<wt::Endpoint>, BackendError> {
    let Setup { server, endpoints, reset_key, identity } = setup;
    let reset_key = reset_key.try_into().map_err(|_| malformed("a key of another length"))?;
    let (group, backend) =
        (wt::Group::with_key(reset_key), wt::Backend { server: ServerId(server), migrates: true });
    let identity = identity.into_chain().map_err(malformed)?;
    let secrets: Arc<dyn rustls::KeyLog> = Arc::new(Secrets(Arc::clone(outbox)));
    let bind = |(tuning, port): (QuicTuning, u16)| {
        let config = wt::server_config(identity.duplicate(), tuning, Some(Arc::clone(&secrets)))?;
        // Only the relay sends here.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let place = (backend, &group);
        wt::Endpoint::bind_backend(address, config, tuning, Arc::clone(&secrets), place)
            .map_err(BackendError::Bind)
    };
    endpoints.into_iter().map(bind).collect()
}

/// Accepts connections, and does what the server says, until it says no more.
async fn serve(
    frames: &mut Frames,
    input: &mut (impl AsyncRead + Unpin),
    endpoints: Vec<wt::Endpoint>,
    outbox: &Arc<Outbox>,
) -> Result<(), BackendError> {
    let sessions = Arc::new(Sessions {
        outbox: Arc::clone(outbox),
        next: AtomicU64::new(1),
        orders: Mutex::default(),
        is_empty: watch::Sender::new(true),
        stopping: watch::Sender::new(false),
    });
    for (number, endpoint) in endpoints.iter().cloned().enumerate() {
        let sessions = Arc::clone(&sessions);
        tokio::spawn(async move {
            let stopping = sessions.stopping.subscribe();
            endpoint
                .accept(stopping, |incoming, permit| Arc::clone(&sessions).run(number, incoming, permit))
                .await;
        });
    }
    let ended = loop {
        match frames.next(input).await {
            Ok(Some((ToBackend::Session(session, order), bytes))) => {
                let orders = sessions.orders.lock().get(&session).cloned();
                if let Some(orders) = orders
                    && orders.send((order, bytes)).await.is_err()
                {
                    tracing::trace!(session, "an order came after the session's end");
                }
            }
            Ok(Some((ToBackend::Present(identity), _))) => {
                let identity = identity.into_chain().map_err(malformed)?;
                for endpoint in &endpoints {
                    endpoint.present(identity.duplicate())?;
                }
            }
            Ok(Some((ToBackend::Stop, _))) => break Ok(()),
            Ok(Some((ToBackend::Setup(_), _))) => break Err(malformed("it begins twice")),
            Ok(None) => break Ok(()),
            Err(error) => break Err(misused(error)),
        }
    };
    sessions.stopping.send_replace(true);
    let mut is_empty = sessions.is_empty.subscribe();
    if timeout(END_TIME, is_empty.wait_for(|is_empty| *is_empty)).await.is_err() {
        tracing::debug!("not every session has ended in time");
    }
    futures_util::future::join_all(endpoints.iter().map(wt::Endpoint::close)).await;
    ended
}

impl Sessions {
    /// Takes a connection from its first packet to its end.
    async fn run(self: Arc<Self>, endpoint: usize, incoming: quinn::Incoming, permit: OwnedSemaphorePermit) {
        if self.outbox.is_crowded() {
            incoming.refuse();
            return;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, mut orders) = mpsc::channel(MOST_ORDERS);
        self.orders.lock().insert(number, sender);
        self.is_empty.send_replace(false);
        let teller = Teller { session: number, outbox: Arc::clone(&self.outbox) };
        teller.tell(News::Arrived);
        let why = "its task at the backend has failed".to_owned();
        let mut presence = Presence { sessions: &self, teller: &teller, why };
        presence.why = self.terminate(endpoint, incoming, permit, &teller, &mut orders).await;
    }

    /// As [`Sessions::run`], and says why it ended.
    async fn terminate(
        &self,
        endpoint: usize,
        incoming: quinn::Incoming,
        permit: OwnedSemaphorePermit,
        teller: &Teller,
        orders: &mut mpsc::Receiver<(Order, Bytes)>,
    ) -> String {
        let Some((request, asked)) = wt::handshake(incoming).await else {
            return "the handshake failed".to_owned();
        };
        drop(permit);
        if !teller.tell(News::Asked { endpoint, asked }) {
            return "it asked for too much".to_owned();
        }
        let Ok(Some((Order::Answer(verdict), _))) = timeout(wt::HANDSHAKE, orders.recv()).await else {
            return "the server does not answer".to_owned();
        };
        let Some(connection) = wt::answer(request, verdict).await else {
            return "it was refused, or has left".to_owned();
        };
        if verdict == Verdict::Echo {
            tokio::select! {
                () = wt::echo(connection.clone(), self.stopping.subscribe()) => {}
                Some((code, reason)) = closed(orders) => {
                    connection.close(VarInt::from_u32(code), reason.as_bytes());
                }
            }
            return "the echo is over".to_owned();
        }
        Mux::new(connection, teller.clone()).run(orders).await
    }
}

/// A connection, as long as its task goes on: however that ends, the server hears of it.
struct Presence<'a> {
    sessions: &'a Sessions,
    teller: &'a Teller,
    why: String,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let is_empty = {
            let mut all = self.sessions.orders.lock();
            all.remove(&self.teller.session);
            all.is_empty()
        };
        self.sessions.is_empty.send_replace(is_empty);
        self.teller.tell(News::Gone { why: std::mem::take(&mut self.why) });
    }
}

/// Completes when the server has a connection closed that takes no other orders; `None` when it is gone.
async fn closed(orders: &mut mpsc::Receiver<(Order, Bytes)>) -> Option<(u32, String)> {
    while let Some((order, _)) = orders.recv().await {
        if let Order::Close { code, reason } = order {
            return Some((code, reason));
        }
    }
    None
}

/// What a session tells the server through.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    session: u64,
    outbox: Arc<Outbox>,
}

impl Teller {
    /// Tells; whether it is not too much.
    pub(super) fn tell(&self, news: News) -> bool {
        self.tell_with(news, b"")
    }

    /// Tells, and hands over the bytes that follow; whether it is not too much.
    pub(super) fn tell_with(&self, news: News, bytes: &[u8]) -> bool {
        self.outbox.push(self.session, &ToServer::Session(self.session, news), bytes)
    }

    /// Whether nothing waits that was told before.
    pub(super) fn is_idle(&self) -> bool {
        self.outbox.is_idle(self.session)
    }
}

fn malformed(what: impl ToString) -> BackendError {
    BackendError::Misused(what.to_string())
}

fn misused(error: FrameError) -> BackendError {
    match error {
        FrameError::Io(error) => BackendError::Pipe(error),
        FrameError::TooLarge(_) | FrameError::Malformed(_) | FrameError::Cut => malformed(error),
    }
}
