//! Effects of a change of networks on a lane: its delivery gap, and its recovery if its connection died. The
//! panel's state updates them with every report; the drawing and the fact tables read them. Effects outlive
//! the lane's own memory and last as long as the server remembers the change.

use core::time::Duration;

use sluice_shared::lab::{LabReport, PathChange, SwitchReport};
use sluice_shared::time::{Time, micros};

use crate::features::migration::model::chain::resolved_switch;
use crate::features::migration::model::facts::gap_end;
use crate::features::migration::model::lane::PageLane;
use crate::features::migration::model::moment::{Moment, MomentKind};
use sluice_bridge::DeliveryGap;

/// Maximum error of the clock offset estimate, µs.
const TOLERANCE_MICROS: i64 = 20_000;
/// Time after a lane's recovery from which its data on a change is complete, µs.
const SETTLED_MICROS: u64 = 3_000_000;

/// Effect of one change on a lane. All times are on the server's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeEffect {
    /// Longest time without any arrival; `None` until it is over, and where nothing was late.
    pub(crate) delivery_gap: Option<DeliveryGap>,
    /// Recovery of the lane; `None` where its connection survived.
    pub(crate) recovery: Option<Recovery>,
    is_complete: bool,
    /// True if the lane still has all its delivery gaps since the change.
    has_all: bool,
}

/// Recovery of a lane whose connection was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Time at which the connection was cut.
    cut_at: Time,
    noticed_at: Option<Time>,
    /// Start of the attempt that succeeded or is in progress.
    tried_at: Option<Time>,
    /// Time at which the network saw the new connection established; known for TCP only.
    established_at: Option<Time>,
    opened_at: Option<Time>,
    welcomed_at: Option<Time>,
    /// Time at which the first message younger than the Welcome was consumed.
    pub(crate) fresh_at: Option<Time>,
}

/// Phase of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecoveryStep {
    /// Name.
    pub(crate) name: &'static str,
    /// Definition.
    pub(crate) meaning: &'static str,
    pub(crate) from: Time,
    /// End; `None` while the phase lasts.
    pub(crate) until: Option<Time>,
}

impl RecoveryStep {
    /// Returns the duration, µs.
    pub(crate) fn micros(&self) -> Option<u64> {
        Some(micros(self.until?.since(self.from)))
    }
}

impl Recovery {
    /// Builds the recovery from a cut at `cut_at`, from the lane's `moments` and the network's
    /// `established_at`.
    fn of(moments: &[Moment], cut_at: Time, established_at: Option<Time>) -> Self {
        let mut recovery = Self { cut_at, ..Self::default() };
        for moment in moments.iter().filter(|moment| moment.at >= earlier(cut_at)) {
            let at = moment.at.max(cut_at);
            if recovery.noticed_at.is_none()
                && matches!(moment.kind, MomentKind::Lost | MomentKind::Backoff | MomentKind::Attempt)
            {
                recovery.noticed_at = Some(at);
            }
            match moment.kind {
                MomentKind::Lost if recovery.welcomed_at.is_some() => break,
                MomentKind::Lost | MomentKind::Backoff => {
                    (recovery.tried_at, recovery.opened_at) = (None, None)
                }
                // A second attempt at the same time is a race between transports.
                MomentKind::Attempt if recovery.tried_at.is_some() => {}
                MomentKind::Attempt => recovery.tried_at = Some(at),
                MomentKind::Open if recovery.tried_at.is_some() => recovery.opened_at = Some(at),
                MomentKind::Welcome if recovery.opened_at.is_some() => recovery.welcomed_at = Some(at),
                MomentKind::Fresh if recovery.welcomed_at.is_some() => {
                    recovery.fresh_at = Some(at);
                    break;
                }
                MomentKind::Open | MomentKind::Welcome | MomentKind::Fresh => {}
            }
        }
        recovery.established_at = established_at.zip(recovery.tried_at).and_then(|(at, tried)| {
            let until = recovery.opened_at.unwrap_or(at);
            (at >= earlier(tried)).then(|| at.clamp(tried, until.max(tried)))
        });
        recovery
    }

    /// Returns the recovery in five phases, up to the current one. Where the network does not know when the
    /// connection was established, one phase combines the two before the transport is open.
    pub(crate) fn steps(&self) -> Vec<RecoveryStep> {
        let connected_at = self.established_at.or(self.opened_at);
        let steps = [
            (
                "detect",
                "until the lane knows that its connection is gone",
                Some(self.cut_at),
                self.noticed_at,
            ),
            ("backoff", "until it tries again, with what was tried in vain", self.noticed_at, self.tried_at),
            ("connect", "until the connection is established", self.tried_at, connected_at),
            ("upgrade", "until the transport is open", self.established_at, self.opened_at),
            ("resume", "until the server's Welcome", self.opened_at, self.welcomed_at),
        ];
        let step = |(name, meaning, from, until)| Some(RecoveryStep { name, meaning, from: from?, until });
        steps.into_iter().filter_map(step).collect()
    }

    /// Returns the time from the cut to the first fresh message, µs.
    pub(crate) fn whole_micros(&self) -> Option<u64> {
        Some(micros(self.fresh_at?.since(self.cut_at)))
    }

    /// Returns all known moments of the recovery.
    pub(crate) fn moments(&self) -> impl Iterator<Item = Time> {
        let known = [self.noticed_at, self.tried_at, self.opened_at, self.welcomed_at, self.fresh_at];
        known.into_iter().flatten()
    }
}

impl ChangeEffect {
    /// Returns the effect on `lane` of the change of one of its connections; `None` if the lane no longer has
    /// the time before.
    fn of(switch: &SwitchReport, path: &PathChange, lane: &PageLane, now: Time) -> Option<Self> {
        let is_remembered = lane.moments.first().is_some_and(|oldest| oldest.at <= switch.at);
        if !is_remembered {
            return None;
        }
        let recovery = match (&path.quic, path.tcp) {
            (_, Some(tcp)) => {
                let established_at = tcp.next.and_then(|next| next.established_at);
                Some(Recovery::of(&lane.moments, tcp.cut_at, established_at))
            }
            // A session that received data by the new path has survived this change.
            (Some(quic), None) if quic.gap_micros.is_none() => {
                died_at(&lane.moments, switch.at).map(|at| Recovery::of(&lane.moments, at, None))
            }
            (_, None) => None,
        };
        let end = recovery.map_or_else(|| gap_end(path), |recovery| recovery.fresh_at);
        let is_met =
            |gap: &&DeliveryGap| end.is_some_and(|end| gap.until >= earlier(switch.at) && gap.from <= end);
        // The longest of the remaining gaps may not be the longest that occurred.
        let has_all = lane.delivery_gaps_since.is_some_and(|since| since <= switch.at);
        let gaps = lane.delivery_gaps.iter().filter(is_met).filter(|_| has_all);
        let delivery_gap = gaps.copied().max_by_key(length);
        let is_complete = end.is_some_and(|end| micros(now.since(end)) >= SETTLED_MICROS);
        Some(Self { delivery_gap, recovery, is_complete, has_all })
    }

    /// Adds what was known `before` and the lane may have dropped since.
    fn after(mut self, before: &Self) -> Self {
        let both = before.delivery_gap.into_iter().chain(self.delivery_gap);
        self.delivery_gap = both.max_by_key(length);
        self
    }

    /// True if no message was late, as far as the lane has measured.
    pub(crate) const fn is_without_delivery_gap(&self) -> bool {
        self.is_complete && self.has_all && self.delivery_gap.is_none()
    }

    /// Returns all moments that are drawn.
    pub(crate) fn moments(&self) -> impl Iterator<Item = Time> {
        let recovery = self.recovery.iter().flat_map(Recovery::moments);
        recovery.chain(self.delivery_gap.map(|gap| gap.until))
    }
}

/// Effects of all changes that the server remembers, by the numbers of change and connection. They outlive
/// the lanes' own records.
#[derive(Debug, Default)]
pub(crate) struct ChangeEffects(Vec<((u64, u64), ChangeEffect)>);

impl ChangeEffects {
    /// Updates the effects from the lanes' newest state, and drops those of changes that the server no longer
    /// has.
    pub(crate) fn take(&mut self, report: &LabReport, lanes: &[PageLane]) {
        let known = |number: u64| report.switches.iter().any(|switch| switch.number == number);
        self.0.retain(|((number, _), _)| known(*number));
        for switch in &report.switches {
            let (switch, _) = resolved_switch(switch, &report.switches);
            for path in &switch.paths {
                let key = (switch.number, path.flow);
                let lane = path.lane.and_then(|lane| lanes.iter().find(|known| known.lane == lane));
                let place = self.0.iter().position(|(known, _)| *known == key);
                if place.is_some_and(|place| self.0[place].1.is_complete) {
                    continue;
                }
                let Some(effect) = lane.and_then(|lane| ChangeEffect::of(&switch, path, lane, report.at))
                else {
                    continue;
                };
                match place {
                    Some(place) => self.0[place].1 = effect.after(&self.0[place].1),
                    None => self.0.push((key, effect)),
                }
            }
        }
    }

    /// Returns the effect of a change on one connection's lane.
    pub(crate) fn of(&self, switch: &SwitchReport, path: &PathChange) -> ChangeEffect {
        let key = (switch.number, path.flow);
        self.0.iter().find(|(known, _)| *known == key).map(|(_, effect)| effect.clone()).unwrap_or_default()
    }
}

/// Returns the time from which a session counts as lost that received nothing by the new path: the change, or
/// earlier if its lane had already lost it in an outage. `None` while the lane keeps it.
fn died_at(moments: &[Moment], change: Time) -> Option<Time> {
    let (before, after) = moments.split_at(moments.partition_point(|moment| moment.at < earlier(change)));
    let lost_before = before.iter().rev().take_while(|moment| moment.kind != MomentKind::Welcome);
    let lost_before = lost_before.filter(|moment| moment.kind == MomentKind::Lost).last();
    let is_lost_after = || after.iter().any(|moment| moment.kind == MomentKind::Lost);
    lost_before.map(|moment| moment.at).or_else(|| is_lost_after().then_some(change))
}

fn length(gap: &DeliveryGap) -> Duration {
    gap.until.since(gap.from)
}

const fn earlier(at: Time) -> Time {
    at.shifted_by_micros(-TOLERANCE_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::model::samples;
    use crate::features::migration::model::samples::at;

    fn names(recovery: &Recovery) -> Vec<(&'static str, Option<u64>)> {
        recovery.steps().iter().map(|step| (step.name, step.micros().map(|micros| micros / 1_000))).collect()
    }

    #[test]
    fn a_way_back_has_five_parts_in_order() {
        let recovery = Recovery::of(&samples::moments(), at(0), Some(at(280)));
        let expected = [
            ("detect", Some(2)),
            ("backoff", Some(178)),
            ("connect", Some(100)),
            ("upgrade", Some(60)),
            ("resume", Some(100)),
        ];
        assert_eq!(names(&recovery), expected);
        assert_eq!(recovery.fresh_at, Some(at(450)));
        let steps = recovery.steps();
        assert!(steps.windows(2).all(|pair| pair[0].until == Some(pair[1].from)), "they follow each other");
    }

    #[test]
    fn tries_in_vain_are_part_of_the_backoff_and_what_goes_on_has_no_end() {
        let moment = |millis, kind| Moment { at: at(millis), kind };
        let mut moments = vec![
            moment(10_000, MomentKind::Lost),
            moment(10_001, MomentKind::Backoff),
            moment(10_200, MomentKind::Attempt),
            moment(13_200, MomentKind::Backoff),
        ];
        let waiting = Recovery::of(&moments, at(0), None);
        assert_eq!(names(&waiting), [("detect", Some(10_000)), ("backoff", None)]);
        moments.push(moment(13_900, MomentKind::Attempt));
        moments.push(moment(14_000, MomentKind::Open));
        let resuming = Recovery::of(&moments, at(0), None);
        let expected =
            [("detect", Some(10_000)), ("backoff", Some(3_900)), ("connect", Some(100)), ("resume", None)];
        assert_eq!(names(&resuming), expected);
    }

    #[test]
    fn the_next_loss_is_another_story() {
        let moment = |millis, kind| Moment { at: at(millis), kind };
        let mut moments = samples::moments();
        moments.retain(|moment| moment.kind != MomentKind::Fresh);
        moments.extend([
            moment(500, MomentKind::Lost),
            moment(700, MomentKind::Attempt),
            moment(900, MomentKind::Fresh),
        ]);
        let recovery = Recovery::of(&moments, at(0), None);
        assert_eq!((recovery.welcomed_at, recovery.fresh_at), (Some(at(440)), None));
    }

    fn recovery(lanes: &[PageLane], now: Time) -> ChangeEffects {
        let mut effects = ChangeEffects::default();
        effects
            .take(&LabReport { at: now, switches: vec![samples::switch()], ..LabReport::default() }, lanes);
        effects
    }

    #[test]
    fn the_longest_delivery_gap_of_a_change_is_its_own() {
        let switch = samples::switch();
        let effects = recovery(&samples::lanes(), at(500));
        let socket = effects.of(&switch, &switch.paths[1]);
        assert_eq!(socket.delivery_gap.map(|gap| (gap.from, gap.waited)), Some((at(-4), 178)));
        assert_eq!(socket.recovery.and_then(|recovery| recovery.fresh_at), Some(at(450)));
        let session = effects.of(&switch, &switch.paths[0]);
        assert_eq!(session.delivery_gap.map(|gap| gap.waited), Some(57));
        assert_eq!(session.recovery, None, "it goes on");
        assert!(!session.is_without_delivery_gap());
    }

    #[test]
    fn what_a_lane_has_forgotten_is_remembered_here() {
        let switch = samples::switch();
        let mut effects = recovery(&samples::lanes(), at(500));
        let mut lanes = samples::lanes();
        lanes[1].moments.drain(..4);
        lanes[1].delivery_gaps.clear();
        let report = LabReport { at: at(9_000), switches: vec![samples::switch()], ..LabReport::default() };
        effects.take(&report, &lanes);
        assert!(effects.of(&switch, &switch.paths[1]).delivery_gap.is_some());
        effects.take(&LabReport::default(), &lanes);
        assert_eq!(
            effects.of(&switch, &switch.paths[1]),
            ChangeEffect::default(),
            "the server has forgotten it"
        );
    }

    #[test]
    fn a_forgotten_delivery_gap_is_not_reported_as_none() {
        let switch = samples::switch();
        let forgetful = || {
            let mut lanes = samples::lanes();
            for lane in &mut lanes {
                lane.delivery_gaps.clear();
                lane.delivery_gaps_since = Some(at(300));
            }
            lanes
        };
        // Both immediately, before the effect is complete, and afterwards.
        for now in [at(1_000), at(9_000)] {
            let mut effects = recovery(&samples::lanes(), at(500));
            let report = LabReport { at: now, switches: vec![samples::switch()], ..LabReport::default() };
            effects.take(&report, &forgetful());
            let socket = effects.of(&switch, &switch.paths[1]);
            assert_eq!(socket.delivery_gap.map(|gap| gap.waited), Some(178));
        }
        let unheard = recovery(&forgetful(), at(9_000)).of(&switch, &switch.paths[1]);
        assert!(unheard.delivery_gap.is_none() && !unheard.is_without_delivery_gap(), "{unheard:?}");
        let mut quiet = samples::lanes();
        quiet[1].delivery_gaps.clear();
        assert!(recovery(&quiet, at(9_000)).of(&switch, &switch.paths[1]).is_without_delivery_gap());
    }

    #[test]
    fn a_session_that_died_has_a_way_back_too() {
        let mut switch = samples::switch();
        let mut lanes = samples::lanes();
        lanes[0].moments = lanes[1].moments.clone();
        if let Some(quic) = &mut switch.paths[0].quic {
            quic.gap_micros = None;
        }
        let mut effects = ChangeEffects::default();
        effects
            .take(&LabReport { at: at(500), switches: vec![switch.clone()], ..LabReport::default() }, &lanes);
        let recovery = effects.of(&switch, &switch.paths[0]).recovery.expect("it died");
        let steps = names(&recovery);
        assert_eq!(steps[2], ("connect", Some(160)), "handshake and session are one");
        assert_eq!(steps.len(), 4);
    }

    #[test]
    fn a_session_that_died_in_a_tunnel_before_the_change_is_missed_from_then_on() {
        let mut moments = samples::moments();
        assert_eq!(died_at(&moments, at(0)), Some(at(0)), "lost after the change");
        assert_eq!(died_at(&moments[..3], at(0)), None, "it may live");
        assert_eq!(died_at(&moments, at(100)), Some(at(2)), "lost before, and not back");
        assert_eq!(died_at(&moments, at(5_000)), None, "back before the change");
        moments.insert(5, Moment { at: at(50), kind: MomentKind::Lost });
        assert_eq!(died_at(&moments, at(100)), Some(at(2)), "the first loss counts");
    }
}
