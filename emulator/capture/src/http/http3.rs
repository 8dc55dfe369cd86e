//! HTTP/3 frames and streams (RFC 9114 §6, §7), WebTransport over them (draft-ietf-webtrans-http3).

use sluice_shared::handshake::Layer;

use super::{MAX_HELD_BYTES, qpack};
use crate::cursor::Cursor;
use crate::findings::{Findings, Rank, Weight};
use crate::text::{List, hex};

const DATA: u64 = 0x00;
const HEADERS: u64 = 0x01;
/// Says that the rest of a stream in both directions belongs to a WebTransport session.
const WEBTRANSPORT_STREAM: u64 = 0x41;

/// One direction of a stream.
#[derive(Debug)]
pub(crate) struct Http3Stream {
    id: u64,
    kind: Kind,
    buffer: Vec<u8>,
    /// Bytes of a frame that were not held and are passed over.
    skipped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A stream of one direction whose type has not come.
    Untold,
    /// Frames.
    Frames,
    /// Instructions of QPACK.
    Instructions,
    /// Data of a WebTransport session.
    WebTransport,
    /// Bytes without a meaning here.
    Other,
}

impl Http3Stream {
    /// Stream `id` from its beginning; `is_webtransport` says that the other direction has named a session.
    pub(crate) const fn new(id: u64, is_webtransport: bool) -> Self {
        let kind = if is_webtransport {
            Kind::WebTransport
        } else if id & 0x02 != 0 {
            Kind::Untold
        } else {
            Kind::Frames
        };
        Self { id, kind, buffer: Vec::new(), skipped: 0 }
    }

    /// Whether it belongs to a WebTransport session.
    pub(crate) fn is_webtransport(&self) -> bool {
        self.kind == Kind::WebTransport
    }

    pub(crate) fn push(&mut self, bytes: &[u8], findings: &mut Findings) {
        findings.weigh(Weight::Data);
        if self.skipped > 0 && !bytes.is_empty() {
            let passed = self.skipped.min(bytes.len() as u64);
            findings.part(Layer::Http, "frame, continued", format!("stream {}, {passed} bytes", self.id));
            findings.word(Rank::Usual, "DATA, continued");
        }
        let passed = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(bytes.len());
        self.skipped -= passed as u64;
        self.buffer.extend_from_slice(bytes.get(passed..).unwrap_or_default());
        while self.step(findings).is_some() {}
    }

    /// Reads what is there; `None` when there is too little to go on.
    fn step(&mut self, findings: &mut Findings) -> Option<()> {
        match self.kind {
            Kind::Untold => self.stream_type(findings),
            Kind::Frames => self.frame(findings),
            Kind::Instructions => self.rest("QPACK instructions", Rank::Minor, findings),
            Kind::WebTransport => self.rest("WebTransport data", Rank::Usual, findings),
            Kind::Other => self.rest("stream data", Rank::Minor, findings),
        }
    }

    /// Passes over what is there.
    fn rest(&mut self, name: &str, rank: Rank, findings: &mut Findings) -> Option<()> {
        if !self.buffer.is_empty() {
            findings.part(Layer::Http, name, format!("stream {}, {} bytes", self.id, self.buffer.len()));
            findings.word(rank, name);
            self.buffer.clear();
        }
        None
    }

    fn stream_type(&mut self, findings: &mut Findings) -> Option<()> {
        let mut cursor = Cursor::new(&self.buffer);
        let kind = cursor.varint()?;
        let mut detail = format!("stream {}", self.id);
        let (name, kind) = match kind {
            0x00 => ("control stream", Kind::Frames),
            0x01 => ("push stream", Kind::Other),
            0x02 => ("QPACK encoder stream", Kind::Instructions),
            0x03 => ("QPACK decoder stream", Kind::Instructions),
            0x54 => {
                detail = format!("{detail}, session {}", cursor.varint()?);
                ("WebTransport stream", Kind::WebTransport)
            }
            // Types of the form 0x1f · N + 0x21 have no meaning, on purpose (RFC 9114 §6.2.3).
            _ => ("reserved stream", Kind::Other),
        };
        let left = cursor.len();
        self.buffer.drain(..self.buffer.len() - left);
        self.kind = kind;
        findings.part(Layer::Http, name, detail);
        findings.word(Rank::Minor, name);
        Some(())
    }

    fn frame(&mut self, findings: &mut Findings) -> Option<()> {
        let mut cursor = Cursor::new(&self.buffer);
        let (kind, length) = (cursor.varint()?, cursor.varint()?);
        if kind == WEBTRANSPORT_STREAM {
            // What stands where others have their length is the session.
            let left = cursor.len();
            self.buffer.drain(..self.buffer.len() - left);
            self.kind = Kind::WebTransport;
            findings.part(Layer::Http, name(kind), format!("stream {}, session {length}", self.id));
            findings.word(Rank::Usual, "WebTransport stream");
            return Some(());
        }
        let mut list = List::default();
        list.push(format!("stream {}, {length} bytes", self.id));
        let held = usize::try_from(length).ok().filter(|length| *length <= MAX_HELD_BYTES);
        let Some(length) = held.filter(|_| kind != DATA) else {
            findings.part(Layer::Http, name(kind), list.text());
            findings.word(if kind == DATA { Rank::Usual } else { Rank::Minor }, name(kind));
            let there = (cursor.len() as u64).min(length);
            let left = cursor.len() - usize::try_from(there).unwrap_or(cursor.len());
            self.buffer.drain(..self.buffer.len() - left);
            self.skipped = length - there;
            return (self.skipped == 0).then_some(());
        };
        let payload = cursor.take(length)?;
        match kind {
            HEADERS => match qpack::decode(payload) {
                Some(fields) => {
                    fields.detail(&mut list);
                    findings.word(Rank::Headline, fields.word());
                }
                None => {
                    list.push("fields not understood");
                    findings.word(Rank::Headline, "HEADERS");
                }
            },
            0x04 => {
                settings(payload, &mut list);
                findings.word(Rank::Usual, "SETTINGS");
            }
            0x07 => {
                let last = Cursor::new(payload).varint().unwrap_or_default();
                list.push(format!("id {last}"));
                findings.word(Rank::Headline, "GOAWAY");
            }
            _ => findings.word(Rank::Minor, name(kind)),
        }
        findings.part(Layer::Http, name(kind), list.text());
        let left = cursor.len();
        self.buffer.drain(..self.buffer.len() - left);
        Some(())
    }
}

const fn name(kind: u64) -> &'static str {
    match kind {
        DATA => "DATA",
        HEADERS => "HEADERS",
        0x03 => "CANCEL_PUSH",
        0x04 => "SETTINGS",
        0x05 => "PUSH_PROMISE",
        0x07 => "GOAWAY",
        0x0d => "MAX_PUSH_ID",
        WEBTRANSPORT_STREAM => "WEBTRANSPORT_STREAM",
        0xf_0700 | 0xf_0701 => "PRIORITY_UPDATE",
        // Types of the form 0x1f · N + 0x21 have no meaning, on purpose (RFC 9114 §7.2.8).
        kind if kind >= 0x21 && (kind - 0x21).is_multiple_of(0x1f) => "reserved frame",
        _ => "unknown frame",
    }
}

fn settings(payload: &[u8], list: &mut List) {
    let mut cursor = Cursor::new(payload);
    while let (Some(kind), Some(value)) = (cursor.varint(), cursor.varint()) {
        let name = match kind {
            0x01 => "QPACK_MAX_TABLE_CAPACITY",
            0x06 => "MAX_FIELD_SECTION_SIZE",
            0x07 => "QPACK_BLOCKED_STREAMS",
            0x08 => "ENABLE_CONNECT_PROTOCOL",
            0x33 => "H3_DATAGRAM",
            0xff_d277 => "H3_DATAGRAM (draft 4)",
            0x2b60_3742 => "ENABLE_WEBTRANSPORT (draft 2)",
            0x2b60_3743 => "WEBTRANSPORT_MAX_SESSIONS (draft 2)",
            0xc671_706a => "WEBTRANSPORT_MAX_SESSIONS (draft 7)",
            0x14e9_cd29 => "WT_MAX_SESSIONS",
            kind if kind >= 0x21 && (kind - 0x21).is_multiple_of(0x1f) => "reserved",
            _ => {
                list.push(format!("setting 0x{}: {value}", hex(&kind.to_be_bytes()).trim_start_matches('0')));
                continue;
            }
        };
        list.push(format!("{name} {value}"));
    }
}
