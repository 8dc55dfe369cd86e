//! What the hellos and the first encrypted message say that decides how everything after them is opened.

use super::message_type::{CLIENT_HELLO, ENCRYPTED_EXTENSIONS, SERVER_HELLO};
use crate::cursor::Cursor;
use crate::quic::Suite;

const EXTENSION_ALPN: u16 = 16;
const EXTENSION_EARLY_DATA: u16 = 42;

/// The random value of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// What is known of a handshake.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    /// The client's random value, by which secrets are found.
    pub(crate) client_random: Option<[u8; 32]>,
    /// What the server has chosen.
    pub(crate) suite: Option<Suite>,
    /// Whether the server takes early data, once it has said so.
    pub(crate) is_early_accepted: Option<bool>,
    /// The application's protocol, once the server has said so.
    pub(crate) alpn: Option<Vec<u8>>,
}

/// The fields of a ClientHello or ServerHello in front of the extensions.
pub(super) struct Hello<'a> {
    pub(super) random: [u8; 32],
    /// The server's choice; of a client the first offer.
    pub(super) suite: u16,
    pub(super) extensions: Vec<(u16, &'a [u8])>,
}

impl Handshake {
    /// Learns from a message.
    pub(crate) fn learn(&mut self, kind: u8, body: &[u8]) {
        match kind {
            CLIENT_HELLO => {
                if let Some(hello) = client_hello(body) {
                    self.client_random = Some(hello.random);
                }
            }
            SERVER_HELLO => {
                if let Some(hello) = server_hello(body) {
                    self.suite = Suite::from_number(hello.suite);
                }
            }
            ENCRYPTED_EXTENSIONS => {
                let found = extensions(&mut Cursor::new(body)).unwrap_or_default();
                self.is_early_accepted = Some(found.iter().any(|(kind, _)| *kind == EXTENSION_EARLY_DATA));
                let alpn = found.iter().find(|(kind, _)| *kind == EXTENSION_ALPN);
                self.alpn = alpn.and_then(|(_, body)| protocols(body).first().map(|name| name.to_vec()));
            }
            _ => {}
        }
    }
}

pub(super) fn client_hello(body: &[u8]) -> Option<Hello<'_>> {
    let mut cursor = Cursor::new(body);
    cursor.take(2)?;
    let random = cursor.array()?;
    cursor.prefixed_u8()?;
    let suite = Cursor::new(cursor.prefixed_u16()?).u16()?;
    cursor.prefixed_u8()?;
    Some(Hello { random, suite, extensions: extensions(&mut cursor)? })
}

pub(super) fn server_hello(body: &[u8]) -> Option<Hello<'_>> {
    let mut cursor = Cursor::new(body);
    cursor.take(2)?;
    let random = cursor.array()?;
    cursor.prefixed_u8()?;
    let suite = cursor.u16()?;
    cursor.take(1)?;
    Some(Hello { random, suite, extensions: extensions(&mut cursor)? })
}

impl Hello<'_> {
    pub(super) fn is_retry(&self) -> bool {
        self.random == RETRY_RANDOM
    }
}

/// Extensions behind their length: types and bodies (RFC 8446 §4.2).
pub(super) fn extensions<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<(u16, &'a [u8])>> {
    let mut list = Cursor::new(cursor.prefixed_u16()?);
    let mut found = Vec::new();
    while !list.is_empty() {
        found.push((list.u16()?, list.prefixed_u16()?));
    }
    Some(found)
}

/// The names in an ALPN extension (RFC 7301 §3.1).
pub(super) fn protocols(body: &[u8]) -> Vec<&[u8]> {
    let mut list = Cursor::new(Cursor::new(body).prefixed_u16().unwrap_or_default());
    std::iter::from_fn(|| list.prefixed_u8()).collect()
}
