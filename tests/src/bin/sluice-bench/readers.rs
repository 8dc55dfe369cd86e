//! Plain readers: they count messages and do nothing else, so that as many as possible fit beside a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf as _, Bytes};
use futures_util::{SinkExt as _, StreamExt as _};
use sluice_shared::units::Amount;
use sluice_shared::wire::ClientItem;
use sluice_tests::connection::encoded;
use sluice_tests::deadline::must;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// What a reader says first, and how it counts and grants.
#[derive(Clone, Debug)]
pub(crate) enum Speech {
    /// Says one empty word; each frame is a message.
    Bare,
    /// Opens a session with this item; a frame is a run of items.
    Session {
        /// The Hello.
        hello: ClientItem,
        /// The window in messages that is granted again as it is used up, half of it at a time; `None` grants nothing.
        window: Option<u64>,
    },
}

/// Readers of one server.
#[derive(Debug)]
pub(crate) struct Readers {
    received: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Readers {
    /// Connects `count` readers; none of them speaks, and so is sent anything, before all are connected.
    pub(crate) async fn connect(url: &str, address: SocketAddr, count: usize, speech: &Speech) -> Self {
        let mut sockets = Vec::with_capacity(count);
        for _ in 0..count {
            let stream = must("connecting", TcpStream::connect(address).await);
            must("connecting", stream.set_nodelay(true));
            let config = WebSocketConfig::default().read_buffer_size(16 * 1024);
            let connected = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await;
            sockets.push(must("connecting", connected).0);
        }
        let received = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for socket in sockets {
            tasks.spawn(read(socket, Arc::clone(&received), speech.clone()));
        }
        Self { received, _tasks: tasks }
    }

    /// Messages received by all of them.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

async fn read(
    mut socket: tokio_tungstenite::WebSocketStream<TcpStream>,
    received: Arc<AtomicU64>,
    speech: Speech,
) {
    let (first, window) = match &speech {
        Speech::Bare => (Bytes::new(), None),
        Speech::Session { hello, window } => (encoded(hello), *window),
    };
    if socket.send(Message::Binary(first)).await.is_err() {
        return;
    }
    let (mut total, mut granted_at) = (Amount::ZERO, 0);
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(frame) = message else { continue };
        let amount = match speech {
            Speech::Bare => Amount::one(frame.len() as u64),
            Speech::Session { .. } => messages_in(frame),
        };
        total += amount;
        received.fetch_add(amount.messages, Ordering::Relaxed);
        if let Some(window) = window
            && total.messages - granted_at >= window / 2
        {
            granted_at = total.messages;
            let limit = Amount::new(total.messages + window, u64::MAX / 2);
            let grant = ClientItem::Grant { limit, received: total, consumed: total };
            if socket.send(Message::Binary(encoded(&grant))).await.is_err() {
                return;
            }
        }
    }
}

/// The messages in a frame, told by the kind of each item (see the codec of the shared crate) without decoding them.
fn messages_in(mut frame: Bytes) -> Amount {
    const KIND_MESSAGE: u8 = 0;
    let mut total = Amount::ZERO;
    while frame.has_remaining() {
        let (mut length, mut prefix) = (0usize, 0);
        while frame.has_remaining() {
            let byte = frame.get_u8();
            length |= usize::from(byte & 0x7f) << (7 * prefix);
            prefix += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if length == 0 || length > frame.remaining() {
            panic!("the server's frame is no run of items");
        }
        if frame[0] == KIND_MESSAGE {
            total += Amount::one((prefix + length) as u64);
        }
        frame.advance(length);
    }
    total
}
