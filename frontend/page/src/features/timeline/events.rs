//! Network events on the timeline: outages as spans, single changes as marks. The engine adds the lab's
//! reports; the scene reads them. All times are converted to the browser's clock, and the number of events is
//! bounded.

use std::collections::VecDeque;

use sluice_shared::lab::{NetworkReport, NewAddress};
use sluice_shared::time::Time;

/// Span in which no packet passed the emulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutageSpan {
    /// Start, on the browser's clock.
    pub from: Time,
    /// End; `None` while it lasts.
    pub until: Option<Time>,
}

/// Change at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Time, on the browser's clock.
    pub at: Time,
    /// Short label.
    pub label: String,
}

/// Newest outages and changes of the emulated network. Their number is bounded.
#[derive(Clone, Debug, Default)]
pub struct TimelineEvents {
    outages: VecDeque<OutageSpan>,
    marks: VecDeque<Mark>,
    /// Times at which the client's address changed.
    address_changes: VecDeque<Time>,
    /// Number of the first address change not yet marked.
    next_switch: u64,
    is_udp_blocked: bool,
}

impl TimelineEvents {
    /// Maximum number of outages and of marks kept.
    pub const MAX: usize = 64;

    /// Applies a report that arrived at `now`, on the browser's clock.
    pub fn take(&mut self, report: &NetworkReport, now: Time) {
        // A report is only a few milliseconds old on arrival; earlier events are placed relative to it by the
        // server's clock.
        let here = |at: Time| now.shifted_by_micros(-(report.at.as_micros() as i64 - at.as_micros() as i64));
        let running = self.outages.back_mut().filter(|outage| outage.until.is_none());
        match (running, report.is_out) {
            (None, true) => {
                let planned = report.tunnels.last().filter(|tunnel| tunnel.until > report.at);
                let from = planned.map_or(now, |tunnel| here(tunnel.from));
                push(&mut self.outages, OutageSpan { from, until: None });
            }
            (Some(outage), false) => {
                let ended = report.tunnels.last().map(|tunnel| here(tunnel.until));
                let plausible = ended.filter(|ended| *ended > outage.from && *ended <= now);
                outage.until = Some(plausible.unwrap_or(now));
            }
            (None, false) | (Some(_), true) => {}
        }
        for switch in report.switches.iter().filter(|switch| switch.number >= self.next_switch) {
            let label = match switch.address {
                NewAddress::Port => "new port",
                NewAddress::Host => "new address",
            };
            push(&mut self.marks, Mark { at: here(switch.at), label: label.to_owned() });
            push(&mut self.address_changes, here(switch.at));
        }
        self.next_switch =
            report.switches.last().map_or(self.next_switch, |switch| self.next_switch.max(switch.number + 1));
        if self.is_udp_blocked != report.is_udp_blocked {
            self.is_udp_blocked = report.is_udp_blocked;
            let label = if report.is_udp_blocked { "UDP blocked" } else { "UDP passes" };
            push(&mut self.marks, Mark { at: now, label: label.to_owned() });
        }
    }

    /// Ends a running outage and prepares for another lab's reports, which count from 0 again.
    pub fn handle_lab_gone(&mut self, now: Time) {
        if let Some(outage) = self.outages.back_mut() {
            outage.until.get_or_insert(now);
        }
        self.next_switch = 0;
        self.is_udp_blocked = false;
    }

    /// Returns the outages that reach beyond `first`, oldest first.
    pub fn outages_since(&self, first: Time) -> impl Iterator<Item = &OutageSpan> {
        self.outages.iter().filter(move |outage| outage.until.is_none_or(|until| until >= first))
    }

    /// Returns the start and end of the outages that have ended after `first`, oldest first.
    pub fn ended_outages_since(&self, first: Time) -> impl Iterator<Item = (Time, Time)> {
        let ended = self.outages.iter().filter_map(|outage| Some((outage.from, outage.until?)));
        ended.filter(move |(_, until)| *until >= first)
    }

    /// Returns the times since `first` at which the client's address changed, oldest first.
    pub fn address_changes_since(&self, first: Time) -> impl Iterator<Item = Time> {
        self.address_changes.iter().copied().filter(move |at| *at >= first)
    }

    /// Returns the marks since `first`, oldest first.
    pub fn marks_since(&self, first: Time) -> impl Iterator<Item = &Mark> {
        self.marks.iter().filter(move |mark| mark.at >= first)
    }
}

fn push<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() == TimelineEvents::MAX {
        ring.pop_front();
    }
    ring.push_back(item);
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{AddressChange, OutageTime};

    use super::*;

    /// The server's clock is an hour ahead of the browser's.
    const AHEAD: u64 = 3_600_000;

    fn report(at_millis: u64, is_out: bool) -> NetworkReport {
        NetworkReport { at: Time::from_millis(AHEAD + at_millis), is_out, ..NetworkReport::default() }
    }

    fn tunnel(from: u64, until: u64) -> OutageTime {
        OutageTime { from: Time::from_millis(AHEAD + from), until: Time::from_millis(AHEAD + until) }
    }

    #[test]
    fn an_outage_lasts_from_its_tunnel_to_its_end_on_the_browsers_clock() {
        let mut events = TimelineEvents::default();
        events.take(&report(1_000, false), Time::from_millis(1_000));
        let tunnels = vec![tunnel(1_030, 3_030)];
        events.take(
            &NetworkReport { tunnels: tunnels.clone(), ..report(1_100, true) },
            Time::from_millis(1_100),
        );
        let spans: Vec<_> = events.outages_since(Time::ZERO).copied().collect();
        assert_eq!(spans, [OutageSpan { from: Time::from_millis(1_030), until: None }]);
        events.take(&NetworkReport { tunnels, ..report(3_100, false) }, Time::from_millis(3_100));
        let spans: Vec<_> = events.outages_since(Time::ZERO).copied().collect();
        let until = Some(Time::from_millis(3_030));
        assert_eq!(spans, [OutageSpan { from: Time::from_millis(1_030), until }]);
        assert_eq!(events.outages_since(Time::from_millis(4_000)).count(), 0);
    }

    #[test]
    fn an_outage_without_a_tunnel_is_placed_by_its_reports() {
        let mut events = TimelineEvents::default();
        events.take(&report(500, true), Time::from_millis(510));
        events.take(&report(900, false), Time::from_millis(910));
        let (from, until) = (Time::from_millis(510), Some(Time::from_millis(910)));
        assert_eq!(
            events.outages_since(Time::ZERO).copied().collect::<Vec<_>>(),
            [OutageSpan { from, until }]
        );
    }

    #[test]
    fn an_address_change_is_marked_once_where_it_happened() {
        let mut events = TimelineEvents::default();
        let switch =
            AddressChange { number: 0, at: Time::from_millis(AHEAD + 2_000), address: NewAddress::Host };
        for at in [2_050, 2_150] {
            let report = NetworkReport { switches: vec![switch], ..report(at, false) };
            events.take(&report, Time::from_millis(at));
        }
        let marks: Vec<_> = events.marks_since(Time::ZERO).cloned().collect();
        assert_eq!(marks, [Mark { at: Time::from_millis(2_000), label: "new address".to_owned() }]);
    }

    #[test]
    fn blocked_udp_is_marked_when_it_changes() {
        let mut events = TimelineEvents::default();
        for (at, is_udp_blocked) in [(1, false), (2, true), (3, true), (4, false)] {
            let report = NetworkReport { is_udp_blocked, ..report(at, false) };
            events.take(&report, Time::from_millis(at));
        }
        let labels: Vec<_> = events.marks_since(Time::ZERO).map(|mark| mark.label.as_str()).collect();
        assert_eq!(labels, ["UDP blocked", "UDP passes"]);
    }
}
