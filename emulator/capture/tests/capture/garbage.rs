//! Whatever comes, the dissector answers.

use bytes::Bytes;
use proptest::prelude::*;
use sluice_capture::{Dissector, Secrets};
use sluice_shared::handshake::RungKind;
use sluice_shared::link::Direction;
use sluice_tcp::{Flags, Options, Segment, Seq};

use crate::keys::configs;
use crate::{Packet, dissect, quic, tcp};

fn direction(is_up: bool) -> Direction {
    if is_up { Direction::Up } else { Direction::Down }
}

/// Damages packets as `damage` says: which, at which place, to what; a zero cuts there.
fn damaged(packets: &[Packet], damage: &[(usize, usize, u8)]) -> Vec<Packet> {
    let mut packets = packets.to_vec();
    for (which, place, value) in damage {
        let index = which % packets.len();
        let change = |bytes: &mut Vec<u8>| {
            let place = place % bytes.len().max(1);
            if *value == 0 {
                bytes.truncate(place);
            } else if let Some(byte) = bytes.get_mut(place) {
                *byte ^= value;
            }
        };
        match &mut packets[index] {
            Packet::Udp(_, datagram) => change(datagram),
            Packet::Tcp(_, segment) => {
                let mut bytes = segment.payload.to_vec();
                change(&mut bytes);
                segment.payload = Bytes::from(bytes);
            }
        }
    }
    packets
}

proptest! {
    #[test]
    fn random_datagrams_are_opaque(
        datagrams in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..100)), 0..30),
        begins_well in any::<bool>(),
    ) {
        let mut dissector = Dissector::new(Secrets::default());
        for (is_up, mut datagram) in datagrams {
            if begins_well {
                datagram.splice(..0, [0xc0, 0, 0, 0, 1, 8]);
            } else if let Some(first) = datagram.first_mut() {
                // A long header of version 0 would be one that anybody may write.
                *first &= 0x7f;
            }
            let dissected = dissector.udp(direction(is_up), &datagram);
            prop_assert_eq!(dissected.kind, RungKind::Opaque);
            let bytes = format!("{} bytes", datagram.len());
            prop_assert!(begins_well || dissected.label == bytes, "{}", dissected.label);
        }
    }

    #[test]
    fn random_segments_harm_nothing(
        segments in proptest::collection::vec(
            (any::<bool>(), any::<u8>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..100)),
            0..30,
        ),
    ) {
        let all = [Flags::FIN, Flags::SYN, Flags::RST, Flags::PSH, Flags::ACK];
        let mut dissector = Dissector::new(Secrets::default());
        for (is_up, bits, number, payload) in segments {
            let set = all.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 != 0);
            let flags = set.fold(Flags::default(), |flags, (_, flag)| flags | flag);
            let segment = Segment {
                seq: Seq::new(if bits & 0x80 == 0 { number } else { number & 0xff }),
                ack: Seq::new(number.rotate_left(7)),
                flags,
                window: 1,
                options: Options { window_scale: Some(bits), ..Options::default() },
                payload: Bytes::from(payload),
            };
            let dissected = dissector.tcp(direction(is_up), &segment);
            prop_assert!(!dissected.parts.is_empty() && !dissected.label.is_empty());
        }
    }
}

#[test]
fn real_packets_that_are_damaged_harm_nothing() {
    let tls = configs(b"h2", 16_384, 0);
    tcp::connection(&tls, false);
    let over_tcp = tcp::connection(&tls, true).packets;
    let quic_configs = configs(b"h3", 1, 0);
    quic::connection(&quic_configs, false, false);
    let over_quic = quic::connection(&quic_configs, true, false).packets;
    let damage = proptest::collection::vec((any::<usize>(), any::<usize>(), any::<u8>()), 1..6);
    proptest!(ProptestConfig::with_cases(400), |(damage in damage)| {
        for (secrets, packets) in [(&tls.secrets, &over_tcp), (&quic_configs.secrets, &over_quic)] {
            let damaged = damaged(packets, &damage);
            let dissected = dissect(secrets, &damaged);
            prop_assert!(dissected.iter().all(|packet| !packet.label.is_empty() && packet.parts.len() <= 96));
        }
    });
}
