//! SVG drawn by our own server.

use std::sync::Arc;

use crate::api;
use crate::api::AskError;

/// Where the server's own pictures are.
const OWN_API: &str = "/api/";

/// An SVG document of our own server: the only markup from outside the program that may enter the page.
///
/// It is safe to inject because it can come from nowhere else: [`TrustedSvg::fetch`] is its only constructor, takes
/// paths of this page's own API alone, and whoever controls that origin serves the page's program too. The server
/// builds the document from fixed elements and escapes every text that stems from a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedSvg {
    markup: Arc<str>,
}

impl TrustedSvg {
    /// Fetches a picture from this page's own server.
    ///
    /// # Errors
    /// The path is not one of the API, the server cannot be reached or refuses, or the response is no SVG.
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
