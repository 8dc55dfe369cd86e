//! TLS as both stacks use it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, KeyLog, RootCertStore, ServerConfig};
use sluice_capture::Secrets;
use sluice_wire::StageHandle;

use super::tickets::TicketStore;

/// The name of the lab's server.
pub(super) const SERVER_NAME: &str = "lab.example";
/// Further names of the large certificate: enough that it takes more than the three datagrams which a server may send
/// before it has heard twice of its client.
const LARGE_CERTIFICATE_NAMES: usize = 200;

/// A certificate that clients are told to trust, and its key.
#[derive(Debug)]
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// What a server's TLS is set to.
#[derive(Debug)]
pub(super) struct ServerTls {
    /// What tickets allow in early data, bytes: 0xffffffff for QUIC (RFC 9001 §4.6.1).
    pub(super) early_data_bytes: u32,
    pub(super) tickets: Arc<TicketStore>,
}

impl Identity {
    /// A new certificate with a P-256 key; a large one has many names.
    pub(super) fn new(is_large: bool) -> Result<Self, rcgen::Error> {
        let names = (0..if is_large { LARGE_CERTIFICATE_NAMES } else { 0 })
            .map(|n| format!("name-{n:03}.{SERVER_NAME}"))
            .chain([SERVER_NAME.to_owned()]);
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names.collect::<Vec<_>>())?.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    /// A server's settings for the protocols `alpn`.
    pub(super) fn server(
        &self,
        alpn: &[&str],
        tls: ServerTls,
        stage: &StageHandle,
        secrets: &Secrets,
    ) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_details(provider(), Arc::new(StageTime::new(stage)));
        let mut config = builder
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        config.alpn_protocols = protocols(alpn);
        config.max_early_data_size = tls.early_data_bytes;
        // An answer to early data must not wait for the client's Finished.
        config.send_half_rtt_data = tls.early_data_bytes > 0;
        config.session_storage = tls.tickets;
        config.send_tls13_tickets = 1;
        config.key_log = Arc::new(Log(secrets.clone()));
        Ok(config)
    }

    /// A client's settings for the protocols `alpn`, which trusts this certificate; clones share their tickets.
    pub(super) fn client(
        &self,
        alpn: &[&str],
        stage: &StageHandle,
        secrets: &Secrets,
    ) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let builder = ClientConfig::builder_with_details(provider(), Arc::new(StageTime::new(stage)));
        let mut config = builder
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols(alpn);
        config.resumption = Resumption::in_memory_sessions(8);
        config.key_log = Arc::new(Log(secrets.clone()));
        Ok(config)
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn protocols(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// The wall's time when the run began, and the stage's from there on: tickets age as the stage does.
#[derive(Debug)]
struct StageTime {
    stage: StageHandle,
    began: Duration,
}

impl StageTime {
    fn new(stage: &StageHandle) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            stage: stage.clone(),
            began: wall.saturating_sub(Duration::from_micros(stage.now().as_micros())),
        }
    }
}

impl TimeProvider for StageTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.began + Duration::from_micros(self.stage.now().as_micros())))
    }
}

/// Hands a run's secrets to its capture.
#[derive(Debug)]
struct Log(Secrets);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.log(label, client_random, secret);
    }
}
