//! The relay, from its sockets to its end.

use std::fs::File;
use std::io::{self, BufWriter};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use sluice_relay::{Network, Recording, Relay};
use sluice_shared::lab::{Congestion, LabReport, LinkRequest, TcpStack};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::forward::Forward;
use crate::clock::Clock;
use crate::config::Pings;
use crate::http::{
    LabApi, LabSource, Listening, OriginRule, ProblemResponse, lab_routes, refuse_other_names, serve,
    without_page,
};
use crate::labs::{Arrival, Lab, Ramp, Settings};
use crate::listen::ListenAddress;
use crate::metrics::Metrics;

/// The lab's name in the paths of the control API.
const LAB: &str = "relay";
/// How long the upstream may take to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// What a relay is started with.
#[derive(Clone, Debug, Default)]
pub struct RelayConfig {
    /// The network.
    pub link: LinkRequest,
    /// The congestion controller of emulated TCP connections, at both ends.
    pub congestion: Congestion,
    /// Ways for TCP.
    pub tcp: Vec<Forward>,
    /// Whose TCP crosses the network.
    pub tcp_stack: TcpStack,
    /// Ways for UDP.
    pub udp: Vec<Forward>,
    /// Where the network can be changed by HTTP.
    pub control: Option<ListenAddress>,
    /// Where every packet is written to.
    pub pcapng: Option<PathBuf>,
}

/// Why a relay cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The network is not understood.
    #[error("the network cannot be had: {0}")]
    Network(String),
    /// Nothing is to be relayed.
    #[error("nothing is to be relayed: give --tcp LISTEN=UPSTREAM or --udp LISTEN=UPSTREAM")]
    Nothing,
    /// An address cannot be listened at.
    #[error("{address} cannot be listened at ({source}): end what listens there, or choose another")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// An upstream's name stands for no address.
    #[error("the upstream {upstream} cannot be found ({source}): check its name")]
    Upstream {
        /// The name.
        upstream: String,
        /// Why.
        source: io::Error,
    },
    /// The capture cannot be written.
    #[error("{} cannot be written ({source}): choose another file with --pcapng", .path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system has no more threads or descriptors.
    #[error("the network emulator cannot start: {0}")]
    System(#[from] io::Error),
}

/// A relay that runs.
pub struct Relayed {
    lab: Arc<Lab>,
    tcp: Vec<SocketAddr>,
    udp: Vec<SocketAddr>,
    control: Option<SocketAddr>,
    recording: Option<(PathBuf, Recording)>,
    stop: watch::Sender<bool>,
}

/// Binds everything and begins to relay; must be called inside a runtime.
///
/// # Errors
/// The network is not understood, an address cannot be bound or found, or the capture cannot be written.
pub async fn start(config: RelayConfig) -> Result<Relayed, RelayError> {
    if config.tcp.is_empty() && config.udp.is_empty() {
        return Err(RelayError::Nothing);
    }
    let settings = Settings::new(config.link, 1).map_err(|error| RelayError::Network(error.to_string()))?;
    let relay = Relay::start(Clock::start().for_relay())?;
    let network = relay.network(settings.profile.clone(), settings.seed);
    let stop = watch::Sender::new(false);
    let (mut tcp, mut udp) = (Vec::new(), Vec::new());
    for forward in config.tcp {
        let bind = |source| RelayError::Bind { address: forward.listen, source };
        let (_, upstreams) = upstream(&forward).await?;
        let listener = TcpListener::bind(forward.listen).map_err(bind)?;
        tcp.push(listener.local_addr().map_err(bind)?);
        tokio::spawn(lead(
            Ramp::open(&network, listener, config.congestion, config.tcp_stack)?,
            upstreams.into(),
        ));
    }
    for forward in config.udp {
        let bind = |source| RelayError::Bind { address: forward.listen, source };
        // Nobody answers where a datagram goes, so there is no other address to try.
        let (upstream, _) = upstream(&forward).await?;
        let socket = UdpSocket::bind(forward.listen).map_err(bind)?;
        udp.push(socket.local_addr().map_err(bind)?);
        network.relay_udp(socket, upstream, config.congestion)?;
    }
    let lab = Arc::new(Lab::alone(LAB.to_owned(), network, settings, config.tcp_stack));
    let control = match config.control {
        Some(address) => Some(serve_control(address, Arc::clone(&lab), stop.subscribe()).await?),
        None => None,
    };
    // Last, so that a relay that cannot start leaves the file as it was; packets from before are in it all the same.
    let recording = match config.pcapng {
        Some(path) => Some(record(lab.network(), path)?),
        None => None,
    };
    Ok(Relayed { lab, tcp, udp, control, recording, stop })
}

impl Relayed {
    /// Where clients connect with TCP, in the order of the configuration.
    pub fn tcp(&self) -> &[SocketAddr] {
        &self.tcp
    }

    /// Where clients send UDP, in the order of the configuration.
    pub fn udp(&self) -> &[SocketAddr] {
        &self.udp
    }

    /// The URL of the relay's lab in the control API.
    pub fn control(&self) -> Option<String> {
        self.control.map(|address| format!("http://{address}/api/labs/{LAB}"))
    }

    /// Where every chance comes from.
    pub fn seed(&self) -> u64 {
        self.lab.network().seed()
    }

    /// What the network and its connections do at this moment.
    pub fn report(&self) -> LabReport {
        self.lab.network().report()
    }

    /// Ends all connections, and the capture; says how many sights of packets came too fast to be written.
    ///
    /// # Errors
    /// The capture could not be written to its end.
    pub fn finish(self) -> Result<Option<u64>, RelayError> {
        self.stop.send_replace(true);
        self.lab.network().close();
        let Some((path, recording)) = self.recording else { return Ok(None) };
        recording.finish().map(Some).map_err(|source| RelayError::Capture { path, source })
    }
}

async fn upstream(forward: &Forward) -> Result<(SocketAddr, Vec<SocketAddr>), RelayError> {
    let found = forward.resolve().await;
    found.map_err(|source| RelayError::Upstream { upstream: forward.upstream.clone(), source })
}

fn record(network: &Network, path: PathBuf) -> Result<(PathBuf, Recording), RelayError> {
    let capture = || network.record_to(Box::new(BufWriter::new(File::create(&path)?)));
    match capture() {
        Ok(recording) => Ok((path, recording)),
        Err(source) => Err(RelayError::Capture { path, source }),
    }
}

/// Leads the far end of every connection to the first of `upstreams` that takes it, until the network closes.
///
/// How many there are at a time is bounded by the network.
async fn lead(mut ramp: Ramp, upstreams: Arc<[SocketAddr]>) {
    while let Some(arrival) = ramp.accept().await {
        let upstreams = Arc::clone(&upstreams);
        match arrival {
            Arrival::Model(mut stream) => drop(tokio::spawn(async move {
                if !lead_one(stream.peer(), &mut stream, &upstreams).await {
                    stream.reset();
                }
            })),
            #[cfg(target_os = "linux")]
            Arrival::Kernel(mut stream) => drop(tokio::spawn(async move {
                if !lead_one(stream.peer(), &mut stream, &upstreams).await {
                    stream.reset();
                }
            })),
        }
    }
}

/// Carries a connection to its end; says whether both sides closed it in order. Where not, the upstream's side is
/// reset, and so should be the client's: half an answer must not look like a whole one.
async fn lead_one(
    client: SocketAddr,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    upstreams: &[SocketAddr],
) -> bool {
    let mut server = match timeout(CONNECT_TIME, TcpStream::connect(upstreams)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            tracing::warn!(%client, ?upstreams, %error, "the upstream takes no connection: its client is reset");
            return false;
        }
        Err(_) => {
            let secs = CONNECT_TIME.as_secs();
            tracing::warn!(%client, ?upstreams, secs, "the upstream does not answer: its client is reset");
            return false;
        }
    };
    if let Err(error) = server.set_nodelay(true) {
        tracing::debug!(%client, %error, "TCP_NODELAY cannot be set");
    }
    match tokio::io::copy_bidirectional(stream, &mut server).await {
        Ok((up, down)) => {
            tracing::debug!(%client, up, down, "a connection has ended");
            true
        }
        Err(error) => {
            tracing::debug!(%client, %error, "a connection broke");
            if let Err(error) = SockRef::from(&server).set_linger(Some(Duration::ZERO)) {
                tracing::debug!(%client, %error, "a connection is closed instead of reset");
            }
            false
        }
    }
}

async fn serve_control(
    address: ListenAddress,
    lab: Arc<Lab>,
    stop: watch::Receiver<bool>,
) -> Result<SocketAddr, RelayError> {
    let address = address.primary();
    let bind = |source| RelayError::Bind { address, source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(bind)?;
    let bound = listener.local_addr().map_err(bind)?;
    let api = LabApi { labs: LabSource::One(lab), origins: OriginRule::default(), pings: Pings::DEFAULT };
    let router = Router::new().route("/healthz", get(async || "ok\n")).merge(lab_routes(api)).fallback(
        async |uri: Uri| {
            let detail = format!("there is no {}: see /api/labs/{LAB}", uri.path());
            ProblemResponse::new(StatusCode::NOT_FOUND, detail)
        },
    );
    // Whoever can reach it may change the network, and read what passes.
    let router = match bound.ip().is_loopback() {
        true => router.layer(axum::middleware::from_fn(refuse_other_names)),
        false => router,
    };
    let router = without_page(router);
    let metrics = Arc::new(Metrics::new());
    tokio::spawn(serve(Listening { listener, tls: None }, router, metrics, stop));
    Ok(bound)
}
