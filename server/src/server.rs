//! A server, from its sockets to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_shared::feed::FeedSpec;
use sluice_shared::ids::Epoch;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::backend::{Context, Presenter, ProcessError};
use crate::clock::Clock;
use crate::config::Config;
use crate::feeds::FeedKind;
use crate::http::{App, Hosts, Listening, OriginRule, router, serve};
use crate::hub::{Hold, Hub, HubConfig};
use crate::labs::{Ground, Labs};
use crate::metrics::Metrics;
use crate::session::Sessions;
use crate::tls::{self, Certificates, KeyedChain, LoadError};
use crate::wt;

/// How often sessions, feeds and certificates are looked through for what is over.
const HOUSEKEEPING: Duration = Duration::from_secs(5);
/// How long connections may take to end when the server stops.
const DRAIN: Duration = Duration::from_millis(2_500);

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address of HTTP cannot be bound.
    #[error(
        "{address} cannot be listened at ({source}): end what listens there, or choose another with --http"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate or its key cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The certificate and its key cannot be used.
    #[error("TLS cannot be spoken with this certificate and key: {0}")]
    Tls(#[from] rustls::Error),
    /// No certificate can be made.
    #[error("no certificate can be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A backend has no process.
    #[error("a backend cannot be started: {0}")]
    Backend(#[from] ProcessError),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// A server whose sockets are bound.
pub struct Server {
    config: Config,
    http: Vec<Listening>,
    http_address: SocketAddr,
    quic: Vec<wt::Endpoint>,
    certificates: Option<Arc<Certificates>>,
    sessions: Arc<Sessions>,
    ground: Option<Ground>,
    /// Standard input is read from the start, and to its end, whoever listens.
    stdin: Option<Hold>,
}

impl Server {
    /// Binds all sockets. If WebTransport's cannot be bound, the server has WebSocket alone, and says so.
    ///
    /// # Errors
    /// HTTP's address cannot be bound, the certificate cannot be used, or a backend's process cannot be started.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let (identity, certificates) = match &config.tls {
            Some(files) => (tls::load(&files.certificate, &files.key)?, None),
            None => {
                let certificates =
                    Arc::new(Certificates::new(certificate_names(&config), SystemTime::now())?);
                (certificates.current(), Some(certificates))
            }
        };
        let acceptor = match &config.tls {
            Some(_) => Some(TlsAcceptor::from(Arc::new(tls::for_https(identity.duplicate())?))),
            None => None,
        };
        let http = bind_http(&config, acceptor.as_ref()).await?;
        let http_address = http.first().and_then(|listening| listening.listener.local_addr().ok());
        let http_address = http_address.unwrap_or_else(|| config.http.primary());
        let quic = bind_quic(&config, identity.duplicate())?;
        let sessions = Arc::new(new_sessions(&config)?);
        let quic_port = quic.first().map(|endpoint| endpoint.address().port());
        // Wherever QUIC is: a server that is started again at the same addresses has the same labs.
        let ground = Ground::bind(
            &config,
            sessions.hub().clock(),
            quic_port.and_then(|port| port.checked_add(1)),
            quic_port.map(|_| identity),
            acceptor,
        )
        .await?;
        let stdin = hold_stdin(&config, sessions.hub());
        Ok(Self { config, http, http_address, quic, certificates, sessions, ground, stdin })
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        let scheme = if self.config.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.config.http.url_host(), self.http_address.port())
    }

    /// Where HTTP and WebSocket are served.
    pub const fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Where WebTransport is served; `None` when it is not.
    pub fn quic_address(&self) -> Option<SocketAddr> {
        self.quic.first().map(wt::Endpoint::address)
    }

    /// Serves until `shutdown` completes, then says goodbye to every session and returns within 3 s.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let quic_port = self.quic_address().map(|address| address.port());
        let hosts = match &self.config.tls {
            Some(_) => Hosts::any(),
            None => Hosts::named(self.config.hosts.clone()),
        };
        let page_ports = vec![self.http_address.port()];
        let origins = OriginRule::new(self.config.allowed_origins.clone(), page_ports, hosts);
        let metrics = Arc::clone(self.sessions.metrics());
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        let endpoints: Vec<wt::Endpoint> = {
            let of_labs = self.ground.as_ref().map_or(&[][..], Ground::endpoints);
            self.quic.iter().chain(of_labs).cloned().collect()
        };
        let mut ground = self.ground;
        let backends = ground.as_mut().and_then(Ground::take_backends);
        let labs = ground.map(|ground| Arc::new(ground.open(Arc::clone(&metrics), stop.subscribe())));
        let certificates = self.certificates.clone();
        let (sessions, pings) = (Arc::clone(&self.sessions), self.config.pings);
        let app = App::new(sessions, quic_port, certificates, origins.clone(), labs.clone(), pings);
        let router = router(Arc::new(app));
        for listening in self.http {
            tasks.spawn(serve(listening, router.clone(), Arc::clone(&metrics), stop.subscribe()));
        }
        for endpoint in &endpoints {
            tasks.spawn(endpoint.clone().serve(
                Arc::clone(&self.sessions),
                origins.clone(),
                labs.clone(),
                stop.subscribe(),
            ));
        }
        let sessions_over = watch::Sender::new(false);
        let presenter = backends.zip(labs.clone()).map(|((backends, secrets), labs)| {
            let processes = Arc::clone(backends.processes());
            let sessions = Arc::clone(&self.sessions);
            let context = Context { sessions, origins, labs, secrets, processes };
            backends.serve(&context, &sessions_over.subscribe(), &mut tasks)
        });
        let presented = Presented { endpoints: endpoints.clone(), backends: presenter };
        let housekeeping = keep_house(Arc::clone(&self.sessions), labs.clone(), self.certificates, presented);
        tokio::select! {
            () = shutdown => {}
            () = housekeeping => {}
        }
        stop.send_replace(true);
        self.sessions.stop();
        let drained = async {
            self.sessions.stopped().await;
            sessions_over.send_replace(true);
            while tasks.join_next().await.is_some() {}
            for endpoint in &endpoints {
                endpoint.close().await;
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        if let Some(labs) = labs {
            labs.end_all();
        }
        drop(self.stdin);
        self.sessions.hub().stop();
        tracing::info!("stopped");
    }
}

/// Whoever shows clients the certificate that pages pin.
struct Presented {
    endpoints: Vec<wt::Endpoint>,
    backends: Option<Presenter>,
}

impl Presented {
    /// Shows another one to new connections.
    fn present(&self, certificates: &Certificates) {
        for endpoint in &self.endpoints {
            if let Err(error) = endpoint.present(certificates.current()) {
                tracing::error!(%error, "the new certificate cannot be served");
            }
        }
        if let Some(backends) = &self.backends {
            backends.present(certificates.current());
        }
    }
}

/// Forgets what is over and renews certificates, for ever.
async fn keep_house(
    sessions: Arc<Sessions>,
    labs: Option<Arc<Labs>>,
    certificates: Option<Arc<Certificates>>,
    presented: Presented,
) {
    let mut ticker = tokio::time::interval(HOUSEKEEPING);
    loop {
        ticker.tick().await;
        sessions.sweep();
        if let Some(labs) = &labs {
            labs.sweep();
        }
        let Some(certificates) = &certificates else { continue };
        match certificates.renew(SystemTime::now()) {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!("WebTransport has another certificate");
                presented.present(certificates);
            }
            Err(error) => tracing::error!(%error, "no new certificate can be made"),
        }
    }
}

async fn bind_http(config: &Config, tls: Option<&TlsAcceptor>) -> Result<Vec<Listening>, StartError> {
    let address = config.http.primary();
    let listener = TcpListener::bind(address).await.map_err(|source| StartError::Bind { address, source })?;
    let port = listener.local_addr().map_or_else(|_| address.port(), |bound| bound.port());
    let mut all = vec![Listening { listener, tls: tls.cloned() }];
    if let Some(address) = config.http.secondary(port) {
        match TcpListener::bind(address).await {
            Ok(listener) => all.push(Listening { listener, tls: tls.cloned() }),
            Err(error) => tracing::warn!(%address, %error, "HTTP is not served at this address"),
        }
    }
    Ok(all)
}

/// Binds what can be bound: a server without UDP is still a server.
fn bind_quic(config: &Config, identity: KeyedChain) -> Result<Vec<wt::Endpoint>, StartError> {
    let tuning = config.quic_tuning;
    let address = config.quic.primary();
    let server_config = wt::server_config(identity, tuning, None)?;
    let primary = match wt::Endpoint::bind(address, server_config.clone(), tuning) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            tracing::warn!(%address, %error, "WebTransport is not served: WebSocket works alone; choose another port with --quic");
            return Ok(Vec::new());
        }
    };
    let mut all = vec![primary];
    let port = all.first().map_or_else(|| address.port(), |endpoint| endpoint.address().port());
    if let Some(address) = config.quic.secondary(port) {
        match wt::Endpoint::bind(address, server_config, tuning) {
            Ok(endpoint) => all.push(endpoint),
            Err(error) => tracing::warn!(%address, %error, "WebTransport is not served at this address"),
        }
    }
    Ok(all)
}

fn new_sessions(config: &Config) -> Result<Sessions, StartError> {
    let mut epoch = [0; 8];
    getrandom::fill(&mut epoch)?;
    let metrics = Arc::new(Metrics::new());
    let hub_config = HubConfig { offered: config.feeds.clone(), host_rate_hz: config.host_rate_hz };
    let epoch = Epoch(u64::from_le_bytes(epoch));
    let hub = Arc::new(Hub::new(epoch, Clock::start(), hub_config, Arc::clone(&metrics)));
    Ok(Sessions::new(hub, metrics, config.max_sessions))
}

fn hold_stdin(config: &Config, hub: &Arc<Hub>) -> Option<Hold> {
    if !config.feeds.contains(&FeedKind::Stdin) {
        return None;
    }
    hub.hold(FeedSpec::Stdin).ok()
}

/// What the page may call this server in a WebTransport URL.
fn certificate_names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let listened = config.quic.ip().filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    if let Some(name) = listened.filter(|name| !names.contains(name)) {
        names.push(name);
    }
    names
}
