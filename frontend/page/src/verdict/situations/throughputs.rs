//! Situations in which a lane cannot keep up, or the machine cannot.
//! Entries of the table in the parent module, each with its expected headline.

use sluice_shared::policy::Policy;

use super::builder::{SECOND, ms, page, ws, wt};
use super::{Situation, situation};
use crate::verdict::*;

pub(super) fn situations() -> Vec<Situation> {
    let mut all = lagging();
    all.extend(saturated());
    all
}

fn lagging() -> Vec<Situation> {
    vec![
        situation(
            "a slow consumer is not the transport's fault",
            page([
                wt().slow_consumer(ms(5))
                    .rates(400, 200)
                    .part(LatencyPart::CreditWait, 5_000)
                    .part(LatencyPart::Inbox, 100)
                    .latency(5_736, 11_000),
                ws().latency(4, 8),
            ]),
            Some(Fault::Consumer),
            "A cannot keep up: its consumer takes 200/s of 400/s offered, at 5.0 ms a message; \
             its transport is not the limit. \
             A is slower than B because of its consumer, not its transport: typical message 5.74 s against 4.0 ms, \
             1 in 100 over 11.0 s against 8.0 ms; 98 % of the latency of A is waiting for credit from its consumer.",
        ),
        situation(
            "a busy consumer that blocks its thread",
            page([
                ws().slow_consumer(ms(5))
                    .rates(400, 195)
                    .part(LatencyPart::Browser, 4_000)
                    .part(LatencyPart::Inbox, 1_000)
                    .latency(5_000, 9_000),
                ws().latency(5_000, 9_000),
            ]),
            Some(Fault::Consumer),
            "A cannot keep up: its consumer takes 195/s of 400/s offered, at 5.0 ms a message; \
             its transport is not the limit.",
        ),
        situation(
            "a long credit wait that drains an inbox is no silence",
            page([
                ws().slow_consumer(ms(50))
                    .silent(20 * SECOND)
                    .sender(SenderState::NoCredit)
                    .rates(400, 20)
                    .latency(20_000, 30_000),
                wt().latency(20_000, 30_000),
            ]),
            Some(Fault::Consumer),
            "A cannot keep up: its consumer takes 20/s of 400/s offered, at 50 ms a message; \
             its transport is not the limit.",
        ),
        situation(
            "CUBIC at 2 % loss cannot keep up",
            page([
                ws().send_queue(SendQueueWait::CongestionWindow, 900)
                    .part(LatencyPart::Propagation, 50)
                    .part(LatencyPart::Blocked, 50)
                    .rates(400, 240)
                    .latency(1_000, 3_000),
                wt().part(LatencyPart::Propagation, 50).latency(60, 160),
            ]),
            Some(Fault::CongestionControl),
            "A cannot keep up: 240/s of 400/s offered get through; the limit is the congestion window (send queue). \
             B is faster than A: typical message 60 ms against 1.00 s, 1 in 100 over 160 ms against 3.00 s; \
             90 % of the latency of A is the congestion window (send queue).",
        ),
        situation(
            "a bottleneck that both lanes share",
            page([
                ws().part(LatencyPart::Bottleneck, 400).rates(4_000, 1_900).latency(400, 500),
                wt().part(LatencyPart::Bottleneck, 400).rates(4_000, 2_000).latency(400, 500),
            ]),
            Some(Fault::Network),
            "A cannot keep up: 1 900/s of 4 000/s offered get through; \
             the limit is the queue at the network's bottleneck. \
             B cannot keep up: 2 000/s of 4 000/s offered get through; \
             the limit is the queue at the network's bottleneck.",
        ),
        situation(
            "a lane that cannot keep up for an unknown reason",
            page([ws().rates(400, 100), wt()]),
            None,
            "A cannot keep up: 100/s of 400/s offered get through.",
        ),
        situation(
            "a lane that cannot keep up counts only what arrived",
            page([ws().rates(400, 100).latency(5, 9), wt()]),
            None,
            "A cannot keep up: 100/s of 400/s offered get through. \
             The latency of A does not compare with B (typical message 5.0 ms against 50 ms, \
             1 in 100 over 9.0 ms against 60 ms): it counts only what arrived, and the lane cannot keep up.",
        ),
        situation(
            "rates are not compared in the first seconds",
            page([ws().rates(400, 100), wt()]).since(Change::Feed, 2 * SECOND),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a lane that skips is not behind",
            page([
                LaneSnapshot { skipped: [0, 2_400, 0, 0, 0, 0, 0], ..ws() }
                    .policy(Policy::Latest)
                    .rates(400, 200),
                wt(),
            ]),
            Some(Fault::Policy),
            "A skipped 2 400 messages, all reported: replaced by newer ones of the same key. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "5 % less in a second is chance",
            page([ws().rates(400, 380), wt()]),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
    ]
}

fn saturated() -> Vec<Situation> {
    let cpu = MachineLoad { cpu: Some(0.98), emulator: Some(0.9), page: Some(1.0) };
    vec![
        situation(
            "a saturated machine and no difference",
            page([ws(), wt()]).machine(cpu),
            Some(Fault::Machine),
            "This machine is saturated (CPU 98 % busy), so small differences mean nothing. \
             No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a saturated machine and a small difference",
            page([ws().latency(50, 60), wt().latency(70, 90)]).machine(cpu),
            None,
            "A looks better than B: typical message 50 ms against 70 ms, 1 in 100 over 60 ms against 90 ms. \
             This machine is saturated (CPU 98 % busy), so small differences mean nothing.",
        ),
        situation(
            "a saturated machine and a large difference",
            page([ws().latency(50, 60), wt().latency(500, 900)]).machine(cpu),
            None,
            "A is faster than B: typical message 50 ms against 500 ms, 1 in 100 over 60 ms against 900 ms. \
             This machine is saturated (CPU 98 % busy), so small differences mean nothing.",
        ),
        situation(
            "an emulator at its limit",
            page([ws(), wt()]).machine(MachineLoad { emulator: Some(0.85), ..MachineLoad::default() }),
            Some(Fault::Machine),
            "This machine can hardly keep up with the emulated network (85 % of a core), \
             so small differences mean nothing. \
             No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a page that is too busy",
            page([ws(), wt()]).machine(MachineLoad { page: Some(0.95), ..MachineLoad::default() }),
            Some(Fault::Machine),
            "This page's main thread is saturated (95 % busy), so small differences mean nothing. \
             No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a load that could not be measured",
            page([ws(), wt()]).machine(MachineLoad { cpu: Some(f64::NAN), ..MachineLoad::default() }),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
    ]
}
