//! Situations in which lanes do not connect, receive nothing, or have fallen back.
//! Entries of the table in the parent module, each with its expected headline.

use sluice_shared::mode::Mode;

use super::builder::{SECOND, lane, ms, page, ws, wt};
use super::{Situation, situation};
use crate::verdict::*;

pub(super) fn situations() -> Vec<Situation> {
    let mut all = unconnected();
    all.extend(silent());
    all.extend(disrupted());
    all
}

fn unconnected() -> Vec<Situation> {
    vec![
        situation("no lane", page([]), None, "There is no lane: add one to measure something."),
        situation("a closed lane", page([ws().connection(ConnectionSnapshot::Idle)]), None, "A is closed."),
        situation(
            "the page has just been opened",
            page([ws().never_connected().connecting(ms(600)), wt().never_connected().connecting(ms(400))])
                .since(Change::Start, ms(600)),
            None,
            "A and B are connecting (400 ms so far).",
        ),
        situation(
            "one lane is still connecting",
            page([ws(), wt().never_connected().connecting(SECOND)]),
            None,
            "B is connecting (1 s so far). A: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a connection attempt that takes too long",
            page([ws(), wt().never_connected().connecting(9 * SECOND)]),
            None,
            "B cannot connect (9 s so far).",
        ),
        situation(
            "UDP blocked, and WebTransport without a fallback",
            page([
                wt().never_connected().waiting(12 * SECOND, "Opening handshake failed.", 4 * SECOND),
                ws(),
            ])
            .udp_blocked(),
            Some(Fault::Network),
            "A cannot connect (12 s so far, next try in 4 s): the network blocks UDP, which WebTransport needs.",
        ),
        situation(
            "UDP blocked, and the first attempt not over",
            page([wt().never_connected().connecting(2 * SECOND), ws()]).udp_blocked(),
            Some(Fault::Network),
            "A cannot connect (2 s so far): the network blocks UDP, which WebTransport needs.",
        ),
        situation(
            "UDP blocked, dead beside fallen back",
            page([wt().never_connected().connecting(30 * SECOND), wt().fallen_back()]).udp_blocked(),
            Some(Fault::Network),
            "A cannot connect (30 s so far): the network blocks UDP, which WebTransport needs. \
             B has fallen back to WebSocket, because the network blocks UDP.",
        ),
        situation(
            "UDP blocked, and a race that is not over",
            page([LaneSnapshot { has_fallback: true, ..wt() }.never_connected().connecting(ms(300))])
                .udp_blocked(),
            None,
            "A is connecting (300 ms so far).",
        ),
        situation(
            "UDP blocked in the middle of a connection",
            page([ws(), wt().silent(4 * SECOND)]).udp_blocked(),
            Some(Fault::Network),
            "Nothing has arrived on B for 4 s: the network blocks UDP, which WebTransport needs.",
        ),
        situation(
            "UDP blocked does not concern a direct lane",
            page([wt().direct(), wt().direct()]).udp_blocked(),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "UDP blocked, all lanes on WebSocket",
            page([ws(), wt().fallen_back()]).udp_blocked(),
            Some(Fault::Network),
            "B has fallen back to WebSocket, because the network blocks UDP. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a fallback for another reason",
            page([ws(), wt().fallen_back()]),
            None,
            "B has fallen back to WebSocket. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a browser without WebTransport",
            page([
                ws(),
                wt().never_connected()
                    .failed(20 * SECOND, "This browser has no WebTransport. WebSocket lanes work here."),
            ]),
            None,
            "B cannot connect and does not try again (20 s so far): \
             This browser has no WebTransport. WebSocket lanes work here.",
        ),
        situation(
            "a server that was stopped",
            page([
                ws().waiting(7 * SECOND, "The connection was closed (1006)", 2 * SECOND),
                wt().waiting(6 * SECOND, "The connection was closed (1006)", 3 * SECOND),
            ]),
            None,
            "A and B have lost their connections (6 s so far, next try in 2 s): The connection was closed (1006).",
        ),
        situation(
            "two lanes lost for different reasons",
            page([
                ws().waiting(7 * SECOND, "closed by the server", 2 * SECOND),
                wt().waiting(10 * SECOND, "no heartbeat for 10 s", SECOND),
            ]),
            None,
            "B has lost its connection (10 s so far, next try in 1 s): no heartbeat for 10 s. \
             A has lost its connection (7 s so far, next try in 2 s): closed by the server.",
        ),
        situation(
            "a lane that reconnects",
            page([ws().connecting(3 * SECOND), wt()]),
            None,
            "A has lost its connection (3 s so far).",
        ),
        situation(
            "a dead lane beside a fast one",
            page([ws().waiting(150 * SECOND, "refused", SECOND), wt().latency(5, 9)]),
            None,
            "A has lost its connection (2 min so far, next try in 1 s): refused.",
        ),
    ]
}

fn silent() -> Vec<Situation> {
    vec![
        situation(
            "an open connection without data",
            page([ws().silent(5 * SECOND), wt()]),
            None,
            "Nothing has arrived on A for 5 s, although the feed is running.",
        ),
        situation(
            "an open connection that never had data",
            page([LaneSnapshot { last_arrival_micros: None, ..ws() }, wt()]),
            None,
            "Nothing has arrived on A for 60 s, although the feed is running.",
        ),
        situation(
            "a consumer that has stopped",
            page([ws().silent(8 * SECOND).sender(SenderState::NoCredit), wt()]),
            Some(Fault::Consumer),
            "Nothing has arrived on A for 8 s: its consumer grants no more credit.",
        ),
        situation(
            "a feed that has dried up",
            page([
                ws().silent(3 * SECOND).sender(SenderState::NoData),
                wt().silent(3 * SECOND).sender(SenderState::NoData),
            ]),
            Some(Fault::Server),
            "Nothing has arrived on A and B for 3 s: the server has nothing to send.",
        ),
        situation(
            "a transport that takes no more",
            page([ws().silent(4 * SECOND).sender(SenderState::TransportFull), wt()]),
            None,
            "Nothing has arrived on A for 4 s: the server has data, but the transport takes no more.",
        ),
        situation(
            "a feed that is not running",
            page([
                LaneSnapshot { is_feed_running: false, ..ws() }.silent(60 * SECOND).rates(0, 0).measured(0),
                LaneSnapshot { is_feed_running: false, ..wt() }.silent(60 * SECOND).rates(0, 0).measured(0),
            ])
            .since(Change::Feed, 9 * SECOND),
            None,
            "Nothing to measure: the feed is not running.",
        ),
        situation(
            "an outage has ended, and no transport has tried again",
            page([ws().silent(4 * SECOND + ms(500)).sender(SenderState::NoData), wt()]).outage_ended(ms(500)),
            Some(Fault::Network),
            "Nothing has arrived on A for 4 s: an outage has ended, and the transport has not sent again yet.",
        ),
        situation(
            "silence that began after an outage has another cause",
            page([ws().silent(3 * SECOND).sender(SenderState::NoData), wt()]).outage_ended(20 * SECOND),
            Some(Fault::Server),
            "Nothing has arrived on A for 3 s: the server has nothing to send.",
        ),
        situation(
            "a bypass knows nothing of the network's outages",
            page([ws().direct().silent(3 * SECOND), wt()]).outage_ended(ms(500)),
            None,
            "Nothing has arrived on A for 3 s, although the feed is running.",
        ),
        situation(
            "an outage that both outlived costs what it costs, whatever its messages waited in",
            page([
                ws().outlived_outage(ms(6_600))
                    .latency_micros(ms(158), ms(6_620))
                    .part(LatencyPart::Server, 150),
                wt().outlived_outage(ms(4_000)).latency_micros(350, ms(3_900)),
            ]),
            Some(Fault::Network),
            "A outlived an outage without reconnecting: 6.60 s without data, nothing lost. \
             B outlived an outage without reconnecting: 4.00 s without data, nothing lost.",
        ),
        situation(
            "statistics that were reset a moment ago say nothing of the time before",
            page([ws().never_arrived(), wt().never_arrived()]).since(Change::Start, ms(200)),
            None,
            "Measuring… A and B got 0 messages since the start, 200 ms ago.",
        ),
        situation(
            "a slow feed is not silence",
            page([ws().silent(3 * SECOND).rates(1, 1), wt().silent(3 * SECOND).rates(1, 1)]),
            None,
            "No difference between A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
    ]
}

fn disrupted() -> Vec<Situation> {
    vec![
        situation(
            "an outage with nothing on any lane",
            page([ws().silent(4 * SECOND), wt().silent(4 * SECOND)]).outage(4, Some(2)),
            Some(Fault::Network),
            "Nothing has arrived on A and B for 4 s. \
             An outage is in progress: the network lets nothing through (4 s so far, 2 s to go).",
        ),
        situation(
            "an outage that has just begun",
            page([ws(), wt()]).outage(1, None),
            Some(Fault::Network),
            "An outage is in progress: the network lets nothing through (1 s so far).",
        ),
        situation(
            "an outage that one lane has noticed",
            page([ws().silent(11 * SECOND), wt().waiting(11 * SECOND, "no heartbeat", SECOND)])
                .outage(11, None),
            Some(Fault::Network),
            "Nothing has arrived on A for 11 s. \
             B has lost its connection (11 s so far, next try in 1 s): the network is in an outage.",
        ),
        situation(
            "an outage does not stop a direct lane",
            page([ws().silent(5 * SECOND), wt().direct()]).outage(5, Some(1)),
            Some(Fault::Network),
            "Nothing has arrived on A for 5 s. \
             An outage is in progress: the network lets nothing through (5 s so far, 1 s to go).",
        ),
        situation(
            "a change of address",
            page([ws(), wt()]).during(Disruption::PathChange { for_micros: ms(300) }),
            None,
            "The client is moving to another network address (300 ms so far).",
        ),
        situation(
            "a change that the server has not confirmed",
            page([ws().latency(50, 60), wt().latency(300, 900)])
                .during(Disruption::Pending { change: Change::Network, for_micros: SECOND }),
            None,
            "Not in effect yet: the change of network (1 s so far).",
        ),
        situation(
            "reconnected after an outage",
            page([
                ws().reconnected(Some(ms(6_300)), Some(0), Some(0)),
                lane(Mode::OneStream).reconnected(Some(ms(4_200)), Some(0), Some(0)),
            ]),
            None,
            "A reconnected: 6.30 s without data, nothing lost. B reconnected: 4.20 s without data, nothing lost.",
        ),
        situation(
            "a migration beside a reconnection",
            page([wt().migrated(ms(310)), ws().reconnected(Some(ms(2_900)), Some(0), Some(14))]),
            None,
            "B reconnected: 2.90 s without data, 14 messages skipped and reported. \
             A moved to another network path without reconnecting: 310 ms without data, nothing lost.",
        ),
        situation(
            "several reconnections",
            page([
                ws().reconnected(Some(ms(900)), Some(0), Some(0)).reconnected(
                    Some(ms(1_400)),
                    Some(0),
                    Some(1),
                ),
                wt(),
            ]),
            None,
            "A reconnected 2 times: 1.40 s without data at the longest, 1 message skipped and reported. \
             Latency is alike on A and B: typical message 50 ms, 1 in 100 over 60 ms.",
        ),
        situation(
            "a reconnection whose cost is not known yet",
            page([ws().reconnected(None, None, None), wt().migrated(ms(40))]),
            Some(Fault::Network),
            "B moved to another network path without reconnecting: 40 ms without data, nothing lost. \
             A reconnected: what it lost is not known yet.",
        ),
        situation(
            "reconnected, and slower since",
            page([
                ws().reconnected(Some(ms(2_000)), Some(0), Some(0)).latency(200, 900).stalls(9),
                wt().latency(100, 150).stalls(1),
            ]),
            None,
            "A reconnected: 2.00 s without data, nothing lost. B is faster than A: \
             typical message 100 ms against 200 ms, 1 in 100 over 150 ms against 900 ms, 1 stall against 9, \
             interruptions included.",
        ),
    ]
}
