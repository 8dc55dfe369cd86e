//! The frames that validate a path, as they are written down.

use sluice_shared::lab::{PathFrame, SwitchReport};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use crate::quic::{Glimpse, hex};

/// Which ones of a list a packet carries: the first, and how many.
pub(super) type Carried = (usize, usize);

/// Adds the frames of a packet to `list`, or to the number of those that it has no room for.
pub(super) fn note(
    list: &mut Vec<PathFrame>,
    more: &mut u64,
    direction: Direction,
    glimpse: &Glimpse,
    leads_nowhere: bool,
    sent_at: Time,
) -> Option<Carried> {
    let first = list.len();
    let room = SwitchReport::MAX_FRAMES - first.min(SwitchReport::MAX_FRAMES);
    let frames = glimpse.path_frames.iter().take(room).map(|(kind, data)| PathFrame {
        kind: *kind,
        direction,
        is_to_old_address: leads_nowhere,
        sent_at,
        arrived_at: None,
        data: hex(data),
    });
    list.extend(frames);
    let count = list.len() - first;
    *more += (glimpse.path_frames.len() - count) as u64;
    (count > 0).then_some((first, count))
}

/// A packet with frames of `list` has arrived.
pub(super) fn note_arrival(list: &mut [PathFrame], (first, count): Carried, at: Time) {
    for frame in list.iter_mut().skip(first).take(count) {
        frame.arrived_at.get_or_insert(at);
    }
}
