//! TCP segments, with TLS above them.

use sluice_shared::handshake::Layer;
use sluice_shared::link::Direction;
use sluice_tcp::{Flags, Segment, Seq};

use super::Both;
use super::assembly::Assembly;
use super::tls::TlsSide;
use super::told::Told;
use crate::findings::{Findings, Rank, Weight};
use crate::secrets::Secrets;
use crate::text::List;
use crate::tls::Handshake;

/// One connection.
#[derive(Debug)]
pub(super) struct TcpConnection {
    secrets: Secrets,
    handshake: Handshake,
    sides: Both<Side>,
}

/// What one end sends.
#[derive(Debug)]
struct Side {
    /// The number of its SYN.
    initial: Option<Seq>,
    /// By how many bits its window is shifted.
    window_scale: u8,
    has_sent_syn: bool,
    has_sent_fin: bool,
    assembly: Assembly,
    tls: TlsSide,
    told: Told,
}

impl TcpConnection {
    pub(super) fn new(secrets: Secrets) -> Self {
        let side = |direction| Side {
            initial: None,
            window_scale: 0,
            has_sent_syn: false,
            has_sent_fin: false,
            assembly: Assembly::default(),
            tls: TlsSide::new(direction),
            told: Told::default(),
        };
        let sides = Both { up: side(Direction::Up), down: side(Direction::Down) };
        Self { secrets, handshake: Handshake::default(), sides }
    }

    pub(super) fn segment(&mut self, direction: Direction, segment: &Segment, findings: &mut Findings) {
        let other = match direction {
            Direction::Up => &mut self.sides.down,
            Direction::Down => &mut self.sides.up,
        };
        // Seen from the middle: it has begun before what it acknowledges.
        let acknowledged = segment.flags.contains(Flags::ACK).then(|| other.offset_of(segment.ack));
        let side = self.sides.of(direction);
        let offset = side.begin(segment);
        side.headers(segment, offset, acknowledged, findings);
        if segment.payload.is_empty() {
            findings.weigh(Weight::Transport);
        } else {
            // The SYN takes the first number.
            side.payload(
                offset.saturating_sub(1),
                &segment.payload,
                &self.secrets,
                &mut self.handshake,
                findings,
            );
        }
        side.end(segment, findings);
    }
}

impl Side {
    /// The place of a number, counted from this end's SYN.
    fn offset_of(&self, number: Seq) -> u64 {
        let Some(initial) = self.initial else { return u64::from(number.value()) };
        let near = self.assembly.seen() + 1;
        let near_number = u64::from(initial.value()).wrapping_add(near) & 0xFFFF_FFFF;
        let distance = number.value().wrapping_sub(u32::try_from(near_number).unwrap_or(0)).cast_signed();
        near.saturating_add_signed(i64::from(distance))
    }

    /// Learns from the first segment where counting begins; tells where this one does.
    fn begin(&mut self, segment: &Segment) -> u64 {
        let is_syn = segment.flags.contains(Flags::SYN);
        if self.initial.is_none() {
            let before = if is_syn { 0 } else { 1 };
            self.initial = Some(Seq::new(segment.seq.value().wrapping_sub(before)));
        }
        if is_syn {
            self.window_scale = segment.options.window_scale.unwrap_or(0).min(14);
            return 0;
        }
        self.offset_of(segment.seq)
    }

    fn headers(&self, segment: &Segment, offset: u64, acknowledged: Option<u64>, findings: &mut Findings) {
        let flags = segment.flags;
        let names: Vec<&str> = [
            (Flags::SYN, "SYN"),
            (Flags::FIN, "FIN"),
            (Flags::RST, "RST"),
            (Flags::PSH, "PSH"),
            (Flags::ACK, "ACK"),
        ]
        .into_iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, name)| name)
        .collect();
        let mut list = List::default();
        list.push(format!("seq {offset}"));
        if let Some(acknowledged) = acknowledged {
            list.push(format!("ack {acknowledged}"));
        }
        if !segment.payload.is_empty() {
            list.push(format!("{} bytes", segment.payload.len()));
        }
        let scale = if flags.contains(Flags::SYN) { 0 } else { self.window_scale };
        list.push(format!("window {}", u64::from(segment.window) << scale));
        options(segment, &mut list);
        findings.part(Layer::Tcp, names.join(", "), list.text());
    }

    fn payload(
        &mut self,
        offset: u64,
        payload: &[u8],
        secrets: &Secrets,
        handshake: &mut Handshake,
        findings: &mut Findings,
    ) {
        let end = offset.saturating_add(payload.len() as u64);
        if self.assembly.is_again(offset, payload.len()) {
            findings.part(Layer::Tcp, "sent again", format!("bytes {offset} to {end} of the stream"));
            return self.told.say_again(offset, end, findings);
        }
        let ready = self.assembly.insert(offset, payload);
        if ready.is_empty() {
            findings.part(Layer::Tcp, "out of order", format!("waits for byte {}", self.assembly.next()));
            findings.word(Rank::Usual, "out of order");
            return;
        }
        let mark = findings.mark();
        self.tls.push(&ready, secrets, handshake, findings);
        self.told.remember(self.assembly.next(), &mark, findings, true);
    }

    /// Adds what the flags are worth in the label.
    fn end(&mut self, segment: &Segment, findings: &mut Findings) {
        let flags = segment.flags;
        if flags.contains(Flags::SYN) {
            let name = if flags.contains(Flags::ACK) { "SYN, ACK" } else { "SYN" };
            let again = if self.has_sent_syn { " (again)" } else { "" };
            findings.word(Rank::Headline, format!("{name}{again}"));
            self.has_sent_syn = true;
        }
        if flags.contains(Flags::FIN) {
            findings.word(Rank::Headline, if self.has_sent_fin { "FIN (again)" } else { "FIN" });
            self.has_sent_fin = true;
        }
        if flags.contains(Flags::RST) {
            findings.word(Rank::Headline, "RST");
        }
        if segment.payload.is_empty() {
            findings.word(Rank::Last, "ACK");
        }
    }
}

fn options(segment: &Segment, list: &mut List) {
    let options = &segment.options;
    if let Some(most) = options.max_segment_bytes {
        list.push(format!("MSS {most}"));
    }
    if let Some(scale) = options.window_scale {
        list.push(format!("window scale {scale}"));
    }
    if options.is_sack_permitted {
        list.push("SACK permitted");
    }
    if let Some(timestamps) = options.timestamps {
        list.push(format!("timestamps {} {}", timestamps.value, timestamps.echo));
    }
    if !options.sack.is_empty() {
        list.push(format!("SACK of {} ranges", options.sack.len()));
    }
}
