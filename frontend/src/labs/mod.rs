//! The handshake lab and the migration lab on the page: a module of their own, in HTML text.
//!
//! | file | concept |
//! |---|---|
//! | `place.rs` | which panel is shown where |
//! | `migration/` | the migration lab |
//! | `panel.rs` | what is seen and done: asks the server, fills the parts, follows clicks and keys |
//! | `skeleton.rs` | the panel before anything was measured |
//! | `settings.rs` | the fields as the request |
//! | `read.rs` | the report from JSON |
//! | `results.rs` `proofs.rs` | the tables of probes, replays, hostile datagrams and facts |
//! | `ladder.rs` `axis.rs` | the server's picture of packets, walked through |
//! | `probing.rs` `measured.rs` | connections of this browser, and what they took |
//! | `words.rs` | names and figures |

mod axis;
mod ladder;
mod measured;
mod migration;
mod panel;
mod place;
mod probing;
mod proofs;
mod read;
mod results;
#[cfg(test)]
mod samples;
mod settings;
mod skeleton;
mod words;

pub use place::open;
