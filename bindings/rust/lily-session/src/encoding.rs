//! JSON text by serde. A number that JSON has not, and a value that is nested too deeply for serde_json to read it again, are refused.

use crate::{names, refusal, BoxError};
use serde::de::DeserializeOwned;
use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::Error;

/// serde_json reads this many levels.
const LEVELS: usize = 127;

/// Writes a value into `written`, and returns the text.
pub(crate) fn encode<'a, T: Serialize + DeserializeOwned>(
    value: &T,
    written: &'a mut Vec<u8>,
) -> Result<&'a str, BoxError> {
    written.clear();
    serde_json::to_writer(&mut *written, value)?;
    // SAFETY: serde_json writes UTF-8, which its own to_string relies on in this way.
    let text = unsafe { std::str::from_utf8_unchecked(written) };
    // serde_json writes null in place of a number that is not finite.
    if text.contains("null") {
        value
            .serialize(Finite)
            .map_err(|_| "a number is infinite or not a number, which JSON has not")?;
    }
    if text.len() > 2 * LEVELS && levels(text) > LEVELS && serde_json::from_str::<T>(text).is_err() {
        return Err("the value is nested too deeply for serde_json to read it again".into());
    }
    Ok(text)
}

/// Reads a value. The error says what is wrong and where, and does not quote the text.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, BoxError> {
    serde_json::from_str(text).map_err(|error| refusal::of_serde(&error, text, &names::of::<T>(text)).into())
}

fn levels(text: &str) -> usize {
    let (mut level, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                level += 1;
                most = most.max(level);
            }
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A serializer that writes nothing, and fails for a number that is not finite.
#[derive(Clone, Copy)]
struct Finite;

fn finite(is_finite: bool) -> Result<(), Error> {
    if is_finite {
        return Ok(());
    }
    Err(Error::custom("not finite"))
}

macro_rules! accept {
    ($($name:ident: $type:ty),*) => {$(fn $name(self, _: $type) -> Result<(), Error> { Ok(()) })*};
}

impl Serializer for Finite {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    accept! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str
    }
    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        finite(value.is_finite())
    }
    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        finite(value.is_finite())
    }
    fn serialize_none(self) -> Result<(), Error> {
        Ok(())
    }
    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Error> {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Error> {
        Ok(self)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self, Error> {
        Ok(self)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }
}

macro_rules! parts {
    ($($trait:ident { $($name:ident($($key:ty)?)),* })*) => {$(
        impl ser::$trait for Finite {
            type Ok = ();
            type Error = Error;

            $(fn $name<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), Error> {
                value.serialize(*self)
            })*
            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key(), serialize_value() }
    SerializeStruct { serialize_field(&'static str) }
    SerializeStructVariant { serialize_field(&'static str) }
}
