//! One run's stage, network, servers and clients.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use sluice_capture::Secrets;
use sluice_shared::handshake::{ClockKind, HandshakeRequest, ReplayGuard};
use sluice_shared::lab::{Congestion, LinkRequest};
use sluice_shared::link::{NetworkProfile, Preset};
use sluice_tcp::Config as TcpConfig;
use sluice_wire::{Net, Stage, StageClock, StageHandle};

use super::app::App;
use super::error::LabError;
use super::qlog::Qlog;
use super::tickets::TicketStore;
use super::tls::{Identity, ServerTls};
use super::{http2, http3, websocket};

/// The servers' port: TCP and UDP.
pub(super) const PORT: u16 = 443;
/// How long a ticket is good, unless it is to expire.
const TICKET_LIFETIME: Duration = Duration::from_secs(7_200);
/// How long a ticket is good that is to expire before it is used.
pub(super) const SHORT_LIFETIME: Duration = Duration::from_millis(200);

/// What a bench is set to.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) clock: ClockKind,
    /// The network under test; earlier connections, which only fetch a ticket, cross one without delay or loss.
    pub(super) profile: NetworkProfile,
    pub(super) seed: u64,
    pub(super) guard: ReplayGuard,
    pub(super) early_data_bytes: u32,
    pub(super) zero_rtt_bytes: u32,
    pub(super) congestion: Congestion,
    pub(super) ticket_expires: bool,
}

/// One run's stage with everything on it.
pub(super) struct Bench {
    pub(super) stage: Stage,
    pub(super) handle: StageHandle,
    pub(super) net: Net,
    pub(super) app: App,
    pub(super) secrets: Secrets,
    pub(super) settings: Settings,
    pub(super) qlog: Qlog,
    identity: Arc<Identity>,
}

impl Settings {
    /// The settings of run number `run`.
    pub(super) fn new(request: &HandshakeRequest, seed: u64) -> Result<Self, LabError> {
        Ok(Self {
            clock: request.clock,
            profile: profile(request.rtt_ms, request.loss_percent, request.rate_kbit)?,
            seed,
            guard: ReplayGuard::SingleUse,
            early_data_bytes: request.early_data_bytes,
            zero_rtt_bytes: request.zero_rtt_bytes,
            congestion: Congestion::Cubic,
            ticket_expires: false,
        })
    }
}

/// The network of a request.
pub(super) fn profile(
    rtt_ms: f64,
    loss_percent: f64,
    rate_kbit: Option<f64>,
) -> Result<NetworkProfile, LabError> {
    let mut link = LinkRequest::default();
    link.change.delay_ms = Some(rtt_ms / 2.0);
    link.change.loss_percent = Some(loss_percent);
    link.change.rate_kbit = rate_kbit;
    Ok(link.change.applied_to(&Preset::None.profile())?)
}

impl Bench {
    /// A stage with a calm network and no server yet.
    pub(super) fn new(settings: Settings, identity: &Arc<Identity>) -> Self {
        let stage = Stage::new(match settings.clock {
            ClockKind::Virtual => StageClock::Virtual,
            ClockKind::Real => StageClock::Real,
        });
        let handle = stage.handle();
        let net = Net::new(&handle, &Preset::None.profile(), settings.seed);
        net.set_tcp_config(TcpConfig { congestion: settings.congestion, ..TcpConfig::default() });
        let app = App::new(settings.guard);
        let (secrets, qlog, identity) = (Secrets::default(), Qlog::default(), Arc::clone(identity));
        Self { stage, handle, net, app, secrets, settings, qlog, identity }
    }

    /// The network under test begins.
    pub(super) fn begin(&self) {
        self.net.set_profile(&self.settings.profile);
    }

    /// Tickets of a server of its own.
    fn tickets(&self) -> Arc<TicketStore> {
        let is_single_use = self.settings.guard == ReplayGuard::SingleUse;
        let lifetime = if self.settings.ticket_expires { SHORT_LIFETIME } else { TICKET_LIFETIME };
        Arc::new(TicketStore::new(&self.handle, is_single_use, lifetime))
    }

    fn server_tls(&self, alpn: &[&str], early_data_bytes: u32) -> Result<rustls::ServerConfig, LabError> {
        let tls = ServerTls { early_data_bytes, tickets: self.tickets() };
        Ok(self.identity.server(alpn, tls, &self.handle, &self.secrets)?)
    }

    /// Serves HTTP/2 at `port`, with tickets of its own.
    pub(super) fn serve_http2(&self, port: u16) -> Result<(), LabError> {
        let tls = self.server_tls(&["h2"], self.settings.early_data_bytes)?;
        http2::serve(&self.handle, self.net.listen(port), Arc::new(tls), &self.app);
        Ok(())
    }

    /// Serves WebSockets at `port`.
    pub(super) fn serve_websocket(&self, port: u16) -> Result<(), LabError> {
        let tls = self.server_tls(&["http/1.1"], 0)?;
        websocket::serve(&self.handle, self.net.listen(port), Arc::new(tls));
        Ok(())
    }

    /// Serves HTTP/3 at `port`, with tickets of its own.
    pub(super) fn serve_http3(&self, port: u16) -> Result<(), LabError> {
        let tls = self.server_tls(&["h3"], u32::MAX)?;
        let transport = http3::transport(Some(self.settings.zero_rtt_bytes), self.settings.congestion);
        let config = http3::server_config(tls, transport)?;
        http3::serve(&self.handle, self.net.bind_server(port), config, &self.app)
    }

    /// A client's TLS over TCP; clones share their tickets.
    pub(super) fn client_tls(&self, alpn: &str, offers_early_data: bool) -> Result<ClientConfig, LabError> {
        let mut config = self.identity.client(&[alpn], &self.handle, &self.secrets)?;
        config.enable_early_data = offers_early_data;
        Ok(config)
    }

    /// A client's QUIC; its TLS shares tickets with `tls`.
    pub(super) fn client_quic(
        &self,
        tls: &ClientConfig,
        qlog: Option<&Qlog>,
    ) -> Result<quinn::ClientConfig, LabError> {
        let mut transport = http3::transport(None, self.settings.congestion);
        if let Some(qlog) = qlog {
            transport.qlog_stream(qlog.stream(self.handle.instant()));
        }
        http3::client_config(tls.clone(), transport)
    }
}
