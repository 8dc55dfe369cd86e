//! The handshake lab: real stacks over an emulated network, packet by packet.
//!
//! rustls, hyper's HTTP/2, quinn, h3 and tungstenite run on `sluice_wire`, an executor with a clock of its own and a
//! network of the emulator's links and TCP: every packet is one that those stacks sent, and every figure comes from the
//! packets or from the clients.
//!
//! | file | concept |
//! |---|---|
//! | `run.rs` | from a request to its outcome |
//! | `attempt.rs` | one run of one probe |
//! | `bench.rs` | one run's stage, network, servers and clients |
//! | `app.rs` | the application behind both stacks, and 425 Too Early |
//! | `http2.rs`, `http3.rs`, `websocket.rs` | the stacks |
//! | `tls.rs`, `tls_stream.rs`, `tickets.rs` | TLS, with early data in both directions |
//! | `count.rs` | round trips, counted from the packets |
//! | `summary.rs` | what the runs of a probe had in common |
//! | `trace.rs`, `qlog.rs` | a run as a ladder, a capture, a log |
//! | `replay.rs`, `hostile.rs` | what attackers do |
//! | `facts.rs`, `load.rs` | both stacks side by side |
//! | `outcome.rs` | what a request leads to |
//! | `store.rs` | the last outcomes of a server, by name |
//! | `svg/` | ladders as pictures |
//! | `text.rs` | a report as text |

mod app;
mod attempt;
mod bench;
mod count;
mod error;
mod facts;
mod hostile;
mod http2;
mod http3;
mod load;
mod outcome;
mod qlog;
mod replay;
mod run;
mod store;
mod summary;
mod svg;
mod text;
mod tickets;
mod tls;
mod tls_stream;
mod trace;
mod websocket;

#[cfg(test)]
mod tests;

pub use outcome::{Outcome, RunError, Trace};
pub use run::run;
pub(crate) use store::{Refused, Store};
pub use svg::{ladder, ladder_export};
pub use text::{table, unexpected};
