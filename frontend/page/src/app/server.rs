//! What the page knows of its server, and how it keeps knowing it.

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

/// The server, as far as the page knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// It has been asked and has not answered.
    Asking,
    /// It has answered.
    Ready(ServerInfo),
    /// It could not be reached before it ever answered.
    Unreachable {
        /// Why, in a few words.
        reason: String,
    },
}

/// What lanes need of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its version.
    pub version: String,
    /// Whether it answers WebTransport.
    pub has_quic: bool,
    /// What it offers.
    pub offered: FeedKinds,
    /// Where to connect without an emulated network.
    pub endpoints: Endpoints,
    /// Where the page is, and with it the server's labs.
    pub page: PageAddress,
    /// The life of the server.
    epoch: u64,
}

impl ServerInfo {
    /// Reads the server's answer for a page at `page`.
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

    /// Where a lane connects: through `lab`, or without an emulated network.
    pub fn endpoints_of(&self, lane: LaneId, setup: &LaneSetup, lab: Option<LabPorts>) -> Endpoints {
        endpoints_of(&self.endpoints, &self.page, lane, setup, lab)
    }
}

/// Returns where a lane of a page at `page` connects: through `lab`, or at `direct` without an emulated network.
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

/// How often it is looked whether there is a reason to ask, milliseconds.
const LOOK_MILLIS: i32 = 1_000;
/// How long to wait after a failure, milliseconds.
const RETRY_MILLIS: f64 = 2_000.0;

/// Asks the server at the start, when its certificates are about to change, and while a lane can't connect (a server
/// that was started anew has other certificates).
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
                    // What it said earlier may still be true: lanes say themselves whether they are connected.
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
