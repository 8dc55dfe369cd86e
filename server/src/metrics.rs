//! What the server counts, for Prometheus.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::wire::{CloseCode, GapReason};

/// Everything that is counted. Labels take few values each: transport, mode, feed, reason.
pub(crate) struct Metrics {
    registry: Registry,
    sessions: Family<LaneLabels, Gauge>,
    opened: Family<LaneLabels, Counter>,
    messages: Family<LaneLabels, Counter>,
    bytes: Family<LaneLabels, Counter>,
    gaps: Family<GapLabels, Counter>,
    closed: Family<CloseLabels, Counter>,
    resumed: Family<ResumeLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    exhibits_ended: Family<ExhibitLabels, Counter>,
    feed_messages: Family<FeedLabels, Counter>,
    feed_rejected: Family<FeedRejectedLabels, Counter>,
    /// Feeds that run.
    pub(crate) feed_instances: Gauge,
    /// Open TCP connections.
    pub(crate) tcp_connections: Gauge,
    /// Open QUIC connections.
    pub(crate) quic_connections: Gauge,
    /// Open labs.
    pub(crate) labs: Gauge,
    /// Failure exhibits that run.
    pub(crate) exhibits: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabels {
    transport: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GapLabels {
    transport: &'static str,
    mode: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    transport: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResumeLabels {
    transport: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    transport: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExhibitLabels {
    policy: &'static str,
    end: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedLabels {
    feed: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedRejectedLabels {
    feed: &'static str,
    reason: &'static str,
}

/// Why a connection was turned away before it was a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A page of another origin.
    Origin,
    /// The server is full.
    Full,
    /// No such path, or no such upgrade.
    BadRequest,
}

impl Refusal {
    const fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Full => "full",
            Self::BadRequest => "bad-request",
        }
    }
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new() -> Self {
        let mut new = Self {
            registry: Registry::with_prefix("sluice"),
            sessions: Family::default(),
            opened: Family::default(),
            messages: Family::default(),
            bytes: Family::default(),
            gaps: Family::default(),
            closed: Family::default(),
            resumed: Family::default(),
            refused: Family::default(),
            exhibits_ended: Family::default(),
            feed_messages: Family::default(),
            feed_rejected: Family::default(),
            feed_instances: Gauge::default(),
            tcp_connections: Gauge::default(),
            quic_connections: Gauge::default(),
            labs: Gauge::default(),
            exhibits: Gauge::default(),
        };
        let registry = &mut new.registry;
        registry.register("sessions", "Sessions that are connected", new.sessions.clone());
        registry.register("sessions_opened", "Connections that became sessions", new.opened.clone());
        registry.register("messages_sent", "Messages handed to transports", new.messages.clone());
        registry.register("bytes_sent", "Bytes of those messages, as credit counts them", new.bytes.clone());
        registry.register("gap_messages", "Messages reported in gaps instead of sent", new.gaps.clone());
        registry.register("sessions_closed", "Connections that ended, by close reason", new.closed.clone());
        registry.register("resumes", "Sessions asked to be resumed, by outcome", new.resumed.clone());
        registry.register("refused", "Connections turned away before a session", new.refused.clone());
        registry.register("feed_messages", "Messages that feeds have published", new.feed_messages.clone());
        registry.register("feed_rejected", "Input that feeds have refused", new.feed_rejected.clone());
        registry.register("feed_instances", "Feeds that run", new.feed_instances.clone());
        registry.register("tcp_connections", "Open TCP connections", new.tcp_connections.clone());
        registry.register("quic_connections", "Open QUIC connections", new.quic_connections.clone());
        registry.register("labs", "Open labs, each with an emulated network", new.labs.clone());
        registry.register("exhibits", "Failure exhibits that run", new.exhibits.clone());
        registry.register(
            "exhibits_ended",
            "Failure exhibits that ended, by how",
            new.exhibits_ended.clone(),
        );
        new
    }

    /// The counters of one lane, found once so that counting is an addition.
    pub(crate) fn lane(&self, mode: Mode) -> LaneMetrics {
        let labels = LaneLabels { transport: mode.transport().name(), mode: mode.name() };
        let gaps = GapReason::ALL.map(|reason| {
            let LaneLabels { transport, mode } = labels;
            let labels = GapLabels { transport, mode, reason: reason.name() };
            self.gaps.get_or_create_owned(&labels)
        });
        self.opened.get_or_create(&labels).inc();
        let sessions = self.sessions.get_or_create_owned(&labels);
        sessions.inc();
        LaneMetrics {
            messages: self.messages.get_or_create_owned(&labels),
            bytes: self.bytes.get_or_create_owned(&labels),
            gaps,
            sessions,
        }
    }

    /// A connection ended; `None` when the client left.
    pub(crate) fn closed(&self, transport: Transport, code: Option<CloseCode>) {
        let reason = code.map_or("client-left", CloseCode::name);
        self.closed.get_or_create(&CloseLabels { transport: transport.name(), reason }).inc();
    }

    /// A session was asked to be resumed.
    pub(crate) fn resumed(&self, transport: Transport, outcome: &'static str) {
        self.resumed.get_or_create(&ResumeLabels { transport: transport.name(), outcome }).inc();
    }

    /// A connection was turned away.
    pub(crate) fn refused(&self, transport: Transport, why: Refusal) {
        self.refused.get_or_create(&RefusedLabels { transport: transport.name(), reason: why.name() }).inc();
    }

    /// A failure exhibit ended: at the cap of this name, or because somebody ended it.
    pub(crate) fn exhibit_ended(&self, policy: &'static str, end: &'static str) {
        self.exhibits_ended.get_or_create(&ExhibitLabels { policy, end }).inc();
    }

    /// The counter of what `feed` publishes.
    pub(crate) fn feed_messages(&self, feed: &'static str) -> Counter {
        self.feed_messages.get_or_create_owned(&FeedLabels { feed })
    }

    /// The counter of what `feed` refuses for `reason`.
    pub(crate) fn feed_rejected(&self, feed: &'static str, reason: &'static str) -> Counter {
        self.feed_rejected.get_or_create_owned(&FeedRejectedLabels { feed, reason })
    }

    /// All of it in OpenMetrics text form.
    ///
    /// # Errors
    /// A value has no text form.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The counters of one lane; it counts as a session until dropped.
#[derive(Debug)]
pub(crate) struct LaneMetrics {
    pub(crate) messages: Counter,
    pub(crate) bytes: Counter,
    gaps: [Counter; GapReason::ALL.len()],
    sessions: Gauge,
}

impl LaneMetrics {
    /// `count` messages went into gaps.
    pub(crate) fn gap(&self, reason: GapReason, count: u64) {
        let index = GapReason::ALL.iter().position(|other| *other == reason);
        if let Some(counter) = index.and_then(|index| self.gaps.get(index)) {
            counter.inc_by(count);
        }
    }
}

impl Drop for LaneMetrics {
    fn drop(&mut self) {
        self.sessions.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_counts_as_a_session_until_dropped() {
        let metrics = Metrics::new();
        let lane = metrics.lane(Mode::Datagrams);
        lane.messages.inc_by(3);
        lane.gap(GapReason::TooLarge, 2);
        let text = metrics.text().expect("text form");
        let labels = r#"transport="webtransport",mode="datagrams""#;
        assert!(text.contains(&format!("sluice_sessions{{{labels}}} 1")), "{text}");
        assert!(text.contains(&format!("sluice_messages_sent_total{{{labels}}} 3")), "{text}");
        assert!(
            text.contains(&format!(r#"sluice_gap_messages_total{{{labels},reason="too-large"}} 2"#)),
            "{text}"
        );
        drop(lane);
        let text = metrics.text().expect("text form");
        assert!(text.contains(&format!("sluice_sessions{{{labels}}} 0")), "{text}");
    }
}
