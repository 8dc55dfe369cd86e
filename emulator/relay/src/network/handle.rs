//! What somebody who has a network can do with it.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluice_link::Weather;
use sluice_shared::lab::{Congestion, LabReport, Spoof, Switch};
use sluice_shared::link::NetworkProfile;
use sluice_shared::scenario::Routing;

use super::core::Core;
use super::flow::{Flow, FlowId, KnownPath, PathStateProbe};
use super::roaming;
use super::upstreams::Upstreams;
use crate::engine::Engine;
use crate::quic::{SecretStore, ServerWrite};
use crate::relay::Threads;
use crate::tap::{self, Recording};
use crate::tcp::{self, TcpRamp};
use crate::udp;

/// One lab's network: all its connections meet the same weather.
///
/// Clones are the same network. It closes by [`Self::close`], or when the last clone is dropped: its connections end and
/// its sockets are released.
#[derive(Clone)]
pub struct Network {
    handle: Arc<Handle>,
}

/// Tells a network from all others of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkId(u64);

/// Where a server tells what it hands over to a QUIC connection; after the connection's end nobody listens.
#[derive(Clone)]
pub struct FlowProbe {
    flow: Weak<dyn Flow>,
    /// Lives as long as the server's side of the connection.
    path: Option<Arc<PathStateProbe>>,
}

impl FlowProbe {
    /// Lets the network ask what the server knows of the path, as long as this or a clone of it is there.
    #[must_use]
    pub fn with_path(self, path: impl Fn() -> Option<KnownPath> + Send + Sync + 'static) -> Self {
        let path: Arc<PathStateProbe> = Arc::new(path);
        if let Some(flow) = self.flow.upgrade() {
            flow.set_path_probe(Arc::downgrade(&path));
        }
        Self { path: Some(path), ..self }
    }

    /// The server has handed `write` over just now: before anything of it is sent.
    pub fn on_write(&self, write: ServerWrite) {
        if let Some(flow) = self.flow.upgrade() {
            flow.on_write(write);
        }
    }
}

impl fmt::Debug for FlowProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowProbe")
            .field("is_open", &(self.flow.strong_count() > 0))
            .field("tells_path", &self.path.is_some())
            .finish()
    }
}

/// What closes a network when it is dropped.
pub(super) struct Handle {
    core: Arc<Core>,
    /// The relay runs as long as it has a network.
    _threads: Option<Arc<Threads>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Network {
    pub(crate) fn new(
        engine: &Arc<Engine>,
        threads: &Arc<Threads>,
        profile: NetworkProfile,
        seed: u64,
    ) -> Self {
        let core = Core::new(engine, threads, profile, seed);
        roaming::spawn(&core);
        Self::of(&core)
    }

    /// The network of `core`, which has closed if nobody had it any more.
    pub(crate) fn of(core: &Arc<Core>) -> Self {
        let mut known = core.handle().lock();
        let handle = known.upgrade().unwrap_or_else(|| {
            let handle = Arc::new(Handle { core: Arc::clone(core), _threads: core.threads() });
            *known = Arc::downgrade(&handle);
            handle
        });
        Self { handle }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }

    /// Which network it is.
    pub fn id(&self) -> NetworkId {
        NetworkId(self.core().number())
    }

    /// The profile in force.
    pub fn profile(&self) -> NetworkProfile {
        self.core().settings().profile
    }

    /// Where every chance comes from.
    pub fn seed(&self) -> u64 {
        self.core().settings().weather.seed
    }

    /// Goes on with another profile and seed: what is in flight stays, and connections notice nothing but the weather.
    ///
    /// With `renews_weather` bad spells and planned outages begin anew. UDP is blocked or not as the profile says.
    pub fn set_profile(&self, profile: NetworkProfile, seed: u64, renews_weather: bool) {
        self.core().change(
            |settings, now| {
                let since = if renews_weather { now } else { settings.weather.since };
                settings.weather = Weather { seed, since };
                settings.is_udp_blocked = profile.blocks_udp;
                settings.profile = profile;
            },
            |flow, settings| {
                flow.set_profile(&settings.profile, settings.weather);
                flow.block_udp(settings.is_udp_blocked);
            },
        );
    }

    /// Carries nothing that comes from now on for `lasts`, in either direction; a longer outage is not shortened.
    pub fn start_outage(&self, lasts: Duration) {
        self.core().start_outage(lasts);
    }

    /// Blocks UDP, or lets it pass again; TCP is not touched.
    pub fn block_udp(&self, is_blocked: bool) {
        self.core().change(
            |settings, _| settings.is_udp_blocked = is_blocked,
            |flow, settings| flow.block_udp(settings.is_udp_blocked),
        );
    }

    /// Gives all clients another address, as when a phone changes from one network to another: their TCP connections are
    /// reset at both ends or fall silent, and the server sees their UDP flows come from another port, or another host
    /// too. The address changes at the client's end of the network: what the client had sent before still arrives from
    /// the old one, and what is under way to it, or sent to it later, is lost. Silent connections end when both of their ends have given up, or after two minutes.
    ///
    /// It also happens at the end of each planned outage of a profile with `renews_address`, by port and told.
    pub fn switch_network(&self, switch: Switch) {
        self.core().switch_network(switch);
    }

    /// Lets an attacker on the path copy the next packets with short headers of each UDP flow that is there: each copy
    /// reaches the server from the attacker's address, just before the original does or in its place, and goes where the
    /// original goes. The attacker has another host where one can be had, and is mute: what the server sends there is
    /// counted. It sits at the server's end of the network, so reports and captures show originals as arrived.
    pub fn spoof(&self, spoof: Spoof) {
        self.core().spoof(spoof);
    }

    /// Puts a balancer in front of backends 0 to `backends` − 1 of [`Upstreams`], or takes it away. Its counters begin
    /// anew, and all backends are up.
    pub fn balance(&self, routing: Option<(Routing, u8)>) {
        self.core().balance().set(routing);
    }

    /// A backend goes down, so that nothing passes to or from it, or comes back; whether a balancer stands in front of
    /// such a backend.
    pub fn set_backend_up(&self, backend: u8, is_up: bool) -> bool {
        self.core().balance().set_up(backend, is_up)
    }

    /// Whether UDP flows that begin from now on reach the server that does not let its connections migrate.
    pub fn set_migration_off(&self, is_off: bool) {
        self.core().balance().set_migration_off(is_off);
    }

    /// Whether UDP is blocked.
    pub fn is_udp_blocked(&self) -> bool {
        self.core().settings().is_udp_blocked
    }

    /// Whether an outage keeps everything out right now, in one direction at least.
    pub fn is_out(&self) -> bool {
        self.core().settings().is_out(self.core().engine().clock.now())
    }

    /// What the network and its connections do at this moment.
    ///
    /// The latest write of each connection ([`sluice_shared::lab::Lateness::worst`]) is told once.
    pub fn report(&self) -> LabReport {
        self.core().report()
    }

    /// Opens the packets of QUIC connections that begin from now on with the secrets that their server tells: reports
    /// then say where the time of its writes went ([`FlowProbe`]). The first call counts.
    pub fn open_quic(&self, secrets: SecretStore) {
        self.core().open_quic(secrets);
    }

    /// Where a server tells what it hands over to connection `flow`; `None` when there is no such connection.
    pub fn probe(&self, flow: FlowId) -> Option<FlowProbe> {
        self.core().flow(flow).map(|flow| FlowProbe { flow: Arc::downgrade(&flow), path: None })
    }

    /// Takes connections from `listener`, whose clients get a connection through this network with `congestion` at both
    /// of its ends; the far ends come out of the [`TcpRamp`]. At most 256 connections at once; more are reset.
    ///
    /// # Errors
    /// The listener cannot be waited for, or has no address.
    pub fn listen_tcp(&self, listener: std::net::TcpListener, congestion: Congestion) -> io::Result<TcpRamp> {
        tcp::listen(self.core(), listener, congestion)
    }

    /// Carries datagrams between those who send to `socket` and a server, until the network closes; `congestion` is only
    /// what reports say. Without a balancer ([`Self::balance`]) all go to the first of `upstreams`.
    ///
    /// Each client address is a flow with a socket of its own towards the server. It ends after 60 s of silence, and
    /// there are at most 64 at once.
    ///
    /// # Errors
    /// The socket cannot be waited for.
    pub fn relay_udp(
        &self,
        socket: std::net::UdpSocket,
        upstreams: impl Into<Upstreams>,
        congestion: Congestion,
    ) -> io::Result<()> {
        udp::relay(self.core(), socket, upstreams.into(), congestion)
    }

    /// The UDP flow that sends to its server from `relay_side`, which is the address of its client to that server.
    pub fn udp_flow_from(&self, relay_side: SocketAddr) -> Option<FlowId> {
        self.core().udp_flow_from(relay_side)
    }

    /// Says which lane a flow is, for reports.
    pub fn name_lane(&self, flow: FlowId, lane: u16) {
        self.core().name_lane(flow, lane);
    }

    /// The last packets (16 MiB at most) as a pcapng file.
    ///
    /// A packet is there twice: where it left and where it arrived; a dropped one only where it left, with a remark.
    /// Both sides show a client and a server in a network of their own: `10.0.0.x` at the client, `10.0.1.x` at the
    /// server. Times are those of the relay's clock.
    pub fn capture(&self) -> Vec<u8> {
        tap::capture(&self.core().tap())
    }

    /// Writes every packet to `out` as a pcapng stream, beginning with those that [`Self::capture`] would show, until
    /// the network closes or the recording is finished. A thread of its own writes, some seconds late.
    ///
    /// # Errors
    /// Those of `out`; a recording is under way already; the system gives no thread.
    pub fn record_to(&self, out: Box<dyn Write + Send>) -> io::Result<Recording> {
        tap::record(&self.core().tap(), out, self.core().engine().clock)
    }

    /// Ends all connections and stops listening. Sockets are released a moment later: see [`Self::closed`].
    pub fn close(&self) {
        self.core().close();
    }

    /// Waits until the network has been closed and its sockets are released.
    pub async fn closed(&self) {
        let core = Arc::clone(self.core());
        let mut closing = core.closing();
        // The sender is in `core`, so this ends by the network's closing only.
        let is_closed = closing.wait_for(|is_closing| *is_closing).await.is_ok();
        drop(closing);
        debug_assert!(is_closed);
        core.sockets_released().await;
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("seed", &self.seed()).finish_non_exhaustive()
    }
}
