//! A client without a session: it says what a test wants it to say, in any order.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use sluice_shared::feed::FeedSpec;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::{DecodeError, FrameItems, StreamItems};
use sluice_shared::wire::{
    ClientItem, Goodbye, Hello, MessageHeader, PROTOCOL_VERSION, ServerControl, ServerItem, Welcome,
};

use crate::connection::{Closed, ConnectError, Connection, Input, Speaker};
use crate::deadline::{in_time, must};
use crate::target::Target;

/// A Hello for `mode` and `feeds` that grants nothing yet.
pub fn hello(mode: Mode, feeds: impl Into<Vec<FeedSpec>>) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        mode,
        feeds: feeds.into(),
        policy: Policy::Lossless,
        limit: Amount::ZERO,
        sample_every_millis: Hello::MIN_SAMPLE_MILLIS,
        resume: None,
    }
}

/// A connection with the server's items taken out of it.
#[derive(Debug)]
pub struct Raw {
    /// To say anything at all.
    pub speaker: Speaker,
    /// What arrives, before it is taken apart.
    pub connection: Connection,
    streams: BTreeMap<u64, StreamItems<ServerItem>>,
    items: VecDeque<ServerItem>,
    /// What has come back of a flood over WebTransport.
    pub echoed: Vec<u8>,
}

/// How the server ended a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// What it said first, on the control path.
    pub goodbye: Option<Goodbye>,
    /// The transport's own close.
    pub closed: Closed,
}

impl Raw {
    /// Connects over the transport of `mode` and says nothing.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn open(target: &Target, mode: Mode) -> Result<Self, ConnectError> {
        let connection = Connection::open(target, mode, None).await?;
        let speaker = connection.speaker();
        Ok(Self { speaker, connection, streams: BTreeMap::new(), items: VecDeque::new(), echoed: Vec::new() })
    }

    /// Connects, says `hello`, and waits for the Welcome.
    ///
    /// # Panics
    /// There is none.
    pub async fn welcomed(target: &Target, hello: Hello) -> (Self, Welcome) {
        let mut raw = must("connecting", Self::open(target, hello.mode).await);
        raw.say(&ClientItem::Hello(hello)).await;
        // Data has streams of its own over WebTransport, and may come before the Welcome.
        let mut early = VecDeque::new();
        let welcome = raw
            .until("the server says Welcome", |item| match item {
                ServerItem::Control(ServerControl::Welcome(welcome)) => Some(welcome),
                ServerItem::Control(_) | ServerItem::Batch(_) | ServerItem::Message { .. } => {
                    early.push_back(item);
                    None
                }
            })
            .await;
        early.append(&mut raw.items);
        raw.items = early;
        (raw, welcome)
    }

    /// Says `item`.
    pub async fn say(&self, item: &ClientItem) {
        self.speaker.item(item).await;
    }

    /// The next item.
    ///
    /// # Errors
    /// The connection is over.
    ///
    /// # Panics
    /// The server's bytes are no items.
    pub async fn next(&mut self) -> Result<ServerItem, Closed> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(item);
            }
            match self.connection.next().await {
                Input::Frame(bytes) | Input::Datagram(bytes) => must("reading items", self.take_frame(bytes)),
                Input::Chunk { stream, bytes } => {
                    let items = self.streams.entry(stream).or_default();
                    items.push(&bytes);
                    while let Some((item, _)) = must("reading items", items.take()) {
                        self.items.push_back(item);
                    }
                }
                Input::End { stream } => {
                    self.streams.remove(&stream);
                }
                Input::Echo(bytes) => self.echoed.extend_from_slice(&bytes),
                Input::Closed(closed) => return Err(closed),
            }
        }
    }

    fn take_frame(&mut self, bytes: Bytes) -> Result<(), DecodeError> {
        for item in FrameItems::<ServerItem>::new(bytes) {
            self.items.push_back(item?.0);
        }
        Ok(())
    }

    /// Waits for an item that `choose` takes, and passes over others.
    ///
    /// # Panics
    /// It does not come in time, or the connection is over.
    pub async fn until<T>(&mut self, what: &str, mut choose: impl FnMut(ServerItem) -> Option<T>) -> T {
        let search = async {
            loop {
                match self.next().await {
                    Ok(item) => {
                        if let Some(chosen) = choose(item) {
                            return chosen;
                        }
                    }
                    Err(closed) => panic!("the connection is over ({closed:?}) before {what}"),
                }
            }
        };
        in_time(what, search).await
    }

    /// Waits for the next message.
    ///
    /// # Panics
    /// None comes in time.
    pub async fn next_message(&mut self) -> (MessageHeader, Bytes) {
        self.until("a message arrives", |item| match item {
            ServerItem::Message { header, payload } => Some((header, payload)),
            ServerItem::Batch(_) | ServerItem::Control(_) => None,
        })
        .await
    }

    /// Waits until the server ends the connection.
    ///
    /// # Panics
    /// It does not in time.
    pub async fn until_closed(&mut self) -> Ending {
        let mut goodbye = None;
        let end = async {
            loop {
                match self.next().await {
                    Ok(ServerItem::Control(ServerControl::Goodbye(said))) => goodbye = Some(said),
                    Ok(_) => {}
                    Err(closed) => return closed,
                }
            }
        };
        let closed = in_time("the server closes", end).await;
        Ending { goodbye, closed }
    }
}
