//! The server's HTTP API.

use js_sys::Object;
use sluice_shared::api::Info;
use sluice_shared::lab::{Lab, LabEvent};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::json::Json;
use crate::json::object;
use sluice_text::decimal::short;

/// Why the server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No answer at all.
    #[error("the server does not answer")]
    Unreachable,
    /// It says no, and why.
    #[error("{0}")]
    Refused(String),
    /// An answer of another kind than expected.
    #[error("the server's answer to {0} is not understood")]
    Malformed(&'static str),
    /// JSON of another form than expected.
    #[error("the {what} is not understood: {reason}")]
    Unreadable {
        /// What was decoded.
        what: &'static str,
        /// The decoder's reason, which names a missing field.
        reason: String,
    },
}

#[wasm_bindgen]
extern "C" {
    fn fetch(url: &str, init: &Object) -> js_sys::Promise;
}

/// Asks `GET /api/info`.
///
/// # Errors
/// The server can't be reached, or says something else.
pub async fn info() -> Result<Info, AskError> {
    ask("GET", "/api/info", None).await?.info().ok_or(AskError::Malformed("/api/info"))
}

/// Makes a lab, whose network is that of `request`.
///
/// # Errors
/// The server can't be reached, or has no lab to give.
pub async fn make_lab(request: String) -> Result<Lab, AskError> {
    ask("POST", LABS, Some(request)).await?.lab().ok_or(AskError::Malformed(LABS))
}

/// Asks for a lab.
///
/// # Errors
/// The server can't be reached, or the lab has gone.
pub async fn lab(lab: &str) -> Result<Lab, AskError> {
    ask("GET", &path(lab, ""), None).await?.lab().ok_or(AskError::Malformed(LABS))
}

/// Changes a lab's network.
///
/// # Errors
/// The server can't be reached, the lab has gone, or a value is refused.
pub async fn set_link(lab: &str, request: String) -> Result<Lab, AskError> {
    ask("PUT", &path(lab, "/link"), Some(request)).await?.lab().ok_or(AskError::Malformed(LABS))
}

/// Lets something happen to a lab.
///
/// # Errors
/// The server can't be reached, the lab has gone, or the event is refused.
pub async fn post_event(lab: &str, event: LabEvent) -> Result<(), AskError> {
    let event = match event {
        LabEvent::Tunnel { seconds } => format!("{{\"event\":\"tunnel\",\"seconds\":{}}}", short(seconds)),
        LabEvent::SwitchNetwork(switch) => format!(
            "{{\"event\":\"switch-network\",\"address\":\"{}\",\"tcp\":\"{}\"}}",
            switch.address.name(),
            switch.tcp.name()
        ),
        LabEvent::Spoof(spoof) => format!(
            "{{\"event\":\"spoof\",\"packets\":{},\"original\":\"{}\"}}",
            spoof.packets,
            spoof.original.name()
        ),
        LabEvent::BlockUdp { blocked } => format!("{{\"event\":\"block-udp\",\"blocked\":{blocked}}}"),
        LabEvent::Balance { routing, backends } => {
            let routing = routing.name();
            format!("{{\"event\":\"balance\",\"routing\":\"{routing}\",\"backends\":{backends}}}")
        }
        LabEvent::Backend { index, up } => {
            format!("{{\"event\":\"backend\",\"index\":{index},\"up\":{up}}}")
        }
        LabEvent::KillBackend { index } => format!("{{\"event\":\"kill-backend\",\"index\":{index}}}"),
        LabEvent::Migration { allowed } => format!("{{\"event\":\"migration\",\"allowed\":{allowed}}}"),
    };
    ask("POST", &path(lab, "/events"), Some(event)).await.map(drop)
}

/// Removes a lab, even while the page goes away. Nobody is left to be told whether it worked; a lab that nobody
/// watches ends by itself.
pub fn remove_lab(lab: &str) {
    let init = object([("method", "DELETE".into()), ("keepalive", true.into())]);
    let removed = JsFuture::from(fetch(&path(lab, ""), &init));
    wasm_bindgen_futures::spawn_local(async move { drop(removed.await) });
}

/// Where a lab's reports come from.
pub fn watch_url(lab: &str) -> String {
    path(lab, "/watch")
}

/// Where the frames of a lane's WebSocket come from.
pub fn frames_url(lab: &str, lane: u32) -> String {
    path(lab, "/frames?lane=") + &lane.to_string()
}

const LABS: &str = "/api/labs";

fn path(lab: &str, rest: &str) -> String {
    format!("{LABS}/{lab}{rest}")
}

/// Sends a request and reads the answer.
async fn ask(method: &str, url: &str, body: Option<String>) -> Result<Json, AskError> {
    send(method, url, body).await.map(|text| Json::parsed(&text))
}

/// Sends a request, whose body is JSON if it has one, and returns the answer's text.
///
/// # Errors
/// The server can't be reached, or says no.
pub async fn send(method: &str, url: &str, body: Option<String>) -> Result<String, AskError> {
    let init = object([("method", method.into())]);
    if let Some(body) = body {
        let headers = object([("content-type", "application/json".into())]);
        for (name, value) in [("body", body.into()), ("headers", headers.into())] {
            let set = js_sys::Reflect::set(&init, &name.into(), &value);
            debug_assert!(set.is_ok(), "a plain object takes properties");
        }
    }
    let response = JsFuture::from(fetch(url, &init)).await.map_err(|_| AskError::Unreachable)?;
    let response: web_sys::Response = response.unchecked_into();
    let text = response.text().map_err(|_| AskError::Unreachable)?;
    let text = JsFuture::from(text).await.ok().and_then(|text| text.as_string()).unwrap_or_default();
    if response.ok() {
        return Ok(text);
    }
    let status = response.status();
    let told = Json::parsed(&text)
        .text("detail")
        .unwrap_or_else(|| format!("the server answers {url} with status {status}"));
    Err(AskError::Refused(told))
}
