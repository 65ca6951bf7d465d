use crate::sys;
use std::ffi::CStr;
use std::fmt;

macro_rules! statuses {
    ($($(#[$about:meta])* $name:ident = $code:ident,)*) => {
        /// The kinds of failures, by which a program tells them apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[$about])* $name,)*
            /// A failure that this version of the crate does not know.
            Other(i32),
        }

        impl Status {
            /// Returns the number of the status in the C interface, which is negative.
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
    /// A value is out of range, a key is empty or too long, a name contains a NUL, or a session belongs to another runtime.
    InvalidArgument = LILY_SESSION_ERROR_INVALID_ARGUMENT,
    /// Another field is stored under this key already.
    DuplicateKey = LILY_SESSION_ERROR_DUPLICATE_KEY,
    /// There is no such key or file.
    NotFound = LILY_SESSION_ERROR_NOT_FOUND,
    /// The call was made from inside a callback of the same runtime.
    Reentrant = LILY_SESSION_ERROR_REENTRANT,
    /// The object does not support the call.
    Unsupported = LILY_SESSION_ERROR_UNSUPPORTED,
    /// The parent process opened the storage.
    Forked = LILY_SESSION_ERROR_FORKED,
    /// The text is not JSON, or its type is not accepted.
    Decode = LILY_SESSION_ERROR_DECODE,
    /// A field's value cannot be stored, because it is NaN, not JSON, or too big.
    Encode = LILY_SESSION_ERROR_ENCODE,
    /// A closure of the program failed.
    Callback = LILY_SESSION_ERROR_CALLBACK,
    /// The update closure refused the message.
    Update = LILY_SESSION_ERROR_UPDATE,
    /// A newer version of the program or of the library wrote it.
    Newer = LILY_SESSION_ERROR_NEWER,
    /// The system refused.
    Io = LILY_SESSION_ERROR_IO,
    /// The disk, its quota or the file size limit is full.
    NoSpace = LILY_SESSION_ERROR_NO_SPACE,
    /// The change is stored, and visible to all, but may not survive power loss.
    NotDurable = LILY_SESSION_ERROR_NOT_DURABLE,
    /// The file, its directory or a read-only storage does not allow it.
    Permission = LILY_SESSION_ERROR_PERMISSION,
    /// The file is not one of this library: it has another format, owner or kind. Or it was opened as strict, and other users could
    /// exchange it.
    Refused = LILY_SESSION_ERROR_REFUSED,
    /// The storage was opened as strict, and the file is damaged.
    Corrupt = LILY_SESSION_ERROR_CORRUPT,
    /// The change would exceed a size limit.
    Quota = LILY_SESSION_ERROR_QUOTA,
    /// Another process held the store's lock for five seconds.
    Busy = LILY_SESSION_ERROR_BUSY,
}

impl Status {
    pub(crate) fn is_about_the_file(self) -> bool {
        matches!(
            self,
            Status::NotFound
                | Status::Newer
                | Status::Io
                | Status::NoSpace
                | Status::NotDurable
                | Status::Permission
                | Status::Refused
                | Status::Corrupt
                | Status::Quota
                | Status::Busy
        )
    }

    /// Returns the name of the status in the C interface, such as `LILY_SESSION_ERROR_QUOTA`.
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
