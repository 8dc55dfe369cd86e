//! What a request leads to.

use std::collections::BTreeMap;

use sluice_shared::handshake::{HandshakeError, HandshakeReport, Ladder, Probe};

/// Everything that one request led to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The figures.
    pub report: HandshakeReport,
    /// The first run of each probe, packet by packet.
    pub traces: BTreeMap<Probe, Trace>,
}

/// One run, packet by packet.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Ready to be drawn.
    pub ladder: Ladder,
    /// The packets as a capture, with the TLS secrets inside.
    pub pcapng: Vec<u8>,
    /// What the client's QUIC says of it; `None` for TCP.
    pub qlog: Option<Vec<u8>>,
}

/// Why a request led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting is out of its range.
    #[error(transparent)]
    OutOfRange(#[from] HandshakeError),
    /// The lab itself failed: a defect, or a system without what it needs.
    #[error("the handshake lab failed: {0}")]
    Lab(String),
}
