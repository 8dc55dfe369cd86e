//! A segment as the bytes of an IPv4 packet, for captures (RFC 791, RFC 9293 §3.1).

use std::net::SocketAddrV4;

use crate::segment::{Options, Segment, TCP_HEADER_BYTES};

const PROTOCOL_TCP: u8 = 6;
const TIME_TO_LIVE: u8 = 64;
const DO_NOT_FRAGMENT: u16 = 0x4000;

/// Appends `segment` to `packet` as an IPv4 packet with correct checksums. `id` is its identification, counted up by
/// the caller. A segment too large for IPv4 (65,535 bytes) is cut off.
pub fn write_ipv4_packet(
    segment: &Segment,
    from: SocketAddrV4,
    to: SocketAddrV4,
    id: u16,
    packet: &mut Vec<u8>,
) {
    let total = u16::try_from(segment.wire_len()).unwrap_or(u16::MAX);
    let ip_at = packet.len();
    packet.extend([0x45, 0]);
    packet.extend(total.to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(DO_NOT_FRAGMENT.to_be_bytes());
    packet.extend([TIME_TO_LIVE, PROTOCOL_TCP, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    let header_sum = checksum(0, packet.get(ip_at..).unwrap_or_default());
    put(packet, ip_at + 10, header_sum);

    let tcp_at = packet.len();
    let header_words = (TCP_HEADER_BYTES + segment.options.encoded_len()) / 4;
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(segment.seq.value().to_be_bytes());
    packet.extend(segment.ack.value().to_be_bytes());
    packet.extend([u8::try_from(header_words << 4).unwrap_or(0xF0), segment.flags.bits()]);
    packet.extend(segment.window.to_be_bytes());
    packet.extend([0; 4]);
    write_options(&segment.options, packet);
    packet.extend_from_slice(&segment.payload);
    packet.truncate(ip_at + usize::from(total));

    let tcp_len = u32::try_from(packet.len() - tcp_at).unwrap_or(u32::MAX);
    // The pseudo header: addresses, protocol and length (RFC 9293 §3.1).
    let pseudo = sum(0, &from.ip().octets()) + sum(0, &to.ip().octets()) + u32::from(PROTOCOL_TCP) + tcp_len;
    let tcp_sum = checksum(pseudo, packet.get(tcp_at..).unwrap_or_default());
    put(packet, tcp_at + 16, tcp_sum);
}

/// Writes the options in the order and with the padding of Linux.
fn write_options(options: &Options, packet: &mut Vec<u8>) {
    const NOP: u8 = 1;
    if let Some(max) = options.max_segment_bytes {
        packet.extend([2, 4]);
        packet.extend(max.to_be_bytes());
    }
    if options.is_sack_permitted {
        if options.timestamps.is_none() {
            packet.extend([NOP, NOP]);
        }
        packet.extend([4, 2]);
    } else if options.timestamps.is_some() {
        packet.extend([NOP, NOP]);
    }
    if let Some(timestamps) = options.timestamps {
        packet.extend([8, 10]);
        packet.extend(timestamps.value.to_be_bytes());
        packet.extend(timestamps.echo.to_be_bytes());
    }
    if let Some(scale) = options.window_scale {
        packet.extend([NOP, 3, 3, scale]);
    }
    if !options.sack.is_empty() {
        let len = u8::try_from(2 + 8 * options.sack.len()).unwrap_or(u8::MAX);
        packet.extend([NOP, NOP, 5, len]);
        for (first, end) in options.sack.iter() {
            packet.extend(first.value().to_be_bytes());
            packet.extend(end.value().to_be_bytes());
        }
    }
}

fn put(packet: &mut [u8], at: usize, value: u16) {
    if let Some(place) = packet.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// The Internet checksum of `bytes` on top of `start` (RFC 1071).
fn checksum(start: u32, bytes: &[u8]) -> u16 {
    let mut folded = sum(start, bytes);
    while folded > 0xFFFF {
        folded = (folded & 0xFFFF) + (folded >> 16);
    }
    !((folded & 0xFFFF) as u16)
}

fn sum(start: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(start, |sum, pair| {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum + u32::from(u16::from_be_bytes([high, low]))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;

    use super::*;
    use crate::segment::{Flags, SackBlocks, Timestamps};
    use crate::seq::Seq;

    fn packet(options: Options, payload: &'static [u8]) -> Vec<u8> {
        let segment = Segment {
            seq: Seq::new(0x0102_0304),
            ack: Seq::new(0x0A0B_0C0D),
            flags: Flags::ACK | Flags::PSH,
            window: 502,
            options,
            payload: Bytes::from_static(payload),
        };
        let from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000);
        let to = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 80);
        let mut packet = vec![0xAA];
        write_ipv4_packet(&segment, from, to, 7, &mut packet);
        assert_eq!(packet.remove(0), 0xAA);
        assert_eq!(packet.len(), segment.wire_len());
        packet
    }

    #[test]
    fn both_checksums_verify() {
        let timestamps = Some(Timestamps { value: 1, echo: 2 });
        let packet = packet(Options { timestamps, ..Options::default() }, b"odd");
        assert_eq!(checksum(0, &packet[..20]), 0);
        let pseudo = sum(0, &packet[12..20]) + 6 + u32::try_from(packet.len() - 20).expect("small");
        assert_eq!(checksum(pseudo, &packet[20..]), 0);
        assert_eq!(&packet[..10], [0x45, 0, 0, 55, 0, 7, 0x40, 0, 64, 6]);
        assert_eq!(&packet[20..36], [0x9C, 0x40, 0, 80, 1, 2, 3, 4, 10, 11, 12, 13, 0x80, 0x18, 0x01, 0xF6]);
        assert_eq!(&packet[40..], [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, b'o', b'd', b'd']);
    }

    #[test]
    fn options_take_the_bytes_they_claim() {
        let mut sack = SackBlocks::default();
        assert!(sack.push(Seq::new(1), Seq::new(2)));
        let timestamps = Some(Timestamps { value: 1, echo: 2 });
        for options in [
            Options::default(),
            Options { is_sack_permitted: true, ..Options::default() },
            Options { timestamps, sack, ..Options::default() },
            Options {
                max_segment_bytes: Some(1_460),
                window_scale: Some(7),
                is_sack_permitted: true,
                timestamps,
                ..Options::default()
            },
        ] {
            let packet = packet(options, b"");
            assert_eq!(usize::from(packet[32] >> 4) * 4, 20 + options.encoded_len());
        }
    }
}
