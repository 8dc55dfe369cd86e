//! One or two sentences that say what the lanes show, made of measured numbers alone.

use sluice_shared::wire::{GapReason, Waiting};

use sluice_bridge::Summary;
use sluice_text::format;

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Plain words.
    Text(String),
    /// A measured number.
    Number(String),
    /// The lane at this position from the top.
    Lane(usize),
}

/// What the verdict needs of one lane.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The lane's measurements.
    pub summary: &'a Summary,
    /// Whether its connection is open.
    pub is_open: bool,
    /// The share of packets that its emulated network has lost lately; `None` without one.
    pub loss: Option<f64>,
    /// Whether it bypasses the emulated network.
    pub is_direct: bool,
    /// The round trip as the stack that sends sees it, microseconds, if it tells.
    pub rtt_micros: Option<u64>,
}

/// Fewer consumed messages than this prove nothing about a 99th percentile.
pub const ENOUGH: u64 = 200;
/// Round trips below this are not worth a word, microseconds.
const NOTABLE_RTT: u64 = 5_000;
/// Fewer standstills than this are not worth a word.
const NOTABLE_STALLS: u64 = 10;
/// Lanes whose 99th percentiles differ by less than this ratio are called alike.
const ALIKE: f64 = 2.0;

/// The verdict over lanes from the top.
pub fn verdict(lanes: &[Evidence<'_>]) -> Vec<Piece> {
    let mut sentence = Sentence::default();
    let silent = lanes.iter().filter(|lane| !lane.is_open).count();
    if lanes.is_empty() {
        sentence.text("No lane: add one.");
        return sentence.pieces;
    }
    if silent == lanes.len() {
        sentence.text("No lane is connected, so there is nothing to compare.");
        return sentence.pieces;
    }
    let ready: Vec<(usize, &Summary)> = lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| lane.is_open && lane.summary.epoch.latency.count >= ENOUGH)
        .map(|(at, lane)| (at, lane.summary))
        .collect();
    let by_p99 = |(_, summary): &&(usize, &Summary)| summary.epoch.latency.p99;
    match (ready.iter().min_by_key(by_p99), ready.iter().max_by_key(by_p99)) {
        (Some(&(fresh, fresh_summary)), Some(&(stale, stale_summary))) if fresh != stale => {
            compare(&mut sentence, ready.len(), (fresh, fresh_summary), (stale, stale_summary));
            if lanes[fresh].is_direct != lanes[stale].is_direct {
                let direct = if lanes[fresh].is_direct { fresh } else { stale };
                sentence.text(" (").lane(direct).text(" bypasses the emulated network.)");
            }
        }
        (Some(&(only, summary)), _) => single(&mut sentence, only, summary),
        (None, _) => {
            let most = lanes.iter().map(|lane| lane.summary.epoch.latency.count).max().unwrap_or(0);
            sentence
                .text("Not enough to judge yet: ")
                .number(format::count(most))
                .text(" of ")
                .number(format::count(ENOUGH))
                .text(" messages a lane.");
        }
    }
    standstills(&mut sentence, &ready);
    if !ready.is_empty() {
        network(&mut sentence, lanes);
    }
    for (at, summary) in &ready {
        skipped(&mut sentence, *at, summary);
    }
    sentence.pieces
}

fn compare(sentence: &mut Sentence, lanes: usize, fresh: (usize, &Summary), stale: (usize, &Summary)) {
    let (fresh_p99, stale_p99) = (fresh.1.epoch.latency.p99, stale.1.epoch.latency.p99);
    let ratio = stale_p99 as f64 / fresh_p99.max(1) as f64;
    if ratio < ALIKE {
        let all = if lanes == 2 { "Both lanes deliver" } else { "All lanes deliver" };
        sentence
            .text(all)
            .text(" alike: 99 of 100 messages are consumed within ")
            .number(format::span(fresh_p99))
            .text(" to ")
            .number(format::span(stale_p99))
            .text(" of being made.");
        return;
    }
    sentence
        .lane(fresh.0)
        .text(" is ")
        .number(format::factor(ratio))
        .text(" fresher than ")
        .lane(stale.0)
        .text(" at the 99th percentile: ")
        .number(format::span(fresh_p99))
        .text(" against ")
        .number(format::span(stale_p99))
        .text(".");
    whereabouts(sentence, stale);
}

fn single(sentence: &mut Sentence, at: usize, summary: &Summary) {
    sentence
        .lane(at)
        .text(": half of its messages are consumed within ")
        .number(format::span(summary.epoch.latency.p50))
        .text(" of being made, 99 of 100 within ")
        .number(format::span(summary.epoch.latency.p99))
        .text(".");
    if summary.epoch.latency.p50 >= 10_000 {
        whereabouts(sentence, (at, summary));
    }
}

/// Where the median message spends the largest part of its age.
fn whereabouts(sentence: &mut Sentence, (at, summary): (usize, &Summary)) {
    let parts = [
        (summary.epoch.latency_at_server.p50, "at the server"),
        (summary.epoch.latency_in_transit.p50, "on the way"),
        (summary.epoch.latency_in_inbox.p50, "in the inbox"),
    ];
    let whole: u64 = parts.iter().map(|(micros, _)| micros).sum();
    let Some((longest, place)) = parts.into_iter().max_by_key(|(micros, _)| *micros) else { return };
    if whole == 0 {
        return;
    }
    sentence
        .text(" The messages of ")
        .lane(at)
        .text(" wait mostly ")
        .text(place)
        .text(" (median ")
        .number(format::span(longest))
        .text(", ")
        .number(format::percent(longest as f64 / whole as f64))
        .text(")");
    match summary.waiting {
        Waiting::NoCredit { .. } if summary.credit.left().messages > 0 => {
            sentence.text(": the grant for more is under way.")
        }
        Waiting::NoCredit { .. } => sentence.text(": its consumer has granted no more credit."),
        Waiting::Transport { .. } => sentence.text(": the transport takes no more."),
        Waiting::Nothing | Waiting::NoData => sentence.text("."),
    };
}

/// Percentiles may agree where one lane moves on and another stands still again and again.
fn standstills(sentence: &mut Sentence, lanes: &[(usize, &Summary)]) {
    let by_stalls = |(_, summary): &&(usize, &Summary)| summary.epoch.stalls;
    let (Some((smooth, few)), Some((jerky, many))) =
        (lanes.iter().min_by_key(by_stalls), lanes.iter().max_by_key(by_stalls))
    else {
        return;
    };
    if many.epoch.stalls < NOTABLE_STALLS || many.epoch.stalls < 2 * few.epoch.stalls {
        return;
    }
    sentence
        .text(" ")
        .lane(*jerky)
        .text(" stood still ")
        .number(format::count(many.epoch.stalls))
        .text(" times for 100 ms or longer, ")
        .lane(*smooth)
        .text(" ")
        .number(format::count(few.epoch.stalls))
        .text(if few.epoch.stalls == 1 { " time." } else { " times." });
}

/// What the network was like, as measured: the longest round trip, and what was lost of all lanes' packets.
fn network(sentence: &mut Sentence, lanes: &[Evidence<'_>]) {
    let open = || lanes.iter().filter(|lane| lane.is_open);
    let Some(rtt) = open().filter_map(|lane| lane.rtt_micros.or(lane.summary.rtt_micros)).max() else {
        return;
    };
    let losses: Vec<f64> = open().filter_map(|lane| lane.loss).collect();
    let loss = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
    if rtt < NOTABLE_RTT && loss == 0.0 {
        return;
    }
    sentence.text(" The network: ").number(format::span(rtt)).text(" there and back");
    if loss > 0.0 {
        sentence.text(", ").number(format::percent(loss)).text(" lost");
    }
    sentence.text(".");
}

fn skipped(sentence: &mut Sentence, at: usize, summary: &Summary) {
    if summary.lost > 0 {
        sentence
            .text(" ")
            .lane(at)
            .text(" lost ")
            .number(format::count(summary.lost))
            .text(" without a report.");
    }
    let total: u64 = summary.epoch.gaps_total();
    let main = GapReason::ALL.into_iter().zip(summary.epoch.gaps).max_by_key(|(_, messages)| *messages);
    if let Some((reason, _)) = main
        && total > 0
    {
        sentence
            .text(" ")
            .lane(at)
            .text(" skipped ")
            .number(format::count(total))
            .text(", each reported (")
            .text(reason.name())
            .text(").");
    }
}

#[derive(Default)]
struct Sentence {
    pieces: Vec<Piece>,
}

impl Sentence {
    fn text(&mut self, words: &str) -> &mut Self {
        match self.pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(words),
            Some(Piece::Number(_) | Piece::Lane(_)) | None => self.pieces.push(Piece::Text(words.to_owned())),
        }
        self
    }

    fn number(&mut self, number: String) -> &mut Self {
        self.pieces.push(Piece::Number(number));
        self
    }

    fn lane(&mut self, at: usize) -> &mut Self {
        self.pieces.push(Piece::Lane(at));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_bridge::{Ages, EpochStats};

    fn summary(p50: u64, p99: u64) -> Summary {
        let age = Ages { count: 1_000, p50, p95: p99, p99, max: p99 };
        let small = Ages { p50: p50 / 10, ..age };
        let epoch = EpochStats {
            latency: age,
            latency_at_server: Ages { p50: p50 / 2, ..age },
            latency_in_transit: small,
            latency_in_inbox: small,
            ..EpochStats::default()
        };
        Summary { epoch, ..Summary::default() }
    }

    fn said(summaries: &[Summary]) -> String {
        let lanes: Vec<_> = summaries
            .iter()
            .map(|summary| Evidence {
                summary,
                is_open: true,
                loss: Some(0.021),
                is_direct: false,
                rtt_micros: summary.path.rtt_micros,
            })
            .collect();
        told(verdict(&lanes))
    }

    fn told(pieces: Vec<Piece>) -> String {
        pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) | Piece::Number(text) => text,
                Piece::Lane(at) => format!("<{at}>"),
            })
            .collect::<String>()
            .replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[test]
    fn the_fresher_lane_is_named_with_its_factor_and_where_the_other_waits() {
        let mut slow = summary(2_000_000, 3_000_000);
        slow.waiting = Waiting::NoCredit { since: sluice_shared::time::Time::ZERO };
        let said = said(&[slow, summary(500, 1_000)]);
        assert!(
            said.starts_with("<1> is 3 000× fresher than <0> at the 99th percentile: 1.0 ms against 3.00 s.")
        );
        assert!(
            said.contains(
                "The messages of <0> wait mostly at the server (median 1.00 s, 71 %): its consumer"
            ),
            "{said}"
        );
    }

    #[test]
    fn lanes_that_differ_little_are_called_alike() {
        assert!(said(&[summary(400, 1_000), summary(450, 1_200)]).starts_with("Both lanes deliver alike"));
    }

    #[test]
    fn a_lane_that_was_not_on_the_same_network_is_named() {
        let (late, prompt) = (summary(50_000, 90_000), summary(500, 1_000));
        let evidence =
            |summary, is_direct| Evidence { summary, is_open: true, loss: None, is_direct, rtt_micros: None };
        let told =
            |directs: [bool; 2]| told(verdict(&[evidence(&late, directs[0]), evidence(&prompt, directs[1])]));
        assert!(told([false, true]).contains("(<1> bypasses the emulated network.)"));
        assert!(!told([true, true]).contains("bypasses"));
    }

    #[test]
    fn a_lane_that_stands_still_more_often_is_named() {
        let mut jerky = summary(400, 1_000);
        let mut smooth = jerky.clone();
        (smooth.epoch.stalls, jerky.epoch.stalls) = (21, 110);
        let told = said(&[jerky, smooth.clone()]);
        assert!(told.contains("<0> stood still 110 times for 100 ms or longer, <1> 21 times."), "{told}");
        assert!(!said(&[smooth.clone(), smooth]).contains("stood still"));
    }

    #[test]
    fn too_few_messages_give_no_verdict() {
        let mut few = Summary::default();
        few.epoch.latency.count = 12;
        assert_eq!(said(&[few.clone(), few]), "Not enough to judge yet: 12 of 200 messages a lane.");
    }

    #[test]
    fn skipped_messages_are_counted_with_their_reason() {
        let mut conflated = summary(500, 1_000);
        conflated.epoch.gaps[1] = 1_203;
        assert!(said(&[conflated]).ends_with("<0> skipped 1 203, each reported (conflated)."));
    }

    #[test]
    fn a_network_that_is_felt_is_told_with_its_measured_numbers() {
        let far = Summary { rtt_micros: Some(104_000), ..summary(500, 1_000) };
        let mut near = Summary { rtt_micros: Some(300_000), ..summary(500, 1_000) };
        // The sender's own estimate is newer than the smallest heartbeat.
        near.path.rtt_micros = Some(400);
        assert!(said(&[near, far]).ends_with(" The network: 104 ms there and back, 2.1 % lost."));
    }

    #[test]
    fn a_page_without_connections_says_so() {
        let empty = Summary::default();
        let closed =
            [Evidence { summary: &empty, is_open: false, loss: None, is_direct: false, rtt_micros: None }];
        assert_eq!(verdict(&closed).len(), 1);
        assert_eq!(verdict(&[]).len(), 1);
    }
}
