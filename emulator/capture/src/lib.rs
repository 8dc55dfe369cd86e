//! What packets look like to somebody who reads them and was given the secrets.
//!
//! | module | concept |
//! |---|---|
//! | [`quic`] | packets, their protection (RFC 9001 §5) and frames (RFC 9000 §19) |
//! | [`Secrets`] | TLS secrets by client and label, in the words of `SSLKEYLOGFILE` (RFC 9850) |
//! | [`Dissector`] | one connection's packets from TCP or QUIC up to TLS messages and HTTP frames |
//! | [`headers`] | packets with their IP headers, as a capture shows them |
//! | [`pcapng`] | capture files, with the secrets inside |
//! | [`write_capture`] | a whole run as such a file |
//!
//! No IO, no clock, no randomness; memory is bounded whatever the packets hold, and nothing panics: what cannot be
//! opened or is not understood is counted in bytes.
#![warn(missing_docs, clippy::cast_possible_truncation)]

pub mod cursor;
mod dissect;
mod findings;
pub mod headers;
mod http;
pub mod pcapng;
pub mod quic;
mod run;
mod secrets;
mod text;
mod tls;

pub use dissect::{Dissected, Dissector};
pub use headers::PacketContent;
pub use run::{CapturedPacket, write_capture};
pub use secrets::{SecretLabel, Secrets};

/// Bytes from the hexadecimal digits in which standards print them.
#[cfg(test)]
fn hex_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}
