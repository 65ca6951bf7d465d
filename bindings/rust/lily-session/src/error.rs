use crate::{sys, Status};
use std::ffi::{CStr, CString};
use std::{fmt, io};

/// Any error that a closure of the program may return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of the functions of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, with a [`Status`] and a sentence that may name keys but never values.
///
/// If a closure of the program returned the error behind it, [`source`](std::error::Error::source) returns that error.
#[derive(Debug)]
pub struct Error {
    status: Status,
    message: Box<str>,
    source: Option<BoxError>,
}

impl Error {
    /// Makes a failure of the program's own, for a [`Backend`](crate::Backend).
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error { status, message: message.into().into(), source: None }
    }

    /// Returns the failure that the library returned last on this thread.
    pub(crate) fn last(code: i32, source: Option<BoxError>) -> Self {
        // SAFETY: the text is valid until this thread's next call, and is copied before that.
        let message = unsafe { CStr::from_ptr(sys::lily_session_last_error()) };
        Error { status: Status::from_code(code), message: message.to_string_lossy().into(), source }
    }

    /// Returns the status, by which a program tells failures apart.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns what went wrong, as a sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Error::new(status, status.name())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error { status: Status::Io, message: error.to_string().into(), source: Some(error.into()) }
    }
}

/// Returns a text as a C string. Fails if it contains a NUL.
pub(crate) fn c_string(what: &str, text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(Status::InvalidArgument, format!("{what} contains a NUL character")))
}

/// The types that a closure may return: `()`, or a `Result` whose error refuses the message or the value.
pub trait Outcome: sealed::Sealed {
    #[doc(hidden)]
    fn outcome(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}
