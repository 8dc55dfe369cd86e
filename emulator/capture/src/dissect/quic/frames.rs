//! The frames of an opened packet.

use sluice_shared::handshake::Layer;
use sluice_shared::link::Direction;

use super::{QuicConnection, Space, Stream};
use crate::cursor::Cursor;
use crate::dissect::assembly::Assembly;
use crate::dissect::tls::{tell_message, tell_progress};
use crate::dissect::told::Told;
use crate::findings::{Findings, Rank, Weight};
use crate::http::Http3Stream;
use crate::quic::{Control, Frame, ack_ranges, frames};
use crate::text::{List, hex, printable};

/// Streams that are followed in one direction; of further ones only the frames are told.
const MAX_STREAMS: usize = 1_024;
/// Ranges of an acknowledgment that are told.
const MAX_RANGES: usize = 8;

impl QuicConnection {
    pub(super) fn frames(
        &mut self,
        direction: Direction,
        space: Space,
        payload: &[u8],
        findings: &mut Findings,
    ) {
        findings.weigh(Weight::Transport);
        let understood = frames(payload, |frame, _| match frame {
            Frame::Crypto { offset, data } => self.crypto(direction, space, offset, data, findings),
            Frame::Stream { id, offset, data, is_last } => {
                self.stream(direction, (id, offset), data, is_last, findings);
            }
            Frame::Datagram { data } => {
                findings.weigh(Weight::Data);
                findings.part(Layer::Frame, "DATAGRAM", format!("{} bytes", data.len()));
                findings.word(Rank::Usual, "DATAGRAM");
                // In HTTP/3 it begins with its session, divided by four (RFC 9297 §2.1).
                if self.is_http3()
                    && let Some(quarter) = Cursor::new(data).varint()
                {
                    let session = quarter.saturating_mul(4);
                    findings.part(Layer::Http, "HTTP datagram", format!("session {session}"));
                }
            }
            Frame::Other(control) => tell_control(&control, findings),
        });
        if understood.is_none() {
            findings.part(Layer::Frame, "unknown frame", "nothing behind it is understood");
        }
    }

    fn crypto(
        &mut self,
        direction: Direction,
        space: Space,
        offset: u64,
        data: &[u8],
        findings: &mut Findings,
    ) {
        let end = offset.saturating_add(data.len() as u64);
        let Some(crypto) = self.sides.of(direction).crypto.get_mut(space as usize) else { return };
        if crypto.assembly.is_again(offset, data.len()) {
            findings.part(Layer::Frame, "CRYPTO", format!("bytes {offset} to {end}, sent again"));
            return crypto.told.say_again(offset, end, findings);
        }
        findings.part(Layer::Frame, "CRYPTO", format!("bytes {offset} to {end}"));
        let mark = findings.mark();
        findings.weigh(if space == Space::Data { Weight::Aftermath } else { Weight::Handshake });
        let ready = crypto.assembly.insert(offset, data);
        let handshake = &mut self.handshake;
        crypto.messages.push(&ready, |kind, body| {
            handshake.learn(kind, body);
            tell_message(kind, body, findings);
        });
        if let Some(progress) = crypto.messages.progress().filter(|_| !ready.is_empty()) {
            tell_progress(progress.kind, progress.have, progress.total, findings);
        }
        crypto.told.remember(crypto.assembly.next(), &mark, findings, true);
    }

    fn stream(
        &mut self,
        direction: Direction,
        (id, offset): (u64, u64),
        data: &[u8],
        is_last: bool,
        findings: &mut Findings,
    ) {
        findings.weigh(Weight::Data);
        let last = if is_last { ", FIN" } else { "" };
        let mut detail = format!("id {id}, offset {offset}, {} bytes{last}", data.len());
        let is_http3 = self.is_http3();
        let is_webtransport = self.webtransport_streams.contains(&id);
        let streams = &mut self.sides.of(direction).streams;
        if !is_http3 || (streams.len() >= MAX_STREAMS && !streams.contains_key(&id)) {
            findings.part(Layer::Frame, "STREAM", detail);
            findings.word(Rank::Usual, "STREAM");
            return;
        }
        let stream = streams.entry(id).or_insert_with(|| Stream {
            assembly: Assembly::default(),
            http: Http3Stream::new(id, is_webtransport),
            told: Told::default(),
            is_finished: false,
        });
        let is_repeated_end = data.is_empty() && is_last && stream.is_finished;
        stream.is_finished |= is_last;
        if stream.assembly.is_again(offset, data.len()) || is_repeated_end {
            detail.push_str(", sent again");
            findings.part(Layer::Frame, "STREAM", detail);
            let end = offset.saturating_add(data.len() as u64);
            return stream.told.say_again(offset, end, findings);
        }
        findings.part(Layer::Frame, "STREAM", detail);
        let ready = stream.assembly.insert(offset, data);
        if ready.is_empty() && !data.is_empty() {
            findings.word(Rank::Usual, "STREAM, out of order");
            return;
        }
        let mark = findings.mark();
        let words = findings.words_so_far();
        stream.http.push(&ready, findings);
        if ready.is_empty() {
            findings.word(Rank::Minor, "STREAM FIN");
        } else if findings.words_so_far() == words {
            findings.word(Rank::Usual, "STREAM, in part");
        }
        stream.told.remember(stream.assembly.next(), &mark, findings, false);
        if stream.http.is_webtransport() && self.webtransport_streams.len() < MAX_STREAMS {
            self.webtransport_streams.insert(id);
        }
    }

    /// Whether HTTP/3 is spoken: that is assumed until the server says otherwise.
    fn is_http3(&self) -> bool {
        self.handshake.alpn.as_ref().is_none_or(|name| name.starts_with(b"h3"))
    }
}

fn tell_control(control: &Control<'_>, findings: &mut Findings) {
    let (name, rank, detail) = match *control {
        Control::Padding(bytes) => ("PADDING", Rank::Last, format!("{bytes} bytes")),
        Control::Ping => ("PING", Rank::Minor, String::new()),
        Control::Ack { largest, delay, first, ranges } => {
            let mut list = List::default();
            let mut all = ack_ranges(largest, first, ranges);
            for (low, high) in all.by_ref().take(MAX_RANGES) {
                list.push(if low == high { format!("{low}") } else { format!("{low} to {high}") });
            }
            if all.next().is_some() {
                list.push("…");
            }
            list.push(format!("delay field {delay}"));
            ("ACK", Rank::Last, list.text())
        }
        Control::ResetStream { id, code, size } => {
            ("RESET_STREAM", Rank::Headline, format!("id {id}, code 0x{code:x}, {size} bytes"))
        }
        Control::StopSending { id, code } => {
            ("STOP_SENDING", Rank::Headline, format!("id {id}, code 0x{code:x}"))
        }
        Control::NewToken(token) => ("NEW_TOKEN", Rank::Usual, format!("{} bytes", token.len())),
        Control::MaxData(most) => ("MAX_DATA", Rank::Minor, most.to_string()),
        Control::MaxStreamData { id, most } => ("MAX_STREAM_DATA", Rank::Minor, format!("id {id}, {most}")),
        Control::MaxStreams { is_bidirectional, most } => {
            ("MAX_STREAMS", Rank::Minor, format!("{}, {most}", ways(is_bidirectional)))
        }
        Control::DataBlocked(at) => ("DATA_BLOCKED", Rank::Usual, format!("at {at}")),
        Control::StreamDataBlocked { id, at } => {
            ("STREAM_DATA_BLOCKED", Rank::Usual, format!("id {id}, at {at}"))
        }
        Control::StreamsBlocked { is_bidirectional, at } => {
            ("STREAMS_BLOCKED", Rank::Usual, format!("{}, at {at}", ways(is_bidirectional)))
        }
        Control::NewConnectionId { sequence, retire_before, id } => {
            let detail = format!("sequence {sequence}, {}, retire before {retire_before}", hex(id));
            ("NEW_CONNECTION_ID", Rank::Usual, detail)
        }
        Control::RetireConnectionId(sequence) => {
            ("RETIRE_CONNECTION_ID", Rank::Usual, format!("sequence {sequence}"))
        }
        Control::PathChallenge(data) => ("PATH_CHALLENGE", Rank::Headline, hex(&data)),
        Control::PathResponse(data) => ("PATH_RESPONSE", Rank::Headline, hex(&data)),
        Control::Close { is_application, code, reason } => {
            let by = if is_application { "by the application" } else { "by QUIC" };
            let detail = format!("{by}, code 0x{code:x}, “{}”", printable(reason));
            ("CONNECTION_CLOSE", Rank::Headline, detail)
        }
        Control::HandshakeDone => ("HANDSHAKE_DONE", Rank::Usual, String::new()),
        Control::AckFrequency => ("ACK_FREQUENCY", Rank::Minor, String::new()),
        Control::ImmediateAck => ("IMMEDIATE_ACK", Rank::Minor, String::new()),
    };
    findings.part(Layer::Frame, name, detail);
    if !matches!(control, Control::Padding(_)) {
        findings.word(rank, name);
    }
}

const fn ways(is_bidirectional: bool) -> &'static str {
    if is_bidirectional { "both ways" } else { "one way" }
}
