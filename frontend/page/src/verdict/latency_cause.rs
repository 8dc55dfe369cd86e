//! Cause of a lane's latency: its value and its wording.

use super::finding::Cause;
use super::latency_parts::{LatencyPart, SendQueueWait};
use super::sentence::Sentence;
use super::snapshot::LaneSnapshot;

/// Returns the cause of a lane's latency with its share, or why it is larger than another lane's; `None` for
/// a lane that was interrupted, whose latency is that of the interruption, unless its consumer is slow too.
pub(super) fn latency_cause(lane: &LaneSnapshot, other: Option<&LaneSnapshot>) -> Option<(Cause, f64)> {
    if !lane.interruptions.is_empty() && !lane.is_consumer_slow() {
        return None;
    }
    let main = lane.parts.main_part(other.map(|other| &other.parts))?;
    let is_blocked = main.part == LatencyPart::Blocked;
    let cause = Cause::Latency {
        part: main.part,
        wait: lane.parts.send_queue_wait.filter(|_| main.part == LatencyPart::SendQueue),
        lost_packet: lane.worst_write.filter(|_| is_blocked).and_then(|write| write.lost_packet),
    };
    Some((cause, main.share))
}

/// Returns the noun phrase for a part of the latency.
pub(super) const fn part_phrase(
    part: LatencyPart,
    wait: Option<SendQueueWait>,
    is_consumer_slow: bool,
) -> &'static str {
    match part {
        LatencyPart::Server => "the server itself",
        LatencyPart::CreditWait if is_consumer_slow => "waiting for credit from its consumer",
        LatencyPart::CreditWait => "waiting for credit, although its consumer is fast",
        LatencyPart::PolicyQueue if is_consumer_slow => "its policy's queue, before a slow consumer",
        LatencyPart::PolicyQueue => "its policy's queue",
        LatencyPart::SendQueue => match wait {
            Some(SendQueueWait::CongestionWindow) => "the congestion window (send queue)",
            Some(SendQueueWait::Pacing) => "pacing (send queue)",
            Some(SendQueueWait::PeerWindow) => "the browser's full receive window (send queue)",
            None => "the server's send queue",
        },
        LatencyPart::Bottleneck => "the queue at the network's bottleneck",
        LatencyPart::Propagation => "distance",
        LatencyPart::Blocked => "waiting behind lost packets",
        LatencyPart::Transit => "the way to the browser, unknown where",
        LatencyPart::Browser => "the browser's own buffers",
        LatencyPart::Inbox => "waiting for its consumer",
        LatencyPart::Consumer => "its consumer's own work",
    }
}

/// Appends the share of the latency that is due to its cause.
pub(super) fn explain(sentence: &mut Sentence, at: usize, lane: &LaneSnapshot, cause: Cause, share: f64) {
    let Cause::Latency { part, wait, lost_packet } = cause else { return };
    sentence.text("; ").percent(share).text(" of the latency of ").lane(at).text(" is ");
    sentence.text(part_phrase(part, wait, lane.is_consumer_slow()));
    if let Some(number) = lost_packet {
        sentence.text(" such as packet ").count(number);
    }
}
