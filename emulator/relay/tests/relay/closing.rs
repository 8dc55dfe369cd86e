//! The ends of connections and networks.

use std::io::ErrorKind;
use std::time::Duration;

use sluice_shared::link::NetworkProfile;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::harness::{
    LOCALHOST, connect, delayed, eventually, flows_end, in_time, listen, round_trip, start_relay, udp,
};

#[tokio::test(flavor = "multi_thread")]
async fn each_side_closes_for_itself() {
    let relay = start_relay();
    let network = relay.network(delayed(3), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    client.write_all(b"question").await.expect("open");
    client.shutdown().await.expect("open");
    let mut question = Vec::new();
    in_time("the question ends", server.read_to_end(&mut question)).await.expect("open");
    assert_eq!(question, b"question");
    server.write_all(&vec![4; 200_000]).await.expect("the other half is open");
    server.shutdown().await.expect("open");
    let mut answer = Vec::new();
    in_time("the answer ends", client.read_to_end(&mut answer)).await.expect("open");
    assert_eq!(answer.len(), 200_000);
    let error = server.write_all(b"more").await.expect_err("it is closed");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    drop(server);
    flows_end(&network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_reaches_the_other_side() {
    let relay = start_relay();
    let network = relay.network(delayed(3), 1);
    let (mut ramp, address) = listen(&network);

    let (client, mut server) = connect(&mut ramp, address).await;
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(client);
    let error = in_time("the server sees it", server.read(&mut [0; 10])).await.expect_err("it was reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(server);
    flows_end(&network).await;

    // A server that leaves something unread resets.
    let (mut client, mut server) = connect(&mut ramp, address).await;
    client.write_all(b"read only the first").await.expect("open");
    server.read_exact(&mut [0; 4]).await.expect("it is there");
    drop(server);
    let error = in_time("the client sees it", client.read(&mut [0; 10])).await.expect_err("it was reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    flows_end(&network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_while_nothing_moves_is_noticed() {
    let relay = start_relay();
    let network = relay.network(delayed(1), 1);
    let (mut ramp, address) = listen(&network);
    let (client, server) = connect(&mut ramp, address).await;
    network.start_outage(Duration::from_secs(100));
    // Until neither the model nor the loopback takes any more.
    eventually("everything is full", || match client.try_write(&[1; 64 << 10]) {
        Ok(_) => None,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            Some(())
        }
    })
    .await;
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop((client, server));
    flows_end(&network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_closes_the_clients_socket() {
    let relay = start_relay();
    let network = relay.network(delayed(3), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    server.write_all(b"last words").await.expect("open");
    drop(server);
    let mut words = String::new();
    in_time("the stream ends", client.read_to_string(&mut words)).await.expect("open");
    assert_eq!(words, "last words");
    // What the client still says is answered with a reset, as by any socket that is gone.
    let error = in_time("the client is told", async {
        loop {
            if let Err(error) = client.write_all(b"hello?").await {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    flows_end(&network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ramp_that_is_dropped_stops_listening_and_nothing_else() {
    let relay = start_relay();
    let network = relay.network(NetworkProfile::none(), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    drop(ramp);
    in_time("nobody listens", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    round_trip(&mut client, &mut server, 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_closes_ends_everything_and_frees_its_ports() {
    let relay = start_relay();
    let mut port = None;
    for _ in 0..5 {
        let network = relay.network(delayed(1), 1);
        let address = (LOCALHOST.0, port.unwrap_or(0));
        let listener = std::net::TcpListener::bind(address).expect("the port is free");
        let front = listener.local_addr().expect("bound");
        let mut ramp = network.listen_tcp(listener, Default::default()).expect("a listener");
        let socket = std::net::UdpSocket::bind(front).expect("UDP's port is free too");
        let upstream = UdpSocket::bind(LOCALHOST).await.expect("a free port");
        network
            .relay_udp(socket, upstream.local_addr().expect("bound"), Default::default())
            .expect("a relay");
        port = Some(front.port());
        let (mut client, mut server) = connect(&mut ramp, front).await;
        let datagrams = UdpSocket::bind(LOCALHOST).await.expect("a free port");
        datagrams.send_to(b"hello", front).await.expect("sent");
        in_time("it comes", upstream.recv_from(&mut [0; 10])).await.expect("received");

        network.close();
        assert!(network.report().flows.is_empty());
        assert!(in_time("the ramp ends", ramp.accept()).await.is_none());
        let error = in_time("the server is told", server.read(&mut [0; 1])).await.expect_err("aborted");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        let error = in_time("the client is told", client.read(&mut [0; 1])).await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        in_time("the sockets are released", network.closed()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_handle_closes_the_network_and_the_relay() {
    let relay = start_relay();
    let network = relay.network(delayed(1), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, server) = connect(&mut ramp, address).await;
    let (_server, clients) = udp(&network, 1).await;
    drop(relay);
    round_trip_of(&clients[0], &_server).await;
    let also = server.network();
    drop(network);
    assert_eq!(also.report().flows.len(), 2, "one handle is left");
    drop(also);
    assert!(in_time("the client is told", client.read(&mut [0; 1])).await.is_err());
    assert!(server.network().report().flows.is_empty(), "a closed network stays closed");
    assert!(in_time("the ramp ends", ramp.accept()).await.is_none());
}

async fn round_trip_of(client: &UdpSocket, server: &UdpSocket) {
    client.send(b"ping").await.expect("sent");
    let mut buffer = [0; 10];
    let (_, from) = in_time("it comes", server.recv_from(&mut buffer)).await.expect("received");
    server.send_to(b"pong", from).await.expect("sent");
    in_time("it comes back", client.recv(&mut buffer)).await.expect("received");
    assert_eq!(&buffer[..4], b"pong");
}
