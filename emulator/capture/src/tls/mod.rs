//! TLS 1.3 as it crosses the network (RFC 8446): records, handshake messages, and what they say.

mod describe;
mod hello;
mod messages;
mod record;

pub(crate) use describe::{describe, name_of};
pub(crate) use hello::Handshake;
pub(crate) use messages::Messages;
pub(crate) use record::{ContentType, RecordHeader, RecordKeys};

/// Types of handshake messages (RFC 8446 §4).
pub(crate) mod message_type {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const NEW_SESSION_TICKET: u8 = 4;
    pub(crate) const END_OF_EARLY_DATA: u8 = 5;
    pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
    pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
    pub(crate) const FINISHED: u8 = 20;
    pub(crate) const KEY_UPDATE: u8 = 24;
    pub(crate) const COMPRESSED_CERTIFICATE: u8 = 25;
}
