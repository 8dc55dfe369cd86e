//! Creates a [`Recording`] of what the page shows. Called by the menu when a recording or an export is saved.
//! The result stays within the bounds that `decode` enforces.

use leptos::prelude::*;
use sluice_browser::clock;

use crate::app::state::App;
use crate::features::share::recording::Recording;
use crate::features::timeline::events::TimelineEvents;
use crate::features::timeline::scene::Scene;
use crate::verdict::{Finding, Piece};

impl App {
    /// Returns the open recording, or one of the last 30 s of the lanes.
    pub(crate) fn recording(&self) -> Recording {
        if let Some(opened) = self.share.opened.get_untracked() {
            return Recording::clone(&opened);
        }
        let now = clock::now();
        let engine = self.engine();
        let engine = engine.borrow();
        let names: Vec<String> = engine.lanes().map(|running| running.name.clone()).collect();
        Recording {
            app: env!("CARGO_PKG_VERSION").to_owned(),
            saved_at: now,
            link: self.share_query(),
            scene: bounded(Scene::live(&engine, now)),
            modes: engine.lanes().map(|running| running.mode).collect(),
            epoch: self.epoch.with_untracked(|epoch| epoch.note()),
            verdict: self.findings.with_untracked(|findings| sentences(findings, &names)),
            log: engine.log.newest_first(),
        }
    }
}

/// Limits a live scene to what a file may hold: the data between its edges, and the newest of each kind.
fn bounded(mut scene: Scene) -> Scene {
    let columns: Vec<_> = (0..scene.lanes.len()).map(|position| scene.visible(position).to_vec()).collect();
    for (lane, columns) in scene.lanes.iter_mut().zip(columns) {
        lane.columns = columns;
        lane.phases.retain(|(_, until, _)| *until >= scene.from);
    }
    for marks in [&mut scene.marks, &mut scene.epochs] {
        marks.drain(..marks.len().saturating_sub(TimelineEvents::MAX));
    }
    scene
}

/// Formats all findings as sentences, the most important first.
fn sentences(findings: &[Finding], names: &[String]) -> String {
    let sentence = |finding: &Finding| -> String {
        let pieces = finding.sentence.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Number(text) => text.as_str(),
            Piece::Lane(at) => names.get(*at).map_or("a lane", String::as_str),
        });
        pieces.collect()
    };
    findings.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use sluice_bridge::AgeColumn;
    use sluice_shared::time::Time;

    use super::*;
    use crate::features::connection::model::Phase;
    use crate::features::share::recording::{decode, tests::recording};
    use crate::features::timeline::events::Mark;
    use crate::verdict::{FindingKind, Severity};

    #[test]
    fn what_the_page_holds_beyond_its_chart_is_not_in_the_file() {
        let mut live = recording();
        let scene = &mut live.scene;
        let (from, until) = (scene.from, scene.until);
        let late =
            AgeColumn { index: until.as_micros() / AgeColumn::WIDTH_MICROS + 3, ..AgeColumn::default() };
        scene.lanes[0].columns.push(late);
        scene.lanes[1].columns.insert(0, AgeColumn { index: 5, ..AgeColumn::default() });
        scene.lanes[1].phases.insert(0, (Time::ZERO, Time::from_millis(5), Phase::Down));
        let marks = (0..100).map(|at| Mark { at: from, label: at.to_string() });
        scene.epochs = marks.collect();
        live.scene = bounded(live.scene);
        let read = decode(&live.to_json()).expect("a page reads what it wrote");
        assert_eq!(read.scene.lanes, recording().scene.lanes);
        let labels: Vec<_> = read.scene.epochs.iter().map(|mark| mark.label.as_str()).collect();
        assert_eq!((labels.len(), labels[0], labels[63]), (64, "36", "99"));
    }

    #[test]
    fn the_verdict_is_kept_in_words_with_the_lanes_by_name() {
        let piece = |text: &str| Piece::Text(text.to_owned());
        let first = vec![Piece::Lane(1), piece(" lost "), Piece::Number("3".to_owned()), piece(".")];
        let second = vec![Piece::Lane(0), piece(" is late.")];
        let findings = [first, second].map(|sentence| Finding {
            kind: FindingKind::NoLane,
            severity: Severity::Info,
            lanes: Vec::new(),
            better: None,
            cause: None,
            fault: None,
            sentence,
        });
        let names = ["A".to_owned(), "B".to_owned()];
        assert_eq!(sentences(&findings, &names), "B lost 3. A is late.");
    }
}
