//! Clients that get other addresses, somebody who pretends that they do, and the balancer that finds their connections again or does not.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lab::Spoof;

/// How the client gets another address again and again while the feed sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressChanges {
    /// There is one change in each span of this length, at a moment that the seed draws; 50 ms to 10 min.
    pub every: Duration,
    /// What becomes another one.
    pub part: AddressPart,
    /// Whether the client's machine notices: its TCP connections end at once, as when an interface goes. Otherwise they
    /// are silent until somebody gives them up.
    pub tells_client: bool,
    /// Whether the server lets QUIC connections migrate.
    pub server_follows: bool,
}

/// How somebody copies the client's packets again and again while the feed sends, and sends them from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoofSetup {
    /// There is one attack in each span of this length, at a moment that the seed draws; 50 ms to 10 min.
    pub every: Duration,
    /// What is copied each time, and what becomes of the originals.
    pub spoof: Spoof,
}

/// A part of a client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressPart {
    /// The port alone, as when a NAT has forgotten its mapping: the server keeps what it knows of the path.
    Port,
    /// Address and port, as when the network is another: the server begins anew with round trip and congestion window.
    Address,
}

impl AddressPart {
    /// The name in settings and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Address => "address",
        }
    }
}

/// A layer-4 balancer in front of several backends that share sessions and hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalancerSetup {
    /// Backends, 1 to [`BalancerSetup::MAX_BACKENDS`].
    pub backends: u8,
    /// What QUIC's packets are routed by; TCP connections go by the hash of the address.
    pub routing: Routing,
    /// Whether all backends make stateless resets with one key (RFC 9000 §10.3.2), so that a client believes the reset of
    /// a backend that its packets should not have reached.
    pub shares_reset_key: bool,
}

impl BalancerSetup {
    /// Most backends.
    pub const MAX_BACKENDS: u8 = 16;
}

/// What a balancer routes QUIC's packets by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    /// The hash of the client's address and port, as for any UDP.
    Address,
    /// The backend's number in the connection ID (draft-ietf-quic-load-balancers).
    ConnectionId,
}

impl Routing {
    /// The name in settings and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::ConnectionId => "connection-id",
        }
    }
}
