//! Changes under live connections.

use std::time::Duration;

use sluice_shared::lab::LabReport;
use sluice_shared::link::NetworkProfile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{connect, delayed, eventually, in_time, listen, receive, round_trip, start_relay, udp};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_bites_on_a_live_connection() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    for (millis, rounds) in [(0, 10), (50, 5), (0, 10)] {
        network.set_profile(delayed(millis), 1, false);
        assert_eq!(network.profile(), delayed(millis));
        // What still flies by the old delay must not hold up what is measured.
        round_trip(&mut client, &mut server, 10).await;
        let mut least = Duration::MAX;
        for _ in 0..rounds {
            least = least.min(round_trip(&mut client, &mut server, 1_000).await);
        }
        let wanted = Duration::from_millis(2 * millis);
        assert!(least >= wanted && least < wanted + Duration::from_millis(20), "{millis}: {least:?}");
    }
    assert_eq!(network.report().flows.len(), 1, "nobody connected again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_lets_nothing_in_and_streams_go_on_behind_it() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    let (udp_server, udp_clients) = udp(&network, 2).await;
    udp_clients[0].send(b"before").await.expect("sent");
    assert_eq!(receive(&udp_server).await.0, b"before");

    network.start_outage(Duration::from_millis(400));
    // A shorter one does not shorten it.
    network.start_outage(Duration::from_millis(1));
    assert!(network.is_out() && network.report().is_out);
    client.write_all(b"inside").await.expect("buffered");
    udp_clients[0].send(b"inside, known").await.expect("sent");
    udp_clients[1].send(b"inside, new").await.expect("sent");
    eventually("both datagrams are gone", || {
        let flows = network.report().flows;
        let dropped: u64 =
            flows.iter().filter(|flow| flow.tcp.is_none()).map(|flow| flow.up.outage_drops).sum();
        (dropped == 2).then_some(())
    })
    .await;
    assert!(network.is_out());
    eventually("the tunnel ends", || (!network.is_out()).then_some(())).await;
    udp_clients[1].send(b"behind").await.expect("sent");
    assert_eq!(receive(&udp_server).await.0, b"behind");
    let mut content = [0; 6];
    in_time("the stream goes on", server.read_exact(&mut content)).await.expect("open");
    assert_eq!(&content, b"inside");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_udp_stops_udp_and_not_tcp() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    let (udp_server, udp_clients) = udp(&network, 1).await;
    let dropped = |report: LabReport| -> u64 { report.flows.iter().map(|flow| flow.up.outage_drops).sum() };

    network.block_udp(true);
    assert!(network.is_udp_blocked() && network.report().is_udp_blocked);
    udp_clients[0].send(b"blocked, new").await.expect("sent");
    eventually("it is gone", || (dropped(network.report()) == 1).then_some(())).await;
    round_trip(&mut client, &mut server, 100).await;
    network.block_udp(false);
    udp_clients[0].send(b"passes").await.expect("sent");
    assert_eq!(receive(&udp_server).await.0, b"passes");

    let blocking = NetworkProfile { blocks_udp: true, ..NetworkProfile::none() };
    network.set_profile(blocking, 2, true);
    assert!(network.is_udp_blocked() && network.seed() == 2);
    udp_clients[0].send(b"blocked by the profile").await.expect("sent");
    eventually("it is gone too", || (dropped(network.report()) == 2).then_some(())).await;
    round_trip(&mut client, &mut server, 100).await;
    network.set_profile(NetworkProfile::none(), 2, false);
    udp_clients[0].send(b"passes again").await.expect("sent");
    assert_eq!(receive(&udp_server).await.0, b"passes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_has_the_lane_that_it_is_given() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (mut ramp, address) = listen(&network);
    let (_first, first) = connect(&mut ramp, address).await;
    let (_second, second) = connect(&mut ramp, address).await;
    first.network().name_lane(first.flow(), 7);
    second.handle().network().name_lane(second.flow(), 3);
    let lanes: Vec<_> = network.report().flows.iter().map(|flow| (flow.flow, flow.lane)).collect();
    assert_eq!(lanes, [(0, Some(7)), (1, Some(3))]);
}
