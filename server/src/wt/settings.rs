//! How QUIC is set up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::KeyLog;
use wtransport::quinn;
use wtransport::quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};
use wtransport::quinn::crypto::rustls::QuicServerConfig;

use crate::config::{Congestion, QuicTuning};
use crate::server::StartError;
use crate::tls::{self, KeyedChain};

/// After how long without a packet a connection is dead: what `--ping-interval` and `--ping-timeout` are to a WebSocket,
/// for the server's keep-alives ask three times in this span. Browsers give up an unreachable server after 6 to 8 s, and
/// resume their sessions on another connection: keeping the old one longer is of no use.
const IDLE: Duration = Duration::from_secs(12);
/// How often the server shows that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// Streams that a client may have open: HTTP/3 needs 3 of one direction and one of both, a session two more of both.
const CLIENT_STREAMS: u32 = 8;
/// What a client may have sent on one stream, and on all, without being read.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// What quinn takes at most without the peer having acknowledged it.
const MAX_SEND_WINDOW_BYTES: u64 = 1024 * 1024;
/// The least that quinn may take unacknowledged, bytes.
const MIN_SEND_WINDOW_BYTES: u64 = 64 * 1024;
/// Datagrams that quinn holds for either direction at most.
pub(crate) const DATAGRAM_BUFFER_BYTES: usize = 64 * 1024;
/// What quinn keeps free for the record of one more datagram, bytes.
const DATAGRAM_RECORD_BYTES: usize = size_of::<Bytes>();
/// What clients may send before their connections are accepted, each and together.
const INCOMING_BYTES: u64 = 64 * 1024;
const ALL_INCOMING_BYTES: u64 = 8 * 1024 * 1024;
/// Connections that wait to be accepted at most.
const MAX_INCOMING: usize = 1_024;

/// What quinn may hold unacknowledged at a congestion window of `window_bytes`: what it holds beyond two windows is a
/// queue that nobody sees.
pub(crate) fn send_window(window_bytes: u64) -> u64 {
    window_bytes.saturating_mul(2).clamp(MIN_SEND_WINDOW_BYTES, MAX_SEND_WINDOW_BYTES)
}

/// Bytes of datagrams, with their records, that quinn holds when it has `space` bytes for one more.
pub(crate) const fn datagrams_held(space: usize) -> usize {
    (DATAGRAM_BUFFER_BYTES - DATAGRAM_RECORD_BYTES).saturating_sub(space)
}

/// QUIC with `identity` as certificate, whose secrets are told to `secrets`: of connections that the relay carries.
///
/// # Errors
/// The certificate cannot be used with TLS 1.3.
pub(crate) fn server_config(
    identity: KeyedChain,
    tuning: QuicTuning,
    secrets: Option<Arc<dyn KeyLog>>,
) -> Result<quinn::ServerConfig, StartError> {
    let mut tls = tls::for_quic(identity)?;
    if let Some(secrets) = secrets {
        tls.key_log = secrets;
    }
    let tls = QuicServerConfig::try_from(tls)
        .map_err(|_| rustls::Error::General("the provider lacks TLS_AES_128_GCM_SHA256".to_owned()))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config
        .transport_config(Arc::new(transport(tuning)))
        .migration(true)
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BYTES)
        .incoming_buffer_size_total(ALL_INCOMING_BYTES);
    Ok(config)
}

fn transport(tuning: QuicTuning) -> quinn::TransportConfig {
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_idle_timeout(quinn::IdleTimeout::try_from(IDLE).ok())
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(CLIENT_STREAMS.into())
        .max_concurrent_uni_streams(CLIENT_STREAMS.into())
        .stream_receive_window(STREAM_WINDOW_BYTES.into())
        .receive_window(CONNECTION_WINDOW_BYTES.into())
        .send_window(MAX_SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES)
        .congestion_controller_factory(controller(tuning));
    transport
}

/// The congestion controller that `tuning` names.
pub(crate) fn controller(tuning: QuicTuning) -> Arc<dyn ControllerFactory + Send + Sync> {
    macro_rules! with_window {
        ($config:ty) => {{
            let mut config = <$config>::default();
            if let Some(window) = tuning.initial_window {
                config.initial_window(window);
            }
            Arc::new(config)
        }};
    }
    match tuning.congestion {
        Congestion::Cubic => with_window!(CubicConfig),
        Congestion::Newreno => with_window!(NewRenoConfig),
        Congestion::Bbr => with_window!(BbrConfig),
    }
}
