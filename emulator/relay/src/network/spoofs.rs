//! Somebody copies the clients' packets and sends them from elsewhere, and what was seen of it.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sluice_shared::lab::{Spoof, SpoofPath, SpoofReport};
use sluice_shared::time::Time;
use tokio::sync::watch;

use super::core::Core;
use super::flow::FlowId;

/// An attack as the connection itself writes it down; whoever has this lock takes no other.
pub(crate) type SeenSpoof = Arc<Mutex<SpoofPath>>;

/// What those are told who hold the sockets of UDP flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpoofOrder {
    /// The attack's number.
    pub(crate) number: u64,
    pub(crate) spoof: Spoof,
    /// The attacker's host; `None` for whichever the system gives.
    pub(crate) host: Option<IpAddr>,
}

/// The last attacks.
///
/// Whoever has the lock takes no other but that of a [`SeenSpoof`].
#[derive(Debug, Default)]
pub(crate) struct Spoofs {
    state: Mutex<State>,
    orders: watch::Sender<Option<SpoofOrder>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    report: SpoofReport,
    paths: Vec<SeenSpoof>,
}

impl Core {
    /// Somebody copies the next packets of each UDP flow that is there.
    pub(super) fn spoof(&self, spoof: Spoof) {
        let at = self.engine().clock.now();
        let host = self.state.lock().next_host();
        let spoofs = self.spoofs();
        let number = spoofs.begin(spoof, at, host.as_ref().err());
        spoofs.orders.send_replace(Some(SpoofOrder { number, spoof, host: host.ok() }));
    }
}

impl Spoofs {
    /// Goes on each time that somebody is to copy packets.
    pub(crate) fn orders(&self) -> watch::Receiver<Option<SpoofOrder>> {
        self.orders.subscribe()
    }

    /// The attacker's host in attack `number` cannot be had, so that the port alone is another.
    pub(crate) fn note_problem(&self, number: u64, error: &io::Error) {
        if let Some(kept) = self.state.lock().find(number) {
            kept.report.problem = Some(no_host(error));
        }
    }

    /// Follows what a flow writes down of attack `number`; there is an end to how many are followed.
    pub(crate) fn follow(&self, number: u64, seen: SeenSpoof) {
        let mut state = self.state.lock();
        if let Some(kept) = state.find(number).filter(|kept| kept.paths.len() < SpoofReport::MAX_PATHS) {
            kept.paths.push(seen);
        }
    }

    fn begin(&self, spoof: Spoof, at: Time, no_host_because: Option<&io::Error>) -> u64 {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        if state.kept.len() == SpoofReport::KEPT {
            state.kept.pop_front();
        }
        let Spoof { packets, original } = spoof;
        let problem = no_host_because.map(no_host);
        let report = SpoofReport { number, at, packets, original, problem, paths: Vec::new() };
        state.kept.push_back(Kept { report, paths: Vec::new() });
        number
    }

    /// What was seen; `lane_of` tells the lane of a connection that is open.
    pub(super) fn report(&self, lane_of: impl Fn(FlowId) -> Option<Option<u16>>) -> Vec<SpoofReport> {
        let mut state = self.state.lock();
        let reports = state.kept.iter_mut().map(|kept| SpoofReport {
            paths: kept.paths.iter().map(|seen| path(&mut seen.lock(), &lane_of)).collect(),
            ..kept.report.clone()
        });
        reports.collect()
    }
}

impl State {
    fn find(&mut self, number: u64) -> Option<&mut Kept> {
        self.kept.iter_mut().find(|kept| kept.report.number == number)
    }
}

fn path(seen: &mut SpoofPath, lane_of: impl Fn(FlowId) -> Option<Option<u16>>) -> SpoofPath {
    let lane = lane_of(FlowId(seen.flow));
    seen.is_open = lane.is_some();
    seen.lane = lane.flatten().or(seen.lane);
    seen.clone()
}

/// Why the attacker has the client's host.
fn no_host(error: &io::Error) -> String {
    format!("another host cannot be had here ({error}), so the attacker's port alone is another")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attacks_are_kept_and_connections_that_are_gone_are_told_so() {
        let spoofs = Spoofs::default();
        for n in 0..20 {
            let number = spoofs.begin(Spoof::default(), Time::from_millis(n), None);
            spoofs.follow(number, Arc::new(Mutex::new(SpoofPath { flow: n, ..SpoofPath::default() })));
        }
        let open = spoofs.report(|flow| (flow == FlowId(19)).then_some(Some(3)));
        let numbers: Vec<u64> = open.iter().map(|report| report.number).collect();
        assert_eq!(numbers, (12..20).collect::<Vec<_>>());
        let of = |report: &SpoofReport| (report.paths[0].is_open, report.paths[0].lane);
        assert_eq!((of(&open[0]), of(&open[7])), ((false, None), (true, Some(3))));
        assert_eq!(of(&spoofs.report(|_| None)[7]), (false, Some(3)), "what it was is remembered");
    }

    #[test]
    fn there_is_an_end_to_the_connections_of_an_attack() {
        let spoofs = Spoofs::default();
        let error = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let number = spoofs.begin(Spoof::default(), Time::ZERO, Some(&error));
        for _ in 0..100 {
            spoofs.follow(number, SeenSpoof::default());
        }
        let report = spoofs.report(|_| None);
        assert_eq!(report[0].paths.len(), SpoofReport::MAX_PATHS);
        assert!(report[0].problem.as_ref().is_some_and(|problem| problem.contains("port alone")));
    }
}
