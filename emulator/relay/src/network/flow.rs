//! A connection through a network, as the network knows it.

use std::net::SocketAddr;
use std::sync::Weak;

use sluice_link::Weather;
use sluice_shared::lab::{
    Congestion, Lateness, LinkReport, PathEnds, PathFrameCounts, PathState, QuicBytes, TcpReport,
};
use sluice_shared::link::NetworkProfile;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use super::switches::NextBegun;
use super::tunnels::SeenCrossing;
use crate::agenda::Timed;
use crate::quic::ServerWrite;

/// What a server knows of the path to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPath {
    /// Where it leads, as the server sees it: what it knows may be older than a change.
    pub client: SocketAddr,
    /// The congestion window and the round trip.
    pub state: PathState,
    /// The frames that validate paths, since the connection began.
    pub frames: PathFrameCounts,
}

/// Asks a server what it knows of the path to a client; `None` where it knows nothing yet.
pub(crate) type PathStateProbe = dyn Fn() -> Option<KnownPath> + Send + Sync;

/// A connection's number in its network, from 0 in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// The state of a flow, as [`sluice_shared::lab::FlowReport`] has it.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) up: LinkReport,
    pub(crate) down: LinkReport,
    pub(crate) tcp: Option<TcpReport>,
    pub(crate) lateness: Option<Lateness>,
    pub(crate) quic: Option<QuicBytes>,
}

/// A connection through a network.
pub(crate) trait Flow: Timed {
    /// Goes on under another profile.
    fn set_profile(&self, profile: &NetworkProfile, weather: Weather);
    /// Carries nothing until `until`.
    fn start_outage(&self, until: Time);
    /// Carries nothing while UDP is blocked, if it is UDP.
    fn block_udp(&self, _is_blocked: bool) {}
    /// What it carries.
    fn transport(&self) -> Transport;
    /// Since when nothing came, for flows that end by silence.
    fn idle_since(&self) -> Option<Time> {
        None
    }
    /// The congestion controller of the port that it came by.
    fn congestion(&self) -> Congestion;
    /// Its state.
    fn reading(&self) -> Reading;
    /// The server has handed something over to a QUIC connection; TCP's own end tells what is written to it.
    fn on_write(&self, _write: ServerWrite) {}
    /// Whoever asks `probe` learns what the server knows of a QUIC connection's path.
    fn set_path_probe(&self, _probe: Weak<PathStateProbe>) {}
    /// What is written down of a TCP connection's beginning.
    fn begun(&self) -> Option<NextBegun> {
        None
    }
    /// The last packets of a TCP connection, up and down.
    fn last_packets(&self) -> (PathEnds, PathEnds) {
        (PathEnds::default(), PathEnds::default())
    }
    /// Carries nothing any more, if it is TCP, and tells nobody; whether it had carried something.
    fn silence(&self) -> bool {
        false
    }
    /// Writes down in `crossing` how it comes out of a tunnel.
    fn follow_tunnel(&self, crossing: SeenCrossing);
    /// Ends it without a word.
    fn end(&self);
}
