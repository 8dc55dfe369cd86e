//! Certificates, configurations, and where they tell their secrets.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, KeyLog, RootCertStore, ServerConfig};
use sluice_capture::Secrets;

#[derive(Debug)]
struct Log(Secrets);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.log(label, client_random, secret);
    }
}

/// What both ends of a test's connections are configured with; tickets live as long as it does.
pub(crate) struct Configs {
    pub(crate) client: ClientConfig,
    pub(crate) server: ServerConfig,
    pub(crate) secrets: Secrets,
}

/// Configurations for `alpn` with a certificate of about `certificate_bytes`, that allow `early_bytes` of early data.
pub(crate) fn configs(alpn: &[u8], early_bytes: u32, certificate_names: usize) -> Configs {
    let secrets = Secrets::default();
    let mut names = vec!["localhost".to_owned()];
    names.extend((0..certificate_names).map(|n| format!("name-number-{n}-of-many.example.com")));
    let certified = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let certificate: CertificateDer<'static> = certified.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![alpn.to_vec()];
    client.enable_early_data = early_bytes > 0;
    client.key_log = Arc::new(Log(secrets.clone()));
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    server.alpn_protocols = vec![alpn.to_vec()];
    server.max_early_data_size = early_bytes;
    server.send_half_rtt_data = false;
    Configs { client, server, secrets }
}
