use crate::{border, sys};
use std::ops::BitOr;

/// A field's value, as JSON has them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent that fits.
    Int(i64),
    /// Any number.
    Real(f64),
    /// A string's characters.
    String(&'a str),
    /// Anything, as JSON text.
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

    /// `None`: a type that this crate does not know, or no UTF-8.
    ///
    /// # Safety
    /// The value is the library's, and its text lives for `'a`.
    pub(crate) unsafe fn from_c(value: &sys::lily_session_value) -> Option<Value<'a>> {
        // SAFETY: the type says which member of the union is set; the text is the caller's word.
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

/// A set of JSON types: what a field accepts.
///
/// A stored value comes as the first that fits of null, boolean, integer, real, string and JSON:
/// `Types::STRING | Types::NULL` never sees `Value::Json`.
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

/// JSON text: a field's type for what a program keeps as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Json(
    /// The text. One that is not JSON is not stored: the field fails with [`Status::Encode`](crate::Status::Encode).
    pub String,
);

impl Default for Json {
    /// `null`
    fn default() -> Self {
        Json("null".into())
    }
}
