//! The bytes that were written and are not acknowledged.

use std::collections::VecDeque;

use bytes::Bytes;

/// A bounded queue of bytes by their offset in the stream; the FIN, if any, is one place behind the last byte.
#[derive(Clone, Debug)]
pub(crate) struct SendBuffer {
    bytes: VecDeque<u8>,
    /// The offset of the first byte held.
    start: u64,
    capacity: u64,
    max_capacity: u64,
    is_closed: bool,
    /// A write was cut short since there was room last.
    is_short: bool,
}

impl SendBuffer {
    /// An empty buffer whose first byte will have offset 1.
    pub(crate) fn new(capacity: u64, max_capacity: u64) -> Self {
        let capacity = capacity.min(max_capacity);
        Self { bytes: VecDeque::new(), start: 1, capacity, max_capacity, is_closed: false, is_short: false }
    }

    /// Takes as much of `data` as there is room for, and says how much that was.
    pub(crate) fn write(&mut self, data: &[u8]) -> usize {
        let room = usize::try_from(self.free()).unwrap_or(usize::MAX);
        let taken = data.len().min(room);
        self.is_short = taken < data.len();
        self.bytes.extend(data.iter().take(taken));
        taken
    }

    /// Puts a FIN behind the last byte; nothing may be written after it.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The offset behind the last byte.
    pub(crate) fn data_end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The offset behind all that there is to send, the FIN included.
    pub(crate) fn end(&self) -> u64 {
        self.data_end() + u64::from(self.is_closed)
    }

    /// The bytes from `first` up to but without `end`, as far as they are held.
    pub(crate) fn copy(&self, first: u64, end: u64) -> Bytes {
        let index = |offset: u64| {
            usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.bytes.len())
        };
        let (from, to) = (index(first), index(end));
        let (head, tail) = self.bytes.as_slices();
        if to <= head.len() {
            Bytes::copy_from_slice(head.get(from..to).unwrap_or_default())
        } else if from >= head.len() {
            Bytes::copy_from_slice(tail.get(from - head.len()..to - head.len()).unwrap_or_default())
        } else {
            self.bytes.range(from..to).copied().collect()
        }
    }

    /// Lets go of everything before `offset`.
    pub(crate) fn release(&mut self, offset: u64) {
        let count = offset.saturating_sub(self.start).min(self.bytes.len() as u64);
        self.bytes.drain(..usize::try_from(count).unwrap_or(usize::MAX));
        self.start += count;
    }

    /// Bytes that a write would take.
    pub(crate) fn free(&self) -> u64 {
        if self.is_closed { 0 } else { self.capacity.saturating_sub(self.bytes.len() as u64) }
    }

    /// Whether the application wanted to write more than there was room for.
    pub(crate) const fn is_short(&self) -> bool {
        self.is_short
    }

    /// Makes room for `packets` segments: Linux's `tcp_sndbuf_expand`, which never shrinks a buffer.
    pub(crate) fn expand(&mut self, packets: u64, segment_bytes: u64) {
        let wanted = packets.saturating_mul(segment_bytes);
        self.capacity = self.capacity.max(wanted.min(self.max_capacity));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_by_their_offset_even_across_the_ring_end() {
        let mut buffer = SendBuffer::new(64, 64);
        let mut released = 1;
        for round in 0..200_u8 {
            let data: Vec<u8> = (0..17).map(|i| round.wrapping_mul(17).wrapping_add(i)).collect();
            assert_eq!(buffer.write(&data), 17);
            let first = buffer.data_end() - 17;
            assert_eq!(buffer.copy(first, first + 17), data);
            assert_eq!(buffer.copy(first + 3, first + 5), data[3..5]);
            released += 17;
            buffer.release(released - 5);
        }
    }

    #[test]
    fn it_takes_what_fits_and_grows_only_up_to_its_limit() {
        let mut buffer = SendBuffer::new(10, 100);
        assert_eq!(buffer.write(&[7; 12]), 10);
        assert!(buffer.is_short());
        buffer.expand(6, 10);
        assert_eq!((buffer.capacity, buffer.free()), (60, 50));
        buffer.expand(1, 10);
        buffer.expand(1_000, 10);
        assert_eq!(buffer.capacity, 100);
        buffer.close();
        assert_eq!((buffer.free(), buffer.data_end(), buffer.end()), (0, 11, 12));
    }
}
