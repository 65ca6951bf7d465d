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

/// The time, as a storage has it.
pub(crate) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// How a storage is opened, as `std::fs::OpenOptions` says of a file.
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
    /// The end of the process, `kill -9` included; and power loss after [`sync`](Storage::sync) or [`flush`](crate::Runtime::flush).
    #[default]
    Process,
    /// Power loss; or the call fails with [`Status::NotDurable`](crate::Status::NotDurable).
    Power,
}

/// How many bytes of keys and values a storage takes, those of its scopes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Quota {
    /// 5 MiB.
    #[default]
    Default,
    /// This many, at least one.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

impl StorageOptions {
    /// Those that a storage has unless it is told others.
    pub fn new() -> Self {
        StorageOptions::default()
    }

    /// What a change survives; [`Durability::Process`] by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Never writes, nor creates: a missing file is [`Status::NotFound`](crate::Status::NotFound).
    pub fn read_only(self, yes: bool) -> Self {
        self.flag(sys::LILY_SESSION_READ_ONLY, yes)
    }

    /// A damaged file is [`Status::Corrupt`](crate::Status::Corrupt), instead of being read around the damage,
    /// and a directory in which others could exchange the file is [`Status::Refused`](crate::Status::Refused).
    pub fn strict(self, yes: bool) -> Self {
        self.flag(sys::LILY_SESSION_STRICT, yes)
    }

    /// Names the default place: 1 to 64 letters, digits, `.`, `_` and `-`, not beginning with a dot. By default the executable's
    /// name.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// The limit of what is stored.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self
    }

    /// The time instead of the system's, for tests. It runs on the threads that use the storage.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Opens the journal at `path`, creating it where it is missing; its folder must exist.
    ///
    /// Any number of handles and processes may have one file open.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Storage> {
        let path = c_string("the path", path.as_ref().as_os_str().as_bytes())?;
        self.opened(|options, out| {
            // SAFETY: all are for the call.
            unsafe { sys::lily_session_storage_open(path.as_ptr(), options, out) }
        })
    }

    /// Opens the journal of the [application](StorageOptions::application) at its default place, creating it and its folders where they
    /// are missing: `$LILY_SESSION_DIR/<application>/session.jsonl`, else under `$XDG_STATE_HOME`, else under `~/.local/state`.
    pub fn open_default(self) -> Result<Storage> {
        self.opened(|options, out| {
            // SAFETY: both are for the call; NULL is the default place.
            unsafe { sys::lily_session_storage_open(ptr::null(), options, out) }
        })
    }

    /// A storage in memory, which ends with its last handle. Of the options the clock and the quota count; the others must be unset.
    pub fn in_memory(self) -> Result<Storage> {
        self.opened(|options, out| {
            // SAFETY: both are for the call.
            unsafe { sys::lily_session_storage_open_memory(options, out) }
        })
    }

    /// A storage in a store of the program's. Of the options the clock counts; the others must be unset.
    pub fn backend(self, store: impl Backend) -> Result<Storage> {
        self.opened(|options, out| backend::open(store, options, out))
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
        // Boxed once more, for a thin pointer.
        let clock = self.clock.map(Box::new);
        let options = sys::lily_session_storage_options {
            durability: match self.durability {
                Durability::Process => sys::LILY_SESSION_DURABILITY_PROCESS,
                Durability::Power => sys::LILY_SESSION_DURABILITY_POWER,
            },
            flags: self.flags,
            application: application.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
            quota_bytes: match self.quota {
                Quota::Default => 0,
                // The library refuses what is out of range; 0 would be the default to it.
                Quota::Bytes(bytes) => i64::try_from(bytes).ok().filter(|&bytes| bytes != 0).unwrap_or(i64::MIN),
                Quota::Unlimited => -1,
            },
            clock: clock.as_ref().map(|_| now as _),
            context: clock
                .as_deref()
                .map_or(ptr::null_mut(), |clock| clock as *const Clock as *mut c_void),
            ..Default::default()
        };
        let mut storage = ptr::null_mut();
        let answer = border::run(|| open(&options, &mut storage));
        let handle = Handle::new(storage, clock, None);
        answer.settle()?;
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

unsafe extern "C" fn now(context: *mut c_void) -> i64 {
    border::guard(0, || {
        // SAFETY: the `Clock` of `opened`, which the storage's handle keeps.
        let clock = unsafe { &*context.cast::<Clock>() };
        time::since_1970(clock())
    })
}
