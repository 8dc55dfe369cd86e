//! The frames of one direction.

use sluice_shared::lab::{FrameTotals, Opcode, SHOWN_BYTES};
use sluice_shared::link::Direction;

use super::fault::{Fault, close_meaning};
use super::header::{Header, MAX_HEADER_BYTES};

/// Payload bytes of a control frame at most (RFC 6455 §5.5).
pub(super) const MAX_CONTROL_BYTES: u64 = 125;

/// Takes the bytes of one direction apart, whatever pieces they come in.
///
/// It holds one header and the beginnings of one payload and one message, and no more.
#[derive(Debug)]
pub(super) struct Way {
    direction: Direction,
    header: [u8; MAX_HEADER_BYTES],
    header_bytes: usize,
    /// The frame whose payload is passing.
    passing: Option<Passing>,
    /// The message of which more is to come.
    message: Option<Message>,
    next_message: u64,
    has_closed: bool,
    is_lost: bool,
    totals: FrameTotals,
}

/// A frame whose header is whole.
#[derive(Debug)]
struct Passing {
    frame: Frame,
    left_bytes: u64,
    keeps_payload: bool,
}

/// A message in fragments.
#[derive(Debug)]
struct Message {
    number: u64,
    bytes: u64,
    next_fragment: u32,
    /// Its beginning, if somebody has looked on since its first byte.
    plain: Option<Vec<u8>>,
}

/// A frame that has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) header: Header,
    /// The beginning of the payload, as it was on the wire.
    pub(super) wire: Vec<u8>,
    /// The message that it belongs to, and its place there.
    pub(super) place: Option<(u64, u32)>,
    /// The message, with the last of several fragments: how many, their bytes, and how they begin.
    pub(super) joined: Option<(u32, u64, Vec<u8>)>,
    /// Whether it is a control frame inside a message.
    pub(super) is_between: bool,
    pub(super) faults: Vec<Fault>,
}

impl Frame {
    /// The beginning of the payload without a mask.
    pub(super) fn plain(&self) -> Vec<u8> {
        self.header.unmasked(&self.wire)
    }

    /// Its kind.
    pub(super) const fn opcode(&self) -> Opcode {
        Opcode::from_number(self.header.opcode())
    }
}

impl Way {
    /// The beginning of a direction.
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            header: [0; MAX_HEADER_BYTES],
            header_bytes: 0,
            passing: None,
            message: None,
            next_message: 0,
            has_closed: false,
            is_lost: false,
            totals: FrameTotals::default(),
        }
    }

    /// What has passed.
    pub(super) const fn totals(&self) -> &FrameTotals {
        &self.totals
    }

    /// Whether frames can no longer be told apart.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Takes bytes off the front of `bytes`, to the end of a frame or of all; returns the frame. With `is_watched` the
    /// beginnings of payloads that begin now are kept; those of control frames always are.
    pub(super) fn take(&mut self, bytes: &mut &[u8], is_watched: bool) -> Option<Frame> {
        while !self.is_lost && !bytes.is_empty() {
            match &mut self.passing {
                None => {
                    self.take_header(bytes);
                    let header = Header::read(&self.header[..self.header_bytes])?;
                    self.header_bytes = 0;
                    self.passing = Some(self.begin(header, is_watched));
                }
                Some(passing) => {
                    let here =
                        usize::try_from(passing.left_bytes).map_or(bytes.len(), |left| left.min(bytes.len()));
                    let (payload, rest) = bytes.split_at(here);
                    passing.keep(payload);
                    passing.left_bytes -= here as u64;
                    *bytes = rest;
                }
            }
            if let Some(passing) = self.passing.take_if(|passing| passing.left_bytes == 0) {
                return Some(self.end(passing));
            }
        }
        None
    }

    /// Takes as much as is missing of a header, as far as is known.
    fn take_header(&mut self, bytes: &mut &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first()
            && self.header_bytes < MAX_HEADER_BYTES
        {
            self.header[self.header_bytes] = byte;
            self.header_bytes += 1;
            *bytes = rest;
            if Header::read(&self.header[..self.header_bytes]).is_some() {
                return;
            }
        }
    }

    fn begin(&mut self, header: Header, is_watched: bool) -> Passing {
        let mut faults = self.faults(&header);
        let mut left_bytes = header.length;
        if left_bytes > u64::MAX / 2 {
            // Nobody will see the end of it.
            faults.push(Fault::Endless);
            self.is_lost = true;
            left_bytes = 0;
        }
        let is_control = header.is_control();
        let place = (!is_control).then(|| self.place(&header, is_watched, &mut faults));
        let frame = Frame {
            header,
            wire: Vec::new(),
            place,
            joined: None,
            is_between: is_control && self.message.is_some(),
            faults,
        };
        Passing { frame, left_bytes, keeps_payload: is_control || is_watched }
    }

    /// What is wrong with a header.
    fn faults(&self, header: &Header) -> Vec<Fault> {
        let is_control = header.is_control();
        let mask_rule = match self.direction {
            Direction::Up => (header.mask.is_none(), Fault::Unmasked),
            Direction::Down => (header.mask.is_some(), Fault::Masked),
        };
        [
            (self.has_closed, Fault::AfterClose),
            (header.rsv() != 0, Fault::ReservedBit),
            (Opcode::from_number(header.opcode()) == Opcode::Reserved, Fault::ReservedOpcode),
            (!header.is_shortest(), Fault::LongForm),
            mask_rule,
            (is_control && !header.fin(), Fault::ControlInFragments),
            (is_control && header.length > MAX_CONTROL_BYTES, Fault::LongControl),
        ]
        .into_iter()
        .filter_map(|(is_broken, fault)| is_broken.then_some(fault))
        .collect()
    }

    /// Which message a data frame belongs to, and its place there.
    fn place(&mut self, header: &Header, is_watched: bool, faults: &mut Vec<Fault>) -> (u64, u32) {
        let continues = Opcode::from_number(header.opcode()) == Opcode::Continuation;
        match &self.message {
            Some(_) if !continues => faults.push(Fault::InsideMessage),
            None if continues => faults.push(Fault::NothingToContinue),
            Some(_) | None => {}
        }
        if !continues {
            self.message = None;
        }
        let plain = is_watched.then(Vec::new);
        let next_message = &mut self.next_message;
        let message = self.message.get_or_insert_with(|| {
            *next_message += 1;
            Message { number: *next_message - 1, bytes: 0, next_fragment: 0, plain }
        });
        message.bytes = message.bytes.saturating_add(header.length);
        message.next_fragment = message.next_fragment.saturating_add(1);
        (message.number, message.next_fragment - 1)
    }

    fn end(&mut self, Passing { mut frame, keeps_payload, .. }: Passing) -> Frame {
        let opcode = frame.opcode();
        if opcode == Opcode::Close {
            self.has_closed = true;
            frame.faults.extend(close_fault(&frame.plain()));
        }
        if let Some(message) = self.message.as_mut().filter(|_| frame.place.is_some()) {
            if !keeps_payload {
                message.plain = None;
            }
            if let Some(plain) = &mut message.plain {
                let room = SHOWN_BYTES.saturating_sub(plain.len());
                plain.extend(frame.plain().into_iter().take(room));
            }
            if frame.header.fin() {
                let (fragments, bytes) = (message.next_fragment, message.bytes);
                let plain = message.plain.take().unwrap_or_default();
                frame.joined = (fragments > 1).then_some((fragments, bytes, plain));
                self.message = None;
                self.totals.messages += 1;
            }
        }
        if let Some(count) = Opcode::ALL.iter().position(|kind| *kind == opcode) {
            self.totals.frames[count] += 1;
        }
        self.totals.payload_bytes = self.totals.payload_bytes.saturating_add(frame.header.length);
        self.totals.header_bytes += frame.header.wire().len() as u64;
        self.totals.faulty_frames += u64::from(!frame.faults.is_empty());
        frame
    }
}

impl Passing {
    fn keep(&mut self, payload: &[u8]) {
        let room = SHOWN_BYTES.saturating_sub(self.frame.wire.len());
        if self.keeps_payload && room > 0 {
            self.frame.wire.extend_from_slice(&payload[..room.min(payload.len())]);
        }
    }
}

/// What is wrong with what a close frame says.
fn close_fault(plain: &[u8]) -> Option<Fault> {
    match plain {
        [] => None,
        [_] => Some(Fault::ShortClose),
        [high, low, _reason @ ..] if close_meaning(u16::from_be_bytes([*high, *low])).is_none() => {
            Some(Fault::CloseCode)
        }
        [_, _, reason @ ..] => std::str::from_utf8(reason).is_err().then_some(Fault::CloseReason),
    }
}
