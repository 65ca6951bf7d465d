use crate::{sys, Status};
use std::ffi::{CStr, CString};
use std::path::Path;
use std::{fmt, io};

/// Any error that a closure of the program may return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of the functions of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, with a [`Status`] and a sentence that may name keys and paths but never values.
///
/// [`source`](std::error::Error::source) returns what is behind it: the error that a closure of the program returned, or else the
/// system's error. It can be converted to an [`io::Error`].
#[derive(Debug)]
pub struct Error {
    status: Status,
    message: Box<str>,
    system_error: Option<i32>,
    path: Option<Box<Path>>,
    source: Option<BoxError>,
}

impl Error {
    /// Makes a failure of the program's own, for a [`Backend`](crate::Backend).
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error { status, message: message.into().into(), system_error: None, path: None, source: None }
    }

    /// Returns the failure that the library returned last on this thread.
    pub(crate) fn last(code: i32, source: Option<BoxError>) -> Self {
        // SAFETY: the text is valid until this thread's next call, and is copied before that.
        let message = unsafe { CStr::from_ptr(sys::lily_session_last_error()) }
            .to_string_lossy()
            .into();
        // SAFETY: the function has no arguments.
        let system_error = Some(unsafe { sys::lily_session_last_system_error() }).filter(|&number| number != 0);
        let source = source.or_else(|| system_error.map(|number| io::Error::from_raw_os_error(number).into()));
        Error { status: Status::from_code(code), message, system_error, path: None, source }
    }

    /// Adds the path of the file of the storage that was used, if the file is what failed.
    pub(crate) fn about(mut self, file: Option<&Path>) -> Self {
        if self.status.is_about_the_file() && self.path.is_none() {
            self.path = file.map(Into::into);
        }
        self
    }

    /// Returns the status, by which a program tells failures apart.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns what went wrong, as a sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the file that failed, if the failure is one of a file, and its path is known.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the system's error number, if the system refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.system_error
    }

    /// Returns the kind that an [`io::Error`] of this failure has.
    pub fn io_kind(&self) -> io::ErrorKind {
        let of_the_system = self.system_error.map(|number| io::Error::from_raw_os_error(number).kind());
        match self.status {
            Status::InvalidArgument | Status::Encode => io::ErrorKind::InvalidInput,
            Status::DuplicateKey => io::ErrorKind::AlreadyExists,
            Status::NotFound => io::ErrorKind::NotFound,
            Status::Permission | Status::Refused => io::ErrorKind::PermissionDenied,
            Status::Decode | Status::Corrupt | Status::Newer => io::ErrorKind::InvalidData,
            Status::Unsupported => io::ErrorKind::Unsupported,
            Status::Busy => io::ErrorKind::WouldBlock,
            _ => of_the_system.unwrap_or(io::ErrorKind::Other),
        }
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

/// For a [`Backend`](crate::Backend) that keeps its entries in files.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let status = match error.kind() {
            io::ErrorKind::PermissionDenied => Status::Permission,
            _ => Status::Io,
        };
        Error {
            status,
            message: error.to_string().into(),
            system_error: error.raw_os_error(),
            path: None,
            source: Some(error.into()),
        }
    }
}

/// The error keeps this one, which [`get_ref`](io::Error::get_ref) returns.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::new(error.io_kind(), error)
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
