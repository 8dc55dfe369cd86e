//! One connection of a native client: what arrives, and what is sent.

use std::net::SocketAddr;

use bytes::Bytes;
use sluice_shared::mode::{Mode, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{websocket, webtransport};

/// What waits between the socket and the session, at most.
const DEPTH: usize = 256;

/// Where a lane connects.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The lab's port for WebSocket.
    pub(super) websocket: SocketAddr,
    /// The lab's port for WebTransport, if the server has it.
    pub(super) webtransport: Option<SocketAddr>,
    /// Hashes of the certificates that WebTransport may meet, in hex.
    pub(super) certificate_hashes: Vec<String>,
    /// The lane's number in its lab.
    pub(super) lane: u16,
}

/// Something that arrived.
#[derive(Debug)]
pub(super) enum Input {
    /// A WebSocket message.
    Frame(Bytes),
    /// Bytes of a WebTransport stream; stream 0 is the control stream, others are numbered as they came.
    Chunk { stream: u64, bytes: Bytes },
    /// A WebTransport stream has ended.
    End { stream: u64 },
    /// A WebTransport datagram.
    Datagram(Bytes),
}

/// The ends of a connection that its transport's tasks hold.
pub(super) struct Wires {
    pub(super) input: mpsc::Sender<Input>,
    /// Whole items, for the control stream or a message of their own.
    pub(super) output: mpsc::Receiver<Bytes>,
    pub(super) tasks: JoinSet<()>,
}

/// A connection whose reading and writing run in tasks of their own; dropping it cuts it off.
#[derive(Debug)]
pub(super) struct Connection {
    input: mpsc::Receiver<Input>,
    output: mpsc::Sender<Bytes>,
    /// QUIC's own account.
    pub(super) quic: Option<quinn::Connection>,
    _tasks: JoinSet<()>,
}

impl Connection {
    /// Connects over the transport of `mode`.
    ///
    /// # Errors
    /// What the transport says.
    pub(super) async fn open(target: &Target, mode: Mode) -> Result<Self, String> {
        let (input, inputs) = mpsc::channel(DEPTH);
        let (output, outputs) = mpsc::channel(DEPTH);
        let wires = Wires { input, output: outputs, tasks: JoinSet::new() };
        let (tasks, quic) = match mode.transport() {
            Transport::WebSocket => (websocket::open(target, wires).await?, None),
            Transport::WebTransport => webtransport::open(target, wires).await?,
        };
        Ok(Self { input: inputs, output, quic, _tasks: tasks })
    }

    /// The next thing that arrives; `None` when the connection is over.
    pub(super) async fn next(&mut self) -> Option<Input> {
        self.input.recv().await
    }

    /// What has arrived already.
    pub(super) fn try_next(&mut self) -> Option<Input> {
        self.input.try_recv().ok()
    }

    /// Sends whole items, if there is room; whether there was.
    pub(super) fn try_send(&self, items: Bytes) -> bool {
        self.output.try_send(items).is_ok()
    }

    /// Whether there is room to send.
    pub(super) fn is_writable(&self) -> bool {
        self.output.capacity() > 0
    }
}
