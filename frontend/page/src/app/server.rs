//! The page's knowledge of its server, and the task that refreshes it.
//!
//! The task runs for as long as the page is open. Once [`Server::Ready`], the state never becomes
//! [`Server::Unreachable`] again, since lanes report their own connections.

use leptos::prelude::*;
use sluice_shared::api::Info;
use sluice_shared::lab::{CongestionPorts, LabPorts};

use crate::app::state::App;
use crate::engine::lane::LaneId;
use crate::engine::lane::set_if_new;
use crate::url::setup::FeedKinds;
use crate::url::setup::LaneSetup;
use sluice_bridge::Connection;
use sluice_bridge::Endpoints;
use sluice_browser::api;
use sluice_browser::clock;
use sluice_browser::support;
use sluice_browser::window::PageAddress;

/// State of the server as known to the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// Requested, without a response so far.
    Asking,
    /// The server has responded.
    Ready(ServerInfo),
    /// Unreachable, without any earlier response.
    Unreachable {
        /// Reason, in a few words.
        reason: String,
    },
}

/// Server facts that lanes need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Version of the server.
    pub version: String,
    /// True if it accepts WebTransport.
    pub has_quic: bool,
    /// Feeds that it offers.
    pub offered: FeedKinds,
    /// Endpoints without an emulated network.
    pub endpoints: Endpoints,
    /// Address of the page, on whose host the server's labs are.
    pub page: PageAddress,
    /// Epoch of the server, which changes when it restarts.
    epoch: u64,
}

impl ServerInfo {
    /// Converts the server's response for a page at `page`.
    pub fn new(info: &Info, page: &PageAddress) -> Self {
        Self {
            version: info.version.clone(),
            has_quic: info.quic_port.is_some(),
            offered: FeedKinds::from_names(info.feeds.iter().map(String::as_str)),
            endpoints: Endpoints {
                websocket: support::websocket_url(&page.protocol, &page.authority),
                webtransport: info
                    .quic_port
                    .map_or_else(String::new, |port| support::webtransport_url(&page.host, port)),
                certificate_hashes: info
                    .certificate_hashes
                    .iter()
                    .filter_map(|hash| support::hash_from_hex(hash))
                    .collect(),
            },
            page: page.clone(),
            epoch: info.epoch,
        }
    }

    /// Returns the endpoints of a lane: through `lab`, or without an emulated network.
    pub fn endpoints_of(&self, lane: LaneId, setup: &LaneSetup, lab: Option<LabPorts>) -> Endpoints {
        endpoints_of(&self.endpoints, &self.page, lane, setup, lab)
    }
}

/// Returns the endpoints of a lane of a page at `page`: through `lab`, or `direct` without an emulated
/// network.
pub fn endpoints_of(
    direct: &Endpoints,
    page: &PageAddress,
    lane: LaneId,
    setup: &LaneSetup,
    lab: Option<LabPorts>,
) -> Endpoints {
    let Some(lab) = lab.filter(|_| !setup.is_direct) else { return direct.clone() };
    let PageAddress { protocol, host, .. } = page;
    let port = |ports: CongestionPorts| ports.port(setup.congestion);
    Endpoints {
        websocket: support::lab_websocket_url(protocol, host, port(lab.websocket), lane.0),
        webtransport: lab
            .webtransport
            .map_or_else(String::new, |ports| support::lab_webtransport_url(host, port(ports), lane.0)),
        certificate_hashes: direct.certificate_hashes.clone(),
    }
}

/// Interval between checks for a reason to poll the server, milliseconds.
const LOOK_MILLIS: i32 = 1_000;
/// Delay after a failure, milliseconds.
const RETRY_MILLIS: f64 = 2_000.0;

/// Polls the server at the start, when its certificates are about to change, and while a lane cannot connect
/// (a restarted server has other certificates).
pub(crate) async fn keep_informed(app: App, page: PageAddress) {
    let mut ask_at_ms = 0.0;
    let mut asked_ms = 0.0;
    loop {
        let now_ms = clock::page_millis();
        if now_ms >= ask_at_ms || any_lane_waits(app) && now_ms >= asked_ms + RETRY_MILLIS {
            asked_ms = now_ms;
            match api::info().await {
                Ok(info) => {
                    let refresh_ms =
                        info.certificate_refresh_secs.map_or(f64::INFINITY, |secs| secs as f64 * 1e3);
                    ask_at_ms = clock::page_millis() + refresh_ms.max(RETRY_MILLIS);
                    let info = ServerInfo::new(&info, &page);
                    set_if_new(app.feeds, app.feeds.get_untracked().fitted(info.offered));
                    let has_restarted = app.server.with_untracked(|server| match server {
                        Server::Ready(before) => before.epoch != info.epoch,
                        Server::Asking | Server::Unreachable { .. } => false,
                    });
                    if has_restarted {
                        app.network.handle_lab_gone(app);
                    }
                    set_if_new(app.server, Server::Ready(info));
                }
                Err(error) => {
                    ask_at_ms = clock::page_millis() + RETRY_MILLIS;
                    // An earlier response may still hold: lanes report themselves whether they are connected.
                    if app.server.with_untracked(|server| !matches!(server, Server::Ready(_))) {
                        set_if_new(app.server, Server::Unreachable { reason: error.to_string() });
                    }
                }
            }
        }
        clock::sleep_millis(LOOK_MILLIS).await;
    }
}

fn any_lane_waits(app: App) -> bool {
    let lanes = app.lanes.get_untracked();
    lanes
        .iter()
        .any(|lane| lane.view.with_untracked(|view| matches!(view.connection, Connection::Waiting { .. })))
}
