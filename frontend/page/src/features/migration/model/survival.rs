//! Survival of connections in outages, by length of the outage. Updated by the panel's state with every
//! report; the chart and the table read it. Only connections in use at the start of an outage count.

use sluice_shared::handshake::Spread;
use sluice_shared::lab::{Congestion, LabReport, TunnelPath, TunnelReport};
use sluice_shared::mode::Transport;
use sluice_shared::time::{Time, micros};

use crate::features::migration::model::lane::PageLane;

/// Maximum number of outages kept; the server keeps fewer.
const MOST: usize = 64;

/// Outages of a lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survival {
    /// Outages, the oldest first.
    tunnels: Vec<TunnelReport>,
    /// Server's clock at the last report.
    now: Time,
}

/// Transport with a congestion controller: a row of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneKind {
    pub(crate) transport: Transport,
    pub(crate) congestion: Congestion,
}

/// Outcome of an outage for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The connection delivered the first data after the outage, this many µs after its end.
    Survived(u64),
    /// Another connection did, this many µs after its end.
    Died(u64),
    /// No data has arrived yet.
    Open,
}

/// One connection in one outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Number of the outage in the lab.
    pub(crate) number: u64,
    pub(crate) kind: LaneKind,
    pub(crate) lane: u16,
    /// Length of the outage, µs.
    pub(crate) length_micros: u64,
    /// True if the client's address changed at the end.
    pub(crate) is_switched: bool,
    pub(crate) outcome: Outcome,
}

impl LaneKind {
    /// Returns the name shown on the page.
    pub(crate) fn title(self) -> String {
        let transport = match self.transport {
            Transport::WebTransport => "WebTransport ",
            Transport::WebSocket => "WebSocket ",
        };
        transport.to_owned() + self.congestion.label()
    }

    /// Returns the name used in test ids.
    pub(crate) fn name(self) -> String {
        [self.transport.name(), "-", self.congestion.name()].concat()
    }
}

impl Outcome {
    /// Returns the name of the outcome.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Survived(_) => "survived",
            Self::Died(_) => "died",
            Self::Open => "open",
        }
    }

    /// Returns the time from the end of the outage to the first data, µs.
    pub(crate) const fn micros(self) -> Option<u64> {
        match self {
            Self::Survived(micros) | Self::Died(micros) => Some(micros),
            Self::Open => None,
        }
    }
}

impl Survival {
    /// Updates the outages from a report.
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

    /// True if there has been no outage yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.tunnels.is_empty()
    }

    /// Returns the number of the next outage.
    pub(crate) fn next_number(&self) -> u64 {
        self.tunnels.last().map_or(0, |tunnel| tunnel.number + 1)
    }

    /// True if all connections of an outage, or their replacements, have received data after it.
    pub(crate) fn is_over(&self, number: u64) -> bool {
        let tunnel = self.tunnels.iter().find(|tunnel| tunnel.number == number);
        tunnel.is_some_and(|tunnel| passages(tunnel).all(|passage| passage.outcome != Outcome::Open))
    }

    /// Returns the outcomes of all finished outages, row by row: QUIC above TCP.
    pub(crate) fn rows(&self) -> Vec<Vec<Passage>> {
        let past = || self.tunnels.iter().filter(|tunnel| tunnel.until <= self.now).flat_map(passages);
        let mut rows = Vec::new();
        for transport in [Transport::WebTransport, Transport::WebSocket] {
            for congestion in Congestion::ALL {
                let kind = LaneKind { transport, congestion };
                let row: Vec<Passage> = past().filter(|passage| passage.kind == kind).collect();
                if !row.is_empty() {
                    rows.push(row);
                }
            }
        }
        rows
    }

    /// Returns a summary of each row of the chart; two where the address changed at the end of some outages.
    pub(crate) fn summaries(&self, lanes: &[PageLane]) -> Vec<SurvivalSummary> {
        let rows = self.rows();
        let split = rows.iter().flat_map(|row| {
            [false, true].map(|is_switched| {
                let own = row.iter().filter(|passage| passage.is_switched == is_switched);
                SurvivalSummary::new(&own.copied().collect::<Vec<_>>(), lanes)
            })
        });
        split.flatten().collect()
    }
}

/// Summary of the outcomes of one kind of lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SurvivalSummary {
    /// Kind of lane.
    pub(crate) kind: LaneKind,
    /// True if the client's address changed at the end of the outages.
    pub(crate) is_switched: bool,
    /// Connections that have received nothing since.
    pub(crate) open: usize,
    /// Connections that survived, and those that survived or died.
    pub(crate) survived: usize,
    pub(crate) decided: usize,
    /// Longest outage that a connection survived, µs.
    pub(crate) up_to_micros: Option<u64>,
    /// Shortest outage in which a connection died, µs.
    pub(crate) died_from_micros: Option<u64>,
    /// Median time from the end of the outage to the first data where the connection survived, µs.
    pub(crate) first_data_micros: Option<u64>,
    /// The same where it died, µs.
    pub(crate) resumed_micros: Option<u64>,
    /// Messages lost by the lanes so far; `None` once all of them have left the page.
    pub(crate) lost: Option<u64>,
}

impl SurvivalSummary {
    fn new(passages: &[Passage], lanes: &[PageLane]) -> Option<Self> {
        let Passage { kind, is_switched, .. } = *passages.first()?;
        let of =
            |wanted: &'static str| passages.iter().filter(move |passage| passage.outcome.name() == wanted);
        let (survived, died) = (of("survived"), of("died"));
        let median = |micros: Vec<u64>| Spread::of(micros).map(|spread| spread.median_micros);
        let own = || lanes.iter().filter(|lane| passages.iter().any(|passage| passage.lane == lane.lane));
        let count = survived.clone().count();
        Some(Self {
            kind,
            is_switched,
            open: of("open").count(),
            survived: count,
            decided: count + died.clone().count(),
            up_to_micros: survived.clone().map(|passage| passage.length_micros).max(),
            died_from_micros: died.clone().map(|passage| passage.length_micros).min(),
            first_data_micros: median(survived.filter_map(|passage| passage.outcome.micros()).collect()),
            resumed_micros: median(died.filter_map(|passage| passage.outcome.micros()).collect()),
            lost: own().next().map(|_| own().map(|lane| lane.lost).sum()),
        })
    }

    /// Returns the name used in test ids.
    pub(crate) fn name(&self) -> String {
        self.kind.name() + if self.is_switched { "-moved" } else { "" }
    }
}

/// Returns the passages of the connections in use when an outage began. The server may still keep others that
/// their lanes have left.
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
            kind: LaneKind { transport: path.transport, congestion: path.congestion },
            lane: path.lane?,
            length_micros: micros(tunnel.until.since(tunnel.from)),
            is_switched: tunnel.switched,
            outcome,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::model::samples;

    #[test]
    fn a_connection_that_brings_the_first_data_has_survived() {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        let outcomes: Vec<_> =
            survival.rows().concat().iter().map(|passage| (passage.kind.name(), passage.outcome)).collect();
        let expected = [
            ("webtransport-cubic", Outcome::Survived(300_000)),
            ("webtransport-cubic", Outcome::Died(1_200_000)),
            ("webtransport-bbr", Outcome::Survived(120_000)),
            ("webtransport-bbr", Outcome::Open),
            ("websocket-cubic", Outcome::Survived(2_000_000)),
        ];
        assert_eq!(outcomes, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
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
    fn a_summary_covers_one_kind_of_lane() {
        let mut survival = Survival::default();
        survival.take(&samples::tunnelled());
        let summaries = survival.summaries(&samples::lanes());
        let of = |name: &str| {
            summaries.iter().find(|summary| summary.name() == name).expect("each kind has its summary")
        };
        let cubic = of("webtransport-cubic");
        assert_eq!((cubic.survived, cubic.decided, cubic.up_to_micros), (1, 1, Some(4_000_000)));
        assert_eq!((cubic.first_data_micros, cubic.resumed_micros), (Some(300_000), None));
        let moved = of("webtransport-cubic-moved");
        assert_eq!((moved.survived, moved.decided, moved.died_from_micros), (0, 1, Some(8_000_000)));
        assert_eq!(moved.resumed_micros, Some(1_200_000));
        let open = of("webtransport-bbr-moved");
        assert_eq!((open.open, open.decided), (1, 0));
        assert_eq!(of("websocket-cubic").lost, Some(0));
        assert!(survival.summaries(&[]).iter().all(|summary| summary.lost.is_none()), "no lane is left");
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
