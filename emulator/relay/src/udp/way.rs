//! One direction of a UDP flow: a link, and what is due to leave it.

use sluice_link::Link;
use sluice_shared::lab::LinkReport;
use sluice_shared::time::Time;

use super::attack::SpoofSight;
use super::path::Sight;
use super::port::{Datagram, Destination, Port, Refused};
use crate::network::link_report;
use crate::tap::Mark;

/// What IPv4 and UDP add to a datagram on the wire, bytes.
pub(super) const HEADER_BYTES: u64 = 28;

/// One direction.
pub(super) struct Way {
    pub(super) link: Link<Packet>,
    /// What is due to leave.
    pub(super) due: Vec<Datagram>,
    /// What was due and the kernel would not take.
    pub(super) refused: Refused,
}

#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) datagram: Datagram,
    pub(super) mark: Mark,
    pub(super) sight: Sight,
    pub(super) spoof_sight: SpoofSight,
}

impl Way {
    pub(super) const fn new(link: Link<Packet>) -> Self {
        Self { link, due: Vec::new(), refused: Refused { datagrams: 0, payload_bytes: 0 } }
    }

    pub(super) fn flush(&mut self, port: &Port, to: Destination, scratch: &mut Vec<u8>) {
        if !self.due.is_empty() {
            self.refused.add(port.send(&self.due, to, scratch));
            self.due.clear();
        }
    }

    /// What the kernel would not take never arrived, and counts as overload.
    pub(super) fn report(&mut self, now: Time) -> LinkReport {
        self.link.handle_timeout(now);
        let report = link_report(&self.link);
        let refused_bytes = self.refused.payload_bytes + self.refused.datagrams * HEADER_BYTES;
        LinkReport {
            delivered_packets: report.delivered_packets.saturating_sub(self.refused.datagrams),
            delivered_bytes: report.delivered_bytes.saturating_sub(refused_bytes),
            outage_drops: report.outage_drops + self.refused.datagrams,
            ..report
        }
    }
}
