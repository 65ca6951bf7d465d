//! The types that a field may have.

use crate::{BoxError, Json, Types, Value};

/// A type that a field may have.
///
/// These are `bool`, the integers up to `i64` and `u32`, `f64`, `String`, [`Json`], and an `Option` of these, where `None` is `null`.
/// With the feature `serde` they are all types that implement `Serialize` and `DeserializeOwned`; a type that is not in that list is
/// stored as the JSON that serde makes of it. A stored value that does not have the type, or a number that does not fit into it, is
/// rejected, and stays in storage until the field changes.
#[cfg_attr(not(feature = "serde"), doc = "\n\nThis documentation was built without the feature `serde`.")]
pub trait FieldType: Sized + 'static + sealed::Sealed {
    #[doc(hidden)]
    fn types() -> Types;

    /// Returns the value in the form in which it is stored. The text that serde writes is put into `written`.
    #[doc(hidden)]
    fn value<'a>(&'a self, written: &'a mut Vec<u8>) -> Result<Value<'a>, BoxError>;

    #[doc(hidden)]
    fn from_value(value: Value<'_>) -> Result<Self, BoxError>;
}

mod sealed {
    pub trait Sealed {}

    #[cfg(not(feature = "serde"))]
    impl<T: super::Native> Sealed for T {}

    #[cfg(feature = "serde")]
    impl<T: serde::Serialize + serde::de::DeserializeOwned> Sealed for T {}
}

/// A type that JSON has, and that serde need not encode. It is public because of the bounds above, but its module is private.
pub trait Native: Sized + 'static {
    const TYPES: Types;
    fn value(&self) -> Value<'_>;
    fn from_value(value: Value<'_>) -> Option<Self>;
}

macro_rules! native {
    ($type:ty, $types:ident, $variant:ident, $this:ident => $to:expr, $from:expr) => {
        impl Native for $type {
            const TYPES: Types = Types::$types;

            #[inline]
            fn value(&self) -> Value<'_> {
                let $this = self;
                Value::$variant($to)
            }

            fn from_value(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::$variant(value) => $from(value),
                    _ => None,
                }
            }
        }
    };
}

macro_rules! integers {
    ($($type:ty)*) => {$(native! { $type, INT, Int, number => i64::from(*number), |number: i64| <$type>::try_from(number).ok() })*};
}

native! { bool, BOOL, Bool, boolean => *boolean, Some }
native! { f64, REAL, Real, real => *real, Some }
native! { String, STRING, String, string => string, |string: &str| Some(string.to_owned()) }
native! { Json, JSON, Json, json => &json.0, |json: &str| Some(Json(json.to_owned())) }
integers! { i8 i16 i32 i64 u8 u16 u32 }

impl<T: Native> Native for Option<T> {
    const TYPES: Types = Types(T::TYPES.0 | Types::NULL.0);

    #[inline]
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Native::value)
    }

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

fn decode_native<T: Native>(value: Value<'_>) -> Result<T, BoxError> {
    T::from_value(value).ok_or_else(|| "the stored number does not fit the field's type".into())
}

#[cfg(not(feature = "serde"))]
impl<T: Native> FieldType for T {
    fn types() -> Types {
        T::TYPES
    }

    #[inline]
    fn value<'a>(&'a self, _: &'a mut Vec<u8>) -> Result<Value<'a>, BoxError> {
        Ok(Native::value(self))
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxError> {
        decode_native(value)
    }
}

/// Makes every type that serde knows a field type. Rust cannot express "and these types in another way", so the native types are
/// recognised by their type ids, which the compiler evaluates. A `String` is stored in the same way, and at the same speed, whether the
/// feature is on or off.
#[cfg(feature = "serde")]
mod with_serde {
    use super::*;
    use serde::de::{DeserializeOwned, Deserializer};
    use serde::ser::{Error, Serializer};
    use serde::{Deserialize, Serialize};
    use serde_json::value::RawValue;
    use std::any::{Any, TypeId};

    /// Expands to `$do!(type)` for each native type.
    macro_rules! for_natives {
        ($do:ident) => {
            for_natives! { $do: bool i8 i16 i32 i64 u8 u16 u32 f64 String Json }
        };
        ($do:ident: $($type:ty)*) => {
            $($do!($type); $do!(Option<$type>);)*
        };
    }

    /// Returns the value as a `T`, or `None` if it has another type.
    fn as_same_type<N: 'static, T: 'static>(value: N) -> Option<T> {
        let mut value = Some(value);
        (&mut value as &mut dyn Any).downcast_mut::<Option<T>>().and_then(Option::take)
    }

    impl<T: Serialize + DeserializeOwned + 'static> FieldType for T {
        fn types() -> Types {
            macro_rules! types {
                ($type:ty) => {
                    if TypeId::of::<T>() == TypeId::of::<$type>() {
                        return <$type>::TYPES;
                    }
                };
            }
            for_natives!(types);
            Types::JSON
        }

        #[inline]
        fn value<'a>(&'a self, written: &'a mut Vec<u8>) -> Result<Value<'a>, BoxError> {
            macro_rules! value {
                ($type:ty) => {
                    if let Some(native) = (self as &dyn Any).downcast_ref::<$type>() {
                        return Ok(Native::value(native));
                    }
                };
            }
            for_natives!(value);
            written.clear();
            serde_json::to_writer(&mut *written, self)?;
            // SAFETY: serde_json writes UTF-8, which its own to_string relies on in this way.
            Ok(Value::Json(unsafe { std::str::from_utf8_unchecked(written) }))
        }

        fn from_value(value: Value<'_>) -> Result<Self, BoxError> {
            macro_rules! from_value {
                ($type:ty) => {
                    if TypeId::of::<T>() == TypeId::of::<$type>() {
                        return decode_native::<$type>(value).and_then(|native| {
                            as_same_type(native).ok_or_else(|| "the value has another type".into())
                        });
                    }
                };
            }
            for_natives!(from_value);
            match value {
                Value::Json(json) => Ok(serde_json::from_str(json)?),
                _ => Err("the stored value is not JSON text, which is the field's only type".into()),
            }
        }
    }

    impl Serialize for Json {
        /// Writes the text itself if serde_json is the serializer. Other formats cannot store it.
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            RawValue::from_string(self.0.clone())
                .map_err(S::Error::custom)?
                .serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Json {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Box::<RawValue>::deserialize(deserializer).map(|raw| Json(raw.get().to_owned()))
        }
    }
}
