//! A connection of the kernel's as its network sees it.

use std::fmt;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sluice_link::Weather;
use sluice_shared::lab::{Congestion, NextConnection};
use sluice_shared::link::{Direction, NetworkProfile};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::carrier::Carrier;
use crate::agenda::Timed;
use crate::network::{Flow, FlowId, NextBegun, Reading, SeenCrossing, Settings, link_report};

/// A connection whose packets a [`Carrier`] takes through links of its own.
pub(crate) struct KernelFlow {
    id: FlowId,
    peer: SocketAddr,
    congestion: Congestion,
    /// The client's in its namespace.
    port: u16,
    carrier: Arc<Carrier>,
    /// The server's socket, for as long as the server has it.
    far: Mutex<Weak<TcpStream>>,
    begun: NextBegun,
    is_silent: AtomicBool,
    ended: watch::Sender<bool>,
}

impl KernelFlow {
    /// A connection from `port` that is about to begin; its links stand from now on.
    pub(super) fn open(
        id: FlowId,
        peer: SocketAddr,
        congestion: Congestion,
        port: u16,
        carrier: Arc<Carrier>,
        settings: &Settings,
    ) -> Arc<Self> {
        carrier.with(|pump, clock| {
            let now = clock.now();
            pump.open(port, settings.links(now).into(), now);
        });
        let ended = watch::Sender::new(false);
        let begun = Arc::new(Mutex::new(NextConnection { flow: id.0, ..NextConnection::default() }));
        let (far, is_silent) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { id, peer, congestion, port, carrier, far, begun, is_silent, ended })
    }

    pub(super) const fn id(&self) -> FlowId {
        self.id
    }

    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Turns true when the network ends the connection.
    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// The server has its socket.
    pub(super) fn arrive(&self, far: &Arc<TcpStream>) {
        *self.far.lock() = Arc::downgrade(far);
    }

    /// The client's end has gone; the links stay until its last packets have arrived.
    pub(super) fn leave(&self) {
        self.carrier.with(|pump, clock| pump.close(self.port, clock.now()));
    }
}

impl Timed for KernelFlow {
    /// The carrier keeps the times of its links itself.
    fn on_due(&self, _at: Time) {}
}

impl Flow for KernelFlow {
    fn set_profile(&self, profile: &NetworkProfile, weather: Weather) {
        self.carrier.with(|pump, clock| {
            let now = clock.now();
            for (link, direction) in pump.links_mut(self.port).into_iter().flatten().zip(Direction::BOTH) {
                link.set_profile(profile.link(direction).clone(), weather, now);
            }
        });
    }

    fn start_outage(&self, until: Time) {
        self.carrier.with(|pump, clock| {
            let now = clock.now();
            for link in pump.links_mut(self.port).into_iter().flatten() {
                link.start_outage(until.since(now), now);
            }
        });
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn congestion(&self) -> Congestion {
        self.congestion
    }

    fn reading(&self) -> Reading {
        let links = self.carrier.with(|pump, clock| {
            let now = clock.now();
            pump.links_mut(self.port).map(|links| {
                links.each_mut().map(|link| {
                    link.handle_timeout(now);
                    link_report(link)
                })
            })
        });
        let [up, down] = links.unwrap_or_default();
        Reading { up, down, ..Reading::default() }
    }

    fn begun(&self) -> Option<NextBegun> {
        Some(Arc::clone(&self.begun))
    }

    fn silence(&self) -> bool {
        self.carrier.with(|pump, _| {
            for link in pump.links_mut(self.port).into_iter().flatten() {
                link.block(true);
            }
        });
        !self.is_silent.swap(true, Ordering::Relaxed)
    }

    fn follow_tunnel(&self, crossing: SeenCrossing) {
        self.carrier.with(|pump, _| pump.follow_tunnel(self.port, crossing));
    }

    fn end(&self) {
        self.ended.send_replace(true);
        let far = self.far.lock().upgrade();
        if let Some(error) = far.and_then(|far| SockRef::from(&*far).shutdown(Shutdown::Both).err()) {
            tracing::debug!(%error, "a connection of the kernel's had ended before its network");
        }
    }
}

impl fmt::Debug for KernelFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelFlow")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
