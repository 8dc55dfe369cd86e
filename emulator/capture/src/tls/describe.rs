//! Handshake messages in words.

use super::hello::{self, extensions, protocols};
use super::message_type::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, CLIENT_HELLO, COMPRESSED_CERTIFICATE,
    ENCRYPTED_EXTENSIONS, END_OF_EARLY_DATA, FINISHED, KEY_UPDATE, NEW_SESSION_TICKET, SERVER_HELLO,
};
use crate::cursor::Cursor;
use crate::quic::Suite;
use crate::text::{List, printable};

/// A message's name and the figures in it.
pub(crate) fn describe(kind: u8, body: &[u8]) -> (&'static str, String) {
    let mut list = List::default();
    list.push(format!("{} bytes", body.len() + 4));
    let mut name = name_of(kind);
    let understood = match kind {
        CLIENT_HELLO => client_hello(body, &mut list),
        SERVER_HELLO => {
            if hello::server_hello(body).is_some_and(|hello| hello.is_retry()) {
                name = "HelloRetryRequest";
            }
            server_hello(body, &mut list)
        }
        ENCRYPTED_EXTENSIONS => encrypted_extensions(body, &mut list),
        CERTIFICATE => certificate(body, &mut list),
        CERTIFICATE_VERIFY => Cursor::new(body).u16().map(|scheme| list.push(signature(scheme))),
        NEW_SESSION_TICKET => ticket(body, &mut list),
        KEY_UPDATE => Cursor::new(body).u8().map(|asked| {
            if asked == 1 {
                list.push("asks the peer for the same");
            }
        }),
        _ => Some(()),
    };
    if understood.is_none() {
        list.push("not understood");
    }
    (name, list.text())
}

/// A message's name.
pub(crate) const fn name_of(kind: u8) -> &'static str {
    match kind {
        CLIENT_HELLO => "ClientHello",
        SERVER_HELLO => "ServerHello",
        NEW_SESSION_TICKET => "NewSessionTicket",
        END_OF_EARLY_DATA => "EndOfEarlyData",
        ENCRYPTED_EXTENSIONS => "EncryptedExtensions",
        CERTIFICATE => "Certificate",
        CERTIFICATE_REQUEST => "CertificateRequest",
        CERTIFICATE_VERIFY => "CertificateVerify",
        FINISHED => "Finished",
        KEY_UPDATE => "KeyUpdate",
        COMPRESSED_CERTIFICATE => "CompressedCertificate",
        _ => "unknown message",
    }
}

fn client_hello(body: &[u8], list: &mut List) -> Option<()> {
    let hello = hello::client_hello(body)?;
    for (kind, body) in &hello.extensions {
        match kind {
            // A list of names, of which only host names are defined (RFC 6066 §3).
            0 => {
                let mut names = Cursor::new(Cursor::new(body).prefixed_u16()?);
                names.take(1)?;
                list.push(format!("server name {}", printable(names.prefixed_u16()?)));
            }
            16 => {
                let names: Vec<String> = protocols(body).into_iter().map(printable).collect();
                list.push(format!("ALPN {}", names.join(" ")));
            }
            41 => {
                let mut cursor = Cursor::new(body);
                let mut identities = Cursor::new(cursor.prefixed_u16()?);
                let ticket = identities.prefixed_u16()?;
                list.push(format!("PSK from a ticket of {} bytes", ticket.len()));
            }
            42 => list.push("early data"),
            51 => {
                let mut shares = Cursor::new(Cursor::new(body).prefixed_u16()?);
                let mut groups = Vec::new();
                while !shares.is_empty() {
                    let group = shares.u16()?;
                    shares.prefixed_u16()?;
                    groups.push(group_name(group));
                }
                list.push(format!("key share {}", groups.join(" ")));
            }
            57 => transport_parameters(body, list)?,
            _ => {}
        }
    }
    Some(())
}

fn server_hello(body: &[u8], list: &mut List) -> Option<()> {
    let hello = hello::server_hello(body)?;
    list.push(Suite::from_number(hello.suite).map_or("unknown suite", Suite::name));
    let is_resumed = hello.extensions.iter().any(|(kind, _)| *kind == 41);
    if let Some((_, body)) = hello.extensions.iter().find(|(kind, _)| *kind == 51) {
        list.push(format!("key share {}", group_name(Cursor::new(body).u16()?)));
    }
    if !hello.is_retry() {
        list.push(if is_resumed { "PSK accepted: resumed" } else { "no PSK: full handshake" });
    }
    Some(())
}

fn encrypted_extensions(body: &[u8], list: &mut List) -> Option<()> {
    let found = extensions(&mut Cursor::new(body))?;
    for (kind, body) in &found {
        match kind {
            16 => {
                let names: Vec<String> = protocols(body).into_iter().map(printable).collect();
                list.push(format!("ALPN {}", names.join(" ")));
            }
            57 => transport_parameters(body, list)?,
            _ => {}
        }
    }
    let is_accepted = found.iter().any(|(kind, _)| *kind == 42);
    list.push(if is_accepted { "early data accepted" } else { "no early data accepted" });
    Some(())
}

fn certificate(body: &[u8], list: &mut List) -> Option<()> {
    let mut cursor = Cursor::new(body);
    cursor.prefixed_u8()?;
    let length = usize::try_from(cursor.u24()?).ok()?;
    let mut certificates = Cursor::new(cursor.take(length)?);
    let mut sizes = Vec::new();
    while !certificates.is_empty() {
        let length = usize::try_from(certificates.u24()?).ok()?;
        sizes.push(certificates.take(length)?.len().to_string());
        certificates.prefixed_u16()?;
    }
    list.push(format!("certificates of {} bytes", sizes.join(" + ")));
    Some(())
}

fn ticket(body: &[u8], list: &mut List) -> Option<()> {
    let mut cursor = Cursor::new(body);
    list.push(format!("lifetime {} s", cursor.u32()?));
    cursor.take(4)?;
    cursor.prefixed_u8()?;
    list.push(format!("ticket of {} bytes", cursor.prefixed_u16()?.len()));
    let found = extensions(&mut cursor)?;
    match found.iter().find(|(kind, _)| *kind == 42) {
        Some((_, body)) => {
            list.push(match Cursor::new(body).u32()? {
                // QUIC limits early data by other means (RFC 9001 §4.6.1).
                u32::MAX => "max_early_data_size 0xffffffff".to_owned(),
                most => format!("max_early_data_size {most}"),
            });
        }
        None => list.push("no early data"),
    }
    Some(())
}

/// Those that limit what may be sent (RFC 9000 §18.2, RFC 9221 §3).
fn transport_parameters(body: &[u8], list: &mut List) -> Option<()> {
    let mut cursor = Cursor::new(body);
    while !cursor.is_empty() {
        let (kind, body) = (cursor.varint()?, cursor.prefixed()?);
        let name = match kind {
            0x01 => "max_idle_timeout",
            0x03 => "max_udp_payload_size",
            0x04 => "initial_max_data",
            0x05 => "initial_max_stream_data_bidi_local",
            0x06 => "initial_max_stream_data_bidi_remote",
            0x07 => "initial_max_stream_data_uni",
            0x08 => "initial_max_streams_bidi",
            0x09 => "initial_max_streams_uni",
            0x20 => "max_datagram_frame_size",
            _ => continue,
        };
        list.push(format!("{name} {}", Cursor::new(body).varint()?));
    }
    Some(())
}

fn group_name(group: u16) -> String {
    match group {
        0x0017 => "secp256r1".to_owned(),
        0x0018 => "secp384r1".to_owned(),
        0x001d => "x25519".to_owned(),
        0x11ec => "X25519MLKEM768".to_owned(),
        other => format!("0x{other:04x}"),
    }
}

fn signature(scheme: u16) -> String {
    match scheme {
        0x0403 => "ecdsa_secp256r1_sha256".to_owned(),
        0x0503 => "ecdsa_secp384r1_sha384".to_owned(),
        0x0804 => "rsa_pss_rsae_sha256".to_owned(),
        0x0807 => "ed25519".to_owned(),
        other => format!("signature scheme 0x{other:04x}"),
    }
}
