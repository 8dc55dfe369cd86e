//! Scenarios: a network, a feed and the lanes that are compared on them, under a name.
//!
//! In text (TOML, JSON) every number carries its unit in its name and is checked against the range in [`limits`] when it
//! is read; an error names the setting, the value and the range:
//!
//! ```toml
//! name = "head-of-line"
//! summary = "2 % lost: does one lost packet hold up every topic?"
//! congestion = "bbr"                       # of both ends of every lane: cubic (if left out), cubic-wide or bbr
//! seconds = 60
//! seed = 1
//! heartbeat_ms = 1_000                     # how often each client asks for a sign of life
//!
//! [network]
//! preset = "lossy-2"                       # or a whole network: profile = { up = { … }, down = { … } }
//! change = { loss_percent = 3 }            # what is different, in both directions; see `lab::LinkChange`
//!
//! [feed]
//! messages_per_second = 400
//! payload_bytes = 200
//! topics = 8
//! keys = 16
//!
//! [address_changes]                        # left out, only the network itself changes the client's address
//! every_ms = 5_000                         # one in each span of 5 s, at a moment that the seed draws
//! part = "address"                         # address (with its port, if left out) or port
//! tells_client = true                      # TCP connections end at once (if left out), or are silent
//! server_follows = true                    # false switches QUIC's migration off
//!
//! [spoof]                                  # left out, nobody copies the client's packets
//! every_ms = 5_000                         # once in each span of 5 s, at a moment that the seed draws
//! packets = 1                              # the next QUIC packets with short headers (1 if left out)
//! original = "follows"                     # follows its copy (if left out), or is dropped
//!
//! [balancer]                               # left out, there is one server
//! backends = 2
//! routing = "connection-id"                # of QUIC's packets: connection-id or address
//! shares_reset_key = false                 # true: clients believe the stateless resets of every backend
//!
//! [[lanes]]
//! mode = "websocket"
//!
//! [[lanes]]
//! mode = "stream-per-topic"
//! policy = "latest"                        # lossless if left out
//! window_messages = 64                     # with window_bytes; left out, the window is automatic
//! window_bytes = 262_144
//! consumer_delay_us = 500                  # 0 if left out
//! ```

mod definition;
mod error;
pub mod limits;
mod moves;
mod text;

pub use definition::{FeedSetup, LaneSetup, Scenario, ScenarioNetwork};
pub use error::ScenarioError;
pub use moves::{AddressChanges, AddressPart, BalancerSetup, Routing, SpoofSetup};
