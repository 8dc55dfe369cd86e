//! One lane, from a plan to its report.

use std::net::SocketAddr;

use sluice_balancer::{Balancer, ServerId};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport as Protocol;
use sluice_shared::scenario::{BalancerSetup, LaneSetup};

use super::lane::{Attempt, Measured, Run, START};
use super::network::Network;
use super::websocket::WebSocket;
use super::webtransport::{Setup, WebTransport};
use crate::compare::error::CompareError;
use crate::compare::plan::Plan;
use crate::compare::report::{LaneReport, Outcome, Wire};
use crate::compare::tally::span_millis;

/// Runs one lane of `plan` from its first packet until all is accounted for, or time is up.
///
/// # Errors
/// QUIC cannot be set up, or an end broke the protocol.
pub(in crate::compare) fn measure(plan: &Plan, lane: &LaneSetup) -> Result<LaneReport, CompareError> {
    let scenario = plan.scenario();
    let (congestion, seed) = (scenario.congestion, scenario.seed);
    let of_connection =
        |number: u32| seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (measured, stack) = match lane.mode.transport() {
        Protocol::WebSocket => {
            let connect = |Attempt { number, from, now }| {
                let backend = scenario.balancer.and_then(|setup| backend_of(setup, from));
                Ok(WebSocket::connect(congestion, backend, of_connection(number), now))
            };
            (Run::new(plan, lane, connect).measure()?, "tcp")
        }
        Protocol::WebTransport => {
            let setup = Setup::new(scenario)?;
            let connect = |Attempt { number, from, now }| {
                WebTransport::connect(&setup, from, of_connection(number), now)
            };
            (Run::new(plan, lane, connect).measure()?, "quic")
        }
    };
    let Measured { tally, migration, spoof, published, ended_at, up, down } = measured;
    let welcomed_at = tally.welcomed_at;
    let outcome = Outcome {
        connected_after_ms: welcomed_at.map(|at| span_millis(at.since(START))),
        connected_secs: welcomed_at.map_or(0.0, |at| ended_at.since(at).as_secs_f64()),
        published: welcomed_at.map_or(0, |_| published - tally.missed_before()),
        congestion: format!("{stack} {congestion}"),
        encrypted: lane.mode.transport() == Protocol::WebTransport,
        cpu: None,
        migration,
        spoof,
        up,
        down,
    };
    Ok(LaneReport::new(lane, &tally, outcome))
}

/// The backend that a TCP connection from this address reaches.
fn backend_of(setup: BalancerSetup, from: SocketAddr) -> Option<ServerId> {
    Balancer::new((0..setup.backends).map(ServerId), setup.routing).route_tcp(from).backend()
}

/// What one direction of `network` has seen.
pub(super) fn wire<P: Clone>(network: &Network<P>, direction: Direction, resent_packets: u64) -> Wire {
    let counters = network.counters(direction);
    Wire {
        packets: counters.offered.packets,
        bytes: counters.delivered.bytes.as_u64(),
        loss_percent: counters.realised_loss().map(|share| share * 100.0),
        lost_packets: counters.lost_at_random.packets + counters.lost_in_bursts.packets,
        queue_drops: counters.dropped_by_queue.packets,
        outage_drops: counters.dropped_by_outage.packets
            + counters.dropped_by_block.packets
            + counters.dropped_by_overload.packets,
        resent_packets: Some(resent_packets),
    }
}
