//! The words both sides of Sluice speak, and the machines that speak them.
//!
//! Nothing here does IO, reads a clock or draws a random number: time and seed are arguments, so a whole session runs
//! in virtual time inside a unit test, on a server, and in a browser, and does the same in each.
//!
//! | module | what it holds |
//! |---|---|
//! | [`time`], [`units`], [`ids`] | quantities and identities, each a type of its own |
//! | [`mode`], [`feed`], [`policy`] | what a lane is set to |
//! | [`wire`] | the items that cross a connection, and their bytes |
//! | [`flow`] | receiver-owned credit |
//! | [`log`], [`queue`] | where messages wait at the server |
//! | [`delivery`], [`ledger`] | what has arrived, what never will, and what that returns in credit |
//! | [`digest`], [`audit`], [`certificate`] | what became of each message, proven to both sides |
//! | [`session`] | both ends of a session |
//! | [`exhibit`] | what bounds a failure exhibit |
//! | [`flood`] | what a client sends to feel a server that stops reading |
//! | [`clock`], [`histogram`] | measurement |
//! | [`link`] | bad networks: profiles, presets |
//! | [`lab`] | one page's bad network: requests, reports |
//! | [`handshake`] | the handshake lab: requests, reports, ladders |
//! | [`scenario`] | comparisons with a name: network, feed and lanes |
//! | [`api`] | the HTTP API's JSON |
#![warn(missing_docs, clippy::cast_possible_truncation)]

pub mod api;
pub mod audit;
pub mod certificate;
pub mod clock;
pub mod delivery;
pub mod digest;
pub mod exhibit;
pub mod feed;
pub mod flood;
pub mod flow;
pub mod handshake;
pub mod histogram;
pub mod ids;
pub mod lab;
pub mod ledger;
pub mod link;
pub mod log;
pub mod mode;
pub mod policy;
pub mod queue;
pub mod ranges;
pub mod scenario;
pub mod session;
pub mod time;
pub mod units;
pub mod wire;
