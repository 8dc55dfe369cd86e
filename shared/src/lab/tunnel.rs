//! Tunnels, and which connections came out of them.

use serde::{Deserialize, Serialize};

use super::request::Congestion;
use crate::mode::Transport;
use crate::time::Time;

/// A tunnel of a lab, and how its connections came out of it. All times are those of the server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelReport {
    /// Its number in the lab, from 0.
    pub number: u64,
    /// When it began.
    pub from: Time,
    /// Its end as planned; moved when another begins meanwhile.
    pub until: Time,
    /// Whether clients changed networks between `from` and the first data after it.
    pub switched: bool,
    /// The connections that were there when it began, [`TunnelReport::MAX_PATHS`] at most.
    pub paths: Vec<TunnelPath>,
}

impl TunnelReport {
    /// Tunnels that a lab remembers.
    pub const KEPT: usize = 16;
    /// Connections of one tunnel that are followed.
    pub const MAX_PATHS: usize = 16;
}

/// How one connection came out of a tunnel.
///
/// Data is what the server sends on streams and in datagrams (QUIC; any packet where they cannot be opened), or bytes that
/// the client's end can read in order (TCP; any segment with data where it is the kernel's). Acknowledgments are none. Of QUIC, data after a tunnel counts once
/// its client has sent something behind it: a server goes on sending to a client that has given up meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelPath {
    /// The connection's number in the lab.
    pub flow: u64,
    /// Its lane, once its URL has named it.
    pub lane: Option<u16>,
    /// What it carries.
    pub transport: Transport,
    /// The congestion controller of the port that it came by.
    pub congestion: Congestion,
    /// The last data that reached the client of what left the server before `until`. What is under way when a tunnel
    /// begins still arrives.
    pub last_data_at: Option<Time>,
    /// The first data that reached the client of what left the server at `until` or later.
    pub resumed: Option<Resumed>,
}

/// The first data after a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// The connection that brought it: the same, then it survived; or another one, by which the lane came back. A lane that
    /// begins another one less than 300 ms after the first data had given up the earlier one before.
    pub flow: u64,
    /// When it could be read at the client's end.
    pub at: Time,
}
