//! Handshake lab: round trips to the first byte, TCP + TLS 1.3 + HTTP/2 compared with QUIC + HTTP/3.
//!
//! | module | concept |
//! |---|---|
//! | `model` | settings, schedule of runs, tables and sentences: plain Rust, tested natively |
//! | `state` | signals that outlive the view, and the actions that change them |
//! | `view` | components |

pub mod model;
pub mod state;
pub mod view;
