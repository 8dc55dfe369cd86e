//! Certificates that WebTransport accepts without a chain to a root.

use js_sys::Uint8Array;
use web_sys::WebTransportHash;

/// Returns the `serverCertificateHashes` entry for a SHA-256 hash.
pub fn certificate_hash(hash: &[u8; 32]) -> WebTransportHash {
    let js_hash = WebTransportHash::new();
    js_hash.set_algorithm("sha-256");
    js_hash.set_value_u8_array(&Uint8Array::new_from_slice(hash));
    js_hash
}
