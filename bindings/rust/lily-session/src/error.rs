use crate::{sys, Status};
use std::ffi::{CStr, CString};
use std::{fmt, io};

/// Any error, as closures of the program's may return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure: its [`Status`], and a sentence that has keys in it but never values.
///
/// Where a closure of the program's returned the error behind it, [`source`](std::error::Error::source) has that error.
#[derive(Debug)]
pub struct Error {
    status: Status,
    message: Box<str>,
    source: Option<BoxError>,
}

impl Error {
    /// A failure of the program's own, for a [`Backend`](crate::Backend).
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error { status, message: message.into().into(), source: None }
    }

    /// The failure that the library answered last on this thread.
    pub(crate) fn last(code: i32, source: Option<BoxError>) -> Self {
        // SAFETY: the text lives until this thread's next call, and is copied here.
        let message = unsafe { CStr::from_ptr(sys::lily_session_last_error()) };
        Error { status: Status::from_code(code), message: message.to_string_lossy().into(), source }
    }

    /// What went wrong, as a program tells failures apart.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What went wrong, for a person.
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

/// C's form of a name, which cannot have a NUL in it.
pub(crate) fn c_string(what: &str, text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(Status::InvalidArgument, format!("{what} has a NUL in it")))
}

/// What a closure may return: nothing, or a `Result` whose error refuses what it was called for.
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
