//! How both sides compare what was produced with what was accounted for.

use serde::{Deserialize, Serialize};

use crate::digest::IdDigest;
use crate::feed::TicksSpec;
use crate::ids::{Epoch, Seq, StreamId};
use crate::wire::Hello;

/// Asks what was produced in parts of streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifyRequest {
    /// Returned unchanged, so that an answer finds its question.
    pub nonce: u64,
    /// Which parts, at most [`CertifyRequest::MAX_STREAMS`].
    pub spans: Vec<Span>,
}

impl CertifyRequest {
    /// As many as the largest subscription has.
    pub const MAX_STREAMS: usize = Hello::MAX_FEEDS * TicksSpec::MAX_STREAMS as usize;
}

/// A part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The stream.
    pub stream: StreamId,
    /// The first position.
    pub first: Seq,
    /// The position after the last; not past what was produced.
    pub cut: Seq,
}

/// Says what was produced in parts of streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducedReport {
    /// The request's.
    pub nonce: u64,
    /// The life of the hub.
    pub epoch: Epoch,
    /// Each part in the request's order, with the digest of what the hub's log has appended there; `None` for a stream
    /// that this session does not follow.
    pub spans: Vec<(Span, Option<IdDigest>)>,
}
