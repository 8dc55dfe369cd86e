//! Where a session writes, and how it fills it.

use bytes::BytesMut;
use sluice_shared::log::Source;
use sluice_shared::session::{Batch, BatchLimits, Select, ServerSession};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::write_server_control;

use super::carrier::Limits;

/// Bytes that one turn sends at most before it looks at what the client has said.
const TURN_BYTES: u64 = 256 * 1024;

/// The buffers of a connection that a session writes into. A buffer that is not offered is full.
///
/// Control and data may share a buffer (a WebSocket) or not (WebTransport).
pub(crate) trait Outlet {
    /// Where a control item may be appended; `None` while too much waits.
    fn control(&mut self) -> Option<&mut BytesMut>;

    /// How many lanes carry data.
    fn lanes(&self) -> usize;

    /// The lane at `index`, if it takes a batch now.
    fn lane(&mut self, index: usize) -> Option<Lane<'_>>;

    /// A batch was appended to the lane at `index`.
    fn seal(&mut self, index: usize, batch: Batch);
}

/// Where a batch goes.
pub(crate) struct Lane<'a> {
    /// Which messages it carries.
    pub(crate) select: Select,
    /// How much it takes.
    pub(crate) limits: BatchLimits,
    /// Where the batch is appended.
    pub(crate) out: &'a mut BytesMut,
}

impl<'a> Lane<'a> {
    /// What a WebSocket takes: one frame is filled while none is being written, so that what is sent later is decided
    /// later. `out` is the frame, with its control items.
    pub(crate) fn frame(is_writing: bool, out: &'a mut BytesMut) -> Option<Self> {
        if is_writing || out.len() >= Limits::WRITE_BYTES / 2 {
            return None;
        }
        Some(Self::stream(Select::Any, Limits::WRITE_MESSAGES, (Limits::WRITE_BYTES - out.len(), out)))
    }

    /// What a stream takes that has room for so many bytes behind `out`.
    pub(crate) const fn stream(
        select: Select,
        messages: usize,
        (bytes, out): (usize, &'a mut BytesMut),
    ) -> Self {
        Self { select, limits: BatchLimits { messages, bytes, oversize_is_gap: false }, out }
    }

    /// What one datagram takes that has room for so many bytes behind `out`.
    pub(crate) const fn datagram((bytes, out): (usize, &'a mut BytesMut)) -> Self {
        let limits = BatchLimits { messages: Limits::WRITE_MESSAGES, bytes, oversize_is_gap: true };
        Self { select: Select::Any, limits, out }
    }
}

/// Fills the outlet's buffers: control items first, then batches, each lane in its turn from `first_lane` on.
///
/// Returns how many lanes could not be asked for all they might take, so that there is more to send as soon as
/// fewer lanes than that are full. A naive server ([`Policy::is_exhibit`](sluice_shared::policy::Policy::is_exhibit))
/// makes a write of every message, so a lane gets one in a turn.
pub(crate) fn fill(
    outlet: &mut impl Outlet,
    session: &mut ServerSession,
    source: &impl Source,
    first_lane: usize,
    now: Time,
    mut sent: impl FnMut(Batch),
) -> usize {
    while let Some(out) = outlet.control() {
        let Some(control) = session.poll_control() else { break };
        write_server_control(out, &control);
    }
    let lanes = outlet.lanes();
    let mut budget = TURN_BYTES;
    let mut full_lanes = 0;
    let is_naive = session.policy().is_exhibit();
    let mut has_sent = false;
    for turn in 0..lanes {
        let index = first_lane.wrapping_add(turn) % lanes;
        loop {
            let Some(lane) = outlet.lane(index) else {
                full_lanes += 1;
                break;
            };
            let Some(batch) = session.poll_batch(source, lane.select, lane.limits, now, lane.out) else {
                break;
            };
            outlet.seal(index, batch);
            sent(batch);
            has_sent = true;
            if is_naive {
                break;
            }
            budget = budget.saturating_sub(batch.amount.bytes);
            if budget == 0 {
                return lanes;
            }
        }
    }
    if is_naive && has_sent { lanes } else { full_lanes }
}
