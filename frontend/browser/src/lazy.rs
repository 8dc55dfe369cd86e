//! Loader of the second wasm module, which contains the lazily loaded views.
//!
//! The page imports the module when one of its views is first opened, so that other visitors do not download
//! it. Dropping a [`LazyView`] removes the view.

use std::cell::Cell;

use js_sys::{Function, Promise, Reflect, Uint8Array};
use sluice_bridge::{ViewAction, ViewInput};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, console};

use crate::dom::load_stylesheet;
use crate::worker_link::lane_module;

/// The module's script. Its name has no hash, so that the page knows it.
const SCRIPT: &str = "./views.js";
/// The views' own style sheet.
const STYLESHEET: &str = "./views.css";

#[wasm_bindgen]
extern "C" {
    /// The browser's dynamic import, which does not load a script or module twice.
    #[wasm_bindgen(js_name = import)]
    fn load(url: &str) -> Promise;
}

thread_local! {
    /// Number of failed attempts: browsers may cache the failure of a URL until the page is closed.
    static FAILURES: Cell<u32> = const { Cell::new(0) };
    static HAS_STYLESHEET: Cell<bool> = const { Cell::new(false) };
}

/// The loaded module.
#[derive(Debug)]
pub struct LazyModule {
    open: Function,
    update: Function,
    close: Function,
}

impl LazyModule {
    /// Loads the module and its style sheet, unless they are loaded.
    ///
    /// # Errors
    /// The browser's own error for a script, module or style sheet that cannot be loaded; the next call
    /// retries.
    pub async fn load() -> Result<Self, JsValue> {
        let failures = FAILURES.get();
        let module = Self::load_attempt(failures).await;
        if module.is_err() {
            FAILURES.set(failures + 1);
        }
        module
    }

    async fn load_attempt(failures: u32) -> Result<Self, JsValue> {
        let url =
            if failures == 0 { SCRIPT.to_owned() } else { [SCRIPT, "?", &failures.to_string()].concat() };
        // Both load concurrently; the style sheet is awaited first, so that it is not added twice.
        let script = JsFuture::from(load(&url));
        if !HAS_STYLESHEET.get() {
            JsFuture::from(load_stylesheet(STYLESHEET)?).await?;
            HAS_STYLESHEET.set(true);
        }
        let script = script.await?;
        JsFuture::from(function(&script, "default")?.call0(&JsValue::NULL)?.dyn_into::<Promise>()?).await?;
        let function = |name| function(&script, name);
        Ok(Self { open: function("open")?, update: function("update")?, close: function("close")? })
    }

    /// Shows a view in `host`; `on_action` is called for each of its actions, during calls into the view.
    ///
    /// # Errors
    /// The module cannot decode the snapshot: it has another version than the page.
    pub fn open(
        self,
        host: &Element,
        input: &ViewInput,
        on_action: impl Fn(ViewAction) + 'static,
    ) -> Result<LazyView, JsValue> {
        let on_action: Closure<dyn FnMut(Uint8Array)> =
            Closure::new(move |bytes: Uint8Array| match postcard::from_bytes(&bytes.to_vec()) {
                Ok(action) => on_action(action),
                Err(error) => {
                    console::error_1(&format!("a view's action is not understood: {error}").into());
                }
            });
        let sent = encoded(input)?;
        let bytes = Uint8Array::from(sent.as_slice());
        self.open.call4(&JsValue::NULL, host, &bytes, on_action.as_ref(), &lane_module())?;
        Ok(LazyView { module: self, sent, _on_action: on_action })
    }
}

/// An open view, removed when dropped.
#[derive(Debug)]
pub struct LazyView {
    module: LazyModule,
    /// The last snapshot, encoded.
    sent: Vec<u8>,
    _on_action: Closure<dyn FnMut(Uint8Array)>,
}

impl LazyView {
    /// Sends the view a snapshot, if it differs from the last one.
    pub fn update(&mut self, input: &ViewInput) {
        let sent = encoded(input).and_then(|bytes| {
            if bytes != self.sent {
                self.module.update.call1(&JsValue::NULL, &Uint8Array::from(bytes.as_slice()))?;
                self.sent = bytes;
            }
            Ok(())
        });
        if let Err(error) = sent {
            console::error_2(&"a view was not updated:".into(), &error);
        }
    }
}

impl Drop for LazyView {
    fn drop(&mut self) {
        if let Err(error) = self.module.close.call0(&JsValue::NULL) {
            console::error_2(&"a view was not closed:".into(), &error);
        }
    }
}

fn encoded(input: &ViewInput) -> Result<Vec<u8>, JsValue> {
    postcard::to_stdvec(input).map_err(|error| JsValue::from_str(&error.to_string()))
}

fn function(script: &JsValue, name: &str) -> Result<Function, JsValue> {
    Reflect::get(script, &name.into())?.dyn_into()
}
