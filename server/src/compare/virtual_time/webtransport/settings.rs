//! How both ends are set up: the server as the real one, the client as Chromium.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{
    ClientConfig, ConnectionId, Endpoint, EndpointConfig, IdleTimeout, NoneTokenStore,
    RandomConnectionIdGenerator, ServerConfig, TransportConfig, VarInt,
};
use rcgen::{CertificateParams, KeyPair, SerialNumber, date_time_ymd};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use sluice_balancer::ServerId;
use sluice_shared::lab::Congestion;
use sluice_shared::scenario::{BalancerSetup, Scenario};

use super::backends::Generator;
use crate::compare::error::CompareError;
use crate::compare::random::Draws;
use crate::config::QuicTuning;
use crate::server::StartError;
use crate::tls::KeyedChain;
use crate::wt;

/// What Chromium lets a server send on one stream, and on all, without having read it.
const CLIENT_STREAM_WINDOW_BYTES: u32 = 6 * 1024 * 1024;
const CLIENT_CONNECTION_WINDOW_BYTES: u32 = 15 * 1024 * 1024;
/// Streams that Chromium lets a server have open in each direction.
const CLIENT_UNI_STREAMS: u32 = 103;
const CLIENT_BIDI_STREAMS: u32 = 100;
/// After how long without a packet Chromium's connection is dead.
const CLIENT_IDLE: Duration = Duration::from_secs(30);

/// A server's certificate and key, of a kind whose signatures are all equally long (Ed25519), so that a handshake has
/// the same size each time.
#[derive(Debug)]
struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A new key, and a certificate whose every other byte is always the same.
    ///
    /// # Errors
    /// There is no randomness.
    fn new() -> Result<Self, rcgen::Error> {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        parameters.serial_number = Some(SerialNumber::from(1_u64));
        parameters.not_before = date_time_ymd(2026, 1, 1);
        parameters.not_after = date_time_ymd(2026, 1, 14);
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
        let certificate = parameters.self_signed(&key)?.der().clone();
        Ok(Self { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() })
    }

    fn chain(&self) -> KeyedChain {
        KeyedChain { chain: vec![self.certificate.clone()], key: self.key.clone_key() }
    }
}

const fn tuning(congestion: Congestion) -> QuicTuning {
    QuicTuning::standard().chosen(congestion)
}

/// What the connections of a lane are made of.
#[derive(Debug)]
pub(in crate::compare::virtual_time) struct Setup {
    server: Arc<ServerConfig>,
    client: ClientConfig,
    congestion: Congestion,
    balancer: Option<BalancerSetup>,
    /// An endpoint's settings with the key of its stateless resets, where all backends have the same.
    shared: EndpointConfig,
}

impl Setup {
    /// For the lanes of `scenario`.
    ///
    /// # Errors
    /// There is no randomness, or TLS cannot be set up.
    pub(in crate::compare::virtual_time) fn new(scenario: &Scenario) -> Result<Self, CompareError> {
        let identity = Identity::new()?;
        let congestion = scenario.congestion;
        let mut server: ServerConfig = wt::server_config(identity.chain(), tuning(congestion), None)?;
        server.migration(scenario.address_changes.is_none_or(|changes| changes.server_follows));
        let client = client(&identity, congestion).map_err(StartError::from)?;
        Ok(Self {
            server: Arc::new(server),
            client,
            congestion,
            balancer: scenario.balancer,
            shared: EndpointConfig::default(),
        })
    }

    /// The congestion controller of both ends.
    pub(super) const fn congestion(&self) -> Congestion {
        self.congestion
    }

    /// What stands before the servers.
    pub(super) const fn balancer(&self) -> Option<BalancerSetup> {
        self.balancer
    }

    /// The endpoint of the server with this number; what it draws follows from `seed`.
    pub(super) fn server(&self, number: u8, seed: u64) -> Endpoint {
        let shares_key = self.balancer.is_some_and(|balancer| balancer.shares_reset_key);
        let mut config = if shares_key { self.shared.clone() } else { EndpointConfig::default() };
        config.rng_seed(Some(words(seed, if number == 0 { 1 } else { number.saturating_add(2) })));
        if self.balancer.is_some() {
            config.cid_generator(move || Box::new(Generator::new(ServerId(number), seed)));
        }
        Endpoint::new(Arc::new(config), Some(Arc::clone(&self.server)), true, None)
    }

    /// The client's endpoint, and how it connects.
    pub(super) fn client(&self, seed: u64) -> (Endpoint, ClientConfig) {
        let mut config = EndpointConfig::default();
        // Chromium's own connection id is empty.
        config.rng_seed(Some(words(seed, 2))).cid_generator(|| Box::new(RandomConnectionIdGenerator::new(0)));
        let first = ConnectionId::new(&Draws::new(seed, 3).word().to_be_bytes());
        let mut connecting = self.client.clone();
        // Each connection is a stranger's: no token shows that its address was validated before.
        connecting.initial_dst_cid_provider(Arc::new(move || first)).token_store(Arc::new(NoneTokenStore));
        (Endpoint::new(Arc::new(config), None, true, None), connecting)
    }
}

fn client(identity: &Identity, congestion: Congestion) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned {
            certificate: identity.certificate.clone(),
            provider,
        }))
        .with_no_client_auth();
    tls.alpn_protocols = vec![wtransport::tls::WEBTRANSPORT_ALPN.to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    let tls = QuicClientConfig::try_from(tls)
        .map_err(|_| rustls::Error::General("the provider lacks TLS_AES_128_GCM_SHA256".to_owned()))?;
    let mut connecting = ClientConfig::new(Arc::new(tls));
    connecting.transport_config(Arc::new(chromium(congestion)));
    Ok(connecting)
}

fn chromium(congestion: Congestion) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(IdleTimeout::try_from(CLIENT_IDLE).ok())
        .max_concurrent_uni_streams(CLIENT_UNI_STREAMS.into())
        .max_concurrent_bidi_streams(CLIENT_BIDI_STREAMS.into())
        .stream_receive_window(VarInt::from_u32(CLIENT_STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CLIENT_CONNECTION_WINDOW_BYTES))
        .congestion_controller_factory(wt::controller(tuning(congestion)));
    transport
}

/// The seed of an endpoint's random numbers.
fn words(seed: u64, end: u8) -> [u8; 32] {
    let mut words = [end; 32];
    let (first, _) = words.split_at_mut(8);
    first.copy_from_slice(&seed.to_le_bytes());
    words
}

/// Takes the one certificate that it knows, as pages do that pin a certificate by its hash.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
