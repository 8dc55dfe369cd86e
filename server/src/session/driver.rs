//! The drive loop of a session.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use sluice_shared::exhibit::Cap;
use sluice_shared::feed::FeedSpec;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ProtocolError, Request, ServerSession};
use sluice_shared::time::Time;
use sluice_shared::wire::{ClientItem, CloseCode, Goodbye, Waiting};
use tokio::time::Sleep;

use super::carrier::{Carrier, Ended};
use super::core_time::CoreTime;
use super::followed::Followed;
use super::outlet::fill;
use crate::clock::Clock;
use crate::hub::{FeedRefused, Hub, Signal, Stop, Subscription};
use crate::metrics::LaneMetrics;

/// A session and everything it needs to run.
pub(super) struct Driver<'a, C> {
    pub(super) carrier: &'a mut C,
    /// In a box: a future keeps room for each place that a value is moved through.
    pub(super) session: Box<ServerSession>,
    pub(super) subscription: Subscription,
    pub(super) followed: Arc<Followed>,
    pub(super) signal: Arc<Signal>,
    pub(super) hub: Arc<Hub>,
    pub(super) metrics: LaneMetrics,
    /// What meters [`Driver::run`].
    pub(super) core: &'a CoreTime,
}

/// How a session's connection ended.
pub(super) struct Outcome {
    /// What to tell the client; `None` when it has left.
    pub(super) goodbye: Option<Goodbye>,
    /// Whether the session may be resumed.
    pub(super) resumable: bool,
    /// The cap that a failure exhibit has reached.
    pub(super) cap: Option<Cap>,
    /// What it followed.
    pub(super) subscription: Subscription,
}

/// What a wait ended with.
enum Event {
    Item(Box<ClientItem>),
    Ended(Ended),
    /// There is room again, and there may be more to send.
    Room,
    Woken,
    Timeout,
}

impl<C: Carrier> Driver<'_, C> {
    /// Runs until the client leaves, breaks the protocol, or has to be sent away.
    pub(super) async fn run(mut self) -> Outcome {
        let clock = self.hub.clock();
        let mut timer = Box::pin(tokio::time::sleep_until(clock.instant(clock.now())));
        let mut first_lane = 0;
        let mut cap = None;
        let ended = loop {
            if let Some(stop) = self.signal.stopped() {
                break stopped(stop);
            }
            let now = clock.now();
            self.handle_due(now);
            self.session.handle_core_time(self.core.total());
            if let Some(verdict) = self.session.verdict(now) {
                cap = Some(verdict.cap);
                break Ended::Refused(CloseCode::ExhibitOver, verdict.to_string());
            }
            let awaited_lanes = self.send(now, first_lane);
            first_lane = first_lane.wrapping_add(1);
            let event = self.wait(awaited_lanes, &mut timer, clock).await;
            if self.signal.take_published() {
                self.session.handle_published(self.subscription.view(), clock.now());
            }
            let result = match event {
                Event::Item(item) => self.handle_item(*item, clock.now()),
                Event::Ended(ended) => Err(ended),
                Event::Woken | Event::Room | Event::Timeout => Ok(()),
            };
            if let Err(ended) = result {
                break ended;
            }
        };
        self.count_dropped();
        let (goodbye, resumable) = match ended {
            Ended::Left(why) => {
                tracing::debug!(why, "the client left");
                (None, true)
            }
            Ended::Refused(code, reason) => {
                let resumable = matches!(code, CloseCode::Unresponsive | CloseCode::Overloaded);
                (Some(Goodbye { code, reason }), resumable)
            }
        };
        let resumable = resumable && !self.session.policy().is_exhibit();
        Outcome { goodbye, resumable, cap, subscription: self.subscription }
    }

    /// Does what the session's deadlines ask for, unless nobody could take the result.
    fn handle_due(&mut self, now: Time) {
        if self.session.poll_timeout().is_none_or(|(due, _)| due > now) || self.carrier.control().is_none() {
            return;
        }
        self.session.handle_timeout(now);
        if self.session.sample_is_due(now) {
            let (hop, path) = self.carrier.sample(now);
            self.session.set_inbound(self.carrier.inbound(now));
            self.session.handle_sample(self.subscription.view(), hop, path, now);
        }
        self.count_dropped();
    }

    fn count_dropped(&mut self) {
        for (reason, count) in self.session.take_dropped() {
            self.metrics.gap(reason, count);
        }
    }

    /// Fills the carrier's buffers, as [`fill`] does.
    fn send(&mut self, now: Time, first_lane: usize) -> usize {
        let (metrics, view) = (&self.metrics, self.subscription.view());
        fill(self.carrier, &mut self.session, view, first_lane, now, |batch| {
            tracing::trace!(messages = batch.amount.messages, bytes = batch.amount.bytes, "batch");
            metrics.messages.inc_by(batch.amount.messages);
            metrics.bytes.inc_by(batch.amount.bytes);
        })
    }

    /// Waits for the next thing to happen, writing and reading meanwhile.
    async fn wait(&mut self, awaited_lanes: usize, timer: &mut Pin<Box<Sleep>>, clock: Clock) -> Event {
        let takes_control = self.carrier.control().is_some();
        // What is due while nothing can be reported has to wait for room, not for time; the end of an exhibit does not.
        let reports = self.session.poll_timeout().filter(|_| takes_control).map(|(due, _)| due);
        let deadline = [reports, self.session.exhibit_over_at()].into_iter().flatten().min();
        if let Some(due) = deadline {
            let due = clock.instant(due);
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
        }
        let cares = !self.is_stuck() || self.session.policy() != Policy::Lossless;
        let spins = self.session.policy() == Policy::BusySpin;
        let (carrier, session, signal) = (&mut *self.carrier, &mut self.session, &self.signal);
        let core = self.core;
        poll_fn(|cx| {
            if signal.poll_woken(cares, cx).is_ready() {
                return Poll::Ready(Event::Woken);
            }
            let flushed = carrier.poll_flush(cx);
            if let Poll::Ready(Err(ended)) = flushed {
                return Poll::Ready(Event::Ended(ended));
            }
            // The exhibit: it does not wait to be told that there is room.
            if spins && flushed.is_pending() {
                session.handle_core_time(core.total());
                if session.verdict(clock.now()).is_some() {
                    return Poll::Ready(Event::Timeout);
                }
                cx.waker().wake_by_ref();
            }
            // Each item may ask for an answer, so the client is heard only while there is room for answers.
            let room_for_control = carrier.control().is_some();
            if room_for_control && let Poll::Ready(item) = carrier.poll_item(cx) {
                return Poll::Ready(item.map_or_else(Event::Ended, |item| Event::Item(Box::new(item))));
            }
            let lanes = carrier.lanes();
            let full_lanes = (0..lanes).filter(|index| carrier.lane(*index).is_none()).count();
            if full_lanes < awaited_lanes || (room_for_control && !takes_control) {
                session.handle_transport_ready();
                return Poll::Ready(Event::Room);
            }
            if full_lanes > 0 && full_lanes == lanes {
                session.handle_transport_blocked(clock.now());
            }
            if deadline.is_some() && timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Timeout);
            }
            Poll::Pending
        })
        .await
    }

    /// Whether news would change nothing: there is no credit, or the one lane is at a message that it cannot send.
    /// A stuck lossless subscriber then costs a busy feed nothing.
    fn is_stuck(&self) -> bool {
        let (sent, limit) = (self.session.sent(), self.session.limit());
        let has_no_credit = sent.messages >= limit.messages || sent.bytes >= limit.bytes;
        let waits = matches!(self.session.waiting(), Waiting::NoCredit { .. } | Waiting::Transport { .. });
        has_no_credit || (waits && self.carrier.lanes() == 1)
    }

    fn handle_item(&mut self, item: ClientItem, now: Time) -> Result<(), Ended> {
        tracing::trace!(?item, "from the client");
        match self.session.handle_item(item, now) {
            Ok(None) => Ok(()),
            Ok(Some(Request::Subscribe(feeds))) => self.follow(&feeds, now),
            Ok(Some(Request::Echo(block))) => self.carrier.echo(block),
            Ok(Some(Request::Certify(request))) => {
                let refused = |error: ProtocolError| Ended::Refused(CloseCode::Protocol, error.to_string());
                self.session.handle_certify(self.subscription.view(), request).map_err(refused)
            }
            Ok(Some(Request::SetFragments(bytes))) if self.carrier.set_fragments(bytes) => Ok(()),
            Ok(Some(Request::SetFragments(_))) => {
                let transport = self.carrier.transport().name();
                let reason = format!("{transport} has no frames that messages could be sent in");
                Err(Ended::Refused(CloseCode::Protocol, reason))
            }
            Err(error) => Err(Ended::Refused(CloseCode::Protocol, error.to_string())),
        }
    }

    fn follow(&mut self, feeds: &[FeedSpec], now: Time) -> Result<(), Ended> {
        let subscription = self.hub.subscribe(feeds, &self.signal).map_err(refused)?;
        let streams = subscription.infos(|_| None);
        self.followed.note(&streams);
        self.subscription = subscription;
        self.carrier.replace_streams(&streams);
        self.session.handle_subscribed(streams);
        self.session.handle_published(self.subscription.view(), now);
        Ok(())
    }
}

/// What a client is told whose feeds cannot be followed.
pub(super) fn refused(error: FeedRefused) -> Ended {
    let code = match error {
        FeedRefused::NotOffered { .. } => CloseCode::Unsupported,
        FeedRefused::TooMany => CloseCode::Overloaded,
    };
    Ended::Refused(code, error.to_string())
}

fn stopped(stop: Stop) -> Ended {
    match stop {
        Stop::GoingAway => Ended::Refused(CloseCode::GoingAway, "the server stops".to_owned()),
        Stop::TakenOver => {
            Ended::Refused(CloseCode::TakenOver, "another connection has taken the session up".to_owned())
        }
    }
}
