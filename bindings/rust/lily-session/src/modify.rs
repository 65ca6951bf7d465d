//! Modifications: the new value is made from what is stored, whoever else stores at the same time.

use crate::{border, sys, BoxError, FieldType, Result, Value};
use std::os::raw::c_void;

/// The context of one modification.
struct Modification<T, F> {
    modify: F,
    /// What the closure returned last, and the text that serde wrote of it. The library borrows them until it calls the closure again.
    new: Option<T>,
    written: Vec<u8>,
}

/// Calls a function of the library, which is given a C function for the closure and its context.
pub(crate) fn run<T: FieldType, F: FnMut(Option<&T>) -> Result<T, BoxError>>(
    modify: F,
    library: impl FnOnce(sys::lily_session_modify_fn, *mut c_void) -> sys::lily_session_status,
) -> Result<()> {
    let mut modification = Modification { modify, new: None, written: Vec::new() };
    let context: *mut Modification<T, F> = &mut modification;
    border::call(|| library(Some(call_modify::<T, F>), context.cast()))
}

unsafe extern "C" fn call_modify<T: FieldType, F: FnMut(Option<&T>) -> Result<T, BoxError>>(
    context: *mut c_void,
    stored: *const sys::lily_session_value,
    out_value: *mut sys::lily_session_value,
) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: the context is the one of `run`, which waits for this call. The values are valid during the call.
        let (modification, stored, out_value) =
            unsafe { (&mut *context.cast::<Modification<T, F>>(), stored.as_ref(), &mut *out_value) };
        let stored = match stored {
            None => None,
            // SAFETY: the value comes from the library, and its text is valid during the call.
            Some(stored) => match unsafe { Value::from_c(stored) }.map(T::from_value) {
                Some(Ok(stored)) => Some(stored),
                refused => {
                    let other_type = "the stored value does not have the type of the closure";
                    let error = match refused {
                        Some(Err(why)) => format!("{other_type}: {why}"),
                        _ => other_type.to_owned(),
                    };
                    border::keep_failure(sys::LILY_SESSION_ERROR_DECODE, error.into());
                    return sys::LILY_SESSION_ERROR_DECODE;
                }
            },
        };
        let failed = |status, error| {
            border::keep_failure(status, error);
            status
        };
        let new = match (modification.modify)(stored.as_ref()) {
            Ok(new) => modification.new.insert(new),
            Err(error) => return failed(sys::LILY_SESSION_ERROR_CALLBACK, error),
        };
        match new.value(&mut modification.written) {
            Ok(value) => {
                value.to_c(out_value);
                sys::LILY_SESSION_OK
            }
            Err(error) => failed(sys::LILY_SESSION_ERROR_ENCODE, error),
        }
    })
}
