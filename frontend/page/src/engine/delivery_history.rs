//! Delivery history of a lane: times without arrivals, and what ended them.
//!
//! Built by `verdict_input`. Each interruption ended with a new connection, another network path, or the end
//! of a network outage.

use core::time::Duration;
use std::collections::VecDeque;

use sluice_bridge::{DeliveryGap, Outage};
use sluice_shared::time::{Time, micros};

use crate::verdict::{Interruption, InterruptionKind};

/// Delivery history of a lane. All times are on the browser's clock.
#[derive(Debug)]
pub(super) struct DeliveryHistory<'lane> {
    /// Beginning of the epoch; interruptions that ended before it are ignored.
    pub(super) began: Time,
    /// Last outage of the lane's connection.
    pub(super) last_outage: Option<Outage>,
    /// Newest delivery gaps, including short ones.
    pub(super) newest_gaps: &'lane [DeliveryGap],
    /// Newest long delivery gaps.
    pub(super) long_gaps: &'lane VecDeque<DeliveryGap>,
    /// Times at which the client's address changed; empty for a lane over TCP, whose connection such a change ends.
    pub(super) address_changes: Vec<Time>,
    /// Outages of the network that have ended; empty for a lane that bypasses the network.
    pub(super) network_outages: Vec<(Time, Time)>,
}

impl DeliveryHistory<'_> {
    /// Returns the interruptions that ended in the epoch. A gap has one reason: a new connection before a new path,
    /// and a new path before an outage.
    pub(super) fn interruptions(&self) -> Vec<Interruption> {
        let recovery = self.recovery();
        let is_reconnect = |gap: &DeliveryGap| {
            recovery
                .is_some_and(|(lost_at, recovered_at, _)| gap.from <= recovered_at && lost_at <= gap.until)
        };
        let gap =
            self.long_gaps.iter().filter(|gap| is_reconnect(gap)).max_by_key(|gap| gap.until.since(gap.from));
        let reconnect = recovery.map(|(lost_at, recovered_at, lost)| Interruption {
            kind: InterruptionKind::Reconnect,
            // Data that had waited arrives before fresh data.
            without_data_micros: Some(micros(
                gap.map_or_else(|| recovered_at.since(lost_at), |gap| gap.until.since(gap.from)),
            )),
            lost: Some(lost),
            skipped: gap.map(|gap| gap.left_out),
        });
        let moved: Vec<&DeliveryGap> = match reconnect {
            Some(_) => Vec::new(),
            None => self.address_changes.iter().filter_map(|at| self.gap_around(*at)).collect(),
        };
        let outlived = self.network_outages.iter().filter_map(|(from, until)| {
            let mut gaps = self.long_gaps.iter().filter(|gap| gap.from <= *until && *from <= gap.until);
            gaps.find(|gap| !is_reconnect(gap) && moved.iter().all(|moved| moved.from != gap.from))
        });
        let outlived: Vec<Interruption> =
            outlived.map(|gap| interruption(InterruptionKind::Outage, gap)).collect();
        let moved = moved.into_iter().map(|gap| interruption(InterruptionKind::Migration, gap));
        reconnect.into_iter().chain(moved).chain(outlived).collect()
    }

    /// Returns when the connection was lost, when data was fresh again, and the number of messages lost, if
    /// the lane recovered in the epoch.
    fn recovery(&self) -> Option<(Time, Time, u64)> {
        let outage = self.last_outage?;
        // Data that had waited is delivered before the first fresh message.
        let welcome = outage.welcome.map(|(after_micros, ..)| after_micros);
        let without_data = outage.noticed_after_micros + outage.fresh_after_micros.or(welcome)?;
        let recovered_at = outage.lost_at + Duration::from_micros(without_data);
        (recovered_at >= self.began).then_some((outage.lost_at, recovered_at, outage.missed))
    }

    fn gap_around(&self, at: Time) -> Option<&DeliveryGap> {
        let mut gaps = self.newest_gaps.iter().chain(self.long_gaps).filter(|gap| gap.until >= self.began);
        gaps.find(|gap| gap.from <= at && at <= gap.until)
    }
}

fn interruption(kind: InterruptionKind, gap: &DeliveryGap) -> Interruption {
    Interruption {
        kind,
        without_data_micros: Some(micros(gap.until.since(gap.from))),
        lost: Some(gap.lost),
        skipped: Some(gap.left_out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn gap(from: u64, until: u64) -> DeliveryGap {
        DeliveryGap { from: at(from), until: at(until), left_out: 3, ..DeliveryGap::default() }
    }

    /// Connection lost at 10 s, given up 2 s later, and fresh again 500 ms after that.
    const LOST: Outage = Outage {
        lost_at: at(10_000),
        noticed_after_micros: 2_000_000,
        open_after_micros: Some(300_000),
        welcome: None,
        fresh_after_micros: Some(500_000),
        missed: 7,
    };

    fn kinds(history: &DeliveryHistory<'_>) -> Vec<(InterruptionKind, Option<u64>)> {
        let all = history.interruptions();
        all.into_iter().map(|interruption| (interruption.kind, interruption.without_data_micros)).collect()
    }

    #[test]
    fn a_loss_before_the_epoch_counts_if_the_lane_recovered_in_it() {
        let long_gaps = VecDeque::from([gap(10_000, 12_500)]);
        let mut history = DeliveryHistory {
            began: at(11_000),
            last_outage: Some(LOST),
            newest_gaps: &[],
            long_gaps: &long_gaps,
            address_changes: Vec::new(),
            network_outages: vec![(at(10_000), at(11_500))],
        };
        assert_eq!(kinds(&history), [(InterruptionKind::Reconnect, Some(2_500_000))]);
        let [reconnect] = history.interruptions()[..] else { panic!("one") };
        assert_eq!((reconnect.lost, reconnect.skipped), (Some(7), Some(3)));
        history.began = at(12_600);
        history.network_outages.clear();
        assert_eq!(kinds(&history), []);
    }

    #[test]
    fn a_lane_that_catches_up_after_a_loss_has_reconnected() {
        let long_gaps = VecDeque::from([gap(10_000, 12_320)]);
        let welcome =
            Some((310_000, sluice_shared::mode::Transport::WebSocket, sluice_bridge::SessionStart::Resumed));
        let history = DeliveryHistory {
            began: at(0),
            last_outage: Some(Outage { welcome, fresh_after_micros: None, ..LOST }),
            newest_gaps: &[],
            long_gaps: &long_gaps,
            address_changes: Vec::new(),
            network_outages: Vec::new(),
        };
        assert_eq!(kinds(&history), [(InterruptionKind::Reconnect, Some(2_320_000))]);
        let connecting =
            DeliveryHistory { last_outage: Some(Outage { fresh_after_micros: None, ..LOST }), ..history };
        assert_eq!(kinds(&connecting), []);
    }

    #[test]
    fn an_outage_that_a_connection_outlived_is_told_with_the_time_until_data_came() {
        // The network was out for 4 s; data came 2.6 s after its end.
        let long_gaps = VecDeque::from([gap(5_000, 11_600)]);
        let history = DeliveryHistory {
            began: at(0),
            last_outage: None,
            newest_gaps: &[],
            long_gaps: &long_gaps,
            address_changes: Vec::new(),
            network_outages: vec![(at(5_000), at(9_000)), (at(20_000), at(20_100))],
        };
        assert_eq!(kinds(&history), [(InterruptionKind::Outage, Some(6_600_000))]);
    }

    #[test]
    fn a_gap_around_a_new_address_is_a_migration_and_no_outage() {
        let long_gaps = VecDeque::from([gap(5_000, 9_200)]);
        let newest = [gap(5_000, 9_200)];
        let history = DeliveryHistory {
            began: at(0),
            last_outage: None,
            newest_gaps: &newest,
            long_gaps: &long_gaps,
            address_changes: vec![at(9_000)],
            network_outages: vec![(at(5_000), at(9_000))],
        };
        assert_eq!(kinds(&history), [(InterruptionKind::Migration, Some(4_200_000))]);
    }
}
