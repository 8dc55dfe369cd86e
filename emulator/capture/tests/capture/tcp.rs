//! TLS and HTTP/2 over TCP.

use sluice_shared::handshake::{Layer, RungKind};
use sluice_shared::link::Direction;
use sluice_tcp::Flags;

use crate::keys::{Configs, configs};
use crate::tls_pair::TlsPair;
use crate::{Packet, details, dissect, labels};

/// Preface, SETTINGS with INITIAL_WINDOW_SIZE, and a GET with `/hello` in Huffman coding.
pub(crate) fn request() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0]);
    bytes.extend(get(1));
    bytes
}

/// A GET of `/hello` on a stream.
pub(crate) fn get(stream: u8) -> Vec<u8> {
    let block = [0x82, 0x87, 0x04, 0x85, 0x62, 0x72, 0xd1, 0x41, 0xff, 0x41, 1, b'x'];
    let mut bytes = vec![0, 0, u8::try_from(block.len()).expect("small"), 1, 5, 0, 0, 0, stream];
    bytes.extend(block);
    bytes
}

/// SETTINGS, 200, and a body.
pub(crate) fn answer() -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    bytes.extend([0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]);
    bytes.extend([0, 0, 5, 0, 1, 0, 0, 0, 1]);
    bytes.extend(b"hello");
    bytes
}

/// A connection with one request, behind the handshake or early.
pub(crate) fn connection(configs: &Configs, is_early: bool) -> TlsPair {
    let mut pair = TlsPair::new(configs);
    if is_early {
        pair.client_says(&request(), true);
    }
    pair.flush(Direction::Up);
    pair.flush(Direction::Down);
    if !is_early || !pair.client.is_early_data_accepted() {
        pair.client_says(&request(), false);
    }
    pair.flush(Direction::Up);
    pair.server_says(&answer());
    pair.run();
    pair.segment(Direction::Up, Flags::ACK, b"");
    pair.client.send_close_notify();
    pair.run();
    pair.segment(Direction::Up, Flags::FIN | Flags::ACK, b"");
    assert_eq!((pair.server_got.as_slice(), pair.client_got.as_slice()), (&request()[..], &answer()[..]));
    pair
}

#[test]
fn a_first_connection_is_told_packet_by_packet() {
    let configs = configs(b"h2", 16_384, 0);
    let pair = connection(&configs, false);
    assert_eq!(
        labels(&configs.secrets, &pair.packets),
        [
            "> SYN",
            "< SYN, ACK",
            "> ACK",
            "> ClientHello",
            "< ServerHello … Finished",
            "> Finished + GET /hello",
            "< NewSessionTicket ×2 + 200",
            "> ACK",
            "> close_notify",
            "> FIN",
        ]
    );
    let all = dissect(&configs.secrets, &pair.packets);
    let kinds: Vec<RungKind> = all.iter().map(|packet| packet.kind).collect();
    use RungKind::{Data, Handshake, Transport};
    let start = [Transport, Transport, Transport, Handshake, Handshake, Handshake, Data];
    assert_eq!(kinds, [&start[..], &[Transport; 3]].concat());
    assert_eq!(details(&all, Layer::Tcp, "SYN"), ["seq 0, window 502, MSS 1460, window scale 7"]);
    assert_eq!(details(&all, Layer::Tcp, "SYN, ACK")[0].split(", ").nth(1), Some("ack 1"));
    let hello = details(&all, Layer::Tls, "ClientHello")[0];
    assert!(hello.contains("server name localhost") && hello.contains("ALPN h2"), "{hello}");
    assert!(!hello.contains("PSK") && !hello.contains("early data"), "{hello}");
    let server_hello = details(&all, Layer::Tls, "ServerHello")[0];
    assert!(server_hello.ends_with("no PSK: full handshake"), "{server_hello}");
    assert!(details(&all, Layer::Tls, "Certificate")[0].contains("certificates of "));
    let ticket = details(&all, Layer::Tls, "NewSessionTicket")[0];
    assert!(ticket.contains("lifetime 86400 s") && ticket.ends_with("max_early_data_size 16384"), "{ticket}");
    assert_eq!(
        details(&all, Layer::Http, "HEADERS"),
        [
            "stream 1, 12 bytes, END_STREAM, :method: GET, :scheme: https, :path: /hello, :authority: x",
            "stream 1, 1 bytes, :status: 200",
        ]
    );
    assert_eq!(
        details(&all, Layer::Http, "SETTINGS"),
        ["stream 0, 6 bytes, INITIAL_WINDOW_SIZE 65536", "stream 0, 0 bytes"]
    );
    assert_eq!(details(&all, Layer::Http, "DATA"), ["stream 1, 5 bytes, END_STREAM"]);
}

#[test]
fn early_data_is_told_beside_the_hello_it_rides_with() {
    let configs = configs(b"h2", 16_384, 0);
    connection(&configs, false);
    let pair = connection(&configs, true);
    let all = dissect(&configs.secrets, &pair.packets);
    let labels = labels(&configs.secrets, &pair.packets);
    assert_eq!(labels[3], "> ClientHello + early GET /hello");
    assert_eq!(all[3].kind, RungKind::Early);
    assert_eq!(labels[4], "< ServerHello … Finished");
    assert_eq!(labels[5], "> EndOfEarlyData + Finished");
    assert!(details(&all, Layer::Tls, "ClientHello")[0].contains("early data"));
    assert!(details(&all, Layer::Tls, "ClientHello")[0].contains("PSK from a ticket of "));
    assert!(details(&all, Layer::Tls, "ServerHello")[0].ends_with("PSK accepted: resumed"));
    assert!(details(&all, Layer::Tls, "EncryptedExtensions")[0].ends_with(", early data accepted"));
    assert_eq!(details(&all, Layer::Tls, "Certificate").len(), 0);
    let mut packets = pair.packets;
    packets.insert(4, packets[3].clone());
    let again = dissect(&configs.secrets, &packets);
    assert_eq!(again[4].label, "ClientHello + early GET /hello (again)");
    assert_eq!(again[4].kind, RungKind::Early);
}

#[test]
fn early_data_that_is_refused_is_opened_and_sent_again() {
    let mut configs = configs(b"h2", 16_384, 0);
    connection(&configs, false);
    configs.server.max_early_data_size = 0;
    let pair = connection(&configs, true);
    let labels = labels(&configs.secrets, &pair.packets);
    assert_eq!(labels[3], "> ClientHello + early GET /hello");
    assert_eq!(labels[5], "> Finished + GET /hello");
    let all = dissect(&configs.secrets, &pair.packets);
    assert!(details(&all, Layer::Tls, "EncryptedExtensions")[0].ends_with("no early data accepted"));
    assert_eq!(details(&all, Layer::Http, "connection preface").len(), 2, "the client begins anew");
}

#[test]
fn a_large_certificate_is_told_where_it_ends() {
    let configs = configs(b"h2", 0, 120);
    let pair = connection(&configs, false);
    let labels = labels(&configs.secrets, &pair.packets);
    let flight: Vec<&str> = labels[4..]
        .iter()
        .map(String::as_str)
        .take_while(|label| *label != "> Finished + GET /hello")
        .collect();
    assert!(flight.len() >= 3, "{flight:?}");
    assert_eq!(flight[0], "< ServerHello …");
    assert!(flight[1..flight.len() - 1].iter().all(|label| *label == "< handshake, continued"), "{flight:?}");
    assert_eq!(flight[flight.len() - 1], "< … Finished");
    let all = dissect(&configs.secrets, &pair.packets);
    assert!(all[4..4 + flight.len()].iter().all(|packet| packet.kind == RungKind::Handshake));
}

#[test]
fn what_is_sent_again_is_named_and_not_opened_twice() {
    let configs = configs(b"h2", 0, 0);
    let mut packets = connection(&configs, false).packets;
    packets.insert(1, packets[0].clone());
    packets.insert(5, packets[4].clone());
    packets.insert(8, packets[7].clone());
    let last = packets.last().expect("there is one").clone();
    packets.push(last);
    let all = labels(&configs.secrets, &packets);
    assert_eq!(all[..2], ["> SYN", "> SYN (again)"]);
    assert_eq!(all[4..7], ["> ClientHello", "> ClientHello (again)", "< ServerHello … Finished"]);
    assert_eq!(all[7..9], ["> Finished + GET /hello", "> Finished + GET /hello (again)"]);
    assert_eq!(all[all.len() - 2..], ["> FIN", "> FIN (again)"]);
}

#[test]
fn segments_out_of_order_wait_for_what_completes_them() {
    let configs = configs(b"h2", 0, 120);
    let mut packets = connection(&configs, false).packets;
    packets.swap(4, 5);
    let all = labels(&configs.secrets, &packets);
    assert_eq!(all[4..6], ["< out of order", "< ServerHello …"]);
    assert!(all.iter().any(|label| label == "< … Finished"), "{all:?}");
    assert!(all.iter().any(|label| label == "> Finished + GET /hello"), "{all:?}");
}

#[test]
fn data_behind_early_data_is_not_early() {
    let configs = configs(b"h2", 16_384, 0);
    connection(&configs, false);
    let mut pair = TlsPair::new(&configs);
    pair.client_says(&request(), true);
    pair.flush(Direction::Up);
    pair.flush(Direction::Down);
    pair.flush(Direction::Up);
    // A frame over three segments, of whose record the first two tell nothing.
    let frame = [&[0, 0x0d, 0, 0, 0, 0, 0, 0, 3][..], &[7; 0x0d00]].concat();
    pair.client_says(&frame, false);
    let first = pair.packets.len();
    pair.flush(Direction::Up);
    let all = dissect(&configs.secrets, &pair.packets);
    assert_eq!(all[first - 1].label, "EndOfEarlyData + Finished");
    let told: Vec<(RungKind, &str)> =
        all[first..].iter().map(|packet| (packet.kind, packet.label.as_str())).collect();
    let continued = (RungKind::Data, "data, continued");
    assert_eq!(told, [continued, continued, (RungKind::Data, "data, continued + DATA")]);
}

#[test]
fn a_websocket_is_told_behind_its_upgrade() {
    let configs = configs(b"http/1.1", 0, 0);
    let mut pair = TlsPair::new(&configs);
    pair.run();
    pair.client_says(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        false,
    );
    pair.run();
    pair.server_says(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x82\x05he");
    pair.run();
    pair.server_says(b"llo\x88\x00");
    pair.client_says(b"\x89\x80\0\0\0\0", false);
    pair.run();
    let all = labels(&configs.secrets, &pair.packets);
    let end = &all[all.len() - 4..];
    assert_eq!(
        end,
        ["> GET /ws", "< 101", "> WebSocket ping", "< WebSocket payload, continued + WebSocket close",]
    );
    let dissected = dissect(&configs.secrets, &pair.packets);
    assert_eq!(details(&dissected, Layer::Http, "WebSocket binary"), ["5 bytes, FIN"]);
    assert_eq!(details(&dissected, Layer::Http, "WebSocket ping"), ["0 bytes, masked, FIN"]);
}

#[test]
fn updated_keys_are_followed() {
    let configs = configs(b"h2", 0, 0);
    let mut pair = connection(&configs, false);
    pair.server.refresh_traffic_keys().expect("behind the handshake");
    pair.server_says(&[0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    pair.run();
    let all = labels(&configs.secrets, &pair.packets);
    assert!(all.contains(&"< KeyUpdate".to_owned()), "{all:?}");
    let dissected = dissect(&configs.secrets, &pair.packets);
    assert_eq!(details(&dissected, Layer::Http, "PING"), ["stream 0, 8 bytes"]);
}

#[test]
fn without_secrets_only_what_is_plain_is_told() {
    let configs = configs(b"h2", 0, 0);
    let pair = connection(&configs, false);
    let all = dissect(&sluice_capture::Secrets::default(), &pair.packets);
    assert_eq!(all[3].label, "ClientHello");
    assert_eq!(all[4].label, "ServerHello");
    assert_eq!(all[5].kind, RungKind::Handshake, "there is a ChangeCipherSpec in it");
    let Packet::Tcp(_, segment) = &pair.packets[6] else { panic!("there is only TCP") };
    assert_eq!(all[6].kind, RungKind::Opaque);
    assert_eq!(all[6].label, format!("{} bytes", segment.payload.len()));
}
