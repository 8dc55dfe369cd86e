//! What was seen when clients changed networks.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use sluice_shared::lab::{
    NewAddress, NextConnection, PathChange, PathEnds, Switch, SwitchReport, TcpPathChange,
};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use super::flow::FlowId;

/// A change as the connection itself writes it down; whoever has this lock takes no other.
pub(crate) type SeenChange = Arc<Mutex<PathChange>>;

/// What a connection writes down of its own beginning.
pub(crate) type NextBegun = Arc<Mutex<NextConnection>>;

/// What those are told who hold the sockets of UDP flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The change's number.
    pub(crate) number: u64,
    /// The host that clients have from now on; `None` for whichever the system gives.
    pub(crate) host: Option<IpAddr>,
}

/// The last changes.
#[derive(Debug, Default)]
pub(super) struct Switches {
    next: u64,
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    report: SwitchReport,
    paths: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    flow: FlowId,
    lane: Option<u16>,
    transport: Transport,
    change: SeenChange,
    /// The connection that took the place of a TCP connection.
    next: Option<NextBegun>,
}

impl Switches {
    /// The clients change networks at `at`; tells the change's number.
    pub(super) fn begin(&mut self, switch: Switch, at: Time) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.kept.len() == SwitchReport::KEPT {
            self.kept.pop_front();
        }
        let Switch { address, tcp } = switch;
        let report = SwitchReport { number, at, address, tcp, problem: None, paths: Vec::new() };
        self.kept.push_back(Kept { report, paths: Vec::new() });
        number
    }

    /// Another host could not be had.
    pub(super) fn note_problem(&mut self, number: u64, problem: String) {
        if let Some(kept) = self.find(number) {
            kept.report.address = NewAddress::Port;
            kept.report.problem = Some(problem);
        }
    }

    /// Follows what a flow writes down of change `number`. There is an end to how many are followed: the newest are, for
    /// the older ones may be those that their clients have left.
    pub(super) fn follow(&mut self, number: u64, flow: FlowId, lane: Option<u16>, change: SeenChange) {
        let Some(kept) = self.find(number) else { return };
        let transport = change.lock().transport;
        kept.paths.push(Followed { flow, lane, transport, change, next: None });
        if kept.paths.len() > SwitchReport::MAX_PATHS {
            let flows = kept.paths.iter().enumerate();
            if let Some((oldest, _)) = flows.min_by_key(|(_, followed)| followed.flow) {
                kept.paths.remove(oldest);
            }
        }
    }

    /// A TCP connection was cut by change `number`.
    pub(super) fn follow_tcp(
        &mut self,
        number: u64,
        flow: FlowId,
        lane: Option<u16>,
        peer: Option<SocketAddr>,
        (old_up, old_down): (PathEnds, PathEnds),
        cut_at: Time,
    ) {
        let change = PathChange {
            flow: flow.0,
            lane,
            transport: Transport::WebSocket,
            old_address: peer.map_or_else(String::new, |peer| peer.to_string()),
            new_address: None,
            old_up,
            old_down,
            quic: None,
            tcp: Some(TcpPathChange { cut_at, next: None }),
        };
        self.follow(number, flow, lane, Arc::new(Mutex::new(change)));
    }

    /// Connection `flow` has said which lane it is.
    pub(super) fn name_lane(
        &mut self,
        flow: FlowId,
        lane: u16,
        transport: Transport,
        peer: Option<SocketAddr>,
        begun: Option<&NextBegun>,
    ) {
        for followed in self.kept.iter_mut().flat_map(|kept| &mut kept.paths) {
            if followed.flow == flow {
                followed.lane = Some(lane);
            }
            let takes_over = followed.transport == Transport::WebSocket
                && transport == Transport::WebSocket
                && followed.lane == Some(lane)
                && followed.flow < flow
                && followed.next.is_none();
            if takes_over {
                followed.next = begun.cloned();
                followed.change.lock().new_address = peer.map(|peer| peer.to_string());
            }
        }
    }

    pub(super) fn report(&self) -> Vec<SwitchReport> {
        let reports = self.kept.iter().map(|kept| SwitchReport {
            paths: kept.paths.iter().map(Followed::report).collect(),
            ..kept.report.clone()
        });
        reports.collect()
    }

    fn find(&mut self, number: u64) -> Option<&mut Kept> {
        self.kept.iter_mut().find(|kept| kept.report.number == number)
    }
}

impl Followed {
    fn report(&self) -> PathChange {
        let mut change = self.change.lock().clone();
        change.lane = self.lane;
        if let (Some(tcp), Some(next)) = (&mut change.tcp, &self.next) {
            tcp.next = Some(*next.lock());
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_changes_are_kept_and_what_took_a_lanes_place_is_named() {
        let mut switches = Switches::default();
        for n in 0..20 {
            let number = switches.begin(Switch::default(), Time::from_millis(n));
            let cut_at = Time::from_millis(n);
            switches.follow_tcp(number, FlowId(n), Some(3), None, Default::default(), cut_at);
        }
        let begun = NextBegun::default();
        begun.lock().flow = 19;
        let peer = Some(SocketAddr::from(([127, 0, 0, 1], 4_000)));
        switches.name_lane(FlowId(19), 3, Transport::WebSocket, peer, Some(&begun));
        switches.name_lane(FlowId(20), 3, Transport::WebTransport, None, None);
        begun.lock().syn_at = Some(Time::from_millis(30));
        let reports = switches.report();
        let numbers: Vec<u64> = reports.iter().map(|report| report.number).collect();
        assert_eq!(numbers, (12..20).collect::<Vec<_>>());
        let next = |report: &SwitchReport| report.paths[0].tcp.expect("a TCP connection").next;
        let first = next(&reports[0]).expect("it came back");
        assert_eq!((first.flow, first.syn_at), (19, Some(Time::from_millis(30))));
        assert_eq!(reports[0].paths[0].new_address.as_deref(), Some("127.0.0.1:4000"));
        assert_eq!(next(&reports[7]), None, "it is the one that was cut");
    }

    #[test]
    fn there_is_an_end_to_the_connections_of_a_change() {
        let mut switches = Switches::default();
        let number = switches.begin(Switch::default(), Time::ZERO);
        for n in 0..100 {
            switches.follow_tcp(number, FlowId(n), None, None, Default::default(), Time::ZERO);
        }
        let flows: Vec<u64> = switches.report()[0].paths.iter().map(|path| path.flow).collect();
        assert_eq!(flows, (100 - SwitchReport::MAX_PATHS as u64..100).collect::<Vec<_>>(), "the newest");
    }
}
