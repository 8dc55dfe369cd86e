//! The server's end of a session.

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use bytes::BytesMut;

use crate::exhibit::{ExhibitUse, Verdict};
use crate::feed::FeedSpec;
use crate::flow;
use crate::ids::{Epoch, Seq, StreamId};
use crate::log::Source;
use crate::policy::Policy;
use crate::queue::{Dropped, Queued};
use crate::ranges::Ranges;
use crate::time::{Time, micros};
use crate::units::Amount;
use crate::wire::codec::{MAX_BATCH_HEADER, write_batch};
use crate::wire::{
    BatchHeader, CertifyRequest, ClientItem, EchoBlock, GapReason, GapReport, Hello, Hop, Inbound,
    PathSample, Pong, ProducedReport, SeqRange, ServerControl, ServerSample, Span, StreamInfo, Waiting,
    Welcome,
};

use super::refusal::{HelloError, ProtocolError, check_feeds};
use super::sent::SentDatagrams;
pub use super::subscription::Select;
use super::subscription::Subscription;
use super::work::Work;

/// One connection of a session, as the server runs it.
///
/// It decides what is sent and when: nothing past the receiver's limit, and every message that will not be sent is
/// reported in a gap. When it sends nothing, [`ServerSession::waiting`] says what for. Under a failure exhibit it does
/// what a naive server does instead, until [`ServerSession::verdict`] says that this is enough.
#[derive(Debug)]
pub struct ServerSession {
    subscription: Subscription,
    credit: flow::Sender,
    /// Welcomes, subscriptions and gaps: what must arrive, in order.
    opening: VecDeque<ServerControl>,
    pongs: VecDeque<Pong>,
    /// The newest answer to a Certify that has not been taken.
    certificate: Option<ServerControl>,
    epoch: Epoch,
    gaps: BTreeMap<(StreamId, GapReason), Ranges>,
    gaps_due: Option<Time>,
    sample_every: Option<Duration>,
    sample_due: Option<Time>,
    sample: Option<ServerSample>,
    inbound: Inbound,
    waiting: Waiting,
    received: Amount,
    dropped: BTreeMap<GapReason, u64>,
    sent_datagrams: SentDatagrams,
    work: Work,
}

/// How much one poll may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most messages.
    pub messages: usize,
    /// Most bytes, batch header included.
    pub bytes: usize,
    /// What to do with a message that alone passes `bytes`: send it all the same (a stream can carry it), or report
    /// it as too large (a datagram can't).
    pub oversize_is_gap: bool,
}

/// What one poll took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How much, as credit counts it.
    pub amount: Amount,
    /// The stream of its first message.
    pub stream: StreamId,
    /// When its oldest message was produced.
    pub oldest: Time,
}

/// What the driver has to do for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Look these feeds up, then call [`ServerSession::handle_subscribed`].
    Subscribe(Vec<FeedSpec>),
    /// Send messages in fragments of so many bytes, or whole with 0.
    SetFragments(u32),
    /// Return this block as it is.
    Echo(EchoBlock),
    /// Say what was produced: [`ServerSession::handle_certify`].
    Certify(CertifyRequest),
}

impl ServerSession {
    /// How long gaps are collected before they are reported.
    const GAP_DELAY: Duration = Duration::from_millis(50);
    /// Answers to heartbeats that wait at most; a client that asks faster than it reads gets the newest.
    const MAX_PONGS: usize = 16;

    /// Starts a connection that was opened by `hello`, which [`super::validate`] has passed, and is answered by `welcome`.
    pub fn new(hello: &Hello, welcome: Welcome, now: Time) -> Self {
        let sample_every =
            (hello.sample_every_millis > 0).then(|| Duration::from_millis(hello.sample_every_millis.into()));
        Self {
            subscription: Subscription::new(hello.policy, &welcome.streams),
            credit: flow::Sender::new(hello.limit),
            epoch: welcome.epoch,
            opening: VecDeque::from([ServerControl::Welcome(welcome)]),
            pongs: VecDeque::new(),
            certificate: None,
            gaps: BTreeMap::new(),
            gaps_due: None,
            sample_every,
            sample_due: sample_every.map(|every| now + every),
            sample: None,
            inbound: Inbound::default(),
            waiting: Waiting::NoData,
            received: Amount::ZERO,
            dropped: BTreeMap::new(),
            sent_datagrams: SentDatagrams::new(hello.mode),
            work: Work::new(now),
        }
    }

    /// Takes what the client says.
    ///
    /// # Errors
    /// The client broke the protocol; the connection should be closed with the error as its reason.
    pub fn handle_item(&mut self, item: ClientItem, now: Time) -> Result<Option<Request>, ProtocolError> {
        match item {
            ClientItem::Hello(_) => Err(ProtocolError::SecondHello),
            ClientItem::Grant { limit, received, consumed } => {
                self.handle_grant(limit, received, consumed).map(|()| None)
            }
            ClientItem::Lost { first, count } => {
                self.handle_lost(first, count, now);
                Ok(None)
            }
            ClientItem::Ping(ping) => {
                if self.pongs.len() >= Self::MAX_PONGS {
                    self.pongs.pop_front();
                }
                self.pongs.push_back(Pong {
                    nonce: ping.nonce,
                    ping_sent_at: ping.sent_at,
                    server_now: now,
                    sent: self.credit.sent(),
                });
                Ok(None)
            }
            ClientItem::Certify(request) => Ok(Some(Request::Certify(request))),
            ClientItem::SetPolicy(to) if to.is_exhibit() || self.policy().is_exhibit() => {
                Err(ProtocolError::Exhibit { from: self.policy(), to })
            }
            ClientItem::SetPolicy(policy) if policy.is_valid() => {
                self.handle_policy(policy, now);
                Ok(None)
            }
            ClientItem::SetPolicy(_) => Err(HelloError::Policy.into()),
            ClientItem::Subscribe(feeds) => {
                check_feeds(&feeds)?;
                Ok(Some(Request::Subscribe(feeds)))
            }
            ClientItem::SetFragments { bytes } if ClientItem::are_fragments_valid(bytes) => {
                Ok(Some(Request::SetFragments(bytes)))
            }
            ClientItem::SetFragments { bytes } => Err(ProtocolError::Fragments { bytes }),
            ClientItem::Echo(block) if block.payload.len() <= EchoBlock::MAX_PAYLOAD => {
                Ok(Some(Request::Echo(block)))
            }
            ClientItem::Echo(block) => Err(ProtocolError::EchoBlock { bytes: block.payload.len() }),
        }
    }

    fn handle_policy(&mut self, policy: Policy, now: Time) {
        for gone in self.subscription.set_policy(policy) {
            note_gap(&mut self.gaps, &mut self.dropped, gone, 1);
            self.gaps_due.get_or_insert(now + Self::GAP_DELAY);
        }
        self.subscription.handle_published();
    }

    fn handle_grant(
        &mut self,
        limit: Amount,
        received: Amount,
        consumed: Amount,
    ) -> Result<(), ProtocolError> {
        let possible = |claimed: Amount, actual: Amount| {
            if claimed.fits_within(actual) {
                Ok(())
            } else {
                Err(ProtocolError::ImpossibleGrant { claimed, actual })
            }
        };
        possible(received, self.credit.sent())?;
        possible(consumed, received)?;
        self.credit.handle_limit(limit);
        self.received = self.received.max_each(received);
        Ok(())
    }

    /// Names the messages that a client missed. Those too old to be remembered stay unnamed, and count as lost there.
    fn handle_lost(&mut self, first: u64, count: u64, now: Time) {
        for (stream, seq) in self.sent_datagrams.take(first, count) {
            let gone = Dropped { stream, seq, reason: GapReason::Network };
            note_gap(&mut self.gaps, &mut self.dropped, gone, 1);
            self.gaps_due.get_or_insert(now + Self::GAP_DELAY);
        }
    }

    /// Says what was produced in the parts of streams that the client names. An earlier answer that has not been taken is
    /// replaced.
    ///
    /// # Errors
    /// The client names too many parts, or one that nobody can have seen.
    pub fn handle_certify(
        &mut self,
        source: &impl Source,
        request: CertifyRequest,
    ) -> Result<(), ProtocolError> {
        let count = request.spans.len();
        if count > CertifyRequest::MAX_STREAMS {
            return Err(ProtocolError::CertifyStreams { count });
        }
        let answer = |span: Span| {
            let Some(produced) = source.produced(span.stream) else { return Ok((span, None)) };
            let next = produced.next();
            if span.first > span.cut || span.cut > next {
                return Err(ProtocolError::CertifySpan { span, next });
            }
            Ok((span, Some(produced.between(span.first, span.cut))))
        };
        let spans = request.spans.into_iter().map(answer).collect::<Result<_, _>>()?;
        let report = ProducedReport { nonce: request.nonce, epoch: self.epoch, spans };
        self.certificate = Some(ServerControl::Certificate(report));
        Ok(())
    }

    /// Follows other streams, as the driver has looked them up.
    pub fn handle_subscribed(&mut self, streams: Vec<StreamInfo>) {
        self.flush_gaps();
        self.subscription.replace_streams(&streams);
        self.opening.push_back(ServerControl::Subscribed(streams));
    }

    /// The logs may hold more. A policy with a queue takes it in at once; a lossless one when it can send.
    pub fn handle_published(&mut self, source: &impl Source, now: Time) {
        self.subscription.handle_published();
        self.fill(source, now);
    }

    fn fill(&mut self, source: &impl Source, now: Time) {
        let mut any = false;
        let (gaps, totals) = (&mut self.gaps, &mut self.dropped);
        self.subscription.fill(source, |gone, count| {
            note_gap(gaps, totals, gone, count);
            any = true;
        });
        if any {
            self.gaps_due.get_or_insert(now + Self::GAP_DELAY);
        }
    }

    /// Appends the next messages to `out`, behind a batch header; `None` (and nothing appended) when it must wait.
    ///
    /// [`ServerSession::waiting`] then says for what.
    pub fn poll_batch(
        &mut self,
        source: &impl Source,
        select: Select,
        limits: BatchLimits,
        now: Time,
        out: &mut BytesMut,
    ) -> Option<Batch> {
        self.fill(source, now);
        let mut batch: Option<Batch> = None;
        let room = limits.bytes.saturating_sub(MAX_BATCH_HEADER) as u64;
        let mut count = 0;
        // A naive server makes a write of every message.
        let most = if self.policy().is_exhibit() { limits.messages.min(1) } else { limits.messages };
        while count < most {
            let Some(bytes) = self.subscription.peek(select) else { break };
            if bytes > room && limits.oversize_is_gap {
                self.report_too_large(select, source, now);
                continue;
            }
            let full = batch.is_some_and(|batch| batch.amount.bytes + bytes > room);
            let sent_before = self.credit.sent();
            if full || !self.credit.try_spend(bytes) {
                break;
            }
            let Some(message) = self.take(select, source, now) else { break };
            let entry = &message.entry;
            let batch = batch.get_or_insert_with(|| {
                write_batch(out, &BatchHeader { sent_at: now, sent_before });
                Batch { amount: Amount::ZERO, stream: message.stream, oldest: entry.produced_at }
            });
            self.sent_datagrams.push(message.stream, entry.seq);
            batch.amount += Amount::one(bytes);
            batch.oldest = batch.oldest.min(entry.produced_at);
            out.extend_from_slice(&entry.item);
            count += 1;
        }
        self.waiting = if batch.is_some() { Waiting::Nothing } else { self.obstacle(select, now) };
        batch
    }

    /// Why nothing of `select` is sent. When it has nothing, the other streams' reason counts; with data and credit,
    /// what is missing is room in the transport.
    fn obstacle(&self, select: Select, now: Time) -> Waiting {
        let next = self.subscription.peek(select).or_else(|| self.subscription.peek(Select::Any));
        match (next, self.waiting) {
            (None, _) => Waiting::NoData,
            (Some(bytes), Waiting::Transport { since }) if self.credit.allows(bytes) => {
                Waiting::Transport { since }
            }
            (Some(bytes), _) if self.credit.allows(bytes) => Waiting::Transport { since: now },
            (Some(_), Waiting::NoCredit { since }) => Waiting::NoCredit { since },
            (Some(_), _) => Waiting::NoCredit { since: now },
        }
    }

    fn take(&mut self, select: Select, source: &impl Source, now: Time) -> Option<Queued> {
        let (gaps, totals) = (&mut self.gaps, &mut self.dropped);
        let mut any = false;
        let message = self.subscription.take(select, source, |gone, count| {
            note_gap(gaps, totals, gone, count);
            any = true;
        });
        if any {
            self.gaps_due.get_or_insert(now + Self::GAP_DELAY);
        }
        message
    }

    fn report_too_large(&mut self, select: Select, source: &impl Source, now: Time) {
        let Some(message) = self.take(select, source, now) else { return };
        if self.subscription.is_silent() {
            self.subscription.drop_silently();
        } else {
            let gone =
                Dropped { stream: message.stream, seq: message.entry.seq, reason: GapReason::TooLarge };
            note_gap(&mut self.gaps, &mut self.dropped, gone, 1);
            self.gaps_due.get_or_insert(now + Self::GAP_DELAY);
        }
    }

    /// The next control item. They need no credit, and go before data.
    pub fn poll_control(&mut self) -> Option<ServerControl> {
        self.opening
            .pop_front()
            .or_else(|| self.pongs.pop_front().map(ServerControl::Pong))
            .or_else(|| self.certificate.take())
            .or_else(|| self.sample.take().map(ServerControl::Sample))
    }

    /// The transport takes no more for now. That is what is waited for only if there are data and credit.
    pub fn handle_transport_blocked(&mut self, now: Time) {
        self.work.blocked_writes += 1;
        self.waiting = self.obstacle(Select::Any, now);
    }

    /// The transport takes more again.
    pub fn handle_transport_ready(&mut self) {
        if matches!(self.waiting, Waiting::Transport { .. }) {
            self.waiting = Waiting::Nothing;
        }
    }

    /// When to call [`ServerSession::handle_timeout`] at the latest, and what for.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let gaps = self.gaps_due.map(|at| (at, "report gaps"));
        let sample = self.sample_due.map(|at| (at, "report the server's side"));
        let over = self.exhibit_over_at().map(|at| (at, "the exhibit is over"));
        [gaps, sample, over].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// The driver has run for `total` since the connection opened.
    pub fn handle_core_time(&mut self, total: Duration) {
        self.work.core_micros = micros(total);
    }

    /// What a failure exhibit has used; `None` under every other policy.
    pub fn exhibit(&self, now: Time) -> Option<ExhibitUse> {
        self.work.exhibit(&self.subscription, now)
    }

    /// How a failure exhibit went, once it has reached a cap: the connection has to be closed.
    pub fn verdict(&self, now: Time) -> Option<Verdict> {
        self.work.verdict(&self.subscription, now)
    }

    /// When a failure exhibit is over at the latest.
    pub fn exhibit_over_at(&self) -> Option<Time> {
        self.work.over_at(&self.subscription)
    }

    /// Does what is due. Samples wait for [`ServerSession::handle_sample`].
    pub fn handle_timeout(&mut self, now: Time) {
        if self.gaps_due.is_some_and(|due| due <= now) {
            self.flush_gaps();
        }
    }

    /// Whether the driver should sample the transport and call [`ServerSession::handle_sample`].
    pub fn sample_is_due(&self, now: Time) -> bool {
        self.sample_due.is_some_and(|due| due <= now)
    }

    /// Reports the server's side, with what the driver knows of the transport.
    pub fn handle_sample(&mut self, source: &impl Source, transport: Hop, path: PathSample, now: Time) {
        self.sample_due = self.sample_every.map(|every| now + every);
        self.sample = Some(ServerSample {
            server_now: now,
            backlog: self.subscription.backlog(source, now),
            policy_queue: self.subscription.queue_hop(now),
            transport,
            sent: self.credit.sent(),
            limit: self.credit.limit(),
            waiting: self.waiting,
            path,
            inbound: self.inbound,
            core_micros: self.work.core_micros,
            blocked_writes: self.work.blocked_writes,
            exhibit: self.exhibit(now),
        });
    }

    /// How what the client floods the server with is taken, for the next report.
    pub const fn set_inbound(&mut self, inbound: Inbound) {
        self.inbound = inbound;
    }

    fn flush_gaps(&mut self) {
        self.gaps_due = None;
        for ((stream, reason), mut ranges) in core::mem::take(&mut self.gaps) {
            while !ranges.is_empty() {
                let ranges: Vec<SeqRange> = ranges.take_first(GapReport::MAX_RANGES);
                self.opening.push_back(ServerControl::Gap(GapReport { stream, reason, ranges }));
            }
        }
    }

    /// Why nothing was sent at the last poll.
    pub const fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// What was sent in total.
    pub const fn sent(&self) -> Amount {
        self.credit.sent()
    }

    /// What may be sent in total.
    pub const fn limit(&self) -> Amount {
        self.credit.limit()
    }

    /// What the client has said to have received.
    pub const fn received(&self) -> Amount {
        self.received
    }

    /// The policy in force.
    pub const fn policy(&self) -> Policy {
        self.subscription.policy()
    }

    /// Takes the number of messages that went into gaps since the last call, by reason.
    pub fn take_dropped(&mut self) -> BTreeMap<GapReason, u64> {
        core::mem::take(&mut self.dropped)
    }
}

fn note_gap(
    gaps: &mut BTreeMap<(StreamId, GapReason), Ranges>,
    totals: &mut BTreeMap<GapReason, u64>,
    gone: Dropped,
    count: u64,
) {
    let end = Seq(gone.seq.0.saturating_add(count));
    gaps.entry((gone.stream, gone.reason)).or_default().insert(gone.seq, end);
    *totals.entry(gone.reason).or_default() += count;
}
