//! The certificates that browsers take by their hash.

use sluice_shared::mode::Mode;
use sluice_tests::connection::Connection;
use sluice_tests::server::Server;
use wtransport::tls::{Certificate, Sha256DigestFmt};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::parse_x509_certificate;

/// A browser takes a certificate by its hash if it is valid for at most two weeks
/// (WebTransport, `serverCertificateHashes`).
const MOST_VALID_SECONDS: i64 = 14 * 24 * 3_600;

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_one_that_browsers_take_by_the_published_hash() {
    let server = Server::start().await;
    let info = server.info().await;
    assert_eq!(info.certificate_hashes.len(), 2, "the current one and its successor: {info:?}");
    assert_ne!(info.certificate_hashes[0], info.certificate_hashes[1]);
    assert!(info.certificate_refresh_secs.is_some_and(|seconds| seconds > 0), "{info:?}");

    let connection =
        Connection::open(&server.target, Mode::OneStream, None).await.expect("the server accepts");
    let presented = connection.certificate.clone().expect("WebTransport has a certificate");
    let certificate = Certificate::from_der(presented.clone()).expect("DER");
    let hash = certificate.hash().fmt(Sha256DigestFmt::DottedHex).replace(':', "");
    assert_eq!(hash, info.certificate_hashes[0]);

    let (_, parsed) = parse_x509_certificate(&presented).expect("X.509");
    let (from, to) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    assert!(to - from < MOST_VALID_SECONDS, "{}", parsed.validity().not_after);
    assert!(parsed.validity().is_valid());
    let algorithm = &parsed.public_key().algorithm;
    assert_eq!(algorithm.algorithm, OID_KEY_TYPE_EC_PUBLIC_KEY);
    let curve = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    assert_eq!(curve, Some(OID_EC_P256));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_have_different_certificates() {
    let (one, other) = (Server::start().await, Server::start().await);
    assert_ne!(one.info().await.certificate_hashes[0], other.info().await.certificate_hashes[0]);
    // A client that expects the one must not talk to the other.
    let mut crossed = one.target.clone();
    crossed.quic = other.target.quic;
    let connected = Connection::open(&crossed, Mode::OneStream, None).await;
    assert!(connected.is_err(), "a certificate passed under another's hash");
    one.stop().await;
    other.stop().await;
}
