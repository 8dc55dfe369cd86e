//! The server's end of a session.

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use bytes::BytesMut;

use crate::feed::FeedSpec;
use crate::flow;
use crate::ids::{Seq, StreamId};
use crate::log::Source;
use crate::mode::Mode;
use crate::policy::Policy;
use crate::queue::{Dropped, Queued};
use crate::ranges::Ranges;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::codec::{MAX_BATCH_HEADER, write_batch};
use crate::wire::{
    BatchHeader, ClientItem, GapReason, GapReport, Hello, Hop, PROTOCOL_VERSION, PathSample, Pong, SeqRange,
    ServerControl, ServerSample, StreamInfo, Waiting, Welcome,
};

pub use super::subscription::Select;
use super::subscription::Subscription;

/// One connection of a session, as the server runs it.
///
/// It decides what is sent and when: nothing past the receiver's limit, and every message that will not be sent is
/// reported in a gap. When it sends nothing, [`ServerSession::waiting`] says what for.
#[derive(Debug)]
pub struct ServerSession {
    subscription: Subscription,
    credit: flow::Sender,
    /// Welcomes, subscriptions and gaps: what must arrive, in order.
    opening: VecDeque<ServerControl>,
    pongs: VecDeque<ServerControl>,
    gaps: BTreeMap<(StreamId, GapReason), Ranges>,
    gaps_due: Option<Time>,
    sample_every: Option<Duration>,
    sample_due: Option<Time>,
    sample: Option<ServerSample>,
    waiting: Waiting,
    received: Amount,
    dropped: BTreeMap<GapReason, u64>,
    sent_datagrams: SentDatagrams,
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
}

/// Why a Hello is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Another version.
    #[error("protocol version {version} is not spoken here, but {PROTOCOL_VERSION}: reload the page")]
    Version {
        /// The client's.
        version: u16,
    },
    /// No feeds, or too many.
    #[error("a subscription takes 1 to {most} feeds, not {count}", most = Hello::MAX_FEEDS)]
    Feeds {
        /// How many the client names.
        count: usize,
    },
    /// A queue limit out of range.
    #[error("a queue limit must lie between 1 and {most}", most = Policy::MAX_LIMIT)]
    Policy,
    /// A reporting interval that is too short.
    #[error("reports every {millis} ms are too frequent: {least} ms or more, or 0 for none", least = Hello::MIN_SAMPLE_MILLIS)]
    Sample {
        /// The client's wish.
        millis: u16,
    },
    /// More resume positions than any subscription has.
    #[error("{count} resume positions are more than any subscription has")]
    Resume {
        /// How many the client names.
        count: usize,
    },
}

/// What a client must not say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A second Hello.
    #[error("a connection says Hello once")]
    SecondHello,
    /// A policy or subscription out of range.
    #[error(transparent)]
    Invalid(#[from] HelloError),
    /// A grant that names more received than was sent, or more consumed than received.
    #[error("a grant names {claimed:?} where {actual:?} is possible")]
    ImpossibleGrant {
        /// What the client says.
        claimed: Amount,
        /// What there can be.
        actual: Amount,
    },
}

/// Checks the ranges of a Hello. The feeds' own settings are clamped, not checked.
///
/// # Errors
/// Says which field is out of range and what the range is.
pub fn validate(hello: &Hello) -> Result<(), HelloError> {
    if hello.version != PROTOCOL_VERSION {
        return Err(HelloError::Version { version: hello.version });
    }
    check_feeds(&hello.feeds)?;
    if !hello.policy.is_valid() {
        return Err(HelloError::Policy);
    }
    if (1..Hello::MIN_SAMPLE_MILLIS).contains(&hello.sample_every_millis) {
        return Err(HelloError::Sample { millis: hello.sample_every_millis });
    }
    let most = Hello::MAX_FEEDS * usize::from(crate::feed::TicksSpec::MAX_STREAMS);
    match &hello.resume {
        Some(resume) if resume.next.len() > most => Err(HelloError::Resume { count: resume.next.len() }),
        Some(_) | None => Ok(()),
    }
}

fn check_feeds(feeds: &[FeedSpec]) -> Result<(), HelloError> {
    let count = feeds.len();
    if (1..=Hello::MAX_FEEDS).contains(&count) { Ok(()) } else { Err(HelloError::Feeds { count }) }
}

impl ServerSession {
    /// How long gaps are collected before they are reported.
    const GAP_DELAY: Duration = Duration::from_millis(50);
    /// Answers to heartbeats that wait at most; a client that asks faster than it reads gets the newest.
    const MAX_PONGS: usize = 16;

    /// Starts a connection that was opened by `hello`, which [`validate`] has passed, and is answered by `welcome`.
    pub fn new(hello: &Hello, welcome: Welcome, now: Time) -> Self {
        let sample_every =
            (hello.sample_every_millis > 0).then(|| Duration::from_millis(hello.sample_every_millis.into()));
        Self {
            subscription: Subscription::new(hello.policy, &welcome.streams),
            credit: flow::Sender::new(hello.limit),
            opening: VecDeque::from([ServerControl::Welcome(welcome)]),
            pongs: VecDeque::new(),
            gaps: BTreeMap::new(),
            gaps_due: None,
            sample_every,
            sample_due: sample_every.map(|every| now + every),
            sample: None,
            waiting: Waiting::NoData,
            received: Amount::ZERO,
            dropped: BTreeMap::new(),
            sent_datagrams: SentDatagrams::new(hello.mode),
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
                self.pongs.push_back(ServerControl::Pong(Pong {
                    nonce: ping.nonce,
                    ping_sent_at: ping.sent_at,
                    server_now: now,
                    sent: self.credit.sent(),
                }));
                Ok(None)
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

    /// Follows other streams, as the driver has looked them up.
    pub fn handle_subscribed(&mut self, streams: Vec<StreamInfo>) {
        self.flush_gaps();
        self.subscription.replace_streams(&streams);
        self.opening.push_back(ServerControl::Subscribed(streams));
    }

    /// The logs may hold more. A dropping policy takes it in at once; a lossless one when it can send.
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
        while count < limits.messages {
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
        if let Some(message) = self.take(select, source, now) {
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
            .or_else(|| self.pongs.pop_front())
            .or_else(|| self.sample.take().map(ServerControl::Sample))
    }

    /// The transport takes no more for now. That is what is waited for only if there are data and credit.
    pub fn handle_transport_blocked(&mut self, now: Time) {
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
        [gaps, sample].into_iter().flatten().min_by_key(|(at, _)| *at)
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
        });
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

/// Which messages the last datagrams carried, so that lost ones can be named.
#[derive(Debug)]
struct SentDatagrams {
    /// `None` for a mode that loses nothing; within, `None` for one that has been named as lost.
    recent: Option<VecDeque<Option<(StreamId, Seq)>>>,
    /// Place of the first one that is remembered.
    first: u64,
}

impl SentDatagrams {
    /// Enough for the largest window and for what is sent, at the highest rate, while a receiver waits for stragglers.
    const MOST: usize = 16_384;

    fn new(mode: Mode) -> Self {
        Self { recent: (mode == Mode::Datagrams).then(VecDeque::new), first: 0 }
    }

    fn push(&mut self, stream: StreamId, seq: Seq) {
        let Some(recent) = &mut self.recent else { return };
        if recent.len() >= Self::MOST {
            recent.pop_front();
            self.first += 1;
        }
        recent.push_back(Some((stream, seq)));
    }

    /// Names what was sent at the places from `first` on; each is named once, however often it is asked for.
    fn take(&mut self, first: u64, count: u64) -> impl Iterator<Item = (StreamId, Seq)> + '_ {
        let before = self.first;
        let kept = self.recent.as_ref().map_or(0, VecDeque::len);
        let index =
            move |place: u64| usize::try_from(place.saturating_sub(before)).unwrap_or(usize::MAX).min(kept);
        let places = index(first)..index(first.saturating_add(count));
        self.recent
            .iter_mut()
            .flat_map(move |recent| recent.range_mut(places.clone()))
            .filter_map(Option::take)
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
