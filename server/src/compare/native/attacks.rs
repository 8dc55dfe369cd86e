//! What a lab tells of somebody who copied the packets of a lane's client.

use std::collections::{BTreeMap, BTreeSet};

use sluice_shared::lab::{LabReport, PathFrameKind, SpoofPath, SpoofReport};

use crate::compare::spoofed::{SpoofFigures, Spoofed};

/// The attacks on one lane: a lab tells of the last ones only.
#[derive(Debug)]
pub(super) struct SeenAttacks {
    lane: u16,
    /// By their numbers.
    last: BTreeMap<u64, SpoofFigures>,
    earlier: SpoofFigures,
}

impl SeenAttacks {
    /// Nothing was told yet of the lane of this number.
    pub(super) fn new(lane: u16) -> Self {
        Self { lane, last: BTreeMap::new(), earlier: SpoofFigures::default() }
    }

    /// The lab has reported.
    pub(super) fn handle_report(&mut self, report: &LabReport) {
        for spoof in &report.spoofs {
            let paths = spoof.paths.iter().filter(|path| path.lane == Some(self.lane));
            if let Some(figures) = paths.map(figures).reduce(SpoofFigures::plus) {
                self.last.insert(spoof.number, figures);
            }
        }
        while self.last.len() > SpoofReport::KEPT
            && let Some((_, figures)) = self.last.pop_first()
        {
            self.earlier = self.earlier.plus(figures);
        }
    }

    /// What came of all of them.
    pub(super) fn report(&self) -> Spoofed {
        self.last.values().fold(self.earlier, |sum, figures| sum.plus(*figures)).report()
    }
}

fn figures(path: &SpoofPath) -> SpoofFigures {
    let asked = path
        .frames
        .iter()
        .filter(|frame| frame.kind == PathFrameKind::Challenge && frame.is_to_old_address)
        .map(|frame| frame.data.as_str());
    // Each time that it turns there it asks with other bytes.
    let turned = (asked.collect::<BTreeSet<_>>().len() as u64).max(path.turned_at.is_some().into());
    let away = path.turned_at.zip(path.returned_at).map(|(since, until)| until.since(since));
    SpoofFigures {
        attacks: 1,
        copied: path.copied,
        reflected: path.reflected,
        turned,
        returned: turned.saturating_sub(path.returned_at.is_none().into()),
        longest_away: away.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{OriginalFate, PathFrame, Volume};
    use sluice_shared::link::Direction;
    use sluice_shared::time::Time;

    use super::*;

    fn report(numbers: std::ops::Range<u64>, returned_at: Option<Time>) -> LabReport {
        let at = Time::from_millis(10);
        let frame = |data: &str| PathFrame {
            kind: PathFrameKind::Challenge,
            direction: Direction::Down,
            is_to_old_address: true,
            sent_at: at,
            arrived_at: None,
            data: data.to_owned(),
        };
        let path = SpoofPath {
            lane: Some(2),
            copied: Volume { packets: 2, bytes: 80 },
            reflected: Volume { packets: 3, bytes: 2_700 },
            turned_at: Some(at),
            returned_at,
            frames: vec![frame("aa"), frame("aa"), frame("bb")],
            ..SpoofPath::default()
        };
        let spoof = |number| SpoofReport {
            number,
            at,
            packets: 2,
            original: OriginalFate::Follows,
            problem: None,
            paths: vec![path.clone(), SpoofPath { lane: Some(3), ..path.clone() }],
        };
        LabReport { spoofs: numbers.map(spoof).collect(), ..LabReport::default() }
    }

    #[test]
    fn attacks_that_are_not_told_any_more_are_counted() {
        let mut seen = SeenAttacks::new(2);
        for first in 0..20 {
            seen.handle_report(&report(first..first + 8, Some(Time::from_millis(15))));
        }
        let told = seen.report();
        assert_eq!((told.attacks, told.copied_packets, told.copied_bytes), (27, 54, 27 * 80));
        assert_eq!((told.turned, told.returned, told.longest_away_ms), (54, 54, Some(5.0)));
        assert_eq!((told.reflected_packets, told.reflected_bytes), (81, 27 * 2_700));
    }

    #[test]
    fn a_server_that_is_still_away_is_told_so() {
        let mut seen = SeenAttacks::new(2);
        seen.handle_report(&report(0..1, None));
        let told = seen.report();
        assert_eq!((told.turned, told.returned), (2, 1));
        seen.handle_report(&report(0..1, Some(Time::from_millis(15))));
        assert_eq!(seen.report().returned, 2);
    }
}
