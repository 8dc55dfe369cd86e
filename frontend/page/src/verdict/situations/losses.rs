//! Situations in which messages are lost or skipped.
//! Entries of the table in the parent module, each with its expected headline.

use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::wire::GapReason;

use super::builder::{SECOND, lane, ms, page, ws, wt};
use super::{Situation, situation};
use crate::verdict::*;

pub(super) fn situations() -> Vec<Situation> {
    let mut all = unreported();
    all.extend(skipped());
    all
}

fn unreported() -> Vec<Situation> {
    vec![
        situation(
            "reload in the tunnel: 33 times fresher and 5,945 messages lost",
            page([
                ws().starting_over()
                    .lost(5_945, 5_945)
                    .reconnected(Some(ms(4_300)), Some(5_945), Some(0))
                    .latency(50, 120),
                ws().reconnected(Some(ms(4_100)), Some(0), Some(0)).latency(1_650, 4_000),
            ]),
            Some(Fault::Policy),
            "A lost 5 945 messages without a report, because it starts over after each disconnection; \
             its latency counts only what arrived. \
             A reconnected: 4.30 s without data, 5 945 messages lost without a report.",
        ),
        situation(
            "silent drops",
            page([
                ws().policy(Policy::SilentDrop { limit: 256 }).lost(812, 812).latency(5, 9),
                ws().policy(Policy::DropOldest { limit: 256 }).latency(20, 40),
            ]),
            Some(Fault::Policy),
            "A lost 812 messages without a report, because its server drops in silence, on purpose; \
             its latency counts only what arrived.",
        ),
        situation(
            "messages lost that nothing explains",
            page([ws(), wt().lost(1, 1).latency(5, 9)]),
            None,
            "B lost 1 message without a report; its latency counts only what arrived.",
        ),
        situation(
            "messages lost before the last change",
            page([ws().lost(0, 40), wt()]),
            None,
            "A lost 40 messages without a report before the last change; its latency counts only what arrived.",
        ),
        situation(
            "both lanes lost messages",
            page([ws().lost(3, 3), wt().lost(70, 90).latency(5, 9)]),
            None,
            "B lost 70 messages without a report; its latency counts only what arrived. \
             A lost 3 messages without a report; its latency counts only what arrived.",
        ),
        situation(
            "a lane that starts over and has not lost anything",
            page([ws().starting_over(), wt()]),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "loss found by a reconnection alone",
            page([ws().reconnected(Some(ms(1_000)), Some(20), None), wt()]),
            None,
            "A lost 20 messages without a report; its latency counts only what arrived. \
             A reconnected: 1.00 s without data, 20 messages lost without a report.",
        ),
        situation(
            "a dead lane is worse than a lossy one",
            page([ws().lost(9, 9), wt().waiting(3 * SECOND, "timed out", SECOND)]),
            None,
            "B has lost its connection (3 s so far, next try in 1 s): timed out. \
             A lost 9 messages without a report; its latency counts only what arrived.",
        ),
        situation(
            "an unbounded queue that is still small",
            page([ws().policy(Policy::Unbounded), ws()]),
            Some(Fault::Policy),
            "A shows a failure on purpose: its server queues without a bound.",
        ),
        situation(
            "an unbounded queue that grows",
            page([
                ws().policy(Policy::Unbounded)
                    .slow_consumer(ms(5))
                    .rates(400, 200)
                    .part(LatencyPart::Inbox, 3_000)
                    .latency(3_000, 6_000),
                ws().slow_consumer(ms(5)).rates(400, 400).latency(2_900, 5_900),
            ]),
            Some(Fault::Policy),
            "A shows a failure on purpose: its server queues without a bound. \
             A cannot keep up: its consumer takes 200/s of 400/s offered, at 5.0 ms a message; \
             its transport is not the limit.",
        ),
        situation(
            "a busy spin",
            page([ws().policy(Policy::BusySpin).latency(5, 9), ws().latency(9, 20)]),
            Some(Fault::Policy),
            "A shows a failure on purpose: its server retries blocked writes without a pause. \
             The latency of A does not compare with B (typical message 5.0 ms against 9.0 ms, \
             1 in 100 over 9.0 ms against 20 ms): its server fails on purpose.",
        ),
        situation(
            "a silent drop that has not dropped yet",
            page([ws().policy(Policy::SilentDrop { limit: 9 }).latency(9, 20), ws().latency(5, 9)]),
            Some(Fault::Policy),
            "A shows a failure on purpose: its server drops in silence when its queue is full. \
             B is faster than A: typical message 5.0 ms against 9.0 ms, 1 in 100 over 9.0 ms against 20 ms.",
        ),
    ]
}

fn skipped() -> Vec<Situation> {
    vec![
        situation(
            "newest only beside a slow lossless lane",
            page([
                ws().policy(Policy::Latest)
                    .slow_consumer(ms(5))
                    .rates(400, 200)
                    .skipped(GapReason::Conflated, 2_400)
                    .latency(8, 14),
                ws().slow_consumer(ms(5)).rates(400, 380).latency(2_000, 3_000),
            ]),
            Some(Fault::Policy),
            "A skipped 2 400 messages, all reported: replaced by newer ones of the same key. \
             A is faster than B because its policy skips messages: typical message 8.0 ms against 2.00 s, \
             1 in 100 over 14 ms against 3.00 s, 2 400 skipped against 0.",
        ),
        situation(
            "a single replaced message",
            page([ws().policy(Policy::Latest).skipped(GapReason::Conflated, 1), wt()]),
            Some(Fault::Policy),
            "A skipped 1 message, all reported: replaced by a newer one of the same key. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "datagrams lost in the network",
            page([
                lane(Mode::Datagrams).skipped(GapReason::Network, 96).latency(51, 58),
                lane(Mode::OneStream).latency(52, 160).stalls(6),
            ]),
            Some(Fault::Network),
            "A skipped 96 messages, all reported: lost in the network as datagrams. \
             A is faster than B because it does not wait for lost messages: typical message 51 ms against 52 ms, \
             1 in 100 over 58 ms against 160 ms, 0 stalls against 6, 96 skipped against 0.",
        ),
        situation(
            "messages too large for a datagram",
            page([lane(Mode::Datagrams).skipped(GapReason::TooLarge, 6_000), ws()]),
            Some(Fault::Transport),
            "A skipped 6 000 messages, all reported: too large for a datagram. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a slow consumer overtaken by the server's log",
            page([
                ws().slow_consumer(ms(5))
                    .rates(400, 200)
                    .part(LatencyPart::CreditWait, 9_000)
                    .skipped(GapReason::Retention, 2_400)
                    .latency(9_000, 9_900),
                wt(),
            ]),
            Some(Fault::Consumer),
            "A skipped 2 400 messages, all reported: no longer in the server's log when the lane got there. \
             A is slower than B because of its consumer, not its transport: typical message 9.00 s against 50 ms, \
             1 in 100 over 9.90 s against 60 ms; \
             100 % of the latency of A is waiting for credit from its consumer.",
        ),
        situation(
            "several reasons",
            page([
                lane(Mode::Datagrams)
                    .skipped(GapReason::Network, 30)
                    .skipped(GapReason::DroppedOldest, 4_000),
                wt(),
            ]),
            Some(Fault::Policy),
            "A skipped 4 030 messages, all reported: 4 000 dropped as the oldest in a full queue, \
             30 lost in the network as datagrams. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a full queue that refuses",
            page([ws().policy(Policy::DropNewest { limit: 9 }).skipped(GapReason::DroppedNewest, 500), wt()]),
            Some(Fault::Policy),
            "A skipped 500 messages, all reported: refused by a full queue. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a session that has expired",
            page([
                ws().reconnected(Some(ms(70_000)), Some(0), Some(28_000)).skipped(GapReason::Expired, 28_000),
                wt(),
            ]),
            None,
            "A reconnected: 70.0 s without data, 28 000 messages skipped and reported. \
             A skipped 28 000 messages, all reported: gone with an expired session.",
        ),
        situation(
            "both lanes skip, and the one that skips less is faster",
            page([
                ws().policy(Policy::Latest).skipped(GapReason::Conflated, 900).latency(80, 90),
                wt().policy(Policy::Latest).skipped(GapReason::Conflated, 20).latency(30, 40),
            ]),
            Some(Fault::Policy),
            "A skipped 900 messages and B 20, all reported: replaced by newer ones of the same key. \
             B is faster than A: typical message 30 ms against 80 ms, 1 in 100 over 40 ms against 90 ms.",
        ),
        situation(
            "a handful of skipped messages does not explain a lower latency",
            page([
                ws().policy(Policy::Latest).skipped(GapReason::Conflated, 3).latency(30, 40),
                wt().latency(80, 90),
            ]),
            Some(Fault::Policy),
            "A skipped 3 messages, all reported: replaced by newer ones of the same key. \
             A is faster than B, but it skipped messages: typical message 30 ms against 80 ms, \
             1 in 100 over 40 ms against 90 ms, 3 skipped against 0.",
        ),
    ]
}
