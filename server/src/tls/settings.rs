//! What TLS is spoken with.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sluice_relay::SecretStore;

/// A certificate, those that vouch for it, and its key.
#[derive(Debug)]
pub(crate) struct KeyedChain {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl KeyedChain {
    /// The same chain and key again.
    pub(crate) fn duplicate(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// TLS 1.2 and 1.3 for HTTP/1.1, which is what WebSockets are upgraded from.
///
/// # Errors
/// The key does not fit the certificate, or is of no kind that is known.
pub(crate) fn for_https(identity: KeyedChain) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// TLS 1.3 for HTTP/3 (RFC 9001 §4.2).
///
/// # Errors
/// The key does not fit the certificate, or is of no kind that is known.
pub(crate) fn for_quic(identity: KeyedChain) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = vec![wtransport::tls::WEBTRANSPORT_ALPN.to_vec()];
    Ok(config)
}

/// Tells the emulator the secrets of a lab's connections, so that it can say what their packets carry.
#[derive(Debug)]
pub(crate) struct KeyLog(pub(crate) SecretStore);

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.log(label, client_random, secret);
    }
}
