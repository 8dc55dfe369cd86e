//! SVG drawn by our own server.

use std::sync::Arc;

use crate::api;
use crate::api::AskError;

/// Path prefix of the server's own pictures.
const OWN_API: &str = "/api/";

/// An SVG document of our own server: the only external markup that may enter the page.
///
/// It is safe to inject because it has no other source: [`TrustedSvg::fetch`] is its only constructor and
/// accepts only paths of the page's own API, whose origin also serves the page's program. The server builds
/// the document from fixed elements and escapes all text taken from packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedSvg {
    markup: Arc<str>,
}

impl TrustedSvg {
    /// Fetches a picture from this page's own server.
    ///
    /// # Errors
    /// The path is not one of the API, there is no response, or the response is an error status or not an
    /// SVG.
    pub async fn fetch(path: &str) -> Result<Self, AskError> {
        let malformed = |reason: &str| AskError::Malformed { what: "picture", reason: reason.to_owned() };
        if !path.starts_with(OWN_API) {
            return Err(malformed("its path is not one of the API"));
        }
        let markup = api::send("GET", path, None).await?;
        if markup.starts_with("<svg") {
            Ok(Self { markup: markup.into() })
        } else {
            Err(malformed("it is no SVG"))
        }
    }

    pub(crate) fn markup(&self) -> &str {
        &self.markup
    }
}
