//! Opening times of this browser's own connections, beside those of native clients. Filled by the state while
//! connections are opened; the view shows its rows and remarks. Plain Rust without signals, tested natively.

use sluice_shared::handshake::Spread;
use sluice_shared::mode::Transport;
use sluice_text::decimal::fixed;
use sluice_text::format::exact_span;

/// Number of connections of each kind.
pub const TRIALS: usize = 5;

/// Trials of one kind of connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionTrials {
    /// Transport of the connections.
    pub transport: Transport,
    /// True if another connection was closed just before.
    pub is_warm: bool,
    /// Time from the constructor's call to the open connection, µs.
    pub micros: Vec<u64>,
    /// Reasons why the other ones did not open.
    pub failures: Vec<String>,
}

/// Trials of all kinds of connections over one network.
#[derive(Clone, Debug, PartialEq)]
pub struct BrowserTimings {
    /// Minimum round-trip time of the network, ms.
    pub rtt_ms: f64,
    /// True if the WebSockets used TLS.
    pub has_tls: bool,
    /// The kinds in display order.
    pub kinds: [ConnectionTrials; 4],
}

/// Time of a native client to open the same session over the handshake lab's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeOpening {
    /// Median, µs.
    pub median_micros: u64,
    /// Round trips counted from packets.
    pub round_trips: Option<u32>,
    /// Round trips and client as text.
    pub detail: String,
}

/// Opening times of native clients, where measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NativeOpenings {
    /// WebSocket over TLS.
    pub websocket: Option<NativeOpening>,
    /// WebTransport session.
    pub webtransport: Option<NativeOpening>,
}

/// Table row for one kind of connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingRow {
    /// Test id.
    pub testid: String,
    /// Name of the kind.
    pub title: String,
    /// Measured times; `None` while none has opened.
    pub opened: Option<OpenedCell>,
    /// A native client's time, and its round trips.
    pub native: Option<(String, String)>,
    /// Number of connections that did not open, and the last one's reason.
    pub failure: Option<(usize, String)>,
}

/// Times of the opened connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedCell {
    /// Median, µs.
    pub micros: u64,
    /// Median as text.
    pub text: String,
    /// Range and count as text.
    pub detail: String,
    /// Median in round trips of the network; "–" without delay.
    pub trips_text: String,
}

impl BrowserTimings {
    /// Returns timings without any connections.
    pub fn new(rtt_ms: f64, has_tls: bool) -> Self {
        let kind = |(transport, is_warm)| ConnectionTrials {
            transport,
            is_warm,
            micros: Vec::new(),
            failures: Vec::new(),
        };
        let kinds = [
            (Transport::WebSocket, false),
            (Transport::WebSocket, true),
            (Transport::WebTransport, false),
            (Transport::WebTransport, true),
        ];
        Self { rtt_ms, has_tls, kinds: kinds.map(kind) }
    }

    /// Adds a connection: its duration, µs, or the reason it did not open.
    pub fn add(&mut self, transport: Transport, is_warm: bool, outcome: Result<u64, String>) {
        let kind = self.kinds.iter_mut().find(|kind| kind.transport == transport && kind.is_warm == is_warm);
        let Some(kind) = kind else { return };
        match outcome {
            Ok(micros) => kind.micros.push(micros),
            Err(reason) => kind.failures.push(reason),
        }
    }

    /// Returns a row for each kind, with the times of native clients.
    pub fn rows(&self, native: &NativeOpenings) -> Vec<TimingRow> {
        self.kinds.iter().map(|kind| self.row(kind, native)).collect()
    }

    /// Returns the remarks needed to interpret the table.
    pub fn remarks(&self, native: &NativeOpenings) -> Vec<String> {
        let mut remarks = vec![if self.rtt_ms > 0.0 {
            let rtt = fixed(self.rtt_ms, 0);
            ["The page's own network has a round trip of ", &rtt, "\u{a0}ms at least."].concat()
        } else {
            "The page's own network has no delay, so a ratio to its round trip means nothing: set a delay in the \
             Network card."
                .to_owned()
        }];
        let tls = if self.has_tls {
            "Both had TLS."
        } else {
            "This page came over plain http, so its WebSockets are ws:// without TLS: TCP and the upgrade, one round \
             trip less than wss:// at least."
        };
        remarks.push(tls.to_owned());
        if self.has_late_settings(native) {
            remarks.push(
                "WebTransport took a round trip more than the lab's native client: CONNECT waits for the server's \
                 SETTINGS, which the lab's server sends with its handshake, and the page's once the client's part of \
                 it has arrived."
                    .to_owned(),
            );
        }
        remarks
    }

    fn row(&self, kind: &ConnectionTrials, native: &NativeOpenings) -> TimingRow {
        let (title, name, native) = match kind.transport {
            Transport::WebSocket => ("WebSocket", "websocket", &native.websocket),
            Transport::WebTransport => ("WebTransport", "webtransport", &native.webtransport),
        };
        let warmth = if kind.is_warm { "warm" } else { "cold" };
        TimingRow {
            testid: ["browser", name, warmth].join("-"),
            title: ["new ", title, ", ", warmth].concat(),
            opened: Spread::of(kind.micros.clone()).map(|spread| self.opened(spread, kind.micros.len())),
            native: native.as_ref().map(|native| (exact_span(native.median_micros), native.detail.clone())),
            failure: kind.failures.last().map(|reason| (kind.failures.len(), reason.clone())),
        }
    }

    fn opened(&self, spread: Spread, count: usize) -> OpenedCell {
        let [min, max] = [spread.min_micros, spread.max_micros].map(exact_span);
        let ratio = spread.median_micros as f64 / 1e3 / self.rtt_ms;
        OpenedCell {
            micros: spread.median_micros,
            text: exact_span(spread.median_micros),
            detail: [&*min, " to ", &max, ", ", &count.to_string(), " times"].concat(),
            trips_text: if self.rtt_ms > 0.0 { fixed(ratio, 2) + "\u{a0}RTT" } else { "–".to_owned() },
        }
    }

    /// True if WebTransport took at least half a round trip more than the native client's count.
    fn has_late_settings(&self, native: &NativeOpenings) -> bool {
        let trips = native.webtransport.as_ref().and_then(|native| native.round_trips);
        let cold = self.kinds.iter().find(|kind| kind.transport == Transport::WebTransport && !kind.is_warm);
        let Some((trips, cold)) = trips.zip(cold) else { return false };
        let limit_ms = (f64::from(trips) + 0.5) * self.rtt_ms;
        let median = Spread::of(cold.micros.clone()).map(|spread| spread.median_micros);
        self.rtt_ms > 0.0 && median.is_some_and(|median| median as f64 / 1e3 > limit_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_NATIVE: NativeOpenings = NativeOpenings { websocket: None, webtransport: None };

    #[test]
    fn times_stand_beside_round_trips_of_the_network() {
        let mut timings = BrowserTimings::new(100.0, false);
        for micros in [201_000, 203_000, 202_000] {
            timings.add(Transport::WebSocket, false, Ok(micros));
        }
        timings.add(Transport::WebTransport, true, Err("closed with code 7".to_owned()));
        let rows = timings.rows(&NO_NATIVE);
        let opened = rows[0].opened.as_ref().expect("it opened");
        assert_eq!((rows[0].testid.as_str(), opened.micros), ("browser-websocket-cold", 202_000));
        assert_eq!(opened.trips_text, "2.02\u{a0}RTT");
        assert_eq!(opened.detail.replace('\u{a0}', " "), "201.0 ms to 203.0 ms, 3 times");
        assert_eq!((rows[3].opened.as_ref(), rows[3].testid.as_str()), (None, "browser-webtransport-warm"));
        assert_eq!(rows[3].failure, Some((1, "closed with code 7".to_owned())));
        assert!(timings.remarks(&NO_NATIVE).concat().contains("ws:// without TLS"));
    }

    #[test]
    fn without_a_round_trip_there_is_no_ratio() {
        let mut timings = BrowserTimings::new(0.0, true);
        timings.add(Transport::WebTransport, false, Ok(1_500));
        let rows = timings.rows(&NO_NATIVE);
        assert_eq!(rows[2].opened.as_ref().map(|opened| opened.trips_text.as_str()), Some("–"));
        let remarks = timings.remarks(&NO_NATIVE).concat();
        assert!(remarks.contains("means nothing") && remarks.contains("Both had TLS"), "{remarks}");
    }

    #[test]
    fn settings_that_come_late_are_named_as_the_reason() {
        let opening =
            NativeOpening { median_micros: 200_000, round_trips: Some(2), detail: "2 RTT".to_owned() };
        let native = NativeOpenings { webtransport: Some(opening), ..NativeOpenings::default() };
        let is_named = |micros| {
            let mut timings = BrowserTimings::new(100.0, false);
            timings.add(Transport::WebTransport, false, Ok(micros));
            timings.remarks(&native).concat().contains("SETTINGS")
        };
        assert!(is_named(312_000));
        assert!(!is_named(212_000));
    }
}
