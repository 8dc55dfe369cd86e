//! Kernel TCP in the place of the model: what is accepted on a port of this machine crosses an emulated network.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_shared::lab::Congestion;
use sluice_shared::mode::Transport;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::carrier::Carrier;
use super::flow::KernelFlow;
use super::namespace::{Namespaces, Unavailable};
use super::pump::Pump;
use super::stream::KernelStream;
use crate::network::{Core, MAX_TCP_FLOWS, Network};

/// The port in the server's namespace, where every client's connection goes.
const FAR_PORT: u16 = 1;
/// What the sockets of this machine may hold, so that what waits, waits in the network's own buffers.
const LOOPBACK_BUFFER_BYTES: usize = 16 << 10;
/// How long a listener pauses when no connection can be taken, as when no descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);

/// The far ends of connections that crossed a network as the kernel's own segments, in the order in which they arrived.
///
/// Dropping it stops the listener it belongs to; connections that were accepted go on.
pub struct KernelRamp {
    arrivals: mpsc::Receiver<Arrival>,
    core: Arc<Core>,
}

/// A connection that stands.
#[derive(Debug)]
struct Arrival {
    socket: StdStream,
    flow: Arc<KernelFlow>,
}

impl KernelRamp {
    /// Takes connections from `listener`, whose clients get a connection of the kernel's through `network`, with
    /// the controller of `congestion` at both of its ends, and the kernel's own initial window. At most 256 connections at once; more are reset.
    ///
    /// Each ramp has network namespaces of its own and a thread that carries their packets. Its connections are in the
    /// network's reports, where the TCP of a kernel and the lateness of its writes cannot be told; captures do not show
    /// them.
    ///
    /// # Errors
    /// When there can be no kernel TCP here, or the kernel has no such congestion controller.
    pub fn open(
        network: &Network,
        listener: StdListener,
        congestion: Congestion,
    ) -> Result<Self, Unavailable> {
        let core = network.core();
        let (mut namespaces, devices) = Namespaces::create()?;
        let far = namespaces.listen(FAR_PORT, congestion.controller()).map_err(Unavailable::Helper)?;
        listener.set_nonblocking(true).map_err(Unavailable::Helper)?;
        // Connections inherit them; set later they would not shrink the window that was offered with the handshake.
        shrink_buffers(SockRef::from(&listener)).map_err(Unavailable::Helper)?;
        let carrier = Carrier::start(Pump::new(devices), core.engine().clock).map_err(Unavailable::Helper)?;
        let runtime = core.engine().runtime.clone();
        let (near, far) = {
            let _context = runtime.enter();
            let near = TcpListener::from_std(listener).map_err(Unavailable::Helper)?;
            (near, TcpListener::from_std(far.into()).map_err(Unavailable::Helper)?)
        };
        let (sender, arrivals) = mpsc::channel(MAX_TCP_FLOWS);
        let expected = Arc::new(Expected::default());
        let on_ramp = OnRamp {
            core: Arc::clone(core),
            namespaces,
            carrier: Arc::new(carrier),
            congestion,
            expected: Arc::clone(&expected),
        };
        runtime.spawn(on_ramp.run(core.closing(), near, sender.clone()));
        runtime.spawn(accept_far_ends(core.closing(), far, expected, sender));
        Ok(Self { arrivals, core: Arc::clone(core) })
    }

    /// The next connection; `None` once the network has closed. Must be called within a tokio runtime, which then
    /// drives the stream.
    ///
    /// It is safe to cancel.
    pub async fn accept(&mut self) -> Option<KernelStream> {
        loop {
            let Arrival { socket, flow } = self.arrivals.recv().await?;
            match TcpStream::from_std(socket) {
                Ok(socket) => return Some(KernelStream::new(socket, flow, Arc::clone(&self.core))),
                Err(error) => tracing::warn!(%error, "a connection of the kernel's cannot be waited for"),
            }
        }
    }
}

impl fmt::Debug for KernelRamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelRamp").field("arrivals", &self.arrivals).finish_non_exhaustive()
    }
}

/// The flows whose connections have not arrived, by the client's port in its namespace.
#[derive(Debug, Default)]
struct Expected(Mutex<BTreeMap<u16, Arc<KernelFlow>>>);

/// The near end: from this machine into the client's namespace.
struct OnRamp {
    core: Arc<Core>,
    namespaces: Namespaces,
    carrier: Arc<Carrier>,
    congestion: Congestion,
    expected: Arc<Expected>,
}

impl OnRamp {
    /// Accepts until the network closes or nobody wants the connections.
    async fn run(self, mut closing: watch::Receiver<bool>, near: TcpListener, ramp: mpsc::Sender<Arrival>) {
        loop {
            let accepted = tokio::select! {
                accepted = near.accept() => accepted,
                () = ramp.closed() => return,
                _ = closing.wait_for(|is_closing| *is_closing) => return,
            };
            match accepted {
                Ok((loopback, peer)) => {
                    if let Err(error) = self.begin(loopback, peer) {
                        tracing::warn!(%peer, %error, "a connection finds no way into the kernel's network");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the kernel's network could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn begin(&self, loopback: TcpStream, peer: SocketAddr) -> io::Result<()> {
        loopback.set_nodelay(true)?;
        // Until both sides have closed it in order, whatever drops the socket resets the connection.
        SockRef::from(&loopback).set_linger(Some(Duration::ZERO))?;
        let (socket, port) = self.namespaces.client_socket(self.congestion.controller())?;
        let added = self.core.add(Transport::WebSocket, |id, settings| {
            let carrier = Arc::clone(&self.carrier);
            KernelFlow::open(id, peer, self.congestion, port, carrier, settings)
        });
        let flow = added.map_err(io::Error::other)?;
        self.core.note_address(flow.id(), peer);
        self.core.balance().route_tcp(peer);
        let expected = Arc::clone(&self.expected);
        expected.0.lock().insert(port, Arc::clone(&flow));
        let crossing = Crossing { core: Arc::clone(&self.core), flow, port, expected };
        Namespaces::connect(&socket, FAR_PORT)?;
        let client = TcpStream::from_std(StdStream::from(socket))?;
        self.core.engine().runtime.spawn(crossing.carry(self.core.closing(), loopback, client));
        Ok(())
    }
}

/// A connection on its way; dropping it forgets the flow.
struct Crossing {
    core: Arc<Core>,
    flow: Arc<KernelFlow>,
    port: u16,
    expected: Arc<Expected>,
}

impl Crossing {
    /// Carries a connection until both sides have closed it, it breaks, or the network closes. The first argument is
    /// dropped last.
    async fn carry(self, mut closing: watch::Receiver<bool>, mut loopback: TcpStream, mut client: TcpStream) {
        let mut ended = self.flow.ended();
        let both = async {
            client.writable().await?;
            if let Some(error) = client.take_error()? {
                return Err(error);
            }
            let bytes = LOOPBACK_BUFFER_BYTES;
            tokio::io::copy_bidirectional_with_sizes(&mut client, &mut loopback, bytes, bytes).await
        };
        let is_in_order = tokio::select! {
            both = both => both.is_ok(),
            _ = ended.wait_for(|has_ended| *has_ended) => false,
            _ = closing.wait_for(|is_closing| *is_closing) => false,
        };
        if is_in_order && let Err(error) = SockRef::from(&loopback).set_linger(None) {
            tracing::debug!(%error, "a socket that was closed is reset");
        }
        if !is_in_order && let Err(error) = SockRef::from(&client).set_linger(Some(Duration::ZERO)) {
            tracing::debug!(%error, "a connection that broke is closed in order");
        }
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        self.expected.0.lock().remove(&self.port);
        self.flow.leave();
        self.core.remove(self.flow.id());
    }
}

/// The far end: what arrives in the server's namespace.
async fn accept_far_ends(
    mut closing: watch::Receiver<bool>,
    far: TcpListener,
    expected: Arc<Expected>,
    ramp: mpsc::Sender<Arrival>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = far.accept() => accepted,
            () = ramp.closed() => return,
            _ = closing.wait_for(|is_closing| *is_closing) => return,
        };
        match accepted.and_then(|(socket, client)| Ok((socket.into_std()?, client.port()))) {
            Ok((socket, port)) => {
                let Some(flow) = expected.0.lock().remove(&port) else { continue };
                // A ramp that was dropped drops the socket, which closes the connection.
                drop(ramp.try_send(Arrival { socket, flow }));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted in the kernel's network");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn shrink_buffers(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_recv_buffer_size(LOOPBACK_BUFFER_BYTES)?;
    socket.set_send_buffer_size(LOOPBACK_BUFFER_BYTES)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use sluice_shared::link::{LinkProfile, LossModel, NetworkProfile, Share};
    use sluice_shared::time::Time;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;
    use crate::clock::Clock;
    use crate::network::FlowId;
    use crate::relay::Relay;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn profile(loss: Share) -> NetworkProfile {
        let mut link = LinkProfile::delayed(Duration::from_millis(20));
        link.loss = LossModel::Random(loss);
        NetworkProfile::symmetric(link)
    }

    struct Scene {
        _relay: Relay,
        network: Network,
        ramp: KernelRamp,
        address: SocketAddr,
    }

    impl Scene {
        /// A ramp into a network; `None`, with the reason on standard error, where the machine cannot do it.
        fn new(profile: NetworkProfile) -> Option<Self> {
            let listener = StdListener::bind("127.0.0.1:0").expect("a port is free");
            let address = listener.local_addr().expect("it is bound");
            let relay = Relay::start(Clock::new(Instant::now(), Time::ZERO)).expect("there are threads");
            let network = relay.network(profile, 1);
            match KernelRamp::open(&network, listener, Congestion::Cubic) {
                Ok(ramp) => Some(Self { _relay: relay, network, ramp, address }),
                Err(reason) => {
                    eprintln!("skipped: {reason}");
                    None
                }
            }
        }

        /// Opens a connection and echoes everything at its far end.
        async fn echoing(&mut self) -> (TcpStream, FlowId) {
            let near = TcpStream::connect(self.address).await.expect("the ramp listens");
            let far =
                timeout(PATIENCE, self.ramp.accept()).await.expect("in time").expect("the network is open");
            assert_eq!(far.peer(), near.local_addr().expect("connected"));
            let flow = far.flow();
            tokio::spawn(async move {
                let (mut reader, mut writer) = tokio::io::split(far);
                tokio::io::copy(&mut reader, &mut writer).await.expect("the connection holds");
                writer.shutdown().await.expect("the connection holds");
            });
            (near, flow)
        }
    }

    /// Waits until `condition`.
    async fn until(condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "it never happened");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn echo(near: &mut TcpStream) -> Duration {
        let sent_at = Instant::now();
        near.write_all(b"hello").await.expect("connected");
        let mut answer = [0; 5];
        timeout(PATIENCE, near.read_exact(&mut answer)).await.expect("in time").expect("echoed");
        assert_eq!(&answer, b"hello");
        sent_at.elapsed()
    }

    #[tokio::test]
    async fn an_echo_takes_a_round_trip_of_the_network_and_is_reported() {
        let Some(mut scene) = Scene::new(profile(Share::ZERO)) else { return };
        let (mut near, flow) = scene.echoing().await;
        let took = echo(&mut near).await;
        assert!(took >= Duration::from_millis(40), "{took:?}");
        scene.network.name_lane(flow, 7);
        let report = scene.network.report().flows.remove(0);
        assert_eq!((report.flow, report.lane, report.tcp), (flow.0, Some(7), None));
        // SYN, its acknowledgment, data, and what answers it.
        assert!(report.up.delivered_packets >= 3 && report.down.delivered_packets >= 2, "{report:?}");
        drop(near);
        until(|| scene.network.report().flows.is_empty()).await;
    }

    #[tokio::test]
    async fn what_the_network_loses_the_kernel_sends_again() {
        let Some(mut scene) = Scene::new(profile(Share::from_percent(5))) else { return };
        let (near, _) = scene.echoing().await;
        let data: Vec<u8> = (0..400_000_u32).map(|n| u8::try_from(n % 251).expect("small")).collect();
        let (mut reader, mut writer) = near.into_split();
        let sending = tokio::spawn({
            let data = data.clone();
            async move {
                writer.write_all(&data).await.expect("connected");
                // What keeps the connection, and with it the report, until everything is counted.
                writer
            }
        });
        let mut echoed = vec![0; data.len()];
        timeout(PATIENCE * 2, reader.read_exact(&mut echoed)).await.expect("in time").expect("echoed");
        assert!(echoed == data, "the echo differs");
        let report = scene.network.report().flows.remove(0);
        assert!(report.up.lost_packets > 0 && report.down.lost_packets > 0, "{report:?}");
        let mut writer = sending.await.expect("sent");
        writer.shutdown().await.expect("connected");
        let end = timeout(PATIENCE, reader.read(&mut [0])).await.expect("in time").expect("closed in order");
        assert_eq!(end, 0);
    }

    #[tokio::test]
    async fn a_network_changes_under_its_connections() {
        let Some(mut scene) = Scene::new(profile(Share::ZERO)) else { return };
        let (mut near, _) = scene.echoing().await;
        let slow = NetworkProfile::symmetric(LinkProfile::delayed(Duration::from_millis(100)));
        scene.network.set_profile(slow, 1, false);
        let took = echo(&mut near).await;
        assert!(took >= Duration::from_millis(200), "{took:?}");
        scene.network.start_outage(Duration::from_millis(300));
        let took = echo(&mut near).await;
        assert!(took >= Duration::from_millis(500), "{took:?}");
        let report = scene.network.report();
        let resumed = report.tunnels[0].paths[0].resumed;
        assert!(report.flows[0].up.outage_drops > 0 && resumed.is_some(), "{report:?}");
    }

    #[tokio::test]
    async fn a_network_that_closes_ends_its_connections() {
        let Some(mut scene) = Scene::new(profile(Share::ZERO)) else { return };
        let (mut near, _) = scene.echoing().await;
        echo(&mut near).await;
        scene.network.close();
        let end = timeout(PATIENCE, near.read(&mut [0])).await.expect("in time");
        assert!(!matches!(end, Ok(1..)), "{end:?}");
        assert!(timeout(PATIENCE, scene.ramp.accept()).await.expect("in time").is_none());
        timeout(PATIENCE, scene.network.closed()).await.expect("the sockets are released");
    }

    #[tokio::test]
    async fn connections_come_and_go_and_leave_nothing() {
        let Some(mut scene) = Scene::new(NetworkProfile::default()) else { return };
        for _ in 0..300 {
            let (mut near, _) = scene.echoing().await;
            echo(&mut near).await;
        }
        until(|| scene.network.report().flows.is_empty()).await;
        let core = Arc::downgrade(scene.network.core());
        drop(scene);
        until(|| core.strong_count() == 0).await;
    }
}
