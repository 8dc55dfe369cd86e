//! The two facts of a TLS handshake that are needed to find its keys (RFC 8446 §4.1).

use std::collections::BTreeMap;

use super::keys::Suite;
use crate::cursor::Cursor;

/// What is kept of one side's first message: a hello with more in front of what is looked for is not understood.
const MAX_BYTES: usize = 4 * 1024;

/// The beginning of one side's handshake messages, put together from CRYPTO frames in any order.
#[derive(Debug, Default)]
pub struct Hello {
    pieces: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Hello {
    /// Takes the data of a CRYPTO frame.
    pub fn insert(&mut self, offset: u64, data: &[u8]) {
        if self.bytes + data.len() <= MAX_BYTES && !self.pieces.contains_key(&offset) {
            self.bytes += data.len();
            self.pieces.insert(offset, data.to_vec());
        }
    }

    /// The client's random value, once it is there.
    pub fn client_random(&self) -> Option<[u8; 32]> {
        let start = self.start();
        let mut cursor = Cursor::new(&start);
        random(&mut cursor, 1)
    }

    /// The cipher suite that the server has chosen, once it is there.
    pub fn suite(&self) -> Option<Suite> {
        let start = self.start();
        let mut cursor = Cursor::new(&start);
        random(&mut cursor, 2)?;
        let session_bytes = usize::from(cursor.u8()?);
        cursor.take(session_bytes)?;
        Suite::from_number(u16::from_be_bytes(cursor.array()?))
    }

    /// What is there without a hole, from the first byte on.
    fn start(&self) -> Vec<u8> {
        let mut start: Vec<u8> = Vec::new();
        for (offset, piece) in &self.pieces {
            let Some(known) = (start.len() as u64).checked_sub(*offset) else { break };
            let known = usize::try_from(known).unwrap_or(usize::MAX);
            start.extend(piece.get(known..).unwrap_or_default());
        }
        start
    }
}

/// The random value of a hello of this type, behind the message's type, length and version.
fn random(cursor: &mut Cursor<'_>, message: u8) -> Option<[u8; 32]> {
    if cursor.u8()? != message {
        return None;
    }
    cursor.take(3 + 2)?;
    cursor.array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_in_pieces_is_put_together() {
        let mut message = vec![1, 0, 0, 90, 3, 3];
        message.extend(0..32);
        message.extend([0; 8]);
        let mut hello = Hello::default();
        hello.insert(20, &message[20..]);
        hello.insert(0, &message[..7]);
        assert_eq!(hello.client_random(), None, "there is a hole");
        hello.insert(5, &message[5..30]);
        assert_eq!(hello.client_random().map(|random| random[31]), Some(31));
        assert_eq!(hello.suite(), None, "it is the client's");
    }

    #[test]
    fn the_server_names_the_suite_behind_the_session() {
        let mut message = vec![2, 0, 0, 90, 3, 3];
        message.extend([7; 32]);
        message.extend([2, 1, 1, 0x13, 0x03]);
        let mut hello = Hello::default();
        hello.insert(0, &message);
        assert_eq!(hello.suite(), Some(Suite::ChaCha20));
    }

    #[test]
    fn memory_is_bounded() {
        let mut hello = Hello::default();
        for n in 0..1_000u64 {
            hello.insert(n * 100, &[1; 100]);
        }
        assert!(hello.bytes <= MAX_BYTES && hello.pieces.len() <= MAX_BYTES / 100);
    }
}
