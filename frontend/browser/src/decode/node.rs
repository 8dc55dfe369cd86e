//! The serde side of the decoder: a deserializer over one value of the tree.
//!
//! A failed decoding returns the empty [`Failed`]; its reason and the path of the field are recorded once, in
//! the [`Failure`] that all nodes of a tree share.

use core::cell::{Cell, RefCell};
use core::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, SeqAccess, VariantAccess, Visitor,
};

use super::value::Value;

/// Error of a failed decoding. It is empty, since every field that is read may fail: the reason is recorded
/// once, in the [`Failure`] that all nodes of a tree share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not decoded")
    }
}

impl core::error::Error for Failed {}

impl de::Error for Failed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
}

/// Reason of a failure and path of the field that caused it.
#[derive(Debug, Default)]
pub(super) struct Failure {
    /// Field names and list indices, innermost first.
    path: RefCell<Vec<String>>,
    reason: Cell<Option<&'static str>>,
}

impl Failure {
    /// Returns the failure as text.
    pub(super) fn text(&self) -> String {
        let mut path = self.path.take();
        path.reverse();
        let path = if path.is_empty() { "it".to_owned() } else { path.join(".") };
        [&path, " ", self.reason.get().unwrap_or("is not understood")].concat()
    }

    /// Records the first reason; later ones follow from it.
    fn set(&self, reason: &'static str) -> Failed {
        self.reason.set(self.reason.get().or(Some(reason)));
        Failed
    }

    fn add_place(&self, place: String) {
        self.path.borrow_mut().push(place);
    }
}

type Decoded<T> = Result<T, Failed>;

/// Value from which a type is decoded.
#[derive(Clone, Copy)]
pub(super) struct Node<'tree> {
    pub(super) value: &'tree Value,
    pub(super) failure: &'tree Failure,
}

impl<'tree> Node<'tree> {
    fn fail<T>(self, reason: &'static str) -> Decoded<T> {
        Err(self.failure.set(reason))
    }

    fn number<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        let decoded = match *self.value {
            Value::Unsigned(number) => visitor.visit_u64(number),
            Value::Float(number) => visitor.visit_f64(number),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Object(_) => Err(Failed),
        };
        if decoded.is_err() { self.fail("is not a number of its range") } else { decoded }
    }

    fn text(self) -> Decoded<&'tree str> {
        if let Value::Text(text) = self.value { Ok(text) } else { self.fail("is not a string") }
    }

    fn list<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        let Value::List(items) = self.value else { return self.fail("is not a list") };
        visitor.visit_seq(Items { items, next: 0, failure: self.failure })
    }
}

/// Deserializer methods for kinds of values that no decoded type requests.
macro_rules! refused {
    ($($method:ident($($argument:ident: $kind:ty),*))*) => {$(
        fn $method<V: Visitor<'tree>>(self, $($argument: $kind,)* _: V) -> Decoded<V::Value> {
            self.fail("is of a kind that is not decoded")
        }
    )*};
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
            self.number(visitor)
        }
    )*};
}

impl<'tree> Deserializer<'tree> for Node<'tree> {
    type Error = Failed;

    numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_f32 deserialize_f64
    }

    refused! {
        deserialize_any() deserialize_char() deserialize_bytes() deserialize_byte_buf() deserialize_map()
        deserialize_unit() deserialize_unit_struct(_name: &'static str)
        deserialize_tuple_struct(_name: &'static str, _length: usize)
    }

    fn deserialize_bool<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        let Value::Bool(flag) = *self.value else { return self.fail("is not true or false") };
        visitor.visit_bool(flag)
    }

    fn deserialize_str<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        if matches!(self.value, Value::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'tree>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Decoded<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'tree>>(self, _length: usize, visitor: V) -> Decoded<V::Value> {
        self.list(visitor)
    }

    fn deserialize_struct<V: Visitor<'tree>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Decoded<V::Value> {
        let Value::Object(fields) = self.value else { return self.fail("is not an object") };
        let mut absent = None;
        let fields = Fields { fields, names: names.iter(), absent: &mut absent, failure: self.failure };
        let decoded = visitor.visit_seq(fields);
        // A type without a default for an absent field fails immediately.
        if let (Err(Failed), Some(name)) = (&decoded, absent) {
            self.failure.set("is missing");
            self.failure.add_place(name.to_owned());
        }
        decoded
    }

    fn deserialize_enum<V: Visitor<'tree>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Decoded<V::Value> {
        let decoded = visitor.visit_enum(Variant(self));
        if decoded.is_err() { self.fail("has an unknown value") } else { decoded }
    }

    fn deserialize_ignored_any<V: Visitor<'tree>>(self, visitor: V) -> Decoded<V::Value> {
        visitor.visit_unit()
    }
}

/// The items of a list.
struct Items<'tree> {
    items: &'tree [Value],
    next: usize,
    failure: &'tree Failure,
}

impl<'tree> SeqAccess<'tree> for Items<'tree> {
    type Error = Failed;

    fn next_element_seed<S: DeserializeSeed<'tree>>(&mut self, seed: S) -> Decoded<Option<S::Value>> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let decoded = seed.deserialize(Node { value: item, failure: self.failure });
        if decoded.is_err() {
            self.failure.add_place(self.next.to_string());
        }
        self.next += 1;
        decoded.map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

/// The fields of a struct in the order of their declaration.
struct Fields<'tree, 'absent> {
    fields: &'tree [(String, Value)],
    names: core::slice::Iter<'static, &'static str>,
    /// The field read last, if it is absent.
    absent: &'absent mut Option<&'static str>,
    failure: &'tree Failure,
}

impl<'tree> SeqAccess<'tree> for Fields<'tree, '_> {
    type Error = Failed;

    fn next_element_seed<S: DeserializeSeed<'tree>>(&mut self, seed: S) -> Decoded<Option<S::Value>> {
        let Some(name) = self.names.next() else { return Ok(None) };
        let field = self.fields.iter().find(|(key, _)| key == name);
        *self.absent = field.is_none().then_some(*name);
        let Some((_, value)) = field else { return Ok(None) };
        let decoded = seed.deserialize(Node { value, failure: self.failure });
        if decoded.is_err() {
            self.failure.add_place((*name).to_owned());
        }
        decoded.map(Some)
    }
}

/// An enum variant without content, given by its name.
struct Variant<'tree>(Node<'tree>);

impl<'tree> EnumAccess<'tree> for Variant<'tree> {
    type Error = Failed;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'tree>>(self, seed: S) -> Decoded<(S::Value, Self)> {
        Ok((seed.deserialize(self.0)?, self))
    }
}

impl<'tree> VariantAccess<'tree> for Variant<'tree> {
    type Error = Failed;

    fn unit_variant(self) -> Decoded<()> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'tree>>(self, _: S) -> Decoded<S::Value> {
        self.0.fail("is of a kind that is not decoded")
    }

    fn tuple_variant<V: Visitor<'tree>>(self, _length: usize, _: V) -> Decoded<V::Value> {
        self.0.fail("is of a kind that is not decoded")
    }

    fn struct_variant<V: Visitor<'tree>>(self, _: &'static [&'static str], _: V) -> Decoded<V::Value> {
        self.0.fail("is of a kind that is not decoded")
    }
}
