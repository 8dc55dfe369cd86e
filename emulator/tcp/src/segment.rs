//! What crosses the link: a segment with everything that its headers say.

use core::fmt;
use core::ops::BitOr;

use bytes::Bytes;

use crate::seq::Seq;

/// Bytes of an IPv4 header without options.
pub const IPV4_HEADER_BYTES: usize = 20;
/// Bytes of a TCP header without options.
pub const TCP_HEADER_BYTES: usize = 20;

/// A TCP segment (RFC 9293 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of the first byte, or of the SYN.
    pub seq: Seq,
    /// The next number expected from the other side; meaningful with [`Flags::ACK`].
    pub ack: Seq,
    /// The control bits.
    pub flags: Flags,
    /// The window field as it stands in the header: shifted right by the scale, except on a SYN (RFC 7323 §2.2).
    pub window: u16,
    /// The options.
    pub options: Options,
    /// The data.
    pub payload: Bytes,
}

impl Segment {
    /// How many sequence numbers it takes: its bytes, and one each for SYN and FIN.
    pub fn sequence_len(&self) -> u64 {
        self.payload.len() as u64
            + u64::from(self.flags.contains(Flags::SYN))
            + u64::from(self.flags.contains(Flags::FIN))
    }

    /// How many bytes it takes as an IPv4 packet, which is what a link's rate and queue count.
    pub fn wire_len(&self) -> usize {
        IPV4_HEADER_BYTES + TCP_HEADER_BYTES + self.options.encoded_len() + self.payload.len()
    }
}

/// A TCP header's control bits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push: the sender's queue ended here.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field is meaningful.
    pub const ACK: Self = Self(0x10);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits as they stand in the header.
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            [(Self::SYN, "S"), (Self::FIN, "F"), (Self::RST, "R"), (Self::PSH, "P"), (Self::ACK, ".")];
        names.into_iter().filter(|(flag, _)| self.contains(*flag)).try_for_each(|(_, name)| f.write_str(name))
    }
}

/// A TCP header's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Largest segment that the sender of this SYN takes, in bytes of data (RFC 9293 §3.7.1).
    pub max_segment_bytes: Option<u16>,
    /// By how many bits the window field is shifted (RFC 7323 §2); on a SYN only.
    pub window_scale: Option<u8>,
    /// Selective acknowledgments are understood (RFC 2018 §2); on a SYN only.
    pub is_sack_permitted: bool,
    /// Timestamps (RFC 7323 §3).
    pub timestamps: Option<Timestamps>,
    /// Selective acknowledgments (RFC 2018 §3, RFC 2883).
    pub sack: SackBlocks,
}

impl Options {
    /// Bytes that the options take in a header, aligned as Linux aligns them.
    pub fn encoded_len(&self) -> usize {
        let timestamps = if self.timestamps.is_some() { 12 } else { 0 };
        let max_segment = if self.max_segment_bytes.is_some() { 4 } else { 0 };
        let window_scale = if self.window_scale.is_some() { 4 } else { 0 };
        // Next to timestamps, "SACK permitted" takes the place of their padding.
        let sack_permitted = if self.is_sack_permitted && timestamps == 0 { 4 } else { 0 };
        let sack = if self.sack.is_empty() { 0 } else { 4 + 8 * self.sack.len() };
        max_segment + timestamps + sack_permitted + window_scale + sack
    }
}

/// The timestamps option, in milliseconds of the sender's own clock, as Linux counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock when the segment left (TSval).
    pub value: u32,
    /// The value being echoed (TSecr).
    pub echo: u32,
}

/// The ranges of a SACK option, at most three beside timestamps; the first may be a duplicate (RFC 2883).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [(Seq, Seq); Self::MAX],
    len: usize,
}

impl SackBlocks {
    /// Most blocks that fit beside timestamps: 40 bytes of options − 12 − 4, over 8.
    pub const MAX: usize = 3;

    /// Adds the range from `first` up to but without `end`; says whether there was room.
    pub fn push(&mut self, first: Seq, end: Seq) -> bool {
        let Some(slot) = self.blocks.get_mut(self.len) else { return false };
        *slot = (first, end);
        self.len += 1;
        true
    }

    /// The ranges, each from its first number up to but without its second.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        self.blocks.iter().take(self.len).copied()
    }

    /// How many ranges there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_sizes_are_those_of_linux() {
        let mut options = Options {
            max_segment_bytes: Some(1_460),
            window_scale: Some(7),
            is_sack_permitted: true,
            timestamps: Some(Timestamps { value: 1, echo: 0 }),
            sack: SackBlocks::default(),
        };
        assert_eq!(options.encoded_len(), 20, "a SYN");
        options = Options { timestamps: options.timestamps, ..Options::default() };
        assert_eq!(options.encoded_len(), 12, "data");
        assert!(options.sack.push(Seq::new(1), Seq::new(2)));
        assert_eq!(options.encoded_len(), 24, "an acknowledgment with one block");
        assert!(options.sack.push(Seq::new(3), Seq::new(4)));
        assert!(options.sack.push(Seq::new(5), Seq::new(6)));
        assert!(!options.sack.push(Seq::new(7), Seq::new(8)), "a fourth block does not fit");
        assert_eq!(options.encoded_len(), 40);
    }
}
