//! What became of a packet.

use sluice_shared::link::ByteCount;
use sluice_shared::time::Time;

/// The number of a packet on its link: 0 for the first that was handed in, whatever became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(pub u64);

/// The end of one packet's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate<P> {
    /// It arrived.
    Delivered(Delivered<P>),
    /// It never will.
    Dropped(Dropped<P>),
}

/// A packet that arrived at the far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered<P> {
    /// Which packet; a duplicate has the id of its original.
    pub id: PacketId,
    /// The packet.
    pub packet: P,
    /// Its size on the wire.
    pub size: ByteCount,
    /// When it was handed in.
    pub queued_at: Time,
    /// When its last bit had been serialised: everything before this was waiting for the rate.
    pub left_bottleneck_at: Time,
    /// When it arrived: the exact time, not that of the poll.
    pub delivered_at: Time,
    /// Whether this is a second copy that the link made.
    pub is_duplicate: bool,
}

/// A packet that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped<P> {
    /// Which packet.
    pub id: PacketId,
    /// The packet.
    pub packet: P,
    /// Its size on the wire.
    pub size: ByteCount,
    /// Why it is gone.
    pub reason: DropReason,
    /// When it was handed in.
    pub queued_at: Time,
    /// When its last bit had been serialised; `None` when it never got that far.
    pub left_bottleneck_at: Option<Time>,
    /// When it was lost.
    pub dropped_at: Time,
}

/// Why a packet is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The bottleneck's queue was full.
    Queue,
    /// Lost after the bottleneck.
    Loss(LossKind),
    /// It came during an outage.
    Outage,
    /// It came while the link was blocked.
    Blocked,
    /// The link held [`crate::Link::MAX_HELD`] or [`crate::Link::MAX_HELD_PACKETS`] already.
    Overload,
}

/// What kind of loss met a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKind {
    /// By chance, each packet for itself.
    Random,
    /// In a bad spell.
    Burst,
}
