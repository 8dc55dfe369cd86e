//! What is asked of a lab, and what it is.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::change::{Knobs, LinkChange};
use super::migration::{LabRouting, Switch};
use super::spoof::Spoof;
use crate::link::NetworkProfile;

/// The network of a new lab, or another one for a lab: a preset's name or a whole profile, and what is different in it.
///
/// Everything may be left out: a new lab then has the network `none` and a seed that the server draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkRequest {
    /// A preset's name ([`crate::link::Preset`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// A whole network, in its text form ([`crate::link::limits`]); not together with `preset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<NetworkProfile>,
    /// What is different, in both directions alike. With neither preset nor profile it changes the network in force.
    #[serde(skip_serializing_if = "LinkChange::is_empty")]
    pub change: LinkChange,
    /// Where every chance comes from. A new seed starts the weather anew; so does a preset or a profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// A lab as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name in paths: 32 hexadecimal digits.
    pub id: String,
    /// Where every chance comes from.
    pub seed: u64,
    /// The preset that it was set to last; `None` after a whole profile.
    pub preset: Option<String>,
    /// What is different from that preset or profile.
    pub change: LinkChange,
    /// The main settings in force, from the server to the client.
    pub knobs: Knobs,
    /// Whether UDP is blocked.
    pub is_udp_blocked: bool,
    /// Whose TCP crosses the network.
    #[serde(default)]
    pub tcp: TcpStack,
    /// Where its lanes connect.
    pub ports: LabPorts,
}

/// Where the lanes of a lab connect: at the host of the page, or 127.0.0.1 for a page of localhost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabPorts {
    /// TCP: WebSocket at `/ws?lane=N`.
    pub websocket: CongestionPorts,
    /// UDP: WebTransport at `/wt?lane=N`; `None` when the server has no WebTransport.
    pub webtransport: Option<CongestionPorts>,
}

/// A port for each congestion controller: it is chosen by connecting there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CongestionPorts {
    /// Both ends (TCP), or the server (QUIC), use CUBIC.
    pub cubic: u16,
    /// The same with an initial window of [`Congestion::WIDE_WINDOW_BYTES`].
    pub cubic_wide: u16,
    /// Both ends (TCP), or the server (QUIC), use BBR.
    pub bbr: u16,
}

impl CongestionPorts {
    /// The port for `congestion`.
    pub const fn port(self, congestion: Congestion) -> u16 {
        match congestion {
            Congestion::Cubic => self.cubic,
            Congestion::CubicWide => self.cubic_wide,
            Congestion::Bbr => self.bbr,
        }
    }
}

/// Congestion controllers that a lane can choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Congestion {
    /// CUBIC (RFC 9438): loss is the sign of congestion. The default of Linux and of quinn.
    #[default]
    Cubic,
    /// CUBIC with an initial window of [`Congestion::WIDE_WINDOW_BYTES`] in place of ten packets. The kernel's TCP has no
    /// such setting for one connection, and begins with ten packets all the same.
    CubicWide,
    /// BBR: the rate follows the measured bandwidth and round trip, so random loss does not slow it down.
    Bbr,
}

impl Congestion {
    /// All.
    pub const ALL: [Self; 3] = [Self::Cubic, Self::CubicWide, Self::Bbr];
    /// The initial window of [`Self::CubicWide`].
    pub const WIDE_WINDOW_BYTES: u64 = 256 * 1024;

    /// The initial window where it is not the stack's own, bytes.
    pub const fn initial_window_bytes(self) -> Option<u64> {
        match self {
            Self::CubicWide => Some(Self::WIDE_WINDOW_BYTES),
            Self::Cubic | Self::Bbr => None,
        }
    }

    /// The controller alone, as stacks name it.
    pub const fn controller(self) -> &'static str {
        match self {
            Self::Cubic | Self::CubicWide => "cubic",
            Self::Bbr => "bbr",
        }
    }

    /// What people call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cubic => "CUBIC",
            Self::CubicWide => "CUBIC 256 KiB",
            Self::Bbr => "BBR",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|congestion| congestion.name() == name)
    }

    /// The name used in URLs, options and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::CubicWide => "cubic-wide",
            Self::Bbr => "bbr",
        }
    }
}

impl fmt::Display for Congestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whose TCP crosses an emulated network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpStack {
    /// A model that follows Linux.
    #[default]
    Model,
    /// The kernel's own, in namespaces of its own.
    Kernel,
}

impl TcpStack {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Model, Self::Kernel];

    /// The name used in options and on the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Kernel => "kernel",
        }
    }
}

/// Something that happens to a lab once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LabEvent {
    /// Nothing gets in for a while, in either direction.
    Tunnel {
        /// For how long, 0.1 to [`LabEvent::MAX_TUNNEL_SECS`].
        seconds: f64,
    },
    /// The client has another address: TCP connections end, and QUIC's go on by another path (RFC 9000 §9). Both
    /// settings may be left out.
    SwitchNetwork(Switch),
    /// Somebody on the path copies the QUIC clients' next packets, and sends the copies from an address of their own,
    /// sooner than the packets themselves arrive; what the server sends there is counted, and nobody answers it. All
    /// settings may be left out.
    Spoof(Spoof),
    /// UDP passes no longer, or again; TCP is not touched.
    BlockUdp {
        /// Whether it is blocked from now on.
        blocked: bool,
    },
    /// A balancer stands in front of several backends from now on, or no longer; its counters begin anew, and all
    /// backends are up.
    Balance {
        /// What it routes by.
        routing: LabRouting,
        /// Backends, 2 to [`LabEvent::MAX_BACKENDS`].
        #[serde(default = "least_backends")]
        backends: u8,
    },
    /// A backend goes down, so that nothing passes to or from it, or comes back.
    Backend {
        /// Its number, from 0.
        index: u8,
        /// Whether it is up from now on.
        up: bool,
    },
    /// The process of a backend is killed, as far as backends are processes; it is started again by itself.
    KillBackend {
        /// The backend's number, from 0.
        index: u8,
    },
    /// Whether QUIC connections that begin from now on may migrate.
    Migration {
        /// Whether they may.
        allowed: bool,
    },
}

const fn least_backends() -> u8 {
    LabEvent::MIN_BACKENDS
}

impl LabEvent {
    /// The shortest tunnel, seconds.
    pub const MIN_TUNNEL_SECS: f64 = 0.1;
    /// The longest tunnel, seconds.
    pub const MAX_TUNNEL_SECS: f64 = 120.0;
    /// The fewest backends that a balancer stands in front of.
    pub const MIN_BACKENDS: u8 = 2;
    /// The most.
    pub const MAX_BACKENDS: u8 = 4;
}
