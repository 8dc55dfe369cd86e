//! File downloads from the page and file uploads to it.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, HtmlInputElement, Url};

use crate::clock;

/// Time for which a downloaded file stays in memory, ms: browsers read it after the click.
const KEPT_MILLIS: i32 = 30_000;

/// Saves `text` as a file of this media type.
///
/// # Errors
/// The browser's own error.
pub fn download_text(name: &str, media_type: &str, text: &str) -> Result<(), JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options)?;
    download(name, &blob)
}

/// Saves `blob` as a file.
///
/// # Errors
/// The browser's own error.
pub fn download(name: &str, blob: &Blob) -> Result<(), JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::NULL)?;
    let url = Url::create_object_url_with_blob(blob)?;
    let link = document.create_element("a")?.dyn_into::<HtmlAnchorElement>()?;
    link.set_href(&url);
    link.set_download(name);
    link.click();
    spawn_local(async move {
        clock::sleep_millis(KEPT_MILLIS).await;
        let revoked = Url::revoke_object_url(&url);
        debug_assert!(revoked.is_ok(), "the address was made here");
    });
    Ok(())
}

/// Error of reading a chosen file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    /// The file exceeds the caller's limit.
    TooLong,
    /// The browser could not read the file.
    Unreadable,
}

/// Reads the text of the file chosen in `input`; `None` if no file is chosen. Clears the input, so that the
/// same file can be chosen again.
///
/// # Errors
/// The file is longer than `max_bytes`, or the browser cannot read it.
pub async fn take_chosen_text(
    input: &HtmlInputElement,
    max_bytes: usize,
) -> Result<Option<String>, FileError> {
    let Some(file) = input.files().and_then(|files| files.get(0)) else { return Ok(None) };
    input.set_value("");
    if file.size() > max_bytes as f64 {
        return Err(FileError::TooLong);
    }
    let text = JsFuture::from(file.text()).await.map_err(|_| FileError::Unreadable)?;
    text.as_string().map(Some).ok_or(FileError::Unreadable)
}
