//! More than there is room for.

use std::time::Duration;

use sluice_shared::link::NetworkProfile;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::harness::{
    connect, eventually, flows_end, in_time, listen, receive, round_trip, start_relay, udp,
};

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_reset_and_disturb_nobody() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (mut ramp, address) = listen(&network);
    let mut connections = Vec::new();
    for _ in 0..256 {
        connections.push(connect(&mut ramp, address).await);
    }
    // The kernel takes it, and the relay resets it: before the client knows of the first, or after.
    if let Ok(mut refused) = TcpStream::connect(address).await {
        assert!(in_time("it is reset", refused.read(&mut [0; 1])).await.is_err());
    }
    assert_eq!(network.report().flows.len(), 256);
    for (client, server) in &mut connections {
        round_trip(client, server, 10).await;
    }
    drop(connections);
    flows_end(&network).await;
    let (mut client, mut server) = connect(&mut ramp, address).await;
    round_trip(&mut client, &mut server, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_datagram_flow_takes_the_place_of_one_that_was_silent() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (server, clients) = udp(&network, 65).await;
    for client in &clients[..64] {
        client.send(b"hello").await.expect("sent");
        receive(&server).await;
    }
    assert_eq!(network.report().flows.len(), 64);
    // There is room once somebody has been silent for a second: the first was so for the longest.
    in_time("the newcomer gets through", async {
        loop {
            for client in &clients[1..64] {
                client.send(b"still here").await.expect("sent");
                receive(&server).await;
            }
            clients[64].send(b"let me in").await.expect("sent");
            tokio::time::sleep(Duration::from_millis(50)).await;
            if network.report().flows.iter().any(|flow| flow.flow == 64) {
                return;
            }
        }
    })
    .await;
    eventually("it came", || {
        let mut buffer = [0; 16];
        let length = server.try_recv(&mut buffer).ok()?;
        (&buffer[..length] == b"let me in").then_some(())
    })
    .await;
    let flows: Vec<u64> = network.report().flows.iter().map(|flow| flow.flow).collect();
    assert_eq!(flows, (1..=64).collect::<Vec<_>>());
}
