//! Client of the server's HTTP API.
//!
//! The page fetches the server's description and creates, changes and removes labs with it. Every failure is
//! an [`AskError`], whose text can be shown to the visitor.

use js_sys::{Object, Reflect};
use serde::de::DeserializeOwned;
use sluice_shared::api::{Info, Problem};
use sluice_shared::lab::{Lab, LabEvent};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::decode;
use sluice_text::decimal::short;

/// Error of a request to the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No response.
    #[error("the server does not answer")]
    Unreachable,
    /// An error status, with the server's explanation.
    #[error("{0}")]
    Refused(String),
    /// A response that is not the expected JSON.
    #[error(
        "the server's {what} cannot be read: {reason}. It probably has another version than this page: reload the page"
    )]
    Malformed {
        /// Expected content, as a noun.
        what: &'static str,
        /// Missing or wrong field, and its path.
        reason: String,
    },
}

/// Parses `text` as the JSON of a `T`. Unknown fields are skipped, since a newer server may send more than
/// this page knows; a missing one is an error that names it.
///
/// # Errors
/// [`AskError::Malformed`], with `what` as the expected content.
pub fn decode<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, AskError> {
    decode::decode(text).map_err(|reason| AskError::Malformed { what, reason })
}

#[wasm_bindgen]
extern "C" {
    fn fetch(url: &str, init: &Object) -> js_sys::Promise;
}

/// Fetches the server's description from `GET /api/info`.
///
/// # Errors
/// No response, an error status, or invalid JSON.
pub async fn info() -> Result<Info, AskError> {
    decode(&send("GET", "/api/info", None).await?, "description of itself")
}

/// Creates a lab with the network that `request` describes as JSON.
///
/// # Errors
/// No response, an error status if no lab is available, or invalid JSON.
pub async fn make_lab(request: String) -> Result<Lab, AskError> {
    decode(&send("POST", LABS, Some(request)).await?, LAB)
}

/// Fetches the description of a lab.
///
/// # Errors
/// No response, an error status if the lab no longer exists, or invalid JSON.
pub async fn lab(lab: &str) -> Result<Lab, AskError> {
    decode(&send("GET", &path(lab, ""), None).await?, LAB)
}

/// Changes a lab's network.
///
/// # Errors
/// No response, an error status if the lab no longer exists or a value is rejected, or invalid JSON.
pub async fn set_link(lab: &str, request: String) -> Result<Lab, AskError> {
    decode(&send("PUT", &path(lab, "/link"), Some(request)).await?, LAB)
}

/// Triggers an event in a lab.
///
/// # Errors
/// No response, or an error status if the lab no longer exists or the event is rejected.
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
    send("POST", &path(lab, "/events"), Some(event)).await.map(drop)
}

/// Removes a lab, even while the page is being closed. The outcome is ignored: a lab without watchers ends by
/// itself.
pub fn remove_lab(lab: &str) {
    let init = object([("method", "DELETE".into()), ("keepalive", true.into())]);
    let removed = JsFuture::from(fetch(&path(lab, ""), &init));
    wasm_bindgen_futures::spawn_local(async move { drop(removed.await) });
}

/// Returns the path of a lab's reports.
pub fn watch_url(lab: &str) -> String {
    path(lab, "/watch")
}

/// Returns the path of the frames of a lane's WebSocket.
pub fn frames_url(lab: &str, lane: u32) -> String {
    path(lab, "/frames?lane=") + &lane.to_string()
}

const LABS: &str = "/api/labs";
/// Noun for a [`Lab`] in errors.
const LAB: &str = "description of the lab";

fn path(lab: &str, rest: &str) -> String {
    format!("{LABS}/{lab}{rest}")
}

/// Sends a request with an optional JSON body and returns the response's text.
///
/// # Errors
/// No response, or an error status.
pub async fn send(method: &str, url: &str, body: Option<String>) -> Result<String, AskError> {
    let init = match body {
        None => object([("method", method.into())]),
        Some(body) => {
            let headers = object([("content-type", "application/json".into())]);
            object([("method", method.into()), ("body", body.into()), ("headers", headers.into())])
        }
    };
    let response = JsFuture::from(fetch(url, &init)).await.map_err(|_| AskError::Unreachable)?;
    let response: web_sys::Response = response.unchecked_into();
    let text = response.text().map_err(|_| AskError::Unreachable)?;
    let text = JsFuture::from(text).await.ok().and_then(|text| text.as_string()).unwrap_or_default();
    if response.ok() {
        return Ok(text);
    }
    let status = response.status();
    let detail = decode(&text, "problem").map_or_else(
        |_| format!("the server answers {url} with status {status}"),
        |problem: Problem| problem.detail,
    );
    Err(AskError::Refused(detail))
}

/// Returns a plain object with these properties.
fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        let set = Reflect::set(&object, &name.into(), &value);
        debug_assert!(set.is_ok(), "a plain object takes properties");
    }
    object
}
