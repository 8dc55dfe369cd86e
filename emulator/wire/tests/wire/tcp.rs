//! TCP over the emulated network.

use std::io::ErrorKind;
use std::time::Duration;

use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_tcp::{Config, Flags};
use sluice_wire::{Content, Net, Sight, SightFate, Stage, StageClock, StageHandle, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{ONE_WAY, RTT, at, pattern, profile, world};

const PORT: u16 = 443;
const MEGABYTE: usize = 1_000_000;

/// Both ends of a connection.
async fn pair(net: &Net) -> (TcpStream, TcpStream) {
    let listener = net.listen(PORT);
    let client = net.connect(PORT).await.expect("somebody listens");
    let server = listener.accept().await;
    (client, server)
}

fn flags(sights: &[Sight]) -> Vec<(Direction, Flags)> {
    let segment = |sight: &Sight| match &sight.content {
        Content::Tcp(segment) => Some((sight.direction, segment.flags)),
        Content::Udp(_) => None,
    };
    sights.iter().filter_map(segment).collect()
}

#[test]
fn connecting_takes_exactly_one_round_trip() {
    let (stage, handle, net) = world(0, 1);
    let (client, listener) = stage
        .run(async {
            let listener = net.listen(PORT);
            (net.connect(PORT).await.expect("somebody listens"), listener)
        })
        .expect("packets are under way");
    assert_eq!(handle.now(), at(RTT));
    let server = stage.run(listener.accept()).expect("the ACK is under way");
    assert_eq!(handle.now(), at(RTT + ONE_WAY));
    assert_eq!(client.local_addr(), server.peer_addr());
    assert_eq!(client.peer_addr(), Net::server_addr(PORT));
    assert_eq!(client.local_addr().to_string(), "10.0.0.2:49152");
    let sights = net.sights();
    let (up, down) = (Direction::Up, Direction::Down);
    assert_eq!(flags(&sights), [(up, Flags::SYN), (down, Flags::SYN | Flags::ACK), (up, Flags::ACK)]);
    let times: Vec<_> = sights.iter().map(|sight| (sight.number, sight.sent_at, sight.fate)).collect();
    let arrived = |span| Some(SightFate::Arrived(at(span)));
    assert_eq!(
        times,
        [
            (0, Time::ZERO, arrived(ONE_WAY)),
            (1, at(ONE_WAY), arrived(RTT)),
            (2, at(RTT), arrived(RTT + ONE_WAY))
        ]
    );
    assert_eq!(sights[0].bytes, 60);
}

/// Sends a megabyte each way at once, and says when everything was there.
fn transfer(stage: &Stage, handle: &StageHandle, net: &Net) -> Time {
    let data = pattern(MEGABYTE);
    stage
        .run(async {
            let (client, server) = pair(net).await;
            let echo = data.clone();
            handle.spawn(async move {
                let (mut from, mut to) = tokio::io::split(server);
                let mut received = Vec::new();
                let reading = from.read_to_end(&mut received);
                let writing = async {
                    to.write_all(&echo).await.expect("the client reads");
                    to.shutdown().await.expect("it is open");
                };
                let (read, ()) = both(reading, writing).await;
                read.expect("the client closes in order");
                assert!(received == echo, "what the client wrote");
            });
            let (mut from, mut to) = tokio::io::split(client);
            let mut received = Vec::new();
            let (read, ()) = both(from.read_to_end(&mut received), async {
                to.write_all(&data).await.expect("the server reads");
                to.shutdown().await.expect("it is open");
            })
            .await;
            read.expect("the server closes in order");
            assert!(received == data, "what the server wrote");
            handle.now()
        })
        .expect("packets are under way")
}

async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    let (mut one, mut other) = (None, None);
    std::future::poll_fn(|cx| {
        if one.is_none()
            && let std::task::Poll::Ready(output) = first.as_mut().poll(cx)
        {
            one = Some(output);
        }
        if other.is_none()
            && let std::task::Poll::Ready(output) = second.as_mut().poll(cx)
        {
            other = Some(output);
        }
        match (one.take(), other.take()) {
            (Some(one), Some(other)) => std::task::Poll::Ready((one, other)),
            (first, second) => {
                (one, other) = (first, second);
                std::task::Poll::Pending
            }
        }
    })
    .await
}

#[test]
fn a_megabyte_each_way_arrives_intact_in_spite_of_loss() {
    let (stage, handle, net) = world(2, 7);
    transfer(&stage, &handle, &net);
    let sights = net.sights();
    let is_lost = |sight: &&Sight| matches!(sight.fate, Some(SightFate::Dropped(..)));
    let lost = sights.iter().filter(is_lost).count();
    assert!(lost * 100 > sights.len() && lost * 100 < 3 * sights.len(), "{lost} of {}", sights.len());
}

#[test]
fn the_same_seed_gives_the_same_packets_and_another_gives_others() {
    let run = |seed| {
        let (stage, handle, net) = world(2, seed);
        let end = transfer(&stage, &handle, &net);
        (end, net.sights())
    };
    let first = run(3);
    assert!(first == run(3));
    assert!(first != run(4));
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let (stage, handle, net) = world(0, 1);
    let refused = stage.run(net.connect(PORT)).expect("packets are under way");
    assert_eq!(refused.expect_err("nobody listens").kind(), ErrorKind::ConnectionRefused);
    assert_eq!(handle.now(), at(RTT));
}

#[test]
fn a_blackout_ends_connecting_with_a_timeout_after_the_last_syn() {
    let (stage, handle, net) = world(0, 1);
    let _listener = net.listen(PORT);
    net.start_outage(Duration::from_secs(3_600));
    let failed = stage.run(net.connect(PORT)).expect("SYNs are sent again");
    assert_eq!(failed.expect_err("nothing comes through").kind(), ErrorKind::TimedOut);
    let syns = flags(&net.sights()).len();
    assert_eq!(syns, 1 + usize::try_from(Config::default().max_syn_retransmissions).expect("small"));
    // 1 s after the first and after each of four more, then 2 s and 4 s.
    assert_eq!(handle.now(), at(Duration::from_secs(5 + 2 + 4)));
}

#[test]
fn a_connection_that_is_given_up_while_it_opens_sends_no_more_syns() {
    let (stage, handle, net) = world(0, 1);
    net.start_outage(Duration::from_secs(3_600));
    let given_up = stage.run(handle.timeout(Duration::from_millis(1_500), net.connect(PORT)));
    assert!(given_up.expect("a timer is due").is_err());
    stage.run(handle.sleep(Duration::from_secs(60))).expect("a timer is due");
    assert_eq!(net.sights().len(), 2);
}

#[test]
fn what_is_left_unread_resets_and_a_broken_connection_is_an_error() {
    let (stage, handle, net) = world(0, 1);
    let read = stage
        .run(async {
            let (mut client, server) = pair(&net).await;
            client.write_all(b"hello").await.expect("open");
            handle.sleep(RTT).await;
            drop(server);
            client.read(&mut [0; 10]).await
        })
        .expect("packets are under way");
    assert_eq!(read.expect_err("reset").kind(), ErrorKind::ConnectionReset);
    let last = *flags(&net.sights()).last().expect("packets");
    assert_eq!(last, (Direction::Down, Flags::RST | Flags::ACK));
}

#[test]
fn an_end_that_was_left_does_not_wait_for_ever_until_the_peer_closes() {
    let (stage, handle, net) = world(0, 1);
    let read = stage
        .run(async {
            let (mut client, server) = pair(&net).await;
            let left_at = handle.now();
            drop(server);
            assert_eq!(client.read(&mut [0; 10]).await.expect("an orderly end"), 0);
            // The FIN's acknowledgment takes a round trip, and 60 s pass before the reset that follows (`tcp_fin_timeout`).
            handle.sleep_until(left_at + RTT + Duration::from_secs(60) + ONE_WAY).await;
            client.write(b"x").await
        })
        .expect("packets are under way");
    assert_eq!(read.expect_err("reset").kind(), ErrorKind::ConnectionReset);
}

#[test]
fn an_interface_that_goes_breaks_both_ends_without_a_word() {
    let (stage, handle, net) = world(0, 1);
    stage
        .run(async {
            let (mut client, mut server) = pair(&net).await;
            client.write_all(b"under way").await.expect("open");
            let packets = net.sights().len();
            net.end_tcp();
            for end in [&mut client, &mut server] {
                let broken = end.read(&mut [0; 10]).await.expect_err("it is over");
                assert_eq!(broken.kind(), ErrorKind::ConnectionAborted);
                assert!(end.write(b"x").await.is_err());
            }
            handle.sleep(RTT).await;
            let sights = net.sights();
            assert_eq!(sights.len(), packets);
            assert!(matches!(sights[packets - 1].fate, Some(SightFate::Unclaimed(_))));
            drop((client, server));
            let (_client, _server) = pair(&net).await;
        })
        .expect("packets are under way");
}

#[test]
fn a_listener_that_goes_resets_whom_it_has_not_accepted() {
    let (stage, handle, net) = world(0, 1);
    stage
        .run(async {
            let listener = net.listen(PORT);
            let mut client = net.connect(PORT).await.expect("somebody listens");
            handle.sleep(RTT).await;
            drop(listener);
            let broken = client.read(&mut [0; 10]).await.expect_err("nobody accepts");
            assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
            assert!(net.connect(PORT).await.is_err());
        })
        .expect("packets are under way");
}

#[test]
fn in_real_time_a_round_trip_is_never_shorter_than_the_links_say() {
    let stage = Stage::new(StageClock::Real);
    let handle = stage.handle();
    let one_way = Duration::from_millis(10);
    let link = sluice_shared::link::LinkProfile::delayed(one_way);
    let net = Net::new(&handle, &sluice_shared::link::NetworkProfile::symmetric(link), 1);
    let began = std::time::Instant::now();
    let client = stage.run(async {
        let _listener = net.listen(PORT);
        net.connect(PORT).await.map(drop)
    });
    assert!(client.expect("packets are under way").is_ok());
    assert!(began.elapsed() >= 2 * one_way, "{:?}", began.elapsed());
    let syn = net.sights()[0].clone();
    assert_eq!(
        syn.fate,
        Some(SightFate::Arrived(syn.sent_at + one_way)),
        "the link's time, not the driver's"
    );
}

#[test]
fn a_profile_can_change_under_a_connection() {
    let (stage, handle, net) = world(0, 1);
    stage
        .run(async {
            let (mut client, mut server) = pair(&net).await;
            let mut slower = profile(0);
            slower.up.propagation.delay = 3 * ONE_WAY;
            net.set_profile(&slower);
            let sent_at = handle.now();
            client.write_all(b"x").await.expect("open");
            server.read_exact(&mut [0]).await.expect("it comes");
            assert_eq!(handle.now().since(sent_at), 3 * ONE_WAY);
        })
        .expect("packets are under way");
}
