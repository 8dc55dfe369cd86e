use sluice_shared::lab::TcpPhase;
use sluice_shared::mode::Mode;
use sluice_shared::units::Amount;
use sluice_shared::wire::Hop;

use super::*;
use sluice_bridge::Credit;
use sluice_bridge::Work;

const SLOW: Consumer = Consumer { delay_micros: 5_000, work: Work::Busy };
const OPEN: Connection = Connection::Open { since: Time::ZERO, ready_after_micros: 1, mode: Mode::WebSocket };

fn sample(millis: u64, policy: Policy, summary: &Summary) -> LaneSample<'_> {
    LaneSample {
        now: Time::from_millis(millis),
        policy,
        consumer: SLOW,
        connection: &OPEN,
        summary,
        tcp: None,
    }
}

fn kinds(trace: &Trace) -> Vec<StepKind> {
    trace.steps().iter().map(|step| step.kind).collect()
}

fn flowing() -> Summary {
    let window = Amount::new(64, 64_000);
    Summary {
        waiting: Waiting::NoData,
        credit: Credit { limit: window, window, ..Credit::default() },
        ..Summary::default()
    }
}

#[test]
fn a_slow_consumer_leads_to_a_full_inbox_and_to_spent_credit_in_the_order_of_time() {
    let mut trace = Trace::default();
    trace.look(&sample(1_000, Policy::Lossless, &flowing()));
    let mut summary = flowing();
    summary.clock_offset_micros = Some(5_000_000);
    summary.hops.inbox = Hop { held: Amount::new(63, 0), ..Hop::default() };
    trace.look(&sample(1_500, Policy::Lossless, &summary));
    // The server's report arrives 40 ms after the moment it describes.
    summary.waiting = Waiting::NoCredit { since: Time::from_millis(6_480) };
    summary.credit.sent = summary.credit.limit;
    trace.look(&sample(1_520, Policy::Lossless, &summary));
    assert_eq!(kinds(&trace), [StepKind::Consumer, StepKind::Credit, StepKind::Inbox]);
    assert_eq!(trace.steps()[1].at, Time::from_millis(1_480));
    assert!(trace.steps()[0].text.contains("5\u{a0}ms") && trace.steps()[0].text.contains("200/s"));
}

#[test]
fn without_credit_it_is_the_window_of_tcp_that_closes() {
    let mut trace = Trace::default();
    trace.look(&sample(1_000, Policy::Unbounded, &flowing()));
    let tcp = TcpReport {
        cwnd_packets: 10,
        in_flight_packets: 0,
        rtt_micros: 1,
        rto_micros: 1,
        unsent_bytes: 70_000,
        unacknowledged_bytes: 0,
        peer_window_bytes: 0,
        blocked_bytes: 0,
        unread_bytes: 400_000,
        retransmitted_packets: 0,
        waits_for: TcpWait::PeerWindow,
        phase: TcpPhase::Open,
    };
    let mut summary = flowing();
    trace.look(&LaneSample { tcp: Some(&tcp), ..sample(3_000, Policy::Unbounded, &summary) });
    summary.waiting = Waiting::Transport { since: Time::from_millis(3_100) };
    summary.blocked_writes = 7;
    trace.look(&LaneSample { tcp: Some(&tcp), ..sample(3_200, Policy::Unbounded, &summary) });
    let expected = [StepKind::Consumer, StepKind::Browser, StepKind::Window, StepKind::SendBuffer];
    assert_eq!(kinds(&trace), expected);
    assert!(trace.steps()[1].text.contains("400\u{a0}KB"), "{}", trace.steps()[1].text);
    assert!(trace.steps()[3].text.contains("(7 so far)"), "{}", trace.steps()[3].text);
    // With credit no more than the granted bytes can wait there, which is no sign of a stalled browser.
    let mut trace = Trace::default();
    let tcp = TcpReport { unread_bytes: 63_000, waits_for: TcpWait::Nothing, ..tcp };
    trace.look(&LaneSample { tcp: Some(&tcp), ..sample(1_000, Policy::Lossless, &flowing()) });
    assert_eq!(kinds(&trace), [StepKind::Consumer]);
}

#[test]
fn what_was_lost_before_is_no_step_of_this_trace() {
    let mut trace = Trace::default();
    let mut summary = Summary { lost: 5, gaps: [3; 7], ..flowing() };
    trace.look(&sample(1_000, Policy::SilentDrop { limit: 8 }, &summary));
    assert_eq!(kinds(&trace), [StepKind::Consumer]);
    summary.lost = 9;
    trace.look(&sample(2_000, Policy::SilentDrop { limit: 8 }, &summary));
    assert_eq!(kinds(&trace), [StepKind::Consumer, StepKind::Holes]);
    assert!(trace.steps()[1].text.contains(" 4 messages"));
    trace.begin();
    assert!(trace.steps().is_empty());
}

#[test]
fn a_core_that_is_kept_busy_is_told_of_as_its_share() {
    let mut trace = Trace::default();
    for tenth in 0..20_u64 {
        let elapsed_micros = tenth * 100_000;
        let exhibit = ExhibitUse { elapsed_micros, core_micros: tenth * 95_000, ..ExhibitUse::default() };
        let summary = Summary { exhibit: Some(exhibit), ..flowing() };
        trace.look(&sample(1_000 + tenth * 100, Policy::BusySpin, &summary));
        trace.look(&sample(1_000 + tenth * 100, Policy::Lossless, &summary));
    }
    assert_eq!(kinds(&trace), [StepKind::Consumer, StepKind::Spin]);
    assert!(trace.steps()[1].text.contains("95\u{a0}%"), "{}", trace.steps()[1].text);
}

#[test]
fn what_an_earlier_connection_left_behind_is_no_step() {
    let mut trace = Trace::default();
    trace.begin_with_connection(Time::from_millis(500));
    trace.look(&sample(1_000, Policy::Lossless, &Summary { lost: 1, ..flowing() }));
    assert!(trace.steps().is_empty());
    let open =
        Connection::Open { since: Time::from_millis(600), ready_after_micros: 1, mode: Mode::WebSocket };
    trace.look(&LaneSample { connection: &open, ..sample(1_100, Policy::Lossless, &flowing()) });
    assert_eq!(kinds(&trace), [StepKind::Consumer]);
}

#[test]
fn everything_flows_again_when_it_has_for_a_while() {
    let mut trace = Trace::default();
    let spent = Summary { waiting: Waiting::NoCredit { since: Time::from_millis(900) }, ..flowing() };
    trace.look(&sample(1_000, Policy::Lossless, &spent));
    trace.look(&sample(2_000, Policy::Lossless, &flowing()));
    trace.look(&sample(3_000, Policy::Lossless, &spent));
    trace.look(&sample(4_000, Policy::Lossless, &flowing()));
    assert!(!kinds(&trace).contains(&StepKind::Recovered));
    trace.look(&sample(6_000, Policy::Lossless, &flowing()));
    let last = trace.steps().last().expect("steps");
    assert_eq!((last.kind, last.at), (StepKind::Recovered, Time::from_millis(4_000)));
}

#[test]
fn what_was_the_case_when_the_trace_began_has_no_time_in_it() {
    let mut trace = Trace::default();
    let mut summary = Summary { waiting: Waiting::NoCredit { since: Time::from_millis(200) }, ..flowing() };
    summary.hops.inbox = Hop { held: Amount::new(63, 0), ..Hop::default() };
    trace.look(&sample(1_000, Policy::Lossless, &summary));
    let backlog = Hop { held: Amount::new(500, 0), ..Hop::default() };
    summary.hops.backlog = Some(backlog);
    trace.look(&sample(1_700, Policy::Lossless, &summary));
    let times: Vec<_> = trace.steps().iter().map(|step| (step.kind, step.is_earlier)).collect();
    assert_eq!(
        times,
        [
            (StepKind::Consumer, false),
            (StepKind::Inbox, true),
            (StepKind::Credit, true),
            (StepKind::Backlog, false),
        ]
    );
}

#[test]
fn what_is_consumed_is_stale_by_the_messages_of_this_epoch() {
    let mut trace = Trace::default();
    let mut summary = flowing();
    summary.epoch.latency = sluice_bridge::Ages { count: 30, p50: 5_000_000, ..Default::default() };
    trace.look(&sample(1_000, Policy::Lossless, &flowing()));
    trace.look(&sample(2_000, Policy::Lossless, &summary));
    assert_eq!(kinds(&trace), [StepKind::Consumer], "a few messages have no median");
    summary.epoch.latency.count = 60;
    trace.look(&sample(3_000, Policy::Lossless, &summary));
    assert_eq!(kinds(&trace), [StepKind::Consumer, StepKind::Stale]);
}
