use crate::sys;
use std::ffi::CStr;
use std::fmt;

macro_rules! statuses {
    ($($(#[$about:meta])* $name:ident = $code:ident,)*) => {
        /// What went wrong, as a program tells failures apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[$about])* $name,)*
            /// A failure that this version of the crate has no name for.
            Other(i32),
        }

        impl Status {
            /// The number that the C interface has for it; negative.
            pub fn code(self) -> i32 {
                match self {
                    $(Status::$name => sys::$code,)*
                    Status::Other(code) => code,
                }
            }

            pub(crate) fn from_code(code: i32) -> Self {
                match code {
                    $(sys::$code => Status::$name,)*
                    _ => Status::Other(code),
                }
            }
        }
    };
}

statuses! {
    /// A value out of range, an empty or overlong key, a NUL in a name, a session of another runtime.
    InvalidArgument = LILY_SESSION_ERROR_INVALID_ARGUMENT,
    /// Another field is stored under this key already.
    DuplicateKey = LILY_SESSION_ERROR_DUPLICATE_KEY,
    /// No such key, or no such file.
    NotFound = LILY_SESSION_ERROR_NOT_FOUND,
    /// Called from inside a callback of the same runtime.
    Reentrant = LILY_SESSION_ERROR_REENTRANT,
    /// This object cannot do that.
    Unsupported = LILY_SESSION_ERROR_UNSUPPORTED,
    /// The storage was opened by the parent process.
    Forked = LILY_SESSION_ERROR_FORKED,
    /// The text is not JSON, or not of an accepted type.
    Decode = LILY_SESSION_ERROR_DECODE,
    /// A field's value cannot be stored: NaN, not JSON, too big.
    Encode = LILY_SESSION_ERROR_ENCODE,
    /// A closure of the program's failed.
    Callback = LILY_SESSION_ERROR_CALLBACK,
    /// The update closure refused the message.
    Update = LILY_SESSION_ERROR_UPDATE,
    /// Written by a newer version of the program or of the library.
    Newer = LILY_SESSION_ERROR_NEWER,
    /// The system refused.
    Io = LILY_SESSION_ERROR_IO,
    /// The disk, its quota or the file size limit is full.
    NoSpace = LILY_SESSION_ERROR_NO_SPACE,
    /// Stored and visible to all, but it may not survive power loss.
    NotDurable = LILY_SESSION_ERROR_NOT_DURABLE,
    /// The file, its directory or a read-only storage does not allow it.
    Permission = LILY_SESSION_ERROR_PERMISSION,
    /// Not a file of this library's: another format, owner or kind. Of a strict opening, a directory that is open to others.
    Refused = LILY_SESSION_ERROR_REFUSED,
    /// The storage was opened as strict, and the file is damaged.
    Corrupt = LILY_SESSION_ERROR_CORRUPT,
    /// Over a size limit.
    Quota = LILY_SESSION_ERROR_QUOTA,
    /// Another process held the store's lock for five seconds.
    Busy = LILY_SESSION_ERROR_BUSY,
}

impl Status {
    /// The C interface's name for it, such as `LILY_SESSION_ERROR_QUOTA`.
    pub fn name(self) -> &'static str {
        // SAFETY: the library's names are static strings.
        let name = unsafe { CStr::from_ptr(sys::lily_session_status_name(self.code())) };
        name.to_str().unwrap_or_default()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
