//! What a server and a backend's process tell each other.
//!
//! Bytes (of streams, datagrams and secrets) are no part of a message: they follow it to the end of its frame.

use std::net::SocketAddr;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::config::QuicTuning;
use crate::tls::KeyedChain;
use crate::wt::{Asked, Standing, Verdict};

/// From the server to a backend.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToBackend {
    /// The first message.
    Setup(Setup),
    /// New connections see another certificate.
    Present(Identity),
    /// The server stops, and has ended its sessions.
    Stop,
    /// For a session, by the number that the backend has given it.
    Session(u64, Order),
}

/// What a backend is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    /// Its number, which its connection IDs name.
    pub(super) server: u8,
    /// An endpoint for each: how it sends, and its port, 0 for any.
    pub(super) endpoints: Vec<(QuicTuning, u16)>,
    /// What the stateless resets of all backends are made with.
    pub(super) reset_key: Vec<u8>,
    /// What clients see.
    pub(super) identity: Identity,
}

/// A certificate chain and its key, in DER form.
#[derive(Serialize, Deserialize)]
pub(super) struct Identity {
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
}

/// What a session is to do.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Order {
    /// The answer to [`News::Asked`].
    Answer(Verdict),
    /// One more unidirectional stream will be needed.
    OpenUni,
    /// The bytes that follow go on this stream.
    Write { stream: u64 },
    /// Nothing more goes on this stream.
    Finish { stream: u64 },
    /// The stream goes before those of a lower priority.
    Prioritise { stream: u64, priority: i32 },
    /// The bytes that follow are a datagram.
    Datagram,
    /// So many further bytes of this stream may be handed over.
    Read { stream: u64, bytes: usize },
    /// Nobody reads this stream any more.
    StopReading { stream: u64 },
    /// The connection is over.
    Close { code: u32, reason: String },
}

/// From a backend to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToServer {
    /// The endpoints are bound, in the order of [`Setup::endpoints`].
    Ready(Vec<SocketAddr>),
    /// The endpoints cannot be bound; the backend ends.
    Failed(String),
    /// The bytes that follow are a secret of the connection with this random value of the client's.
    Secret { label: String, client_random: Vec<u8> },
    /// There was nothing else to say for a while.
    Alive,
    /// From a session.
    Session(u64, News),
}

/// What has happened to a session.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum News {
    /// A client has begun to connect.
    Arrived,
    /// It asks for a session, at the endpoint of this number.
    Asked { endpoint: usize, asked: Asked },
    /// The session is there: the stream that names it, what one datagram carries on every path, and how it stands.
    Opened { session_id: u64, max_datagram_bytes: usize, standing: Standing },
    /// The client has opened a bidirectional stream.
    Accepted { stream: u64 },
    /// The client has sent what nobody takes: datagrams, or else unidirectional streams.
    Stray { is_datagram: bool },
    /// A unidirectional stream was opened, as [`Order::OpenUni`] asked for.
    OpenedUni { stream: u64 },
    /// The bytes that follow were read from this stream.
    Read { stream: u64 },
    /// The client has ended this stream.
    ReadEnd { stream: u64 },
    /// The client has given this stream up.
    ReadFailed { stream: u64, why: String },
    /// QUIC has taken so many bytes of this stream.
    Taken { stream: u64, bytes: usize },
    /// The client wants no more of this stream.
    WriteFailed { stream: u64, why: String },
    /// The client has acknowledged all of a bidirectional stream, which has ended, or wants no more of it.
    Settled { stream: u64 },
    /// QUIC has taken a datagram of so many bytes.
    TakenDatagram { bytes: usize },
    /// How it stands, and how many bytes of datagrams QUIC has not sent.
    Sample { standing: Standing, datagrams: usize },
    /// The connection is over.
    Gone { why: String },
}

impl Identity {
    /// What `identity` is on the way.
    pub(super) fn of(identity: &KeyedChain) -> Self {
        Self {
            chain: identity.chain.iter().map(|certificate| certificate.to_vec()).collect(),
            key: identity.key.secret_der().to_vec(),
        }
    }

    /// The chain and key that arrived.
    ///
    /// # Errors
    /// The key is of no kind that is known.
    pub(super) fn into_chain(self) -> Result<KeyedChain, &'static str> {
        let key = PrivateKeyDer::try_from(self.key)?;
        Ok(KeyedChain { chain: self.chain.into_iter().map(CertificateDer::from).collect(), key })
    }
}

impl std::fmt::Debug for Identity {
    /// The key is for nobody's eyes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}
