//! Lanes with enough messages for a comparison, and findings about the others.

use super::comparison::MeasuredLane;
use super::connection::is_flowing;
use super::finding::{Finding, FindingKind};
use super::sentence::{Sentence, change_phrase};
use super::snapshot::{LaneSnapshot, Latency, Snapshot};

/// Returns the lanes that can be compared.
pub(super) fn measured_lanes(snapshot: &Snapshot) -> Vec<MeasuredLane<'_>> {
    let lanes = snapshot.lanes.iter().enumerate().filter(|(_, lane)| is_flowing(snapshot, lane));
    lanes
        .filter_map(|(at, lane)| {
            let latency = lane.latency.filter(|latency| latency.count >= Latency::ENOUGH)?;
            Some(MeasuredLane { at, lane, latency })
        })
        .collect()
}

/// Returns the finding about lanes with too few messages.
pub(super) fn measuring_finding(snapshot: &Snapshot) -> Option<Finding> {
    let messages = |lane: &LaneSnapshot| lane.latency.map_or(lane.consumed, |latency| latency.count);
    let few: Vec<usize> = snapshot
        .lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| is_flowing(snapshot, lane) && messages(lane) < Latency::ENOUGH)
        .map(|(at, _)| at)
        .collect();
    let counts = || few.iter().map(|at| messages(&snapshot.lanes[*at]));
    let (fewest, most) = (counts().min()?, counts().max()?);
    let mut sentence = Sentence::default();
    if few.iter().all(|at| !snapshot.lanes[*at].is_feed_running) {
        sentence.text("Nothing to measure: the feed is not running");
        return Some(Finding::info(FindingKind::Measuring, few, sentence.finish()));
    }
    sentence.text("Measuring… ").lanes(&few).text(" got ");
    if fewest < most {
        sentence.count(fewest).text(" to ");
    }
    sentence.counted(most, "message").text(" since ").text(change_phrase(snapshot.epoch.cause));
    sentence.text(", ").elapsed(snapshot.epoch.since_micros).text(" ago");
    Some(Finding::info(FindingKind::Measuring, few, sentence.finish()))
}

/// Returns the finding about lanes that receive messages of unknown latency.
pub(super) fn unknown_finding(snapshot: &Snapshot) -> Option<Finding> {
    let lanes: Vec<usize> = snapshot
        .lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| {
            is_flowing(snapshot, lane) && lane.latency.is_none() && lane.consumed >= Latency::ENOUGH
        })
        .map(|(at, _)| at)
        .collect();
    if lanes.is_empty() {
        return None;
    }
    let mut sentence = Sentence::default();
    sentence.text("The latency of ").lanes(&lanes).text(" is not measured yet");
    Some(Finding::info(FindingKind::LatencyUnknown, lanes, sentence.finish()))
}
