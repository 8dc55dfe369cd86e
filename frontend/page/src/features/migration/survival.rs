//! Which connections came out of tunnels of which length, as a chart and as a table.

use sluice_shared::handshake::Spread;
use sluice_shared::lab::{Congestion, LabReport, TunnelPath, TunnelReport};
use sluice_shared::mode::Transport;
use sluice_shared::time::{Time, micros};

use crate::features::migration::lanes::PageLane;
use sluice_text::decimal::short;
use sluice_text::format;

/// Tunnels that are remembered; the server remembers fewer.
const MOST: usize = 64;

/// The tunnels of a lab, as far as they were seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survival {
    /// The oldest first.
    tunnels: Vec<TunnelReport>,
    /// The server's clock, as last heard.
    now: Time,
}

/// What carries a lane, and how it is sent: a row of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) transport: Transport,
    pub(crate) congestion: Congestion,
}

/// How a connection came out of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It brought the first data after the tunnel, so many µs after its end.
    Survived(u64),
    /// Another one did.
    Died(u64),
    /// Nothing has come yet.
    Open,
}

/// One connection in one tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The tunnel's number in the lab.
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) lane: u16,
    /// How long the tunnel was, µs.
    pub(crate) length_micros: u64,
    /// Whether the client had another address at its end.
    pub(crate) is_switched: bool,
    pub(crate) outcome: Outcome,
}

impl Kind {
    /// What people call it.
    pub(crate) fn title(self) -> String {
        let transport = match self.transport {
            Transport::WebTransport => "WebTransport ",
            Transport::WebSocket => "WebSocket ",
        };
        transport.to_owned() + self.congestion.label()
    }

    /// The name in test ids.
    pub(crate) fn name(self) -> String {
        [self.transport.name(), "-", self.congestion.name()].concat()
    }
}

impl Outcome {
    /// In a word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Survived(_) => "survived",
            Self::Died(_) => "died",
            Self::Open => "open",
        }
    }

    /// From the tunnel's end to the first data, µs.
    pub(crate) const fn micros(self) -> Option<u64> {
        match self {
            Self::Survived(micros) | Self::Died(micros) => Some(micros),
            Self::Open => None,
        }
    }
}

impl Survival {
    /// Takes in what the lab tells.
    pub(crate) fn take(&mut self, report: &LabReport) {
        self.now = report.at;
        for tunnel in &report.tunnels {
            match self.tunnels.iter_mut().find(|known| known.number == tunnel.number) {
                Some(known) => known.clone_from(tunnel),
                None => self.tunnels.push(tunnel.clone()),
            }
        }
        let forgotten = self.tunnels.len().saturating_sub(MOST);
        self.tunnels.drain(..forgotten);
    }

    /// Whether there was no tunnel so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.tunnels.is_empty()
    }

    /// The number of the next tunnel.
    pub(crate) fn next_number(&self) -> u64 {
        self.tunnels.last().map_or(0, |tunnel| tunnel.number + 1)
    }

    /// Whether all connections of a tunnel, or those in their place, got data after it.
    pub(crate) fn is_over(&self, number: u64) -> bool {
        let tunnel = self.tunnels.iter().find(|tunnel| tunnel.number == number);
        tunnel.is_some_and(|tunnel| passages(tunnel).all(|passage| passage.outcome != Outcome::Open))
    }

    /// What became of each connection in each tunnel that is over, row by row: QUIC above TCP.
    pub(crate) fn rows(&self) -> Vec<Vec<Passage>> {
        let past = || self.tunnels.iter().filter(|tunnel| tunnel.until <= self.now).flat_map(passages);
        let mut rows = Vec::new();
        for transport in [Transport::WebTransport, Transport::WebSocket] {
            for congestion in Congestion::ALL {
                let kind = Kind { transport, congestion };
                let row: Vec<Passage> = past().filter(|passage| passage.kind == kind).collect();
                if !row.is_empty() {
                    rows.push(row);
                }
            }
        }
        rows
    }

    /// A line for each row of the chart, or two where some tunnels had another address at their end; with what the lanes say
    /// of themselves.
    pub(crate) fn table(&self, lanes: &[PageLane]) -> String {
        let mut html = "<table class=proof><thead><tr><th></th><th>survived</th><th title=\"From the tunnel's end to the \
                        first data, p50\">first data</th><th title=\"The same where the connection had died, p50\">by \
                        resume</th><th title=\"By these lanes so far: messages that are \
                        neither here nor in a gap\">lanes' lost</th></tr></thead><tbody>"
            .to_owned();
        for row in self.rows() {
            for is_switched in [false, true] {
                let passages: Vec<Passage> =
                    row.iter().filter(|passage| passage.is_switched == is_switched).copied().collect();
                push_row(&mut html, &passages, lanes);
            }
        }
        html + "</tbody></table>"
    }
}

/// The connections that were in use when a tunnel began. A lane may have left others that the server still keeps.
fn passages(tunnel: &TunnelReport) -> impl Iterator<Item = Passage> {
    let in_use = |path: &&TunnelPath| {
        let is_newer = |other: &TunnelPath| other.flow > path.flow && other.lane == path.lane;
        !tunnel.paths.iter().any(is_newer)
    };
    tunnel.paths.iter().filter(in_use).filter_map(|path| {
        let outcome = path.resumed.map_or(Outcome::Open, |resumed| {
            let after = micros(resumed.at.since(tunnel.until));
            if resumed.flow == path.flow { Outcome::Survived(after) } else { Outcome::Died(after) }
        });
        Some(Passage {
            number: tunnel.number,
            kind: Kind { transport: path.transport, congestion: path.congestion },
            lane: path.lane?,
            length_micros: micros(tunnel.until.since(tunnel.from)),
            is_switched: tunnel.switched,
            outcome,
        })
    })
}

fn push_row(html: &mut String, passages: &[Passage], lanes: &[PageLane]) {
    let Some(Passage { kind, is_switched, .. }) = passages.first() else { return };
    let name = kind.name() + if *is_switched { "-moved" } else { "" };
    let of = |wanted: &'static str| passages.iter().filter(move |passage| passage.outcome.name() == wanted);
    let (survived, died) = (of("survived"), of("died"));
    let count = survived.clone().count();
    let decided = count + died.clone().count();
    html.extend(["<tr><th>", &*kind.title()]);
    if *is_switched {
        html.push_str("<small>another address</small>");
    }
    if decided < passages.len() {
        html.push_str("<small>not back yet</small>");
    }
    html.push_str("</th>");
    let count = count.to_string();
    push_cell(html, "td", [&name, "-survived"], &count, &[&count, " of ", &decided.to_string()].concat());
    html.push_str("<small>");
    for (id, words, length) in [
        ("-up-to", "up to ", survived.clone().map(|passage| passage.length_micros).max()),
        ("-died-from", "died from ", died.clone().map(|passage| passage.length_micros).min()),
    ] {
        let Some(length) = length else { continue };
        let comma = if id == "-died-from" && survived.clone().next().is_some() { ", " } else { "" };
        html.push_str(comma);
        let text = [words, &short(length as f64 / 1e6), "\u{a0}s"].concat();
        push_cell(html, "span", [&name, id], &length.to_string(), &text);
        html.push_str("</span>");
    }
    html.push_str("</small></td>");
    let median = |micros: Vec<u64>| Spread::of(micros).map(|spread| spread.median_micros);
    for (id, spans) in [
        ("-first-data", survived.filter_map(|passage| passage.outcome.micros()).collect()),
        ("-resumed", died.filter_map(|passage| passage.outcome.micros()).collect()),
    ] {
        let median = median(spans);
        let value = median.map_or_else(String::new, |micros| micros.to_string());
        let text = median.map_or_else(|| "–".to_owned(), format::span);
        push_cell(html, "td", [&name, id], &value, &text);
        html.push_str("</td>");
    }
    let own = || lanes.iter().filter(|lane| passages.iter().any(|passage| passage.lane == lane.lane));
    let lost = own().next().map(|_| own().map(|lane| lane.lost).sum::<u64>());
    let value = lost.map_or_else(String::new, |lost| lost.to_string());
    push_cell(html, "td", [&name, "-lost"], &value, &lost.map_or_else(|| "–".to_owned(), format::count));
    html.push_str("</td></tr>");
}

/// Begins a cell, or something in one, and writes what stands there.
fn push_cell(html: &mut String, element: &str, id: [&str; 2], value: &str, text: &str) {
    let id = id.concat();
    html.extend(["<", element, " data-testid=survival-", &id, " data-value=\"", value, "\">", text]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::samples;

    #[test]
    fn a_connection_that_brings_the_first_data_has_survived() {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        let told: Vec<_> =
            survival.rows().concat().iter().map(|passage| (passage.kind.name(), passage.outcome)).collect();
        let expected = [
            ("webtransport-cubic", Outcome::Survived(300_000)),
            ("webtransport-cubic", Outcome::Died(1_200_000)),
            ("webtransport-bbr", Outcome::Survived(120_000)),
            ("webtransport-bbr", Outcome::Open),
            ("websocket-cubic", Outcome::Survived(2_000_000)),
        ];
        assert_eq!(told, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
        assert!(survival.is_over(0) && !survival.is_over(1) && !survival.is_over(9));
        assert_eq!(survival.next_number(), 2);
    }

    #[test]
    fn a_tunnel_that_is_not_over_tells_nothing() {
        let mut survival = Survival::default();
        let report = samples::tunnelled();
        survival.take(&LabReport { at: report.tunnels[1].from, ..report });
        assert!(survival.rows().concat().iter().all(|passage| passage.number == 0));
    }

    #[test]
    fn a_row_sums_up_one_kind_of_lane() {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        let html = survival.table(&samples::lanes());
        for fact in [
            "survival-webtransport-cubic-survived data-value=\"1\">1 of 1",
            "survival-webtransport-cubic-moved-survived data-value=\"0\">0 of 1",
            "survival-webtransport-cubic-up-to data-value=\"4000000\">up to 4\u{a0}s",
            "survival-webtransport-cubic-moved-died-from data-value=\"8000000\">died from 8\u{a0}s",
            "not back yet</small></th><td data-testid=survival-webtransport-bbr-moved-survived data-value=\"0\">0 of 0",
            "survival-webtransport-cubic-first-data data-value=\"300000\"",
            "survival-webtransport-cubic-moved-resumed data-value=\"1200000\"",
            "survival-webtransport-bbr-resumed data-value=\"\">–",
            "survival-websocket-cubic-lost data-value=\"0\">0",
        ] {
            assert!(html.contains(fact), "{fact}: {html}");
        }
        let left = survival.table(&[]);
        assert!(left.contains("survival-websocket-cubic-lost data-value=\"\">–"), "{left}");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut survival = Survival::default();
        for number in 0..200 {
            let tunnel = TunnelReport { number, ..samples::tunnelled().tunnels[0].clone() };
            survival.take(&LabReport { tunnels: vec![tunnel], ..samples::tunnelled() });
        }
        assert_eq!((survival.tunnels.len(), survival.next_number()), (MOST, 200));
    }
}
