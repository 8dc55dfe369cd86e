//! Making a certificate.

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::schedule::{UnixTime, Validity};
use super::settings::KeyedChain;

/// A certificate that pages pin.
#[derive(Debug)]
pub(super) struct Issued {
    /// The certificate with its key.
    pub(super) chain: KeyedChain,
    /// SHA-256 of its DER form, lower-case hex.
    pub(super) hash: String,
}

/// Makes a self-signed certificate with a new ECDSA P-256 key for `names` (host names and IP addresses).
///
/// # Errors
/// A name cannot stand in a certificate, or there is no randomness.
pub(super) fn issue(names: &[String], validity: Validity) -> Result<Issued, rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, "Sluice");
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.not_before = date(validity.from);
    parameters.not_after = date(validity.until);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = parameters.self_signed(&key)?;
    let hash = hex(&Sha256::digest(certificate.der()));
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(Issued { chain: KeyedChain { chain: vec![certificate.der().clone()], key }, hash })
}

/// The date, or 1970 for one that no calendar has.
fn date(time: UnixTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::schedule::Schedule;
    use super::*;

    #[test]
    fn a_certificate_is_named_by_the_hash_of_its_bytes() {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let issued = issue(&names, Schedule::validity(UnixTime(1_800_000_000))).expect("issued");
        assert_eq!(issued.hash.len(), 64);
        assert_eq!(issued.hash, hex(&Sha256::digest(&issued.chain.chain[0])));
        let other = issue(&names, Schedule::validity(UnixTime(1_800_000_000))).expect("issued");
        assert_ne!(issued.hash, other.hash, "each has a key of its own");
    }
}
