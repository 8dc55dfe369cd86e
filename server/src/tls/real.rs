//! Certificates that somebody else has signed.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::settings::KeyedChain;

/// Why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read, or is not in PEM form.
    #[error("{path} cannot be read as PEM: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// The file holds no certificate.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
}

/// Reads a chain and its key from PEM files.
///
/// # Errors
/// A file cannot be read or does not hold what it should.
pub(crate) fn load(certificate: &Path, key: &Path) -> Result<KeyedChain, LoadError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Pem { path, source }
    };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(of(certificate))?;
    if chain.is_empty() {
        return Err(LoadError::Empty(certificate.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(of(key))?;
    Ok(KeyedChain { chain, key })
}
