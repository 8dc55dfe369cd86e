//! What is under way when a client gets another address.

use sluice_shared::lab::{LabReport, PathChange, Switch};

use crate::harness::{delayed, eventually, only_flow, receive, start_relay, udp};

/// The change of the only flow, once it is told.
fn changed(report: &LabReport) -> Option<&PathChange> {
    report.switches.first()?.paths.first()
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_under_way_keep_the_address_they_left_and_what_comes_there_is_lost() {
    let relay = start_relay();
    let network = relay.network(delayed(300), 1);
    let (server, clients) = udp(&network, 1).await;
    let client = &clients[0];
    client.send(b"first").await.expect("sent");
    let (_, old_address) = receive(&server).await;
    // One each way is under way for 300 ms when the address changes.
    client.send(b"from the old address").await.expect("sent");
    server.send_to(b"to the old address", old_address).await.expect("sent");
    eventually("both are under way", || {
        let flow = only_flow(&network);
        (flow.up.wire.packets == 1 && flow.down.wire.packets == 1).then_some(())
    })
    .await;
    network.switch_network(Switch::default());
    eventually("the address has changed", || changed(&network.report()).map(|_| ())).await;
    client.send(b"from the new address").await.expect("sent");
    assert_eq!(receive(&server).await, (b"from the old address".to_vec(), old_address));
    let (received, new_address) = receive(&server).await;
    assert_eq!(received, b"from the new address");
    assert_ne!(new_address, old_address);
    server.send_to(b"to the new address", new_address).await.expect("sent");
    assert_eq!(receive(client).await.0, b"to the new address", "the other one was lost");
    let (report, flow) = (network.report(), only_flow(&network));
    let path = changed(&report).expect("told");
    assert_eq!(path.new_address.as_deref(), Some(new_address.to_string().as_str()));
    let quic = path.quic.as_ref().expect("UDP");
    assert_eq!(quic.lost_packets, 1, "{path:?}");
    assert!(path.old_up.arrived_at > Some(report.switches[0].at), "it was under way: {path:?}");
    assert!(quic.new_up.arrived_at > path.old_up.arrived_at, "{path:?}");
    assert_eq!((flow.down.delivered_packets, flow.down.outage_drops), (1, 1), "{flow:?}");
    assert_eq!(flow.up.delivered_packets, 3, "{flow:?}");
}
