//! The lab of one lane: its network, and what became of the packets.

use std::io;
use std::net::SocketAddr;

use sluice_shared::api::Info;
use sluice_shared::lab::{Lab, LabReport, LinkReport, LinkRequest};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use tokio::io::{AsyncBufReadExt, Lines};
use tokio::net::TcpStream;

use super::http;
use crate::compare::plan::Plan;
use crate::compare::report::Wire;

/// A lab, watched from its beginning.
#[derive(Debug)]
pub(super) struct WatchedLab {
    server: SocketAddr,
    pub(super) lab: Lab,
    pub(super) info: Info,
    reports: Lines<tokio::io::BufReader<TcpStream>>,
    newest: LabReport,
}

impl WatchedLab {
    /// A new lab of the server at `server`, with the network and the seed of `plan`.
    ///
    /// # Errors
    /// The server has none.
    pub(super) async fn open(plan: &Plan, server: SocketAddr) -> io::Result<Self> {
        let scenario = plan.scenario();
        let request = LinkRequest {
            profile: Some(scenario.network.profile().clone()),
            seed: Some(scenario.seed),
            ..LinkRequest::default()
        };
        let info = http::get(server, "/api/info").await?;
        let lab: Lab = http::post(server, "/api/labs", &request).await?;
        let reports = http::stream(server, &format!("/api/labs/{}/watch", lab.id)).await?.lines();
        Ok(Self { server, lab, info, reports, newest: LabReport::default() })
    }

    /// The next report; kept as the newest.
    ///
    /// # Errors
    /// The server tells no more.
    pub(super) async fn next(&mut self) -> io::Result<()> {
        while let Some(line) = self.reports.next_line().await? {
            if let Some(json) = line.strip_prefix("data:") {
                self.newest = serde_json::from_str(json)?;
                return Ok(());
            }
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the lab's reports have ended"))
    }

    /// Waits for a report that is newer than `time`.
    ///
    /// # Errors
    /// The server tells no more.
    pub(super) async fn newer_than(&mut self, time: Time) -> io::Result<()> {
        while self.newest.at <= time {
            self.next().await?;
        }
        Ok(())
    }

    /// What one direction of all connections of this lab saw, as of the newest report.
    pub(super) fn wire(&self, direction: Direction) -> Wire {
        let links = self.newest.flows.iter().map(|flow| match direction {
            Direction::Up => &flow.up,
            Direction::Down => &flow.down,
        });
        let sum = |count: fn(&LinkReport) -> u64| links.clone().map(count).sum::<u64>();
        let (lost, passed) = (sum(|link| link.lost_packets), sum(|link| link.passed_packets));
        let tcp = self.newest.flows.iter().filter_map(|flow| flow.tcp);
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
