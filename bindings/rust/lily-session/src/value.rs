use crate::{border, sys};
use std::ops::BitOr;

/// The value of a field, in one of JSON's types.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// JSON's `null`.
    Null,
    /// JSON's `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent that fits into an `i64`.
    Int(i64),
    /// Any number.
    Real(f64),
    /// The characters of a string.
    String(&'a str),
    /// Any value, as JSON text.
    Json(&'a str),
}

impl<'a> Value<'a> {
    pub(crate) fn to_c(self, out: &mut sys::lily_session_value) {
        let text = |text: &str| sys::lily_session_value_as {
            text: sys::lily_session_text { bytes: text.as_ptr().cast(), length: text.len() },
        };
        match self {
            Value::Null => out.r#type = sys::LILY_SESSION_NULL,
            Value::Bool(boolean) => {
                out.r#type = sys::LILY_SESSION_BOOL;
                out.r#as.boolean = boolean;
            }
            Value::Int(integer) => {
                out.r#type = sys::LILY_SESSION_INT;
                out.r#as.integer = integer;
            }
            Value::Real(real) => {
                out.r#type = sys::LILY_SESSION_REAL;
                out.r#as.real = real;
            }
            Value::String(string) => {
                out.r#type = sys::LILY_SESSION_STRING;
                out.r#as = text(string);
            }
            Value::Json(json) => {
                out.r#type = sys::LILY_SESSION_JSON;
                out.r#as = text(json);
            }
        }
    }

    /// Converts a value from the library. Returns `None` if this crate does not know its type, or its text is not UTF-8.
    ///
    /// # Safety
    /// The value comes from the library, and its text lives for `'a`.
    pub(crate) unsafe fn from_c(value: &sys::lily_session_value) -> Option<Value<'a>> {
        // SAFETY: the type says which member of the union is set. The caller guarantees the text.
        unsafe {
            let text = |value: &sys::lily_session_value| {
                let text = value.r#as.text;
                border::text_of(text.bytes, text.length)
            };
            match value.r#type {
                sys::LILY_SESSION_NULL => Some(Value::Null),
                sys::LILY_SESSION_BOOL => Some(Value::Bool(value.r#as.boolean)),
                sys::LILY_SESSION_INT => Some(Value::Int(value.r#as.integer)),
                sys::LILY_SESSION_REAL => Some(Value::Real(value.r#as.real)),
                sys::LILY_SESSION_STRING => text(value).map(Value::String),
                sys::LILY_SESSION_JSON => text(value).map(Value::Json),
                _ => None,
            }
        }
    }
}

/// The set of JSON types that a field accepts.
///
/// A stored value is passed as the first type in the set that fits, in the order null, boolean, integer, real, string, JSON. A field with
/// `Types::STRING | Types::NULL` never gets a `Value::Json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Types(pub(crate) i32);

impl Types {
    /// [`Value::Null`]
    pub const NULL: Types = Types(sys::LILY_SESSION_NULL);
    /// [`Value::Bool`]
    pub const BOOL: Types = Types(sys::LILY_SESSION_BOOL);
    /// [`Value::Int`]
    pub const INT: Types = Types(sys::LILY_SESSION_INT);
    /// [`Value::Real`]
    pub const REAL: Types = Types(sys::LILY_SESSION_REAL);
    /// [`Value::String`]
    pub const STRING: Types = Types(sys::LILY_SESSION_STRING);
    /// [`Value::Json`]
    pub const JSON: Types = Types(sys::LILY_SESSION_JSON);
}

impl BitOr for Types {
    type Output = Types;

    fn bitor(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }
}

/// JSON text. It is the type for a field that a program keeps as JSON text. White space outside strings goes when it is stored; the rest
/// comes back as it was, with the order of members and the spelling of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Json(
    /// The text. If it is not JSON, it is not stored, and the field fails with [`Status::Encode`](crate::Status::Encode).
    pub String,
);

impl Default for Json {
    /// Returns `null`.
    fn default() -> Self {
        Json("null".into())
    }
}
