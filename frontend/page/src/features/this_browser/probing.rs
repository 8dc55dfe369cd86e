//! Connections of this browser, opened to see how long that takes.

use js_sys::{Array, Promise, Reflect};
use sluice_shared::mode::Transport;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{WebSocket, WebTransport, WebTransportHash, WebTransportOptions, window};

use crate::features::this_browser::measured::TRIALS;
use sluice_browser::api;
use sluice_browser::certificate_hash;
use sluice_browser::clock;
use sluice_browser::support;
use sluice_browser::window;

/// How long a connection may take to open, or to close, ms.
const LIMIT_MILLIS: i32 = 10_000;
/// Between one pair of connections and the next: browsers slow down who opens many, ms.
const PAUSE_MILLIS: i32 = 200;
/// After so many failures of a transport it is left alone: browsers delay further tries more and more.
const MOST_FAILURES: usize = 2;

/// Where the page's own lab is met.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Least round trip of the lab's network, ms.
    pub(crate) rtt_ms: f64,
    /// Whether the WebSocket speaks TLS.
    pub(crate) has_tls: bool,
    websocket: String,
    webtransport: Option<String>,
    certificate_hashes: Vec<[u8; 32]>,
}

impl Place {
    /// Asks the server where the page's lab is.
    ///
    /// # Errors
    /// It does not say; in a sentence.
    pub(crate) async fn of(lab: &str) -> Result<Self, String> {
        if lab.is_empty() {
            return Err("The page has no emulated network, so there is nothing to measure over.".to_owned());
        }
        let failed =
            |error: api::AskError| ["This lab cannot be measured: ", &error.to_string(), "."].concat();
        let lab = api::lab(lab).await.map_err(failed)?;
        let info = api::info().await.map_err(failed)?;
        let page = window::page_address();
        // Without its lane, so that the lab's reports are not taken for those of one.
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

    /// Opens connections one after the other: each transport cold, and at once again; `told` hears of each what it took,
    /// µs, or why it did not open.
    pub(crate) async fn measure(&self, mut told: impl FnMut(Transport, bool, Result<u64, String>)) {
        for transport in [Transport::WebSocket, Transport::WebTransport] {
            let mut failures = 0;
            for _ in 0..TRIALS {
                for is_warm in [false, true] {
                    let outcome = match transport {
                        Transport::WebSocket => open_websocket(&self.websocket).await,
                        Transport::WebTransport => self.open_webtransport().await,
                    };
                    let has_failed = outcome.is_err();
                    told(transport, is_warm, outcome);
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

    async fn open_webtransport(&self) -> Result<u64, String> {
        let Some(url) = &self.webtransport else {
            return Err("this server answers no WebTransport".to_owned());
        };
        if !window::capabilities().web_transport {
            return Err("this browser, or this page, has no WebTransport".to_owned());
        }
        let options = WebTransportOptions::new();
        if !self.certificate_hashes.is_empty() {
            let hashes: Vec<WebTransportHash> =
                self.certificate_hashes.iter().map(certificate_hash).collect();
            options.set_server_certificate_hashes(&hashes);
        }
        let began_ms = clock::page_millis();
        let transport = WebTransport::new_with_options(url, &options).map_err(|error| reason(&error))?;
        let closed: Promise = transport.closed().unchecked_into();
        // Without a handler, a rejection would reach the console.
        let end = closed.clone();
        spawn_local(async move {
            JsFuture::from(end).await.ok();
        });
        let opened = within_limit(transport.ready().unchecked_into()).await;
        let micros = micros_since(began_ms);
        transport.close();
        opened.map_err(|error| reason(&error))?;
        within_limit(closed).await.ok();
        Ok(micros)
    }
}

async fn open_websocket(url: &str) -> Result<u64, String> {
    let began_ms = clock::page_millis();
    let socket = WebSocket::new(url).map_err(|error| reason(&error))?;
    let opened = Promise::new(&mut |resolve, reject| {
        socket.set_onopen(Some(&resolve));
        socket.set_onclose(Some(&reject));
    });
    let opened = within_limit(opened).await;
    let micros = micros_since(began_ms);
    let closed = Promise::new(&mut |resolve, _| socket.set_onclose(Some(&resolve)));
    // A socket without a code can always be closed.
    socket.close().ok();
    opened.map_err(|error| reason(&error))?;
    within_limit(closed).await.ok();
    Ok(micros)
}

/// What `promise` comes to, or a rejection with nothing when it takes too long.
async fn within_limit(promise: Promise) -> Result<JsValue, JsValue> {
    let limit = Promise::new(&mut |_, reject| {
        let set = window().map(|window| {
            window.set_timeout_with_callback_and_timeout_and_arguments_0(&reject, LIMIT_MILLIS)
        });
        debug_assert!(matches!(set, Some(Ok(_))), "a page has timers");
    });
    JsFuture::from(Promise::race(&Array::of2(&promise, &limit))).await
}

/// Why it did not open: an error's message, or a close event's code.
fn reason(error: &JsValue) -> String {
    let property = |name: &str| Reflect::get(error, &name.into()).ok();
    if let Some(message) = property("message").and_then(|message| message.as_string()) {
        return message;
    }
    match property("code").and_then(|code| code.as_f64()) {
        Some(code) => ["closed with code ", &(code as u32).to_string()].concat(),
        None => ["no answer within ", &(LIMIT_MILLIS / 1_000).to_string(), "\u{a0}s"].concat(),
    }
}

fn micros_since(began_ms: f64) -> u64 {
    ((clock::page_millis() - began_ms).max(0.0) * 1e3) as u64
}
