//! Opens this browser's own connections over the page's emulated network, and times them. Called by the state
//! of the measurement. Connections are opened one at a time and closed at once.

use sluice_browser::api;
use sluice_browser::clock;
use sluice_browser::connect_timing;
use sluice_browser::support;
use sluice_browser::window;
use sluice_shared::mode::Transport;

use crate::features::this_browser::model::TRIALS;

/// Pause between pairs of connections, ms: browsers throttle pages that open many.
const PAUSE_MILLIS: i32 = 200;
/// Failures of a transport after which no more of its connections are opened: browsers delay further attempts
/// increasingly.
const MOST_FAILURES: usize = 2;

/// Addresses on which a lab's emulated network listens.
#[derive(Clone, Debug)]
pub struct LabEndpoints {
    /// Minimum round-trip time of the lab's network, ms.
    pub rtt_ms: f64,
    /// True if the WebSocket uses TLS.
    pub has_tls: bool,
    websocket: String,
    webtransport: Option<String>,
    certificate_hashes: Vec<[u8; 32]>,
}

impl LabEndpoints {
    /// Queries the server for a lab's addresses.
    ///
    /// # Errors
    /// Returns a sentence if there is no lab or the server does not respond.
    pub async fn find(lab: Option<&str>) -> Result<Self, String> {
        let Some(lab) = lab.filter(|lab| !lab.is_empty()) else {
            return Err(
                "The page has no emulated network yet, so there is nothing to measure over: wait until the \
                        lanes are connected, or reload the page."
                    .to_owned(),
            );
        };
        let failed = |error: api::AskError| {
            [
                "The page's network cannot be measured: ",
                &error.to_string(),
                ". Try again, or reload the page.",
            ]
            .concat()
        };
        let lab = api::lab(lab).await.map_err(failed)?;
        let info = api::info().await.map_err(failed)?;
        let page = window::page_address();
        // The lane is removed from the URL, so that the lab does not attribute these connections to one.
        let bare = |url: String| url.split('?').next().unwrap_or_default().to_owned();
        let ports = lab.ports;
        Ok(Self {
            rtt_ms: 2.0 * lab.knobs.delay_ms,
            has_tls: page.protocol == "https:",
            websocket: bare(support::lab_websocket_url(&page.protocol, &page.host, ports.websocket.cubic, 0)),
            webtransport: ports
                .webtransport
                .map(|ports| bare(support::lab_webtransport_url(&page.host, ports.cubic, 0))),
            certificate_hashes: info
                .certificate_hashes
                .iter()
                .filter_map(|hash| support::hash_from_hex(hash))
                .collect(),
        })
    }

    /// Opens connections one after the other: each transport cold, and immediately again. Calls `on_outcome`
    /// with the duration of each, µs, or the reason it failed.
    pub async fn measure(&self, mut on_outcome: impl FnMut(Transport, bool, Result<u64, String>)) {
        for transport in [Transport::WebSocket, Transport::WebTransport] {
            let mut failures = 0;
            for _ in 0..TRIALS {
                for is_warm in [false, true] {
                    let outcome = self.open(transport).await;
                    let has_failed = outcome.is_err();
                    on_outcome(transport, is_warm, outcome);
                    if has_failed {
                        failures += 1;
                        break;
                    }
                }
                if failures == MOST_FAILURES {
                    break;
                }
                clock::sleep_millis(PAUSE_MILLIS).await;
            }
        }
    }

    async fn open(&self, transport: Transport) -> Result<u64, String> {
        match transport {
            Transport::WebSocket => connect_timing::time_websocket(&self.websocket).await,
            Transport::WebTransport => match &self.webtransport {
                Some(url) => connect_timing::time_webtransport(url, &self.certificate_hashes).await,
                None => Err("this server answers no WebTransport".to_owned()),
            },
        }
    }
}
