//! HTTP/2 frames (RFC 9113 §6).

use sluice_shared::handshake::Layer;

use super::MAX_HELD_BYTES;
use super::hpack::Hpack;
use crate::cursor::Cursor;
use crate::findings::{Findings, Rank, Weight};
use crate::text::{List, printable};

/// What a client says first (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x01;
const ACK: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Http2 {
    expects_preface: bool,
    buffer: Vec<u8>,
    /// Bytes of a frame that were not held and are passed over.
    skipped: usize,
    hpack: Hpack,
    /// A field section that goes on in CONTINUATION frames.
    section: Option<Section>,
}

#[derive(Debug)]
struct Section {
    stream: u32,
    is_last: bool,
    bytes: Vec<u8>,
}

/// The beginning of a frame.
#[derive(Clone, Copy, Debug)]
struct Header {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Http2 {
    pub(super) const fn new(expects_preface: bool) -> Self {
        Self { expects_preface, buffer: Vec::new(), skipped: 0, hpack: Hpack::new(), section: None }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], findings: &mut Findings) {
        findings.weigh(Weight::Data);
        if self.skipped > 0 {
            let passed = self.skipped.min(bytes.len());
            findings.part(Layer::Http, "frame, continued", format!("{passed} bytes"));
            findings.word(Rank::Usual, "DATA, continued");
        }
        loop {
            let passed = self.skipped.min(bytes.len());
            self.skipped -= passed;
            bytes = bytes.get(passed..).unwrap_or_default();
            self.buffer.extend_from_slice(bytes);
            bytes = &[];
            if !self.step(findings) {
                return;
            }
        }
    }

    /// Reads a frame if it is there; says whether it may go on.
    fn step(&mut self, findings: &mut Findings) -> bool {
        if self.expects_preface {
            if self.buffer.len() < PREFACE.len() {
                return false;
            }
            self.buffer.drain(..PREFACE.len());
            self.expects_preface = false;
            findings.part(Layer::Http, "connection preface", "");
            findings.word(Rank::Usual, "preface");
        }
        let Some(header) = Header::read(&self.buffer) else { return false };
        if header.kind == DATA || header.length > MAX_HELD_BYTES {
            findings.part(Layer::Http, header.name(), header.detail().text());
            findings.word(Rank::Usual, header.name());
            let there = self.buffer.len().min(HEADER_BYTES + header.length);
            self.buffer.drain(..there);
            self.skipped = HEADER_BYTES + header.length - there;
            if header.kind == HEADERS || header.kind == CONTINUATION {
                self.hpack.give_up();
            }
            return self.skipped == 0;
        }
        let end = HEADER_BYTES + header.length;
        let Some(payload) = self.buffer.get(HEADER_BYTES..end) else { return false };
        let payload = payload.to_vec();
        self.buffer.drain(..end);
        self.frame(header, &payload, findings);
        true
    }

    fn frame(&mut self, header: Header, payload: &[u8], findings: &mut Findings) {
        let mut list = header.detail();
        match header.kind {
            HEADERS => {
                let section = block(header.flags, payload).map(<[u8]>::to_vec).unwrap_or_default();
                let is_last = header.flags & END_STREAM != 0;
                self.section = Some(Section { stream: header.stream, is_last, bytes: section });
                return self.end_section(header, list, findings);
            }
            CONTINUATION => {
                match &mut self.section {
                    Some(section) if section.bytes.len() + payload.len() <= MAX_HELD_BYTES => {
                        section.bytes.extend_from_slice(payload);
                    }
                    _ => self.hpack.give_up(),
                }
                return self.end_section(header, list, findings);
            }
            0x03 => {
                list.push(Cursor::new(payload).u32().map(error_name).unwrap_or_default());
                findings.word(Rank::Headline, "RST_STREAM");
            }
            0x04 => {
                settings(payload, &mut list);
                let is_ack = header.flags & ACK != 0;
                findings.word(
                    if is_ack { Rank::Minor } else { Rank::Usual },
                    if is_ack { "SETTINGS ACK" } else { "SETTINGS" },
                );
            }
            0x07 => {
                let mut cursor = Cursor::new(payload);
                let last = cursor.u32().unwrap_or_default();
                list.push(format!("last stream {last}"));
                list.push(cursor.u32().map(error_name).unwrap_or_default());
                list.push(printable(cursor.rest()));
                findings.word(Rank::Headline, "GOAWAY");
            }
            0x08 => {
                let increment = Cursor::new(payload).u32().unwrap_or_default();
                list.push(format!("increment {increment}"));
                findings.word(Rank::Minor, "WINDOW_UPDATE");
            }
            _ => findings.word(Rank::Minor, header.name()),
        }
        findings.part(Layer::Http, header.name(), list.text());
    }

    /// Reads the field section when `header` ends it.
    fn end_section(&mut self, header: Header, mut list: List, findings: &mut Findings) {
        let mut word = header.name().to_owned();
        if header.flags & END_HEADERS != 0
            && let Some(section) = self.section.take()
        {
            match self.hpack.decode(&section.bytes) {
                Some(fields) => {
                    word = fields.word();
                    fields.detail(&mut list);
                }
                None => list.push("fields not understood"),
            }
            if header.kind == CONTINUATION {
                list.push(format!("of stream {}", section.stream));
                if section.is_last {
                    list.push("END_STREAM");
                }
            }
        }
        findings.part(Layer::Http, header.name(), list.text());
        findings.word(Rank::Headline, word);
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        Some(Self {
            length: usize::try_from(cursor.u24()?).ok()?,
            kind: cursor.u8()?,
            flags: cursor.u8()?,
            stream: cursor.u32()? & 0x7fff_ffff,
        })
    }

    const fn name(self) -> &'static str {
        match self.kind {
            DATA => "DATA",
            HEADERS => "HEADERS",
            0x02 => "PRIORITY",
            0x03 => "RST_STREAM",
            0x04 => "SETTINGS",
            0x05 => "PUSH_PROMISE",
            0x06 => "PING",
            0x07 => "GOAWAY",
            0x08 => "WINDOW_UPDATE",
            CONTINUATION => "CONTINUATION",
            0x10 => "PRIORITY_UPDATE",
            _ => "unknown frame",
        }
    }

    fn detail(self) -> List {
        let mut list = List::default();
        list.push(format!("stream {}, {} bytes", self.stream, self.length));
        if matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0 {
            list.push("END_STREAM");
        }
        if matches!(self.kind, 0x04 | 0x06) && self.flags & ACK != 0 {
            list.push("ACK");
        }
        list
    }
}

/// The field block of a HEADERS frame, between its padding and its priority (RFC 9113 §6.2).
fn block(flags: u8, payload: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(payload);
    let padding = if flags & PADDED != 0 { usize::from(cursor.u8()?) } else { 0 };
    if flags & PRIORITY != 0 {
        cursor.take(5)?;
    }
    let length = cursor.len().checked_sub(padding)?;
    cursor.take(length)
}

fn settings(payload: &[u8], list: &mut List) {
    let mut cursor = Cursor::new(payload);
    while let (Some(kind), Some(value)) = (cursor.u16(), cursor.u32()) {
        let name = match kind {
            0x01 => "HEADER_TABLE_SIZE".to_owned(),
            0x02 => "ENABLE_PUSH".to_owned(),
            0x03 => "MAX_CONCURRENT_STREAMS".to_owned(),
            0x04 => "INITIAL_WINDOW_SIZE".to_owned(),
            0x05 => "MAX_FRAME_SIZE".to_owned(),
            0x06 => "MAX_HEADER_LIST_SIZE".to_owned(),
            0x08 => "ENABLE_CONNECT_PROTOCOL".to_owned(),
            other => format!("setting 0x{other:x}"),
        };
        list.push(format!("{name} {value}"));
    }
}

/// RFC 9113 §7.
fn error_name(code: u32) -> String {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    name.map_or_else(|| format!("error 0x{code:x}"), |name| (*name).to_owned())
}
