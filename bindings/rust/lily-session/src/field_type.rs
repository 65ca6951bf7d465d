//! The types that a field may have.

use crate::{BoxError, Json, Types, Value};

/// A type that a field may have.
///
/// These are `bool`, the integers up to `i64` and `u32`, `f32`, `f64`, `String`, [`Json`], and an `Option` of these, where `None` is `null`.
/// With the feature `serde` they are all types that implement `Serialize` and `DeserializeOwned`; a type that is not in that list is
/// stored as the JSON that serde makes of it. A stored value that does not have the type, or a number that does not fit into it, is
/// rejected, and stays in storage until the field changes.
#[cfg_attr(not(feature = "serde"), doc = "\n\nThis documentation was built without the feature `serde`.")]
#[cfg_attr(
    all(has_diagnostics, not(feature = "serde")),
    diagnostic::on_unimplemented(
        message = "`{Self}` cannot be stored without the feature `serde` of lily-session",
        note = "with `lily-session = {{ …, features = [\"serde\"] }}`, every type that implements Serialize and DeserializeOwned can be",
        note = "without it, these can: bool, i8 to i64, u8 to u32, f32, f64, String, Json, and an Option of them"
    )
)]
#[cfg_attr(
    all(has_diagnostics, feature = "serde"),
    diagnostic::on_unimplemented(
        message = "`{Self}` cannot be stored: it does not implement serde's Serialize and DeserializeOwned",
        note = "derive both for it: #[derive(serde::Serialize, serde::Deserialize)]"
    )
)]
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
#[cfg_attr(
    all(has_diagnostics, not(feature = "serde")),
    diagnostic::on_unimplemented(
        message = "`{Self}` cannot be stored without the feature `serde` of lily-session",
        note = "with `lily-session = {{ …, features = [\"serde\"] }}`, every type that implements Serialize and DeserializeOwned can be",
        note = "without it, these can: bool, i8 to i64, u8 to u32, f32, f64, String, Json, and an Option of them"
    )
)]
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
native! { f32, REAL, Real, real => in_fewest_digits(*real), |real: f64| Some(real as f32).filter(|narrow| narrow.is_finite()) }
native! { String, STRING, String, string => string, |string: &str| Some(string.to_owned()) }
native! { Json, JSON, Json, json => &json.0, |json: &str| Some(Json(json.to_owned())) }
integers! { i8 i16 i32 i64 u8 u16 u32 }

/// Returns the number that is written in the digits that the `f32` needs: 0.1 and not 0.10000000149011612.
fn in_fewest_digits(real: f32) -> f64 {
    let exact = f64::from(real);
    // A number without a fraction is the same in both.
    if real.fract() == 0.0 || !real.is_finite() {
        return exact;
    }
    let short = real.to_string().parse().unwrap_or(exact);
    if short as f32 == real {
        short
    } else {
        exact
    }
}

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
    T::from_value(value).ok_or_else(|| format!("the number does not fit {}", std::any::type_name::<T>()).into())
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
    use crate::encoding;
    use serde::de::{DeserializeOwned, Deserializer};
    use serde::ser::{Error, Serializer};
    use serde::{Deserialize, Serialize};
    use serde_json::value::RawValue;
    use std::any::{Any, TypeId};

    /// Expands to `$do!(type)` for each native type.
    macro_rules! for_natives {
        ($do:ident) => {
            for_natives! { $do: bool i8 i16 i32 i64 u8 u16 u32 f32 f64 String Json }
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
            encoding::encode(self, written).map(Value::Json)
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
                Value::Json(json) => encoding::decode(json),
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
