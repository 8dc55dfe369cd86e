//! Handshake messages, cut from the stream they lie in.

/// Longest message that is put together; what is behind a longer one is not understood.
const MAX_MESSAGE_BYTES: usize = 1 << 17;
const HEADER_BYTES: usize = 4;

/// One direction's handshake messages, fed in order.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    buffer: Vec<u8>,
    is_broken: bool,
}

/// A message of which only a part is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Its type.
    pub(crate) kind: u8,
    /// Bytes that are there, with the message's header.
    pub(crate) have: usize,
    /// Bytes that it will have.
    pub(crate) total: usize,
}

impl Messages {
    /// Takes more bytes, and calls `see` with the type and the body of each message that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], mut see: impl FnMut(u8, &[u8])) {
        if self.is_broken {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        let mut taken = 0;
        while let Some(&[kind, high, middle, low]) =
            self.buffer.get(taken..).and_then(<[u8]>::first_chunk::<HEADER_BYTES>)
        {
            let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            if length > MAX_MESSAGE_BYTES {
                self.is_broken = true;
                self.buffer = Vec::new();
                return;
            }
            let body_at = taken + HEADER_BYTES;
            let Some(body) = self.buffer.get(body_at..body_at + length) else { break };
            see(kind, body);
            taken = body_at + length;
        }
        self.buffer.drain(..taken);
    }

    /// The message of which the end is not there yet.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let &[kind, high, middle, low] = self.buffer.first_chunk::<HEADER_BYTES>()?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Some(Progress { kind, have: self.buffer.len(), total: HEADER_BYTES + length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_where_they_end() {
        let mut messages = Messages::default();
        let mut seen = Vec::new();
        messages.push(&[20, 0, 0, 2, 7], |kind, body| seen.push((kind, body.to_vec())));
        assert_eq!(messages.progress(), Some(Progress { kind: 20, have: 5, total: 6 }));
        messages.push(&[8, 1, 0, 0, 0, 2], |kind, body| seen.push((kind, body.to_vec())));
        assert_eq!(seen, [(20, vec![7, 8]), (1, vec![])]);
        assert_eq!(messages.progress(), None, "its header is not complete");
    }

    #[test]
    fn a_message_without_an_end_takes_no_memory() {
        let mut messages = Messages::default();
        messages.push(&[1, 255, 255, 255], |_, _| panic!("none is complete"));
        messages.push(&[1; 4096], |_, _| panic!("none is complete"));
        assert_eq!(messages.buffer.capacity(), 0);
    }
}
