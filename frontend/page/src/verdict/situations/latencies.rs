//! Situations in which latency and stalls decide.
//! Entries of the table in the parent module, each with its expected headline.

use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;

use super::builder::{SECOND, lane, ms, page, ws, wt};
use super::{Situation, situation};
use crate::verdict::*;

pub(super) fn situations() -> Vec<Situation> {
    let mut all = measuring();
    all.extend(different());
    all.extend(mixed());
    all.extend(alike());
    all
}

fn measuring() -> Vec<Situation> {
    vec![
        situation(
            "too few messages since the change",
            page([ws().measured(31), wt().measured(12)]).since(Change::Network, 3 * SECOND),
            None,
            "Measuring… A and B got 12 to 31 messages since the change of network, 3 s ago.",
        ),
        situation(
            "nothing yet since the change",
            page([ws().measured(0), wt().measured(0)]).since(Change::Consumer, 150_000),
            None,
            "Measuring… A and B got 0 messages since the change of consumer, 150 ms ago.",
        ),
        situation(
            "too few messages on one lane",
            page([ws(), wt().measured(1)]).since(Change::Lanes, SECOND),
            None,
            "Measuring… B got 1 message since the change of lanes, 1 s ago.",
        ),
        situation(
            "messages whose latency is unknown",
            page([ws().without_latency(), wt()]),
            None,
            "The latency of A is not measured yet.",
        ),
        situation(
            "enough for a median and not for a 99th percentile",
            page([ws().measured(60).latency(50, 60).measured(60), wt().latency(80, 900).measured(60)]),
            None,
            "A is faster than B: typical message 50 ms against 80 ms.",
        ),
        situation(
            "one lane",
            page([ws()
                .latency(52, 148)
                .stalls(3)
                .part(LatencyPart::Propagation, 50)
                .part(LatencyPart::Blocked, 8)]),
            Some(Fault::Network),
            "A: typical message 52 ms, 1 in 100 over 148 ms, 3 stalls; 86 % of the latency of A is distance.",
        ),
        situation(
            "one fast lane needs no cause",
            page([ws().latency_micros(400, 1_200).part(LatencyPart::Transit, 1)]),
            None,
            "A: typical message 0.40 ms, 1 in 100 over 1.2 ms.",
        ),
    ]
}

fn different() -> Vec<Situation> {
    vec![
        situation(
            "199 against 389 ms, and 4 against 31 stalls",
            page([ws().latency(389, 920).stalls(31), wt().latency(199, 410).stalls(4)]),
            None,
            "B is faster than A: typical message 199 ms against 389 ms, \
             1 in 100 over 410 ms against 920 ms, 4 stalls against 31.",
        ),
        situation(
            "head-of-line blocking",
            page([
                ws().latency(60, 260).stalls(20).part(LatencyPart::Propagation, 50).blocked_by(5_231, 60),
                wt().latency(55, 160)
                    .stalls(2)
                    .part(LatencyPart::Propagation, 50)
                    .part(LatencyPart::Blocked, 10),
            ]),
            Some(Fault::Transport),
            "B has fewer late messages than A: typical message 55 ms against 60 ms, 1 in 100 over 160 ms against 260 ms, \
             2 stalls against 20; \
             55 % of the latency of A is waiting behind lost packets such as packet 5 231.",
        ),
        situation(
            "CUBIC at 2 % loss: the send queue and not the way",
            page([
                ws().latency(180, 700)
                    .send_queue(SendQueueWait::CongestionWindow, 130)
                    .part(LatencyPart::Propagation, 50)
                    .part(LatencyPart::Blocked, 20),
                wt().latency(70, 200).part(LatencyPart::Propagation, 50).part(LatencyPart::Blocked, 20),
            ]),
            Some(Fault::CongestionControl),
            "B is faster than A: typical message 70 ms against 180 ms, 1 in 100 over 200 ms against 700 ms; \
             65 % of the latency of A is the congestion window (send queue).",
        ),
        situation(
            "pacing",
            page([
                wt().latency(90, 120)
                    .send_queue(SendQueueWait::Pacing, 60)
                    .part(LatencyPart::Propagation, 20),
                ws().latency(30, 40).part(LatencyPart::Propagation, 20),
            ]),
            Some(Fault::CongestionControl),
            "B is faster than A: typical message 30 ms against 90 ms, 1 in 100 over 40 ms against 120 ms; \
             75 % of the latency of A is pacing (send queue).",
        ),
        situation(
            "a full receive window",
            page([
                lane(Mode::WebSocketStream).latency(900, 990).send_queue(SendQueueWait::PeerWindow, 850),
                wt().latency(30, 40),
            ]),
            Some(Fault::Consumer),
            "A is slower than B because of its consumer, not its transport: typical message 900 ms against 30 ms, \
             1 in 100 over 990 ms against 40 ms; \
             100 % of the latency of A is the browser's full receive window (send queue).",
        ),
        situation(
            "the bottleneck's queue",
            page([
                ws().latency(300, 420).part(LatencyPart::Bottleneck, 250).part(LatencyPart::Propagation, 40),
                wt().latency(100, 150).part(LatencyPart::Bottleneck, 50).part(LatencyPart::Propagation, 40),
            ]),
            Some(Fault::Network),
            "B is faster than A: typical message 100 ms against 300 ms, 1 in 100 over 150 ms against 420 ms; \
             86 % of the latency of A is the queue at the network's bottleneck.",
        ),
        situation(
            "a policy's queue",
            page([ws().latency(640, 700).part(LatencyPart::PolicyQueue, 600), wt()]),
            Some(Fault::Policy),
            "A is slower than B because of its policy, not its transport: typical message 640 ms against 50 ms, \
             1 in 100 over 700 ms against 60 ms; 100 % of the latency of A is its policy's queue.",
        ),
        situation(
            "a policy's queue before a slow consumer",
            page([
                ws().policy(Policy::DropOldest { limit: 256 })
                    .slow_consumer(ms(5))
                    .latency(640, 700)
                    .part(LatencyPart::PolicyQueue, 600),
                wt(),
            ]),
            Some(Fault::Consumer),
            "A is slower than B because of its consumer, not its transport: typical message 640 ms against 50 ms, \
             1 in 100 over 700 ms against 60 ms; \
             100 % of the latency of A is its policy's queue, before a slow consumer.",
        ),
        situation(
            "a small credit window with a fast consumer",
            page([ws().latency(640, 700).part(LatencyPart::CreditWait, 600), wt()]),
            None,
            "B is faster than A: typical message 50 ms against 640 ms, 1 in 100 over 60 ms against 700 ms; \
             100 % of the latency of A is waiting for credit, although its consumer is fast.",
        ),
        situation(
            "a way that cannot be taken apart",
            page([ws().latency(90, 99).part(LatencyPart::Transit, 88).direct(), wt().direct()]),
            None,
            "B is faster than A: typical message 50 ms against 90 ms, 1 in 100 over 60 ms against 99 ms; \
             100 % of the latency of A is the way to the browser, unknown where.",
        ),
        situation(
            "a direct lane beside an emulated one",
            page([ws().latency_micros(500, 900).direct(), wt()]),
            None,
            "A is faster than B: typical message 0.50 ms against 50 ms, 1 in 100 over 0.90 ms against 60 ms \
             (A bypasses the emulated network).",
        ),
        situation(
            "WebSocket wins on a clean link",
            page([ws().latency_micros(600, 1_200), wt().latency_micros(1_300, 2_600)]),
            None,
            "A is faster than B: typical message 0.60 ms against 1.3 ms, 1 in 100 over 1.2 ms against 2.6 ms.",
        ),
        situation(
            "a quarter more of next to nothing on a clean link",
            page([ws().latency_micros(250, 4_200), wt().latency_micros(320, 3_200)]),
            None,
            "No difference between A and B: typical message 0.25 ms to 0.32 ms, 1 in 100 over 3.2 ms to 4.2 ms.",
        ),
        situation(
            "a ratio of exactly 1.25",
            page([ws().latency(100, 200), wt().latency(125, 200)]),
            None,
            "A is faster than B: typical message 100 ms against 125 ms, 1 in 100 over 200 ms against 200 ms.",
        ),
        situation(
            "only stalls differ",
            page([ws().stalls(110), wt().stalls(21)]),
            None,
            "B flows more evenly than A: typical message 50 ms against 50 ms, 1 in 100 over 60 ms against 60 ms, \
             21 stalls against 110.",
        ),
        situation(
            "three lanes, two of them equally good",
            page([ws().latency(100, 200), wt().latency(101, 201), lane(Mode::OneStream).latency(300, 900)]),
            None,
            "A is faster than C: typical message 100 ms against 300 ms, 1 in 100 over 200 ms against 900 ms.",
        ),
        situation(
            "three lanes, one of them best",
            page([ws().latency(90, 190), wt().latency(50, 60), lane(Mode::OneStream).latency(300, 900)]),
            None,
            "B is faster than C: typical message 50 ms against 300 ms, 1 in 100 over 60 ms against 900 ms. \
             B is faster than A: typical message 50 ms against 90 ms, 1 in 100 over 60 ms against 190 ms.",
        ),
    ]
}

fn mixed() -> Vec<Situation> {
    vec![
        situation(
            "a better median and a worse tail",
            page([ws().latency(100, 900).stalls(12), wt().latency(200, 300).stalls(2)]),
            None,
            "Neither is better: A has the faster typical message (100 ms against 200 ms), \
             but B has the faster slowest 1 in 100 (over 300 ms against 900 ms) and fewer stalls (2 against 12).",
        ),
        situation(
            "a mixed picture between two alike lanes",
            page([ws().latency(110, 110), wt().latency(100, 125), lane(Mode::OneStream).latency(130, 95)]),
            None,
            "Neither is better: B has the faster typical message (100 ms against 130 ms), \
             but C has the faster slowest 1 in 100 (over 95 ms against 125 ms).",
        ),
        situation(
            "a mixed picture on different paths",
            page([ws().direct().latency(100, 900), wt().latency(200, 300)]),
            None,
            "Neither is better: A has the faster typical message (100 ms against 200 ms), \
             but B has the faster slowest 1 in 100 (over 300 ms against 900 ms) (A bypasses the emulated network).",
        ),
        situation(
            "a better tail and more stalls",
            page([ws().latency(50, 60).stalls(40), wt().latency(50, 90).stalls(1)]),
            None,
            "Neither is better: A has the faster slowest 1 in 100 (over 60 ms against 90 ms), \
             but B has fewer stalls (1 against 40).",
        ),
        situation(
            "a mixed picture with a lossy lane",
            page([ws().lost(5, 5).latency(50, 900), wt().latency(200, 300)]),
            None,
            "A lost 5 messages without a report; its latency counts only what arrived.",
        ),
    ]
}

fn alike() -> Vec<Situation> {
    vec![
        situation(
            "no difference",
            page([ws().latency(50, 60), wt().latency(51, 62)]),
            None,
            "No difference between A and B: typical message 50 ms to 51 ms, 1 in 100 over 60 ms to 62 ms.",
        ),
        situation(
            "no difference among three",
            page([ws().stalls(3), wt().stalls(1), lane(Mode::OneStream).stalls(2)]),
            None,
            "No difference between A, B and C: typical message 50 ms, 1 in 100 over 60 ms, 1 to 3 stalls.",
        ),
        situation(
            "less than a timer resolves",
            page([ws().latency_micros(200, 400), wt().latency_micros(400, 700)]),
            None,
            "No difference between A and B: typical message 0.20 ms to 0.40 ms, 1 in 100 over 0.40 ms to 0.70 ms.",
        ),
        situation(
            "no difference, but not on the same network",
            page([ws(), wt().direct()]),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms \
             (B bypasses the emulated network).",
        ),
        situation(
            "stalls that were not counted",
            page([LaneSnapshot { stalls: None, ..ws() }, wt().stalls(9)]),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a ratio below 1.25",
            page([ws().latency(100, 200), wt().latency_micros(ms(124), ms(249))]),
            None,
            "No difference between A and B: typical message 100 ms to 124 ms, 1 in 100 over 200 ms to 249 ms.",
        ),
    ]
}
