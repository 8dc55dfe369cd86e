//! A second wasm module beside the page's, imported when one of its views is opened first, so that other visitors do
//! not download it.

use std::cell::Cell;

use js_sys::{Function, Promise, Reflect, Uint8Array};
use sluice_bridge::{ViewAction, ViewInput};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, console};

use crate::dom::load_stylesheet;
use crate::worker_link::lane_module;

/// The script around the module. Its name is not hashed, so that the page knows it.
const SCRIPT: &str = "./views.js";
/// The views' own style sheet.
const STYLESHEET: &str = "./views.css";

#[wasm_bindgen]
extern "C" {
    /// The browser's own dynamic import. A script and a module that are loaded are not loaded again.
    #[wasm_bindgen(js_name = import)]
    fn load(url: &str) -> Promise;
}

thread_local! {
    /// Failed attempts: browsers may keep the failure of an address for the life of the page.
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
    /// The browser's own error for a script, module or style sheet that cannot be loaded; the next call tries again.
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
        // Both are under way at once; the style sheet is awaited first, so that it is not added twice.
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

    /// Shows a view in `host`; `on_action` is called for each of its actions, while the view is being called.
    ///
    /// # Errors
    /// The module does not understand the snapshot: it has another version than the page.
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

/// A view that is shown; dropping it removes the view.
#[derive(Debug)]
pub struct LazyView {
    module: LazyModule,
    /// The last snapshot, encoded.
    sent: Vec<u8>,
    _on_action: Closure<dyn FnMut(Uint8Array)>,
}

impl LazyView {
    /// Sends the view another snapshot, if it differs from the last one.
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
