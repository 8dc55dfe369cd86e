//! Metrics of a run: names in templates, headings in tables, units.

use sluice_text::format;

/// A measured quantity of a lane, or of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Messages lost without a report.
    Lost,
    /// Messages skipped and reported.
    Skipped,
    /// Messages consumed.
    Consumed,
    /// Longest time without data.
    NoData,
    /// Time from the end of the outage to the first data.
    FreshAfter,
    /// Connections used.
    Connections,
    /// Stalls of 100 ms and more.
    Stalls,
    /// Median latency.
    P50,
    /// 99th percentile of latency.
    P99,
    /// Most memory that the server held for the lane, bytes.
    ServerBytes,
    /// Share of a core that the server spent on the lane, thousandths.
    Core,
    /// Share of its time that the lane's thread in the browser was busy, thousandths.
    Busy,
    /// Smallest receive window that the client's TCP announced, bytes.
    PeerWindow,
    /// Most bytes that waited unsent in the server's socket.
    Unsent,
    /// Round trips until the response.
    RoundTrips,
    /// Time until the first byte of the response.
    FirstByte,
    /// Frames seen.
    Frames,
    /// Header bytes of WebSocket frames.
    HeaderBytes,
    /// Payload bytes of WebSocket frames.
    PayloadBytes,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 19] = [
        Self::Lost,
        Self::Skipped,
        Self::Consumed,
        Self::NoData,
        Self::FreshAfter,
        Self::Connections,
        Self::Stalls,
        Self::P50,
        Self::P99,
        Self::ServerBytes,
        Self::Core,
        Self::Busy,
        Self::PeerWindow,
        Self::Unsent,
        Self::RoundTrips,
        Self::FirstByte,
        Self::Frames,
        Self::HeaderBytes,
        Self::PayloadBytes,
    ];

    /// Returns the name in templates and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Skipped => "skipped",
            Self::Consumed => "consumed",
            Self::NoData => "no-data",
            Self::FreshAfter => "fresh-after",
            Self::Connections => "connections",
            Self::Stalls => "stalls",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::ServerBytes => "server-bytes",
            Self::Core => "core",
            Self::Busy => "busy",
            Self::PeerWindow => "peer-window",
            Self::Unsent => "unsent",
            Self::RoundTrips => "round-trips",
            Self::FirstByte => "first-byte",
            Self::Frames => "frames",
            Self::HeaderBytes => "header-bytes",
            Self::PayloadBytes => "payload-bytes",
        }
    }

    /// Returns the heading in tables.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Lost => "lost, unreported",
            Self::Skipped => "skipped, reported",
            Self::Consumed => "consumed",
            Self::NoData => "longest time without data",
            Self::FreshAfter => "data again after",
            Self::Connections => "connections",
            Self::Stalls => "stalls",
            Self::P50 => "latency p50",
            Self::P99 => "latency p99",
            Self::ServerBytes => "server held",
            Self::Core => "server's core",
            Self::Busy => "browser busy",
            Self::PeerWindow => "smallest TCP window",
            Self::Unsent => "most unsent",
            Self::RoundTrips => "round trips",
            Self::FirstByte => "first byte after",
            Self::Frames => "frames",
            Self::HeaderBytes => "header bytes",
            Self::PayloadBytes => "payload bytes",
        }
    }

    /// Returns the metric with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Returns a value with its unit; "–" where nothing was measured.
    pub fn text(self, value: Option<u64>) -> String {
        let Some(value) = value else { return "–".to_owned() };
        match self {
            Self::Lost
            | Self::Skipped
            | Self::Consumed
            | Self::Connections
            | Self::Stalls
            | Self::RoundTrips
            | Self::Frames => format::count(value),
            Self::NoData | Self::FreshAfter | Self::P50 | Self::P99 | Self::FirstByte => format::span(value),
            Self::ServerBytes | Self::PeerWindow | Self::Unsent | Self::HeaderBytes | Self::PayloadBytes => {
                format::bytes(value)
            }
            Self::Core | Self::Busy => format::percent(value as f64 / 1_000.0),
        }
    }

    /// Returns whether a value means that messages were lost for good.
    pub fn is_harm(self, value: Option<u64>) -> bool {
        self == Self::Lost && value.is_some_and(|lost| lost > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_has_a_name_of_its_own() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
        assert_eq!(Metric::from_name("mood"), None);
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_never_zero() {
        for metric in Metric::ALL {
            assert_eq!(metric.text(None), "–");
            assert!(!metric.is_harm(None));
        }
        assert_eq!(Metric::Core.text(Some(964)), "96\u{a0}%");
        assert_eq!(Metric::NoData.text(Some(4_200_000)), "4.20\u{a0}s");
    }
}
