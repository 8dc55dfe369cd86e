//! What a capture shows.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sluice_relay::Network;
use sluice_shared::link::{LinkProfile, LossModel, NetworkProfile, Share};

use crate::harness::{connect, eventually, flows_end, listen, receive, round_trip, start_relay, udp};

const ENHANCED_PACKET: u32 = 6;

/// What a reader needs of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    micros: u64,
    interface: u32,
    packet: Vec<u8>,
    is_remarked: bool,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn parse(capture: &[u8]) -> Vec<Seen> {
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < capture.len() {
        let length = word(capture, at + 4) as usize;
        assert_eq!(word(capture, at + length - 4) as usize, length, "a block's length stands at both ends");
        if word(capture, at) == ENHANCED_PACKET {
            let size = word(capture, at + 20) as usize;
            let options = at + 28 + size.next_multiple_of(4);
            seen.push(Seen {
                interface: word(capture, at + 8),
                micros: (u64::from(word(capture, at + 12)) << 32) | u64::from(word(capture, at + 16)),
                packet: capture[at + 28..at + 28 + size].to_vec(),
                is_remarked: u16::from_ne_bytes([capture[options], capture[options + 1]]) == 1,
            });
        }
        at += length;
    }
    seen
}

/// Some TCP and some UDP through a network that loses a tenth.
async fn traffic(network: &Network) {
    let (mut ramp, address) = listen(network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    round_trip(&mut client, &mut server, 20_000).await;
    drop((client, server));
    let (udp_server, udp_clients) = udp(network, 1).await;
    for _ in 0..50 {
        udp_clients[0].send(&[5; 300]).await.expect("sent");
    }
    let passed = eventually("all fates are known", || {
        let report = network.report();
        let up = report.flows.iter().find(|flow| flow.tcp.is_none())?.up;
        (up.delivered_packets + up.lost_packets == 50).then_some(up.delivered_packets)
    })
    .await;
    for _ in 0..passed {
        receive(&udp_server).await;
    }
    eventually("TCP is through", || (network.report().flows.len() == 1).then_some(())).await;
}

fn network_profile() -> NetworkProfile {
    let mut link = LinkProfile::delayed(Duration::from_millis(2));
    link.loss = LossModel::Random(Share::from_percent(10));
    NetworkProfile::symmetric(link)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_packet_is_seen_where_it_left_and_where_it_arrived() {
    let relay = start_relay();
    let network = relay.network(network_profile(), 9);
    traffic(&network).await;
    let seen = parse(&network.capture());
    assert!(seen.is_sorted_by_key(|seen| seen.micros));
    assert!(seen.iter().all(|seen| seen.micros >= 1_700_000_000_000_000), "times are the clock's");

    for (interface, network_number) in [(0, 0), (1, 1)] {
        let here = seen.iter().filter(|seen| seen.interface == interface);
        assert!(here.clone().count() > 20);
        let mut packets = here.map(|seen| &seen.packet);
        assert!(packets.all(|packet| packet[12..15] == [10, 0, network_number] && packet[0] == 0x45));
    }
    // Sent up: from the client at the client's side; arrived: the same at the server's side.
    let passing = |interface: u32, host: u8| {
        seen.iter().filter(move |seen| seen.interface == interface && seen.packet[15] == host)
    };
    for (from, to, host) in [(0, 1, 2), (1, 0, 1)] {
        let (sent, arrived) = (passing(from, host).count(), passing(to, host).count());
        let lost = passing(from, host).filter(|seen| seen.is_remarked).count();
        // A last acknowledgment may still have been on its way when nobody waited for it any more.
        assert!((arrived + lost..=arrived + lost + 2).contains(&sent), "{host}: {sent}, {arrived}, {lost}");
        assert!(host == 1 || lost > 0);
        assert!(passing(to, host).all(|seen| !seen.is_remarked));
    }
    let datagrams = passing(0, 2).filter(|seen| seen.packet[9] == 17);
    assert_eq!(datagrams.clone().count(), 50);
    assert!(datagrams.clone().all(|seen| seen.packet.len() == 328));
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_holds_what_a_capture_shows() {
    let relay = start_relay();
    let network = relay.network(network_profile(), 6);
    let file = Shared::default();
    let recording = network.record_to(Box::new(file.clone())).expect("the first");
    assert!(network.record_to(Box::new(Vec::new())).is_err(), "one at a time");
    traffic(&network).await;
    let capture = network.capture();
    assert_eq!(recording.finish().expect("memory"), 0, "nothing was missed");
    assert_eq!(sorted(&file.0.lock().expect("nobody panics")), sorted(&capture));

    // Closing the network ends a recording too.
    let file = Shared::default();
    let recording = network.record_to(Box::new(file.clone())).expect("the other has ended");
    network.close();
    flows_end(&network).await;
    assert_eq!(recording.finish().expect("memory"), 0);
    assert_eq!(sorted(&file.0.lock().expect("nobody panics")), sorted(&capture));
}

/// By time: a stream is in order only as far as it was held back.
fn sorted(capture: &[u8]) -> Vec<Seen> {
    let mut seen = parse(capture);
    seen.sort();
    seen
}
