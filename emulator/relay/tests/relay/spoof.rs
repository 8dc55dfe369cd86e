//! Somebody on the path who copies a client's packets, with a server that answers whoever sends.

use std::net::SocketAddr;

use sluice_relay::Network;
use sluice_shared::lab::{OriginalFate, Spoof, SpoofPath, SpoofReport, Volume};
use sluice_shared::link::NetworkProfile;
use tokio::net::UdpSocket;

use crate::harness::{delayed, eventually, receive, start_relay, udp};

/// What begins as a packet with a short header does.
fn short(n: u8) -> [u8; 30] {
    [[0x40, n], [n; 2]].concat().repeat(8)[..30].try_into().expect("30 bytes")
}

fn spoof(network: &Network, packets: u8, original: OriginalFate) {
    network.spoof(Spoof { packets, original });
}

async fn attacked(network: &Network, flows: usize) -> SpoofReport {
    let seen = || network.report().spoofs.pop().filter(|report| report.paths.len() == flows);
    eventually("the attackers are in their place", seen).await
}

fn only(report: &SpoofReport) -> &SpoofPath {
    assert_eq!(report.paths.len(), 1, "{report:?}");
    &report.paths[0]
}

/// A client that the relay knows, and the address by which the server knows it.
async fn known(network: &Network) -> (UdpSocket, UdpSocket, SocketAddr) {
    let (server, mut clients) = udp(network, 1).await;
    let client = clients.remove(0);
    client.send(b"\xc0 first").await.expect("sent");
    let (_, address) = receive(&server).await;
    (server, client, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_comes_first_and_from_elsewhere_and_what_is_sent_there_goes_nowhere() {
    let relay = start_relay();
    let network = relay.network(delayed(2), 1);
    let (server, client, address) = known(&network).await;
    spoof(&network, 2, OriginalFate::Follows);
    let attacker: SocketAddr =
        only(&attacked(&network, 1).await).attacker_address.parse().expect("an address");
    assert_ne!(attacker, address);
    if cfg!(target_os = "linux") {
        assert_ne!(attacker.ip(), address.ip());
    }
    client.send(b"\xc0 a long header").await.expect("sent");
    for n in 1..=3 {
        client.send(&short(n)).await.expect("sent");
    }
    assert_eq!(receive(&server).await, (b"\xc0 a long header".to_vec(), address), "it is not copied");
    for n in 1..=2 {
        assert_eq!(receive(&server).await, (short(n).to_vec(), attacker));
        assert_eq!(receive(&server).await, (short(n).to_vec(), address));
    }
    assert_eq!(receive(&server).await, (short(3).to_vec(), address), "two were to be copied");
    server.send_to(&[0x40; 100], attacker).await.expect("sent");
    server.send_to(&[0x41; 50], attacker).await.expect("sent");
    let report = eventually("what was sent there is counted", || {
        network.report().spoofs.pop().filter(|report| only(report).reflected.packets == 2)
    })
    .await;
    server.send_to(b"to the client", address).await.expect("sent");
    assert_eq!(receive(&client).await.0, b"to the client", "nothing else reached it");
    let path = only(&report);
    assert_eq!(path.copied, Volume { packets: 2, bytes: 60 });
    assert_eq!(path.reflected, Volume { packets: 2, bytes: 150 });
    assert!(path.is_open && path.watched_until.is_none() && path.copied_at <= path.turned_at);
    assert_eq!(path.returned_at, None, "nobody can open these packets");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_can_keep_what_it_copies() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (server, client, address) = known(&network).await;
    spoof(&network, 1, OriginalFate::Dropped);
    let attacker = only(&attacked(&network, 1).await).attacker_address.clone();
    client.send(&short(1)).await.expect("sent");
    client.send(&short(2)).await.expect("sent");
    let (content, from) = receive(&server).await;
    assert_eq!((content, from.to_string()), (short(1).to_vec(), attacker));
    assert_eq!(receive(&server).await, (short(2).to_vec(), address));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_attack_ends_where_the_next_begins_and_nobody_is_attacked_who_is_not_there() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    spoof(&network, 1, OriginalFate::Follows);
    assert!(network.report().spoofs[0].paths.is_empty());
    let (_server, client, _) = known(&network).await;
    client.send(b"\xc0 again").await.expect("sent");
    for _ in 0..3 {
        let before = network.report().spoofs.len();
        spoof(&network, 16, OriginalFate::Follows);
        let report = attacked(&network, 1).await;
        assert_eq!(report.number, before as u64);
    }
    let reports = network.report().spoofs;
    assert_eq!(reports.len(), 4);
    assert!(reports[1..3].iter().all(|report| only(report).watched_until.is_some()), "{reports:?}");
    assert_eq!(only(&reports[3]).watched_until, None);
    network.close();
    eventually("the last attack is over too", || {
        let last = network.report().spoofs.pop()?;
        (only(&last).watched_until.is_some() && !only(&last).is_open).then_some(())
    })
    .await;
}
