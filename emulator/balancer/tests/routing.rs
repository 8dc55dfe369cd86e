//! Where packets go, whatever they are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use sluice_balancer::{Balancer, ConnectionIds, DropReason, ServerId, Verdict, Why};
use sluice_shared::scenario::Routing;

/// Splitmix64: what chance these tests need.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn address(&mut self) -> SocketAddr {
        let [a, b, c, d, e, ..] = self.word().to_be_bytes();
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, a, b, c)), u16::from_be_bytes([d, e]))
    }
}

fn balancer(backends: u8, routing: Routing) -> Balancer {
    Balancer::new((0..backends).map(ServerId), routing)
}

fn short(id: &[u8]) -> Vec<u8> {
    [&[0x40], id, &[0; 30]].concat()
}

fn initial(id: &[u8]) -> Vec<u8> {
    let length = u8::try_from(id.len()).expect("short");
    [&[0xc0, 0, 0, 0, 1, length], id, &[0], &[0; 1_200]].concat()
}

/// The share of `rebinds` address changes after which a client's packets reach another backend than before.
fn misrouted_share(backends: u8, routing: Routing, rebinds: u32, seed: u64) -> f64 {
    let (mut balancer, mut random) = (balancer(backends, routing), Random(seed));
    let misrouted = (0..rebinds).filter(|_| {
        let opened = balancer.route(random.address(), &initial(&random.word().to_be_bytes()));
        let home = opened.backend().expect("some backend");
        let id = ConnectionIds::new(home).make(random.word());
        balancer.route(random.address(), &short(id.as_bytes())).backend() != Some(home)
    });
    f64::from(u32::try_from(misrouted.count()).expect("few")) / f64::from(rebinds)
}

#[test]
fn by_address_all_but_one_in_n_changes_lead_to_another_backend() {
    for backends in 2..=8 {
        let share = misrouted_share(backends, Routing::Address, 10_000, u64::from(backends));
        let expected = 1.0 - 1.0 / f64::from(backends);
        eprintln!("{backends} backends: {share:.4} of 10,000 changes misrouted, 1 − 1/N = {expected:.4}");
        assert!((share - expected).abs() <= 0.03, "{backends} backends: {share} is not {expected}");
    }
}

#[test]
fn by_connection_id_no_change_leads_to_another_backend() {
    for backends in 1..=8 {
        assert_eq!(misrouted_share(backends, Routing::ConnectionId, 10_000, u64::from(backends)), 0.0);
    }
}

#[test]
fn a_handshake_stays_together_wherever_its_packets_come_from() {
    let (mut balancer, mut random) = (balancer(5, Routing::ConnectionId), Random(1));
    for _ in 0..1_000 {
        let packet = initial(&random.word().to_be_bytes());
        let verdict = balancer.route(random.address(), &packet);
        assert_eq!(verdict, balancer.route(random.address(), &packet));
        let Verdict::Forward { why: Why::ClientId, .. } = verdict else { panic!("{verdict:?}") };
    }
    assert_eq!(balancer.counters().by_client_id, 2_000);
}

#[test]
fn clients_of_a_backend_that_is_gone_go_elsewhere_and_nobody_else_does() {
    let (mut balancer, mut random) = (balancer(4, Routing::Address), Random(2));
    let before: Vec<_> = (0..2_000)
        .map(|_| {
            let from = random.address();
            (from, balancer.route_tcp(from).backend().expect("some backend"))
        })
        .collect();
    assert!(balancer.set_up(ServerId(2), false));
    for (from, home) in &before {
        let now = balancer.route_tcp(*from).backend().expect("some backend");
        assert_eq!(now != *home, *home == ServerId(2), "{from}");
    }
    assert!(balancer.set_up(ServerId(2), true));
    assert!(before.iter().all(|(from, home)| balancer.route_tcp(*from).backend() == Some(*home)));
    assert!(!balancer.set_up(ServerId(9), true), "there is no such backend");
}

#[test]
fn an_id_of_a_backend_that_is_gone_is_counted_and_goes_by_address() {
    let mut balancer = balancer(2, Routing::ConnectionId);
    let from = SocketAddr::from(([10, 0, 0, 1], 4_000));
    let packet = short(ConnectionIds::new(ServerId(1)).make(5).as_bytes());
    assert_eq!(balancer.route(from, &packet), Verdict::Forward { to: ServerId(1), why: Why::ServerId });
    balancer.set_up(ServerId(1), false);
    assert_eq!(balancer.route(from, &packet), Verdict::Forward { to: ServerId(0), why: Why::UnknownServer });
    let other = balancer.route(from, &short(&[0xff; 8]));
    assert_eq!(other, Verdict::Forward { to: ServerId(0), why: Why::UnknownLayout });
    balancer.set_up(ServerId(0), false);
    assert_eq!(balancer.route(from, &packet), Verdict::Dropped(DropReason::NoBackend));
    assert_eq!(balancer.route_tcp(from), Verdict::Dropped(DropReason::NoBackend));
    let counters = balancer.counters();
    assert_eq!((counters.by_server_id, counters.unknown_server, counters.unknown_layout), (1, 1, 1));
    assert_eq!((counters.forwarded_in_all(), counters.dropped()), (3, 2));
}

#[test]
fn the_map_of_clients_is_bounded() {
    let (mut balancer, mut random) = (balancer(2, Routing::Address), Random(3));
    for _ in 0..5_000 {
        balancer.route_tcp(random.address());
    }
    assert_eq!(balancer.clients().count(), Balancer::MOST_CLIENTS);
}

proptest! {
    #[test]
    fn any_datagram_is_routed_or_dropped_and_counted(
        backends in 0u8..5,
        by_id in any::<bool>(),
        datagrams in prop::collection::vec((any::<u32>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..64)), 0..50),
    ) {
        let routing = if by_id { Routing::ConnectionId } else { Routing::Address };
        let mut balancer = balancer(backends, routing);
        for (ip, port, datagram) in &datagrams {
            let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::from(*ip)), *port);
            let verdict = balancer.route(from, datagram);
            prop_assert!(verdict.backend().is_none_or(|ServerId(to)| to < backends));
            prop_assert_eq!(verdict, balancer.clone().route(from, datagram), "another instance decides alike");
        }
        let counters = balancer.counters();
        prop_assert_eq!(counters.forwarded_in_all() + counters.dropped(), datagrams.len() as u64);
    }
}
