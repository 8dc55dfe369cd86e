//! All policies, one after the other, with the same feed and the same slow consumer.

use core::time::Duration;

use sluice_shared::policy::Policy;
use sluice_shared::time::{Time, micros};

use crate::url::setup::CONSUMER_AT_ONCE;
use crate::url::setup::LaneSetup;
use sluice_bridge::Connection;
use sluice_bridge::Consumer;
use sluice_bridge::GapSeen;
use sluice_bridge::Report;
use sluice_bridge::Summary;
use sluice_bridge::Work;

/// What a policy is given to show itself.
pub const RUN: Duration = Duration::from_secs(6);
/// How long a lane may take to connect.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Messages that the queues of the dropping policies keep.
const LIMIT: u32 = 64;

/// The policies, as they take part.
pub const ENTRANTS: [Policy; 7] = [
    Policy::Lossless,
    Policy::Latest,
    Policy::DropOldest { limit: LIMIT },
    Policy::DropNewest { limit: LIMIT },
    Policy::Unbounded,
    Policy::SilentDrop { limit: LIMIT },
    Policy::BusySpin,
];

/// One policy's part.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The policy.
    pub policy: Policy,
    /// Where it stands.
    pub standing: Standing,
    /// What it has reached; `None` before its turn.
    pub figures: Option<Figures>,
}

/// Where a policy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Others are first.
    Waits,
    /// It is its turn.
    Runs,
    /// Its time is over.
    Done,
    /// It was ended, and why.
    Ended(String),
}

impl Standing {
    /// The name that tests and styles read.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Runs => "runs",
            Self::Done => "done",
            Self::Ended(_) => "ended",
        }
    }
}

/// What a policy has reached.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Messages consumed.
    pub consumed: u64,
    /// Median age when consumed, microseconds.
    pub age_p50: u64,
    /// 99th percentile of that age, microseconds.
    pub age_p99: u64,
    /// Messages in gaps that were reported.
    pub gaps: u64,
    /// The newest of these gaps.
    pub gap: Option<GapSeen>,
    /// Messages missing without a word: found by the page, or as the server's exhibit counts them itself, since what is
    /// missing behind megabytes of buffers is found later.
    pub lost: u64,
    /// The most that the server held for this lane alone, bytes.
    pub server_peak_bytes: u64,
    /// The most that the page held unconsumed, bytes.
    pub page_peak_bytes: u64,
    /// The share of a core that the server's session took.
    pub core_share: f64,
}

impl Entry {
    /// All policies before their turn.
    pub fn all() -> Vec<Self> {
        ENTRANTS.map(|policy| Self { policy, standing: Standing::Waits, figures: None }).to_vec()
    }

    /// Takes a report `elapsed` after the lane was ready. Whether this part is over.
    pub fn take(&mut self, connection: &Connection, summary: &Summary, elapsed: Duration) -> bool {
        let figures = self.figures.get_or_insert_default();
        figures.take(summary, elapsed);
        match connection {
            Connection::Failed { reason } => {
                self.standing = Standing::Ended(reason.clone());
                true
            }
            Connection::Open { .. } if elapsed >= RUN => {
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
    fn take(&mut self, summary: &Summary, elapsed: Duration) {
        let held = summary.hops.policy_queue.held.bytes + summary.hops.transport.held.bytes;
        let peak = summary.exhibit.map_or(0, |exhibit| exhibit.held_bytes_peak);
        self.server_peak_bytes = self.server_peak_bytes.max(held).max(peak);
        self.page_peak_bytes = self.page_peak_bytes.max(summary.hops.inbox.held.bytes);
        self.consumed = summary.consumed.messages;
        (self.age_p50, self.age_p99) = (summary.age.p50, summary.age.p99);
        (self.gaps, self.gap) = (summary.gaps.iter().sum(), summary.newest_gap);
        let dropped = summary.exhibit.map_or(0, |exhibit| exhibit.silently_dropped);
        self.lost = self.lost.max(summary.lost).max(dropped);
        // What the server says of a naive lane comes behind the lane's data: it counts by the clock that it was said by.
        let elapsed_micros =
            summary.exhibit.map_or_else(|| micros(elapsed), |exhibit| exhibit.elapsed_micros);
        // A connection that is over tells nothing more of the server's side.
        if summary.core_micros > 0 && elapsed_micros > 0 {
            self.core_share = summary.core_micros as f64 / elapsed_micros as f64;
        }
    }
}

/// The lane that all policies run on: as the page's first one, with a consumer that is slow.
pub fn runner(first: Option<LaneSetup>) -> LaneSetup {
    let first = first.unwrap_or(LaneSetup::new(sluice_shared::mode::Mode::WebSocket));
    let consumer = if first.consumer == CONSUMER_AT_ONCE {
        Consumer { delay_micros: 5_000, work: Work::Busy }
    } else {
        first.consumer
    };
    LaneSetup { consumer, ..first }
}

/// When the lane was ready, as its report tells.
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

    use super::*;

    const OPEN: Connection =
        Connection::Open { since: Time::ZERO, ready_after_micros: 1, mode: Mode::WebSocket };

    fn summary(millis: u64, queued: u64) -> Summary {
        let mut summary = Summary { core_micros: millis * 100, lost: 3, ..Summary::default() };
        summary.consumed = Amount::new(millis / 5, 0);
        summary.hops.policy_queue.held.bytes = queued;
        summary
    }

    #[test]
    fn an_entry_keeps_its_peaks_and_its_newest_totals() {
        let mut entry = Entry::all().remove(5);
        assert!(!entry.take(&OPEN, &summary(1_000, 900), Duration::from_secs(1)));
        assert!(entry.take(&OPEN, &summary(6_000, 100), RUN));
        let figures = entry.figures.expect("figures");
        assert_eq!((figures.server_peak_bytes, figures.consumed, figures.lost), (900, 1_200, 3));
        assert!((figures.core_share - 0.1).abs() < 1e-9);
        assert_eq!(entry.standing, Standing::Done);
    }

    #[test]
    fn a_core_share_is_told_by_the_clock_of_who_measured_it() {
        let mut entry = Entry::all().remove(6);
        let exhibit = ExhibitUse { elapsed_micros: 2_000_000, ..ExhibitUse::default() };
        let late = Summary { core_micros: 1_900_000, exhibit: Some(exhibit), ..Summary::default() };
        entry.take(&OPEN, &late, Duration::from_secs(5));
        // What came last stands when the connection tells no more.
        entry.take(&OPEN, &Summary::default(), RUN);
        let share = entry.figures.expect("figures").core_share;
        assert!((share - 0.95).abs() < 1e-9, "{share}");
    }

    #[test]
    fn an_entry_that_the_server_ends_says_why() {
        let mut entry = Entry::all().remove(4);
        let failed = Connection::Failed { reason: "32 MiB".into() };
        assert!(entry.take(&failed, &summary(0, 0), Duration::from_secs(3)));
        assert_eq!(entry.standing, Standing::Ended("32 MiB".into()));
    }

    #[test]
    fn every_policy_takes_part_with_a_slow_consumer() {
        assert_eq!(Entry::all().len(), ENTRANTS.len());
        assert!(runner(None).consumer.delay_micros > 0);
        let busy = LaneSetup { consumer: Consumer { delay_micros: 9, work: Work::Busy }, ..runner(None) };
        assert_eq!(runner(Some(busy)), busy);
    }
}
