//! Records of the simple handshake that RFC 8448 §3 prints, with its secrets.

use bytes::Bytes;
use sluice_capture::Secrets;
use sluice_shared::handshake::{Layer, RungKind};
use sluice_shared::link::Direction;
use sluice_tcp::{Flags, Options, Segment, Seq};

use crate::{Packet, details, dissect};

const CLIENT_RANDOM: &str = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7";
const SECRETS: [(&str, &str); 3] = [
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"),
    ("CLIENT_TRAFFIC_SECRET_0", "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"),
    ("SERVER_TRAFFIC_SECRET_0", "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"),
];

const CLIENT_HELLO: &str = "16030100c4
    010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302
    010000910000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301
    0400230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c
    002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d0002
    0101001c00024001";
const SERVER_HELLO: &str = "160303005a
    020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e003300
    24001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";
const CLIENT_FINISHED: &str = "1703030035
    75ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab68
    67d726c40546";
const TICKET: &str = "17030300de
    3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a01594025
    2f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba
    1e62972ac46f75f7b981be63439b2999ce1306461513 9891d5e4c5b406f16e3fc181a77ca475840025db2f0a77f81b
    5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74bc
    2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f";
const CLIENT_DATA: &str = "1703030043
    a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f
    5a6292a2977014bd1e3deae63aeebb21694915e4";
const CLIENT_ALERT: &str = "1703030013 c9872760655666b74d7ff1153efd6db6d0b0e3";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}

#[test]
fn records_of_the_standard_are_opened_with_its_secrets() {
    let secrets = Secrets::default();
    for (label, secret) in SECRETS {
        secrets.log(label, &hex(CLIENT_RANDOM), &hex(secret));
    }
    let mut next = [0, 0];
    let records = [
        (Direction::Up, CLIENT_HELLO),
        (Direction::Down, SERVER_HELLO),
        (Direction::Up, CLIENT_FINISHED),
        (Direction::Down, TICKET),
        (Direction::Up, CLIENT_DATA),
        (Direction::Up, CLIENT_ALERT),
    ];
    let packets: Vec<Packet> = records
        .into_iter()
        .map(|(direction, record)| {
            let next = &mut next[usize::from(direction == Direction::Down)];
            let payload = Bytes::from(hex(record));
            let seq = Seq::new(*next);
            *next += u32::try_from(payload.len()).expect("small");
            let (ack, flags, options) = (Seq::new(0), Flags::PSH, Options::default());
            Packet::Tcp(direction, Segment { seq, ack, flags, window: 1, options, payload })
        })
        .collect();
    let dissected = dissect(&secrets, &packets);
    let labels: Vec<&str> = dissected.iter().map(|packet| packet.label.as_str()).collect();
    assert_eq!(labels[..4], ["ClientHello", "ServerHello", "Finished", "NewSessionTicket"]);
    assert_eq!(labels[5], "close_notify");
    assert_eq!(dissected[4].kind, RungKind::Data);
    let hello = details(&dissected, Layer::Tls, "ClientHello");
    assert_eq!(hello, ["196 bytes, server name server, key share x25519"]);
    let hello = details(&dissected, Layer::Tls, "ServerHello");
    assert_eq!(hello, ["90 bytes, TLS_AES_128_GCM_SHA256, key share x25519, no PSK: full handshake"]);
    let ticket = details(&dissected, Layer::Tls, "NewSessionTicket");
    assert_eq!(ticket, ["205 bytes, lifetime 30 s, ticket of 178 bytes, max_early_data_size 1024"]);
    let opened = details(&dissected, Layer::Record, "handshake");
    assert_eq!(opened[2..], ["58 bytes, handshake keys", "227 bytes, traffic keys"]);
    assert_eq!(details(&dissected, Layer::Record, "application_data"), ["72 bytes, traffic keys"]);
}
