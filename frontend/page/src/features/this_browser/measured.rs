//! What this browser's own connections took, in HTML.

use sluice_shared::handshake::{HandshakeReport, Probe, Spread};
use sluice_shared::mode::Transport;

use crate::features::frames::model::push_text;
use crate::features::handshakes::words::exact_span;
use crate::features::handshakes::words::trips_text;
use sluice_text::decimal::fixed;

/// How often each kind of connection is opened.
pub(crate) const TRIALS: usize = 5;

/// Connections of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trials {
    /// From the constructor's call to the open connection, µs.
    pub(crate) micros: Vec<u64>,
    /// Why others did not open.
    pub(crate) failures: Vec<String>,
}

/// All kinds of connections that this browser was asked for, over one network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The network's least round trip, ms.
    pub(crate) rtt_ms: f64,
    /// Whether the WebSockets had TLS.
    pub(crate) has_tls: bool,
    /// WebSocket cold and warm, WebTransport cold and warm.
    pub(crate) kinds: [(Transport, bool, Trials); 4],
}

impl Measured {
    /// Nothing yet.
    pub(crate) fn new(rtt_ms: f64, has_tls: bool) -> Self {
        let kind = |transport, is_warm| (transport, is_warm, Trials::default());
        Self {
            rtt_ms,
            has_tls,
            kinds: [
                kind(Transport::WebSocket, false),
                kind(Transport::WebSocket, true),
                kind(Transport::WebTransport, false),
                kind(Transport::WebTransport, true),
            ],
        }
    }

    /// Counts a connection.
    pub(crate) fn add(&mut self, transport: Transport, is_warm: bool, outcome: Result<u64, String>) {
        let kind = self.kinds.iter_mut().find(|(kind, warm, _)| *kind == transport && *warm == is_warm);
        let Some((_, _, trials)) = kind else { return };
        match outcome {
            Ok(micros) => trials.micros.push(micros),
            Err(reason) => trials.failures.push(reason),
        }
    }

    /// A line for each kind beside what native clients took, and what is to be said of it.
    pub(crate) fn html(&self, native: Option<&HandshakeReport>) -> String {
        let mut html = "<table class=proof><thead><tr><th></th><th>to open</th><th>in RTTs</th>\
                        <th>native clients</th></tr></thead><tbody>"
            .to_owned();
        for (transport, is_warm, trials) in &self.kinds {
            self.push_kind(&mut html, *transport, *is_warm, trials, native);
        }
        html.push_str("</tbody></table><p>");
        if self.rtt_ms > 0.0 {
            html.extend([
                "The page's own lab has a round trip of ",
                &fixed(self.rtt_ms, 0),
                "\u{a0}ms at least.",
            ]);
        } else {
            html.push_str(
                "The page's own lab has no delay, so a ratio to its round trip means nothing: set a delay in the \
                 Network card.",
            );
        }
        html.push_str(if self.has_tls {
            " Both had TLS."
        } else {
            " This page came over plain http, so its WebSockets are ws:// without TLS: TCP and the upgrade, one round \
             trip less than wss:// at least."
        });
        if self.has_late_settings(native) {
            html.push_str(
                " WebTransport took a round trip more than the lab's native client: CONNECT waits for the server's \
                 SETTINGS, which the lab's server sends with its handshake, and the page's once the client's part of it \
                 has arrived.",
            );
        }
        html + "</p>"
    }

    /// Whether WebTransport took at least half a round trip more than the native client's count.
    fn has_late_settings(&self, native: Option<&HandshakeReport>) -> bool {
        let told =
            native.and_then(|report| report.probes.iter().find(|told| told.probe == Probe::WebTransport));
        let trips = told.and_then(|told| told.first_byte_round_trips.most_common());
        let measured =
            self.kinds.iter().find(|(kind, is_warm, _)| *kind == Transport::WebTransport && !is_warm);
        let Some((trips, (_, _, trials))) = trips.zip(measured) else { return false };
        let limit_ms = (f64::from(trips) + 0.5) * self.rtt_ms;
        let median = Spread::of(trials.micros.clone()).map(|spread| spread.median_micros);
        self.rtt_ms > 0.0 && median.is_some_and(|median| median as f64 / 1e3 > limit_ms)
    }

    fn push_kind(
        &self,
        html: &mut String,
        transport: Transport,
        is_warm: bool,
        trials: &Trials,
        native: Option<&HandshakeReport>,
    ) {
        let (title, name, probe) = match transport {
            Transport::WebSocket => ("WebSocket", "websocket", Probe::Wss),
            Transport::WebTransport => ("WebTransport", "webtransport", Probe::WebTransport),
        };
        let warmth = if is_warm { "warm" } else { "cold" };
        html.extend(["<tr><th>new ", title, ", ", warmth, "</th>"]);
        match Spread::of(trials.micros.clone()) {
            Some(spread) => {
                let median = spread.median_micros;
                html.extend([
                    "<td data-testid=browser-",
                    name,
                    "-",
                    warmth,
                    " data-value=",
                    &median.to_string(),
                    ">",
                    &exact_span(median),
                    "<small>",
                    &exact_span(spread.min_micros),
                    " to ",
                    &exact_span(spread.max_micros),
                    ", ",
                    &trials.micros.len().to_string(),
                    " times</small></td><td>",
                ]);
                let ratio = median as f64 / 1e3 / self.rtt_ms;
                html.push_str(&if self.rtt_ms > 0.0 {
                    fixed(ratio, 2) + "\u{a0}RTT"
                } else {
                    "–".to_owned()
                });
                html.push_str("</td>");
            }
            None => html.push_str("<td>–</td><td>–</td>"),
        }
        html.push_str("<td>");
        let told = native.and_then(|report| report.probes.iter().find(|told| told.probe == probe));
        match told.and_then(|told| Some((told.first_byte?, told))) {
            Some((spread, told)) => {
                html.push_str(&exact_span(spread.median_micros));
                html.extend([
                    "<small>",
                    &trips_text(&told.first_byte_round_trips),
                    ", ",
                    told.probe.title(),
                    " cold</small>",
                ]);
            }
            None => html.push('–'),
        }
        html.push_str("</td></tr>");
        if let Some(reason) = trials.failures.last() {
            let count = trials.failures.len().to_string();
            html.extend([
                "<tr class=stop><td colspan=4 data-testid=browser-",
                name,
                "-",
                warmth,
                "-failed data-value=",
            ]);
            html.extend([&*count, ">", &count, " did not open: "]);
            push_text(html, reason);
            html.push_str("</td></tr>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::handshakes::samples::probe;
    use crate::features::handshakes::samples::report;

    #[test]
    fn times_are_told_in_round_trips_of_the_lab() {
        let mut measured = Measured::new(100.0, false);
        for micros in [201_000, 203_000, 202_000] {
            measured.add(Transport::WebSocket, false, Ok(micros));
        }
        measured.add(Transport::WebTransport, true, Err("no answer within 10\u{a0}s <".to_owned()));
        let html = measured.html(None);
        assert!(html.contains("browser-websocket-cold data-value=202000>202.0\u{a0}ms"), "{html}");
        assert!(html.contains("2.02\u{a0}RTT"), "{html}");
        assert!(html.contains("1 did not open: no answer within 10\u{a0}s &lt;"), "{html}");
        assert!(html.contains("ws:// without TLS"), "{html}");
    }

    #[test]
    fn without_a_round_trip_there_is_no_ratio() {
        let mut measured = Measured::new(0.0, true);
        measured.add(Transport::WebTransport, false, Ok(1_500));
        let html = measured.html(None);
        assert!(html.contains("means nothing") && !html.contains("RTT</td>"), "{html}");
    }

    #[test]
    fn settings_that_come_late_are_named_as_the_reason() {
        let native = report(vec![probe(Probe::WebTransport)]);
        let says_so = |micros| {
            let mut measured = Measured::new(100.0, false);
            measured.add(Transport::WebTransport, false, Ok(micros));
            measured.html(Some(&native)).contains("SETTINGS")
        };
        assert!(says_so(312_000));
        assert!(!says_so(212_000));
    }
}
