//! JSON values read by the browser's parser, field by field.
//!
//! [`Json`] serves the handshake and migration panels alone, until they decode the server's types with
//! [`crate::api::decode`]; then all of this file but [`object`] goes.

use js_sys::{Array, Object, Reflect};
use sluice_shared::time::Time;
use wasm_bindgen::{JsCast, JsValue};

/// A JSON value. What is absent reads like null.
#[derive(Clone, Debug)]
pub struct Json(JsValue);

/// A plain object with these properties.
pub fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        let set = Reflect::set(&object, &name.into(), &value);
        debug_assert!(set.is_ok(), "a plain object takes properties");
    }
    object
}

impl Json {
    /// The value itself as text.
    pub fn as_text(&self) -> Option<String> {
        self.0.as_string()
    }

    /// Reads a text; what is no JSON reads like null.
    pub fn parsed(text: &str) -> Self {
        Self(js_sys::JSON::parse(text).unwrap_or(JsValue::NULL))
    }

    /// A property as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).0.as_string()
    }

    /// A property.
    pub fn get(&self, name: &str) -> Self {
        // Null and numbers have no properties at all.
        Self(Reflect::get(&self.0, &name.into()).unwrap_or(JsValue::NULL))
    }

    /// A property as a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).0.as_f64()
    }

    /// A property as a whole number, exact up to 2⁵³.
    pub fn whole(&self, name: &str) -> Option<u64> {
        self.number(name).map(|number| number as u64)
    }

    /// A property that counts; 0 when it is absent.
    pub fn count(&self, name: &str) -> u64 {
        self.whole(name).unwrap_or(0)
    }

    /// A property that is a moment.
    pub fn time(&self, name: &str) -> Option<Time> {
        self.whole(name).map(Time::from_micros)
    }

    /// A property that is true or false; false when it is absent.
    pub fn flag(&self, name: &str) -> bool {
        self.known_flag(name).unwrap_or(false)
    }

    /// A property that is true, false or absent.
    pub fn known_flag(&self, name: &str) -> Option<bool> {
        self.get(name).0.as_bool()
    }

    /// The values of a property that is a list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = Self> {
        let list = self.get(name).0.dyn_into::<Array>().unwrap_or_default();
        (0..list.length()).map(move |at| Self(list.get(at)))
    }
}
