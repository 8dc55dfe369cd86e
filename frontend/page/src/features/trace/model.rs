//! Causal trace of a slow consumer: which stages filled up, when, and with which values measured in this run.
//! The engine feeds it with one [`LaneSample`] per report, and the trace view shows its steps. Each kind of
//! step appears at most once per trace, in time order.

use core::time::Duration;

use sluice_shared::exhibit::ExhibitUse;
use sluice_shared::lab::{TcpReport, TcpWait};
use sluice_shared::policy::Policy;
use sluice_shared::time::Time;
use sluice_shared::wire::{GapReason, Waiting};

use sluice_bridge::Connection;
use sluice_bridge::Consumer;
use sluice_bridge::Summary;
use sluice_text::format;

/// One observation, recorded once per trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Kind of observation.
    pub kind: StepKind,
    /// Time on the browser's clock; the beginning of the trace for a condition that already held.
    pub at: Time,
    /// True if the condition held before the trace began, so its start time is unknown.
    pub is_earlier: bool,
    /// Description in a sentence, with the values measured at the time.
    pub text: String,
}

/// Kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// The consumer delays each message.
    Consumer,
    /// The inbox is full.
    Inbox,
    /// The credit is used up.
    Credit,
    /// The browser stopped reading from the socket.
    Browser,
    /// TCP's receive window is closed.
    Window,
    /// The server's transport accepts no more data.
    SendBuffer,
    /// The retained log holds a growing backlog for the lane's cursor.
    Backlog,
    /// The server's queue for this lane grows.
    Queue,
    /// The server drops messages and reports it.
    Reported,
    /// The server drops messages silently.
    Silent,
    /// The server retries a blocked write in a busy loop.
    Spin,
    /// The consumer receives stale messages.
    Stale,
    /// The consumer detects missing messages.
    Holes,
    /// The server ended a session in a fault mode.
    Over,
    /// Everything flows again.
    Recovered,
}

impl StepKind {
    /// Returns the pipeline stage at which the step occurs.
    pub const fn place(self) -> &'static str {
        match self {
            Self::Consumer | Self::Stale | Self::Holes => "consumer",
            Self::Inbox => "inbox",
            Self::Credit => "credit",
            Self::Browser => "browser",
            Self::Window => "TCP window",
            Self::SendBuffer => "send buffer",
            Self::Backlog => "hub",
            Self::Queue | Self::Reported | Self::Silent | Self::Spin | Self::Over => "server",
            Self::Recovered => "lane",
        }
    }

    /// Returns the name used in test ids.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Inbox => "inbox",
            Self::Credit => "credit",
            Self::Browser => "browser",
            Self::Window => "window",
            Self::SendBuffer => "send-buffer",
            Self::Backlog => "backlog",
            Self::Queue => "queue",
            Self::Reported => "reported",
            Self::Silent => "silent",
            Self::Spin => "spin",
            Self::Stale => "stale",
            Self::Holes => "holes",
            Self::Over => "over",
            Self::Recovered => "recovered",
        }
    }

    /// True if messages were lost or the session ended as a result.
    pub const fn is_harm(self) -> bool {
        matches!(self, Self::Silent | Self::Spin | Self::Holes | Self::Over)
    }
}

/// State of a lane at one moment.
#[derive(Clone, Copy, Debug)]
pub struct LaneSample<'a> {
    /// Time of the sample, on the browser's clock.
    pub now: Time,
    /// Policy for messages for which there is no credit.
    pub policy: Policy,
    /// The consumer's delay and how it is spent.
    pub consumer: Consumer,
    /// The connection.
    pub connection: &'a Connection,
    /// Stage levels and totals.
    pub summary: &'a Summary,
    /// The server's end of the emulated TCP connection, if the lane has one.
    pub tcp: Option<&'a TcpReport>,
}

/// Steps since the lane's consumer, policy or connection last changed. Each kind occurs at most once.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Connections opened before this time are ignored.
    not_before: Option<Time>,
    steps: Vec<Step>,
    began: Option<Time>,
    first: Option<First>,
    /// Elapsed time and core time of the fault mode, microseconds, when the share was last computed; at least
    /// [`Trace::CORE_SPAN`] after the previous one.
    core: Option<(u64, u64)>,
    calm_since: Option<Time>,
}

/// Totals at the beginning of the trace, subtracted from later totals.
#[derive(Clone, Copy, Debug)]
struct First {
    blocked_writes: u64,
    gaps: [u64; GapReason::ALL.len()],
    lost: u64,
}

impl Trace {
    /// Latency from which messages count as stale, microseconds.
    const STALE_MICROS: u64 = 1_000_000;
    /// Bytes in a TCP receive buffer above which the browser is considered not to be reading.
    const NOT_READ: u64 = 32 * 1024;
    /// Server queue size from which a step is recorded, bytes.
    const NOTABLE_QUEUE: u64 = 256 * 1024;
    /// Time over which the share of a core is measured.
    const CORE_SPAN: Duration = Duration::from_millis(500);
    /// Share of a core from which a busy loop is recorded.
    const SPIN: f64 = 0.5;
    /// Time without any blocked stage after which the lane counts as recovered.
    const CALM: Duration = Duration::from_secs(2);

    /// Starts a new trace.
    pub fn begin(&mut self) {
        *self = Self { not_before: self.not_before, ..Self::default() };
    }

    /// Starts a new trace with the first connection opened after `now`.
    pub fn begin_with_connection(&mut self, now: Time) {
        *self = Self { not_before: Some(now), ..Self::default() };
    }

    /// Returns the steps in time order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Updates the trace from a sample.
    pub fn look(&mut self, sample: &LaneSample<'_>) {
        if let Connection::Failed { reason } = sample.connection {
            if self.first.is_some() && sample.policy.is_exhibit() {
                self.note(StepKind::Over, sample.now, || reason.clone());
            }
            return;
        }
        let Connection::Open { since, .. } = sample.connection else { return };
        if self.not_before.is_some_and(|begin| *since < begin) {
            return;
        }
        let summary = sample.summary;
        let first = *self.first.get_or_insert(First {
            blocked_writes: summary.blocked_writes,
            gaps: summary.gaps,
            lost: summary.lost,
        });
        self.began.get_or_insert(sample.now);
        let delay = sample.consumer.delay_micros;
        if delay > 0 {
            self.note(StepKind::Consumer, sample.now, || {
                format!(
                    "The consumer takes {} for each message: it can't consume more than {}.",
                    format::delay(delay),
                    format::per_second(u64::from(1_000_000 / delay.max(1))),
                )
            });
        }
        self.look_at_browser(sample);
        self.look_at_server(sample, first);
        self.look_at_consumer(sample, first);
        self.look_for_calm(sample);
    }

    fn look_at_browser(&mut self, sample: &LaneSample<'_>) {
        let (summary, now) = (sample.summary, sample.now);
        let (inbox, window) = (summary.hops.inbox.held, summary.credit.window);
        let is_limited = !sample.policy.is_exhibit();
        if is_limited
            && window.messages > 0
            && (inbox.messages * 10 >= window.messages * 9 || inbox.bytes * 10 >= window.bytes * 9)
        {
            self.note(StepKind::Inbox, now, || {
                format!(
                    "The inbox is full: {} messages, {}, wait for the consumer; the window is {} messages, {}.",
                    format::count(inbox.messages),
                    format::bytes(inbox.bytes),
                    format::count(window.messages),
                    format::bytes(window.bytes),
                )
            });
        }
        if let (true, Waiting::NoCredit { since }) = (is_limited, summary.waiting) {
            self.note(StepKind::Credit, local(since, summary), || {
                format!(
                    "The server has used up its credit, {} messages so far, and waits: it returns as messages are consumed.",
                    format::count(summary.credit.limit.messages),
                )
            });
        }
        let Some(tcp) = sample.tcp else { return };
        // Within its credit window the browser may lag briefly: the inbox has room for those bytes.
        let granted_bytes = if is_limited { window.bytes } else { 0 };
        if tcp.unread_bytes > Self::NOT_READ.max(granted_bytes) {
            self.note(StepKind::Browser, now, || {
                format!(
                    "The browser takes no more: {} that have arrived wait in the TCP receive buffer.",
                    format::bytes(tcp.unread_bytes),
                )
            });
        }
        if tcp.waits_for == TcpWait::PeerWindow {
            self.note(StepKind::Window, now, || {
                format!(
                    "The TCP receive window is closed: {} of room left, {} wait unsent behind it.",
                    format::bytes(tcp.peer_window_bytes),
                    format::bytes(tcp.unsent_bytes),
                )
            });
        }
    }

    fn look_at_server(&mut self, sample: &LaneSample<'_>, first: First) {
        let (summary, now) = (sample.summary, sample.now);
        if let Waiting::Transport { since } = summary.waiting {
            let held = summary.hops.transport.unwrap_or_default();
            let blocked = summary.blocked_writes.saturating_sub(first.blocked_writes);
            self.note(StepKind::SendBuffer, local(since, summary), || {
                format!(
                    "The server's send buffer is full with {}: writes would block ({} so far).",
                    format::bytes(held.held.bytes),
                    format::count(blocked.max(1)),
                )
            });
        }
        let backlog = summary.hops.backlog.unwrap_or_default().held;
        if sample.policy == Policy::Lossless && backlog.messages > 2 * summary.credit.window.messages.max(1) {
            self.note(StepKind::Backlog, now, || {
                format!(
                    "The lane's cursor is {} messages behind the hub's log, which all lanes share: no queue of its own.",
                    format::count(backlog.messages),
                )
            });
        }
        let queue = summary.hops.policy_queue.unwrap_or_default().held;
        if queue.bytes >= Self::NOTABLE_QUEUE {
            self.note(StepKind::Queue, now, || {
                format!(
                    "The server keeps {} messages, {}, in a queue for this lane alone.",
                    format::count(queue.messages),
                    format::bytes(queue.bytes),
                )
            });
        }
        let gone = GapReason::ALL.into_iter().zip(summary.gaps).zip(first.gaps);
        let gone = gone.map(|((reason, now), before)| (reason, now.saturating_sub(before)));
        if let Some((reason, messages)) = gone.max_by_key(|(_, messages)| *messages).filter(|(_, n)| *n > 0) {
            self.note(StepKind::Reported, now, || {
                format!(
                    "The server lets messages go and says which: the first {} are {}.",
                    messages,
                    reason.name()
                )
            });
        }
        if let Some(exhibit) = summary.exhibit
            && exhibit.silently_dropped > 0
        {
            self.note(StepKind::Silent, now, || {
                format!(
                    "The server drops messages because its queue is full, and tells nobody: {} so far.",
                    format::count(exhibit.silently_dropped),
                )
            });
        }
        if sample.policy == Policy::BusySpin
            && let Some(exhibit) = summary.exhibit
            && let Some(share) = self.core_share(&exhibit).filter(|share| *share >= Self::SPIN)
        {
            self.note(StepKind::Spin, now, || {
                format!(
                    "The server tries the write again at once, and again: {} of a core for this lane.",
                    format::percent(share),
                )
            });
        }
    }

    /// Returns the fault mode's recent share of a core once enough of its own time has passed. Its reports
    /// arrive behind the data, at uneven intervals.
    fn core_share(&mut self, exhibit: &ExhibitUse) -> Option<f64> {
        let now = (exhibit.elapsed_micros, exhibit.core_micros);
        let before = *self.core.get_or_insert(now);
        let span = now.0.saturating_sub(before.0);
        if u128::from(span) < Self::CORE_SPAN.as_micros() {
            return None;
        }
        self.core = Some(now);
        Some(now.1.saturating_sub(before.1) as f64 / span as f64)
    }

    fn look_at_consumer(&mut self, sample: &LaneSample<'_>, first: First) {
        let (summary, now) = (sample.summary, sample.now);
        if let Some(latency) = summary.epoch.measured()
            && latency.p50 > Self::STALE_MICROS
        {
            self.note(StepKind::Stale, now, || {
                format!("Half of what is consumed is older than {}.", format::span(latency.p50))
            });
        }
        let lost = summary.lost.saturating_sub(first.lost);
        if lost > 0 {
            self.note(StepKind::Holes, now, || {
                format!(
                    "Sequence numbers are missing: {} messages are gone, and nothing told of them.",
                    format::count(lost),
                )
            });
        }
    }

    /// Records a recovery once nothing has been blocked for [`Trace::CALM`].
    fn look_for_calm(&mut self, sample: &LaneSample<'_>) {
        let summary = sample.summary;
        let is_calm = summary.waiting == Waiting::NoData
            && summary.credit.left().messages > 0
            && summary.hops.inbox.held.messages * 4 < summary.credit.window.messages
            && sample.tcp.is_none_or(|tcp| tcp.waits_for != TcpWait::PeerWindow);
        let was_blocked = self.steps.iter().any(|step| step.kind != StepKind::Consumer);
        if !is_calm || !was_blocked {
            self.calm_since = None;
            return;
        }
        let since = *self.calm_since.get_or_insert(sample.now);
        if sample.now.since(since) >= Self::CALM {
            self.note(StepKind::Recovered, since, || "Everything flows again.".to_owned());
        }
    }

    fn note(&mut self, kind: StepKind, at: Time, text: impl FnOnce() -> String) {
        if self.steps.iter().any(|step| step.kind == kind) {
            return;
        }
        // Conditions found by the first sample held before it, except for the consumer's delay, which starts
        // the trace.
        let is_earlier = kind != StepKind::Consumer && self.began.is_none_or(|began| at <= began);
        let at = self.began.map_or(at, |began| at.max(began));
        let place = self.steps.partition_point(|step| step.at <= at);
        self.steps.insert(place, Step { kind, at, is_earlier, text: text() });
    }
}

/// Converts a time from the server's clock to the browser's.
fn local(server: Time, summary: &Summary) -> Time {
    server.shifted_by_micros(-summary.clock_offset_micros.unwrap_or(0))
}

#[cfg(test)]
mod tests;
