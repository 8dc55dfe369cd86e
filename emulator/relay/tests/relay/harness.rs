//! Relays, clients and servers for tests.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use sluice_relay::{Clock, Network, RampStream, Relay, TcpRamp};
use sluice_shared::lab::{Congestion, FlowReport};
use sluice_shared::link::{LinkProfile, NetworkProfile};
use sluice_shared::time::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

pub(crate) const LOCALHOST: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn start_relay() -> Relay {
    Relay::start(Clock::new(Instant::now(), Time::from_millis(1_700_000_000_000))).expect("two threads")
}

/// `millis` each way and nothing else.
pub(crate) fn delayed(millis: u64) -> NetworkProfile {
    NetworkProfile::symmetric(LinkProfile::delayed(Duration::from_millis(millis)))
}

pub(crate) async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain until {what}"))
}

/// Looks until `look` returns a value.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < give_up, "waited {PATIENCE:?} in vain until {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A listener of `network`, and where it listens.
pub(crate) fn listen(network: &Network) -> (TcpRamp, SocketAddr) {
    let listener = std::net::TcpListener::bind(LOCALHOST).expect("a free port");
    let address = listener.local_addr().expect("bound");
    (network.listen_tcp(listener, Congestion::Cubic).expect("a listener"), address)
}

/// A connection through the network: the client's socket and the server's stream.
pub(crate) async fn connect(ramp: &mut TcpRamp, address: SocketAddr) -> (TcpStream, RampStream) {
    let client = in_time("the client connects", TcpStream::connect(address)).await.expect("it listens");
    client.set_nodelay(true).expect("a socket");
    let server = in_time("the server gets it", ramp.accept()).await.expect("the network is open");
    assert_eq!(server.peer(), client.local_addr().expect("connected"));
    (client, server)
}

/// Sends `size` bytes to the server and back; tells how long it took.
pub(crate) async fn round_trip(client: &mut TcpStream, server: &mut RampStream, size: usize) -> Duration {
    let (sent, mut received) = (vec![0xA5; size], vec![0; size]);
    let started = Instant::now();
    let there = async {
        client.write_all(&sent).await.expect("the client writes");
        client.read_exact(&mut received).await.expect("the client reads");
    };
    let back = async {
        let mut seen = vec![0; size];
        server.read_exact(&mut seen).await.expect("the server reads");
        server.write_all(&seen).await.expect("the server writes");
    };
    in_time("the echo is back", async { tokio::join!(there, back) }).await;
    assert!(sent == received);
    started.elapsed()
}

/// A server's UDP socket and, for each, a client's that sends to it through `network`.
pub(crate) async fn udp(network: &Network, clients: usize) -> (UdpSocket, Vec<UdpSocket>) {
    let server = UdpSocket::bind(LOCALHOST).await.expect("a free port");
    let front = std::net::UdpSocket::bind(LOCALHOST).expect("a free port");
    let address = front.local_addr().expect("bound");
    let upstream = server.local_addr().expect("bound");
    network.relay_udp(front, upstream, Congestion::Cubic).expect("a socket");
    let mut sockets = Vec::new();
    for _ in 0..clients {
        let client = UdpSocket::bind(LOCALHOST).await.expect("a free port");
        client.connect(address).await.expect("an address");
        sockets.push(client);
    }
    (server, sockets)
}

pub(crate) async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 2_000];
    let (length, from) =
        in_time("a datagram comes", socket.recv_from(&mut buffer)).await.expect("a socket receives");
    buffer.truncate(length);
    (buffer, from)
}

/// The report of the network's only flow.
pub(crate) fn only_flow(network: &Network) -> FlowReport {
    let mut flows = network.report().flows;
    assert_eq!(flows.len(), 1, "{flows:?}");
    flows.remove(0)
}

pub(crate) async fn flows_end(network: &Network) {
    eventually("no flow is left", || network.report().flows.is_empty().then_some(())).await;
}
