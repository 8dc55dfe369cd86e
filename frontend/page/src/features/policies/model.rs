//! Comparison of all policies, one after the other, with the same feed and the same slow consumer. The race
//! state runs it and feeds each [`Entry`] with its lane's reports. Figures count only within a policy's run
//! of [`RUN`].

use core::time::Duration;

use sluice_shared::feed::TicksSpec;
use sluice_shared::policy::Policy;
use sluice_shared::time::{Time, micros};

use crate::url::setup::FeedKind;
use crate::url::setup::FeedKinds;
use crate::url::setup::FeedSetup;
use crate::url::setup::LaneSetup;
use sluice_bridge::Ages;
use sluice_bridge::Connection;
use sluice_bridge::Consumer;
use sluice_bridge::Report;
use sluice_bridge::SkippedRun;
use sluice_bridge::Summary;
use sluice_bridge::Work;
use sluice_text::format;

/// Measurement time of each policy.
pub const RUN: Duration = Duration::from_secs(6);
/// Tolerance after the end of a run; figures ignore later reports.
const LATE: Duration = Duration::from_millis(500);
/// Timeout for a lane to connect.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Consumer used, unless the page's first lane has a slower one.
const SLOW: Consumer = Consumer { delay_micros: 5_000, work: Work::Busy };
/// Queue limit of the dropping policies, messages.
const LIMIT: u32 = 64;

/// Policies in the order of the race.
pub const ENTRANTS: [Policy; 7] = [
    Policy::Lossless,
    Policy::Latest,
    Policy::DropOldest { limit: LIMIT },
    Policy::DropNewest { limit: LIMIT },
    Policy::Unbounded,
    Policy::SilentDrop { limit: LIMIT },
    Policy::BusySpin,
];

/// Result of one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The policy.
    pub policy: Policy,
    /// Progress of the policy.
    pub standing: Standing,
    /// Measured figures; `None` before its run.
    pub figures: Option<Figures>,
}

/// Progress of a policy in the race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Waiting for its turn.
    Waits,
    /// Running.
    Runs,
    /// Measurement finished.
    Done,
    /// Ended early, with the reason.
    Ended(String),
}

impl Standing {
    /// Returns the name used by tests and styles.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Runs => "runs",
            Self::Done => "done",
            Self::Ended(_) => "ended",
        }
    }
}

/// Measured figures of a policy; `None` for anything not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Time measured so far.
    pub measured: Duration,
    /// Messages consumed.
    pub consumed: u64,
    /// Latency of these messages; `None` if there are too few.
    pub latency: Option<Ages>,
    /// Messages in reported gaps.
    pub gaps: Option<u64>,
    /// Newest reported gap.
    pub gap: Option<SkippedRun>,
    /// Messages lost without a report: found by the page, or counted by the server's fault mode itself,
    /// because losses behind megabytes of buffered data are detected later.
    pub lost: Option<u64>,
    /// Maximum held by the server for this lane alone, bytes.
    pub server_peak_bytes: Option<u64>,
    /// Maximum held unconsumed by the page, bytes.
    pub page_peak_bytes: u64,
    /// Share of a core used by the server's session.
    pub core_share: Option<f64>,
}

impl Entry {
    /// Returns all policies before their turn.
    pub fn all() -> Vec<Self> {
        ENTRANTS.map(|policy| Self { policy, standing: Standing::Waits, figures: None }).to_vec()
    }

    /// Applies a report made `elapsed` after the lane was ready; `None` while it is not. Returns whether the
    /// run is over.
    pub fn take(&mut self, connection: &Connection, summary: &Summary, elapsed: Option<Duration>) -> bool {
        let is_in_time = elapsed.is_some_and(|elapsed| elapsed <= RUN + LATE);
        match (&mut self.figures, elapsed) {
            // The connection is over; its final totals count.
            (Some(figures), None) => figures.take(summary, None),
            (Some(figures), Some(_)) if is_in_time => figures.take(summary, elapsed),
            (None, Some(_)) => self.figures.insert(Figures::default()).take(summary, elapsed),
            (Some(_) | None, _) => {}
        }
        match connection {
            Connection::Failed { reason } => {
                self.standing = Standing::Ended(reason.clone());
                true
            }
            Connection::Open { .. } if elapsed.is_some_and(|elapsed| elapsed >= RUN) => {
                self.standing = Standing::Done;
                true
            }
            Connection::Idle
            | Connection::Open { .. }
            | Connection::Connecting { .. }
            | Connection::Waiting { .. } => false,
        }
    }
}

impl Figures {
    fn take(&mut self, summary: &Summary, elapsed: Option<Duration>) {
        self.measured = elapsed.unwrap_or(self.measured);
        let queues = summary.hops.policy_queue.zip(summary.hops.transport);
        let held = queues.map(|(queue, transport)| queue.held.bytes + transport.held.bytes);
        let peak = summary.exhibit.map(|exhibit| exhibit.held_bytes_peak);
        self.server_peak_bytes = self.server_peak_bytes.max(held).max(peak);
        self.page_peak_bytes = self.page_peak_bytes.max(summary.hops.inbox.held.bytes);
        self.consumed = summary.consumed.messages;
        self.latency = summary.epoch.measured().copied();
        let (gaps, dropped) =
            (summary.gaps.iter().sum(), summary.exhibit.map_or(0, |exhibit| exhibit.silently_dropped));
        // Before the first message nothing can be missing.
        if self.consumed > 0 || gaps > 0 {
            (self.gaps, self.gap) = (Some(gaps), summary.newest_gap);
            self.lost = self.lost.max(Some(summary.lost.max(dropped)));
        }
        // Reports of a lane in a fault mode arrive behind its data, so the clock in the report counts.
        let elapsed_micros =
            summary.exhibit.map(|exhibit| exhibit.elapsed_micros).or_else(|| elapsed.map(micros));
        // A closed connection no longer reports the server's side.
        if let Some(elapsed_micros) = elapsed_micros.filter(|micros| *micros > 0)
            && summary.core_micros > 0
        {
            self.core_share = Some(summary.core_micros as f64 / elapsed_micros as f64);
        }
    }

    /// Returns the reason why the figures are less reliable than the others, if any.
    pub fn reservation(&self) -> Option<String> {
        if self.latency.is_none() {
            return Some(format!("too few messages: {}", format::count(self.consumed)));
        }
        // On a loaded machine there may be no report near the end.
        (self.measured < RUN * 4 / 5).then(|| {
            format!("measured for {} of {}", format::span(micros(self.measured)), format::span(micros(RUN)))
        })
    }
}

/// Returns the lane for all policies: like the page's first one, with a consumer that is too slow for
/// [`feed`].
pub fn runner(first: Option<LaneSetup>) -> LaneSetup {
    let first = first.unwrap_or(LaneSetup::new(sluice_shared::mode::Mode::WebSocket));
    let is_slow = first.consumer.delay_micros >= SLOW.delay_micros;
    LaneSetup { consumer: if is_slow { first.consumer } else { SLOW }, ..first }
}

/// Returns the feed of the race, independent of the page's subscriptions: more than twice the rate of a
/// consumer that takes 5 ms per message, with enough bytes to fill buffers quickly.
pub fn feed(page: FeedSetup) -> FeedSetup {
    let ticks = TicksSpec {
        rate: 500,
        size: 8_192,
        keys: page.ticks.keys,
        seed: page.ticks.seed,
        ..TicksSpec::default()
    };
    FeedSetup { kinds: FeedKinds::NONE.with(FeedKind::Ticks), ticks }
}

/// Returns the time at which the lane was ready, from its report.
pub fn ready_since(report: &Report) -> Option<Time> {
    match report.connection {
        Connection::Open { since, .. } => Some(since),
        Connection::Idle
        | Connection::Connecting { .. }
        | Connection::Waiting { .. }
        | Connection::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::exhibit::ExhibitUse;
    use sluice_shared::mode::Mode;
    use sluice_shared::units::Amount;
    use sluice_shared::wire::Hop;

    use super::*;

    const OPEN: Connection =
        Connection::Open { since: Time::ZERO, ready_after_micros: 1, mode: Mode::WebSocket };

    fn summary(millis: u64, queued: u64) -> Summary {
        let mut summary = Summary { core_micros: millis * 100, lost: 3, ..Summary::default() };
        summary.consumed = Amount::new(millis / 5, 0);
        let held = Amount::new(1, queued);
        summary.hops.policy_queue = Some(Hop { held, ..Hop::default() });
        summary.hops.transport = Some(Hop::default());
        summary.epoch.latency = Ages { count: millis / 5, p50: 1, p95: 2, p99: 3, max: 4 };
        summary
    }

    #[test]
    fn an_entry_keeps_its_peaks_and_its_newest_totals() {
        let mut entry = Entry::all().remove(5);
        assert!(!entry.take(&OPEN, &summary(1_000, 900), Some(Duration::from_secs(1))));
        assert!(entry.take(&OPEN, &summary(6_000, 100), Some(RUN)));
        let figures = entry.figures.expect("figures");
        let counted = (figures.server_peak_bytes, figures.consumed, figures.lost);
        assert_eq!(counted, (Some(900), 1_200, Some(3)));
        assert_eq!((figures.core_share, figures.reservation()), (Some(0.1), None));
        assert_eq!(entry.standing, Standing::Done);
    }

    #[test]
    fn a_core_share_is_told_by_the_clock_of_who_measured_it() {
        let mut entry = Entry::all().remove(6);
        let exhibit = ExhibitUse { elapsed_micros: 2_000_000, ..ExhibitUse::default() };
        let late = Summary { core_micros: 1_900_000, exhibit: Some(exhibit), ..Summary::default() };
        entry.take(&OPEN, &late, Some(Duration::from_secs(5)));
        // The last values remain when the connection reports nothing more.
        entry.take(&OPEN, &Summary::default(), Some(RUN));
        assert_eq!(entry.figures.and_then(|figures| figures.core_share), Some(0.95));
    }

    #[test]
    fn an_entry_that_the_server_ends_says_why() {
        let mut entry = Entry::all().remove(4);
        let failed = Connection::Failed { reason: "32 MiB".into() };
        entry.take(&OPEN, &summary(2_900, 50), Some(Duration::from_millis(2_900)));
        assert!(entry.take(&failed, &summary(3_000, 0), None));
        assert_eq!(entry.figures.map(|figures| figures.consumed), Some(600), "the last report counts");
        assert_eq!(entry.standing, Standing::Ended("32 MiB".into()));
    }

    #[test]
    fn every_policy_takes_part_with_a_slow_consumer() {
        assert_eq!(Entry::all().len(), ENTRANTS.len());
        assert!(runner(None).consumer.delay_micros > 0);
        let feed = feed(FeedSetup::default()).ticks;
        let takes = |setup: LaneSetup| 1_000_000 / setup.consumer.delay_micros;
        let quick = LaneSetup { consumer: Consumer { delay_micros: 9, work: Work::Busy }, ..runner(None) };
        assert!(2 * takes(runner(Some(quick))) < feed.rate, "the consumer must be too slow");
        let slower = LaneSetup { consumer: Consumer { delay_micros: 20_000, work: Work::Sleep }, ..quick };
        assert_eq!(runner(Some(slower)), slower);
    }

    #[test]
    fn nothing_measured_is_told_as_nothing() {
        let mut entry = Entry::all().remove(0);
        let connecting = Connection::Connecting { since: Time::ZERO };
        assert!(!entry.take(&connecting, &Summary::default(), None));
        assert_eq!(entry.figures, None, "a lane that is not ready measures nothing");
        // Connected, but no message has arrived.
        assert!(entry.take(&OPEN, &Summary::default(), Some(RUN)));
        let figures = entry.figures.expect("figures");
        assert_eq!(
            (figures.latency, figures.lost, figures.gaps, figures.core_share),
            (None, None, None, None)
        );
        assert_eq!(figures.server_peak_bytes, None);
        assert_eq!(figures.reservation().as_deref(), Some("too few messages: 0"));
    }

    #[test]
    fn a_report_long_after_the_end_does_not_give_a_policy_more_time_than_the_others() {
        let mut entry = Entry::all().remove(0);
        entry.take(&OPEN, &summary(2_000, 0), Some(Duration::from_secs(2)));
        assert!(entry.take(&OPEN, &summary(30_000, 0), Some(Duration::from_secs(30))));
        let figures = entry.figures.expect("figures");
        assert_eq!((figures.consumed, figures.measured), (400, Duration::from_secs(2)));
        assert!(figures.reservation().is_some_and(|text| text.starts_with("measured for 2.00")));
    }
}
