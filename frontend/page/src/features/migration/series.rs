//! Many changes of networks one after the other, summed up for each transport.

use sluice_shared::handshake::Spread;
use sluice_shared::lab::{LabReport, PathChange, SwitchReport};
use sluice_shared::mode::Transport;

use crate::features::migration::backends::Totals;
use crate::features::migration::chain::is_in_use;
use crate::features::migration::chain::resolved;
use crate::features::migration::facts::gap_micros;
use crate::features::migration::lanes::PageLane;
use sluice_text::format;
use sluice_text::format::exact_span;

/// How many changes there are.
pub(crate) const SWITCHES: u32 = 10;
/// Between one and the next, ms.
pub(crate) const EVERY_MILLIS: i32 = 500;

/// Changes that were made, and what came of them so far.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// The number of the first change.
    first: u64,
    /// Changes that the server has made.
    pub(crate) made: u32,
    /// What each change did to each connection, by the change's number.
    paths: Vec<(u64, PathChange)>,
    /// The lanes before the first change.
    lanes: Vec<PageLane>,
    balanced_before: Option<Totals>,
    balanced: Option<Totals>,
}

impl Series {
    /// Nothing was changed yet.
    pub(crate) fn new(report: &LabReport, lanes: Vec<PageLane>) -> Self {
        let balanced = report.balancer.as_ref().map(Totals::of);
        let first = report.switches.last().map_or(0, |switch| switch.number + 1);
        Self { first, made: 0, paths: Vec::new(), lanes, balanced_before: balanced, balanced }
    }

    /// Takes in what was seen; the server forgets all but the last changes.
    pub(crate) fn take(&mut self, report: &LabReport) {
        let last = self.first + u64::from(SWITCHES);
        let own = |switch: &&SwitchReport| (self.first..last).contains(&switch.number);
        for switch in report.switches.iter().filter(own) {
            for path in switch.paths.iter().filter(|path| is_in_use(path, switch)) {
                let is_known =
                    |known: &&mut (u64, PathChange)| known.0 == switch.number && known.1.flow == path.flow;
                match self.paths.iter_mut().find(is_known) {
                    Some((_, known)) => known.clone_from(path),
                    None => self.paths.push((switch.number, path.clone())),
                }
            }
        }
        self.balanced = report.balancer.as_ref().map(Totals::of);
    }

    /// Whether all gaps are over.
    pub(crate) fn is_settled(&self) -> bool {
        self.gaps().all(|(_, gap)| gap.is_some())
    }

    /// How long each connection's client got nothing after each change, µs.
    fn gaps(&self) -> impl Iterator<Item = (Transport, Option<u64>)> {
        let paths = self.paths.iter().map(|(_, path)| path);
        paths.clone().map(move |path| (path.transport, gap_micros(&resolved(path, paths.clone()))))
    }

    /// A line for each transport, and one for the balancer.
    pub(crate) fn html(&self, lanes_now: &[PageLane]) -> String {
        let mut html = "<table class=proof><thead><tr><th></th><th title=\"Lanes that were not connected anew\">lanes that \
                        survived</th><th>gap p50</th><th>gap max</th></tr></thead><tbody>"
            .to_owned();
        for transport in [Transport::WebTransport, Transport::WebSocket] {
            self.push_transport(&mut html, transport, lanes_now);
        }
        html.push_str("</tbody></table>");
        self.push_balancer(&mut html);
        html
    }

    fn push_transport(&self, html: &mut String, transport: Transport, lanes_now: &[PageLane]) {
        let lanes = self.lanes.iter().filter(|lane| lane.transport == transport);
        let reconnects = |before: &PageLane| {
            let now = lanes_now.iter().find(|now| now.lane == before.lane)?;
            Some(now.reconnects.saturating_sub(before.reconnects))
        };
        let counts: Vec<u64> = lanes.filter_map(reconnects).collect();
        let survived = counts.iter().filter(|reconnects| **reconnects == 0).count();
        let gaps: Vec<_> = self.gaps().filter(|(kind, _)| *kind == transport).map(|(_, gap)| gap).collect();
        let name = transport.name();
        html.extend(["<tr><th>", name, "<small>", &gaps.len().to_string()]);
        html.extend([
            " connections met a change",
            "</small></th><td data-testid=series-",
            name,
            "-survived data-value=",
        ]);
        html.extend([&*survived.to_string(), ">", &survived.to_string(), " of ", &counts.len().to_string()]);
        html.extend(["<small>", &counts.iter().sum::<u64>().to_string(), " reconnects</small></td>"]);
        let unknown = gaps.iter().filter(|gap| gap.is_none()).count();
        let cells = Spread::of(gaps.into_iter().flatten().collect())
            .map(|spread| [("p50", spread.median_micros), ("max", spread.max_micros)]);
        for (what, micros) in cells.into_iter().flatten() {
            html.extend([
                "<td data-testid=series-",
                name,
                "-gap-",
                what,
                " data-value=",
                &micros.to_string(),
                ">",
            ]);
            html.push_str(&exact_span(micros));
            if unknown > 0 && what == "max" {
                html.extend(["<small>", &unknown.to_string(), " not over</small>"]);
            }
            html.push_str("</td>");
        }
        if cells.is_none() {
            html.push_str("<td>–</td><td>–</td>");
        }
        html.push_str("</tr>");
    }

    fn push_balancer(&self, html: &mut String) {
        let (Some(before), Some(now)) = (self.balanced_before, self.balanced) else { return };
        let packets = now.packets.saturating_sub(before.packets);
        let misrouted = now.misrouted.saturating_sub(before.misrouted);
        let share = if packets == 0 { 0.0 } else { misrouted as f64 / packets as f64 };
        html.extend([
            "<p>Balancer: <b data-testid=series-misrouted data-value=",
            &misrouted.to_string(),
            ">",
        ]);
        html.extend([
            &*format::count(misrouted),
            "</b> of ",
            &format::count(packets),
            " packets misrouted (",
        ]);
        html.extend([&*format::percent(share), ")."]);
        if misrouted > 0 {
            html.push_str(
                " A share of packets is no share of changes: a connection that went astray sends little until it is \
                 given up.",
            );
        }
        html.push_str("</p>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::samples;

    fn lane(lane: u16, transport: Transport, reconnects: u64) -> PageLane {
        let (name, state) = (String::new(), "open".to_owned());
        let (life, silences) = (Vec::new(), Vec::new());
        PageLane {
            lane,
            name,
            transport,
            state,
            reconnects,
            gaps: 0,
            lost: 0,
            life,
            silences,
            silences_since: None,
        }
    }

    fn switched(number: u64, gap_micros: Option<u64>) -> SwitchReport {
        let mut quic = samples::quic();
        if let Some(change) = &mut quic.quic {
            change.gap_micros = gap_micros;
        }
        SwitchReport { number, paths: vec![quic, samples::tcp()], ..samples::switch() }
    }

    #[test]
    fn a_series_is_its_own_changes_alone() {
        let earlier = LabReport { switches: vec![switched(7, Some(9_000_000))], ..LabReport::default() };
        let before = vec![lane(0, Transport::WebTransport, 2), lane(1, Transport::WebSocket, 0)];
        let mut series = Series::new(&earlier, before);
        series.take(&LabReport {
            switches: vec![switched(7, Some(9_000_000)), switched(8, None)],
            ..earlier.clone()
        });
        assert!(!series.is_settled());
        // The server has forgotten the first one meanwhile.
        let switches = vec![switched(8, Some(20_000)), switched(9, Some(40_000))];
        series.take(&LabReport { switches, ..earlier });
        assert!(series.is_settled());
        let now = [lane(0, Transport::WebTransport, 2), lane(1, Transport::WebSocket, 3)];
        let html = series.html(&now);
        for fact in [
            "series-webtransport-survived data-value=1>1 of 1",
            "series-websocket-survived data-value=0>0 of 1<small>3 reconnects",
            "series-webtransport-gap-max data-value=40000",
            "series-websocket-gap-p50 data-value=444000",
        ] {
            assert!(html.contains(fact), "{fact}: {html}");
        }
        assert!(!html.contains("misrouted"), "there is no balancer");
    }
}
