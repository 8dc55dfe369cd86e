//! Sequence numbers: 32 bits on the wire, offsets of 64 bits inside.

use core::fmt;

/// A sequence number as it stands in a header: modulo 2³² (RFC 9293 §3.4).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Seq(u32);

impl Seq {
    /// The sequence number `value`.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The number as it is written into a header.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One direction's numbering, counted from its initial sequence number.
///
/// Inside, places in a stream are offsets that never wrap: the SYN is 0, the first byte is 1, the FIN follows the last
/// byte. So ranges compare as plain integers, and only the wire knows of 2³².
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeqSpace {
    initial: Seq,
}

impl SeqSpace {
    pub(crate) const fn new(initial: Seq) -> Self {
        Self { initial }
    }

    /// The sequence number of `offset`.
    pub(crate) const fn seq_at(self, offset: u64) -> Seq {
        Seq(self.initial.0.wrapping_add(low_32_bits(offset)))
    }

    /// The offset of `seq` that is closest to `near`, or `None` when that would be before the stream's beginning.
    pub(crate) fn offset_of(self, seq: Seq, near: u64) -> Option<u64> {
        let distance = seq.0.wrapping_sub(self.seq_at(near).0).cast_signed();
        near.checked_add_signed(i64::from(distance))
    }
}

const fn low_32_bits(offset: u64) -> u32 {
    (offset & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_survives_the_wire_across_the_wrap() {
        let space = SeqSpace::new(Seq::new(u32::MAX - 10));
        for offset in [0, 1, 11, 5_000, 1 << 31, (1 << 32) + 17, (7 << 32) - 1] {
            let seq = space.seq_at(offset);
            assert_eq!(space.offset_of(seq, offset), Some(offset));
            assert_eq!(space.offset_of(seq, offset + 1_000_000), Some(offset));
        }
    }

    #[test]
    fn a_number_before_the_beginning_has_no_offset() {
        let space = SeqSpace::new(Seq::new(1_000));
        assert_eq!(space.offset_of(Seq::new(999), 0), None);
        assert_eq!(space.offset_of(Seq::new(999), 5), None);
    }
}
