//! The border to C. Panics must not unwind through frames of the library. [`guard`] stops a panic in a callback and keeps it, and
//! [`call`], through which the library is called, resumes it. Errors of callbacks are kept and returned in the same way, as the
//! library passes on their numbers only.

use crate::{sys, BoxError, Error, Result};
use std::any::Any;
use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::thread::panicking;

type Panic = Box<dyn Any + Send>;

enum Kept {
    Panic(Panic),
    /// An error of a callback, and the status that the call returns if this error is its reason.
    Failure(i32, BoxError),
}

thread_local! {
    // A panic or an error from the callbacks of this thread's innermost call.
    static KEPT: Cell<Option<Kept>> = const { Cell::new(None) };
}

// While a thread ends, its thread-local variables may be gone, but a destructor of another variable may still use a storage. Nothing can
// be kept then.
fn replace_kept(kept: Option<Kept>) -> Option<Kept> {
    KEPT.try_with(|cell| cell.replace(kept)).unwrap_or_default()
}

/// Keeps a panic or an error. The first error is kept, as in the library, but a panic replaces an error.
fn keep(new: Kept) {
    let kept = match (replace_kept(None), new) {
        (Some(old @ Kept::Panic(_)), _) => old,
        (Some(old @ Kept::Failure(..)), Kept::Failure(..)) => old,
        (_, new) => new,
    };
    replace_kept(Some(kept));
}

/// Runs the body of a callback, and returns its result. A panic is kept for the call that runs the callback, and `failed` is returned.
pub(crate) fn guard<R>(failed: R, callback: impl FnOnce() -> R) -> R {
    // The panic is resumed in the program's own call, so the program learns of anything that unwinding left half done.
    catch_unwind(AssertUnwindSafe(callback)).unwrap_or_else(|panic| {
        keep(Kept::Panic(panic));
        failed
    })
}

/// Keeps a callback's error as the source of the error that the call returns, if the call returns `status`.
pub(crate) fn keep_failure(status: i32, error: BoxError) {
    keep(Kept::Failure(status, error));
}

/// The result of a call of the library, and the panic of a callback, if there was one.
#[must_use]
pub(crate) struct CallResult {
    result: Result<()>,
    panic: Option<Panic>,
}

/// Calls the library. A kept panic is resumed by [`CallResult::settle`], so the caller can do before it what must be done in any case.
#[inline]
pub(crate) fn run(library: impl FnOnce() -> sys::lily_session_status) -> CallResult {
    let outer = replace_kept(None);
    let status = library();
    let kept = replace_kept(outer);
    if status == sys::LILY_SESSION_OK && kept.is_none() {
        return CallResult { result: Ok(()), panic: None };
    }
    failed(status, kept)
}

/// Makes the result of a call that failed. It must run at once, as the next call replaces the library's message.
#[cold]
fn failed(status: sys::lily_session_status, kept: Option<Kept>) -> CallResult {
    let (source, panic) = match kept {
        Some(Kept::Panic(panic)) => (None, Some(panic)),
        Some(Kept::Failure(of, error)) if of == status => (Some(error), None),
        _ => (None, None),
    };
    let result = if status == sys::LILY_SESSION_OK { Ok(()) } else { Err(Error::last(status, source)) };
    CallResult { result, panic }
}

impl CallResult {
    pub(crate) fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// Resumes the panic of a callback, or otherwise returns the result of the call.
    #[inline]
    pub(crate) fn settle(self) -> Result<()> {
        match self.panic {
            None => self.result,
            Some(panic) => resume_unwind(panic),
        }
    }

    /// Resumes the panic of a callback, unless the thread is panicking already. It is for functions that return no result, such as
    /// destructors.
    pub(crate) fn settle_unless_panicking(self) {
        if let (Some(panic), false) = (self.panic, panicking()) {
            resume_unwind(panic);
        }
    }
}

/// Calls the library, resumes the panic of a callback, and otherwise returns the result: [`run`] and [`CallResult::settle`].
#[inline]
pub(crate) fn call(library: impl FnOnce() -> sys::lily_session_status) -> Result<()> {
    run(library).settle()
}

/// Calls a function of the library that returns no status, as [`run`] does.
pub(crate) fn run_void(library: impl FnOnce()) -> CallResult {
    run(|| {
        library();
        sys::LILY_SESSION_OK
    })
}

/// Drops a context that is a `Box<T>`, as the `release` function of a C struct.
///
/// # Safety
/// `context` came from `Box::<T>::into_raw`, and this is its last use.
pub(crate) unsafe extern "C" fn release_box<T>(context: *mut std::os::raw::c_void) {
    // SAFETY: the caller guarantees it.
    guard((), || drop(unsafe { Box::from_raw(context.cast::<T>()) }));
}

/// Returns a C string of the library as text, or `None` if it is NULL or not UTF-8.
///
/// # Safety
/// `string` is NULL or a C string that outlives `'a`.
pub(crate) unsafe fn c_text<'a>(string: *const std::os::raw::c_char) -> Option<&'a str> {
    if string.is_null() {
        return None;
    }
    // SAFETY: the caller guarantees it.
    unsafe { std::ffi::CStr::from_ptr(string) }.to_str().ok()
}

/// Returns bytes of the library as text, or `None` if they are not UTF-8.
///
/// # Safety
/// `bytes` points to `length` bytes that outlive `'a`, or `length` is 0.
pub(crate) unsafe fn text_of<'a>(bytes: *const std::os::raw::c_char, length: usize) -> Option<&'a str> {
    if length == 0 {
        return Some("");
    }
    // SAFETY: the caller guarantees it.
    std::str::from_utf8(unsafe { std::slice::from_raw_parts(bytes.cast(), length) }).ok()
}
