//! UDP over the emulated network.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use sluice_link::DropReason;
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_wire::{Content, MAX_DATAGRAM_BYTES, Net, Sight, SightFate};

use crate::world::{ONE_WAY, RTT, at, world};

const PORT: u16 = 443;

#[test]
fn an_echo_takes_one_round_trip() {
    let (stage, handle, net) = world(0, 1);
    let server = net.bind_server(PORT);
    handle.spawn(async move {
        loop {
            let (payload, from) = server.recv_from().await;
            server.send_to(&payload, from).expect("it fits");
        }
    });
    let client = net.bind_client();
    client.send_to(b"hello", Net::server_addr(PORT)).expect("it fits");
    let (payload, from) = stage.run(client.recv_from()).expect("packets are under way");
    assert_eq!((&payload[..], from), (&b"hello"[..], Net::server_addr(PORT)));
    assert_eq!(handle.now(), at(RTT));
    let sights = net.sights();
    assert_eq!(sights[0].from, SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2), 49_152)));
    assert_eq!(sights[0].bytes, 33);
    assert_eq!(sights[0].content, Content::Udp("hello".into()));
    assert_eq!(sights[1].fate, Some(SightFate::Arrived(at(RTT))));
}

#[test]
fn a_client_that_moves_loses_what_was_under_way_to_it() {
    let (stage, handle, net) = world(0, 1);
    let (server, client) = (net.bind_server(PORT), net.bind_client());
    let old = client.local_addr();
    server.send_to(b"lost", old).expect("it fits");
    let new = client.rebind();
    assert!(new.ip() != old.ip() && new.port() != old.port());
    assert_eq!(client.local_addr(), new);
    server.send_to(b"found", new).expect("it fits");
    let (payload, _) = stage.run(client.recv_from()).expect("packets are under way");
    assert_eq!(&payload[..], b"found");
    client.send_to(b"from there", Net::server_addr(PORT)).expect("it fits");
    let (_, from) = stage.run(server.recv_from()).expect("packets are under way");
    assert_eq!(from, new);
    let fates: Vec<_> = net.sights().iter().map(|sight| sight.fate).collect();
    let arrived = |span| Some(SightFate::Arrived(at(span)));
    assert_eq!(fates, [Some(SightFate::Unclaimed(at(ONE_WAY))), arrived(ONE_WAY), arrived(RTT)]);
    assert_eq!(server.rebind(), Net::server_addr(PORT), "a server stays");
    assert_eq!(handle.now(), at(RTT));
}

#[test]
fn a_blocked_datagram_is_seen_and_comes_nowhere() {
    let (stage, handle, net) = world(0, 1);
    let (_server, client) = (net.bind_server(PORT), net.bind_client());
    net.block_udp(true);
    client.send_to(b"x", Net::server_addr(PORT)).expect("it fits");
    net.block_udp(false);
    client.send_to(b"y", Net::server_addr(PORT)).expect("it fits");
    stage.run(handle.sleep(RTT)).expect("a timer is due");
    let fates: Vec<_> = net.sights().iter().map(|sight| sight.fate).collect();
    let blocked = SightFate::Dropped(Time::ZERO, DropReason::Blocked);
    assert_eq!(fates, [Some(blocked), Some(SightFate::Arrived(at(ONE_WAY)))]);
}

#[test]
fn a_datagram_is_as_large_as_the_mtu_allows() {
    let (_stage, _handle, net) = world(0, 1);
    let client = net.bind_client();
    let to = Net::server_addr(PORT);
    client.send_to(&[0; MAX_DATAGRAM_BYTES], to).expect("it fits");
    assert!(client.send_to(&[0; MAX_DATAGRAM_BYTES + 1], to).is_err());
    assert_eq!(net.sights().iter().map(|sight| sight.bytes).collect::<Vec<_>>(), [1_500]);
}

#[test]
fn a_datagram_for_nobody_is_lost_and_the_other_client_is_out_of_reach() {
    let (stage, handle, net) = world(0, 1);
    let (one, other) = (net.bind_client(), net.bind_client());
    assert_ne!(one.local_addr(), other.local_addr());
    one.send_to(b"x", Net::server_addr(PORT)).expect("it fits");
    one.send_to(b"x", other.local_addr()).expect("it fits");
    stage.run(handle.sleep(RTT)).expect("a timer is due");
    let is_unclaimed = |sight: &Sight| matches!(sight.fate, Some(SightFate::Unclaimed(_)));
    assert!(net.sights().iter().all(is_unclaimed));
}

#[test]
fn a_socket_that_nobody_reads_is_bounded() {
    let (stage, handle, net) = world(0, 1);
    let (server, client) = (net.bind_server(PORT), net.bind_client());
    for _ in 0..5_000 {
        client.send_to(b"x", Net::server_addr(PORT)).expect("it fits");
    }
    stage.run(handle.sleep(RTT)).expect("a timer is due");
    assert_eq!(server.overflowed(), 5_000 - 4_096);
}

#[test]
fn somebody_on_the_way_can_send_in_anothers_name_but_not_against_the_link() {
    let (stage, handle, net) = world(0, 1);
    let (server, client) = (net.bind_server(PORT), net.bind_client());
    let (to, forged) = (client.local_addr(), Bytes::from_static(b"forged"));
    net.inject(Direction::Up, server.local_addr(), to, forged.clone());
    net.inject(Direction::Down, SocketAddr::from(([192, 0, 2, 1], 7)), to, forged.clone());
    assert_eq!(stage.run(client.recv_from()), Ok((forged, SocketAddr::from(([192, 0, 2, 1], 7)))));
    assert_eq!(handle.now(), at(ONE_WAY));
    assert_eq!(net.sights()[0].fate, Some(SightFate::Unclaimed(at(ONE_WAY))));
}
