//! A frame's header (RFC 6455 §5.2).

/// Bytes of the longest header: two, a length of eight, a masking key.
pub(super) const MAX_HEADER_BYTES: usize = 14;

/// A frame's header, as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its bytes.
    bytes: [u8; MAX_HEADER_BYTES],
    /// How many they are.
    used: usize,
    /// Length of the payload, bytes.
    pub(super) length: u64,
    /// The masking key.
    pub(super) mask: Option<[u8; 4]>,
}

impl Header {
    /// Reads a header that `bytes` begin with; `None` while it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[_, second, ref rest @ ..] = bytes else { return None };
        let (length, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length), rest)
            }
            length => (u64::from(length), rest),
        };
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (mask, rest) = rest.split_first_chunk()?;
            (Some(*mask), rest)
        };
        let used = bytes.len() - rest.len();
        let mut header = Self { bytes: [0; MAX_HEADER_BYTES], used, length, mask };
        header.bytes[..used].copy_from_slice(&bytes[..used]);
        Some(header)
    }

    /// The bytes as they were on the wire.
    pub(super) fn wire(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Whether the frame is the last of its message.
    pub(super) const fn fin(&self) -> bool {
        self.bytes[0] & 0x80 != 0
    }

    /// The reserved bits, RSV1 being 4.
    pub(super) const fn rsv(&self) -> u8 {
        self.bytes[0] >> 4 & 0x7
    }

    /// The opcode.
    pub(super) const fn opcode(&self) -> u8 {
        self.bytes[0] & 0xf
    }

    /// Whether it is a control frame, one of a reserved opcode included.
    pub(super) const fn is_control(&self) -> bool {
        self.opcode() & 0x8 != 0
    }

    /// Whether the length is in the shortest form there is for it.
    pub(super) const fn is_shortest(&self) -> bool {
        match self.bytes[1] & 0x7f {
            126 => self.length > 125,
            127 => self.length > 0xffff,
            _ => true,
        }
    }

    /// Applies the mask to bytes from the payload's beginning, which also takes it off (RFC 6455 §5.3).
    pub(super) fn unmasked(&self, payload: &[u8]) -> Vec<u8> {
        let mask = self.mask.unwrap_or_default();
        payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_read() {
        // RFC 6455 §5.7.
        let header = Header::read(&[0x81, 0x05, 0x48]).expect("whole");
        assert_eq!((header.fin(), header.opcode(), header.length, header.mask), (true, 1, 5, None));
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let header = Header::read(&masked).expect("whole");
        assert_eq!(header.wire().len(), 6);
        assert_eq!(header.unmasked(&masked[6..]), b"Hello");
        let header = Header::read(&[0x82, 0x7e, 0x01, 0x00]).expect("whole");
        assert_eq!((header.opcode(), header.length, header.is_shortest()), (2, 256, true));
        let header = Header::read(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]).expect("whole");
        assert_eq!((header.length, header.is_shortest()), (65_536, true));
        for length in 0..masked.len().min(6) {
            assert_eq!(Header::read(&masked[..length]), None, "{length} bytes");
        }
    }
}
