//! What the lab saw of the paths of a lane's QUIC connections, summed over all changes of its client's address.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_balancer::{Cid, ServerId};
use sluice_shared::lab::{
    BackendReport, BalancerReport, LabReport, PathChange, PathFrame, PathFrameKind, QuicPathChange,
};
use sluice_shared::link::Direction;
use sluice_shared::time::micros;

use crate::compare::migration::Migration;

/// What is taken for the round trip of a path that none was measured on (RFC 9002 §6.2.2).
const INITIAL_RTT: Duration = Duration::from_millis(333);

/// The account of one lane.
#[derive(Debug)]
pub(super) struct Paths {
    lane: u16,
    /// What reports still tell of, by the numbers of change and connection.
    told: BTreeMap<(u64, u64), Figures>,
    /// What they do not tell of any more.
    before: Figures,
    /// What the backends have done; `None` without a balancer.
    backends: Option<Backends>,
}

/// What became of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    used: u64,
    misrouted: Option<u64>,
    followed: u64,
    window_resets: Option<u64>,
    challenges: Option<u64>,
    responses: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Backends {
    misrouted_packets: u64,
    stateless_resets: u64,
}

impl Paths {
    /// An empty account of the lane of this number.
    pub(super) const fn new(lane: u16) -> Self {
        Self { lane, told: BTreeMap::new(), before: Figures::NONE, backends: None }
    }

    /// The lab has reported.
    pub(super) fn handle_report(&mut self, report: &LabReport) {
        let balancer = report.balancer.as_ref();
        for switch in &report.switches {
            for path in switch.paths.iter().filter(|path| path.lane == Some(self.lane)) {
                // A change during the handshake is not counted: whether it ends at all depends on where its packets go.
                let Some(quic) = path.quic.as_ref().filter(|quic| has_begun(quic)) else { continue };
                let key = (switch.number, path.flow);
                let before = self.told.get(&key).copied();
                self.told.insert(key, figures(path, quic, balancer, before));
            }
        }
        if let Some(oldest) = report.switches.first() {
            let told = self.told.split_off(&(oldest.number, 0));
            let gone = std::mem::replace(&mut self.told, told);
            self.before = gone.into_values().fold(self.before, Figures::plus);
        }
        if let Some(balancer) = balancer {
            let sum = |count: fn(&BackendReport) -> u64| balancer.backends.iter().map(count).sum();
            self.backends = Some(Backends {
                misrouted_packets: sum(|backend| backend.misrouted_packets),
                stateless_resets: sum(|backend| backend.stateless_resets),
            });
        }
    }

    /// `migration` with what QUIC counts; without a balancer nobody counts stateless resets.
    pub(super) fn complete(&self, migration: Migration) -> Migration {
        let all = self.told.values().copied().fold(self.before, Figures::plus);
        Migration {
            addresses_used: all.used,
            addresses_misrouted: all.misrouted,
            misrouted_packets: self.backends.map_or(0, |backends| backends.misrouted_packets),
            stateless_resets: self.backends.map(|backends| backends.stateless_resets),
            path_changes: all.followed,
            window_resets: all.window_resets,
            path_challenges: all.challenges,
            path_responses: all.responses,
            ..migration
        }
    }
}

impl Figures {
    const NONE: Self = Self {
        used: 0,
        misrouted: Some(0),
        followed: 0,
        window_resets: Some(0),
        challenges: Some(0),
        responses: Some(0),
    };

    /// Both together; what is not known of one is not known of both.
    fn plus(self, other: Self) -> Self {
        let plus = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
        Self {
            used: self.used + other.used,
            misrouted: plus(self.misrouted, other.misrouted),
            followed: self.followed + other.followed,
            window_resets: plus(self.window_resets, other.window_resets),
            challenges: plus(self.challenges, other.challenges),
            responses: plus(self.responses, other.responses),
        }
    }
}

fn figures(
    path: &PathChange,
    quic: &QuicPathChange,
    balancer: Option<&BalancerReport>,
    before: Option<Figures>,
) -> Figures {
    let is_used = quic.new_up.arrived_at.is_some();
    let misrouted = match (is_used, balancer) {
        (true, Some(balancer)) => {
            // A balancer forgets addresses in time.
            let known = before.filter(|before| before.used > 0).and_then(|before| before.misrouted);
            known.or_else(|| is_misrouted(path, quic, balancer).map(u64::from))
        }
        (true | false, _) => Some(0),
    };
    // Whoever follows a client asks it first whether it is there; a stateless reset follows nobody.
    let challenge =
        |frame: &&PathFrame| frame.kind == PathFrameKind::Challenge && frame.direction == Direction::Down;
    let follows = quic.frames.iter().filter(challenge).any(|frame| !frame.is_to_old_address);
    let responses = quic.frames.iter().filter(|frame| {
        frame.kind == PathFrameKind::Response
            && frame.direction == Direction::Up
            && frame.arrived_at.is_some()
    });
    let if_all_told = |count: usize| (quic.more_frames == 0).then_some(count as u64);
    Figures {
        used: is_used.into(),
        misrouted,
        followed: follows.into(),
        window_resets: if follows { begins_anew(quic).map(u64::from) } else { Some(0) },
        challenges: if_all_told(quic.frames.iter().filter(challenge).count()),
        responses: if_all_told(responses.count()),
    }
}

/// Whether the client had heard of its server when the address changed: until then it has chosen the ID itself.
fn has_begun(quic: &QuicPathChange) -> bool {
    quic.client_sends_to.before.as_deref().and_then(backend_of).is_some()
}

/// Whether the server began with another congestion window: one that only grew or shrank has a measured round trip.
fn begins_anew(quic: &QuicPathChange) -> Option<bool> {
    let (before, after) = (quic.before?, quic.after?);
    let is_unmeasured = after.rtt_micros == micros(INITIAL_RTT);
    Some(is_unmeasured && after.cwnd_bytes != before.cwnd_bytes)
}

/// Whether the client's packets from its new address went to another backend than the one that has the connection.
fn is_misrouted(path: &PathChange, quic: &QuicPathChange, balancer: &BalancerReport) -> Option<bool> {
    let new_address = path.new_address.as_ref()?;
    let route = balancer.clients.iter().find(|client| client.address == *new_address)?;
    let ServerId(home) = backend_of(quic.client_sends_to.after.as_ref()?)?;
    Some(route.backend != home)
}

/// The backend that made a connection ID.
fn backend_of(id: &str) -> Option<ServerId> {
    let digits = id.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    Cid::parse(&digits.collect::<Option<Vec<u8>>>()?).map(Cid::server)
}

#[cfg(test)]
mod tests {
    use sluice_balancer::ConnectionIds;
    use sluice_shared::lab::{ClientRoute, IdChange, NewAddress, PathEnds, PathState, SwitchReport, TcpFate};
    use sluice_shared::mode::Transport;
    use sluice_shared::scenario::Routing;
    use sluice_shared::time::Time;

    use super::*;

    const AT: Time = Time::from_millis(5);
    const SEEN: PathEnds = PathEnds { sent_at: Some(AT), arrived_at: Some(AT) };

    fn frame(kind: PathFrameKind, direction: Direction, is_to_old_address: bool) -> PathFrame {
        PathFrame {
            kind,
            direction,
            is_to_old_address,
            sent_at: AT,
            arrived_at: (!is_to_old_address).then_some(AT),
            data: String::new(),
        }
    }

    /// A connection of backend 1 that went on from another address.
    fn followed(rtt_micros: u64) -> QuicPathChange {
        let id: String = ConnectionIds::new(ServerId(1))
            .make(7)
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        QuicPathChange {
            new_up: SEEN,
            new_down: SEEN,
            frames: vec![
                frame(PathFrameKind::Challenge, Direction::Down, true),
                frame(PathFrameKind::Challenge, Direction::Down, false),
                frame(PathFrameKind::Response, Direction::Up, false),
            ],
            client_sends_to: IdChange { before: Some(id.clone()), after: Some(id) },
            before: Some(PathState { cwnd_bytes: 40_000, rtt_micros: 50_000 }),
            after: Some(PathState { cwnd_bytes: 12_000, rtt_micros }),
            ..QuicPathChange::default()
        }
    }

    fn switch(number: u64, quic: QuicPathChange) -> SwitchReport {
        let path = PathChange {
            flow: 5,
            lane: Some(3),
            transport: Transport::WebTransport,
            old_address: "127.0.0.1:1".into(),
            new_address: Some(format!("127.0.0.2:{number}")),
            old_up: SEEN,
            old_down: SEEN,
            quic: Some(quic),
            tcp: None,
        };
        let (address, tcp) = (NewAddress::Host, TcpFate::Told);
        SwitchReport { number, at: AT, address, tcp, problem: None, paths: vec![path] }
    }

    fn report(switches: Vec<SwitchReport>, balancer: Option<BalancerReport>) -> LabReport {
        LabReport { switches, balancer, ..LabReport::default() }
    }

    #[test]
    fn figures_of_changes_that_are_not_told_any_more_are_kept() {
        let mut paths = Paths::new(3);
        for n in 0..20 {
            let rtt_micros = if n % 2 == 0 { 333_000 } else { 50_000 };
            let kept = (n.max(3) - 3..=n).map(|number| switch(number, followed(rtt_micros)));
            paths.handle_report(&report(kept.collect(), None));
        }
        let migration = paths.complete(crate::compare::migration::Moves::default().report());
        assert_eq!((migration.addresses_used, migration.path_changes), (20, 20));
        assert_eq!((migration.path_challenges, migration.path_responses), (Some(40), Some(20)));
        // The last four are as the last report tells them, the others as the fourth after them did.
        assert_eq!(migration.window_resets, Some(8));
        assert_eq!((migration.addresses_misrouted, migration.stateless_resets), (Some(0), None));
        let mut handshake = followed(50_000);
        handshake.client_sends_to.before = Some("0102030405060708".to_owned());
        paths.handle_report(&report(vec![switch(20, handshake)], None));
        let migration = paths.complete(crate::compare::migration::Moves::default().report());
        assert_eq!(migration.addresses_used, 20, "a change during the handshake is not counted");
    }

    #[test]
    fn an_address_is_misrouted_if_its_packets_went_elsewhere() {
        let route = |number: u64, backend| ClientRoute {
            address: format!("127.0.0.2:{number}"),
            backend,
            packets: 1,
            flow: None,
            lane: None,
        };
        let balancer = |clients| {
            let backend = BackendReport {
                name: "backend 0".into(),
                is_up: true,
                process: None,
                packets: 9,
                misrouted_packets: 4,
                orphaned_packets: 0,
                stateless_resets: 2,
            };
            Some(BalancerReport { routing: Routing::Address, backends: vec![backend], clients })
        };
        let mut paths = Paths::new(3);
        let elsewhere = QuicPathChange { frames: Vec::new(), ..followed(50_000) };
        let switches = vec![switch(0, elsewhere), switch(1, followed(50_000))];
        paths.handle_report(&report(switches.clone(), balancer(vec![route(0, 0), route(1, 1)])));
        // Once it is known, it need not be told again.
        paths.handle_report(&report(switches, balancer(Vec::new())));
        let migration = paths.complete(crate::compare::migration::Moves::default().report());
        assert_eq!((migration.addresses_used, migration.addresses_misrouted), (2, Some(1)));
        assert_eq!((migration.misrouted_packets, migration.stateless_resets), (4, Some(2)));
        assert_eq!(migration.path_changes, 1, "nobody followed to where the packets were misled");
        paths.handle_report(&report(vec![switch(2, followed(50_000))], balancer(Vec::new())));
        let migration = paths.complete(crate::compare::migration::Moves::default().report());
        assert_eq!(migration.addresses_misrouted, None, "nobody knows where the third one led");
    }
}
