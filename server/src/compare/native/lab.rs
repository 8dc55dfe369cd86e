//! The lab of one lane: its network, and what became of the packets.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sluice_shared::api::Info;
use sluice_shared::lab::{
    FlowReport, Lab, LabEvent, LabReport, LinkReport, LinkRequest, SwitchReport, TcpFate,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;
use tokio::io::{AsyncBufReadExt, Lines};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::attacks::SeenAttacks;
use super::http;
use super::paths::Paths;
use super::record::Record;
use crate::compare::migration::Migration;
use crate::compare::plan::Plan;
use crate::compare::report::Wire;
use crate::compare::spoofed::Spoofed;

/// A lab, watched from its beginning.
#[derive(Debug)]
pub(super) struct WatchedLab {
    server: SocketAddr,
    pub(super) lab: Lab,
    pub(super) info: Info,
    reports: Lines<tokio::io::BufReader<TcpStream>>,
    newest: LabReport,
    /// Every connection of the run, as it was reported last.
    flows: BTreeMap<u64, FlowReport>,
    record: Arc<Mutex<Record>>,
    paths: Paths,
    attacks: SeenAttacks,
    next_switch: u64,
    /// The newest change of networks that the client's machine has noticed.
    told: watch::Sender<Option<Time>>,
}

/// Where a lab's events are posted.
#[derive(Clone, Debug)]
pub(super) struct Events {
    server: SocketAddr,
    path: String,
}

impl Events {
    /// Lets something happen.
    ///
    /// # Errors
    /// The lab refuses, or does not answer.
    pub(super) async fn tell(&self, event: &LabEvent) -> io::Result<()> {
        http::tell(self.server, &self.path, event).await
    }
}

impl WatchedLab {
    /// A new lab of the server at `server`, with the network and the seed of `plan`, for the lane of this number; its
    /// reports are handed to `record`.
    ///
    /// # Errors
    /// The server has none.
    pub(super) async fn open(
        plan: &Plan,
        server: SocketAddr,
        lane: u16,
        record: Arc<Mutex<Record>>,
    ) -> io::Result<Self> {
        let scenario = plan.scenario();
        let request = LinkRequest {
            profile: Some(scenario.network.profile().clone()),
            seed: Some(scenario.seed),
            ..LinkRequest::default()
        };
        let info = http::get(server, "/api/info").await?;
        let lab: Lab = http::post(server, "/api/labs", &request).await?;
        let reports = http::stream(server, &format!("/api/labs/{}/watch", lab.id)).await?.lines();
        Ok(Self {
            server,
            lab,
            info,
            reports,
            newest: LabReport::default(),
            flows: BTreeMap::new(),
            record,
            paths: Paths::new(lane),
            attacks: SeenAttacks::new(lane),
            next_switch: 0,
            told: watch::Sender::default(),
        })
    }

    /// Where its events are posted.
    pub(super) fn events(&self) -> Events {
        Events { server: self.server, path: format!("/api/labs/{}/events", self.lab.id) }
    }

    /// Goes on with each change of networks that the client's machine notices, which a report tells some time later.
    pub(super) fn told(&self) -> watch::Receiver<Option<Time>> {
        self.told.subscribe()
    }

    /// The next report; kept as the newest.
    ///
    /// # Errors
    /// The server tells no more, or the client could not get another address.
    pub(super) async fn next(&mut self) -> io::Result<()> {
        while let Some(line) = self.reports.next_line().await? {
            if let Some(json) = line.strip_prefix("data:") {
                let report: LabReport = serde_json::from_str(json)?;
                self.flows.extend(report.flows.iter().map(|flow| (flow.flow, flow.clone())));
                self.record.lock().handle_report(&report);
                self.paths.handle_report(&report);
                self.attacks.handle_report(&report);
                report.switches.iter().try_for_each(|switch| self.take_switch(switch))?;
                self.newest = report;
                return Ok(());
            }
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the lab's reports have ended"))
    }

    fn take_switch(&mut self, switch: &SwitchReport) -> io::Result<()> {
        if let Some(problem) = &switch.problem {
            return Err(io::Error::other(problem.clone()));
        }
        if switch.number >= self.next_switch {
            self.next_switch = switch.number + 1;
            match switch.tcp {
                TcpFate::Told => drop(self.told.send_replace(Some(switch.at))),
                TcpFate::Silent => {}
            }
        }
        Ok(())
    }

    /// Waits until all is told that happened up to `time`.
    ///
    /// # Errors
    /// As [`WatchedLab::next`].
    pub(super) async fn newer_than(&mut self, time: Time) -> io::Result<()> {
        while self.newest.at <= time {
            self.next().await?;
        }
        // A report is put together piece by piece.
        self.next().await
    }

    /// What changes of the client's address did, as far as it is told.
    pub(super) fn migration(&self, transport: Transport) -> Migration {
        let migration = self.record.lock().migration();
        match transport {
            Transport::WebSocket => migration,
            Transport::WebTransport => self.paths.complete(migration),
        }
    }

    /// What came of copies of the client's packets, as far as it is told.
    pub(super) fn spoofed(&self) -> Spoofed {
        self.attacks.report()
    }

    /// What one direction of all connections of this lab saw, as of the last report of each.
    pub(super) fn wire(&self, direction: Direction) -> Wire {
        let links = self.flows.values().map(|flow| match direction {
            Direction::Up => &flow.up,
            Direction::Down => &flow.down,
        });
        let sum = |count: fn(&LinkReport) -> u64| links.clone().map(count).sum::<u64>();
        let (lost, passed) = (sum(|link| link.lost_packets), sum(|link| link.passed_packets));
        let tcp = self.flows.values().filter_map(|flow| flow.tcp);
        let resent = tcp.map(|tcp| tcp.retransmitted_packets).reduce(|all, one| all + one);
        Wire {
            packets: sum(|link| link.offered_packets),
            bytes: sum(|link| link.delivered_bytes),
            loss_percent: (lost + passed > 0).then(|| lost as f64 * 100.0 / (lost + passed) as f64),
            lost_packets: lost,
            queue_drops: sum(|link| link.queue_drops),
            outage_drops: sum(|link| link.outage_drops),
            resent_packets: resent.filter(|_| direction == Direction::Down),
        }
    }

    /// Ends the lab.
    ///
    /// # Errors
    /// It is gone already.
    pub(super) async fn close(self) -> io::Result<()> {
        http::delete(self.server, &format!("/api/labs/{}", self.lab.id)).await
    }
}
