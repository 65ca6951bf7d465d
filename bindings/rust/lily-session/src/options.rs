use crate::backend::{self, Backend};
use crate::error::c_string;
use crate::storage::Handle;
use crate::{border, sys, time, Result, Storage};
use std::fmt;
use std::os::raw::c_void;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::time::SystemTime;

/// A closure that returns the time for a storage.
pub(crate) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Options with which a storage is opened, like `std::fs::OpenOptions` for files.
///
/// ```no_run
/// # use lily_session::{Durability, Storage};
/// let storage = Storage::options().application("shop").durability(Durability::Power).open_default()?;
/// # Ok::<(), lily_session::Error>(())
/// ```
#[derive(Default)]
#[must_use = "options do nothing before a storage is opened with them"]
pub struct StorageOptions {
    durability: Durability,
    flags: i32,
    application: Option<String>,
    quota: Quota,
    clock: Option<Clock>,
}

/// What a change survives when the call that stored it has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// A change survives the end of the process, even `kill -9`. It survives power loss after [`sync`](Storage::sync) or
    /// [`flush`](crate::Runtime::flush).
    #[default]
    Process,
    /// A change survives power loss. If it may not, the call fails with [`Status::NotDurable`](crate::Status::NotDurable).
    Power,
}

impl Durability {
    pub(crate) fn code(self) -> i32 {
        match self {
            Durability::Process => sys::LILY_SESSION_DURABILITY_PROCESS,
            Durability::Power => sys::LILY_SESSION_DURABILITY_POWER,
        }
    }
}

/// The limit for the bytes of keys and values in a storage, including those of its scopes unless they are files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Quota {
    /// The limit is 5 MiB.
    #[default]
    Default,
    /// The limit is this number of bytes, which is at least one.
    Bytes(u64),
    /// There is no limit.
    Unlimited,
}

impl StorageOptions {
    /// Returns the default options.
    pub fn new() -> Self {
        StorageOptions::default()
    }

    /// Sets what a change survives; the default is [`Durability::Process`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// With `true`, the storage never writes to the file and does not create it. Opening a missing file fails with
    /// [`Status::NotFound`](crate::Status::NotFound).
    pub fn read_only(self, yes: bool) -> Self {
        self.flag(sys::LILY_SESSION_READ_ONLY, yes)
    }

    /// With `true`, opening a damaged file fails with [`Status::Corrupt`](crate::Status::Corrupt), instead of reading around the damage,
    /// and opening a file that other users could exchange fails with [`Status::Refused`](crate::Status::Refused).
    pub fn strict(self, yes: bool) -> Self {
        self.flag(sys::LILY_SESSION_STRICT, yes)
    }

    /// With `true`, only this storage can write to the file, until its last handle and its sessions are gone, so that an update is one
    /// system call. Opening fails at once with [`Status::Busy`](crate::Status::Busy) while another storage is exclusive.
    pub fn exclusive(self, yes: bool) -> Self {
        self.flag(sys::LILY_SESSION_EXCLUSIVE, yes)
    }

    /// With `true`, each scope is a file of its own, so that what is done with one costs about the same however many there are, and the
    /// quota is the limit for each. All programs that use the file must open it so.
    pub fn scope_files(self, yes: bool) -> Self {
        self.flag(sys::LILY_SESSION_SCOPE_FILES, yes)
    }

    /// With `true`, closing and detaching do not sync, for servers that open a scope for each request. [`sync`](Storage::sync) and
    /// [`flush`](crate::Runtime::flush) still do.
    pub fn no_sync(self, yes: bool) -> Self {
        self.flag(sys::LILY_SESSION_NO_SYNC, yes)
    }

    /// Sets the program's name, which names the default place. It has 1 to 64 letters, digits, `.`, `_` and `-`, and does not begin with
    /// a dot. The default is the executable's name.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// Sets the limit for what is stored.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self
    }

    /// Sets a closure that returns the time instead of the system's clock, for tests. It runs on the threads that use the storage. If it
    /// panics, the system's clock stands in for it.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Opens the file at `path`, and creates it if it is missing. Its folder must exist.
    ///
    /// Any number of handles and processes may have one file open.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Storage> {
        let file = path.as_ref();
        let path = c_string("the path", file.as_os_str().as_bytes())?;
        let opened = self.opened(|options, out| {
            // SAFETY: all arguments are valid during the call.
            unsafe { sys::lily_session_storage_open(path.as_ptr(), options, out) }
        });
        opened.map_err(|error| error.about(Some(file)))
    }

    /// Opens the file of the [application](StorageOptions::application) in the default place, and creates it and its folders if they are
    /// missing. The path is `<application>/session.jsonl` in the first of `$LILY_SESSION_DIR`, `$XDG_STATE_HOME` and `~/.local/state` that
    /// is set.
    pub fn open_default(self) -> Result<Storage> {
        self.opened(|options, out| {
            // SAFETY: both arguments are valid during the call, and NULL means the default place.
            unsafe { sys::lily_session_storage_open(ptr::null(), options, out) }
        })
    }

    /// Opens a storage in memory, which ends with its last handle. Only the clock and the quota may be set.
    pub fn in_memory(self) -> Result<Storage> {
        self.opened(|options, out| {
            // SAFETY: both arguments are valid during the call.
            unsafe { sys::lily_session_storage_open_memory(options, out) }
        })
    }

    /// Opens a storage that keeps its entries in a store of the program's own. Only the clock may be set.
    pub fn backend(self, store: impl Backend) -> Result<Storage> {
        self.opened(|options, out| backend::open_storage(store, options, out))
    }

    fn flag(mut self, flag: i32, yes: bool) -> Self {
        self.flags = if yes { self.flags | flag } else { self.flags & !flag };
        self
    }

    fn opened(
        self,
        open: impl FnOnce(
            *const sys::lily_session_storage_options,
            *mut *mut sys::lily_session_storage,
        ) -> sys::lily_session_status,
    ) -> Result<Storage> {
        let application = self
            .application
            .map(|name| c_string("the application's name", name))
            .transpose()?;
        // The clock is boxed once more, because a C context is a thin pointer.
        let clock = self.clock.map(Box::new);
        let options = sys::lily_session_storage_options {
            durability: self.durability.code(),
            flags: self.flags,
            application: application.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
            quota_bytes: match self.quota {
                Quota::Default => 0,
                // A number out of range becomes one that the library refuses. So does 0, which would mean the default.
                Quota::Bytes(bytes) => i64::try_from(bytes).ok().filter(|&bytes| bytes != 0).unwrap_or(i64::MIN),
                Quota::Unlimited => -1,
            },
            clock: clock.as_ref().map(|_| call_clock as _),
            context: clock
                .as_deref()
                .map_or(ptr::null_mut(), |clock| clock as *const Clock as *mut c_void),
            ..Default::default()
        };
        let mut storage = ptr::null_mut();
        let opened = border::run(|| open(&options, &mut storage));
        let handle = Handle::new(storage, self.flags & sys::LILY_SESSION_NO_SYNC != 0, clock, None);
        opened.settle()?;
        Storage::of(handle)
    }
}

impl fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageOptions")
            .field("durability", &self.durability)
            .field("flags", &self.flags)
            .field("application", &self.application)
            .field("quota", &self.quota)
            .finish_non_exhaustive()
    }
}

pub(crate) unsafe extern "C" fn call_clock(context: *mut c_void) -> i64 {
    let told = border::guard(None, || {
        // SAFETY: the context is the `Clock` of a storage, which the storage's handle keeps.
        let clock = unsafe { &*context.cast::<Clock>() };
        Some(clock())
    });
    // If the clock panics, the system's stands in for it: an expiry that is counted from another time could lose what is stored.
    time::since_1970(told.unwrap_or_else(SystemTime::now))
}
