//! QUIC and HTTP/3.

use quinn_proto::{Dir, StreamId};
use sluice_shared::handshake::{Layer, RungKind};
use sluice_shared::link::Direction;

use crate::keys::{Configs, configs};
use crate::quic_pair::QuicPair;
use crate::{Packet, details, dissect, labels};

/// A control stream with SETTINGS: MAX_FIELD_SECTION_SIZE, and one without a meaning.
const CONTROL: [u8; 7] = [0, 4, 4, 6, 0x0a, 0x21, 0];
/// HEADERS of a GET, with the path `/hello` in Huffman coding.
const REQUEST: [u8; 13] = [1, 11, 0, 0, 0xd1, 0xd7, 0x51, 0x85, 0x62, 0x72, 0xd1, 0x41, 0xff];
/// HEADERS with status 200, and DATA.
const ANSWER: [u8; 12] = [1, 3, 0, 0, 0xd9, 0, 5, b'h', b'e', b'l', b'l', b'o'];

/// A connection with one request, behind the handshake or in 0-RTT packets.
pub(crate) fn connection(configs: &Configs, is_early: bool, demands_retry: bool) -> QuicPair {
    let mut pair = QuicPair::new(configs, demands_retry);
    let says = |pair: &mut QuicPair| -> StreamId {
        pair.client_says(Dir::Uni, &CONTROL, false);
        pair.client_says(Dir::Bi, &REQUEST, true)
    };
    let mut request = is_early.then(|| says(&mut pair));
    pair.flight(Direction::Up);
    pair.flight(Direction::Down);
    if demands_retry {
        pair.flight(Direction::Up);
        pair.flight(Direction::Down);
    }
    while pair.client().is_handshaking() {
        pair.flight(Direction::Up);
        pair.flight(Direction::Down);
    }
    if !is_early || !pair.client().accepted_0rtt() {
        request = Some(says(&mut pair));
    }
    pair.flight(Direction::Up);
    pair.server_says(&CONTROL);
    pair.server_answers(request.expect("the client has asked"), &ANSWER);
    pair.run();
    pair
}

#[test]
fn a_first_connection_is_told_packet_by_packet() {
    let configs = configs(b"h3", 1, 0);
    let pair = connection(&configs, false, false);
    let all = labels(&configs.secrets, &pair.packets);
    assert_eq!(all[0], "> Initial: ClientHello");
    assert_eq!(all[1], "< Initial + Handshake: ServerHello … Finished");
    assert_eq!(all[2], "> Handshake: Finished + GET /hello");
    assert!(all.iter().any(|label| label.starts_with("< ") && label.ends_with("200")), "{all:?}");
    let dissected = dissect(&configs.secrets, &pair.packets);
    assert_eq!(dissected[0].kind, RungKind::Handshake);
    assert!(dissected.iter().all(|packet| packet.kind != RungKind::Opaque), "{all:?}");
    let hello = details(&dissected, Layer::Tls, "ClientHello")[0];
    assert!(hello.contains("ALPN h3") && hello.contains("initial_max_data "), "{hello}");
    assert_eq!(
        details(&dissected, Layer::Http, "HEADERS"),
        [
            "stream 0, 11 bytes, :method: GET, :scheme: https, :path: /hello",
            "stream 0, 3 bytes, :status: 200",
        ]
    );
    assert_eq!(details(&dissected, Layer::Http, "DATA"), ["stream 0, 5 bytes"]);
    assert_eq!(
        details(&dissected, Layer::Http, "SETTINGS"),
        [
            "stream 2, 4 bytes, MAX_FIELD_SECTION_SIZE 10, reserved 0",
            "stream 3, 4 bytes, MAX_FIELD_SECTION_SIZE 10, reserved 0"
        ]
    );
    assert!(details(&dissected, Layer::Frame, "NEW_CONNECTION_ID").len() >= 2);
    assert_eq!(details(&dissected, Layer::Frame, "HANDSHAKE_DONE").len(), 1);
    assert!(details(&dissected, Layer::Packet, "Initial")[0].starts_with("number 0, "));
    assert!(
        details(&dissected, Layer::Tls, "NewSessionTicket")[0].ends_with("max_early_data_size 0xffffffff")
    );
}

#[test]
fn early_data_is_told_beside_the_initial_it_rides_with() {
    let configs = configs(b"h3", 1, 0);
    connection(&configs, false, false);
    let pair = connection(&configs, true, false);
    let all = labels(&configs.secrets, &pair.packets);
    assert_eq!(all[0], "> Initial: ClientHello + 0-RTT GET /hello");
    let dissected = dissect(&configs.secrets, &pair.packets);
    assert!(dissected.iter().any(|packet| packet.kind == RungKind::Early));
    assert!(details(&dissected, Layer::Tls, "EncryptedExtensions")[0].ends_with(", early data accepted"));
    assert_eq!(details(&dissected, Layer::Tls, "Certificate").len(), 0);
    assert_eq!(details(&dissected, Layer::Http, "HEADERS").len(), 2);
    let mut packets = pair.packets;
    packets.insert(1, packets[0].clone());
    let again = dissect(&configs.secrets, &packets);
    assert_eq!(again[1].label, "Initial: ClientHello (again) + 0-RTT GET /hello (again)");
    assert_eq!(again[1].kind, RungKind::Early);
}

#[test]
fn early_data_that_is_refused_is_opened_and_sent_again() {
    let mut configs = configs(b"h3", 1, 0);
    connection(&configs, false, false);
    configs.server.max_early_data_size = 0;
    let pair = connection(&configs, true, false);
    let dissected = dissect(&configs.secrets, &pair.packets);
    assert!(details(&dissected, Layer::Tls, "EncryptedExtensions")[0].ends_with("no early data accepted"));
    let headers = details(&dissected, Layer::Http, "HEADERS");
    assert_eq!(headers.iter().filter(|detail| detail.contains("GET")).count(), 2, "{headers:?}");
    assert_eq!(headers.len(), 3);
}

#[test]
fn a_client_that_has_to_prove_its_address_begins_anew_with_other_keys() {
    let configs = configs(b"h3", 0, 0);
    let pair = connection(&configs, false, true);
    let all = labels(&configs.secrets, &pair.packets);
    assert_eq!(all[..2], ["> Initial: ClientHello", "< Retry"]);
    assert_eq!(all[2], "> Initial: ClientHello (again)");
    assert_eq!(all[3], "< Initial + Handshake: ServerHello … Finished");
    let dissected = dissect(&configs.secrets, &pair.packets);
    assert!(details(&dissected, Layer::Packet, "Initial")[1].contains("token of "));
    assert!(all.iter().any(|label| label.contains("GET /hello")), "{all:?}");
}

#[test]
fn a_large_certificate_waits_for_the_client() {
    let configs = configs(b"h3", 0, 150);
    let pair = connection(&configs, false, false);
    let all = labels(&configs.secrets, &pair.packets);
    assert_eq!(
        all[1..4],
        [
            "< Initial + Handshake: ServerHello … Certificate, in part",
            "< Handshake: Certificate, in part",
            "< Handshake: Certificate, in part",
        ],
        "three times what the client has sent"
    );
    assert_eq!(all[4], "> Initial + Handshake: ACK");
    assert!(all.iter().any(|label| label.ends_with("Finished") && label.starts_with("< ")), "{all:?}");
}

#[test]
fn keys_that_are_updated_are_followed() {
    let configs = configs(b"h3", 0, 0);
    let mut pair = connection(&configs, false, false);
    pair.client().force_key_update();
    pair.client_says(Dir::Bi, &REQUEST, true);
    pair.run();
    let dissected = dissect(&configs.secrets, &pair.packets);
    assert!(details(&dissected, Layer::Packet, "1-RTT").iter().any(|detail| detail.ends_with("key phase 1")));
    assert!(dissected.iter().all(|packet| packet.kind != RungKind::Opaque));
    assert_eq!(details(&dissected, Layer::Http, "HEADERS").len(), 3);
}

#[test]
fn a_datagram_that_is_sent_again_is_named_so() {
    let configs = configs(b"h3", 0, 0);
    let mut packets = connection(&configs, false, false).packets;
    packets.insert(1, packets[0].clone());
    let all = labels(&configs.secrets, &packets);
    assert_eq!(all[1], "> Initial: ClientHello (again)");
    let dissected = dissect(&configs.secrets, &packets);
    assert_eq!(dissected[1].kind, RungKind::Handshake);
    assert_eq!(details(&dissected, Layer::Tls, "ClientHello").len(), 1);
}

#[test]
fn versions_that_do_not_exist_are_told() {
    let unknown = [&[0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 1, 7, 0][..], &[0; 1_200]].concat();
    let answer = vec![0x80, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 1];
    let packets = [Packet::Udp(Direction::Up, unknown), Packet::Udp(Direction::Down, answer)];
    let secrets = sluice_capture::Secrets::default();
    let dissected = dissect(&secrets, &packets);
    assert_eq!((dissected[0].kind, dissected[0].label.as_str()), (RungKind::Opaque, "version 0x1a2a3a4a"));
    assert_eq!(
        (dissected[1].kind, dissected[1].label.as_str()),
        (RungKind::Transport, "Version Negotiation")
    );
}
