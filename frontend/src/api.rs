//! The server's HTTP API.

use sluice_shared::api::Info;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Why the server told nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No answer at all.
    #[error("the server does not answer")]
    Unreachable,
    /// An answer that is no success.
    #[error("the server answers /api/info with status {0}")]
    Status(u16),
    /// An answer of another kind than expected.
    #[error("the server's /api/info is not understood: {0}")]
    Malformed(String),
}

/// Asks `GET /api/info`.
///
/// # Errors
/// The server can't be reached, or says something else.
pub async fn info() -> Result<Info, AskError> {
    let window = web_sys::window().ok_or(AskError::Unreachable)?;
    let response =
        JsFuture::from(window.fetch_with_str("/api/info")).await.map_err(|_| AskError::Unreachable)?;
    let response: web_sys::Response = response.dyn_into().map_err(|_| AskError::Unreachable)?;
    if !response.ok() {
        return Err(AskError::Status(response.status()));
    }
    let body = response.text().map_err(|_| AskError::Unreachable)?;
    let body =
        JsFuture::from(body).await.ok().as_ref().and_then(JsValue::as_string).ok_or(AskError::Unreachable)?;
    serde_json::from_str(&body).map_err(|error| AskError::Malformed(error.to_string()))
}
