//! What arrives: frames, stream bytes and datagrams, down to each item.

use bytes::Bytes;

use super::{ClientError, ClientEvent, ClientSession, Delivered, Intake};
use crate::clock::ClockFilter;
use crate::delivery::Arrival;
use crate::flow::WindowMode;
use crate::ids::Epoch;
use crate::mode::Mode;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::codec::FrameItems;
use crate::wire::{
    BatchHeader, GapReport, MessageHeader, PROTOCOL_VERSION, Pong, ServerControl, ServerItem, StreamInfo,
    Waiting, Welcome,
};

impl ClientSession {
    /// Takes in a WebSocket message.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub fn handle_frame(&mut self, frame: Bytes, now: Time) -> Result<(), ClientError> {
        self.pulse.handle_heard(now);
        for item in FrameItems::<ServerItem>::new(frame) {
            let (item, bytes) = item?;
            let mut batch = self.frame_batch;
            self.handle_item(item, bytes, &mut batch, now)?;
            self.frame_batch = batch;
        }
        Ok(())
    }

    /// Takes in bytes of a WebTransport stream; each stream has an [`Intake`] of its own.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub fn handle_stream_bytes(
        &mut self,
        intake: &mut Intake,
        chunk: &[u8],
        now: Time,
    ) -> Result<(), ClientError> {
        self.pulse.handle_heard(now);
        intake.items.push(chunk);
        while let Some((item, bytes)) = intake.items.take()? {
            self.handle_item(item, bytes, &mut intake.batch, now)?;
        }
        Ok(())
    }

    /// Takes in a datagram. One that comes twice, or after it was written off, is passed over.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub fn handle_datagram(&mut self, datagram: Bytes, now: Time) -> Result<(), ClientError> {
        self.pulse.handle_heard(now);
        let mut batch = BatchHeader::default();
        let mut messages = Vec::new();
        let mut amount = Amount::ZERO;
        for item in FrameItems::<ServerItem>::new(datagram) {
            match item? {
                (ServerItem::Message { header, payload }, bytes) => {
                    amount += Amount::one(bytes);
                    messages.push((header, payload, bytes));
                }
                (ServerItem::Batch(header), _) => batch = header,
                (ServerItem::Control(control), _) => self.handle_control(control, now)?,
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        if !self.ledger.handle_datagram(batch.sent_before, amount, now) {
            self.duplicates += messages.len() as u64;
            return Ok(());
        }
        for (header, payload, bytes) in messages {
            self.handle_message(header, payload, bytes, &mut batch, now)?;
        }
        Ok(())
    }

    /// The transport has taken some of what waits to be sent, or brought what is no item: the other end is there,
    /// although an answer to a heartbeat may be stuck behind what was sent before it.
    pub const fn handle_progress(&mut self, now: Time) {
        self.pulse.handle_heard(now);
    }

    fn handle_item(
        &mut self,
        item: ServerItem,
        bytes: u64,
        batch: &mut BatchHeader,
        now: Time,
    ) -> Result<(), ClientError> {
        match item {
            ServerItem::Batch(header) => {
                *batch = header;
                Ok(())
            }
            ServerItem::Message { header, payload } => {
                self.handle_message(header, payload, bytes, batch, now)
            }
            ServerItem::Control(control) => self.handle_control(control, now),
        }
    }

    fn handle_message(
        &mut self,
        header: MessageHeader,
        payload: Bytes,
        bytes: u64,
        batch: &mut BatchHeader,
        now: Time,
    ) -> Result<(), ClientError> {
        if !self.credit.handle_received(bytes) {
            return Err(ClientError::Overrun {
                received: self.credit.received(),
                limit: self.credit.limit(),
            });
        }
        batch.sent_before += Amount::one(bytes);
        self.server_sent = self.server_sent.max_each(batch.sent_before);
        self.note_hindered(now);
        let epoch = Epoch::default();
        self.admit(Delivered { header, payload, bytes, sent_at: batch.sent_at, received_at: now, epoch });
        Ok(())
    }

    /// A server that reorders and has no credit to go on with explains every hole.
    pub(super) fn note_hindered(&mut self, now: Time) {
        if self.reorders && !self.credit.has_room_after(self.server_sent) {
            self.unhindered_since = now;
        }
    }

    fn admit(&mut self, mut message: Delivered) {
        // Positions mean what the Welcome says: those of another life of the hub begin anew.
        let Some((_, epoch)) = self.identity.filter(|_| self.welcomed) else {
            self.early.push(message);
            return;
        };
        message.epoch = epoch;
        let MessageHeader { stream, seq, .. } = message.header;
        match self.delivery.handle_message(stream, seq, message.received_at) {
            Arrival::New => {
                let now = message.received_at;
                self.inbox_bytes += message.bytes;
                self.inbox.push_back(message);
                if self.is_told_nothing() && self.patience().is_zero() {
                    self.give_up_unexplained(now);
                }
            }
            Arrival::Settled => {
                self.duplicates += 1;
                self.credit.handle_consumed(Amount::one(message.bytes));
            }
            // The answer on its way may follow this stream again, from this message on.
            Arrival::Retired if self.unanswered > 0 => self.early.push(message),
            Arrival::Retired => self.credit.handle_consumed(Amount::one(message.bytes)),
            Arrival::Unannounced => self.early.push(message),
        }
    }

    fn handle_control(&mut self, control: ServerControl, now: Time) -> Result<(), ClientError> {
        match control {
            ServerControl::Welcome(welcome) if welcome.version != PROTOCOL_VERSION => {
                return Err(ClientError::Version(welcome.version));
            }
            ServerControl::Welcome(welcome) => self.handle_welcome(welcome),
            ServerControl::Subscribed(streams) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                self.follow(&streams);
                self.events.push_back(ClientEvent::Subscribed(streams));
            }
            ServerControl::Gap(report) => self.note_gap(report),
            ServerControl::Pong(pong) => self.handle_pong(pong, now),
            ServerControl::Sample(sample) => {
                self.handle_total(sample.sent, now);
                self.open_window_if_starved(sample.waiting);
                self.events.push_back(ClientEvent::Sample(sample));
            }
            ServerControl::Goodbye(goodbye) => self.events.push_back(ClientEvent::Goodbye(goodbye)),
            ServerControl::Certificate(report) => self.handle_produced(report),
            ServerControl::Echo(block) => self.events.push_back(ClientEvent::Echo(block)),
        }
        self.settle_certificate(now);
        Ok(())
    }

    /// Opens an automatic window further when the server waits for credit while the consumer has little to do.
    fn open_window_if_starved(&mut self, waiting: Waiting) {
        let idle = self.held().messages <= self.credit.window().messages / 4;
        if self.config.window == WindowMode::Auto
            && !self.is_naive()
            && idle
            && matches!(waiting, Waiting::NoCredit { .. })
        {
            let window = self.auto.handle_starved();
            self.credit.set_window(window);
        }
    }

    fn handle_welcome(&mut self, welcome: Welcome) {
        let given_up = self.given_up.take();
        let earlier = self.identity.or_else(|| given_up.map(|(epoch, _)| (welcome.session, epoch)));
        if earlier.is_some_and(|(_, epoch)| epoch != welcome.epoch) {
            self.identity = earlier;
            self.void_books();
            self.delivery.handle_new_epoch();
            // A server that has restarted may count time from another origin.
            self.clock = ClockFilter::default();
        }
        self.identity = Some((welcome.session, welcome.epoch));
        self.welcomed = true;
        if let Some((_, thrown_away)) = given_up {
            // The gap is seen by the numbers alone: the server knows nothing of the session before.
            let jumps = self.delivery.handle_streams(&welcome.streams);
            jumps.iter().for_each(|jump| self.book_lost(jump));
            let skipped: u64 = jumps.iter().map(GapReport::messages).sum();
            self.events.push_back(ClientEvent::StartedOver { missed: thrown_away + skipped });
        }
        self.follow(&welcome.streams);
        self.certify_on_this_connection();
        self.events.push_back(ClientEvent::Welcome(welcome));
    }

    fn follow(&mut self, streams: &[StreamInfo]) {
        let jumps = self.delivery.handle_streams(streams);
        self.book_streams(streams);
        for report in jumps {
            self.book_gap(&report);
            let new = report.messages();
            self.events.push_back(ClientEvent::Gap { report, new });
        }
        for message in core::mem::take(&mut self.early) {
            self.admit(message);
        }
    }

    fn note_gap(&mut self, report: GapReport) {
        // A session that was resumed is told of gaps from where it resumed, and may have got some of it before.
        let report = self.delivery.handle_gap(&report);
        let new = report.messages();
        if new > 0 {
            self.book_gap(&report);
            self.events.push_back(ClientEvent::Gap { report, new });
        }
    }

    fn handle_pong(&mut self, pong: Pong, now: Time) {
        self.clock.handle_round_trip(pong.ping_sent_at, pong.server_now, now);
        self.handle_total(pong.sent, now);
        self.events.push_back(ClientEvent::Heartbeat { rtt: now.since(pong.ping_sent_at) });
    }

    fn handle_total(&mut self, sent: Amount, now: Time) {
        self.server_sent = self.server_sent.max_each(sent);
        if self.config.mode == Mode::Datagrams {
            self.ledger.handle_total(sent, now);
        }
    }
}
