//! WebSocket frames (RFC 6455 §5.2).

use sluice_shared::handshake::Layer;

use crate::cursor::Cursor;
use crate::findings::{Findings, Rank, Weight};

/// One direction of a connection behind the upgrade.
#[derive(Debug, Default)]
pub(super) struct WebSocket {
    buffer: Vec<u8>,
    /// Bytes of a payload that are still to come.
    skipped: u64,
}

impl WebSocket {
    pub(super) fn push(&mut self, bytes: &[u8], findings: &mut Findings) {
        findings.weigh(Weight::Data);
        if self.skipped > 0 && !bytes.is_empty() {
            let passed = self.skipped.min(bytes.len() as u64);
            findings.part(Layer::Http, "WebSocket payload, continued", format!("{passed} bytes"));
            findings.word(Rank::Usual, "WebSocket payload, continued");
        }
        self.buffer.extend_from_slice(bytes);
        loop {
            let passed = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(self.buffer.len());
            self.buffer.drain(..passed);
            self.skipped -= passed as u64;
            if self.skipped > 0 || self.header(findings).is_none() {
                return;
            }
        }
    }

    fn header(&mut self, findings: &mut Findings) -> Option<()> {
        let mut cursor = Cursor::new(&self.buffer);
        let (first, second) = (cursor.u8()?, cursor.u8()?);
        let length = match second & 0x7f {
            126 => u64::from(cursor.u16()?),
            127 => u64::from_be_bytes(cursor.array()?),
            short => u64::from(short),
        };
        let is_masked = second & 0x80 != 0;
        if is_masked {
            cursor.take(4)?;
        }
        let name = match first & 0x0f {
            0 => "WebSocket continuation",
            1 => "WebSocket text",
            2 => "WebSocket binary",
            8 => "WebSocket close",
            9 => "WebSocket ping",
            10 => "WebSocket pong",
            _ => "WebSocket, unknown opcode",
        };
        let masked = if is_masked { ", masked" } else { "" };
        let last = if first & 0x80 != 0 { ", FIN" } else { "" };
        findings.part(Layer::Http, name, format!("{length} bytes{masked}{last}"));
        findings.word(Rank::Usual, name);
        let left = cursor.len();
        self.buffer.drain(..self.buffer.len() - left);
        self.skipped = length;
        Some(())
    }
}
