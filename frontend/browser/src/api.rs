//! The server's HTTP API.

use js_sys::{Object, Reflect};
use serde::de::DeserializeOwned;
use sluice_shared::api::{Info, Problem};
use sluice_shared::lab::{Lab, LabEvent};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::decode;
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
    /// An answer that is not the JSON it should be.
    #[error(
        "the server's {what} cannot be read: {reason}. It probably has another version than this page: reload the page"
    )]
    Malformed {
        /// The expected answer, as a noun.
        what: &'static str,
        /// The missing or wrong field, and its place.
        reason: String,
    },
}

/// Parses `text` as the JSON of a `T`. Unknown fields are skipped, since a newer server may send more than this page
/// knows; a missing one is an error that names it.
///
/// # Errors
/// [`AskError::Malformed`], which names `what` was expected.
pub fn decode<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, AskError> {
    decode::decode(text).map_err(|reason| AskError::Malformed { what, reason })
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
    decode(&send("GET", "/api/info", None).await?, "description of itself")
}

/// Makes a lab, whose network is that of `request`.
///
/// # Errors
/// The server can't be reached, or has no lab to give.
pub async fn make_lab(request: String) -> Result<Lab, AskError> {
    decode(&send("POST", LABS, Some(request)).await?, LAB)
}

/// Asks for a lab.
///
/// # Errors
/// The server can't be reached, or the lab has gone.
pub async fn lab(lab: &str) -> Result<Lab, AskError> {
    decode(&send("GET", &path(lab, ""), None).await?, LAB)
}

/// Changes a lab's network.
///
/// # Errors
/// The server can't be reached, the lab has gone, or a value is refused.
pub async fn set_link(lab: &str, request: String) -> Result<Lab, AskError> {
    decode(&send("PUT", &path(lab, "/link"), Some(request)).await?, LAB)
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
    send("POST", &path(lab, "/events"), Some(event)).await.map(drop)
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
/// The noun for a [`Lab`] in an error.
const LAB: &str = "description of the lab";

fn path(lab: &str, rest: &str) -> String {
    format!("{LABS}/{lab}{rest}")
}

/// Sends a request, whose body is JSON if it has one, and returns the answer's text.
///
/// # Errors
/// The server can't be reached, or says no.
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

/// A plain object with these properties.
fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        let set = Reflect::set(&object, &name.into(), &value);
        debug_assert!(set.is_ok(), "a plain object takes properties");
    }
    object
}
