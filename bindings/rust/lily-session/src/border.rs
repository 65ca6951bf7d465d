//! The border to C. Rust panics must not pass frames of the library: [`guard`] stops them in a callback and keeps them, and
//! [`call`], which is around each call into the library, lets them go on. It does the same for errors of callbacks, which
//! the library knows only by their number.

use crate::{sys, BoxError, Error, Result};
use std::any::Any;
use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::thread::panicking;

type Panic = Box<dyn Any + Send>;

enum Kept {
    Panic(Panic),
    /// With the status that the library's answer has, if this is its reason.
    Failure(i32, BoxError),
}

thread_local! {
    // What came out of the callbacks of the innermost call of this thread.
    static KEPT: Cell<Option<Kept>> = const { Cell::new(None) };
}

// While a thread ends its thread-locals may be gone, but a destructor of another may still use a storage. Nothing can be
// kept then.
fn replace(kept: Option<Kept>) -> Option<Kept> {
    KEPT.try_with(|cell| cell.replace(kept)).unwrap_or_default()
}

/// The first error counts, as it does in the library; a panic counts more.
fn keep(new: Kept) {
    let kept = match (replace(None), new) {
        (Some(old @ Kept::Panic(_)), _) => old,
        (Some(old @ Kept::Failure(..)), Kept::Failure(..)) => old,
        (_, new) => new,
    };
    replace(Some(kept));
}

/// Runs what a callback does. A panic is kept for the call that the callback is in, and the callback answers `failed`.
pub(crate) fn guard<R>(failed: R, callback: impl FnOnce() -> R) -> R {
    // The program sees the panic again, where it called: so nothing is hidden that unwinding left half done.
    catch_unwind(AssertUnwindSafe(callback)).unwrap_or_else(|panic| {
        keep(Kept::Panic(panic));
        failed
    })
}

/// Keeps a callback's error as the source of what the call answers, if that is `status`.
pub(crate) fn keep_failure(status: i32, error: BoxError) {
    keep(Kept::Failure(status, error));
}

/// What a call of the library answered, and the panic that came out of its callbacks.
#[must_use]
pub(crate) struct Answer {
    result: Result<()>,
    panic: Option<Panic>,
}

/// Calls the library. What is to be done before a panic goes on is done before [`Answer::settle`].
#[inline]
pub(crate) fn run(library: impl FnOnce() -> sys::lily_session_status) -> Answer {
    let outer = replace(None);
    let status = library();
    let kept = replace(outer);
    if status == sys::LILY_SESSION_OK && kept.is_none() {
        return Answer { result: Ok(()), panic: None };
    }
    failed(status, kept)
}

/// At once, as the library's message is the last call's.
#[cold]
fn failed(status: sys::lily_session_status, kept: Option<Kept>) -> Answer {
    let (source, panic) = match kept {
        Some(Kept::Panic(panic)) => (None, Some(panic)),
        Some(Kept::Failure(of, error)) if of == status => (Some(error), None),
        _ => (None, None),
    };
    let result = if status == sys::LILY_SESSION_OK { Ok(()) } else { Err(Error::last(status, source)) };
    Answer { result, panic }
}

impl Answer {
    pub(crate) fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// A panic of a callback goes on; else this is the library's answer.
    #[inline]
    pub(crate) fn settle(self) -> Result<()> {
        match self.panic {
            None => self.result,
            Some(panic) => resume_unwind(panic),
        }
    }

    /// For what can answer nothing, such as destructors: a panic goes on, unless there is one already.
    pub(crate) fn settle_unless_panicking(self) {
        if let (Some(panic), false) = (self.panic, panicking()) {
            resume_unwind(panic);
        }
    }
}

/// [`run`] and [`Answer::settle`].
#[inline]
pub(crate) fn call(library: impl FnOnce() -> sys::lily_session_status) -> Result<()> {
    run(library).settle()
}

/// [`run`], for the functions that answer no status.
pub(crate) fn run_void(library: impl FnOnce()) -> Answer {
    run(|| {
        library();
        sys::LILY_SESSION_OK
    })
}

/// The `release` of a context that is a `Box<T>`.
///
/// # Safety
/// `context` came from `Box::<T>::into_raw`, and this is its last use.
pub(crate) unsafe extern "C" fn release<T>(context: *mut std::os::raw::c_void) {
    // SAFETY: the caller's word.
    guard((), || drop(unsafe { Box::from_raw(context.cast::<T>()) }));
}

/// A string of the library's, which are UTF-8.
///
/// # Safety
/// `text` is NULL or a C string that outlives `'a`.
pub(crate) unsafe fn text<'a>(text: *const std::os::raw::c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's word.
    unsafe { std::ffi::CStr::from_ptr(text) }.to_str().ok()
}

/// Bytes of the library's, as UTF-8.
///
/// # Safety
/// `bytes` points to `length` bytes that outlive `'a`, or `length` is 0.
pub(crate) unsafe fn text_of<'a>(bytes: *const std::os::raw::c_char, length: usize) -> Option<&'a str> {
    if length == 0 {
        return Some("");
    }
    // SAFETY: the caller's word.
    std::str::from_utf8(unsafe { std::slice::from_raw_parts(bytes.cast(), length) }).ok()
}
