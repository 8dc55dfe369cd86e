//! HTTP/1.1 (RFC 9112), as far as an upgrade to a WebSocket needs it.

use sluice_shared::handshake::Layer;

use super::MAX_HELD_BYTES;
use super::websocket::WebSocket;
use crate::findings::{Findings, Rank, Weight};
use crate::text::{List, printable, shortened};

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Http1 {
    buffer: Vec<u8>,
    /// Bytes of a body that are still to come.
    body_bytes: u64,
    /// What it has become.
    websocket: Option<WebSocket>,
}

impl Http1 {
    pub(super) fn push(&mut self, bytes: &[u8], findings: &mut Findings) {
        findings.weigh(Weight::Data);
        if let Some(websocket) = &mut self.websocket {
            return websocket.push(bytes, findings);
        }
        self.buffer.extend_from_slice(bytes);
        loop {
            let body = usize::try_from(self.body_bytes).unwrap_or(usize::MAX).min(self.buffer.len());
            if body > 0 {
                self.buffer.drain(..body);
                self.body_bytes -= body as u64;
                findings.part(Layer::Http, "body", format!("{body} bytes"));
                findings.word(Rank::Usual, "body");
            }
            let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
                if self.buffer.len() > MAX_HELD_BYTES {
                    findings.part(Layer::Http, "head", "too long to be read");
                    self.buffer.clear();
                }
                return;
            };
            let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
            self.head(&head, findings);
            if let Some(websocket) = &mut self.websocket {
                let rest = std::mem::take(&mut self.buffer);
                return websocket.push(&rest, findings);
            }
        }
    }

    fn head(&mut self, head: &[u8], findings: &mut Findings) {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        let first = printable(lines.next().unwrap_or_default().as_bytes());
        let mut list = List::default();
        let mut is_upgrade = false;
        for line in lines {
            list.push(printable(line.as_bytes()));
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("upgrade") {
                is_upgrade = value.eq_ignore_ascii_case("websocket");
            } else if name.eq_ignore_ascii_case("content-length") {
                self.body_bytes = value.parse().unwrap_or(0);
            }
        }
        let mut words = first.split(' ');
        let word = match (words.next(), words.next()) {
            // A status line: version and status.
            (Some(version), Some(status)) if version.starts_with("HTTP/") => {
                is_upgrade &= status == "101";
                shortened(status)
            }
            (Some(method), Some(path)) => format!("{} {}", shortened(method), shortened(path)),
            _ => shortened(&first),
        };
        findings.part(Layer::Http, first, list.text());
        findings.word(Rank::Headline, word);
        if is_upgrade {
            self.websocket = Some(WebSocket::default());
        }
    }
}
