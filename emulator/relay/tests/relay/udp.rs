//! Datagrams.

use std::collections::BTreeSet;
use std::time::Duration;

use sluice_shared::link::{LinkProfile, LossModel, NetworkProfile, Share};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::harness::{LOCALHOST, eventually, in_time, receive, start_relay, udp};

fn lossy(percent: u32) -> NetworkProfile {
    let mut link = LinkProfile::delayed(Duration::from_millis(2));
    link.loss = LossModel::Random(Share::from_percent(percent));
    NetworkProfile::symmetric(link)
}

/// Which of 500 numbered datagrams arrive.
async fn survivors(
    network: &sluice_relay::Network,
    client: &UdpSocket,
    server: &UdpSocket,
    flow: usize,
) -> BTreeSet<u16> {
    let mut arrived = BTreeSet::new();
    for n in 0..500_u16 {
        client.send(&n.to_be_bytes()).await.expect("sent");
        if n % 50 < 49 {
            continue;
        }
        let sent = u64::from(n) + 1;
        let delivered = eventually("all fates are known", || {
            let up = network.report().flows.get(flow)?.up;
            (up.delivered_packets + up.lost_packets == sent).then_some(up.delivered_packets)
        })
        .await;
        while (arrived.len() as u64) < delivered {
            let (content, _) = receive(server).await;
            arrived.insert(u16::from_be_bytes(content.try_into().expect("two bytes")));
        }
    }
    arrived
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_of_one_seed_lose_the_same_packets() {
    let relay = start_relay();
    let network = relay.network(lossy(20), 7);
    let (server, clients) = udp(&network, 2).await;
    let first = survivors(&network, &clients[0], &server, 0).await;
    let second = survivors(&network, &clients[1], &server, 1).await;
    assert_eq!(first, second);
    // 500 · 0.8 ± 4 standard deviations.
    assert!((364..=436).contains(&first.len()), "{}", first.len());

    let other = relay.network(lossy(20), 8);
    let (server, clients) = udp(&other, 1).await;
    assert_ne!(survivors(&other, &clients[0], &server, 0).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_of_all_sizes_arrive_whole_and_in_order() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (server, clients) = udp(&network, 1).await;
    // Runs of equal sizes travel together, and must come apart again.
    let sizes = [0, 1, 1_200, 1_200, 1_200, 700, 1_200, 1_472, 1_472, 0, 1_472, 9_000];
    for round in 0..20_u8 {
        for size in sizes {
            clients[0].send(&vec![round; size]).await.expect("sent");
        }
        let mut buffer = vec![0; 65_536];
        let mut relay_side = None;
        for size in sizes {
            let (length, from) = in_time("it comes", server.recv_from(&mut buffer)).await.expect("received");
            assert_eq!(length, size);
            assert!(buffer[..length].iter().all(|byte| *byte == round));
            relay_side = Some(from);
        }
        let relay_side = relay_side.expect("some came");
        for size in sizes {
            server.send_to(&vec![round; size], relay_side).await.expect("sent");
        }
        for size in sizes {
            let length = in_time("it comes back", clients[0].recv(&mut buffer)).await.expect("received");
            assert_eq!(length, size);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_is_neither_the_end_nor_a_busy_loop() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (server, clients) = udp(&network, 1).await;
    let address = server.local_addr().expect("bound");
    drop(server);
    for _ in 0..50 {
        clients[0].send(b"anybody?").await.expect("sent");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let server = UdpSocket::bind(address).await.expect("the port is free");
    let mut buffer = [0; 16];
    in_time("the server is back", async {
        loop {
            clients[0].send(b"back?").await.expect("sent");
            if timeout(Duration::from_millis(50), server.recv(&mut buffer)).await.is_ok() {
                return;
            }
        }
    })
    .await;
    assert_eq!(network.report().flows.len(), 1);
    eventually("the relay is idle", || (relay.load() < 0.2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_every_address_answers_from_the_one_that_was_asked() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let server = UdpSocket::bind(LOCALHOST).await.expect("a free port");
    let front = std::net::UdpSocket::bind("0.0.0.0:0").expect("a free port");
    let port = front.local_addr().expect("bound").port();
    network.relay_udp(front, server.local_addr().expect("bound"), Default::default()).expect("a socket");
    let client = UdpSocket::bind(LOCALHOST).await.expect("a free port");
    // Connected, it hears nobody else.
    client.connect(("127.0.0.1", port)).await.expect("an address");
    client.send(b"ping").await.expect("sent");
    let (content, relay_side) = receive(&server).await;
    server.send_to(&content, relay_side).await.expect("sent");
    assert_eq!(receive(&client).await.0, b"ping");
}
