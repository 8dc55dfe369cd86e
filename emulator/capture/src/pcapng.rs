//! Packet captures in the pcapng format (draft-ietf-opsawg-pcapng), written as a stream.
//!
//! Every packet is IPv4 without a link layer. Times are in microseconds, of whatever origin the caller's clock has.

use std::io::{self, Write};

use sluice_shared::time::Time;

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
/// "TLSK": lines of `SSLKEYLOGFILE` (RFC 9850).
const SECRETS_TLS_KEY_LOG: u32 = 0x544C_534B;
/// `LINKTYPE_RAW`: the packet begins with its IP header.
const LINK_TYPE_RAW: u16 = 101;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const SECTION_USER_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION_TEXT: u16 = 3;
const INTERFACE_TIME_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;

/// A place where packets are seen.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// A short name.
    pub name: &'a str,
    /// What it is.
    pub description: &'a str,
}

/// Which way a packet passes an interface, as whoever sits there sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It arrives.
    In,
    /// It leaves.
    Out,
}

/// Writes a capture of one section.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// A block under construction.
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a capture with packets seen at `interfaces`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, interfaces: &[Interface<'_>]) -> io::Result<Self> {
        let mut writer = Self { out, block: Vec::new() };
        writer.block.extend(BYTE_ORDER_MAGIC.to_ne_bytes());
        writer.block.extend(1_u16.to_ne_bytes());
        writer.block.extend(0_u16.to_ne_bytes());
        // The section's length is not known.
        writer.block.extend((-1_i64).to_ne_bytes());
        writer.option(SECTION_USER_APPLICATION, b"sluice");
        writer.end_options();
        writer.finish_block(SECTION_HEADER)?;
        for interface in interfaces {
            writer.block.extend(LINK_TYPE_RAW.to_ne_bytes());
            writer.block.extend(0_u16.to_ne_bytes());
            // No packet is cut.
            writer.block.extend(0_u32.to_ne_bytes());
            writer.option(INTERFACE_NAME, interface.name.as_bytes());
            writer.option(INTERFACE_DESCRIPTION_TEXT, interface.description.as_bytes());
            // Powers of ten: microseconds.
            writer.option(INTERFACE_TIME_RESOLUTION, &[6]);
            writer.end_options();
            writer.finish_block(INTERFACE_DESCRIPTION)?;
        }
        Ok(writer)
    }

    /// Writes TLS secrets in the lines of `SSLKEYLOGFILE` (RFC 9850); they open the packets that come after them.
    ///
    /// # Errors
    /// Those of the output, and a text of 4 GiB.
    pub fn secrets(&mut self, text: &str) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        self.block.extend(SECRETS_TLS_KEY_LOG.to_ne_bytes());
        self.block.extend(length.to_ne_bytes());
        self.block.extend_from_slice(text.as_bytes());
        self.pad();
        self.finish_block(DECRYPTION_SECRETS)
    }

    /// Writes a packet that passed interface number `interface` at `at`, with a remark.
    ///
    /// # Errors
    /// Those of the output, and a packet of 4 GiB.
    pub fn packet(
        &mut self,
        interface: u32,
        at: Time,
        way: Way,
        comment: Option<&str>,
        packet: &[u8],
    ) -> io::Result<()> {
        let micros = at.as_micros();
        let length = u32::try_from(packet.len()).map_err(io::Error::other)?;
        self.block.extend(interface.to_ne_bytes());
        for half in [micros >> 32, micros & 0xFFFF_FFFF] {
            self.block.extend(u32::try_from(half).unwrap_or(u32::MAX).to_ne_bytes());
        }
        self.block.extend(length.to_ne_bytes());
        self.block.extend(length.to_ne_bytes());
        self.block.extend_from_slice(packet);
        self.pad();
        if let Some(comment) = comment {
            self.option(OPTION_COMMENT, comment.as_bytes());
        }
        let flags: u32 = match way {
            Way::In => 1,
            Way::Out => 2,
        };
        self.option(PACKET_FLAGS, &flags.to_ne_bytes());
        self.end_options();
        self.finish_block(ENHANCED_PACKET)
    }

    /// Passes on what the output holds back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The output.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Adds an option, cut to what its length field can tell.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.block.extend(code.to_ne_bytes());
        self.block.extend(length.to_ne_bytes());
        self.block.extend_from_slice(value.get(..usize::from(length)).unwrap_or_default());
        self.pad();
    }

    fn end_options(&mut self) {
        self.block.extend(OPTION_END.to_ne_bytes());
        self.block.extend(0_u16.to_ne_bytes());
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn finish_block(&mut self, kind: u32) -> io::Result<()> {
        let length = u32::try_from(self.block.len() + 12).map_err(io::Error::other)?;
        self.out.write_all(&kind.to_ne_bytes())?;
        self.out.write_all(&length.to_ne_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&length.to_ne_bytes())?;
        self.block.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
    }

    #[test]
    fn secrets_are_a_block_of_their_own() {
        let mut writer = Writer::new(Vec::new(), &[]).expect("memory");
        let before = writer.out.len();
        writer.secrets("LABEL 00 11\n").expect("memory");
        writer.secrets("ABCDE").expect("memory");
        let capture = writer.into_inner();
        let words: Vec<u32> = (0..4).map(|field| word(&capture, before + 4 * field)).collect();
        assert_eq!(words, [0x0000_000A, 32, 0x544C_534B, 12]);
        assert_eq!(&capture[before + 16..before + 28], b"LABEL 00 11\n");
        assert_eq!(word(&capture, before + 28), 32);
        let second = before + 32;
        assert_eq!((word(&capture, second + 4), word(&capture, second + 12)), (28, 5));
        assert_eq!(&capture[second + 16..second + 24], b"ABCDE\0\0\0");
    }

    #[test]
    fn blocks_tell_their_length_at_both_ends() {
        let interfaces = [Interface { name: "client", description: "the client's side" }];
        let mut writer = Writer::new(Vec::new(), &interfaces).expect("memory");
        let at = Time::from_micros(0x1_2345_6789);
        writer.packet(0, at, Way::Out, Some("lost"), &[0x45, 1, 2, 3, 4]).expect("memory");
        let capture = writer.into_inner();
        let mut kinds = Vec::new();
        let mut place = 0;
        while place < capture.len() {
            let length = word(&capture, place + 4) as usize;
            assert_eq!(length % 4, 0);
            assert_eq!(word(&capture, place + length - 4) as usize, length);
            kinds.push((word(&capture, place), place));
            place += length;
        }
        assert_eq!(place, capture.len());
        let [(SECTION_HEADER, 0), (INTERFACE_DESCRIPTION, _), (ENHANCED_PACKET, packet)] = kinds[..] else {
            panic!("{kinds:?}");
        };
        let fields: Vec<u32> = (2..7).map(|field| word(&capture, packet + 4 * field)).collect();
        assert_eq!(fields, [0, 1, 0x2345_6789, 5, 5]);
        assert_eq!(&capture[packet + 28..packet + 36], [0x45, 1, 2, 3, 4, 0, 0, 0]);
        assert_eq!(&capture[packet + 40..packet + 44], b"lost");
    }
}
