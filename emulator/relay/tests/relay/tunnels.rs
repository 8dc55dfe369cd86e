//! What is told of tunnels.

use std::time::Duration;

use sluice_shared::lab::{TunnelPath, TunnelReport};
use sluice_shared::link::{NetworkProfile, OutageSchedule};
use sluice_shared::mode::Transport;
use tokio::io::AsyncWriteExt;

use crate::harness::{connect, delayed, eventually, in_time, listen, receive, start_relay, udp};

/// Tunnels that are planned are told of as those are that somebody starts, and so are packets that nobody can open.
#[tokio::test(flavor = "multi_thread")]
async fn a_planned_tunnel_is_told_of_with_the_connections_that_came_out_of_it() {
    let relay = start_relay();
    let network = relay.network(delayed(5), 1);
    let (mut ramp, address) = listen(&network);
    let (_client, mut server) = connect(&mut ramp, address).await;
    let (socket, clients) = udp(&network, 1).await;
    clients[0].send(b"first").await.expect("a socket sends");
    let (_, client) = receive(&socket).await;
    let mut tunnels = delayed(5);
    let plan = OutageSchedule::periodic(
        Duration::from_millis(300),
        Duration::from_millis(200),
        Duration::from_secs(600),
    );
    (tunnels.up.outages, tunnels.down.outages) = (plan.clone(), plan);
    network.set_profile(NetworkProfile { renews_address: false, ..tunnels }, 1, true);
    let began_at = network.report().at;
    let writing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            server.write_all(b"data").await.expect("it is open");
            socket.send_to(b"data", client).await.expect("a socket sends");
            clients[0].send(b"got it").await.expect("a socket sends");
        }
    });
    let report = eventually("both are through", || {
        let report = network.report().tunnels.pop()?;
        report.paths.iter().all(|path| path.resumed.is_some()).then_some(report)
    })
    .await;
    writing.abort();
    let TunnelReport { number, from, until, switched, paths } = report;
    assert_eq!((number, switched, until.since(from)), (0, false, Duration::from_millis(200)));
    assert!(from <= began_at + Duration::from_millis(300));
    let carried: Vec<Transport> = paths.iter().map(|path| path.transport).collect();
    assert_eq!(carried, [Transport::WebSocket, Transport::WebTransport]);
    for TunnelPath { flow, last_data_at, resumed, .. } in paths {
        let (last, resumed) = (last_data_at.expect("before"), resumed.expect("it is through"));
        assert!(last < from + Duration::from_millis(100), "what was under way arrived, and no more");
        assert_eq!(resumed.flow, flow, "it survived");
        assert!(resumed.at >= until + Duration::from_millis(5), "by the network's delay at least");
    }
}

/// A knob that is turned in the instant in which a tunnel begins does not make it unheard of.
#[tokio::test(flavor = "multi_thread")]
async fn planned_tunnels_are_told_of_whatever_else_changes_meanwhile() {
    let relay = start_relay();
    let network = relay.network(delayed(5), 1);
    let mut tunnels = delayed(5);
    let period = Duration::from_millis(400);
    let plan = OutageSchedule::periodic(period, Duration::from_millis(10), period);
    (tunnels.up.outages, tunnels.down.outages) = (plan.clone(), plan);
    network.set_profile(tunnels, 1, true);
    let turning = async {
        loop {
            tokio::time::sleep(Duration::from_micros(300)).await;
            network.block_udp(false);
            let told = network.report().tunnels;
            if told.len() == 8 {
                return told;
            }
        }
    };
    let told = in_time("eight tunnels are told of", turning).await;
    let begun: Vec<_> = told.iter().map(|tunnel| tunnel.from).collect();
    assert!(begun.windows(2).all(|pair| pair[1].since(pair[0]) == period), "{begun:?}");
}
