//! The connection below a session: its QUIC endpoint is in this process, or in that of a backend.

use std::net::SocketAddr;
use std::task::Context;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sluice_relay::KnownPath;
use sluice_shared::lab::{PathFrameCounts, PathState};
use sluice_shared::time::micros;
use sluice_shared::wire::{CloseCode, PathSample};
use wtransport::{VarInt, quinn};

use super::settings::{DATAGRAM_BUFFER_BYTES, datagrams_held, send_window};
use super::stream::{RecvStream, SendStream};
use super::uni::left;
use crate::backend;
use crate::session::{Ended, Limits};

/// A WebTransport session's connection.
#[derive(Clone)]
pub(crate) enum Connection {
    /// Its endpoint is in this process.
    Here(wtransport::Connection),
    /// Its endpoint is in the process of a backend.
    Apart(backend::Connection),
}

/// How a connection stands, as QUIC itself tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Where the client is.
    pub(crate) client: SocketAddr,
    /// How the path there is.
    pub(crate) path: PathSample,
    /// The frames that validate paths, since the connection began.
    pub(crate) frames: PathFrameCounts,
}

/// What a client sends beside its control stream.
pub(crate) enum Incoming {
    /// A bidirectional stream.
    Stream(SendStream, RecvStream),
    /// Something that no client of this server has a reason to send, by its name.
    Stray(&'static str),
}

impl Connection {
    /// The stream that the session was asked for on, which names it (draft-ietf-webtrans-http3 §4).
    pub(super) fn session_id(&self) -> u64 {
        match self {
            Self::Here(connection) => connection.session_id().into_u64(),
            Self::Apart(connection) => connection.session_id(),
        }
    }

    /// What QUIC knows of the path. Of a backend's connection it is what its process said last, ten times a second.
    pub(crate) fn path(&self) -> PathSample {
        match self {
            Self::Here(connection) => standing(connection.quic_connection()).path,
            Self::Apart(connection) => connection.path(),
        }
    }

    /// What a lab asks for: what is known of the path, and of which.
    pub(super) fn known_path(&self) -> Option<KnownPath> {
        let Standing { client, path, frames } = match self {
            Self::Here(connection) => standing(connection.quic_connection()),
            Self::Apart(connection) => connection.standing()?,
        };
        let state = PathState {
            cwnd_bytes: path.congestion_window.unwrap_or(0),
            rtt_micros: path.rtt_micros.unwrap_or(0),
        };
        Some(KnownPath { client, state, frames })
    }

    /// As [`Connection::path`], and lets quinn hold no more than such a path needs. A backend's process does so by
    /// itself.
    pub(super) fn sample(&self) -> PathSample {
        match self {
            Self::Here(connection) => sample(connection.quic_connection()).path,
            Self::Apart(connection) => connection.path(),
        }
    }

    /// The next bidirectional stream that the client opens; whatever else it sends is left to
    /// [`Connection::incoming`].
    pub(super) async fn accept_bi(&self) -> Result<(SendStream, RecvStream), Ended> {
        match self {
            Self::Here(connection) => {
                let (send, receive) = connection.accept_bi().await.map_err(left)?;
                Ok((SendStream::Bi(send), RecvStream::Here(receive)))
            }
            Self::Apart(connection) => connection.accept_bi().await,
        }
    }

    /// The next thing that the client sends of its own accord.
    pub(super) async fn incoming(&self) -> Result<Incoming, Ended> {
        match self {
            Self::Here(connection) => incoming(connection).await.map(|incoming| match incoming {
                Arrived::Stream(send, receive) => {
                    Incoming::Stream(SendStream::Bi(send), RecvStream::Here(receive))
                }
                Arrived::Stray(what) => Incoming::Stray(what),
            }),
            Self::Apart(connection) => connection.incoming().await,
        }
    }

    /// Opens a stream when the client's limit allows it.
    pub(super) async fn open_uni(&self) -> Result<SendStream, Ended> {
        match self {
            Self::Here(connection) => {
                connection.quic_connection().open_uni().await.map(SendStream::Uni).map_err(left)
            }
            Self::Apart(connection) => connection.open_uni().await.map(SendStream::Apart),
        }
    }

    /// Bytes that were handed over for the streams of data, and that QUIC has not taken: none in this process.
    pub(super) fn untaken_bytes(&self) -> usize {
        match self {
            Self::Here(_) => 0,
            Self::Apart(connection) => connection.untaken_bytes(),
        }
    }

    /// Has the task woken when a backend's process has news; of this process QUIC tells by itself.
    pub(super) fn wake_on_news(&self, cx: &mut Context<'_>) {
        match self {
            Self::Here(_) => {}
            Self::Apart(connection) => connection.wake_on_news(cx),
        }
    }

    /// Bytes that one datagram carries at most.
    pub(super) fn max_datagram_bytes(&self) -> usize {
        match self {
            Self::Here(connection) => connection.quic_connection().max_datagram_size().unwrap_or(0),
            Self::Apart(connection) => connection.max_datagram_bytes(),
        }
    }

    /// Bytes of datagrams that have not left, and how many may wait at most.
    pub(super) fn datagrams_held(&self) -> (usize, usize) {
        match self {
            Self::Here(connection) => {
                (datagrams_in_quinn(connection.quic_connection()), DATAGRAM_BUFFER_BYTES)
            }
            Self::Apart(connection) => {
                (connection.datagrams_held(), DATAGRAM_BUFFER_BYTES + Limits::WRITE_BYTES)
            }
        }
    }

    /// Hands a datagram over, if no other one would have to be dropped for it; else it comes back.
    pub(super) fn send_datagram(&self, datagram: Bytes) -> Result<Option<Bytes>, Ended> {
        match self {
            Self::Here(connection) => {
                let connection = connection.quic_connection();
                if datagram.len() > connection.datagram_send_buffer_space() {
                    return Ok(Some(datagram));
                }
                sent(connection.send_datagram(datagram)).map(|()| None)
            }
            Self::Apart(connection) => connection.send_datagram(datagram),
        }
    }

    /// Hands a datagram over as soon as no other one has to be dropped for it.
    pub(super) async fn send_datagram_wait(&self, datagram: Bytes) -> Result<(), Ended> {
        match self {
            Self::Here(connection) => send_datagram_wait(connection.quic_connection(), datagram).await,
            Self::Apart(connection) => connection.send_datagram_wait(datagram).await,
        }
    }

    /// Ends the connection.
    pub(super) fn close(&self, code: CloseCode, reason: &str) {
        match self {
            Self::Here(connection) => {
                connection.close(VarInt::from_u32(code.webtransport()), reason.as_bytes());
            }
            Self::Apart(connection) => connection.close(code.webtransport(), reason),
        }
    }

    /// Completes when the connection has ended.
    pub(super) async fn closed(&self) {
        match self {
            Self::Here(connection) => drop(connection.closed().await),
            Self::Apart(connection) => connection.closed().await,
        }
    }
}

/// What a client has sent, to an endpoint of this process.
pub(crate) enum Arrived {
    /// A bidirectional stream.
    Stream(wtransport::SendStream, wtransport::RecvStream),
    /// Something that no client has a reason to send, by its name.
    Stray(&'static str),
}

/// The next thing that the client sends of its own accord.
pub(crate) async fn incoming(connection: &wtransport::Connection) -> Result<Arrived, Ended> {
    let what = tokio::select! {
        stream = connection.accept_bi() => {
            return stream.map(|(send, receive)| Arrived::Stream(send, receive)).map_err(left);
        }
        stream = connection.accept_uni() => stream.map(|_| UNI_STREAMS),
        datagram = connection.receive_datagram() => datagram.map(|_| DATAGRAMS),
    };
    what.map(Arrived::Stray).map_err(left)
}

/// What a client may send in vain.
pub(crate) const UNI_STREAMS: &str = "unidirectional streams";
/// The same.
pub(crate) const DATAGRAMS: &str = "datagrams";

/// How `connection` stands, which may hold no more than such a path needs from now on.
pub(crate) fn sample(connection: &quinn::Connection) -> Standing {
    let standing = standing(connection);
    connection.set_send_window(send_window(standing.path.congestion_window.unwrap_or(0)));
    standing
}

fn standing(connection: &quinn::Connection) -> Standing {
    let stats = connection.stats();
    let (sent, received) = (stats.frame_tx, stats.frame_rx);
    let frames = PathFrameCounts {
        challenges_sent: sent.path_challenge,
        challenges_received: received.path_challenge,
        responses_sent: sent.path_response,
        responses_received: received.path_response,
    };
    Standing { client: connection.remote_address(), path: path_sample(stats.path), frames }
}

/// A path as QUIC counts it, in the words of the protocol.
pub(crate) fn path_sample(path: quinn::PathStats) -> PathSample {
    PathSample {
        rtt_micros: Some(micros(path.rtt)),
        congestion_window: Some(path.cwnd),
        in_flight: None,
        lost_packets: Some(path.lost_packets),
        sent_packets: Some(path.sent_packets),
        segment: Some(u32::from(path.current_mtu)),
    }
}

/// Bytes of datagrams that quinn has not sent.
pub(crate) fn datagrams_in_quinn(connection: &quinn::Connection) -> usize {
    datagrams_held(connection.datagram_send_buffer_space())
}

/// Hands a datagram to quinn as soon as no other one has to be dropped for it.
pub(crate) async fn send_datagram_wait(connection: &quinn::Connection, datagram: Bytes) -> Result<(), Ended> {
    sent(connection.send_datagram_wait(datagram).await)
}

fn sent(result: Result<(), quinn::SendDatagramError>) -> Result<(), Ended> {
    match result {
        Ok(()) => Ok(()),
        // The path's limit has shrunk since the datagram was filled. Its receiver counts it as lost by the network.
        Err(quinn::SendDatagramError::TooLarge) => {
            tracing::error!("a datagram was lost: the path has begun to take only smaller ones");
            Ok(())
        }
        Err(
            error @ (quinn::SendDatagramError::UnsupportedByPeer
            | quinn::SendDatagramError::Disabled
            | quinn::SendDatagramError::ConnectionLost(_)),
        ) => Err(left(error)),
    }
}
