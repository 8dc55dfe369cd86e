//! What a datagram says of its connection's path.

use std::fmt::Write as _;

use sluice_capture::quic::{Control, Frame};
use sluice_shared::lab::PathFrameKind;

/// A connection ID (RFC 9000 §5.1), without memory of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Id {
    bytes: [u8; Self::MAX],
    length: u8,
}

impl Id {
    const MAX: usize = 20;

    /// The ID of these bytes; `None` when they are more than an ID has.
    pub(crate) fn new(from: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..from.len())?.copy_from_slice(from);
        Some(Self { bytes, length: u8::try_from(from.len()).ok()? })
    }

    /// In hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        hex(self.bytes.get(..usize::from(self.length)).unwrap_or_default())
    }
}

/// `bytes` in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "a string takes all");
        text
    })
}

/// What one datagram says; nothing of it is known while packets cannot be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glimpse {
    /// Where its short header leads.
    pub(crate) destination: Option<Id>,
    /// Whether it carries data of a stream, or a datagram.
    pub(crate) has_data: bool,
    /// The number of its packet with a short header.
    pub(crate) number: Option<u64>,
    /// Whether it has more than the frames that probe a path (RFC 9000 §9.1).
    pub(crate) is_beyond_probing: bool,
    /// Frames that validate a path.
    pub(crate) path_frames: Vec<(PathFrameKind, [u8; 8])>,
    /// NEW_CONNECTION_ID frames.
    pub(crate) announced: u64,
    /// RETIRE_CONNECTION_ID frames.
    pub(crate) retired: u64,
}

impl Glimpse {
    /// Of a packet that nobody can open: it may carry data.
    pub(crate) fn of_sealed() -> Self {
        Self { has_data: true, ..Self::default() }
    }

    /// Takes in a frame.
    pub(crate) fn see(&mut self, frame: &Frame<'_>) {
        self.is_beyond_probing |= !matches!(
            frame,
            Frame::Other(
                Control::Padding(_)
                    | Control::PathChallenge(_)
                    | Control::PathResponse(_)
                    | Control::NewConnectionId { .. }
            )
        );
        match frame {
            Frame::Stream { .. } | Frame::Datagram { .. } => self.has_data = true,
            Frame::Other(Control::PathChallenge(data)) => {
                self.path_frames.push((PathFrameKind::Challenge, *data));
            }
            Frame::Other(Control::PathResponse(data)) => {
                self.path_frames.push((PathFrameKind::Response, *data));
            }
            Frame::Other(Control::NewConnectionId { .. }) => self.announced += 1,
            Frame::Other(Control::RetireConnectionId(_)) => self.retired += 1,
            Frame::Crypto { .. } | Frame::Other(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_probing_frames_alone_is_told_from_others() {
        let mut glimpse = Glimpse::default();
        glimpse.see(&Frame::Other(Control::PathChallenge([1; 8])));
        glimpse.see(&Frame::Other(Control::Padding(1_100)));
        assert!(!glimpse.is_beyond_probing);
        glimpse.see(&Frame::Other(Control::Ping));
        assert!(glimpse.is_beyond_probing);
    }

    #[test]
    fn an_id_is_kept_whole_and_one_that_is_too_long_is_none() {
        assert_eq!(Id::new(&[0x07, 0, 0xab]).map(Id::to_hex), Some("0700ab".to_owned()));
        assert_eq!(Id::new(&[]).map(Id::to_hex), Some(String::new()));
        assert_eq!(Id::new(&[1; 21]), None);
    }
}
