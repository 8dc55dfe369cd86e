//! Hysteresis of the verdict: keeps remarks from contradicting each other from second to second.
//! The page passes all findings through it; failures and warnings are never delayed.

use core::time::Duration;

use sluice_shared::time::Time;

use super::finding::{Finding, FindingKind, Severity};

/// Claim of a finding, without its figures.
type Claim = (FindingKind, Vec<usize>, Option<usize>);

/// Findings that are shown. Failures and warnings change at once; remarks are replaced only when they have
/// not been true for [`Steady::HOLD`].
#[derive(Debug, Default)]
pub struct Steady {
    shown: Vec<Finding>,
    epoch: u32,
    /// Time at which the measurements last led to the claims that are shown.
    confirmed_at: Time,
}

impl Steady {
    /// Time for which a remark stays although the measurements lead to another one.
    pub const HOLD: Duration = Duration::from_secs(3);

    /// Takes the findings of the epoch with this number, made at `now`, and returns those to show.
    pub fn update(&mut self, found: Vec<Finding>, epoch: u32, now: Time) -> Vec<Finding> {
        let is_confirmed = claims(&found, Severity::Info) == claims(&self.shown, Severity::Info);
        let must_change = epoch != self.epoch
            || claims(&found, Severity::Warning) != claims(&self.shown, Severity::Warning)
            || self.shown.iter().all(is_preliminary);
        if is_confirmed || must_change || now.since(self.confirmed_at) >= Self::HOLD {
            (self.shown, self.epoch, self.confirmed_at) = (found, epoch, now);
        }
        self.shown.clone()
    }
}

/// Returns the claims of at least this severity.
fn claims(findings: &[Finding], least: Severity) -> Vec<Claim> {
    let severe = findings.iter().filter(|finding| finding.severity >= least);
    severe.map(|finding| (finding.kind, finding.lanes.clone(), finding.better)).collect()
}

/// Returns whether a finding only states that nothing can be said yet.
const fn is_preliminary(finding: &Finding) -> bool {
    matches!(
        finding.kind,
        FindingKind::NoLane | FindingKind::Connecting | FindingKind::Measuring | FindingKind::LatencyUnknown
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Piece;

    fn remark(kind: FindingKind, text: &str) -> Vec<Finding> {
        vec![Finding::info(kind, vec![0, 1], vec![Piece::Text(text.into())])]
    }

    fn failure() -> Vec<Finding> {
        vec![Finding {
            severity: Severity::Failure,
            ..remark(FindingKind::NothingArrives, "silent").remove(0)
        }]
    }

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn a_remark_is_replaced_when_it_has_not_been_true_for_three_seconds() {
        let (differs, alike) =
            (remark(FindingKind::LatencyDiffers, "differs"), remark(FindingKind::NoDifference, "alike"));
        let mut steady = Steady::default();
        assert_eq!(steady.update(differs.clone(), 0, at(0)), differs);
        assert_eq!(steady.update(alike.clone(), 0, at(2_000)), differs);
        // The remark was true once more.
        assert_eq!(steady.update(differs.clone(), 0, at(2_500)), differs);
        assert_eq!(steady.update(alike.clone(), 0, at(5_000)), differs);
        assert_eq!(steady.update(alike.clone(), 0, at(5_500)), alike);
    }

    #[test]
    fn figures_of_the_same_remark_are_new_each_time() {
        let mut steady = Steady::default();
        for (millis, text) in [(0, "50 ms"), (250, "51 ms"), (500, "52 ms")] {
            let found = remark(FindingKind::LatencyDiffers, text);
            assert_eq!(steady.update(found.clone(), 0, at(millis)), found);
        }
    }

    #[test]
    fn failures_come_and_go_at_once() {
        let differs = remark(FindingKind::LatencyDiffers, "differs");
        let mut steady = Steady::default();
        steady.update(differs.clone(), 0, at(0));
        assert_eq!(steady.update(failure(), 0, at(250)), failure());
        assert_eq!(steady.update(differs.clone(), 0, at(500)), differs);
    }

    #[test]
    fn a_new_epoch_and_the_end_of_measuring_are_shown_at_once() {
        let (measuring, alike) =
            (remark(FindingKind::Measuring, "measuring"), remark(FindingKind::NoDifference, "alike"));
        let mut steady = Steady::default();
        steady.update(alike.clone(), 0, at(0));
        assert_eq!(steady.update(measuring.clone(), 1, at(250)), measuring);
        assert_eq!(steady.update(alike.clone(), 1, at(500)), alike);
    }
}
