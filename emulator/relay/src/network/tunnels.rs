//! Tunnels, and which connections came out of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_shared::lab::{Congestion, Resumed, TunnelPath, TunnelReport};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use super::core::{Core, Registered, State};
use super::flow::FlowId;

/// A lane whose next connection begins so soon after the first data of the earlier one had given that up before: a page
/// waits for less than this before it tries again.
const GIVEN_UP: Duration = Duration::from_millis(300);
/// A UDP flow that nothing came from for so long carries no connection any more.
const DEAD_AFTER: Duration = Duration::from_secs(15);

/// A tunnel as a connection writes down how it comes out of it; whoever has this lock takes no other.
pub(crate) type SeenCrossing = Arc<Mutex<Crossing>>;

/// How one connection comes out of a tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    /// What leaves the server from now on, tells that it is through.
    until: Time,
    last_at: Option<Time>,
    /// Data that reached the client's end, where nobody may be any more.
    offered_at: Option<Time>,
    resumed_at: Option<Time>,
}

impl Crossing {
    /// Data that leaves the server at `until` or later tells that the connection is through.
    fn until(until: Time) -> SeenCrossing {
        Arc::new(Mutex::new(Self { until, last_at: None, offered_at: None, resumed_at: None }))
    }
}

/// What a flow writes down of the data that reaches its client.
#[derive(Debug, Default)]
pub(crate) struct DataWatch {
    last_at: Option<Time>,
    /// Tunnels that it has not come out of.
    crossings: VecDeque<SeenCrossing>,
}

impl DataWatch {
    /// Writes down in `crossing` what arrives, until the first that left after the tunnel.
    pub(crate) fn follow(&mut self, crossing: SeenCrossing) {
        crossing.lock().last_at = self.last_at;
        if self.crossings.len() == TunnelReport::KEPT {
            self.crossings.pop_front();
        }
        self.crossings.push_back(crossing);
    }

    /// Data has reached the client's end that left the server at `sent_at`. A server goes on sending to a client that has
    /// given up and said so to nobody: whether somebody was there, [`DataWatch::on_answer`] tells.
    pub(crate) fn on_offered(&mut self, sent_at: Time, arrived_at: Time) {
        self.last_at = Some(arrived_at);
        for crossing in &self.crossings {
            let mut crossing = crossing.lock();
            if sent_at < crossing.until {
                crossing.last_at = Some(arrived_at);
            } else {
                crossing.offered_at.get_or_insert(arrived_at);
            }
        }
    }

    /// The client has sent something at `now`, so that it got what it was offered before.
    pub(crate) fn on_answer(&mut self, now: Time) {
        self.crossings.retain(|crossing| {
            let mut crossing = crossing.lock();
            let is_answered = crossing.offered_at.is_some_and(|offered_at| offered_at <= now);
            if is_answered {
                crossing.resumed_at = crossing.offered_at;
            }
            !is_answered
        });
    }

    /// Data has reached the client that left the server at `sent_at`, and somebody is there.
    pub(crate) fn on_data(&mut self, sent_at: Time, arrived_at: Time) {
        self.on_offered(sent_at, arrived_at);
        self.on_answer(arrived_at);
    }
}

/// The last tunnels.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    next: u64,
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    report: TunnelReport,
    paths: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    flow: FlowId,
    lane: Option<u16>,
    transport: Transport,
    congestion: Congestion,
    crossing: SeenCrossing,
    /// The connection that the lane comes back with; what still reaches the earlier one is of no use to it.
    next: Option<(FlowId, SeenCrossing)>,
}

impl Core {
    /// Nothing gets in from now on for `lasts`; a longer outage is not shortened.
    pub(super) fn start_outage(&self, lasts: Duration) {
        let mut tunnel = (Time::ZERO, Time::ZERO);
        self.change(
            |settings, now| {
                settings.out_until = settings.out_until.max(now + lasts);
                tunnel = (now, settings.out_until);
            },
            |flow, settings| flow.start_outage(settings.out_until),
        );
        self.follow_tunnel(tunnel);
    }

    /// Follows a tunnel that lasts from `from` until `until`; one that has not ended when it begins becomes longer.
    pub(super) fn follow_tunnel(&self, (from, until): (Time, Time)) {
        let mut state = self.state.lock();
        let State { tunnels, flows, .. } = &mut *state;
        if !tunnels.extend(from, until) {
            tunnels.begin((from, until), paths(flows, (from, until)));
        }
    }
}

/// The connections that are there: of each lane the newest, which is the one in use.
fn paths(flows: &BTreeMap<FlowId, Registered>, (from, until): (Time, Time)) -> Vec<Followed> {
    let mut lanes = BTreeSet::new();
    let in_use = flows.iter().rev().filter(|(_, registered)| {
        let is_dead = registered.flow.idle_since().is_some_and(|since| since + DEAD_AFTER < from);
        !is_dead && registered.lane.is_none_or(|lane| lanes.insert(lane))
    });
    let mut paths: Vec<Followed> = in_use
        .take(TunnelReport::MAX_PATHS)
        .map(|(id, registered)| {
            let (transport, congestion) = (registered.flow.transport(), registered.flow.congestion());
            let crossing = Crossing::until(until);
            registered.flow.follow_tunnel(Arc::clone(&crossing));
            Followed { flow: *id, lane: registered.lane, transport, congestion, crossing, next: None }
        })
        .collect();
    paths.reverse();
    paths
}

impl Tunnels {
    /// A tunnel begins, with connections that write down how they come out of it.
    fn begin(&mut self, (from, until): (Time, Time), paths: Vec<Followed>) {
        let number = self.next;
        self.next += 1;
        if self.kept.len() == TunnelReport::KEPT {
            self.kept.pop_front();
        }
        let report = TunnelReport { number, from, until, switched: false, paths: Vec::new() };
        self.kept.push_back(Kept { report, paths });
    }

    /// Another tunnel begins at `from`; whether it is the same one that goes on.
    fn extend(&mut self, from: Time, until: Time) -> bool {
        let Some(last) = self.kept.back_mut().filter(|last| from < last.report.until) else { return false };
        last.report.until = last.report.until.max(until);
        for crossing in last.paths.iter().flat_map(Followed::crossings) {
            let mut crossing = crossing.lock();
            crossing.until = crossing.until.max(until);
            crossing.offered_at = None;
        }
        true
    }

    /// The clients change networks at `at`.
    pub(super) fn on_switch(&mut self, at: Time) {
        let Some(last) = self.kept.back_mut() else { return };
        let is_through = last.paths.iter().any(|followed| followed.resumed().is_some());
        if at >= last.report.from && (at < last.report.until || !is_through) {
            last.report.switched = true;
        }
    }

    /// Connection `flow`, which began at `since`, has said at `now` which lane it is; `follow` lets it write down what
    /// comes of a tunnel.
    pub(super) fn name_lane(
        &mut self,
        (flow, lane): (FlowId, u16),
        (since, now): (Time, Time),
        follow: impl Fn(SeenCrossing),
    ) {
        for kept in &mut self.kept {
            let until = kept.report.until;
            for followed in &mut kept.paths {
                if followed.flow == flow {
                    followed.lane = Some(lane);
                }
                let has_come_back = followed.resumed().is_some_and(|resumed| since > resumed.at + GIVEN_UP);
                if followed.lane == Some(lane) && followed.flow < flow && !has_come_back {
                    // What came before it was named was not for the lane.
                    let crossing = Crossing::until(until.max(now));
                    follow(Arc::clone(&crossing));
                    followed.next = Some((flow, crossing));
                }
            }
        }
    }

    pub(super) fn report(&self) -> Vec<TunnelReport> {
        let reports = self.kept.iter().map(|kept| TunnelReport {
            paths: kept.paths.iter().map(Followed::report).collect(),
            ..kept.report.clone()
        });
        reports.collect()
    }
}

impl Followed {
    fn crossings(&self) -> impl Iterator<Item = &SeenCrossing> {
        std::iter::once(&self.crossing).chain(self.next.as_ref().map(|(_, crossing)| crossing))
    }

    /// The first data after the tunnel: by the connection itself, or by the one that took its place.
    fn resumed(&self) -> Option<Resumed> {
        let (flow, crossing) = match &self.next {
            Some((flow, crossing)) => (*flow, crossing),
            None => (self.flow, &self.crossing),
        };
        Some(Resumed { flow: flow.0, at: crossing.lock().resumed_at? })
    }

    fn report(&self) -> TunnelPath {
        let last_data_at = self.crossing.lock().last_at;
        TunnelPath {
            flow: self.flow.0,
            lane: self.lane,
            transport: self.transport,
            congestion: self.congestion,
            last_data_at,
            resumed: self.resumed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// A connection of `lane`, and what it writes down.
    fn connection(flow: u64, lane: Option<u16>, until: Time) -> (Followed, DataWatch) {
        let mut watch = DataWatch::default();
        watch.on_data(at(40), at(50));
        let crossing = Crossing::until(until);
        watch.follow(Arc::clone(&crossing));
        let (transport, congestion) = (Transport::WebSocket, Congestion::Cubic);
        (Followed { flow: FlowId(flow), lane, transport, congestion, crossing, next: None }, watch)
    }

    fn resumed(tunnels: &Tunnels) -> Vec<Option<(u64, Time)>> {
        let report = tunnels.report().pop().expect("a tunnel");
        report.paths.iter().map(|path| path.resumed.map(|resumed| (resumed.flow, resumed.at))).collect()
    }

    #[test]
    fn what_was_under_way_is_the_last_before_and_what_left_after_the_end_is_the_first() {
        let (followed, mut watch) = connection(1, Some(3), at(1_000));
        let mut tunnels = Tunnels::default();
        tunnels.begin((at(100), at(1_000)), vec![followed]);
        assert_eq!(tunnels.report()[0].paths[0].last_data_at, Some(at(50)), "known from before");
        watch.on_data(at(99), at(1_001));
        assert_eq!(resumed(&tunnels), [None], "it left before the tunnel, and a queue kept it");
        watch.on_data(at(1_000), at(1_025));
        watch.on_data(at(1_001), at(1_026));
        assert_eq!(resumed(&tunnels), [Some((1, at(1_025)))]);
        assert_eq!(tunnels.report()[0].paths[0].last_data_at, Some(at(1_001)));
        assert!(watch.crossings.is_empty(), "there is nothing to wait for");
    }

    #[test]
    fn a_lane_that_comes_back_by_another_connection_is_told_so() {
        let (dies, _) = connection(1, None, at(1_000));
        let (lives, mut survivor) = connection(2, Some(4), at(1_000));
        let mut tunnels = Tunnels::default();
        tunnels.begin((at(100), at(1_000)), vec![dies, lives]);
        tunnels.name_lane((FlowId(1), 3), (at(10), at(200)), |_| panic!("it is followed already"));
        survivor.on_data(at(1_010), at(1_030));
        let mut next = DataWatch::default();
        let mut crossings = Vec::new();
        next.on_data(at(1_050), at(1_100));
        tunnels.name_lane((FlowId(7), 4), (at(1_400), at(1_500)), |_| panic!("its connection has survived"));
        let taken = std::cell::RefCell::new(&mut crossings);
        let named = ((FlowId(8), 3), (at(1_050), at(1_150)));
        tunnels.name_lane(named.0, named.1, |crossing| taken.borrow_mut().push(crossing));
        crossings.into_iter().for_each(|crossing| next.follow(crossing));
        next.on_data(at(1_149), at(1_199));
        assert_eq!(resumed(&tunnels), [None, Some((2, at(1_030)))], "that was not for the lane");
        next.on_data(at(1_150), at(1_200));
        assert_eq!(resumed(&tunnels), [Some((8, at(1_200))), Some((2, at(1_030)))]);
        assert_eq!(tunnels.report()[0].paths[0].lane, Some(3));
    }

    #[test]
    fn data_for_a_client_that_has_given_up_is_no_survival() {
        let (followed, mut dead) = connection(1, Some(3), at(1_000));
        let mut tunnels = Tunnels::default();
        tunnels.begin((at(100), at(1_000)), vec![followed]);
        dead.on_answer(at(1_005));
        dead.on_offered(at(1_010), at(1_030));
        dead.on_answer(at(1_029));
        assert_eq!(resumed(&tunnels), [None], "its packet left before");
        let mut next = DataWatch::default();
        let mut crossings = Vec::new();
        let taken = std::cell::RefCell::new(&mut crossings);
        let named = ((FlowId(8), 3), (at(1_050), at(1_150)));
        tunnels.name_lane(named.0, named.1, |crossing| taken.borrow_mut().push(crossing));
        crossings.into_iter().for_each(|crossing| next.follow(crossing));
        next.on_offered(at(1_160), at(1_200));
        next.on_answer(at(1_200));
        assert_eq!(resumed(&tunnels), [Some((8, at(1_200)))], "nothing came from the first one");
        let (followed, mut alive) = connection(1, Some(3), at(9_000));
        tunnels.begin((at(8_000), at(9_000)), vec![followed]);
        alive.on_offered(at(8_900), at(8_990));
        alive.on_offered(at(9_010), at(9_030));
        alive.on_offered(at(9_020), at(9_040));
        alive.on_answer(at(9_041));
        assert_eq!(resumed(&tunnels), [Some((1, at(9_030)))], "the first data counts");
        assert!(alive.crossings.is_empty());
    }

    #[test]
    fn a_connection_that_comes_back_just_before_the_next_begins_had_been_given_up() {
        let came_back_by = |next_since: u64| {
            let (followed, mut earlier) = connection(1, Some(3), at(1_000));
            let mut tunnels = Tunnels::default();
            tunnels.begin((at(100), at(1_000)), vec![followed]);
            earlier.on_data(at(1_010), at(1_030));
            let crossings = Mutex::new(Vec::new());
            let named = ((FlowId(2), 3), (at(next_since), at(next_since + 90)));
            tunnels.name_lane(named.0, named.1, |crossing| crossings.lock().push(crossing));
            let mut next = DataWatch::default();
            crossings.into_inner().into_iter().for_each(|crossing| next.follow(crossing));
            next.on_data(at(next_since + 110), at(next_since + 140));
            resumed(&tunnels)[0].expect("it is back").0
        };
        assert_eq!((came_back_by(900), came_back_by(1_250)), (2, 2));
        assert_eq!(came_back_by(1_400), 1, "that is another story");
    }

    #[test]
    fn a_tunnel_that_begins_in_another_makes_it_longer() {
        let (followed, mut watch) = connection(1, Some(3), at(1_000));
        let mut tunnels = Tunnels::default();
        assert!(!tunnels.extend(at(100), at(1_000)), "there is none");
        tunnels.begin((at(100), at(1_000)), vec![followed]);
        assert!(tunnels.extend(at(500), at(2_000)));
        watch.on_data(at(1_500), at(1_525));
        assert_eq!(resumed(&tunnels), [None]);
        assert_eq!(tunnels.report()[0].until, at(2_000));
        assert!(!tunnels.extend(at(2_000), at(2_500)), "it was over");
        watch.on_data(at(2_000), at(2_025));
        assert_eq!(resumed(&tunnels), [Some((1, at(2_025)))]);
    }

    #[test]
    fn a_change_of_networks_belongs_to_the_tunnel_until_something_is_through() {
        let switched = |switch: u64, data: Option<u64>| {
            let (followed, mut watch) = connection(1, Some(3), at(1_000));
            let mut tunnels = Tunnels::default();
            tunnels.on_switch(at(50));
            tunnels.begin((at(100), at(1_000)), vec![followed]);
            if let Some(data) = data {
                watch.on_data(at(data), at(data));
            }
            tunnels.on_switch(at(switch));
            tunnels.report()[0].switched
        };
        assert!(switched(500, None) && switched(1_010, None));
        assert!(!switched(1_010, Some(1_005)), "data was there before");
    }

    #[test]
    fn there_is_an_end_to_tunnels_and_to_what_a_connection_waits_for() {
        let mut tunnels = Tunnels::default();
        let mut watch = DataWatch::default();
        for n in 0..40 {
            watch.follow(Crossing::until(at(1_000 * n)));
            tunnels.begin((at(1_000 * n), at(1_000 * n + 500)), Vec::new());
        }
        assert_eq!(watch.crossings.len(), TunnelReport::KEPT);
        let numbers: Vec<u64> = tunnels.report().iter().map(|report| report.number).collect();
        assert_eq!(numbers, (24..40).collect::<Vec<_>>());
    }
}
