//! Bytes of a stream, put in order.

use std::collections::BTreeMap;

/// Most bytes that wait for those in front of them; what is beyond is not read.
const MAX_WAITING_BYTES: usize = 256 << 10;

/// Takes pieces in any order and gives each byte once, in order.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    next: u64,
    /// The end of what has come, holes or not.
    seen: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_bytes: usize,
}

impl Assembly {
    /// Whether all bytes up to `end` have come before, and there are some.
    pub(super) fn is_again(&self, offset: u64, bytes: usize) -> bool {
        bytes > 0 && offset.saturating_add(bytes as u64) <= self.next
    }

    /// The end of what has been put in order.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// The end of what has come.
    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes a piece, and gives what is in order through it.
    pub(super) fn insert(&mut self, offset: u64, bytes: &[u8]) -> Vec<u8> {
        self.seen = self.seen.max(offset.saturating_add(bytes.len() as u64));
        let mut ready = Vec::new();
        if offset > self.next {
            let is_new = self.waiting.get(&offset).is_none_or(|known| known.len() < bytes.len());
            if is_new && self.waiting_bytes + bytes.len() <= MAX_WAITING_BYTES {
                self.waiting_bytes += bytes.len();
                if let Some(replaced) = self.waiting.insert(offset, bytes.to_vec()) {
                    self.waiting_bytes -= replaced.len();
                }
            }
            return ready;
        }
        self.take(offset, bytes, &mut ready);
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let (offset, piece) = entry.remove_entry();
            self.waiting_bytes -= piece.len();
            self.take(offset, &piece, &mut ready);
        }
        ready
    }

    fn take(&mut self, offset: u64, bytes: &[u8], ready: &mut Vec<u8>) {
        let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX);
        let fresh = bytes.get(known..).unwrap_or_default();
        self.next += fresh.len() as u64;
        ready.extend_from_slice(fresh);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_for_what_waits_is_bounded() {
        let mut assembly = Assembly::default();
        for n in 0..10_000u64 {
            assert!(assembly.insert(1 + n * 2_000, &[0; 1_000]).is_empty());
        }
        assert!(assembly.waiting_bytes <= MAX_WAITING_BYTES);
        assert_eq!(assembly.insert(0, &[0]).len(), 1_001);
    }

    proptest! {
        #[test]
        fn each_byte_comes_once_and_in_order(
            pieces in proptest::collection::vec((0usize..200, 0usize..60), 0..60),
        ) {
            let stream: Vec<u8> = (0..=255).collect();
            let mut assembly = Assembly::default();
            let mut out = Vec::new();
            for (offset, length) in pieces.into_iter().chain([(0, 130), (130, 126)]) {
                let end = (offset + length).min(stream.len());
                out.extend(assembly.insert(offset as u64, &stream[offset..end]));
            }
            prop_assert_eq!(out, stream);
            prop_assert_eq!(assembly.waiting_bytes, 0);
        }
    }
}
