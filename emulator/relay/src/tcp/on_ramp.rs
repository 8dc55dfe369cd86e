//! From a loopback connection to the client's end of an emulated one.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sluice_shared::lab::Congestion;
use sluice_shared::mode::Transport;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::flow::TcpFlow;
use super::ramp::TcpRamp;
use crate::network::{Core, MAX_TCP_FLOWS};

/// The buffers of a loopback socket, bytes, in each direction; Linux doubles them for its bookkeeping.
///
/// What waits in them is on no hop of the picture, so they are small.
const SOCKET_BUFFER: usize = 16 << 10;
/// Silence before a client is asked whether it is there, and between questions; the system gives up after a few.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Most bytes that are between a socket and the model.
const CARRIED: usize = 16 << 10;
/// How long the listener pauses when no connection can be taken, as when no descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections from `listener` into the network of `core`.
pub(crate) fn listen(
    core: &Arc<Core>,
    listener: std::net::TcpListener,
    congestion: Congestion,
) -> io::Result<TcpRamp> {
    listener.set_nonblocking(true)?;
    let socket = SockRef::from(&listener);
    // Connections inherit them; set later they would not shrink the window that was offered with the handshake.
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    // A client of another machine may vanish without a word.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE))?;
    let port = listener.local_addr()?.port();
    let runtime = core.engine().runtime.clone();
    let listener = {
        let _context = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let (sender, streams) = mpsc::channel(MAX_TCP_FLOWS);
    let (core, closing) = (Arc::clone(core), core.closing());
    runtime.spawn(accept(closing, core, listener, port, congestion, sender));
    Ok(TcpRamp::new(streams))
}

/// The first argument is dropped last: it says that the socket is released.
async fn accept(
    mut closing: watch::Receiver<bool>,
    core: Arc<Core>,
    listener: TcpListener,
    port: u16,
    congestion: Congestion,
    ramp: mpsc::Sender<super::RampStream>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ramp.closed() => return,
            _ = closing.wait_for(|is_closing| *is_closing) => return,
        };
        match accepted {
            Ok((socket, peer)) => begin(&core, socket, peer, port, congestion, &ramp),
            Err(error) => {
                tracing::warn!(%error, port, "a connection to the relay could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn begin(
    core: &Arc<Core>,
    socket: TcpStream,
    peer: SocketAddr,
    port: u16,
    congestion: Congestion,
    ramp: &mpsc::Sender<super::RampStream>,
) {
    // Until both sides have closed it in order, whatever drops the socket resets the connection.
    if let Err(error) = socket.set_nodelay(true).and_then(|()| set_linger(&socket, Some(Duration::ZERO))) {
        tracing::debug!(%error, %peer, "the client has gone before it was accepted");
        return;
    }
    let flow = core.add(Transport::WebSocket, |id, settings| {
        TcpFlow::new(id, settings, core, peer, port, congestion, ramp.clone())
    });
    match flow {
        Ok(flow) => {
            core.note_address(flow.id(), peer);
            core.balance().route_tcp(peer);
            flow.start();
            core.engine().runtime.spawn(carry(core.closing(), flow, socket));
        }
        Err(refusal) => {
            tracing::warn!(%peer, port, %refusal, "a connection to the relay was refused");
        }
    }
}

/// Carries a connection until both sides have closed it, it breaks, or the network closes. The first argument is dropped
/// last.
async fn carry(mut closing: watch::Receiver<bool>, flow: Arc<TcpFlow>, mut socket: TcpStream) {
    let (mut reader, mut writer) = socket.split();
    let is_broken = {
        let both = async { tokio::try_join!(upload(&flow, &mut reader), download(&flow, &mut writer)) };
        tokio::select! {
            both = both => both.is_err(),
            _ = closing.wait_for(|is_closing| *is_closing) => true,
        }
    };
    if !is_broken && let Err(error) = set_linger(&socket, None) {
        tracing::debug!(%error, "a socket that was closed is reset");
    }
    flow.leave_client(is_broken);
}

/// Carries what the client sends, no faster than the model takes it.
async fn upload(flow: &TcpFlow, reader: &mut ReadHalf<'_>) -> io::Result<()> {
    let mut buffer = vec![0; CARRIED];
    loop {
        let room = {
            let room = poll_fn(|cx| flow.poll_client_room(cx));
            tokio::select! {
                biased;
                room = room => room?,
                // Nobody reads the socket meanwhile, so nobody would see that the client has gone.
                _ = reader.ready(Interest::ERROR) => return Err(io::ErrorKind::ConnectionReset.into()),
            }
        };
        reader.readable().await?;
        let room = room.min(buffer.len());
        match reader.try_read(buffer.get_mut(..room).unwrap_or_default()) {
            Ok(0) => {
                flow.close_at_client();
                return Ok(());
            }
            Ok(count) => flow.write_at_client(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Carries what has arrived for the client, no faster than the client takes it.
async fn download(flow: &TcpFlow, writer: &mut WriteHalf<'_>) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CARRIED);
    while poll_fn(|cx| flow.poll_read_at_client(&mut buffer, CARRIED, cx)).await? {
        writer.write_all(&buffer).await?;
        buffer.clear();
    }
    writer.shutdown().await
}

/// How long dropping `socket` waits for what was written: not at all with a reset, or in the background.
fn set_linger(socket: &TcpStream, linger: Option<Duration>) -> io::Result<()> {
    SockRef::from(socket).set_linger(linger)
}
