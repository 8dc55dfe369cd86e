//! One connection of a native client: what arrives, what is sent, how it ends.

use bytes::{Bytes, BytesMut};
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::wire::ClientItem;
use sluice_shared::wire::codec::write_client_item;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::flood::{Drain, Spout, spout};
use crate::target::Target;
use crate::{websocket, webtransport};

/// What waits between the socket and its reader, at most.
const DEPTH: usize = 64;

/// Something that arrived.
#[derive(Clone, Debug)]
pub enum Input {
    /// A WebSocket message.
    Frame(Bytes),
    /// Bytes of a WebTransport stream. Stream 0 is the control stream, others are numbered as they came.
    Chunk {
        /// Which stream.
        stream: u64,
        /// Its next bytes.
        bytes: Bytes,
    },
    /// A WebTransport stream has ended.
    End {
        /// Which stream.
        stream: u64,
    },
    /// A WebTransport datagram.
    Datagram(Bytes),
    /// Bytes of a flood that come back on a stream of their own; WebTransport alone.
    Echo(Bytes),
    /// The connection is over; nothing follows.
    Closed(Closed),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The peer's close code, if it said one.
    pub code: Option<u32>,
    /// The peer's reason, or the error that was met.
    pub reason: String,
}

impl Closed {
    pub(crate) fn by_error(error: &impl ToString) -> Self {
        Self { code: None, reason: error.to_string() }
    }
}

/// Something to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Bytes on the control stream, or a binary WebSocket message.
    Bytes(Bytes),
    /// A text WebSocket message; nothing on WebTransport.
    Text(String),
    /// A unidirectional stream with these bytes; nothing on WebSocket.
    Stream(Bytes),
    /// A bidirectional stream that begins with these bytes; nothing on WebSocket.
    TwoWay(Bytes),
    /// A datagram; nothing on WebSocket.
    Datagram(Bytes),
    /// The end, in good order.
    Close,
}

/// A connection whose reading and writing run in tasks of their own; dropping it cuts it off.
#[derive(Debug)]
pub struct Connection {
    input: mpsc::Receiver<Input>,
    output: mpsc::Sender<Output>,
    reading: watch::Sender<bool>,
    spout: Spout,
    _tasks: JoinSet<()>,
    /// The certificate that the server presented, in DER; WebTransport alone.
    pub certificate: Option<Vec<u8>>,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The server answered, and said no.
    #[error("refused with status {status}: {body}")]
    Refused {
        /// The HTTP status; 0 where the transport does not tell.
        status: u16,
        /// What the answer says.
        body: String,
    },
    /// There was no answer.
    #[error("no connection: {0}")]
    Failed(String),
}

/// The ends of a connection that its transport's tasks hold.
pub(crate) struct Wires {
    pub(crate) input: mpsc::Sender<Input>,
    pub(crate) output: mpsc::Receiver<Output>,
    pub(crate) reading: watch::Receiver<bool>,
    pub(crate) flood: Drain,
    pub(crate) tasks: JoinSet<()>,
}

impl Connection {
    /// Connects to `target` over the transport of `mode`, as a page of `origin` if there is one.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn open(target: &Target, mode: Mode, origin: Option<&str>) -> Result<Self, ConnectError> {
        let (input, inputs) = mpsc::channel(DEPTH);
        let (output, outputs) = mpsc::channel(DEPTH);
        let (reading, may_read) = watch::channel(true);
        let (spout, flood) = spout();
        let wires = Wires { input, output: outputs, reading: may_read, flood, tasks: JoinSet::new() };
        let (tasks, certificate) = match mode.transport() {
            Transport::WebSocket => (websocket::open(target, origin, wires).await?, None),
            Transport::WebTransport => webtransport::open(target, origin, wires).await?,
        };
        Ok(Self { input: inputs, output, reading, spout, _tasks: tasks, certificate })
    }

    /// The next thing that arrives.
    pub async fn next(&mut self) -> Input {
        let gone = || Input::Closed(Closed { code: None, reason: "the reading task ended".into() });
        self.input.recv().await.unwrap_or_else(gone)
    }

    /// Reads what arrives, or leaves it where it is.
    pub fn set_reading(&self, reading: bool) {
        self.reading.send_replace(reading);
    }

    /// Where a flood is handed over: ahead of what is said later on a WebSocket, on a stream of its own on WebTransport.
    pub const fn spout(&self) -> &Spout {
        &self.spout
    }

    /// To speak while somebody else listens.
    pub fn speaker(&self) -> Speaker {
        Speaker { output: self.output.clone() }
    }

    /// Room for one more thing to send.
    pub(crate) const fn output(&self) -> &mpsc::Sender<Output> {
        &self.output
    }
}

/// The sending side of a connection.
///
/// What is said after the connection has ended is lost; its end is told by [`Connection::next`].
#[derive(Clone, Debug)]
pub struct Speaker {
    output: mpsc::Sender<Output>,
}

impl Speaker {
    /// Sends one item on the control stream, or in a frame of its own.
    pub async fn item(&self, item: &ClientItem) {
        self.bytes(encoded(item)).await;
    }

    /// Sends any bytes on the control stream, or in a frame of their own.
    pub async fn bytes(&self, bytes: impl Into<Bytes>) {
        self.send(Output::Bytes(bytes.into())).await;
    }

    /// Sends a text frame; WebSocket alone.
    pub async fn text(&self, text: &str) {
        self.send(Output::Text(text.into())).await;
    }

    /// Sends bytes on a unidirectional stream of their own; WebTransport alone.
    pub async fn stream(&self, bytes: impl Into<Bytes>) {
        self.send(Output::Stream(bytes.into())).await;
    }

    /// Opens a bidirectional stream, and leaves it open behind these bytes; WebTransport alone.
    pub async fn two_way(&self, bytes: impl Into<Bytes>) {
        self.send(Output::TwoWay(bytes.into())).await;
    }

    /// Sends a datagram; WebTransport alone.
    pub async fn datagram(&self, bytes: impl Into<Bytes>) {
        self.send(Output::Datagram(bytes.into())).await;
    }

    /// Ends the connection in good order.
    pub async fn close(&self) {
        self.send(Output::Close).await;
    }

    async fn send(&self, output: Output) {
        // The writing task ends with the connection.
        let _gone = self.output.send(output).await;
    }
}

/// An item as bytes.
pub fn encoded(item: &ClientItem) -> Bytes {
    let mut bytes = BytesMut::new();
    write_client_item(&mut bytes, item);
    bytes.freeze()
}
