//! quinn over the emulated network.

use std::sync::Arc;
use std::time::Duration;

use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use quinn::{ClientConfig, Endpoint, EndpointConfig, ServerConfig, TransportConfig};
use sluice_wire::{Content, Net, Sight, StageHandle, UdpSocket};

use crate::world::{RTT, at, pattern, world};

const PORT: u16 = 443;
const MEGABYTE: usize = 1_000_000;
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A server and a client that trusts it.
fn endpoints(handle: &StageHandle, net: &Net, socket: Arc<UdpSocket>) -> (Endpoint, Endpoint) {
    let identity = rcgen::generate_simple_self_signed(["lab.test".to_owned()]).expect("a certificate");
    let certificate = CertificateDer::from(identity.cert);
    let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IDLE_TIMEOUT.try_into().expect("in range")));
    let transport = Arc::new(transport);
    let mut server = ServerConfig::with_single_cert(vec![certificate], key.into()).expect("a key");
    server.transport_config(Arc::clone(&transport));
    let mut client = ClientConfig::with_root_certificates(Arc::new(roots)).expect("roots");
    client.transport_config(transport);
    let new = |config, socket| {
        let runtime = Arc::new(handle.clone());
        Endpoint::new_with_abstract_socket(EndpointConfig::default(), config, socket, runtime)
    };
    let server = new(Some(server), net.bind_server(PORT)).expect("a server");
    let mut client_end = new(None, socket).expect("a client");
    client_end.set_default_client_config(client);
    (server, client_end)
}

/// Sends what comes on each stream back.
fn echo(handle: &StageHandle, server: Endpoint) {
    let tasks = handle.clone();
    handle.spawn(async move {
        while let Some(incoming) = server.accept().await {
            let connection = incoming.await.expect("an honest client");
            tasks.spawn(async move {
                while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                    let data = receive.read_to_end(MEGABYTE).await.expect("the client finishes");
                    send.write_all(&data).await.expect("the client reads");
                    send.finish().expect("once");
                }
            });
        }
    });
}

#[test]
fn a_handshake_takes_one_round_trip_and_a_megabyte_comes_back_intact() {
    let (stage, handle, net) = world(0, 1);
    let (server, client) = endpoints(&handle, &net, net.bind_client());
    echo(&handle, server);
    stage
        .run(async {
            let connecting = client.connect(Net::server_addr(PORT), "lab.test").expect("settings");
            let connection = connecting.await.expect("a server");
            assert_eq!(handle.now(), at(RTT));
            assert_eq!(connection.rtt(), RTT);
            let (mut send, mut receive) = connection.open_bi().await.expect("open");
            let data = pattern(MEGABYTE);
            send.write_all(&data).await.expect("the server reads");
            send.finish().expect("once");
            let received = receive.read_to_end(MEGABYTE).await.expect("the server finishes");
            assert!(received == data);
            assert_eq!(connection.stats().path.lost_packets, 0);
            assert_eq!(connection.stats().path.current_mtu, 1_452, "path MTU discovery works");
        })
        .expect("packets are under way");
    let sights = net.sights();
    assert!(sights.iter().all(|sight| matches!(sight.content, Content::Udp(_))));
    assert!(sights.iter().any(|sight| sight.ecn == 2), "quinn asks for ECT(0)");
}

#[test]
fn a_connection_survives_the_move_of_its_client() {
    let (stage, handle, net) = world(0, 1);
    let socket = net.bind_client();
    let (server, client) = endpoints(&handle, &net, Arc::clone(&socket));
    echo(&handle, server);
    stage
        .run(async {
            let connecting = client.connect(Net::server_addr(PORT), "lab.test").expect("settings");
            let connection = connecting.await.expect("a server");
            handle.sleep(RTT).await;
            let address = socket.rebind();
            let (mut send, mut receive) = connection.open_bi().await.expect("open");
            send.write_all(b"hello").await.expect("the server reads");
            send.finish().expect("once");
            assert_eq!(receive.read_to_end(MEGABYTE).await.expect("the server finishes"), b"hello");
            let is_there = |sight: &Sight| sight.to == address && sight.bytes > 1_200;
            assert!(net.sights().iter().any(is_there), "the server probes the path (RFC 9000 §8.2.1)");
        })
        .expect("packets are under way");
}

#[test]
fn a_client_that_nothing_answers_gives_up_after_its_idle_timeout() {
    let (stage, handle, net) = world(0, 1);
    net.block_udp(true);
    let (_server, client) = endpoints(&handle, &net, net.bind_client());
    let failed = stage
        .run(async { client.connect(Net::server_addr(PORT), "lab.test").expect("settings").await.map(drop) });
    assert_eq!(failed.expect("a timer is due"), Err(quinn::ConnectionError::TimedOut));
    assert_eq!(handle.now(), at(IDLE_TIMEOUT));
}

#[test]
fn an_open_connection_keeps_nothing_once_its_stage_is_gone() {
    let (stage, handle, net) = world(0, 1);
    let socket = net.bind_client();
    let weak = Arc::downgrade(&socket);
    let (server, client) = endpoints(&handle, &net, socket);
    echo(&handle, server);
    let connection = stage
        .run(async { client.connect(Net::server_addr(PORT), "lab.test").expect("settings").await })
        .expect("packets are under way")
        .expect("a server");
    assert!(weak.upgrade().is_some());
    drop(stage);
    drop((connection, client));
    assert!(weak.upgrade().is_none());
}
