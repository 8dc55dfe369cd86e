//! One lab.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use sluice_relay::Network;
use sluice_shared::lab::{
    Knobs, LabEvent, LabPorts, LabReport, LabRouting, LinkChange, LinkRequest, Spoof, TcpStack,
};
use sluice_shared::link::NetworkProfile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::backends::LabBackends;
use super::ports::Slot;
use super::settings::{RequestError, Settings};
use crate::backend::Processes;
use crate::frames::Board;

/// A lab that is there: its network, and who looks at it.
#[derive(Debug)]
pub(crate) struct Lab {
    id: String,
    tcp: TcpStack,
    /// Where its lanes connect; `None` where that was said on the command line.
    ports: Option<LabPorts>,
    network: Network,
    backends: LabBackends,
    settings: Mutex<Settings>,
    presence: Mutex<Presence>,
    captures: Arc<Semaphore>,
    frames: Arc<Board>,
    is_over: watch::Sender<bool>,
    /// Given back when the lab is over.
    slot: Mutex<Option<Slot>>,
}

/// A lab as the API shows it: [`sluice_shared::lab::Lab`] with the whole profile in force.
#[derive(Debug, Serialize)]
pub(crate) struct LabDocument {
    id: String,
    seed: u64,
    preset: Option<&'static str>,
    change: LinkChange,
    knobs: Knobs,
    is_udp_blocked: bool,
    tcp: TcpStack,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<LabPorts>,
    profile: NetworkProfile,
}

/// Why something cannot happen to a lab.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub(crate) enum EventError {
    /// A tunnel is too short or too long.
    #[error("seconds is {0}; give {low} to {high} s", low = LabEvent::MIN_TUNNEL_SECS, high = LabEvent::MAX_TUNNEL_SECS)]
    Tunnel(f64),
    /// A balancer has too few or too many backends.
    #[error("backends is {0}; give {low} to {high}", low = LabEvent::MIN_BACKENDS, high = LabEvent::MAX_BACKENDS)]
    Backends(u8),
    /// Too few or too many packets are to be copied.
    #[error("packets is {0}; give 1 to {high}", high = Spoof::MAX_PACKETS)]
    Copies(u8),
    /// There is no backend of that number.
    #[error(
        "index is {0}, and no balancer stands in front of such a backend: set one with the event balance"
    )]
    NoBackend(u8),
    /// UDP does not get anywhere.
    #[error("this server has no WebTransport, so there are no QUIC connections")]
    NoWebTransport,
    /// Other servers are behind the network.
    #[error(
        "this network leads to one server for each way: balancer, backends and migration are those of a lab of sluice serve"
    )]
    OneServer,
    /// Backends are no processes.
    #[error(
        "this server's backends are no processes that could be killed: start it with sluice serve --backends process"
    )]
    NoProcesses,
    /// There is no process of that number.
    #[error("index is {0}; give 0 to {most}", most = LabEvent::MAX_BACKENDS - 1)]
    NoSuchProcess(u8),
    /// The process has ended, and is not back yet.
    #[error("backend {0} has no process just now: it is being started again")]
    NotRunning(u8),
}

impl EventError {
    /// Whether the request could not be carried out by any lab, as opposed to this one as it is.
    pub(crate) const fn is_out_of_range(self) -> bool {
        match self {
            Self::Tunnel(_)
            | Self::Backends(_)
            | Self::Copies(_)
            | Self::NoBackend(_)
            | Self::NoSuchProcess(_) => true,
            Self::NoWebTransport | Self::OneServer | Self::NoProcesses | Self::NotRunning(_) => false,
        }
    }
}

/// When a lab was last needed.
#[derive(Debug)]
struct Presence {
    watchers: usize,
    was_watched: bool,
    seen_at: Instant,
}

impl Lab {
    /// Most streams of reports at a time.
    const MAX_WATCHERS: usize = 4;
    /// Most captures that are read at a time: each is a copy of up to 16 MiB.
    const MAX_CAPTURES: usize = 2;
    /// How long a lab stays whose page has left: long enough for a reload, and for a stream that is cut.
    const GRACE: Duration = Duration::from_secs(15);
    /// How long a lab stays that nobody has ever watched, counted from the last call to its API.
    const UNWATCHED: Duration = Duration::from_secs(300);

    /// The same lab, lending `slot` as long as it is there; `ports` are where its lanes connect.
    pub(super) fn lending(self, slot: Slot, ports: LabPorts, processes: Option<Arc<Processes>>) -> Self {
        let backends = LabBackends::new(processes);
        Self { ports: Some(ports), slot: Mutex::new(Some(slot)), backends, ..self }
    }

    /// A lab that is asked for by name alone, and belongs to no registry.
    pub(crate) fn alone(id: String, network: Network, settings: Settings, tcp: TcpStack) -> Self {
        let presence = Presence { watchers: 0, was_watched: false, seen_at: Instant::now() };
        Self {
            id,
            tcp,
            ports: None,
            network,
            backends: LabBackends::default(),
            settings: Mutex::new(settings),
            presence: Mutex::new(presence),
            captures: Arc::new(Semaphore::new(Self::MAX_CAPTURES)),
            frames: Arc::default(),
            is_over: watch::Sender::new(false),
            slot: Mutex::new(None),
        }
    }

    /// Its name in paths.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its network.
    pub(crate) const fn network(&self) -> &Network {
        &self.network
    }

    /// As the API shows it.
    pub(crate) fn document(&self) -> LabDocument {
        let settings = self.settings.lock();
        LabDocument {
            id: self.id.clone(),
            seed: settings.seed,
            preset: settings.preset.map(|preset| preset.name()),
            change: settings.change,
            knobs: Knobs::of(&settings.profile.down),
            is_udp_blocked: self.network.is_udp_blocked(),
            tcp: self.tcp,
            ports: self.ports,
            profile: settings.profile.clone(),
        }
    }

    /// Changes the network under the lanes.
    ///
    /// # Errors
    /// The request is refused, and nothing is changed.
    pub(crate) fn set_link(&self, request: LinkRequest) -> Result<(), RequestError> {
        let is_other_network = request.preset.is_some() || request.profile.is_some();
        let mut settings = self.settings.lock();
        let (next, renews_weather) = settings.with(request)?;
        let mut profile = next.profile.clone();
        if !is_other_network {
            // What somebody blocked by hand stays blocked while single settings or the seed change.
            profile.blocks_udp = self.network.is_udp_blocked();
        }
        self.network.set_profile(profile, next.seed, renews_weather);
        *settings = next;
        Ok(())
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// A number is out of range, or this lab has nothing that it could happen to; nothing is changed.
    pub(crate) fn handle_event(&self, event: LabEvent) -> Result<(), EventError> {
        match event {
            LabEvent::Tunnel { seconds } => {
                if !(LabEvent::MIN_TUNNEL_SECS..=LabEvent::MAX_TUNNEL_SECS).contains(&seconds) {
                    return Err(EventError::Tunnel(seconds));
                }
                self.network.start_outage(Duration::from_secs_f64(seconds));
            }
            LabEvent::SwitchNetwork(switch) => self.network.switch_network(switch),
            LabEvent::Spoof(spoof) => {
                if !(1..=Spoof::MAX_PACKETS).contains(&spoof.packets) {
                    return Err(EventError::Copies(spoof.packets));
                }
                if matches!(self.ports, Some(LabPorts { webtransport: None, .. })) {
                    return Err(EventError::NoWebTransport);
                }
                self.network.spoof(spoof);
            }
            LabEvent::BlockUdp { blocked } => self.network.block_udp(blocked),
            LabEvent::Balance { routing: LabRouting::Off, .. } => {
                self.has_backends()?;
                self.backends.balance(&self.network, None);
            }
            LabEvent::Balance { routing, backends } => {
                self.has_backends()?;
                if !(LabEvent::MIN_BACKENDS..=LabEvent::MAX_BACKENDS).contains(&backends) {
                    return Err(EventError::Backends(backends));
                }
                let routing = routing.routing().map(|routing| (routing, backends));
                self.backends.balance(&self.network, routing);
            }
            LabEvent::Backend { index, up } => {
                self.has_backends()?;
                self.backends.want(&self.network, index, up)?;
            }
            LabEvent::KillBackend { index } => {
                self.has_backends()?;
                self.backends.kill(index)?;
            }
            LabEvent::Migration { allowed } => {
                self.has_backends()?;
                self.network.set_migration_off(!allowed);
            }
        }
        Ok(())
    }

    /// Whether there are backends of this server's behind the network.
    fn has_backends(&self) -> Result<(), EventError> {
        match self.ports {
            Some(LabPorts { webtransport: Some(_), .. }) => Ok(()),
            Some(LabPorts { webtransport: None, .. }) => Err(EventError::NoWebTransport),
            None => Err(EventError::OneServer),
        }
    }

    /// The process of a backend has come or gone.
    pub(super) fn follow_process(&self, backend: u8) {
        self.backends.follow(&self.network, backend);
    }

    /// Somebody asked for it.
    pub(super) fn touch(&self) {
        self.presence.lock().seen_at = Instant::now();
    }

    /// Watches the lab, which keeps it alive; `None` when too many do.
    pub(crate) fn watch(self: &Arc<Self>) -> Option<Watcher> {
        let mut presence = self.presence.lock();
        if presence.watchers >= Self::MAX_WATCHERS {
            return None;
        }
        presence.watchers += 1;
        presence.was_watched = true;
        Some(Watcher { lab: Arc::clone(self), is_over: self.is_over.subscribe() })
    }

    /// Its WebSockets, for those who look at their frames.
    pub(crate) const fn frames(&self) -> &Arc<Board> {
        &self.frames
    }

    /// Completes when the lab is over.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_over = self.is_over.subscribe();
        async move { drop(is_over.wait_for(|over| *over).await) }
    }

    /// Leave to read a capture; `None` when too many do.
    pub(crate) fn capture_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.captures).try_acquire_owned().ok()
    }

    /// Whether nobody has needed it for long enough.
    pub(super) fn is_abandoned(&self) -> bool {
        let presence = self.presence.lock();
        let patience = if presence.was_watched { Self::GRACE } else { Self::UNWATCHED };
        presence.watchers == 0 && presence.seen_at.elapsed() > patience
    }

    /// Ends its connections and its streams of reports, and gives its ports back.
    pub(super) fn end(&self) -> Option<Slot> {
        self.is_over.send_replace(true);
        self.network.close();
        self.slot.lock().take()
    }
}

/// Keeps a lab alive while it is looked at.
#[derive(Debug)]
pub(crate) struct Watcher {
    lab: Arc<Lab>,
    is_over: watch::Receiver<bool>,
}

impl Watcher {
    /// The network at this moment.
    pub(crate) fn report(&self) -> LabReport {
        let mut report = self.lab.network.report();
        self.lab.backends.complete(&mut report);
        report
    }

    /// Completes when the lab is over.
    pub(crate) async fn over(&mut self) {
        drop(self.is_over.wait_for(|over| *over).await);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut presence = self.lab.presence.lock();
        presence.watchers -= 1;
        presence.seen_at = Instant::now();
    }
}
